#include "png_rows.h"

enum { PASSES = 7, BEFORE = 8 }; /* zeros before the first pixel */

/* First column and row, distances of columns and rows (8.1). */
static const uint8_t ADAM7[PASSES][4] = {{0, 0, 8, 8}, {4, 0, 8, 8}, {0, 4, 4, 8}, {2, 0, 4, 4},
                                         {0, 2, 2, 4}, {1, 0, 2, 2}, {0, 1, 1, 2}};

static uint32_t pixel_bits(const png_layout *layout) {
    static const uint8_t SAMPLES[7] = {1, 0, 3, 1, 2, 0, 4};
    return layout->colour < 7 ? SAMPLES[layout->colour] * layout->depth : 0;
}

static bool is_layout(const png_layout *l) {
    uint32_t depths = l->colour == 0 ? 1 | 2 | 4 | 8 | 16 : l->colour == 3 ? 1 | 2 | 4 | 8 : 8 | 16;
    bool is_size = l->width && l->height && (uint64_t)l->width * l->height <= (uint64_t)1 << 48;
    bool is_depth = l->depth && !(l->depth & (l->depth - 1)) && l->depth & depths;
    return is_size && is_depth && pixel_bits(l) && !((l->width | l->height) >> 31) && l->interlaced < 2;
}

/* Columns and rows of a pass. */
static void pass_size(const png_layout *l, uint32_t pass, uint32_t *columns, uint32_t *rows) {
    *columns = l->width, *rows = l->height;
    if (l->interlaced) {
        const uint8_t *p = ADAM7[pass];
        *columns = l->width > p[0] ? (l->width - p[0] + p[2] - 1) / p[2] : 0;
        *rows = l->height > p[1] ? (l->height - p[1] + p[3] - 1) / p[3] : 0;
    } else if (pass) {
        *columns = *rows = 0;
    }
}

static uint64_t row_size(const png_layout *l, uint32_t columns) {
    return ((uint64_t)columns * pixel_bits(l) + 7) / 8;
}

uint64_t png_size(const png_layout *layout) {
    uint64_t size = 0;
    for (uint32_t pass = 0; pass < PASSES; pass++) {
        uint32_t columns, rows;
        pass_size(layout, pass, &columns, &rows);
        if (columns) size += rows * (1 + row_size(layout, columns));
    }
    return size;
}

size_t png_row_room(const png_layout *layout) {
    uint64_t room = is_layout(layout) ? BEFORE + row_size(layout, layout->width) + 2 * PNG_SLACK : 0;
    return room < SIZE_MAX / 4 ? (size_t)room : 0;
}

/* Open the next pass that has pixels. */
static void open_pass(png_rows *p) {
    p->rows_left = p->columns = 0;
    for (; p->pass < PASSES; p->pass++) {
        pass_size(&p->layout, p->pass, &p->columns, &p->rows_left);
        if (p->columns && p->rows_left) break;
    }
    p->size = (size_t)row_size(&p->layout, p->columns);
    p->whole = (size_t)((uint64_t)p->columns * pixel_bits(&p->layout) / 8);
    memset(p->above, 0, p->size + PNG_SLACK);
}

bool png_rows_open(png_rows *p, const png_layout *layout, uint8_t *rows) {
    size_t room = png_row_room(layout), bits = pixel_bits(layout);
    if (!room) return false;
    *p = (png_rows){.layout = *layout, .step = bits < 8 ? 1 : bits / 8, .kind = PNG_FILTERS,
                    .row = rows + BEFORE, .above = rows + room + BEFORE};
    if (layout->colour & 4) p->colour_size = p->step - layout->depth / 8;
    open_pass(p);
    return true;
}

bool png_rows_take_kind(png_rows *p, uint8_t kind) {
    if (kind >= PNG_FILTERS) return false;
    p->kind = kind;
    return true;
}

size_t png_rows_span(const png_rows *p, size_t count) {
    size_t left = p->size - p->at;
    return count < left ? count - count % p->step : left;
}

void png_rows_advance(png_rows *p, size_t count) {
    p->at += count;
    if (p->at < p->size) return;
    uint8_t *row = p->row;
    p->row = p->above;
    p->above = row;
    p->at = 0;
    p->kind = PNG_FILTERS;
    if (--p->rows_left) return;
    p->pass++;
    open_pass(p);
}
