#include "vp8l_code.h"

enum { CODE_LENGTH_CODES = 19, REPEAT_PREVIOUS = 16, FIRST_PREVIOUS = 8 };

void *vp8l_take(vp8l_arena *arena, size_t bytes) {
    bytes = (bytes + 7) & ~(size_t)7;
    arena->taken += bytes;
    arena->exhausted = arena->exhausted || bytes > (size_t)(arena->end - arena->next);
    if (arena->exhausted) return NULL;
    void *memory = arena->next;
    arena->next += bytes;
    return memory;
}

static uint32_t reversed(uint32_t code, uint32_t length) {
    uint32_t result = 0;
    while (length--) {
        result = result << 1 | (code & 1);
        code >>= 1;
    }
    return result;
}

/* The symbols in the order of their codes, and whether the lengths make a complete code or hold one symbol. */
static bool sort(const uint8_t *lengths, uint32_t alphabet, uint16_t *sorted, uint32_t *counts, uint32_t *symbols) {
    uint32_t offsets[VP8L_LONGEST + 2] = {0}, space = 0;
    memset(counts, 0, (VP8L_LONGEST + 1) * sizeof *counts);
    for (uint32_t s = 0; s < alphabet; s++) counts[lengths[s]]++;
    counts[0] = 0;
    for (uint32_t l = 1; l <= VP8L_LONGEST; l++) {
        offsets[l + 1] = offsets[l] + counts[l];
        space += counts[l] << (VP8L_LONGEST - l);
    }
    for (uint32_t s = 0; s < alphabet; s++) {
        if (lengths[s]) sorted[offsets[lengths[s]]++] = (uint16_t)s;
    }
    *symbols = offsets[VP8L_LONGEST];
    return *symbols == 1 || space == 1u << VP8L_LONGEST;
}

/* Bits of the second table behind each entry of the first one; returns the entries of all tables. */
static uint32_t second_tables(const uint32_t *counts, uint32_t longest, uint8_t *bits) {
    uint32_t code = 0, entries = 1u << (longest < VP8L_ROOT_BITS ? longest : VP8L_ROOT_BITS);
    memset(bits, 0, 1u << VP8L_ROOT_BITS);
    for (uint32_t l = 1; l <= longest; l++) {
        code <<= 1;
        for (uint32_t n = 0; n < counts[l]; n++, code++) {
            if (l <= VP8L_ROOT_BITS) continue;
            uint32_t more = l - VP8L_ROOT_BITS;
            bits[reversed(code >> more, VP8L_ROOT_BITS)] = (uint8_t)more;
        }
    }
    for (uint32_t i = 0; i < 1u << VP8L_ROOT_BITS; i++) entries += bits[i] ? 1u << bits[i] : 0;
    return entries;
}

static void link_tables(vp8l_entry *table, const uint8_t *bits) {
    uint32_t start = 1u << VP8L_ROOT_BITS;
    for (uint32_t i = 0; i < 1u << VP8L_ROOT_BITS; i++) {
        if (!bits[i]) continue;
        table[i] = (vp8l_entry){.value = (uint16_t)start, .bits = (uint8_t)(VP8L_ROOT_BITS + bits[i])};
        start += 1u << bits[i];
    }
}

static void fill(vp8l_entry *table, uint32_t size, uint32_t first, uint32_t length, uint32_t symbol) {
    vp8l_entry entry = {.value = (uint16_t)symbol, .bits = (uint8_t)length};
    for (uint32_t i = first; i < size; i += 1u << length) table[i] = entry;
}

