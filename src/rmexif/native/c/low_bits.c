#include "low_bits.h"

#include "writer.h"

enum { AT_ONCE = 8 /* pixels */ };

typedef struct {
    const uint8_t *samples, *places, *tables;
} source;

/* The bits of `count` pixels that lie `step` bytes apart; `channels` is a constant where this is called. */
static inline __attribute__((always_inline)) void pack_line(writer *w, const source *from, size_t at, size_t step,
                                                            size_t count, uint32_t channels) {
    while (count) {
        const uint32_t now = count < AT_ONCE ? (uint32_t)count : AT_ONCE;
        uint32_t bits = 0;
        for (uint32_t n = 0; n < now; n++, at += step) {
            for (uint32_t c = 0; c < channels; c++) {
                bits = bits << 1 | (from->tables[256 * c + from->samples[at + from->places[c]]] & 1);
            }
        }
        put_msb(w, bits, now * channels);
        count -= now;
    }
}

static void pack_any_line(writer *w, const source *from, size_t at, size_t step, size_t count, uint32_t channels) {
    switch (channels) {
    case 1: pack_line(w, from, at, step, count, 1); break;
    case 2: pack_line(w, from, at, step, count, 2); break;
    case 3: pack_line(w, from, at, step, count, 3); break;
    default: pack_line(w, from, at, step, count, 4); break;
    }
}

rmexif_status rmexif_low_bits_pack(const uint8_t *samples, size_t size, uint32_t pixel, const uint8_t *places,
                                   const uint8_t *tables, uint32_t channels, size_t width, size_t columns, uint8_t *out,
                                   size_t out_size) {
    if (!pixel || !width || channels < 1 || channels > LOW_BITS_CHANNELS) return RMEXIF_BAD_ARGUMENT;
    for (uint32_t c = 0; c < channels; c++) {
        if (places[c] >= pixel) return RMEXIF_BAD_ARGUMENT;
    }
    const size_t rows = size / pixel / width, lines = columns < width ? columns : width;
    const source from = {samples, places, tables};
    writer w = writer_open(out, out_size);
    if (columns) {
        for (size_t x = 0; x < lines && rows; x++) pack_any_line(&w, &from, x * pixel, width * pixel, rows, channels);
    } else {
        pack_any_line(&w, &from, 0, pixel, rows * width, channels);
    }
    flush_msb(&w, false);
    return w.full ? RMEXIF_OUTPUT_FULL : RMEXIF_OK;
}
