#include "deflate.h"

enum { PIECE = 1 << 17 }; /* byte: output is summed while it is in the cache */

/* --- Blocks ---------------------------------------------------------------------------------------------------- */

/* Skip to the next whole byte; the bits in between have to be zero. */
static void skip_padding(inflater *s) {
    uint32_t count = s->in.held & 7;
    s->report->padding += lsb_peek(&s->in, count) != 0;
    lsb_skip(&s->in, count);
}

/* Give back the whole bytes that were read ahead. */
static void give_back(inflater *s) {
    s->in.next -= (s->in.held - s->in.padding) >> 3;
    s->in.bits = s->in.held = 0;
    s->in.padding = 0;
}

static rmexif_status open_stored(inflater *s) { /* 3.2.4 */
    skip_padding(s);
    uint32_t length = lsb_take(&s->in, 16), complement = lsb_take(&s->in, 16);
    if (lsb_overrun(&s->in)) return RMEXIF_ENDS_EARLY;
    if ((length ^ complement) != 0xFFFF) return RMEXIF_BAD_VALUE;
    give_back(s);
    s->rest = length;
    s->report->stored++;
    return RMEXIF_OK;
}

static void open_fixed(inflater *s) { /* 3.2.6 */
    s->report->fixed++;
    if (s->has_fixed_tables) return;
    s->has_fixed_tables = true;
    deflate_fixed_lengths(s->lengths);
    deflate_build_literals(s->literals, s->lengths, true);
    deflate_build_distances(s->distances, s->lengths + DEFLATE_LITERALS);
}

/* Read `count` code lengths; the number of operations they took, 0 after an error. */
static uint32_t read_lengths(inflater *s, const uint32_t *table, uint8_t *lengths, uint32_t count) {
    uint32_t operations = 0;
    for (uint32_t at = 0; at < count; operations++) {
        lsb_refill(&s->in);
        uint32_t entry = table[lsb_peek(&s->in, LENGTHS_BITS)], symbol = entry >> 16, value = 0, run = 1;
        if (entry & ENTRY_INVALID) return 0;
        lsb_skip(&s->in, entry & 15);
        if (symbol < 16) {
            value = symbol;
        } else if (symbol == 16) {
            if (!at) return 0;
            value = lengths[at - 1];
            run = 3 + lsb_take(&s->in, 2);
        } else {
            run = symbol == 17 ? 3 + lsb_take(&s->in, 3) : 11 + lsb_take(&s->in, 7);
        }
        if (run > count - at) return 0;
        memset(lengths + at, (int)value, run);
        at += run;
    }
    return operations;
}

static rmexif_status open_dynamic(inflater *s) { /* 3.2.7 */
    uint8_t lengths[DEFLATE_LITERALS + DEFLATE_DISTANCES] = {0}, order[19] = {0};
    uint32_t table[1 << LENGTHS_BITS];
    uint32_t literals = 257 + lsb_take(&s->in, 5), distances = 1 + lsb_take(&s->in, 5), count = 4 + lsb_take(&s->in, 4);
    size_t start = lsb_position(&s->in);
    for (uint32_t i = 0; i < count; i++) order[DEFLATE_LENGTHS_ORDER[i]] = (uint8_t)lsb_take(&s->in, 3);
    if (lsb_overrun(&s->in)) return RMEXIF_ENDS_EARLY;
    if (literals > 286 || distances > 30 || !deflate_build_lengths(table, order)) return RMEXIF_BAD_CODE;
    uint32_t operations = read_lengths(s, table, lengths, literals + distances);
    if (lsb_overrun(&s->in)) return RMEXIF_ENDS_EARLY;
    if (!operations || !lengths[256]) return RMEXIF_BAD_CODE; /* zlib too wants an end of block */
    bool loose = count > 4 && !order[DEFLATE_LENGTHS_ORDER[count - 1]];
    loose |= (literals > 257 && !lengths[literals - 1]) || (distances > 1 && !lengths[literals + distances - 1]);
    uint64_t most = deflate_header_bits(lengths, literals, distances), bits = lsb_position(&s->in) - start;
    s->report->loose_headers += loose || bits > most;
    s->report->loose_bits += bits > most ? bits - most : 0;
    s->has_fixed_tables = false;
    memset(s->lengths, 0, sizeof s->lengths);
    memcpy(s->lengths, lengths, literals);
    memcpy(s->lengths + DEFLATE_LITERALS, lengths + literals, distances);
    if (!deflate_build_literals(s->literals, s->lengths, true) ||
        !deflate_build_distances(s->distances, s->lengths + DEFLATE_LITERALS)) {
        return RMEXIF_BAD_CODE;
    }
    s->report->dynamic++;
    return RMEXIF_OK;
}

