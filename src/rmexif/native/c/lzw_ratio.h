/* When libtiff clears a table that is not full: every LZW_CHECK_GAP samples it asks whether the table codes better than
 * it did at the question before. Nearly all TIFF files with long runs have such clear codes. */
#ifndef RMEXIF_LZW_RATIO_H
#define RMEXIF_LZW_RATIO_H

#include "status.h"

enum { LZW_CHECK_GAP = 10000 }; /* CHECK_GAP of libtiff's tif_lzw.c */

typedef struct {
    size_t cleared; /* samples read when the table was cleared */
    size_t begin;   /* bits in front of its clear code */
    size_t next;    /* samples read since then at the next question; a clear code does not put it back */
    size_t ratio;   /* at the last one: samples to bits, 24 and 8 bits; 0: none since the table was cleared */
} lzw_ratio;

static inline lzw_ratio ratio_open(void) { return (lzw_ratio){.next = LZW_CHECK_GAP}; }

/* A clear code behind `bits` bits; `samples` of the strings before it. */
static inline void ratio_clear(lzw_ratio *r, size_t samples, size_t bits) {
    r->cleared = samples ? samples + 1 : 0; /* the encoder has read one more: it ends the string */
    r->begin = bits;
    r->ratio = 0;
}

/* Samples of strings from which on there is something to ask. */
static inline size_t ratio_due(const lzw_ratio *r) { return r->cleared + r->next - 1; }

/* Whether the table is cleared behind a code that ends at bit `bits`, with `samples` in the strings up to it. */
static inline bool ratio_falls(lzw_ratio *r, size_t samples, size_t bits) {
    if (samples < ratio_due(r)) return false;
    const size_t read = samples + 1 - r->cleared, coded = bits - r->begin;
    r->next = read + LZW_CHECK_GAP;
    size_t ratio = read > 0x7FFFFF ? (coded >> 8 ? read / (coded >> 8) : 0x7FFFFFFF) : (read << 8) / coded;
    const bool falls = ratio <= r->ratio;
    if (!falls) r->ratio = ratio;
    return falls;
}

#endif
