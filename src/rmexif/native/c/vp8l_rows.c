#include "vp8l_rows.h"

#define BLACK 0xFF000000u
#define COLOUR_BITS 0x00FFFFFFu
/* clang vectorises loops at -O2, gcc when asked. */
#if defined(__clang__)
#define VECTORISED
#else
#define VECTORISED __attribute__((optimize("O3")))
#endif
#define ODD_BYTES 0x00FF00FFu
#define EVEN_BYTES 0xFF00FF00u

/* Four channels at once: the sum modulo 256, and the mean rounded down. */
static inline uint32_t add(uint32_t a, uint32_t b) {
    return (((a & ODD_BYTES) + (b & ODD_BYTES)) & ODD_BYTES) | (((a & EVEN_BYTES) + (b & EVEN_BYTES)) & EVEN_BYTES);
}

static inline uint32_t mean(uint32_t a, uint32_t b) { return (((a ^ b) & 0xFEFEFEFEu) >> 1) + (a & b); }

static inline int32_t channel(uint32_t pixel, int shift) { return (int32_t)(pixel >> shift & 0xFF); }

static inline uint32_t clamped(int32_t value) { return value < 0 ? 0 : value > 255 ? 255 : (uint32_t)value; }

static inline int32_t distance(uint32_t a, uint32_t b, int shift) {
    int32_t difference = channel(a, shift) - channel(b, shift);
    return difference < 0 ? -difference : difference;
}

static inline uint32_t selected(uint32_t left, uint32_t top, uint32_t corner) {
    int32_t lead = 0;
    for (int shift = 0; shift < 32; shift += 8) lead += distance(top, corner, shift) - distance(left, corner, shift);
    return lead < 0 ? left : top;
}

static inline uint32_t full_gradient(uint32_t left, uint32_t top, uint32_t corner) {
    uint32_t result = 0;
    for (int shift = 0; shift < 32; shift += 8) {
        result |= clamped(channel(left, shift) + channel(top, shift) - channel(corner, shift)) << shift;
    }
    return result;
}

static inline uint32_t half_gradient(uint32_t middle, uint32_t corner) {
    uint32_t result = 0;
    for (int shift = 0; shift < 32; shift += 8) {
        int32_t m = channel(middle, shift);
        result |= clamped(m + (m - channel(corner, shift)) / 2) << shift;
    }
    return result;
}

/* `above` points at the pixel above the first one of `row`; the pixel before `row` is there. */
#define PREDICT(expression)                                                            \
    for (uint32_t i = 0; i < count; i++) {                                             \
        uint32_t left = row[(ptrdiff_t)i - 1], top = above[i];                         \
        uint32_t corner = above[(ptrdiff_t)i - 1], right = above[i + 1];               \
        (void)left, (void)top, (void)corner, (void)right;                              \
        row[i] = add(row[i], expression);                                              \
    }                                                                                  \
    break

static void predict(uint32_t mode, uint32_t *row, const uint32_t *above, uint32_t count) {
    switch (mode) {
        case 1: PREDICT(left);
        case 2: PREDICT(top);
        case 3: PREDICT(right);
        case 4: PREDICT(corner);
        case 5: PREDICT(mean(mean(left, right), top));
        case 6: PREDICT(mean(left, corner));
        case 7: PREDICT(mean(left, top));
        case 8: PREDICT(mean(corner, top));
        case 9: PREDICT(mean(top, right));
        case 10: PREDICT(mean(mean(left, corner), mean(top, right)));
        case 11: PREDICT(selected(left, top, corner));
        case 12: PREDICT(full_gradient(left, top, corner));
        case 13: PREDICT(half_gradient(mean(left, top), corner));
        default: PREDICT(BLACK); /* 0, and what the specification leaves undefined, as libwebp has it */
    }
}

static void undo_predictor(const vp8l_transform *t, uint32_t *row, uint32_t *above, uint32_t y) {
    if (y == 0) {
        row[0] = add(row[0], BLACK);
        predict(1, row + 1, above + 1, t->width - 1);
    } else {
        const uint32_t *modes = t->data + (size_t)(y >> t->bits) * t->tiles;
        row[0] = add(row[0], above[0]);
        above[t->width] = row[0]; /* what lies right of the last pixel above (3.5.1) */
        for (uint32_t x = 1; x < t->width;) {
            uint32_t stop = ((x >> t->bits) + 1) << t->bits;
            stop = stop < t->width ? stop : t->width;
            predict(modes[x >> t->bits] >> 8 & 15, row + x, above + x, stop - x);
            x = stop;
        }
    }
    memcpy(above, row, t->width * sizeof *row);
}

