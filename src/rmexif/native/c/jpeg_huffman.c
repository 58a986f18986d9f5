/* Huffman tables, and scans that start with the DC coefficient (T.81, F.2.2, G.2, H.2). */
#include "jpeg_huffman.h"

static uint32_t make_entry(int32_t kind, unsigned symbol, unsigned length, unsigned number) {
    unsigned size = symbol & 15, run = symbol >> 4, step = run + 1, flags = COEFFICIENT;
    if (kind == DC || kind == LOSSLESS) {
        unsigned largest = kind == DC ? 15 : 16;
        flags = symbol > largest ? NO_VALUE : 0;
        size = symbol > 15 ? 0 : symbol; /* a difference of 32768 has no bits (T.81, H.1.2.2) */
    } else if (size) {
        if (kind == AC_REFINE && size > 1) flags = NO_VALUE; /* T.81, G.1.2.3 */
    } else if (run == 15) {
        flags = 0;
    } else {
        flags = 0;
        step = END_OF_BLOCK;
        size = kind == AC_SEQUENTIAL ? 0 : run; /* an end-of-block run's length (T.81, G.1.2.2) */
    }
    return (length + size) | flags | step << 8 | number << 16 | size << 24;
}

static rmexif_status open_table(huffman_table *t, int32_t kind, const uint8_t *entry, uint8_t *used) {
    uint32_t code = 0; /* the next one, as the top of 16 bits */
    unsigned number = 0;
    memset(t->fast, 0, sizeof t->fast);
    t->kind = kind;
    t->symbols = entry + 16;
    t->used = used;
    for (unsigned length = 1; length <= 16; length++) {
        t->first[length] = (int32_t)number - (int32_t)(code >> (16 - length));
        for (unsigned count = entry[length - 1]; count; count--, number++) {
            if (number > 255 || code > 0xFFFF) return RMEXIF_BAD_ARGUMENT;
            if (length <= FAST_BITS) {
                uint32_t e = make_entry(kind, t->symbols[number], length, number);
                uint32_t *at = t->fast + (code >> (16 - FAST_BITS));
                for (unsigned i = 0; i < 1u << (FAST_BITS - length); i++) at[i] = e;
            }
            code += 1u << (16 - length);
        }
        t->limit[length] = code;
    }
    return code > 0x10000 ? RMEXIF_BAD_ARGUMENT : RMEXIF_OK;
}

/* Step over one code of a group that has come to coefficient `step`: `*taken` bits of `window` are gone. 0 where it does
 * not end in the window, or the group is long enough. */
static uint32_t next_in_group(const huffman_table *t, uint32_t window, unsigned *taken, unsigned step) {
    if (*taken >= FAST_BITS) return 0;
    uint32_t e = t->fast[window << *taken & ((1 << FAST_BITS) - 1)];
    if (!e || *taken + bits_of(e) - size_of(e) > FAST_BITS) return 0;
    if (step >= END_OF_BLOCK || (step_of(e) < END_OF_BLOCK && step + step_of(e) > LONGEST_GROUP)) return 0;
    *taken += bits_of(e);
    return e;
}

static void open_groups(huffman_groups *g, const huffman_table *t) {
    memset(g->seen, 0, sizeof g->seen);
    for (uint32_t window = 0; window < 1 << FAST_BITS; window++) {
        unsigned taken = 0, step = 0, bits = 0;
        uint32_t e, mask = 0;
        while ((e = next_in_group(t, window, &taken, step))) {
            bits = taken;
            step += step_of(e);
            if (e & COEFFICIENT) mask |= 1u << (step - 1);
        }
        g->entry[window] = bits ? bits | step << 6 | mask << 14 : 64 << 6;
    }
}

static void close_groups(const huffman_groups *g, const huffman_table *t) {
    for (uint32_t window = 0; window < 1 << FAST_BITS; window++) {
        unsigned taken = 0, step = 0;
        uint32_t e;
        while (g->seen[window] && (e = next_in_group(t, window, &taken, step))) {
            step += step_of(e);
            t->used[number_of(e)] = 1;
        }
    }
}

