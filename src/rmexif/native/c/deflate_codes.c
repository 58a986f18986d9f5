#include "deflate_codes.h"

const uint16_t DEFLATE_LENGTH_BASE[29] = {3,  4,  5,  6,  7,  8,  9,  10, 11,  13,  15,  17,  19,  23, 27,
                                         31, 35, 43, 51, 59, 67, 83, 99, 115, 131, 163, 195, 227, 258};
const uint8_t DEFLATE_LENGTH_EXTRA[29] = {0, 0, 0, 0, 0, 0, 0, 0, 1, 1, 1, 1, 2, 2, 2,
                                         2, 3, 3, 3, 3, 4, 4, 4, 4, 5, 5, 5, 5, 0};
const uint16_t DEFLATE_DISTANCE_BASE[30] = {1,   2,   3,   4,   5,   7,    9,    13,   17,   25,
                                           33,  49,  65,  97,  129, 193,  257,  385,  513,  769,
                                           1025, 1537, 2049, 3073, 4097, 6145, 8193, 12289, 16385, 24577};
const uint8_t DEFLATE_LENGTHS_ORDER[19] = {16, 17, 18, 0, 8, 7, 9, 6, 10, 5, 11, 4, 12, 3, 13, 2, 14, 1, 15};

static uint32_t literal_entry(uint32_t symbol) {
    if (symbol < 256) return ENTRY_LITERAL | symbol << 16;
    if (symbol == 256) return ENTRY_END;
    if (symbol > 285) return ENTRY_INVALID;
    uint32_t number = symbol - 257;
    return (DEFLATE_LENGTH_BASE[number] | number << 9) << 16 | (uint32_t)DEFLATE_LENGTH_EXTRA[number] << 4;
}

static uint32_t distance_entry(uint32_t symbol) {
    if (symbol > 29) return ENTRY_INVALID;
    return (uint32_t)DEFLATE_DISTANCE_BASE[symbol] << 16 | deflate_distance_extra(symbol) << 4;
}

static uint32_t length_entry(uint32_t symbol) { return symbol << 16; }

/* The symbols that have a code, by its length and their number. Returns the code space that stays free, in 1 / 2^15,
 * negative where codes overlap. */
static int32_t sort_symbols(const uint8_t *lengths, uint32_t count, uint16_t *sorted, uint16_t counts[16]) {
    uint16_t places[16];
    int32_t space = 1 << LONGEST_CODE;
    memset(counts, 0, 16 * sizeof *counts);
    for (uint32_t i = 0; i < count; i++) counts[lengths[i]]++;
    counts[0] = 0;
    places[0] = 0;
    for (uint32_t n = 1; n <= LONGEST_CODE; n++) {
        places[n] = (uint16_t)(places[n - 1] + counts[n - 1]);
        space -= (int32_t)counts[n] << (LONGEST_CODE - n);
    }
    for (uint32_t i = 0; i < count; i++) {
        if (lengths[i]) sorted[places[lengths[i]]++] = (uint16_t)i;
    }
    return space;
}

/* Whether zlib takes the code: complete; or, of literals and distances, a single code of one bit; of distances none. */
static bool is_code(int32_t space, const uint16_t counts[16], uint32_t (*entry_of)(uint32_t)) {
    if (space == 1 << (LONGEST_CODE - 1) && counts[1] == 1) return entry_of != length_entry;
    return !space || (space == 1 << LONGEST_CODE && entry_of == distance_entry);
}

/* Fill all entries whose low bits are `code`. */
static void spread(uint32_t *table, uint32_t size, uint32_t code, uint32_t length, uint32_t entry) {
    entry |= entry & ENTRY_LITERAL ? length | length << 4 : length;
    for (uint32_t i = code; i < size; i += 1u << length) table[i] = entry;
}

/* The code behind `code`, both with their first bit lowest. */
static uint32_t next_code(uint32_t code, uint32_t length) {
    uint32_t bit = 1u << (length - 1);
    while (code & bit) bit >>= 1;
    return bit ? (code & (bit - 1)) | bit : 0;
}

/* Bits of the index of a subtable that starts with codes of `length` bits, `left` of which are still to come. */
static uint32_t subtable_bits(const uint16_t counts[16], uint32_t length, uint32_t left, uint32_t main_bits) {
    uint32_t bits = length - main_bits;
    while (left < 1u << bits && main_bits + bits < LONGEST_CODE) left = (left << 1) + counts[main_bits + ++bits];
    return bits;
}

