#include "samples.h"

#if defined(__GNUC__)
#define INLINED static inline __attribute__((always_inline)) /* so that sizes are constants in every loop */
#else
#define INLINED static inline
#endif

enum { MOST_CHANNELS = 64 };

static bool packs(uint32_t bits) { return bits == 1 || bits == 2 || bits == 4 || bits == 8; }

static bool holds(size_t size, size_t stride, size_t row_bits, size_t rows) { /* whether rows lie inside a buffer */
    size_t row = row_bits / 8 + (row_bits % 8 != 0);
    if (!rows) return true;
    return stride && row <= stride && row <= size && rows - 1 <= (size - row) / stride;
}

static bool fits(size_t width, uint32_t bits) { return width <= SIZE_MAX / bits; }

rmexif_status rmexif_samples_used(const uint8_t *data, size_t size, size_t stride, size_t width, size_t rows,
                                  uint32_t bits, uint8_t used[256]) {
    memset(used, 0, 256);
    if (!packs(bits) || !fits(width, bits) || !holds(size, stride, width * bits, rows)) return RMEXIF_BAD_ARGUMENT;
    uint8_t bytes[256] = {0}, mask = (uint8_t)((1u << bits) - 1);
    const size_t each = 8 / bits, whole = width / each, rest = width % each;
    for (size_t y = 0; y < rows; y++) {
        const uint8_t *row = data + y * stride;
        for (size_t x = 0; x < whole; x++) bytes[row[x]] = 1;
        for (size_t n = 0; n < rest; n++) used[row[whole] >> (8 - bits * (n + 1)) & mask] = 1;
    }
    for (uint32_t byte = 0; byte < 256; byte++) {
        for (uint32_t shift = 0; bytes[byte] && shift < 8; shift += bits) used[byte >> shift & mask] = 1;
    }
    return RMEXIF_OK;
}

static uint8_t mapped(uint32_t byte, uint32_t bits, const uint8_t table[256]) { /* all samples of a byte */
    uint32_t mask = (1u << bits) - 1, result = 0;
    for (uint32_t shift = 0; shift < 8; shift += bits) result |= (table[byte >> shift & mask] & mask) << shift;
    return (uint8_t)result;
}

rmexif_status rmexif_samples_remap(uint8_t *data, size_t size, size_t stride, size_t width, size_t rows, uint32_t bits,
                                   const uint8_t table[256], uint32_t *changed) {
    *changed = 0;
    if (!packs(bits) || !fits(width, bits) || !holds(size, stride, width * bits, rows)) return RMEXIF_BAD_ARGUMENT;
    uint8_t map[256], difference = 0;
    const size_t whole = width * bits / 8, rest = width * bits % 8;
    const uint8_t last = (uint8_t)(0xFF00 >> rest);
    for (uint32_t byte = 0; byte < 256; byte++) map[byte] = mapped(byte, bits, table);
    for (size_t y = 0; y < rows; y++) {
        uint8_t *row = data + y * stride;
        for (size_t x = 0; x < whole; x++) {
            uint8_t value = map[row[x]];
            difference |= row[x] ^ value;
            row[x] = value;
        }
        if (rest) {
            uint8_t value = (uint8_t)((map[row[whole]] & last) | (row[whole] & ~last));
            difference |= row[whole] ^ value;
            row[whole] = value;
        }
    }
    *changed = difference != 0;
    return RMEXIF_OK;
}

static bool clear(uint8_t *data, size_t size) { /* whether a byte was not 0 */
    uint8_t any = 0;
    for (size_t i = 0; i < size; i++) any |= data[i];
    if (any) memset(data, 0, size);
    return any != 0;
}

rmexif_status rmexif_samples_clear_padding(uint8_t *data, size_t size, size_t stride, size_t row_bits, size_t rows,
                                           uint32_t *changed) {
    *changed = 0;
    if (!holds(size, stride, row_bits, rows)) return RMEXIF_BAD_ARGUMENT;
    const size_t whole = row_bits / 8, used = whole + (row_bits % 8 != 0);
    const uint8_t spare = (uint8_t)(0xFF >> row_bits % 8);
    bool dirty = false;
    size_t at = 0;
    for (size_t y = 0; y < rows; y++) {
        if (used > whole && (data[at + whole] & spare)) {
            data[at + whole] &= (uint8_t)~spare;
            dirty = true;
        }
        size_t row = size - at < stride ? size - at : stride; /* the last one may end with its samples */
        dirty |= clear(data + at + used, row - used);
        at += row;
    }
    *changed = dirty | clear(data + at, size - at);
    return RMEXIF_OK;
}

INLINED bool clear_pixels(uint8_t *data, const uint8_t *opacity, size_t count, size_t pixel, size_t bytes) {
    uint8_t any = 0; /* `opacity` steps as `data` does */
    for (size_t i = 0; i < count; i++, data += pixel, opacity += pixel) {
        if (opacity[0] | (bytes == 2 ? opacity[1] : 0)) continue;
        for (size_t n = 0; n < pixel; n++) {
            any |= data[n];
            data[n] = 0;
        }
    }
    return any != 0;
}

