/* A picture made smaller by less than half, cubic (Keys 1981, a = -1/2), in a buffer of its own or where it lies.
 *
 * Every output sample is the sum of 4 x 4 weighted input samples, across first, each pass in integers: weights are
 * 128ths, of one of 256 phases, and a pass rounds to 8 bits. So every engine and processor gives the same bytes.
 */
#ifndef RMEXIF_RESAMPLE_H
#define RMEXIF_RESAMPLE_H

#include "status.h"

typedef struct { /* where the samples of one axis come from, in units of 2^-32 px */
    uint64_t first; /* position of the first output sample, from 0 on, the centre of an input sample being whole */
    uint64_t step;  /* from one output sample to the next: from 1 to below 2 px */
    uint32_t input, output; /* px */
} rmexif_resample_axis;

/* Bytes that a call needs beside its buffers. */
RMEXIF_API size_t rmexif_resample_scratch(uint32_t channels, uint32_t output_width);

/* Scale 8-bit samples in dense rows.
 *
 * channels: samples of a pixel, 1 to 4, all alike. out: dense rows; may be `data`.
 * RMEXIF_BAD_ARGUMENT: a size or position that is not offered. RMEXIF_ENDS_EARLY: `data` does not hold the input.
 * RMEXIF_OUTPUT_FULL: `out` or `scratch` is too small. */
RMEXIF_API rmexif_status rmexif_resample_shrink(const uint8_t *data, size_t size, uint32_t channels,
                                                const rmexif_resample_axis *across, const rmexif_resample_axis *down,
                                                uint8_t *out, size_t capacity, uint8_t *scratch, size_t scratch_size);

#endif