/* Build a decoding table (3.2.2) of `entries` entries; false where the lengths make no code. */
static bool build_table(uint32_t *table, uint32_t main_bits, uint32_t entries, const uint8_t *lengths, uint32_t count,
                        uint32_t (*entry_of)(uint32_t)) {
    uint16_t sorted[DEFLATE_LITERALS], counts[16];
    int32_t space = sort_symbols(lengths, count, sorted, counts);
    uint32_t size = 1u << main_bits, used = size, code = 0, prefix = UINT32_MAX, bits = 0, *sub = table;
    const uint16_t *symbol = sorted;
    if (!is_code(space, counts, entry_of)) return false;
    if (space) spread(table, size, 0, 0, ENTRY_INVALID | 1);
    for (uint32_t length = 1; length <= LONGEST_CODE; length++) {
        for (uint32_t left = counts[length]; left; left--, code = next_code(code, length)) {
            uint32_t entry = entry_of(*symbol++);
            if (length <= main_bits) {
                spread(table, size, code, length, entry);
                continue;
            }
            if ((code & (size - 1)) != prefix) {
                prefix = code & (size - 1);
                bits = subtable_bits(counts, length, left, main_bits);
                if (entries - used < 1u << bits) return false; /* cannot be: `entries` is the proved maximum */
                table[prefix] = used << 16 | ENTRY_SUBTABLE | bits << 4 | main_bits;
                sub = table + used;
                used += 1u << bits;
            }
            spread(sub, 1u << bits, code >> main_bits, length - main_bits, entry);
        }
    }
    return true;
}

/* Join literals whose codes fit the index together. */
static void make_pairs(uint32_t table[LITERAL_ENTRIES], const uint8_t lengths[DEFLATE_LITERALS]) {
    uint32_t share = 0; /* of the entries that start a pair, at the most */
    for (uint32_t i = 0; i < 256; i++) {
        if (lengths[i] && lengths[i] <= LITERAL_BITS / 2) share += 1u << (LITERAL_BITS - lengths[i]);
    }
    if (share < 1u << (LITERAL_BITS - 1)) return; /* rarely two: not worth the time */
    for (uint32_t i = 1u << LITERAL_BITS; i-- > 1;) { /* downwards: what is behind a code has a smaller index */
        uint32_t first = table[i], second = table[i >> (first & 15)];
        if (first & second & ENTRY_LITERAL && (first & 15) + (second & 15) <= LITERAL_BITS) {
            table[i] = (first | (second & 0xFF0000) << 8 | ENTRY_PAIR) + (second & 15);
        }
    }
}

bool deflate_build_literals(uint32_t table[LITERAL_ENTRIES], const uint8_t lengths[DEFLATE_LITERALS], bool pairs) {
    bool is_code = build_table(table, LITERAL_BITS, LITERAL_ENTRIES, lengths, DEFLATE_LITERALS, literal_entry);
    if (is_code && pairs) make_pairs(table, lengths);
    return is_code;
}

bool deflate_build_distances(uint32_t table[DISTANCE_ENTRIES], const uint8_t lengths[DEFLATE_DISTANCES]) {
    return build_table(table, DISTANCE_BITS, DISTANCE_ENTRIES, lengths, DEFLATE_DISTANCES, distance_entry);
}

bool deflate_build_lengths(uint32_t table[1 << LENGTHS_BITS], const uint8_t lengths[19]) {
    return build_table(table, LENGTHS_BITS, 1 << LENGTHS_BITS, lengths, 19, length_entry);
}

void deflate_fixed_lengths(uint8_t lengths[DEFLATE_LITERALS + DEFLATE_DISTANCES]) {
    memset(lengths, 8, 144);
    memset(lengths + 144, 9, 112);
    memset(lengths + 256, 7, 24);
    memset(lengths + 280, 8, 8);
    memset(lengths + DEFLATE_LITERALS, 5, DEFLATE_DISTANCES);
}

uint32_t deflate_pack_lengths(const uint8_t *lengths, uint32_t count, uint16_t *operations) {
    uint32_t packed = 0;
    for (uint32_t at = 0, run; at < count; at += run) {
        uint32_t value = lengths[at], most = value ? 6 : 138, left;
        for (run = 1; at + run < count && lengths[at + run] == value;) run++;
        left = run;
        if (value) {
            if (operations) operations[packed] = (uint16_t)value;
            packed++;
            left--;
        }
        while (left) {
            uint32_t part = left < 3 ? 1 : left < most ? left : most, operation = value;
            if (part > 1 && value) operation = 16 | (part - 3) << 5;
            if (part > 1 && !value) operation = part < 11 ? 17 | (part - 3) << 5 : 18 | (part - 11) << 5;
            if (operations) operations[packed] = (uint16_t)operation;
            packed++;
            left -= part;
        }
    }
    return packed;
}

