/* Picture data of PNG (W3C PNG, third edition): read without keeping it, cleared and coded again. */
#ifndef RMEXIF_PNG_H
#define RMEXIF_PNG_H

#include "deflate_recode.h"
#include "png_filter.h"

/* What IHDR says (11.2.1); to be checked by the caller. */
typedef struct {
    uint32_t width, height; /* px, 1 to 2^31 - 1, 2^48 of them at most */
    uint32_t depth;         /* bit of a sample: 1, 2, 4, 8 or 16 */
    uint32_t colour;        /* colour type: 0, 2, 3, 4 or 6 */
    uint32_t interlaced;    /* 0 or 1 */
} png_layout;

/* What pixels hold that no decoder shows. All fields have 64 bits. */
typedef struct {
    uint64_t rows;          /* whole rows seen, those of all passes */
    uint64_t unknown_kind;  /* 1: a row has a filter that does not exist; nothing behind it was looked at */
    uint64_t invisible;     /* 1: a pixel of alpha 0 has colour */
    uint64_t padding;       /* rows with bits behind the last pixel */
    uint64_t keyed;         /* 1: a pixel has the colour that was asked for */
} png_findings;

/* Bytes of scratch that the functions below need for a picture; 0 for a layout that does not exist. */
RMEXIF_API size_t rmexif_png_scratch(const png_layout *layout);

/* Inflate a picture, audit the stream and look into its pixels.
 *
 * key: samples of a colour as they stand in a row, for grey of less than 8 bits in one byte; NULL: none is asked for.
 * used: 256 bytes; those of samples that occur become 1 (palettes, and grey of less than 8 bits).
 * hasty: return RMEXIF_LIMIT as soon as `findings->invisible` is 1, and with nothing else found.
 *
 * RMEXIF_OK: the stream is complete. RMEXIF_OUTPUT_FULL: it has more bytes than the picture. Others: it is broken, or
 * a filter does not exist (RMEXIF_BAD_VALUE and findings->unknown_kind; `report` and `used` then are zero). The
 * picture is complete if report->size says so. */
RMEXIF_API rmexif_status rmexif_png_survey(const uint8_t *data, size_t size, const png_layout *layout,
                                           const uint8_t *key, uint32_t hasty, uint8_t *scratch, size_t scratch_size,
                                           uint8_t used[256], png_findings *findings, deflate_report *report);

/* Write a picture again: without colour under alpha 0, without bits behind the last pixel of a row, bytes of pixels
 * replaced as `table` says (256 bytes, for pixels of at most 8 bits), filters and symbols as they were.
 *
 * RMEXIF_OK: `*written` bytes of a zlib stream. RMEXIF_OUTPUT_FULL: more than `capacity`. Others: the picture is not
 * complete, or a filter does not exist (RMEXIF_BAD_VALUE; `report` then is zero). What follows a complete picture
 * does not matter. */
RMEXIF_API rmexif_status rmexif_png_rewrite(const uint8_t *data, size_t size, const png_layout *layout,
                                            const uint8_t table[256], uint8_t *scratch, size_t scratch_size,
                                            uint8_t *out, size_t capacity, size_t *written, deflate_report *report);

/* Undo the filters of an inflated picture: `pixels` gets its rows (all passes) one behind the other, `kinds` their
 * filters, `*rows` how many there are. RMEXIF_ENDS_EARLY: it is shorter than the picture; RMEXIF_BAD_VALUE: a filter
 * does not exist; then rows before it are there. */
RMEXIF_API rmexif_status rmexif_png_unfilter(const uint8_t *filtered, size_t size, const png_layout *layout,
                                             uint8_t *scratch, size_t scratch_size, uint8_t *pixels,
                                             size_t pixels_size, uint8_t *kinds, size_t kinds_size, size_t *rows);

/* Filter rows as rmexif_png_unfilter() gives them; `chosen`: with the filters in `kinds`, else with the ones whose
 * bytes weigh least (12.8), palettes and less than 8 bits without any, and `kinds` becomes them. */
RMEXIF_API rmexif_status rmexif_png_filter(const uint8_t *pixels, size_t size, const png_layout *layout,
                                           uint32_t chosen, uint8_t *scratch, size_t scratch_size, uint8_t *kinds,
                                           size_t kinds_size, uint8_t *filtered, size_t filtered_size);

#endif
