/* Resampling: axes that may not fit, in a buffer of its own and in place, which gives the same bytes. */
#include <assert.h>
#include <stdlib.h>

#include "resample.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static rmexif_resample_axis read_axis(const uint8_t *data, uint32_t most) {
    rmexif_resample_axis axis;
    memcpy(&axis.first, data, 8);
    memcpy(&axis.step, data + 8, 8);
    axis.input = data[16] % most;
    axis.output = data[17] % most;
    if (data[18] & 1) axis.first >>= 32; /* mostly one that is offered */
    if (data[18] & 2) axis.step = ((uint64_t)1 << 32) + (axis.step >> 36);
    if (data[18] & 4) axis.output = axis.input - axis.input / 64;
    return axis;
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size) {
    if (size < 40) return 0;
    const rmexif_resample_axis across = read_axis(data, 256), down = read_axis(data + 19, 32);
    const uint32_t channels = data[38] % 6;
    size -= 39;
    const size_t room = rmexif_resample_scratch(channels, across.output), capacity = size - data[0] % 8 * size / 64;
    uint8_t *in = malloc(size + 1), *out = malloc(capacity + 1), *scratch = malloc(room + 1);
    memcpy(in, data + 39, size);
    if (rmexif_resample_shrink(in, size, channels, &across, &down, out, capacity, scratch, room) == RMEXIF_OK) {
        assert(rmexif_resample_shrink(in, size, channels, &across, &down, in, size, scratch, room) == RMEXIF_OK);
        assert(!memcmp(in, out, (size_t)across.output * down.output * channels));
    }
    free(in);
    free(out);
    free(scratch);
    return 0;
}
