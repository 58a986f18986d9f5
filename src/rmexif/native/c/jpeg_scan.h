/* What jpeg.c shares with the two kinds of entropy coding. */
#ifndef RMEXIF_JPEG_SCAN_H
#define RMEXIF_JPEG_SCAN_H

#include "jpeg.h"
#include "writer.h"

enum {
    FAST_BITS = 11,     /* codes up to this length take one lookup */
    LONGEST_GROUP = 18, /* coefficients that several codes at once step over */
    LONGEST_RUN = 0x7FFF, /* blocks that one end-of-block run covers (T.81, G.1.2.2) */
    /* libjpeg's encoder holds 1000 correction bits and ends a run when another block might not fit: a choice of its
     * own, but nearly every progressive file has it. */
    CORRECTIONS = 1000,
    CORRECTIONS_FULL = CORRECTIONS - 64 + 1,
};

/* A Huffman table as a walk wants it. An entry of `fast`, or 0 where the code is longer or none:
 * bits 0-5 code and value bits, 6 no such value, 7 a coefficient, 8-15 coefficients stepped over (128: end of block),
 * 16-23 number of the code, 24-28 value bits. */
typedef struct {
    uint32_t fast[1 << FAST_BITS];
    uint32_t limit[17]; /* codes of this length are below, as the top of 16 bits */
    int32_t first[17];  /* number of the code, less the code */
    int32_t kind;
    const uint8_t *symbols;
    uint8_t *used;
} huffman_table;

/* Several codes of a sequential block at once: by the next bits, as many codes as begin and end in them, and their value
 * bits, which may go on. Bits 0-5 bits taken, 6-13 coefficients stepped over (64: look up one code; 128 more: end of
 * block), 14-31 bit k: coefficient k from here is not zero. `seen` notes which were met. */
typedef struct {
    uint32_t entry[1 << FAST_BITS];
    uint8_t seen[1 << FAST_BITS];
} huffman_groups;

typedef struct { /* to write with */
    uint16_t code[256];
    uint8_t length[256];
    uint32_t *symbols;
} huffman_codes;

typedef struct {
    const rmexif_jpeg_scan *scan;
    rmexif_jpeg_result *result;
    uint64_t *history;
    writer out;
    bool lacks_code;
    huffman_table table[JPEG_TABLES], *reads[JPEG_TABLES]; /* components with equal tables read one */
    huffman_groups groups[JPEG_COMPONENTS], *reads_groups[JPEG_COMPONENTS];
    huffman_codes codes[JPEG_TABLES];
    /* the end-of-block run not yet written, and its correction bits */
    uint32_t run, corrections;
    uint8_t correction[CORRECTIONS + 64];
} jpeg_walk;

typedef struct { /* where the whole MCUs of an interval end */
    const uint8_t *end; /* of the input */
    unsigned bits;      /* used of its last byte, 1 to 8 */
    uint64_t mcus;
} jpeg_stop;

/* The offset of the next marker: the first 0xFF at or behind `start` that another byte than 0x00 follows
 * (T.81, B.1.1.2), `size` where there is none. Fill bytes belong to the marker. */
size_t jpeg_next_marker(const uint8_t *data, size_t size, size_t start);

/* Whether DC, or AC, coefficients of a scan are Huffman-coded. */
bool jpeg_reads_dc(const rmexif_jpeg_scan *scan);
bool jpeg_reads_ac(const rmexif_jpeg_scan *scan);

rmexif_status huffman_open(jpeg_walk *w, const uint8_t *tables, uint8_t *used, const uint8_t *new_tables,
                           uint32_t *symbols);

/* Note which codes were met. */
void huffman_close(jpeg_walk *w, uint8_t *used);

/* Walk MCUs `first` to `first + count` over one interval, and write it where the scan is coded again. */
rmexif_status huffman_interval(jpeg_walk *w, uint64_t first, uint64_t count, const uint8_t *data, const uint8_t *end,
                               jpeg_stop *stop);

/* The same. The canonical code string is written unless the scan is only looked at; `differs` says whether the input
 * starts with another one, and stop->end is where the canonical one would end in it. */
rmexif_status arithmetic_interval(jpeg_walk *w, uint64_t first, uint64_t count, const uint8_t *data,
                                  const uint8_t *end, jpeg_stop *stop, bool *differs);

static inline void count_dc(const rmexif_jpeg_scan *scan, rmexif_jpeg_result *result, int c, int64_t value) {
    int64_t range = (int64_t)1 << (scan->precision + 3); /* T.81, F.1.2.1 and A.3.1: 11 bits and a sign for 8 */
    int64_t full = value * ((int64_t)1 << scan->low);
    if (full < -range || full >= range) result->dc_range++;
    if (value) result->nonzero[c] |= 1;
}

/* The magnitude bits of a value as a number (T.81, F.2.2.1, EXTEND); without a branch: half of the values are negative. */
static inline int64_t extend(uint32_t bits, unsigned size) {
    const int64_t value = bits, all = ((int64_t)1 << size) - 1;
    return value - (all & ((value - ((all + 1) >> 1)) >> 63));
}

#endif