static rmexif_status open_codes(huffman_codes *c, const uint8_t *entry, uint32_t *symbols) {
    uint32_t code = 0;
    unsigned number = 0;
    memset(c->length, 0, sizeof c->length);
    c->symbols = symbols;
    for (unsigned length = 1; length <= 16; length++, code <<= 1) {
        for (unsigned count = entry[length - 1]; count; count--, number++, code++) {
            if (number > 255 || code >> length) return RMEXIF_BAD_ARGUMENT;
            uint8_t symbol = entry[16 + number];
            if (c->length[symbol]) continue; /* the first and shortest code of a symbol is the one to write */
            c->code[symbol] = (uint16_t)code;
            c->length[symbol] = (uint8_t)length;
        }
    }
    return RMEXIF_OK;
}

static bool has_groups(const rmexif_jpeg_scan *scan) { return scan->sof < 0xC2 && scan->output != JPEG_CODE; }

/* Where table `n` is, or an equal one of the same class before it. */
static huffman_table *equal_table(jpeg_walk *w, const uint8_t *tables, int n) {
    for (int other = n & 1; other < n; other += 2) {
        const uint8_t *a = tables + (size_t)n * JPEG_TABLE_SIZE, *b = tables + (size_t)other * JPEG_TABLE_SIZE;
        size_t same = 0;
        while (same < JPEG_TABLE_SIZE && a[same] == b[same]) same++;
        if (same == JPEG_TABLE_SIZE) return &w->table[other];
    }
    return &w->table[n];
}

rmexif_status huffman_open(jpeg_walk *w, const uint8_t *tables, uint8_t *used, const uint8_t *new_tables,
                           uint32_t *symbols) {
    const rmexif_jpeg_scan *scan = w->scan;
    int32_t dc = scan->sof == 0xC3 ? LOSSLESS : DC;
    int32_t ac = scan->sof != 0xC2 ? AC_SEQUENTIAL : scan->high ? AC_REFINE : AC_FIRST;
    w->run = w->corrections = 0;
    for (int n = 0; n < 2 * scan->components; n++) {
        if (!(n & 1 ? jpeg_reads_ac(scan) : jpeg_reads_dc(scan))) continue;
        size_t at = (size_t)n * JPEG_TABLE_SIZE, mark = (size_t)n * 256;
        rmexif_status status = RMEXIF_OK;
        w->reads[n] = equal_table(w, tables, n);
        if (w->reads[n] == &w->table[n]) {
            status = open_table(w->reads[n], n & 1 ? ac : dc, tables + at, used + mark);
        }
        if (n & 1) w->reads_groups[n / 2] = &w->groups[(w->reads[n] - w->table) / 2];
        if (status == RMEXIF_OK && w->reads[n] == &w->table[n] && (n & 1) && has_groups(scan)) {
            open_groups(w->reads_groups[n / 2], w->reads[n]);
        }
        if (status == RMEXIF_OK && scan->output == JPEG_CODE) {
            status = open_codes(&w->codes[n], new_tables + at, symbols + mark);
        }
        if (status != RMEXIF_OK) return status;
    }
    return RMEXIF_OK;
}

void huffman_close(jpeg_walk *w, uint8_t *used) {
    for (int n = 0; n < 2 * w->scan->components; n++) {
        if (!(n & 1 ? jpeg_reads_ac(w->scan) : jpeg_reads_dc(w->scan))) continue;
        if (w->reads[n] != &w->table[n]) {
            memcpy(used + (size_t)n * 256, w->reads[n]->used, 256);
        } else if ((n & 1) && has_groups(w->scan)) {
            close_groups(w->reads_groups[n / 2], w->reads[n]);
        }
    }
}

