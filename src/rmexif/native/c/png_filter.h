/* Filters of PNG rows (W3C PNG, third edition, clause 9). */
#ifndef RMEXIF_PNG_FILTER_H
#define RMEXIF_PNG_FILTER_H

#include "status.h"

enum { PNG_NONE, PNG_SUB, PNG_UP, PNG_AVERAGE, PNG_PAETH, PNG_FILTERS };
enum { PNG_SLACK = 16 }; /* byte: may be read behind every buffer, and written behind the ones that are written to */

/* Undo a filter for `count` bytes of a row from whole pixel to whole pixel, or to the end of the row.
 *
 * filtered, row, above: where these bytes stand in the filtered row, in the row to be made, and in the row above;
 * before the first pixel of a row there are 8 zeros.  step: byte, from a pixel to the next one, 1 to 8 (9.2). */
void png_unfilter(uint32_t kind, const uint8_t *filtered, uint8_t *row, const uint8_t *above, size_t count,
                  size_t step);

/* The same the other way. */
void png_filter(uint32_t kind, const uint8_t *row, const uint8_t *above, uint8_t *filtered, size_t count, size_t step);

/* The sum of the absolute values of filtered bytes taken as signed (12.8). */
uint64_t png_filtered_weight(const uint8_t *filtered, size_t count);

#endif
