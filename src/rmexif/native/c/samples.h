/* Samples in rows, as GIF, TIFF, BMP and PNG hold them once they are decoded.
 *
 * Samples of less than a byte are packed from the highest bit down, and every row starts with a byte. RMEXIF_BAD_ARGUMENT
 * answers a size that is not offered, and rows that the buffer does not hold. `changed` is set to 1 where a byte got
 * another value, else to 0.
 */
#ifndef RMEXIF_SAMPLES_H
#define RMEXIF_SAMPLES_H

#include "status.h"

/* Which values occur: used[value] is set to 1, else to 0.
 *
 * stride: bytes from row to row. width: samples of a row that are looked at. bits: of a sample, 1, 2, 4 or 8. */
RMEXIF_API rmexif_status rmexif_samples_used(const uint8_t *data, size_t size, size_t stride, size_t width, size_t rows,
                                             uint32_t bits, uint8_t used[256]);

/* Replace every sample by its entry of `table`; what it has beyond `bits` is cut off. Arguments as above. */
RMEXIF_API rmexif_status rmexif_samples_remap(uint8_t *data, size_t size, size_t stride, size_t width, size_t rows,
                                              uint32_t bits, const uint8_t table[256], uint32_t *changed);

/* Clear the bits behind the first `row_bits` of each row, and all bytes behind the rows. */
RMEXIF_API rmexif_status rmexif_samples_clear_padding(uint8_t *data, size_t size, size_t stride, size_t row_bits,
                                                      size_t rows, uint32_t *changed);

/* Clear the samples of pixels whose opacity is 0.
 *
 * channels: samples of a pixel, 1 to 64. alpha: the one that is opacity, from 0. bytes: of a sample, 1 or 2. */
RMEXIF_API rmexif_status rmexif_samples_clear_hidden(uint8_t *data, size_t size, uint32_t channels, uint32_t alpha,
                                                     uint32_t bytes, uint32_t *changed);

/* The same where opacity is a plane of its own, with as many samples. */
RMEXIF_API rmexif_status rmexif_samples_clear_where(uint8_t *data, const uint8_t *opacity, size_t size, uint32_t bytes,
                                                    uint32_t *changed);

/* Clear the bits of little-endian pixels that belong to no channel, and pixels whose opacity is 0.
 *
 * bytes: of a pixel, 2 or 4. keep: the bits of all channels. alpha: those of opacity; 0: there is none. */
RMEXIF_API rmexif_status rmexif_samples_mask(uint8_t *data, size_t size, uint32_t bytes, uint32_t keep, uint32_t alpha,
                                             uint32_t *changed);

/* Horizontal differencing (TIFF 6.0, section 14): undone, or applied.
 *
 * stride: bytes of a row; rows are as many as are whole. channels: samples of a pixel, 1 to 64. bytes: of a sample, 1,
 * 2 or 4. big: the highest byte first. */
RMEXIF_API rmexif_status rmexif_samples_undo_predictor(uint8_t *data, size_t size, size_t stride, uint32_t channels,
                                                       uint32_t bytes, uint32_t big);
RMEXIF_API rmexif_status rmexif_samples_apply_predictor(uint8_t *data, size_t size, size_t stride, uint32_t channels,
                                                        uint32_t bytes, uint32_t big);

#endif
