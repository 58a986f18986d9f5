/* The boolean entropy coder of VP8 (RFC 6386, 7).
 *
 * A boolean depends on the first B + 8 bits of its partition and on no other, B being the shifts before it. Decoders
 * therefore need the bytes up to that bit; libwebp refuses a partition that ends sooner. What an encoder has put out
 * once it is done is one number, the lower end of its interval: every other ending that decodes to the same booleans
 * is an encoder's choice, and vp8_finish() and vp8_copy_partition() write that number as libwebp's encoder does.
 */
#ifndef RMEXIF_VP8_BOOL_H
#define RMEXIF_VP8_BOOL_H

#include "reader.h"
#include "writer.h"

typedef struct {
    const uint8_t *start, *next, *end;
    uint64_t value;  /* what is left above the lower end of the interval: 8 + `bits` bits */
    uint32_t range;  /* less 1: 127 to 254 */
    int32_t bits;    /* at hand beyond the 8 that the next boolean compares */
    int32_t before;  /* `bits` when the last boolean was compared */
    size_t padding;  /* bytes supplied past the end */
} vp8_bools;

static inline vp8_bools vp8_open(const uint8_t *data, size_t size) {
    const uint8_t *end = size ? data + size : data;
    return (vp8_bools){.start = data, .next = data, .end = end, .range = 254, .bits = -8, .before = -8};
}

static inline void vp8_refill(vp8_bools *r) {
    if (r->end - r->next >= 8) {
        r->value = r->value << 48 | load_be64(r->next) >> 16;
        r->next += 6;
        r->bits += 48;
        return;
    }
    uint32_t byte = 0;
    if (r->next < r->end) {
        byte = *r->next++;
    } else {
        r->padding++;
    }
    r->value = r->value << 8 | byte;
    r->bits += 8;
}

/* By a range less 1: the shifts that bring it back to 128 or above, and what it is then, less 1. Tables, since every
 * boolean waits for the range that the one before has left. */
extern const uint8_t VP8_SHIFTS[255], VP8_RANGES[255];

static inline void vp8_narrow(vp8_bools *r, uint32_t range) {
    r->before = r->bits;
    r->bits -= VP8_SHIFTS[range];
    r->range = VP8_RANGES[range];
}

static inline uint32_t vp8_get(vp8_bools *r, uint32_t probability) {
    if (r->bits < 0) vp8_refill(r);
    uint32_t split = r->range * probability >> 8;
    uint64_t scaled = (uint64_t)(split + 1) << r->bits;
    if (r->value >= scaled) {
        r->value -= scaled;
        vp8_narrow(r, r->range - 1 - split);
        return 1;
    }
    vp8_narrow(r, split);
    return 0;
}

/* The same for a boolean that nothing depends on: without a branch, which would be guessed wrong every other time. */
static inline void vp8_skip(vp8_bools *r, uint32_t probability) {
    if (r->bits < 0) vp8_refill(r);
    uint32_t split = r->range * probability >> 8;
    uint64_t scaled = (uint64_t)(split + 1) << r->bits;
    uint64_t above = 0 - (uint64_t)(r->value >= scaled); /* all bits, or none */
    r->value -= scaled & above;
    vp8_narrow(r, split + ((r->range - 1 - 2 * split) & (uint32_t)above));
}

/* At even odds, behind another boolean: both halves take one shift; of an odd range the upper one is smaller by one. */
static inline void vp8_skip_even(vp8_bools *r) {
    if (r->bits < 0) vp8_refill(r);
    uint64_t scaled = (uint64_t)((r->range >> 1) + 1) << r->bits;
    uint64_t above = 0 - (uint64_t)(r->value >= scaled);
    r->before = r->bits--;
    r->value -= scaled & above;
    r->range = (r->range + (uint32_t)above) | 1;
}

static inline uint32_t vp8_get_bits(vp8_bools *r, uint32_t count) {
    uint32_t value = 0;
    while (count--) value = value << 1 | vp8_get(r, 128);
    return value;
}

static inline int32_t vp8_get_signed(vp8_bools *r, uint32_t count) { /* a flag, a magnitude, a sign; 0 without it */
    if (!vp8_get(r, 128)) return 0;
    int32_t value = (int32_t)vp8_get_bits(r, count);
    return vp8_get(r, 128) ? -value : value;
}

static inline size_t vp8_shifts(const vp8_bools *r, int32_t bits) { /* so far, given `bits` or `before` */
    return (size_t)((int64_t)(r->next - r->start + (ptrdiff_t)r->padding) * 8 - 8 - bits);
}

/* Whether the data lies outside the interval that it starts with: 255 of 256. No encoder writes that, and what decoders
 * make of it depends on the width of their registers. */
bool vp8_is_impossible(const vp8_bools *r);

/* Bytes that decoders need for the booleans so far: none where there was none. */
size_t vp8_needed(const vp8_bools *r);

/* Bytes of the same booleans as libwebp's encoder writes them. */
size_t vp8_finished_size(const vp8_bools *r);

/* Write those bytes. */
void vp8_copy_partition(const vp8_bools *r, writer *out);

typedef struct {
    writer *out;
    uint32_t range;  /* less 1: 127 to 254 */
    uint32_t value;
    int32_t bits;    /* waiting, less 8 */
    int32_t pending; /* a byte that a carry may still raise; -1: none */
    size_t run;      /* bytes of 0xFF behind it */
} vp8_booler;

static inline vp8_booler vp8_start(writer *out) {
    return (vp8_booler){.out = out, .range = 254, .bits = -8, .pending = -1};
}

void vp8_put(vp8_booler *w, uint32_t bit, uint32_t probability);
void vp8_put_bits(vp8_booler *w, uint32_t value, uint32_t count);
void vp8_put_signed(vp8_booler *w, int32_t value, uint32_t count);
void vp8_finish(vp8_booler *w);

#endif