static rmexif_status build(vp8l_arena *arena, const uint8_t *lengths, uint32_t alphabet, vp8l_code *code) {
    uint16_t sorted[VP8L_LARGEST_ALPHABET];
    uint32_t counts[VP8L_LONGEST + 1], longest = VP8L_LONGEST, key = 0, done = 0;
    uint8_t bits[1 << VP8L_ROOT_BITS];
    if (!sort(lengths, alphabet, sorted, counts, &code->symbols)) return RMEXIF_BAD_CODE;
    if (code->symbols == 1) memset(counts, 0, sizeof counts);
    while (longest && !counts[longest]) longest--;
    uint32_t root = longest < VP8L_ROOT_BITS ? longest : VP8L_ROOT_BITS;
    code->mask = (1u << root) - 1;
    code->entries = second_tables(counts, longest, bits);
    code->table = vp8l_take(arena, code->entries * sizeof *code->table);
    if (!code->table) return RMEXIF_LIMIT;
    if (!longest) fill(code->table, 1, 0, 0, sorted[0]);
    if (longest > VP8L_ROOT_BITS) link_tables(code->table, bits);
    for (uint32_t l = 1; l <= longest; l++) {
        key <<= 1;
        for (uint32_t n = 0; n < counts[l]; n++, key++) {
            uint32_t at = reversed(key, l);
            if (l <= root) {
                fill(code->table, 1u << root, at, l, sorted[done++]);
            } else {
                vp8l_entry link = code->table[at & code->mask];
                fill(code->table + link.value, 1u << (link.bits - root), at >> root, l - root, sorted[done++]);
            }
        }
    }
    return RMEXIF_OK;
}

static void read_simple(lsb_reader *in, uint8_t *lengths) {
    uint32_t two = lsb_take(in, 1), first_bits = lsb_take(in, 1) ? 8 : 1;
    lengths[lsb_take(in, first_bits)] = 1;
    if (two) lengths[lsb_take(in, 8)] = 1;
}

static rmexif_status read_lengths(lsb_reader *in, const vp8l_code *code, uint32_t alphabet, uint8_t *lengths) {
    uint32_t left = alphabet, previous = FIRST_PREVIOUS, symbol = 0;
    if (lsb_take(in, 1)) {
        uint32_t bits = 2 + 2 * lsb_take(in, 3);
        left = 2 + lsb_take(in, bits);
        if (left > alphabet) return RMEXIF_BAD_VALUE;
    }
    for (; symbol < alphabet && left; left--) {
        lsb_refill(in);
        uint32_t length = vp8l_symbol(code, in);
        if (length < REPEAT_PREVIOUS) {
            lengths[symbol++] = (uint8_t)length;
            if (length) previous = length;
            continue;
        }
        uint32_t run = length == 16 ? 3 + lsb_take(in, 2) : length == 17 ? 3 + lsb_take(in, 3) : 11 + lsb_take(in, 7);
        if (run > alphabet - symbol) return RMEXIF_BAD_VALUE;
        memset(lengths + symbol, length == REPEAT_PREVIOUS ? (int)previous : 0, run);
        symbol += run;
    }
    return RMEXIF_OK;
}

rmexif_status vp8l_read_code(lsb_reader *in, vp8l_arena *arena, uint32_t alphabet, vp8l_code *code) {
    static const uint8_t order[CODE_LENGTH_CODES] = {17, 18, 0, 1, 2, 3, 4, 5, 16, 6, 7, 8, 9, 10, 11, 12, 13, 14, 15};
    uint8_t lengths[VP8L_LARGEST_ALPHABET] = {0}, own_lengths[CODE_LENGTH_CODES] = {0};
    if (lsb_take(in, 1)) {
        read_simple(in, lengths);
    } else {
        uint32_t count = 4 + lsb_take(in, 4);
        if (count > CODE_LENGTH_CODES) return RMEXIF_BAD_VALUE;
        for (uint32_t i = 0; i < count; i++) own_lengths[order[i]] = (uint8_t)lsb_take(in, 3);
        vp8l_arena before = *arena;
        vp8l_code own;
        rmexif_status status = build(arena, own_lengths, CODE_LENGTH_CODES, &own);
        if (status == RMEXIF_OK) status = read_lengths(in, &own, alphabet, lengths);
        if (status != RMEXIF_OK) return status;
        *arena = before;
    }
    return lsb_overrun(in) ? RMEXIF_ENDS_EARLY : build(arena, lengths, alphabet, code);
}

uint32_t vp8l_seen(const vp8l_code *code, uint8_t *seen) {
    uint32_t count = 0;
    memset(seen, 0, VP8L_LARGEST_ALPHABET);
    for (uint32_t i = 0; i < code->entries; i++) {
        if (!code->table[i].seen) continue;
        count += !seen[code->table[i].value];
        seen[code->table[i].value] = 1;
    }
    return count;
}