rmexif_status rmexif_samples_clear_hidden(uint8_t *data, size_t size, uint32_t channels, uint32_t alpha, uint32_t bytes,
                                          uint32_t *changed) {
    *changed = 0;
    if (channels < 1 || channels > MOST_CHANNELS || alpha >= channels || bytes < 1 || bytes > 2) {
        return RMEXIF_BAD_ARGUMENT;
    }
    const size_t pixel = (size_t)channels * bytes, count = size / pixel;
    const uint8_t *opacity = data + (size_t)alpha * bytes;
    if (count && bytes == 1 && channels == 2) {
        *changed = clear_pixels(data, opacity, count, 2, 1);
    } else if (count && bytes == 1 && channels == 4) {
        *changed = clear_pixels(data, opacity, count, 4, 1);
    } else if (count) {
        *changed = clear_pixels(data, opacity, count, pixel, bytes);
    }
    return RMEXIF_OK;
}

rmexif_status rmexif_samples_clear_where(uint8_t *data, const uint8_t *opacity, size_t size, uint32_t bytes,
                                         uint32_t *changed) {
    *changed = 0;
    if (bytes < 1 || bytes > 2) return RMEXIF_BAD_ARGUMENT;
    *changed = bytes == 1 ? clear_pixels(data, opacity, size, 1, 1) : clear_pixels(data, opacity, size / 2, 2, 2);
    return RMEXIF_OK;
}

INLINED uint32_t load(const uint8_t *p, uint32_t bytes, bool big) {
    uint32_t value = 0;
    for (uint32_t n = 0; n < bytes; n++) value |= (uint32_t)p[n] << 8 * (big ? bytes - 1 - n : n);
    return value;
}

INLINED void store(uint8_t *p, uint32_t value, uint32_t bytes, bool big) {
    for (uint32_t n = 0; n < bytes; n++) p[n] = (uint8_t)(value >> 8 * (big ? bytes - 1 - n : n));
}

INLINED uint32_t mask_pixels(uint8_t *data, size_t count, uint32_t bytes, uint32_t keep, uint32_t alpha) {
    uint32_t difference = 0;
    for (size_t i = 0; i < count; i++) {
        uint32_t old = load(data + i * bytes, bytes, false), value = old & keep;
        if (alpha && !(value & alpha)) value = 0;
        difference |= old ^ value;
        store(data + i * bytes, value, bytes, false);
    }
    return difference != 0;
}

rmexif_status rmexif_samples_mask(uint8_t *data, size_t size, uint32_t bytes, uint32_t keep, uint32_t alpha,
                                  uint32_t *changed) {
    *changed = 0;
    if (bytes != 2 && bytes != 4) return RMEXIF_BAD_ARGUMENT;
    *changed = bytes == 2 ? mask_pixels(data, size / 2, 2, keep, alpha) : mask_pixels(data, size / 4, 4, keep, alpha);
    return RMEXIF_OK;
}

INLINED void undo(uint8_t *row, size_t size, size_t pixel, uint32_t bytes, bool big) {
    uint32_t sum = 0; /* of one channel, in a register: three times as fast as through memory */
    for (size_t at = 0; pixel == bytes && at + bytes <= size; at += bytes) {
        store(row + at, sum += load(row + at, bytes, big), bytes, big);
    }
    for (size_t at = pixel; pixel != bytes && at + bytes <= size; at += bytes) {
        store(row + at, load(row + at, bytes, big) + load(row + at - pixel, bytes, big), bytes, big);
    }
}

INLINED void apply(uint8_t *row, size_t size, size_t pixel, uint32_t bytes, bool big) {
    size_t at = size - size % bytes;
    for (; at >= pixel + bytes; at -= bytes) {
        uint8_t *p = row + at - bytes;
        store(p, load(p, bytes, big) - load(p - pixel, bytes, big), bytes, big);
    }
}

typedef enum { UNDO, APPLY } predictor_step;

INLINED void predict_row(uint8_t *row, size_t size, size_t pixel, uint32_t bytes, bool big, predictor_step step) {
    if (step == UNDO) {
        undo(row, size, pixel, bytes, big);
    } else {
        apply(row, size, pixel, bytes, big);
    }
}

INLINED rmexif_status predict(uint8_t *data, size_t size, size_t stride, uint32_t channels, uint32_t bytes,
                              uint32_t big, predictor_step step) {
    if (!stride || channels < 1 || channels > MOST_CHANNELS || (bytes != 1 && bytes != 2 && bytes != 4)) {
        return RMEXIF_BAD_ARGUMENT;
    }
    const size_t pixel = (size_t)channels * bytes;
    for (size_t at = 0; size - at >= stride; at += stride) {
        if (bytes == 1 && channels == 3) {
            predict_row(data + at, stride, 3, 1, false, step);
        } else if (bytes == 1) {
            predict_row(data + at, stride, pixel, 1, false, step);
        } else if (bytes == 2 && !big) {
            predict_row(data + at, stride, pixel, 2, false, step);
        } else if (bytes == 2) {
            predict_row(data + at, stride, pixel, 2, true, step);
        } else {
            predict_row(data + at, stride, pixel, 4, big, step);
        }
    }
    return RMEXIF_OK;
}

rmexif_status rmexif_samples_undo_predictor(uint8_t *data, size_t size, size_t stride, uint32_t channels,
                                            uint32_t bytes, uint32_t big) {
    return predict(data, size, stride, channels, bytes, big, UNDO);
}

rmexif_status rmexif_samples_apply_predictor(uint8_t *data, size_t size, size_t stride, uint32_t channels,
                                             uint32_t bytes, uint32_t big) {
    return predict(data, size, stride, channels, bytes, big, APPLY);
}
