#include "png_filter.h"

#if defined(__GNUC__) && !defined(__clang__) /* gcc vectorises loops at -O2 only when asked */
#define VECTORISED __attribute__((optimize("O3")))
#else
#define VECTORISED
#endif

typedef uint8_t bytes __attribute__((vector_size(8)));
typedef int16_t lanes __attribute__((vector_size(16)));

static inline bytes load(const uint8_t *p) {
    bytes value;
    memcpy(&value, p, sizeof value);
    return value;
}

static inline void store(uint8_t *p, bytes value) { memcpy(p, &value, sizeof value); }

static inline lanes widen(bytes value) { return __builtin_convertvector(value, lanes); }

static inline bytes narrow(lanes value) { return __builtin_convertvector(value, bytes); }

static inline lanes magnitude(lanes value) {
    lanes sign = value >> 15;
    return (value ^ sign) - sign;
}

static inline bytes average(bytes left, bytes up) { return narrow((widen(left) + widen(up)) >> 1); } /* 9.3 */

static inline lanes paeth(lanes left, lanes up, lanes corner) { /* 9.4 */
    lanes by_left = up - corner, by_up = left - corner, by_corner = magnitude(by_left + by_up);
    by_left = magnitude(by_left);
    by_up = magnitude(by_up);
    lanes not_left = (by_left > by_up) | (by_left > by_corner), not_up = by_up > by_corner;
    return (left & ~not_left) | (not_left & ((up & ~not_up) | (corner & not_up)));
}

/* Eight bytes at a time are computed; those behind the pixel come right when it is their turn. */
static inline void undo_sub(const uint8_t *filtered, uint8_t *row, size_t count, size_t step) {
    bytes left = load(row - step);
    for (size_t i = 0; i < count; i += step) {
        left += load(filtered + i);
        store(row + i, left);
    }
}

static inline void undo_average(const uint8_t *filtered, uint8_t *row, const uint8_t *above, size_t count,
                                size_t step) {
    bytes left = load(row - step);
    for (size_t i = 0; i < count; i += step) {
        left = load(filtered + i) + average(left, load(above + i));
        store(row + i, left);
    }
}

static inline void undo_paeth(const uint8_t *filtered, uint8_t *row, const uint8_t *above, size_t count, size_t step) {
    lanes left = widen(load(row - step)), corner = widen(load(above - step));
    for (size_t i = 0; i < count; i += step) {
        lanes up = widen(load(above + i));
        bytes value = load(filtered + i) + narrow(paeth(left, up, corner));
        store(row + i, value);
        left = widen(value);
        corner = up;
    }
}

VECTORISED static void undo_up(const uint8_t *filtered, uint8_t *row, const uint8_t *above, size_t count) {
    for (size_t i = 0; i < count; i++) row[i] = (uint8_t)(filtered[i] + above[i]);
}

static inline void undo(uint32_t kind, const uint8_t *filtered, uint8_t *row, const uint8_t *above, size_t count,
                        size_t step) {
    if (kind == PNG_SUB) undo_sub(filtered, row, count, step);
    if (kind == PNG_AVERAGE) undo_average(filtered, row, above, count, step);
    if (kind == PNG_PAETH) undo_paeth(filtered, row, above, count, step);
}

void png_unfilter(uint32_t kind, const uint8_t *filtered, uint8_t *row, const uint8_t *above, size_t count,
                  size_t step) {
    if (!count) return;
    if (kind == PNG_NONE) {
        memcpy(row, filtered, count);
    } else if (kind == PNG_UP) {
        undo_up(filtered, row, above, count);
    } else if (step == 3) { /* a constant step makes a short loop */
        undo(kind, filtered, row, above, count, 3);
    } else if (step == 4) {
        undo(kind, filtered, row, above, count, 4);
    } else {
        undo(kind, filtered, row, above, count, step);
    }
}

VECTORISED static void subtract(const uint8_t *row, const uint8_t *guess, uint8_t *filtered, size_t count) {
    for (size_t i = 0; i < count; i++) filtered[i] = (uint8_t)(row[i] - guess[i]);
}

void png_filter(uint32_t kind, const uint8_t *row, const uint8_t *above, uint8_t *filtered, size_t count, size_t step) {
    if (kind == PNG_NONE) {
        if (count) memcpy(filtered, row, count);
    } else if (kind == PNG_SUB) {
        subtract(row, row - step, filtered, count);
    } else if (kind == PNG_UP) {
        subtract(row, above, filtered, count);
    } else if (kind == PNG_AVERAGE) {
        for (size_t i = 0; i < count; i += 8) {
            store(filtered + i, load(row + i) - average(load(row + i - step), load(above + i)));
        }
    } else {
        for (size_t i = 0; i < count; i += 8) {
            lanes left = widen(load(row + i - step)), corner = widen(load(above + i - step));
            store(filtered + i, load(row + i) - narrow(paeth(left, widen(load(above + i)), corner)));
        }
    }
}

VECTORISED uint64_t png_filtered_weight(const uint8_t *filtered, size_t count) {
    uint64_t weight = 0;
    for (size_t i = 0; i < count; i++) weight += filtered[i] < 128 ? filtered[i] : 256u - filtered[i];
    return weight;
}
