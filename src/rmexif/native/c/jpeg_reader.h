/* The bits of an interval: most significant first, the zero behind each 0xFF left out (T.81, F.1.2.3), zeros past the
 * end or a marker. The rest as in reader.h. */
#ifndef RMEXIF_JPEG_READER_H
#define RMEXIF_JPEG_READER_H

#include "reader.h"

#define INLINE static inline __attribute__((always_inline)) /* a reader in registers halves the time */

typedef struct {
    const uint8_t *start, *next, *end;
    uint64_t bits;
    unsigned held;
    uint64_t padding;
} jpeg_reader;

INLINE void jpeg_refill(jpeg_reader *r) { /* at least 56 bits */
    if (r->end - r->next >= 8) {
        unsigned taken = (63 - r->held) >> 3;
        uint64_t bytes = load_be64(r->next);
        uint64_t ones = (~bytes - 0x0101010101010101u) & bytes & 0x8080808080808080u; /* where 0xFF is, or seems to be */
        if (!ones || !(ones >> 1 >> (63 - 8 * taken))) {
            r->bits |= bytes >> r->held;
            r->next += taken;
            r->held |= 56;
            if (ones) r->bits &= ~(uint64_t)0 << (64 - r->held); /* what follows may be a marker */
            return;
        }
    }
    while (r->held <= 56) {
        if (r->next == r->end || (*r->next == 0xFF && (r->end - r->next < 2 || r->next[1] != 0))) {
            r->padding += 8;
        } else {
            r->bits |= (uint64_t)*r->next << (56 - r->held);
            r->next += *r->next == 0xFF ? 2 : 1;
        }
        r->held += 8;
    }
}

INLINE void jpeg_skip(jpeg_reader *r, unsigned count) { /* 0 to 56 bits, no more than are held */
    r->bits <<= count;
    r->held -= count;
}

INLINE uint64_t jpeg_take(jpeg_reader *r, unsigned count) { /* 0 to 63 bits */
    uint64_t value = 0;
    for (unsigned part; count; count -= part) {
        if (r->held < 32) jpeg_refill(r);
        part = count < 32 ? count : 32;
        value = value << part | r->bits >> (64 - part);
        jpeg_skip(r, part);
    }
    return value;
}

INLINE void jpeg_pass(jpeg_reader *r, unsigned count) { /* 0 to 63 bits */
    if (r->held < 32) jpeg_refill(r);
    if (count > 31) {
        jpeg_skip(r, 31);
        count -= 31;
        jpeg_refill(r);
    }
    jpeg_skip(r, count);
}

INLINE bool jpeg_overrun(const jpeg_reader *r) { return r->padding > r->held; }

/* The end of what was taken, and how many bits of its last byte. */
INLINE const uint8_t *jpeg_position(const jpeg_reader *r, unsigned *bits) {
    unsigned left = r->held > r->padding ? r->held - (unsigned)r->padding : 0;
    const uint8_t *at = r->next;
    for (unsigned bytes = left / 8; bytes; bytes--) {
        at -= at - r->start > 1 && at[-1] == 0 && at[-2] == 0xFF ? 2 : 1;
    }
    *bits = 8 - left % 8;
    return at;
}

#endif