/* Count codes that a Huffman code for the symbols of the block does not have: without a symbol, or too long. */
static void audit_codes(inflater *s, uint32_t first, uint32_t count) {
    /* A leaf at depth n of Huffman's tree weighs at most 1 / F(n + 1) of it (Fibonacci), for no uncle is lighter. Codes
     * that were cut to 15 bits differ from the tree by a bit or two. */
    static const uint32_t FIBONACCI[16] = {1, 1, 1, 1, 2, 3, 5, 8, 13, 21, 34, 55, 89, 144, 233, 377};
    uint32_t total = 0, unused = 0, different = 0;
    for (uint32_t i = first; i < first + count; i++) {
        total += s->occurrences[i];
        different += s->occurrences[i] != 0;
        unused += s->lengths[i] && !s->occurrences[i];
    }
    if (different < 2 && different + unused <= 2) return; /* encoders write two codes where one or none is needed */
    if (unused && !deflate_is_levelled_out(s->lengths + first, s->occurrences + first, count)) {
        s->report->unused_codes += unused;
    }
    for (uint32_t i = first; i < first + count; i++) {
        uint64_t least = (uint64_t)s->occurrences[i] * FIBONACCI[s->lengths[i]];
        s->report->long_codes += s->occurrences[i] && least > total;
    }
}

/* `size`: bytes of output up to here. */
static void close_block(inflater *s, uint64_t size) {
    deflate_report *report = s->report;
    report->symbols += s->symbols;
    if (s->kind == DEFLATE_DYNAMIC) {
        s->occurrences[256] = 1;
        audit_codes(s, 0, DEFLATE_LITERALS);
        audit_codes(s, DEFLATE_LITERALS, DEFLATE_DISTANCES);
    }
    if (!s->last) {
        report->empty_stored += s->kind == DEFLATE_STORED && !s->symbols;
        if (s->kind == DEFLATE_STORED && !s->symbols) {
            if (!s->interval) s->interval = size;
            report->uneven_flushes += size - s->flushed != s->interval;
            s->flushed = size;
        }
        report->empty_coded += s->kind != DEFLATE_STORED && !s->symbols;
        report->short_blocks += s->symbols && s->symbols < DEFLATE_SHORT_BLOCK;
        if (!s->first) s->first = s->symbols;
        report->uneven_blocks += s->symbols && s->symbols != s->first;
    }
    s->kind = s->last ? DEFLATE_ENDED : DEFLATE_BETWEEN;
}

static rmexif_status open_block(inflater *s) {
    s->last = lsb_take(&s->in, 1);
    uint32_t kind = lsb_take(&s->in, 2);
    rmexif_status status = RMEXIF_OK;
    if (lsb_overrun(&s->in)) return RMEXIF_ENDS_EARLY;
    if (kind == DEFLATE_STORED) {
        status = open_stored(s);
    } else if (kind == DEFLATE_FIXED) {
        open_fixed(s);
    } else if (kind == DEFLATE_DYNAMIC) {
        status = open_dynamic(s);
    } else {
        return RMEXIF_BAD_CODE;
    }
    s->kind = kind;
    s->symbols = 0;
    memset(s->occurrences, 0, sizeof s->occurrences);
    return status;
}

/* --- Symbols --------------------------------------------------------------------------------------------------- */