uint32_t deflate_code_operations(const uint16_t *operations, uint32_t count, uint8_t order[19], uint32_t *codes) {
    uint32_t occurrences[19] = {0}, bits;
    for (uint32_t i = 0; i < count; i++) occurrences[operations[i] & 31]++;
    deflate_huffman_lengths(occurrences, 19, 7, order);
    for (*codes = 19; *codes > 4 && !order[DEFLATE_LENGTHS_ORDER[*codes - 1]];) --*codes;
    bits = 3 * *codes + 2 * occurrences[16] + 3 * occurrences[17] + 7 * occurrences[18];
    for (uint32_t i = 0; i < 19; i++) bits += occurrences[i] * order[i];
    return bits;
}

uint32_t deflate_header_bits(const uint8_t *lengths, uint32_t literals, uint32_t distances) {
    uint16_t operations[DEFLATE_LITERALS + DEFLATE_DISTANCES];
    uint8_t order[19];
    uint32_t codes, count = deflate_pack_lengths(lengths, literals, operations);
    count += deflate_pack_lengths(lengths + literals, distances, operations + count);
    return deflate_code_operations(operations, count, order, &codes);
}

enum { ZERO_STRETCH = 5, EQUAL_STRETCH = 7, LEVEL_STRETCH = 4, LEVEL_ZEROS = 3, LEVEL_DIFFERENCE = 4 };

/* zopfli levels out how often symbols occur (OptimizeHuffmanForRle): lengths of codes that repeat make a shorter header,
 * and symbols between frequent ones get a code although they do not occur. */

/* Mark symbols that occur equally often, in stretches long enough to repeat a code length as they are. */
static void mark_stretches(const uint32_t *occurrences, uint32_t count, uint8_t *marked) {
    for (uint32_t at = 0, run; at < count; at += run) {
        for (run = 1; at + run < count && occurrences[at + run] == occurrences[at];) run++;
        memset(marked + at, run >= (occurrences[at] ? EQUAL_STRETCH : ZERO_STRETCH), run);
    }
}

static void level_out(uint32_t *occurrences, uint32_t count) {
    uint8_t marked[DEFLATE_LITERALS];
    uint32_t stretch = 0;
    uint64_t limit, sum = 0;
    while (count && !occurrences[count - 1]) count--;
    if (!count) return;
    mark_stretches(occurrences, count, marked);
    limit = occurrences[0];
    for (uint32_t i = 0; i <= count; i++) {
        uint64_t here = i < count ? occurrences[i] : 0, apart = here > limit ? here - limit : limit - here;
        if (i == count || marked[i] || apart >= LEVEL_DIFFERENCE) {
            if (stretch >= LEVEL_STRETCH || (stretch >= LEVEL_ZEROS && !sum)) {
                uint64_t level = (sum + stretch / 2) / stretch;
                if (sum && !level) level = 1;
                for (uint32_t k = 1; k <= stretch; k++) occurrences[i - k] = (uint32_t)level;
            }
            stretch = 0;
            sum = 0;
            limit = here;
            if (i + 3 < count) {
                limit = ((uint64_t)occurrences[i] + occurrences[i + 1] + occurrences[i + 2] + occurrences[i + 3] + 2) / 4;
            }
        }
        stretch++;
        sum += here;
    }
}

bool deflate_is_levelled_out(const uint8_t *lengths, const uint32_t *occurrences, uint32_t count) {
    uint32_t levelled[DEFLATE_LITERALS];
    memcpy(levelled, occurrences, count * sizeof *levelled);
    level_out(levelled, count);
    for (uint32_t i = 0; i < count; i++) {
        if (!levelled[i] != !lengths[i]) return false;
    }
    return true;
}

