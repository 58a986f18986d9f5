#include "deflate_recode.h"

enum { SHORTEST_MATCH = 3, LONGEST_MATCH = 258 };
enum { ZERO_RUN = 32 }; /* byte: encoders code fewer zeros as literals where these are short */

/* The header of the open block, if it is a dynamic one. */
typedef struct {
    uint8_t lengths[DEFLATE_LITERALS + DEFLATE_DISTANCES], order[19];
    uint32_t literals, distances, codes; /* HLIT + 257, HDIST + 1, HCLEN + 4 (3.2.7) */
    uint32_t packed;
    uint16_t operations[DEFLATE_LITERALS + DEFLATE_DISTANCES];
    uint64_t bits; /* of the whole block */
} dynamic_code;

static uint32_t length_number(uint32_t length) { /* 0 to 28 */
    if (length == LONGEST_MATCH) return 28;
    uint32_t value = length - SHORTEST_MATCH, top = 31 - (uint32_t)__builtin_clz(value | 4);
    return value < 8 ? value : 4 * (top - 1) + (value >> (top - 2) & 3);
}

/* --- Blocks ---------------------------------------------------------------------------------------------------- */

static uint64_t bits_of_symbols(const uint32_t *occurrences, const uint8_t *lengths) {
    uint64_t bits = 0;
    for (uint32_t i = 0; i < DEFLATE_LITERALS + DEFLATE_DISTANCES; i++) {
        uint32_t extra = 0;
        if (i > 256 && i < 286) extra = DEFLATE_LENGTH_EXTRA[i - 257];
        if (i >= DEFLATE_LITERALS) extra = deflate_distance_extra(i - DEFLATE_LITERALS);
        bits += (uint64_t)occurrences[i] * (lengths[i] + extra);
    }
    return bits;
}

static void make_dynamic(const recoder *r, dynamic_code *d) {
    memset(d, 0, sizeof *d);
    deflate_huffman_lengths(r->occurrences, 286, LONGEST_CODE, d->lengths);
    deflate_huffman_lengths(r->occurrences + DEFLATE_LITERALS, 30, LONGEST_CODE, d->lengths + DEFLATE_LITERALS);
    for (d->literals = 286; !d->lengths[d->literals - 1];) d->literals--; /* the end of the block has a code */
    for (d->distances = 30; !d->lengths[DEFLATE_LITERALS + d->distances - 1];) d->distances--;
    d->packed = deflate_pack_lengths(d->lengths, d->literals, d->operations);
    d->packed += deflate_pack_lengths(d->lengths + DEFLATE_LITERALS, d->distances, d->operations + d->packed);
    d->bits = 17 + deflate_code_operations(d->operations, d->packed, d->order, &d->codes);
    d->bits += bits_of_symbols(r->occurrences, d->lengths);
}

static void put_header(writer *out, const dynamic_code *d) {
    uint16_t codes[19];
    put_lsb(out, d->literals - 257, 5);
    put_lsb(out, d->distances - 1, 5);
    put_lsb(out, d->codes - 4, 4);
    for (uint32_t i = 0; i < d->codes; i++) put_lsb(out, d->order[DEFLATE_LENGTHS_ORDER[i]], 3);
    deflate_huffman_codes(d->order, 19, codes);
    for (uint32_t i = 0; i < d->packed; i++) {
        uint32_t symbol = d->operations[i] & 31;
        put_lsb(out, codes[symbol], d->order[symbol]);
        if (symbol > 15) put_lsb(out, d->operations[i] >> 5, symbol == 16 ? 2 : symbol == 17 ? 3 : 7);
    }
}

/* A code and its extra bits in one: the code's bits in the low half, their number in the high half. */
static void make_codes(const uint8_t *lengths, uint32_t count, uint32_t *codes) {
    uint16_t bits[DEFLATE_LITERALS] = {0};
    deflate_huffman_codes(lengths, count, bits);
    for (uint32_t i = 0; i < count; i++) codes[i] = (uint32_t)lengths[i] << 16 | bits[i];
}

static inline void put_code(writer *out, uint32_t code, uint32_t value, uint32_t extra) {
    uint32_t length = code >> 16;
    put_lsb(out, (code & 0xFFFF) | value << length, length + extra);
}

static void put_literals(writer *to, const uint32_t *codes, const uint8_t *bytes, size_t count) {
    writer out = *to; /* a copy that bytes written cannot alias */
    for (; count >= 2; count -= 2, bytes += 2) {
        uint32_t first = codes[bytes[0]], second = codes[bytes[1]];
        put_code(&out, first, second & 0xFFFF, second >> 16);
    }
    if (count) put_code(&out, codes[*bytes], 0, 0);
    *to = out;
}