static void pack(inflater *s, uint32_t number) {
    if (s->packed_count < s->packed_capacity) s->packed[s->packed_count++] = number;
}

void inflater_pack_literals(inflater *s, size_t at, bool end) {
    size_t left = at > s->unpacked ? at - s->unpacked : 0; /* a match may have been cut off before its end */
    for (; left >= DEFLATE_BLOCK_END; left -= DEFLATE_BLOCK_END - 1) {
        pack(s, (uint32_t)DEFLATE_NO_MATCH << 23 | (DEFLATE_BLOCK_END - 1));
    }
    pack(s, (uint32_t)DEFLATE_NO_MATCH << 23 | (end ? DEFLATE_BLOCK_END : 0) | (uint32_t)left);
    s->unpacked = at;
}

/* Pack a match that starts at output byte `at`. */
static void pack_match(inflater *s, size_t at, uint32_t length, uint32_t distance) {
    if (at - s->unpacked >= DEFLATE_NO_MATCH) inflater_pack_literals(s, at, false);
    pack(s, (uint32_t)(at - s->unpacked) << 23 | (length - 3) << 15 | (distance - 1));
    s->unpacked = at + length;
}

/* Copy a match; up to 8 bytes behind it may be written too. */
static void copy_match(uint8_t *to, uint32_t distance, uint32_t length) {
    static const uint8_t REPEATED[8] = {8, 8, 8, 9, 8, 10, 12, 14}; /* the least multiple of a distance from 8 on */
    const uint8_t *from = to - distance, *end = to + length;
    if (distance < 8) {
        for (uint32_t i = 0; i < 8; i++) to[i] = from[i];
        to += 8;
        from = to - REPEATED[distance];
    }
    for (; to < end; to += 8, from += 8) memcpy(to, from, 8);
}

static void copy_match_exactly(uint8_t *to, uint32_t distance, uint32_t length) {
    for (const uint8_t *from = to - distance; length; length--) *to++ = *from++;
}

/* One or two literals; how many. */
static inline uint32_t emit(uint32_t entry, uint8_t *out, uint32_t *seen) {
    uint32_t pair = entry / ENTRY_PAIR & 1;
    out[0] = (uint8_t)(entry >> 16);
    out[1] = (uint8_t)(entry >> 24);
    seen[entry >> 16 & 0xFF]++;
    seen[entry >> 24] += pair;
    return 1 + pair;
}

/* Symbols while more input and output are at hand than a turn can take. RMEXIF_OK: the block is complete. RMEXIF_LIMIT:
 * too little is left for another turn. */
static rmexif_status run_fast(inflater *s, uint8_t *out, size_t *place, size_t end) {
    lsb_reader in = s->in;
    uint32_t *seen = s->occurrences;
    size_t at = *place, stop = end < DEFLATE_MARGIN ? 0 : end - DEFLATE_MARGIN;
    uint64_t symbols = s->symbols;
    rmexif_status status = RMEXIF_LIMIT;
    while (at < stop && in.end - in.next >= 16) {
        lsb_refill(&in);
        uint32_t entry = take_code(&in, s->literals, LITERAL_BITS);
        for (uint32_t n = 0; n < 3 && entry & ENTRY_LITERAL; n++) { /* three codes: 45 of 56 bits at the most */
            uint32_t count = emit(entry, out + at, seen);
            at += count;
            symbols += count;
            if (n < 2) entry = take_code(&in, s->literals, LITERAL_BITS);
        }
        if (entry & ENTRY_LITERAL) continue;
        if (entry & (ENTRY_END | ENTRY_INVALID)) {
            status = entry & ENTRY_END ? RMEXIF_OK : RMEXIF_BAD_CODE;
            break;
        }
        seen[257 + (entry >> 25)]++;
        uint32_t length = take_length(&in, entry);
        lsb_refill(&in);
        entry = take_code(&in, s->distances, DISTANCE_BITS);
        uint32_t distance = take_distance(&in, entry);
        if (entry & ENTRY_INVALID || distance > at) {
            status = entry & ENTRY_INVALID ? RMEXIF_BAD_CODE : RMEXIF_BAD_VALUE;
            break;
        }
        seen[DEFLATE_LITERALS + deflate_distance_number(distance)]++;
        s->report->far_matches += distance > s->window;
        if (s->packed) pack_match(s, at, length, distance);
        copy_match(out + at, distance, length);
        at += length;
        symbols++;
    }
    s->in = in;
    s->symbols = symbols;
    *place = at;
    return status;
}

