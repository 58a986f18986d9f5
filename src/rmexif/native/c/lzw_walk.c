#include "lzw.h"
#include "lzw_ratio.h"
#include "reader.h"

enum {
    CLEAR = 256,
    END = 257,
    CODES = 4096,
    LIMIT = 4093,  /* the entry that is never added */
    NARROWEST = 9, /* bits of a code */
    WIDEST = 12,
    AT_ONCE = 4, /* codes of a refill */
};

typedef struct {
    uint64_t pairs[CODES][4];    /* the entries as prefix and sample: one bit each. A greedy encoder adds none twice */
    uint32_t strings[CODES + 1]; /* number of samples << 8 | the first one; 0: no string */
} walk_table;

typedef struct {
    msb_reader codes;
    size_t samples;
    uint64_t seen; /* not 0: a pair that is not new */
    uint32_t known, previous;
    size_t due; /* samples with which the ratio is asked for */
} walk_state;

#define INLINE static inline __attribute__((always_inline)) /* a width that is a constant takes a tenth of the time off */

INLINE void add_pair(walk_state *s, walk_table *table, uint32_t sample) {
    uint64_t *word = &table->pairs[s->previous][sample >> 6], bit = (uint64_t)1 << (sample & 63);
    s->seen |= *word & bit;
    *word |= bit;
}

/* The next code, of bits that are at hand; false: it stands for no string. */
INLINE bool step(walk_state *s, walk_table *table, unsigned width) {
    const uint32_t code = msb_peek(&s->codes, width), string = table->strings[code];
    if (!string) return false;
    msb_skip(&s->codes, width);
    add_pair(s, table, string & 0xFF);
    memset(table->pairs[s->known], 0, sizeof *table->pairs);
    table->strings[++s->known] = string + 0x100; /* with a sample behind it that is not known yet */
    s->samples += string >> 8;
    s->previous = code;
    return true;
}

/* The codes of one width, up to one that stands for no string, or behind which libtiff clears the table; then false. */
INLINE bool walk_width(walk_state *state, walk_table *table, unsigned width, lzw_ratio *ratio, bool *falls) {
    const uint32_t stop = width == WIDEST ? LIMIT : (1u << width) - 1;
    walk_state s = *state; /* in registers */
    bool walks = true;
    while (walks && s.known < stop) {
        msb_refill(&s.codes);
        uint32_t n = stop - s.known < AT_ONCE ? 1 : AT_ONCE;
        do walks = step(&s, table, width);
        while (walks && s.samples < s.due && --n);
        if (walks && s.samples >= s.due && s.known < stop) {
            *falls = ratio_falls(ratio, s.samples, msb_position(&s.codes));
            s.due = ratio_due(ratio);
            walks = !*falls;
        }
    }
    *state = s;
    return walks;
}

static bool walk_any_width(walk_state *state, walk_table *table, unsigned width, lzw_ratio *ratio, bool *falls) {
    switch (width) {
    case NARROWEST: return walk_width(state, table, NARROWEST, ratio, falls);
    case 10: return walk_width(state, table, 10, ratio, falls);
    case 11: return walk_width(state, table, 11, ratio, falls);
    default: return walk_width(state, table, WIDEST, ratio, falls);
    }
}

/* The root behind a clear code, with which a table starts; false: there is none. */
static bool start_table(walk_state *s, walk_table *table) {
    const uint32_t root = msb_take(&s->codes, NARROWEST);
    if (root >= CLEAR) return false;
    if (s->known) add_pair(s, table, root); /* the table before was full where its last string could not grow */
    memset(table->pairs, 0, CLEAR * sizeof *table->pairs);
    memset(table->strings + CLEAR, 0, sizeof table->strings - CLEAR * sizeof *table->strings);
    s->known = END + 1;
    s->previous = root;
    s->samples++;
    table->strings[s->known] = table->strings[root] + 0x100;
    return true;
}

static bool ends(walk_state *s, unsigned width) { /* whether the end code comes, and zero bits up to the byte */
    if (msb_take(&s->codes, width) != END) return false;
    return !msb_take(&s->codes, (unsigned)(-msb_position(&s->codes) & 7)) && !msb_overrun(&s->codes);
}

size_t rmexif_lzw_walk(const uint8_t *data, size_t data_size, size_t size, uint8_t *scratch, size_t scratch_size) {
    if (scratch_size < sizeof(walk_table) || (uintptr_t)scratch % _Alignof(walk_table) || !size) return 0;
    walk_table *table = (walk_table *)(void *)scratch;
    walk_state s = {.codes = msb_open(data, data_size)};
    for (uint32_t code = 0; code < CLEAR; code++) table->strings[code] = 0x100 | code;
    lzw_ratio ratio = ratio_open();
    bool full = true;
    unsigned width = NARROWEST;
    while (full) {
        bool falls = false;
        ratio_clear(&ratio, s.samples, msb_position(&s.codes));
        s.due = ratio_due(&ratio);
        if (msb_take(&s.codes, width) != CLEAR || !start_table(&s, table)) return 0;
        for (width = NARROWEST; (full = walk_any_width(&s, table, width, &ratio, &falls)) && width < WIDEST; width++) {}
        full |= falls;
        if (s.seen || s.samples > size || msb_overrun(&s.codes)) return 0;
        full &= s.samples < size; /* else the end code comes instead of a clear code */
    }
    return s.samples == size && ends(&s, width) ? msb_position(&s.codes) / 8 : 0;
}
