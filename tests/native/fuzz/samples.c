/* Samples: every function with arguments that may not fit; the predictor applied and undone changes nothing. */
#include <assert.h>
#include <stdlib.h>

#include "samples.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size) {
    if (size < 12) return 0;
    const size_t stride = data[0] | data[1] << 8, width = data[2] | data[3] << 8, rows = data[4];
    const uint32_t bits = data[5], channels = data[6], alpha = data[7], bytes = data[8] & 7, big = data[8] >> 7;
    const uint32_t masks = (uint32_t)data[9] << 24 | (uint32_t)data[10] << 8 | data[11];
    uint8_t *copy = malloc(size), values[256];
    uint32_t changed;
    memcpy(copy, data, size);
    rmexif_samples_used(copy, size, stride, width, rows, bits, values);
    rmexif_samples_remap(copy, size, stride, width, rows, bits, values, &changed);
    assert(!!memcmp(copy, data, size) == changed);
    rmexif_samples_clear_padding(copy, size, stride, width, rows, &changed);
    rmexif_samples_clear_padding(copy, size, stride, width, SIZE_MAX, &changed);
    rmexif_samples_clear_hidden(copy, size, channels, alpha, bytes, &changed);
    rmexif_samples_clear_where(copy, data, size, bytes, &changed);
    rmexif_samples_mask(copy, size, bytes, ~masks, masks, &changed);
    memcpy(copy, data, size);
    rmexif_samples_apply_predictor(copy, size, stride, channels, bytes, big);
    rmexif_samples_undo_predictor(copy, size, stride, channels, bytes, big);
    assert(!memcmp(copy, data, size));
    free(copy);
    return 0;
}
