/* What the kinds of Huffman-coded scans share. */
#ifndef RMEXIF_JPEG_HUFFMAN_H
#define RMEXIF_JPEG_HUFFMAN_H

#include "jpeg_reader.h"
#include "jpeg_scan.h"

enum { DC, LOSSLESS, AC_SEQUENTIAL, AC_FIRST, AC_REFINE }; /* what a symbol means */
enum { NO_VALUE = 1 << 6, COEFFICIENT = 1 << 7, END_OF_BLOCK = 128 };

INLINE unsigned bits_of(uint32_t e) { return e & 63; }
INLINE unsigned step_of(uint32_t e) { return e >> 8 & 255; }
INLINE unsigned number_of(uint32_t e) { return e >> 16 & 255; }
INLINE unsigned size_of(uint32_t e) { return e >> 24; }

/* The entry of a code longer than FAST_BITS that `window`, the next 16 bits, starts with, or 0. */
uint32_t huffman_long_code(const huffman_table *t, uint32_t window);

/* Take the next code and its value bits, 32 at most, of bits that are at hand; 0 where there is no such code. */
INLINE uint32_t next_code_at_hand(jpeg_reader *r, const huffman_table *t, uint32_t *value) {
    uint32_t e = t->fast[r->bits >> (64 - FAST_BITS)];
    if (!e) {
        e = huffman_long_code(t, (uint32_t)(r->bits >> 48));
        if (!e) return 0;
    }
    t->used[number_of(e)] = 1;
    *value = (uint32_t)(r->bits << (bits_of(e) - size_of(e)) >> 1 >> (63 - size_of(e)));
    jpeg_skip(r, bits_of(e));
    return e;
}

/* As above, of bits that may not be at hand. */
INLINE uint32_t next_code(jpeg_reader *r, const huffman_table *t, uint32_t *value) {
    if (r->held < 32) jpeg_refill(r);
    return next_code_at_hand(r, t, value);
}

INLINE void set_stop(jpeg_stop *stop, const jpeg_reader *r, uint64_t mcus) {
    stop->end = jpeg_position(r, &stop->bits);
    stop->mcus = mcus;
}

void huffman_put_bits(writer *w, uint32_t value, unsigned count); /* stuffed */
void huffman_put_symbol(jpeg_walk *w, int table, unsigned symbol, uint32_t value, unsigned size);

/* The scans of jpeg_progressive.c. */
rmexif_status progressive_first(jpeg_walk *w, uint64_t first, uint64_t count, jpeg_reader r, jpeg_stop *stop);
rmexif_status progressive_refining(jpeg_walk *w, uint64_t first, uint64_t count, jpeg_reader r, jpeg_stop *stop);

#endif