static void put_symbols(recoder *r, const uint8_t *lengths) {
    uint32_t literals[DEFLATE_LITERALS], distances[DEFLATE_DISTANCES];
    const uint8_t *bytes = r->literals;
    writer out = r->out;
    make_codes(lengths, DEFLATE_LITERALS, literals);
    make_codes(lengths + DEFLATE_LITERALS, DEFLATE_DISTANCES, distances);
    for (const uint32_t *packed = r->packed, *end = packed + r->packed_count; packed < end; packed++) {
        uint32_t count = *packed >> 23, length = (*packed >> 15 & 0xFF) + SHORTEST_MATCH;
        uint32_t distance = (*packed & 0x7FFF) + 1, number = length_number(length);
        bool is_match = count < DEFLATE_NO_MATCH;
        if (!is_match) count = *packed & (DEFLATE_BLOCK_END - 1);
        put_literals(&out, literals, bytes, count);
        bytes += count;
        if (!is_match) continue;
        put_code(&out, literals[257 + number], length - DEFLATE_LENGTH_BASE[number], DEFLATE_LENGTH_EXTRA[number]);
        number = deflate_distance_number(distance);
        put_code(&out, distances[number], distance - DEFLATE_DISTANCE_BASE[number], deflate_distance_extra(number));
    }
    put_literals(&out, literals, bytes, r->unpacked);
    put_code(&out, literals[256], 0, 0);
    r->out = out;
}

static void put_stored(recoder *r, bool last) {
    uint32_t count = r->literal_count;
    put_lsb(&r->out, last, 3);
    flush_lsb(&r->out);
    put_lsb(&r->out, count | (count ^ 0xFFFF) << 16, 32);
    put_bytes(&r->out, r->literals, count);
}

static uint32_t symbols_in_block(const recoder *r) { return r->literal_count + r->match_count; }

static void close_block(recoder *r, bool last) {
    uint8_t fixed[DEFLATE_LITERALS + DEFLATE_DISTANCES];
    dynamic_code dynamic;
    r->occurrences[256] = 1;
    deflate_fixed_lengths(fixed);
    make_dynamic(r, &dynamic);
    uint64_t fixed_bits = 3 + bits_of_symbols(r->occurrences, fixed);
    uint64_t coded_bits = fixed_bits <= dynamic.bits ? fixed_bits : dynamic.bits;
    if (!r->match_count && 40 + 8 * (uint64_t)r->literal_count < coded_bits) {
        put_stored(r, last);
    } else {
        bool is_fixed = coded_bits == fixed_bits;
        put_lsb(&r->out, last | (is_fixed ? 1 : 2) << 1, 3);
        if (!is_fixed) put_header(&r->out, &dynamic);
        put_symbols(r, is_fixed ? fixed : dynamic.lengths);
    }
    memset(r->occurrences, 0, sizeof r->occurrences);
    r->packed_count = r->literal_count = r->match_count = r->unpacked = 0;
}

/* --- Symbols --------------------------------------------------------------------------------------------------- */

static void put_match(recoder *r, uint32_t length, uint32_t distance) {
    if (symbols_in_block(r) == RECODE_BLOCK) close_block(r, false);
    r->occurrences[257 + length_number(length)]++;
    r->occurrences[DEFLATE_LITERALS + deflate_distance_number(distance)]++;
    if (r->unpacked >= DEFLATE_NO_MATCH) {
        r->packed[r->packed_count++] = (uint32_t)DEFLATE_NO_MATCH << 23 | r->unpacked;
        r->unpacked = 0;
    }
    r->packed[r->packed_count++] = r->unpacked << 23 | (length - SHORTEST_MATCH) << 15 | (distance - 1);
    r->unpacked = 0;
    r->match_count++;
    r->at += length;
}

/* Bytes, at most `most`, from `at` on that are the same `distance` bytes before. */
static size_t common_length(const recoder *r, size_t distance, size_t most) {
    const uint8_t *here = r->fresh + r->at, *before = here - distance;
    size_t n = 0, known = r->available - r->at, wide = known < 8 ? 0 : known - 7;
    for (; n < most && n < wide; n += 8) {
        uint64_t differing = load_le64(here + n) ^ load_le64(before + n);
        if (differing) {
            n += (size_t)__builtin_ctzll(differing) / 8;
            return n < most ? n : most;
        }
    }
    if (n > most) return most;
    while (n < most && here[n] == before[n]) n++;
    return n;
}

static uint32_t long_zero_run(const recoder *r) {
    size_t left = r->available - r->at;
    if (left < ZERO_RUN || load_le64(r->fresh + r->at)) return 0;
    size_t run = common_length(r, 1, left < LONGEST_MATCH ? left : LONGEST_MATCH);
    return run < ZERO_RUN ? 0 : (uint32_t)run;
}

