/* Fax codes of bilevel pictures: ITU-T T.4 (Group 3, of one or two dimensions), T.6 (Group 4), and the modified Huffman
 * codes of TIFF 6.0, section 10.
 *
 * A bitmap has one bit a pixel, the highest first, 1 for black, and every row starts with a byte. Extensions
 * (uncompressed mode) are refused as bad codes. FillOrder 2 is up to the caller: reverse the bits of every byte.
 */
#ifndef RMEXIF_CCITT_H
#define RMEXIF_CCITT_H

#include "status.h"

/* What `coding` may be: rows that end with a byte (TIFF compression 2); rows that start with EOL, each coded for itself,
 * or with a bit that tells whether it refers to the row before (compression 3); T.6 (compression 4). */
enum { CCITT_HUFFMAN, CCITT_GROUP3, CCITT_GROUP3_2D, CCITT_GROUP4 };

/* What rmexif_ccitt_decode() reports, by index. */
enum {
    CCITT_ROWS,     /* that are whole */
    CCITT_CONSUMED, /* bytes, up to the last code of the last row; Group 4: up to EOFB where that is next */
    CCITT_FACTS
};

enum { CCITT_WIDEST = 1 << 24 }; /* pixels of a row */

/* Bytes of scratch for rows of `width` pixels, aligned for 4 bytes. */
RMEXIF_API size_t rmexif_ccitt_scratch(uint32_t width);

/* Decode rows into a bitmap.
 *
 * RMEXIF_ENDS_EARLY: the data, or the page by its own end code, ends before the last row. RMEXIF_BAD_CODE: bits that are
 * no code there. RMEXIF_BAD_VALUE: a run that leaves the row, or goes back. Rows before are whole.
 * RMEXIF_BAD_ARGUMENT: the coding, a row without pixels or wider than CCITT_WIDEST, a bitmap of another size. */
RMEXIF_API rmexif_status rmexif_ccitt_decode(const uint8_t *data, size_t size, uint32_t coding, uint32_t width,
                                             uint32_t rows, uint8_t *bitmap, size_t bitmap_size, uint8_t *scratch,
                                             size_t scratch_size, uint64_t *report);

/* Encode a bitmap canonically: T.6 and the codes of one dimension leave no choice; in Group 3 of two dimensions a row
 * refers to the one before where that takes fewer bits. No end of page follows but EOFB of Group 4.
 *
 * aligned: Group 3: zeros before EOL, so that it ends with a byte (T4Options 4).
 * RMEXIF_OUTPUT_FULL: a byte for every pixel, 4 for every row and 16 are enough. RMEXIF_BAD_ARGUMENT: as above. */
RMEXIF_API rmexif_status rmexif_ccitt_encode(const uint8_t *bitmap, size_t bitmap_size, uint32_t coding,
                                             uint32_t aligned, uint32_t width, uint32_t rows, uint8_t *out,
                                             size_t out_size, uint8_t *scratch, size_t scratch_size,
                                             uint64_t *written);

#endif