uint32_t huffman_long_code(const huffman_table *t, uint32_t window) {
    for (unsigned length = FAST_BITS + 1; length <= 16; length++) {
        if (window < t->limit[length]) {
            unsigned number = (unsigned)(t->first[length] + (int32_t)(window >> (16 - length)));
            return make_entry(t->kind, t->symbols[number], length, number);
        }
    }
    return 0;
}

void huffman_put_bits(writer *w, uint32_t value, unsigned count) {
    w->bits = w->bits << count | (value & (((uint64_t)1 << count) - 1));
    w->held += count;
    while (w->held >= 8) {
        w->held -= 8;
        uint8_t byte = (uint8_t)(w->bits >> w->held);
        put_byte(w, byte);
        if (byte == 0xFF) put_byte(w, 0);
    }
}

void huffman_put_symbol(jpeg_walk *w, int table, unsigned symbol, uint32_t value, unsigned size) {
    huffman_codes *c = &w->codes[table];
    c->symbols[symbol]++;
    if (!c->length[symbol]) w->lacks_code = true;
    huffman_put_bits(&w->out, c->code[symbol] & ((1u << c->length[symbol]) - 1), c->length[symbol]);
    huffman_put_bits(&w->out, value, size);
}

/* One DC difference. */
INLINE rmexif_status dc_code(jpeg_walk *w, jpeg_reader *r, int c, bool code, int64_t *predicted) {
    uint32_t value, e;
    jpeg_refill(r); /* always: whether it is due would be guessed wrong every third time */
    e = next_code_at_hand(r, w->reads[2 * c], &value);
    if (!e) return RMEXIF_BAD_CODE;
    if (e & NO_VALUE) return RMEXIF_BAD_VALUE;
    if (code) huffman_put_symbol(w, 2 * c, w->reads[2 * c]->symbols[number_of(e)], value, size_of(e));
    if (w->reads[2 * c]->kind == LOSSLESS) return RMEXIF_OK;
    *predicted += extend(value, size_of(e));
    count_dc(w->scan, w->result, c, *predicted);
    return RMEXIF_OK;
}

/* The AC coefficients of a sequential block, to be coded again. */
static rmexif_status code_block(jpeg_walk *w, jpeg_reader *r, int c, unsigned *k, uint64_t *mask) {
    const huffman_table *t = w->reads[2 * c + 1];
    unsigned zero_runs = 0; /* runs of 16 zeros at hand */
    do {
        uint32_t value, e = next_code(r, t, &value);
        if (!e) return RMEXIF_BAD_CODE;
        *k += step_of(e);
        if (!(e & COEFFICIENT)) {
            zero_runs++;
            continue;
        }
        if (*k > 64) return RMEXIF_BAD_VALUE;
        *mask |= (uint64_t)1 << (*k - 1);
        for (; zero_runs; zero_runs--) huffman_put_symbol(w, 2 * c + 1, 0xF0, 0, 0);
        huffman_put_symbol(w, 2 * c + 1, t->symbols[number_of(e)], value, size_of(e));
    } while (*k < 64);
    if (!(*mask >> 63)) huffman_put_symbol(w, 2 * c + 1, 0x00, 0, 0);
    return RMEXIF_OK;
}

/* Step over a group of codes, of bits that are at hand; false: it would pass the block's end, or is none. */
INLINE bool look_at_group(huffman_groups *groups, jpeg_reader *r, unsigned *k, uint64_t *mask) {
    uint32_t window = (uint32_t)(r->bits >> (64 - FAST_BITS)), group = groups->entry[window];
    unsigned next = *k + (group >> 6 & 255);
    if (next > 64 && (next < END_OF_BLOCK || next >= END_OF_BLOCK + 64)) return false;
    groups->seen[window] = 1;
    *mask |= (uint64_t)(group >> 14) << *k;
    *k = next;
    jpeg_skip(r, group & 63);
    return true;
}

