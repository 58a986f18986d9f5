#include "png_rows.h"

/* Room for two rows, and for filtered ones. */
static bool open_rows(png_rows *p, const png_layout *layout, uint8_t *scratch, size_t scratch_size,
                      uint8_t **filtered) {
    size_t room = png_row_room(layout);
    if (!room || scratch_size < rmexif_png_scratch(layout)) return false;
    memset(scratch, 0, 2 * room);
    *filtered = scratch + 2 * room;
    return png_rows_open(p, layout, scratch);
}

rmexif_status rmexif_png_unfilter(const uint8_t *filtered, size_t size, const png_layout *layout, uint8_t *scratch,
                                  size_t scratch_size, uint8_t *pixels, size_t pixels_size, uint8_t *kinds,
                                  size_t kinds_size, size_t *rows) {
    png_rows p;
    uint8_t *padded;
    size_t at = 0, made = 0;
    *rows = 0;
    if (!open_rows(&p, layout, scratch, scratch_size, &padded)) return RMEXIF_BAD_ARGUMENT;
    while (p.pass < 7) {
        if (size - at < 1 + p.size) return RMEXIF_ENDS_EARLY;
        if (!png_rows_take_kind(&p, filtered[at])) return RMEXIF_BAD_VALUE;
        if (*rows >= kinds_size || p.size > pixels_size - made) return RMEXIF_OUTPUT_FULL;
        memcpy(padded, filtered + at + 1, p.size);
        png_unfilter(p.kind, padded, p.row, p.above, p.size, p.step);
        memcpy(pixels + made, p.row, p.size);
        kinds[(*rows)++] = (uint8_t)p.kind;
        made += p.size;
        at += 1 + p.size;
        png_rows_advance(&p, p.size);
    }
    return RMEXIF_OK;
}

/* The filter whose bytes weigh least; `room` is for a filtered row. */
static uint8_t lightest(const png_rows *p, uint8_t *room) {
    uint64_t least = UINT64_MAX;
    uint8_t best = PNG_NONE;
    if (p->layout.colour == 3 || p->layout.depth < 8) return PNG_NONE;
    for (uint8_t kind = 0; kind < PNG_FILTERS; kind++) {
        png_filter(kind, p->row, p->above, room, p->size, p->step);
        uint64_t weight = png_filtered_weight(room, p->size);
        if (weight < least) {
            least = weight;
            best = kind;
        }
    }
    return best;
}

rmexif_status rmexif_png_filter(const uint8_t *pixels, size_t size, const png_layout *layout, uint32_t chosen,
                                uint8_t *scratch, size_t scratch_size, uint8_t *kinds, size_t kinds_size,
                                uint8_t *filtered, size_t filtered_size) {
    png_rows p;
    uint8_t *room;
    size_t at = 0, made = 0, row = 0;
    if (!open_rows(&p, layout, scratch, scratch_size, &room)) return RMEXIF_BAD_ARGUMENT;
    for (; p.pass < 7; row++) {
        if (size - at < p.size) return RMEXIF_ENDS_EARLY;
        if (row >= kinds_size || 1 + p.size > filtered_size - made) return RMEXIF_OUTPUT_FULL;
        memcpy(p.row, pixels + at, p.size);
        if (!chosen) kinds[row] = lightest(&p, room);
        if (!png_rows_take_kind(&p, kinds[row])) return RMEXIF_BAD_VALUE;
        png_filter(p.kind, p.row, p.above, room, p.size, p.step);
        filtered[made] = kinds[row];
        memcpy(filtered + made + 1, room, p.size);
        at += p.size;
        made += 1 + p.size;
        png_rows_advance(&p, p.size);
    }
    return RMEXIF_OK;
}
