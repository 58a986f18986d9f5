/* LZW as GIF (GIF89a, appendix F) and TIFF 6.0 (section 13) write it.
 *
 * GIF packs codes from the lowest bit up and widens them when the table is full; TIFF packs from the highest bit down
 * and widens them one code early. TIFF files of before version 5.0 have the packing of GIF, with roots of 8 bits.
 *
 * The canonical encoder starts with a clear code, takes the longest string that its table holds, clears the table when
 * it is full and ends with an end code and zero bits up to the byte. Full means that the entry to be added has number
 * 4096 (GIF: the rule of compress, which libgd, ImageMagick and Pillow share) or 4093 (TIFF: libtiff's rule). In TIFF
 * it also clears it, as libtiff does, where it codes no better than it did: see lzw_ratio.h.
 */
#ifndef RMEXIF_LZW_H
#define RMEXIF_LZW_H

#include "status.h"

/* What rmexif_lzw_decode() reports, by index. */
enum {
    LZW_SAMPLES,   /* written */
    LZW_CONSUMED,  /* bytes, up to the end code where it follows the last sample; on BAD_VALUE: where the code starts */
    LZW_RESETS,    /* noted */
    LZW_CANONICAL, /* 1: the bytes consumed are what the canonical encoder writes for these samples */
    LZW_FACTS
};

/* Bytes of scratch that each of the functions below needs, aligned for a pointer. */
RMEXIF_API size_t rmexif_lzw_scratch(void);

/* Decode until `size` samples are written, or the end code, or the end of the data.
 *
 * tiff: the order of TIFF, else that of GIF. bits: of a root code, 1 to 8; TIFF 8.
 * resets: filled with the numbers of samples written before a full table was cleared: data_size / 4096 + 1 are enough.
 *
 * A string that runs past the last sample is cut off. RMEXIF_ENDS_EARLY: neither all samples nor an end code.
 * RMEXIF_BAD_VALUE: a code that the table does not hold. RMEXIF_BAD_ARGUMENT: bits; the scratch. */
RMEXIF_API rmexif_status rmexif_lzw_decode(const uint8_t *data, size_t data_size, uint32_t tiff, uint32_t bits,
                                           uint8_t *samples, size_t size, uint64_t *resets, size_t resets_size,
                                           uint8_t *scratch, size_t scratch_size, uint64_t *report);

/* Bytes that the canonical encoder writes for `size` samples in the order of TIFF, where the data starts with them, found
 * without writing a sample; 0: it does not, or `size` is 0, or the scratch is too small. */
RMEXIF_API size_t rmexif_lzw_walk(const uint8_t *data, size_t data_size, size_t size, uint8_t *scratch,
                                  size_t scratch_size);

/* Encode canonically; or, where `keep` is set, clear the table before the samples that `resets` name in ascending
 * order, and nowhere else.
 *
 * bits: 2 to 8, TIFF 8. written: bytes.
 * RMEXIF_OUTPUT_FULL: 3 bytes for every 2 of samples and resets, 1/64 more and 16 are enough.
 * RMEXIF_BAD_ARGUMENT: bits; a sample that has more; resets that do not ascend or name no sample; the scratch. */
RMEXIF_API rmexif_status rmexif_lzw_encode(const uint8_t *samples, size_t size, uint32_t tiff, uint32_t bits,
                                           uint32_t keep, const uint64_t *resets, size_t resets_size, uint8_t *out,
                                           size_t out_size, uint8_t *scratch, size_t scratch_size, uint64_t *written);

#endif
