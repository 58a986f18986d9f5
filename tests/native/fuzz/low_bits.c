/* Low bits: arguments that may not fit, and packed bits that are those of the samples. */
#include <assert.h>
#include <stdlib.h>

#include "low_bits.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static unsigned bit_at(const uint8_t *out, size_t bit) { return out[bit / 8] >> (7 - bit % 8) & 1; }

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size) {
    if (size < 10) return 0;
    const uint32_t pixel = data[0] & 15, channels = data[1] & 7;
    const size_t width = data[2], columns = data[3] & 31, rest = size - 10;
    uint8_t places[8] = {0}, tables[8 * 256];
    for (int c = 0; c < 4; c++) places[c] = data[4 + c];
    if (pixel && data[9] & 3) {
        for (int c = 0; c < 4; c++) places[c] %= pixel;
    }
    for (unsigned n = 0; n < sizeof tables; n++) tables[n] = (uint8_t)(n * data[8] >> 3);
    const size_t rows = pixel && width ? rest / pixel / width : 0, across = columns && columns < width ? columns : width;
    const size_t bits = rows * across * channels, room = (bits + 7) / 8;
    uint8_t *samples = malloc(rest + !rest), *out = malloc(room + !room); /* of their own sizes */
    memcpy(samples, data + 10, rest);
    rmexif_status status = rmexif_low_bits_pack(samples, rest, pixel, places, tables, channels, width, columns, out, room);
    if (status == RMEXIF_OK) {
        for (size_t n = 0; n < rows * across; n++) {
            const size_t x = columns ? n / rows : n % width, y = columns ? n % rows : n / width;
            for (uint32_t c = 0; c < channels; c++) {
                const uint8_t sample = samples[(y * width + x) * pixel + places[c]];
                assert(bit_at(out, n * channels + c) == (tables[256 * c + sample] & 1));
            }
        }
        if (room) {
            status = rmexif_low_bits_pack(samples, rest, pixel, places, tables, channels, width, columns, out, room - 1);
            assert(status == RMEXIF_OUTPUT_FULL);
        }
    } else {
        assert(status == RMEXIF_BAD_ARGUMENT);
    }
    free(samples), free(out);
    return 0;
}