static inline uint32_t delta(uint32_t factor, uint32_t colour) {
    return (uint32_t)(((int32_t)(int8_t)factor * (int32_t)(int8_t)colour) >> 5);
}

VECTORISED static void undo_colour(const vp8l_transform *t, uint32_t *row, uint32_t y) {
    const uint32_t *factors = t->data + (size_t)(y >> t->bits) * t->tiles;
    for (uint32_t x = 0; x < t->width; x++) {
        uint32_t factor = factors[x >> t->bits], pixel = row[x], green = pixel >> 8;
        uint32_t red = (pixel >> 16) + delta(factor, green);
        uint32_t blue = pixel + delta(factor >> 8, green) + delta(factor >> 16, red);
        row[x] = (pixel & EVEN_BYTES) | (red & 0xFF) << 16 | (blue & 0xFF);
    }
}

VECTORISED static void undo_subtract_green(const vp8l_transform *t, uint32_t *row) {
    for (uint32_t x = 0; x < t->width; x++) {
        uint32_t green = row[x] >> 8 & 0xFF;
        row[x] = (row[x] & EVEN_BYTES) | (((row[x] & ODD_BYTES) + (green << 16 | green)) & ODD_BYTES);
    }
}

static void undo_colour_table(vp8l_rows *rows, const vp8l_transform *t, uint32_t *row) {
    uint32_t bits = 8u >> t->bits, mask = (1u << bits) - 1, last = t->width & ((1u << t->bits) - 1);
    if (last && (row[(t->width - 1) >> t->bits] >> 8 & 0xFF) >> (last * bits)) rows->padding++;
    for (uint32_t x = t->width; x--;) { /* backwards: a value is read before it is overwritten */
        uint32_t index = row[x >> t->bits] >> (8 + (x & ((1u << t->bits) - 1)) * bits) & mask;
        rows->named[index] = 1;
        row[x] = t->data[index];
    }
}

VECTORISED static void count_alpha(vp8l_rows *rows, uint32_t width) {
    uint64_t translucent = 0, hidden = 0;
    for (uint32_t x = 0; x < width; x++) {
        translucent += rows->row[x] < BLACK;
        hidden += rows->row[x] - 1 < COLOUR_BITS; /* 1 to 0x00FFFFFF */
    }
    rows->translucent += translucent;
    rows->hidden += hidden;
}

/* `values`: as coded, one for each pixel; null where they are indices. */
static void count_hidden(vp8l_rows *rows, const uint32_t *values, uint32_t width) {
    uint64_t coded = 0;
    for (uint32_t x = 0; x < width; x++) {
        coded += rows->row[x] - 1 < COLOUR_BITS && (!values || values[x] & COLOUR_BITS);
    }
    rows->hidden_coded += coded;
}

void vp8l_restore_row(vp8l_rows *rows, const uint32_t *values, uint32_t width, uint32_t y) {
    bool indexed = false;
    memcpy(rows->row, values, width * sizeof *values);
    for (uint32_t i = rows->count; i--;) {
        const vp8l_transform *t = rows->transforms + i;
        switch (t->type) {
            case VP8L_PREDICTOR: undo_predictor(t, rows->row, rows->above, y); break;
            case VP8L_COLOUR: undo_colour(t, rows->row, y); break;
            case VP8L_SUBTRACT_GREEN: undo_subtract_green(t, rows->row); break;
            default: undo_colour_table(rows, t, rows->row); break;
        }
        width = t->width;
        indexed = indexed || t->type == VP8L_COLOUR_TABLE;
    }
    uint64_t before = rows->hidden;
    count_alpha(rows, width);
    if (rows->hidden > before) count_hidden(rows, indexed ? NULL : values, width);
}

void vp8l_sum_colours(uint32_t *colours, uint32_t count) {
    for (uint32_t i = 1; i < count; i++) colours[i] = add(colours[i], colours[i - 1]);
}
