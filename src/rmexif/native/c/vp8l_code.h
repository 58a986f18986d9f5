/* Prefix codes of VP8L (RFC 9649, 3.7.2): tables of at most 8 bits, behind them second tables for longer codes. */
#ifndef RMEXIF_VP8L_CODE_H
#define RMEXIF_VP8L_CODE_H

#include "reader.h"

enum {
    VP8L_ROOT_BITS = 8,
    VP8L_LONGEST = 15,
    VP8L_LITERALS = 256,
    VP8L_LENGTHS = 24,
    VP8L_DISTANCES = 40,
    VP8L_LARGEST_ALPHABET = VP8L_LITERALS + VP8L_LENGTHS + (1 << 11),
};

/* Memory from the caller's scratch, handed out in order and aligned to 8 bytes. */
typedef struct {
    uint8_t *next, *end;
    size_t taken;   /* bytes handed out, or asked for */
    bool exhausted;
} vp8l_arena;

void *vp8l_take(vp8l_arena *arena, size_t bytes); /* null where it does not fit, and from then on */

typedef struct {
    uint16_t value; /* the symbol; in a link: where the second table starts */
    uint8_t bits;   /* of this code within its table; in a link: 8 + the bits of the second table */
    uint8_t seen;   /* 1 once it was read */
} vp8l_entry;

typedef struct {
    vp8l_entry *table;
    uint32_t mask;     /* of the bits that index the first table */
    uint32_t entries;  /* of all tables */
    uint32_t symbols;  /* that have a code; 1: it takes no bits */
} vp8l_code;

/* Read the description of a code. RMEXIF_LIMIT: the arena is exhausted. */
rmexif_status vp8l_read_code(lsb_reader *in, vp8l_arena *arena, uint32_t alphabet, vp8l_code *code);

/* The next symbol; at most 15 bits, which the caller has refilled. */
static inline uint32_t vp8l_symbol(const vp8l_code *code, lsb_reader *in) {
    vp8l_entry *entry = code->table + (in->bits & code->mask);
    if (entry->bits > VP8L_ROOT_BITS) {
        lsb_skip(in, VP8L_ROOT_BITS);
        entry = code->table + entry->value + lsb_peek(in, entry->bits - VP8L_ROOT_BITS);
    }
    lsb_skip(in, entry->bits);
    entry->seen = 1;
    return entry->value;
}

/* Mark the symbols that were read in `seen` (as long as the largest alphabet) and count them. */
uint32_t vp8l_seen(const vp8l_code *code, uint8_t *seen);

#endif