/* Indices of symbols that occur, the rarest first, by number where they occur equally often; returns how many. */
static uint32_t sort_by_occurrence(const uint32_t *occurrences, uint32_t count, uint16_t *sorted) {
    uint32_t used = 0;
    for (uint32_t i = 0; i < count; i++) {
        if (occurrences[i]) sorted[used++] = (uint16_t)i;
    }
    for (uint32_t gap = used / 2; gap; gap /= 2) { /* Shell's sort: few symbols, and no library */
        for (uint32_t i = gap; i < used; i++) {
            uint16_t symbol = sorted[i];
            uint64_t key = (uint64_t)occurrences[symbol] << 16 | symbol;
            uint32_t at = i;
            for (; at >= gap && ((uint64_t)occurrences[sorted[at - gap]] << 16 | sorted[at - gap]) > key; at -= gap) {
                sorted[at] = sorted[at - gap];
            }
            sorted[at] = symbol;
        }
    }
    return used;
}

/* How many codes of each length Huffman's tree has over `used` sorted weights; lengths above `longest` count there. */
static void tree_depths(const uint32_t *occurrences, const uint16_t *sorted, uint32_t used, uint32_t longest,
                        uint32_t counts[LONGEST_CODE + 1]) {
    uint64_t weights[2 * DEFLATE_LITERALS];
    uint16_t parents[2 * DEFLATE_LITERALS];
    uint8_t depths[2 * DEFLATE_LITERALS];
    uint32_t leaf = 0, node = used, last = 2 * used - 2;
    for (uint32_t i = 0; i < used; i++) weights[i] = occurrences[sorted[i]];
    for (uint32_t fresh = used; fresh <= last; fresh++) { /* two queues: leaves, and nodes as they arise */
        weights[fresh] = 0;
        for (uint32_t child = 0; child < 2; child++) {
            uint32_t least = node == fresh || (leaf < used && weights[leaf] <= weights[node]) ? leaf++ : node++;
            weights[fresh] += weights[least];
            parents[least] = (uint16_t)fresh;
        }
    }
    memset(counts, 0, (LONGEST_CODE + 1) * sizeof *counts);
    depths[last] = 0;
    for (uint32_t i = last; i--;) {
        uint32_t depth = depths[parents[i]] + 1u;
        depths[i] = (uint8_t)(depth < 255 ? depth : 255);
        if (i < used) counts[depth < longest ? depth : longest]++;
    }
}

void deflate_huffman_lengths(const uint32_t *occurrences, uint32_t count, uint32_t longest, uint8_t *lengths) {
    uint16_t sorted[DEFLATE_LITERALS];
    uint32_t counts[LONGEST_CODE + 1], space = 0;
    uint32_t used = sort_by_occurrence(occurrences, count, sorted);
    memset(lengths, 0, count);
    if (used < 2) {
        lengths[0] = 1;
        lengths[used && sorted[0] ? sorted[0] : 1] = 1;
        return;
    }
    tree_depths(occurrences, sorted, used, longest, counts);
    for (uint32_t n = 1; n <= longest; n++) space += counts[n] << (longest - n);
    for (; space > 1u << longest; space--) { /* codes that were cut overlap: lengthen the longest shorter one */
        uint32_t n = longest - 1;
        while (!counts[n]) n--;
        counts[longest]--;
        counts[n]--;
        counts[n + 1] += 2;
    }
    for (uint32_t n = 1, at = used; n <= longest; n++) {
        for (uint32_t i = counts[n]; i; i--) lengths[sorted[--at]] = (uint8_t)n;
    }
}

void deflate_huffman_codes(const uint8_t *lengths, uint32_t count, uint16_t *codes) {
    uint16_t sorted[DEFLATE_LITERALS], counts[16];
    uint32_t code = 0;
    const uint16_t *symbol = sorted;
    sort_symbols(lengths, count, sorted, counts);
    for (uint32_t length = 1; length <= LONGEST_CODE; length++) {
        for (uint32_t left = counts[length]; left; left--) {
            codes[*symbol++] = (uint16_t)code;
            code = next_code(code, length);
        }
    }
}

uint32_t deflate_adler32(uint32_t adler, const uint8_t *p, size_t size) { /* RFC 1950, 8.2 */
    uint32_t a = adler & 0xFFFF, b = adler >> 16;
    while (size) {
        size_t piece = size < 5552 ? size : 5552; /* the most before b overflows */
        size -= piece;
        for (; piece >= 16; piece -= 16, p += 16) {
            uint32_t sum = 0, weighted = 0;
            for (uint32_t i = 0; i < 16; i++) {
                sum += p[i];
                weighted += (16 - i) * p[i];
            }
            b += 16 * a + weighted;
            a += sum;
        }
        for (; piece; piece--) b += a += *p++;
        a %= 65521;
        b %= 65521;
    }
    return b << 16 | a;
}
