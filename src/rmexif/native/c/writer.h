/* A bounded writer of bytes and of bits in both orders: the only code that touches output.
 *
 * What does not fit is not written; `full` then stays true, so a caller asks once at the end. Bits of the two orders
 * must not be mixed without a flush between them.
 */
#ifndef RMEXIF_WRITER_H
#define RMEXIF_WRITER_H

#include "status.h"

typedef struct {
    uint8_t *start, *next, *end;
    uint64_t bits;
    unsigned held; /* bits not yet written, fewer than 8 between calls */
    bool full;
} writer;

static inline void store_le64(uint8_t *p, uint64_t value) {
    p[0] = (uint8_t)value;
    p[1] = (uint8_t)(value >> 8);
    p[2] = (uint8_t)(value >> 16);
    p[3] = (uint8_t)(value >> 24);
    p[4] = (uint8_t)(value >> 32);
    p[5] = (uint8_t)(value >> 40);
    p[6] = (uint8_t)(value >> 48);
    p[7] = (uint8_t)(value >> 56);
}

static inline writer writer_open(uint8_t *data, size_t size) {
    return (writer){.start = data, .next = data, .end = size ? data + size : data};
}

static inline size_t writer_size(const writer *w) { return (size_t)(w->next - w->start); }

static inline void put_byte(writer *w, uint8_t value) {
    if (w->next < w->end) {
        *w->next++ = value;
    } else {
        w->full = true;
    }
}

static inline void put_bytes(writer *w, const uint8_t *data, size_t size) {
    if (size > (size_t)(w->end - w->next)) {
        w->full = true;
    } else if (size) {
        memcpy(w->next, data, size);
        w->next += size;
    }
}

static inline void put_run(writer *w, uint8_t value, size_t size) {
    if (size > (size_t)(w->end - w->next)) {
        w->full = true;
    } else if (size) {
        memset(w->next, value, size);
        w->next += size;
    }
}

static inline void put_msb(writer *w, uint32_t value, unsigned count) { /* 0 to 32 bits, the highest first */
    w->bits = w->bits << count | (value & (((uint64_t)1 << count) - 1));
    w->held += count;
    while (w->held >= 8) {
        w->held -= 8;
        put_byte(w, (uint8_t)(w->bits >> w->held));
    }
}

static inline void flush_msb(writer *w, bool ones) { /* fill the last byte with zeros or ones */
    if (w->held) put_msb(w, ones ? 0xFF : 0, 8 - w->held);
}

static inline void put_lsb(writer *w, uint32_t value, unsigned count) { /* 0 to 32 bits, the lowest first */
    w->bits |= (uint64_t)(value & (((uint64_t)1 << count) - 1)) << w->held;
    w->held += count;
    if (w->end - w->next >= 8) { /* eight bytes at once, those behind the last whole one for nothing */
        store_le64(w->next, w->bits);
        w->next += w->held >> 3;
        w->bits >>= w->held & ~7u;
        w->held &= 7;
        return;
    }
    while (w->held >= 8) {
        put_byte(w, (uint8_t)w->bits);
        w->bits >>= 8;
        w->held -= 8;
    }
}

static inline void flush_lsb(writer *w) { /* fill the last byte with zeros */
    if (w->held) put_lsb(w, 0, 8 - w->held);
}

#endif