/* Those of a block only to be looked at: by groups of codes, one by one where a group would pass the block's end. */
INLINE rmexif_status look_at_block(jpeg_walk *w, jpeg_reader *r, int c, unsigned *k, uint64_t *mask) {
    huffman_groups *groups = w->reads_groups[c];
    do {
        jpeg_refill(r); /* for two groups, of FAST_BITS and 15 value bits at most */
        if (look_at_group(groups, r, k, mask)) {
            if (*k < 64 && look_at_group(groups, r, k, mask) && *k < 64 && r->held >= FAST_BITS + 15) {
                look_at_group(groups, r, k, mask);
            }
            continue;
        }
        uint32_t value, e = next_code_at_hand(r, w->reads[2 * c + 1], &value);
        if (!e) return RMEXIF_BAD_CODE;
        *k += step_of(e);
        if (!(e & COEFFICIENT)) continue;
        if (*k > 64) return RMEXIF_BAD_VALUE;
        *mask |= (uint64_t)1 << (*k - 1);
    } while (*k < 64);
    return RMEXIF_OK;
}

INLINE rmexif_status ac_block(jpeg_walk *w, jpeg_reader *r, int c, bool code) {
    uint64_t mask = 0;
    unsigned k = 1; /* the next coefficient */
    rmexif_status status = code ? code_block(w, r, c, &k, &mask) : look_at_block(w, r, c, &k, &mask);
    if (status != RMEXIF_OK) return status;
    unsigned end = k >= END_OF_BLOCK ? k - END_OF_BLOCK : 64; /* the first coefficient that nothing was coded of */
    if (64 - (unsigned)__builtin_clzll(mask | 1) != end) w->result->zero_runs++;
    w->result->nonzero[c] |= mask;
    return RMEXIF_OK;
}

/* Sequential and lossless scans, and those that start or refine the DC coefficients of progressive ones. */
INLINE rmexif_status mcus(jpeg_walk *w, uint64_t count, jpeg_reader r, bool code, jpeg_stop *stop) {
    const rmexif_jpeg_scan *scan = w->scan;
    bool reads_dc = jpeg_reads_dc(scan), reads_ac = jpeg_reads_ac(scan);
    int64_t predicted[JPEG_COMPONENTS] = {0};
    for (uint64_t mcu = 0; mcu < count; mcu++) {
        jpeg_reader whole = r;
        rmexif_status status = RMEXIF_OK;
        for (int c = 0; c < scan->components; c++) {
            for (int32_t unit = 0; unit < scan->component[c].units && status == RMEXIF_OK; unit++) {
                if (reads_dc) {
                    status = dc_code(w, &r, c, code, &predicted[c]);
                } else {
                    uint32_t bit = (uint32_t)jpeg_take(&r, 1);
                    if (code) huffman_put_bits(&w->out, bit, 1);
                    w->result->nonzero[c] |= bit;
                }
                if (reads_ac && status == RMEXIF_OK) status = ac_block(w, &r, c, code);
            }
        }
        if (jpeg_overrun(&r)) status = RMEXIF_ENDS_EARLY;
        if (status != RMEXIF_OK) {
            set_stop(stop, &whole, mcu);
            return status;
        }
    }
    set_stop(stop, &r, count);
    return RMEXIF_OK;
}

rmexif_status huffman_interval(jpeg_walk *w, uint64_t first, uint64_t count, const uint8_t *data, const uint8_t *end,
                               jpeg_stop *stop) {
    jpeg_reader r = {.start = data, .next = data, .end = end};
    bool code = w->scan->output == JPEG_CODE;
    rmexif_status status;
    w->run = w->corrections = 0;
    w->out.held = 0;
    if (w->scan->sof == 0xC2 && w->scan->start) {
        status = w->scan->high ? progressive_refining(w, first, count, r, stop)
                               : progressive_first(w, first, count, r, stop);
    } else { /* twice, so that looking pays nothing for coding */
        status = code ? mcus(w, count, r, true, stop) : mcus(w, count, r, false, stop);
    }
    if (code && w->out.held) huffman_put_bits(&w->out, 0x7F, 8 - w->out.held);
    return status;
}