/* One symbol, near the end of the input or of the output; statuses as run_fast(), RMEXIF_LIMIT: go on. */
static rmexif_status run_one(inflater *s, uint8_t *out, size_t *place, size_t end) {
    uint32_t length = 1, distance = 0;
    lsb_refill(&s->in);
    uint32_t entry = take_symbol(&s->in, s->literals, LITERAL_BITS), first = entry;
    if (!(entry & (ENTRY_LITERAL | ENTRY_END | ENTRY_INVALID))) {
        length = take_length(&s->in, entry);
        lsb_refill(&s->in);
        entry = take_code(&s->in, s->distances, DISTANCE_BITS);
        distance = take_distance(&s->in, entry);
    }
    if (lsb_overrun(&s->in)) return RMEXIF_ENDS_EARLY;
    if (entry & ENTRY_INVALID) return RMEXIF_BAD_CODE;
    if (entry & ENTRY_END) return RMEXIF_OK;
    if (distance > *place) return RMEXIF_BAD_VALUE;
    size_t room = end - *place;
    bool fits = length <= room;
    if (first & ENTRY_LITERAL) {
        if (fits) out[*place] = (uint8_t)(first >> 16);
        s->occurrences[first >> 16 & 0xFF]++;
    } else {
        if (s->packed) pack_match(s, *place, length, distance);
        copy_match_exactly(out + *place, distance, fits ? length : (uint32_t)room);
        s->occurrences[257 + (first >> 25)]++;
        s->occurrences[DEFLATE_LITERALS + deflate_distance_number(distance)]++;
        s->report->far_matches += distance > s->window;
    }
    *place = fits ? *place + length : end;
    s->symbols += fits;
    return fits ? RMEXIF_LIMIT : RMEXIF_OUTPUT_FULL;
}

static rmexif_status run_stored(inflater *s, uint8_t *out, size_t *place, size_t end) {
    size_t input = (size_t)(s->in.end - s->in.next), count = s->rest;
    if (count > end - *place) count = end - *place;
    if (count > input) count = input;
    if (count) memcpy(out + *place, s->in.next, count);
    s->in.next += count;
    s->rest -= (uint32_t)count;
    s->symbols += count;
    *place += count;
    if (!s->rest) return RMEXIF_OK;
    return count == input ? RMEXIF_ENDS_EARLY : RMEXIF_OUTPUT_FULL;
}

/* The open block, as far as it goes; `may_pause`: behind `end` there will be more room. */
static rmexif_status run_block(inflater *s, uint8_t *out, size_t *place, size_t end, bool may_pause) {
    rmexif_status status;
    if (s->kind == DEFLATE_STORED) {
        status = run_stored(s, out, place, end);
        return status == RMEXIF_OUTPUT_FULL && may_pause ? RMEXIF_LIMIT : status;
    }
    do {
        status = run_fast(s, out, place, end);
        if (status == RMEXIF_LIMIT && may_pause && end - *place < DEFLATE_MARGIN) break;
        if (status == RMEXIF_LIMIT) status = run_one(s, out, place, end);
    } while (status == RMEXIF_LIMIT);
    return status;
}

/* --- Streams --------------------------------------------------------------------------------------------------- */

static void set_position(inflater *s) {
    size_t used = (lsb_position(&s->in) + 7) / 8, size = (size_t)(s->in.end - s->in.start);
    s->report->used = used < size ? used : size;
}

