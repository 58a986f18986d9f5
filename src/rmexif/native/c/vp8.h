/* VP8 key frames, lossy WebP (RFC 6386): read up to the last boolean of every partition, and written again so that
 * nothing but the picture is left. Coefficients are parsed, not reconstructed. */
#ifndef RMEXIF_VP8_H
#define RMEXIF_VP8_H

#include "status.h"

enum { VP8_MOST_PARTITIONS = 9 };

/* What rmexif_vp8_rewrite() reports, by index; on any other status than RMEXIF_OK all are 0. */
enum {
    VP8_WIDTH,                /* pixels */
    VP8_HEIGHT,
    VP8_PARTITIONS,           /* the first one included: 2, 3, 5 or 9 */
    VP8_REWRITTEN,            /* bytes written */
    VP8_FREE,                 /* bytes of partitions behind what an encoder flushes */
    VP8_HEADER_FLAGS,         /* 1: colour space, 2: clamping, 4: enlargement, 8: a version other than the filter's */
    VP8_PROBABILITIES,        /* of tokens that are replaced */
    VP8_UNUSED_PROBABILITIES, /* those of them that no token is read with */
    VP8_REDUNDANT_BLOCKS,     /* zeros up to the last coefficient; macroblocks without any that are not skipped */
    VP8_STARTS,               /* of each partition: byte in `data`; 0 behind the last one */
    VP8_SIZES = VP8_STARTS + VP8_MOST_PARTITIONS,  /* bytes that the file gives it */
    VP8_NEEDED = VP8_SIZES + VP8_MOST_PARTITIONS,  /* bytes that its booleans depend on; decoders need no more */
    VP8_FACTS = VP8_NEEDED + VP8_MOST_PARTITIONS
};

/* Bytes of scratch for a picture of so many pixels. */
RMEXIF_API size_t rmexif_vp8_scratch(uint32_t width, uint32_t height);

/* Read the content of a `VP8 ` chunk and write the frame in canonical form: it decodes to the same pixels.
 *
 * The first partition is coded again: fields that no decoder looks at are 0, values that nothing uses go, segments
 * that are alike become one, the probabilities of segments and of skipping follow from their counts. Partitions of
 * tokens are copied; each ends as libwebp's encoder would have ended it. What that encoder wrote stays as it is, but
 * for the values of segments without a macroblock. Where tokens are coded in a redundant way, VP8_REDUNDANT_BLOCKS
 * says it, and they stay.
 *
 * RMEXIF_ENDS_EARLY: a partition ends before its booleans do, as libwebp has it. RMEXIF_BAD_VALUE: no key frame that
 * is shown, an unknown version, a side of 0; or a partition grows beyond what its length can say. RMEXIF_BAD_CODE:
 * a partition that no encoder can have written. RMEXIF_LIMIT: the scratch is too small.
 * RMEXIF_OUTPUT_FULL: `out` is too small; a few bytes beyond `size` nearly always do. */
RMEXIF_API rmexif_status rmexif_vp8_rewrite(const uint8_t *data, size_t size, uint8_t *scratch, size_t scratch_size,
                                            uint8_t *out, size_t out_size, uint64_t *report);

#endif
