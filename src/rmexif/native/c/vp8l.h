/* VP8L, the lossless bitstream of WebP (RFC 9649, 3), and the same stream without its header in an ALPH chunk
 * (2.7.1.2, compression 1). */
#ifndef RMEXIF_VP8L_H
#define RMEXIF_VP8L_H

#include "status.h"

/* What rmexif_vp8l_walk() reports, by index. On any other status than RMEXIF_OK all are 0 but VP8L_SCRATCH. */
enum {
    VP8L_BITS,           /* from the first byte of `data` to the end of the last symbol */
    VP8L_WIDTH,          /* pixels, as the header has them or as the caller said */
    VP8L_HEIGHT,
    VP8L_ALPHA_HINT,     /* the header's alpha_is_used bit; 0 without a header */
    VP8L_TRANSFORMS,     /* one bit for each that is there: 1 << type (3.5) */
    VP8L_GROUPS,         /* prefix code groups of the picture itself */
    VP8L_UNUSED_GROUPS,  /* those that code no pixel */
    VP8L_SYMBOLS,        /* with a code length, in all prefix codes of groups that are used */
    VP8L_UNUSED_SYMBOLS, /* those that never occur; a lone symbol 0 of a code that is not used does not count */
    VP8L_COLOURS,        /* entries of the colour table; 0 without one */
    VP8L_UNUSED_COLOURS, /* those that no pixel names; only where VP8L_DECODED */
    VP8L_FREE_VALUES,    /* values of sub-images and indices that decoders ignore and that are not all the same */
    VP8L_DECODED,        /* 1: the rows below are known for every pixel */
    VP8L_TRANSLUCENT,    /* pixels with alpha below 255 */
    VP8L_HIDDEN,         /* pixels with alpha 0 and a colour other than 0 */
    VP8L_HIDDEN_CODED,   /* those of them whose colour is not just predicted: libwebp leaves it at that */
    VP8L_SCRATCH,        /* bytes of scratch that would have been enough up to where RMEXIF_LIMIT was answered */
    VP8L_FACTS
};

/* Scratch that is enough for most pictures; RMEXIF_LIMIT and VP8L_SCRATCH ask for more. */
RMEXIF_API size_t rmexif_vp8l_scratch(uint32_t width, uint32_t height, size_t size);

/* Read a stream up to its last symbol.
 *
 * width, height: pixels; both 0 where the stream starts with its header (signature, sizes, hint, version), else the
 *     stream is that of an ALPH chunk, whose green channel is the alpha plane.
 * decode: decode every pixel, unless the prefix codes alone prove that all are opaque.
 * rows: filled with the first rows that fit, R, G, B, A a byte each; `rows_size` may be 0. Without a header: the
 *     values as coded, before the filter of ALPH is undone.
 *
 * RMEXIF_ENDS_EARLY, RMEXIF_BAD_CODE, RMEXIF_BAD_VALUE: no decoder reads it (a damaged code; a copy from before the
 * first pixel or beyond the last). RMEXIF_LIMIT: more than `most_pixels`, or the scratch is too small: then
 * VP8L_SCRATCH is not 0. RMEXIF_BAD_ARGUMENT: a side that the caller gave is not between 1 and 16384. */
RMEXIF_API rmexif_status rmexif_vp8l_walk(const uint8_t *data, size_t size, uint32_t width, uint32_t height,
                                          uint64_t most_pixels, uint32_t decode, uint8_t *rows, size_t rows_size,
                                          uint8_t *scratch, size_t scratch_size, uint64_t *report);

#endif