/* Length of a long run of zeros behind a zero, else 0. */
static inline uint32_t zero_run(const recoder *r) {
    return r->fresh[r->at] || !r->at || r->fresh[r->at - 1] ? 0 : long_zero_run(r);
}

/* Code bytes up to `stop` as literals, but long runs of zeros as matches. */
static void put_literals_until(recoder *r, size_t stop) {
    const uint8_t *fresh = r->fresh;
    while (r->at < stop) {
        if (symbols_in_block(r) == RECODE_BLOCK) close_block(r, false);
        size_t at = r->at, room = RECODE_BLOCK - symbols_in_block(r), end = stop - at < room ? stop : at + room;
        uint32_t zeros = zero_run(r);
        if (zeros) {
            put_match(r, zeros, 1);
            continue;
        }
        uint8_t *literal = r->literals + r->literal_count, last;
        do {
            last = *literal++ = fresh[at++];
            r->occurrences[last]++;
        } while (at < end && (fresh[at] | last));
        r->literal_count += (uint32_t)(at - r->at);
        r->unpacked += (uint32_t)(at - r->at);
        r->at = at;
    }
}

/* Code bytes up to `stop`, for which the old stream has a match of this distance. */
static void put_matches_until(recoder *r, size_t stop, uint32_t distance) {
    while (r->at < stop) {
        size_t left = stop - r->at, same = 0;
        if (distance <= r->at && left >= SHORTEST_MATCH) same = common_length(r, distance, left);
        uint32_t zeros = same < left ? zero_run(r) : 0;
        if (same >= SHORTEST_MATCH && same >= zeros) {
            put_match(r, (uint32_t)same, distance);
        } else if (zeros) {
            put_match(r, zeros, 1);
        } else {
            put_literals_until(r, r->at + 1);
        }
    }
}

/* --- Streams --------------------------------------------------------------------------------------------------- */

void recoder_open(recoder *r, uint32_t *work, uint8_t *out, size_t capacity) {
    *r = (recoder){.packed = work, .literals = (uint8_t *)(work + RECODE_BLOCK), .out = writer_open(out, capacity)};
    put_byte(&r->out, 0x78); /* RFC 1950, 2.2: a window of 32 KiB, zlib's default level */
    put_byte(&r->out, 0x9C);
}

/* Whether the open block ends where the old one does; short ones are counted. */
static bool is_long_enough(recoder *r) {
    uint32_t count = symbols_in_block(r);
    if (count >= DEFLATE_SHORT_BLOCK) return true;
    return count >= RECODE_SHORT_BLOCK && r->short_blocks++ < RECODE_SHORT_BLOCKS;
}

size_t recoder_follow(recoder *r, const uint32_t *symbols, size_t count, size_t limit) {
    size_t done = 0;
    for (; done < count && r->followed < limit; done++) {
        uint32_t symbol = symbols[done], literals = symbol >> 23;
        bool is_match = literals < DEFLATE_NO_MATCH;
        if (!is_match) literals = symbol & (DEFLATE_BLOCK_END - 1);
        size_t left = literals - r->passed;
        if (left > limit - r->followed || (left == limit - r->followed && is_match)) {
            r->passed += (uint32_t)(limit - r->followed);
            r->followed = limit;
            put_literals_until(r, limit);
            break;
        }
        r->followed += left;
        r->passed = 0;
        if (left) put_literals_until(r, r->followed);
        if (is_match) {
            r->followed += (symbol >> 15 & 0xFF) + SHORTEST_MATCH;
            size_t stop = r->followed < r->available ? r->followed : r->available;
            put_matches_until(r, stop, (symbol & 0x7FFF) + 1);
        } else if (symbol & DEFLATE_BLOCK_END && r->at < r->available && is_long_enough(r)) {
            close_block(r, false);
        }
    }
    return done;
}

rmexif_status recoder_close(recoder *r, uint32_t adler, size_t *written) {
    put_literals_until(r, r->available);
    close_block(r, true);
    flush_lsb(&r->out);
    for (uint32_t shift = 32; shift; shift -= 8) put_byte(&r->out, (uint8_t)(adler >> (shift - 8)));
    *written = writer_size(&r->out);
    return r->out.full ? RMEXIF_OUTPUT_FULL : RMEXIF_OK;
}

rmexif_status rmexif_deflate_recode(const uint32_t *symbols, size_t count, const uint8_t *fresh, size_t length,
                                    uint32_t *work, uint8_t *out, size_t capacity, size_t *written) {
    recoder r;
    recoder_open(&r, work, out, capacity);
    r.fresh = fresh;
    r.available = length;
    recoder_follow(&r, symbols, count, length);
    return recoder_close(&r, deflate_adler32(1, fresh, length), written);
}