/* The padding behind the last block, and the checksum. */
static void close_stream(inflater *s) {
    lsb_refill(&s->in);
    skip_padding(s);
    give_back(s);
    s->report->intact = s->envelope == DEFLATE_BARE;
    if (s->envelope == DEFLATE_ZLIB) {
        uint32_t adler = 0, count = 0;
        for (; count < 4 && s->in.next < s->in.end; count++) adler = adler << 8 | *s->in.next++;
        s->report->intact = count == 4 && adler == s->adler;
    }
    set_position(s);
}

rmexif_status inflater_open(inflater *s, const uint8_t *data, size_t size, uint32_t envelope, uint64_t limit,
                            deflate_report *report) {
    memset(report, 0, sizeof *report);
    *s = (inflater){.in = lsb_open(data, size), .left = limit, .envelope = envelope, .window = DEFLATE_WINDOW,
                    .kind = DEFLATE_BETWEEN, .adler = 1, .report = report};
    if (envelope != DEFLATE_ZLIB) return envelope == DEFLATE_BARE ? RMEXIF_OK : RMEXIF_BAD_ARGUMENT;
    uint32_t method = lsb_take(&s->in, 8), flags = lsb_take(&s->in, 8);
    if (lsb_overrun(&s->in)) return RMEXIF_ENDS_EARLY;
    if ((method & 15) != 8 || method >> 4 > 7 || flags & 32 || (method << 8 | flags) % 31) return RMEXIF_BAD_VALUE;
    report->envelope = method << 8 | flags;
    s->window = 256u << (method >> 4);
    return RMEXIF_OK;
}

rmexif_status inflater_run(inflater *s, uint8_t *out, size_t *place, size_t capacity) {
    size_t start = *place, end = capacity - start > s->left ? start + (size_t)s->left : capacity;
    bool may_pause = s->left > end - start;
    rmexif_status status = RMEXIF_OK;
    while (status == RMEXIF_OK && s->kind != DEFLATE_ENDED) {
        if (s->kind == DEFLATE_BETWEEN) {
            status = open_block(s);
        } else {
            status = run_block(s, out, place, end, may_pause);
            if (status == RMEXIF_OK && s->packed && s->symbols) inflater_pack_literals(s, *place, true);
            if (status == RMEXIF_OK) close_block(s, s->report->size + (*place - start));
        }
    }
    s->adler = deflate_adler32(s->adler, out + start, *place - start);
    s->left -= *place - start;
    s->report->size += *place - start;
    set_position(s);
    if (status == RMEXIF_OK) close_stream(s);
    return status;
}

size_t inflater_slide(inflater *s, uint8_t *out, size_t *at) {
    size_t shift = *at - DEFLATE_WINDOW;
    memcpy(out, out + shift, DEFLATE_WINDOW);
    s->unpacked -= s->packed ? shift : 0;
    *at = DEFLATE_WINDOW;
    return shift;
}

rmexif_status rmexif_deflate_inflate(const uint8_t *data, size_t size, uint32_t envelope, uint8_t *out,
                                     size_t capacity, uint32_t *symbols, size_t *count, deflate_report *report) {
    inflater s;
    size_t at = 0;
    rmexif_status status = inflater_open(&s, data, size, envelope, capacity, report);
    s.packed = *count ? symbols : NULL;
    s.packed_capacity = *count;
    *count = 0;
    if (status != RMEXIF_OK) return status;
    do {
        size_t end = capacity - at > PIECE ? at + PIECE : capacity;
        status = inflater_run(&s, out, &at, end);
    } while (status == RMEXIF_LIMIT);
    *count = s.packed_count;
    return status;
}

rmexif_status rmexif_deflate_audit(const uint8_t *data, size_t size, uint32_t envelope, uint64_t limit,
                                   uint8_t *window, size_t capacity, deflate_report *report) {
    inflater s;
    size_t at = 0;
    if (capacity < 2 * DEFLATE_WINDOW + 1024) return RMEXIF_BAD_ARGUMENT;
    rmexif_status status = inflater_open(&s, data, size, envelope, limit, report);
    if (status != RMEXIF_OK) return status;
    while ((status = inflater_run(&s, window, &at, capacity)) == RMEXIF_LIMIT) inflater_slide(&s, window, &at);
    return status;
}
