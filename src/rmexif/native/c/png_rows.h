/* The rows of a PNG picture (W3C PNG, third edition, clauses 7.2, 8 and 9), pass by pass. */
#ifndef RMEXIF_PNG_ROWS_H
#define RMEXIF_PNG_ROWS_H

#include "png.h"

/* Where a walk over filtered bytes stands. */
typedef struct {
    png_layout layout;
    size_t step;        /* byte, from a pixel to the next one (9.2) */
    size_t colour_size; /* byte of a pixel before its alpha; 0: there is no alpha */
    uint32_t pass;      /* 0 to 6; 7 behind the picture */
    uint32_t rows_left; /* of the pass, the open one included */
    uint32_t columns;   /* px of a row of the pass */
    size_t size;        /* byte of a row, without its filter */
    size_t whole;       /* byte of a row that holds nothing but pixels */
    size_t at;          /* byte of the open row that comes next */
    uint32_t kind;      /* its filter; PNG_FILTERS: comes next */
    uint8_t *row, *above;
} png_rows;

/* Start. `rows`: room for two times png_row_room() bytes, all zero. */
bool png_rows_open(png_rows *p, const png_layout *layout, uint8_t *rows);

/* Bytes of a row buffer; 0 for a layout that does not exist. */
size_t png_row_room(const png_layout *layout);

/* Bytes that a picture inflates to. */
uint64_t png_size(const png_layout *layout);

/* Take the filter of the open row; false if it does not exist. */
bool png_rows_take_kind(png_rows *p, uint8_t kind);

/* How many of `count` bytes there are pixels of the open row; whole pixels, or the row to its end. */
size_t png_rows_span(const png_rows *p, size_t count);

/* Pass over `count` bytes; at the end of the row the next one is open. */
void png_rows_advance(png_rows *p, size_t count);

#endif
