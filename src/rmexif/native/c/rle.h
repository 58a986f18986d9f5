/* Run-length codes: PackBits (TIFF 6.0, section 9), and RLE4 and RLE8 of BMP ([MS-WMF] 3.1.6). */
#ifndef RMEXIF_RLE_H
#define RMEXIF_RLE_H

#include "status.h"

/* Unpack until `out_size` bytes are written. A run that goes beyond them is cut off.
 *
 * written, consumed: bytes. RMEXIF_ENDS_EARLY: the data ends before. */
RMEXIF_API rmexif_status rmexif_rle_decode_packbits(const uint8_t *data, size_t size, uint8_t *out, size_t out_size,
                                                    uint64_t *written, uint64_t *consumed);

/* Pack rows of `row` bytes each on its own, as libtiff does: a run of two that stands between single bytes stays in
 * their literal.
 *
 * RMEXIF_OUTPUT_FULL: 3 bytes for every 2, and 1 for every row, or part of one, are enough.
 * RMEXIF_BAD_ARGUMENT: row is 0. */
RMEXIF_API rmexif_status rmexif_rle_encode_packbits(const uint8_t *data, size_t size, size_t row, uint8_t *out,
                                                    size_t out_size, uint64_t *written);

/* What rmexif_rle_decode_bmp() reports, by index. */
enum {
    BMP_RLE_CONSUMED, /* bytes */
    BMP_RLE_SPANS,
    BMP_RLE_WHOLE,    /* 1: the codes go on to the end of the last row */
    BMP_RLE_ROW,      /* where the codes ended */
    BMP_RLE_FACTS
};

/* Follow the codes up to the end of the picture.
 *
 * nibbles: RLE4, else RLE8. pixels: width * height bytes, one each, rows in the order of the file; 0 where nothing is
 * painted. spans: row, first pixel, pixel after the last of what is painted, neighbours in a row joined; room for
 * size / 2 + 1 of these triples is enough.
 *
 * RMEXIF_ENDS_EARLY: neither the last pixel nor an end code. RMEXIF_BAD_VALUE: a jump or a literal leaves the picture.
 * RMEXIF_BAD_ARGUMENT: no pixels, or another number than the buffer holds. RMEXIF_LIMIT: more spans. */
RMEXIF_API rmexif_status rmexif_rle_decode_bmp(const uint8_t *data, size_t size, uint32_t width, uint32_t height,
                                               uint32_t nibbles, uint8_t *pixels, size_t pixels_size, uint32_t *spans,
                                               size_t spans_size, uint64_t *report);

/* Encode canonically what spans of a picture paint: runs of more than three pixels, between them literals or,
 * where they take fewer bytes, short runs, and one way over the rest.
 *
 * spans: triples as above, in order and apart. whole: go on to the end of the last row.
 * RMEXIF_OUTPUT_FULL: 2 bytes for every painted pixel, 14 for every span, 4 for every 255 of all pixels, of the width
 * and of the height, and 32 are enough. RMEXIF_BAD_ARGUMENT: as above; spans out of order or outside the picture; a
 * pixel above 15 in RLE4. */
RMEXIF_API rmexif_status rmexif_rle_encode_bmp(const uint8_t *pixels, size_t pixels_size, uint32_t width,
                                               uint32_t height, uint32_t nibbles, const uint32_t *spans,
                                               size_t spans_count, uint32_t whole, uint8_t *out, size_t out_size,
                                               uint64_t *written);

#endif
