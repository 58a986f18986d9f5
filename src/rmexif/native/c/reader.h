/* Bit readers: the only code that touches input.
 *
 * A reader never reads beyond its end. Past it, it supplies zeros and counts them; *_overrun() tells whether any was
 * taken, so that a loop asks once per code (or per block, where its length is bounded) and not once per bit.
 *
 * After *_refill() at least 56 bits are at hand: peek and skip up to that many in all before the next refill.
 */
#ifndef RMEXIF_READER_H
#define RMEXIF_READER_H

#include "status.h"

static inline uint64_t load_be64(const uint8_t *p) {
    return (uint64_t)p[0] << 56 | (uint64_t)p[1] << 48 | (uint64_t)p[2] << 40 | (uint64_t)p[3] << 32 |
           (uint64_t)p[4] << 24 | (uint64_t)p[5] << 16 | (uint64_t)p[6] << 8 | (uint64_t)p[7];
}

static inline uint64_t load_le64(const uint8_t *p) {
    return (uint64_t)p[7] << 56 | (uint64_t)p[6] << 48 | (uint64_t)p[5] << 40 | (uint64_t)p[4] << 32 |
           (uint64_t)p[3] << 24 | (uint64_t)p[2] << 16 | (uint64_t)p[1] << 8 | (uint64_t)p[0];
}

/* The first bit of a byte is its most significant one: TIFF LZW, CCITT, JPEG without its stuffing, PNG rows. */
typedef struct {
    const uint8_t *start, *next, *end;
    uint64_t bits;   /* at the top; what lies below `held` is zero or what comes next */
    unsigned held;   /* bits at hand, padding included */
    size_t padding;  /* bits supplied past the end */
} msb_reader;

static inline msb_reader msb_open(const uint8_t *data, size_t size) {
    return (msb_reader){.start = data, .next = data, .end = size ? data + size : data};
}

static inline void msb_refill(msb_reader *r) {
    if (r->end - r->next >= 8) {
        r->bits |= load_be64(r->next) >> r->held;
        r->next += (63 - r->held) >> 3;
        r->held |= 56;
        return;
    }
    while (r->held <= 56) {
        if (r->next < r->end) {
            r->bits |= (uint64_t)*r->next++ << (56 - r->held);
        } else {
            r->padding += 8;
        }
        r->held += 8;
    }
}

static inline uint32_t msb_peek(const msb_reader *r, unsigned count) { /* 0 to 32 bits */
    return (uint32_t)(r->bits >> 1 >> (63 - count));
}

static inline void msb_skip(msb_reader *r, unsigned count) { /* 0 to 56 bits, no more than are held */
    r->bits <<= count;
    r->held -= count;
}

static inline uint32_t msb_take(msb_reader *r, unsigned count) { /* refills by itself */
    if (r->held < count) msb_refill(r);
    uint32_t value = msb_peek(r, count);
    msb_skip(r, count);
    return value;
}

static inline bool msb_overrun(const msb_reader *r) { return r->padding > r->held; }

static inline size_t msb_position(const msb_reader *r) { /* bits taken since the start, padding included */
    return (size_t)(r->next - r->start) * 8 + r->padding - r->held;
}

/* The first bit of a byte is its least significant one: GIF, deflate, VP8L. */
typedef struct {
    const uint8_t *start, *next, *end;
    uint64_t bits;   /* at the bottom; what lies above `held` is zero or what comes next */
    unsigned held;
    size_t padding;
} lsb_reader;

static inline lsb_reader lsb_open(const uint8_t *data, size_t size) {
    return (lsb_reader){.start = data, .next = data, .end = size ? data + size : data};
}

static inline void lsb_refill(lsb_reader *r) {
    if (r->end - r->next >= 8) {
        r->bits |= load_le64(r->next) << r->held;
        r->next += (63 - r->held) >> 3;
        r->held |= 56;
        return;
    }
    while (r->held <= 56) {
        if (r->next < r->end) {
            r->bits |= (uint64_t)*r->next++ << r->held;
        } else {
            r->padding += 8;
        }
        r->held += 8;
    }
}

static inline uint32_t lsb_peek(const lsb_reader *r, unsigned count) { /* 0 to 32 bits */
    return (uint32_t)(r->bits & (((uint64_t)1 << count) - 1));
}

static inline void lsb_skip(lsb_reader *r, unsigned count) {
    r->bits >>= count;
    r->held -= count;
}

static inline uint32_t lsb_take(lsb_reader *r, unsigned count) {
    if (r->held < count) lsb_refill(r);
    uint32_t value = lsb_peek(r, count);
    lsb_skip(r, count);
    return value;
}

static inline bool lsb_overrun(const lsb_reader *r) { return r->padding > r->held; }

static inline size_t lsb_position(const lsb_reader *r) {
    return (size_t)(r->next - r->start) * 8 + r->padding - r->held;
}

#endif
