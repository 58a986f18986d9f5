/* From decoded values to pixels: the inverse transforms of VP8L (RFC 9649, 3.5), row by row. */
#ifndef RMEXIF_VP8L_ROWS_H
#define RMEXIF_VP8L_ROWS_H

#include "status.h"

enum { VP8L_PREDICTOR, VP8L_COLOUR, VP8L_SUBTRACT_GREEN, VP8L_COLOUR_TABLE, VP8L_TRANSFORM_TYPES };

typedef struct {
    uint32_t type;
    uint32_t width;       /* pixels of a row behind the transform */
    uint32_t bits;        /* of a tile's side; colour table: of the pixels in one value */
    uint32_t tiles;       /* in a row */
    uint32_t colours;     /* in the table; behind them it is 0 up to 256 */
    const uint32_t *data; /* values of the sub-image, row by row; colours summed up */
} vp8l_transform;

typedef struct {
    const vp8l_transform *transforms; /* in the order of the stream */
    uint32_t count;
    uint32_t *row;        /* as wide as the picture */
    uint32_t *above;      /* one pixel wider: what the predictor made of the row before */
    uint8_t named[256];   /* 1: some pixel has this index */
    uint64_t padding;     /* values whose bits behind the last pixel of a row are not 0 */
    uint64_t translucent, hidden, hidden_coded;
} vp8l_rows;

/* Turn the `width` values of row `y` into pixels in `rows->row`, and count what they show. */
void vp8l_restore_row(vp8l_rows *rows, const uint32_t *values, uint32_t width, uint32_t y);

/* Sum up the differences of a colour table (3.5.4). */
void vp8l_sum_colours(uint32_t *colours, uint32_t count);

#endif
