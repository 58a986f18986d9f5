/* One bit of samples in pixels, packed into bytes: what somebody may have written a text with. */
#ifndef RMEXIF_LOW_BITS_H
#define RMEXIF_LOW_BITS_H

#include "status.h"

enum { LOW_BITS_CHANNELS = 4 };

/* Pack a bit of each channel of each pixel, the first one highest; zeros fill the last byte.
 *
 * samples  dense rows of `width` pixels of `pixel` bytes; what is behind the last whole row is left out.
 * places   `channels` bytes, 1 to 4: which byte of a pixel; below `pixel`.
 * tables   `channels` x 256 bytes: the lowest bit of entry n stands for a byte n.
 * columns  0: row by row. Else of so many columns at most, from the left, column by column.
 *
 * RMEXIF_OUTPUT_FULL: out_size is less than the bits need. RMEXIF_BAD_ARGUMENT: one outside its range. */
RMEXIF_API rmexif_status rmexif_low_bits_pack(const uint8_t *samples, size_t size, uint32_t pixel, const uint8_t *places,
                                              const uint8_t *tables, uint32_t channels, size_t width, size_t columns,
                                              uint8_t *out, size_t out_size);

#endif
