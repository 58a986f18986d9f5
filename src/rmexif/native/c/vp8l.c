#include "vp8l.h"

#include "vp8l_image.h"
#include "vp8l_rows.h"

enum { SIGNATURE = 0x2F, MAX_GROUPS = 1 << 16, LARGEST_SIDE = 1 << 14 };

typedef struct {
    vp8l_stream stream;
    vp8l_transform transforms[VP8L_TRANSFORM_TYPES];
    uint32_t transform_count;
    bool headless;
} walk;

static uint32_t subsampled(uint32_t side, uint32_t bits) { return (side + (1u << bits) - 1) >> bits; }

/* ---- Transforms (3.5) ---- */

static rmexif_status read_colour_table(walk *w, vp8l_transform *t, uint32_t *width) {
    uint32_t *colours;
    t->colours = 1 + lsb_take(&w->stream.in, 8);
    t->bits = t->colours > 16 ? 0 : t->colours > 4 ? 1 : t->colours > 2 ? 2 : 3;
    *width = subsampled(t->width, t->bits);
    t->data = colours = vp8l_take(&w->stream.arena, 256 * sizeof *colours);
    if (!colours) return RMEXIF_LIMIT;
    memset(colours, 0, 256 * sizeof *colours);
    vp8l_arena before = w->stream.arena;
    uint32_t *values;
    VP8L_TRY(vp8l_read_sub_image(&w->stream, t->colours, 1, 0, &values));
    memcpy(colours, values, t->colours * sizeof *colours);
    vp8l_sum_colours(colours, t->colours);
    w->stream.arena = before;
    w->stream.report[VP8L_COLOURS] = t->colours;
    return RMEXIF_OK;
}

/* Predictors are four bits of green, and none in a picture of one row or column; factors leave alpha out. */
static uint32_t ignored_bits(const vp8l_transform *t, uint32_t height) {
    if (t->type == VP8L_COLOUR) return 0xFF000000u;
    return t->width == 1 || height == 1 ? 0xFFFFFFFFu : 0xFFFFF0FFu;
}

static rmexif_status read_transforms(walk *w, uint32_t *width, uint32_t height) {
    while (lsb_take(&w->stream.in, 1)) {
        uint32_t type = lsb_take(&w->stream.in, 2), *values;
        if (w->stream.report[VP8L_TRANSFORMS] >> type & 1) return RMEXIF_BAD_VALUE; /* each at most once */
        w->stream.report[VP8L_TRANSFORMS] |= (uint64_t)1 << type;
        vp8l_transform *t = &w->transforms[w->transform_count++];
        *t = (vp8l_transform){.type = type, .width = *width};
        if (type == VP8L_COLOUR_TABLE) VP8L_TRY(read_colour_table(w, t, width));
        if (type != VP8L_PREDICTOR && type != VP8L_COLOUR) continue;
        t->bits = 2 + lsb_take(&w->stream.in, 3);
        t->tiles = subsampled(t->width, t->bits);
        uint32_t rows = subsampled(height, t->bits);
        VP8L_TRY(vp8l_read_sub_image(&w->stream, t->tiles, rows, ignored_bits(t, height), &values));
        t->data = values;
        for (uint32_t i = 0; type == VP8L_PREDICTOR && i < t->tiles * rows; i++) {
            w->stream.report[VP8L_FREE_VALUES] += (values[i] >> 8 & 15) > 13; /* undefined: as good as predictor 0 */
        }
    }
    return RMEXIF_OK;
}

static rmexif_status read_entropy_image(walk *w, vp8l_image *im) {
    im->groups = 1;
    if (!lsb_take(&w->stream.in, 1)) return vp8l_read_groups(&w->stream, im, NULL);
    im->tile_bits = 2 + lsb_take(&w->stream.in, 3);
    im->tiles = subsampled(im->width, im->tile_bits);
    uint32_t rows = subsampled(im->height, im->tile_bits), *values;
    VP8L_TRY(vp8l_read_sub_image(&w->stream, im->tiles, rows, 0xFF0000FFu, &values));
    uint8_t *named = vp8l_take(&w->stream.arena, MAX_GROUPS);
    if (!named) return RMEXIF_LIMIT;
    memset(named, 0, MAX_GROUPS);
    for (uint32_t i = 0; i < im->tiles * rows; i++) {
        values[i] = values[i] >> 8 & 0xFFFF;
        named[values[i]] = 1;
        if (values[i] >= im->groups) im->groups = values[i] + 1;
    }
    im->group_of = values;
    return vp8l_read_groups(&w->stream, im, named);
}

/* ---- The whole stream (3.4, 3.8) ---- */

static rmexif_status read_header(walk *w, uint32_t *width, uint32_t *height) {
    if (lsb_take(&w->stream.in, 8) != SIGNATURE) return RMEXIF_BAD_VALUE;
    *width = 1 + lsb_take(&w->stream.in, 14);
    *height = 1 + lsb_take(&w->stream.in, 14);
    w->stream.report[VP8L_ALPHA_HINT] = lsb_take(&w->stream.in, 1);
    return lsb_take(&w->stream.in, 3) ? RMEXIF_BAD_VALUE : RMEXIF_OK;
}

/* Whether a channel's code has one symbol, the same one in every group. */
static bool constant_channel(const vp8l_image *im, uint32_t channel, uint32_t *value) {
    const vp8l_code *first = NULL;
    for (uint32_t i = 0; i < im->groups; i++) {
        if (!im->group[i].named) continue;
        const vp8l_code *code = &im->group[i].codes[channel];
        first = first ? first : code;
        if (code->symbols != 1 || code->table[0].value != first->table[0].value) return false;
    }
    *value = first->table[0].value;
    return true;
}

/* Whether the codes alone say what decoding would: nothing is translucent; in ALPH, no value but green varies. */
static bool needs_no_pixels(const walk *w, const vp8l_image *im) {
    uint32_t value = 0;
    bool predicted = w->stream.report[VP8L_TRANSFORMS] >> VP8L_PREDICTOR & 1;
    if (w->stream.report[VP8L_COLOURS]) return false;
    if (w->headless) {
        return !im->cache_bits && constant_channel(im, VP8L_RED, &value) && constant_channel(im, VP8L_BLUE, &value) &&
               constant_channel(im, VP8L_ALPHA, &value);
    }
    if (!constant_channel(im, VP8L_ALPHA, &value)) return false;
    return predicted ? value == 0 : value == 255 && !im->cache_bits; /* a cache starts with transparent black */
}

static void put_row(uint8_t *out, const uint32_t *row, uint32_t width) {
    for (uint32_t x = 0; x < width; x++) {
        *out++ = (uint8_t)(row[x] >> 16);
        *out++ = (uint8_t)(row[x] >> 8);
        *out++ = (uint8_t)row[x];
        *out++ = (uint8_t)(row[x] >> 24);
    }
}

static void report_rows(walk *w, const vp8l_image *im, const vp8l_rows *rows) {
    bool indexed = w->stream.report[VP8L_COLOURS] != 0;
    w->stream.report[VP8L_DECODED] = 1;
    if (!w->headless) {
        w->stream.report[VP8L_TRANSLUCENT] = rows->translucent;
        w->stream.report[VP8L_HIDDEN] = rows->hidden;
        w->stream.report[VP8L_HIDDEN_CODED] = rows->hidden_coded;
    }
    if (indexed || w->headless) {
        /* The predictor of the first pixel is opaque black: in ALPH its value differs from all others. */
        uint32_t first = w->headless && w->stream.report[VP8L_TRANSFORMS] >> VP8L_PREDICTOR & 1;
        vp8l_count_free(&w->stream, im->values + first, im->total - first, 0xFFFF00FFu);
    }
    if (!indexed) return;
    w->stream.report[VP8L_FREE_VALUES] += rows->padding;
    for (uint32_t i = 0; i < w->stream.report[VP8L_COLOURS]; i++) {
        w->stream.report[VP8L_UNUSED_COLOURS] += !rows->named[i];
    }
}

static rmexif_status restore(walk *w, const vp8l_image *im, uint32_t width, uint8_t *out, uint32_t out_rows) {
    vp8l_rows rows = {.transforms = w->transforms, .count = w->transform_count};
    if (!im->kept) return RMEXIF_OK;
    rows.row = vp8l_take(&w->stream.arena, (size_t)width * sizeof *rows.row);
    rows.above = vp8l_take(&w->stream.arena, ((size_t)width + 1) * sizeof *rows.above);
    if (!rows.row || !rows.above) return RMEXIF_LIMIT;
    memset(rows.above, 0, ((size_t)width + 1) * sizeof *rows.above);
    for (uint32_t y = 0; y < im->kept / im->width; y++) {
        vp8l_restore_row(&rows, im->values + (size_t)y * im->width, im->width, y);
        if (y < out_rows) put_row(out + (size_t)y * width * 4, rows.row, width);
    }
    if (im->kept == im->total) report_rows(w, im, &rows);
    return RMEXIF_OK;
}

static rmexif_status read_stream(walk *w, uint32_t width, uint32_t height, bool decode, uint8_t *out, size_t size) {
    vp8l_image im = {.width = width, .height = height};
    VP8L_TRY(read_transforms(w, &im.width, height));
    im.total = im.width * height;
    VP8L_TRY(vp8l_read_cache_bits(&w->stream, &im.cache_bits));
    VP8L_TRY(read_entropy_image(w, &im));
    if (lsb_overrun(&w->stream.in)) return RMEXIF_ENDS_EARLY;
    bool proven = decode && needs_no_pixels(w, &im);
    size_t fit = size / ((size_t)width * 4);
    uint32_t out_rows = fit < height ? (uint32_t)fit : height;
    VP8L_TRY(vp8l_take_values(&w->stream, &im, decode && !proven ? im.total : out_rows * im.width));
    VP8L_TRY(vp8l_read_values(&w->stream, &im));
    VP8L_TRY(restore(w, &im, width, out, out_rows));
    if (proven) w->stream.report[VP8L_DECODED] = 1;
    w->stream.report[VP8L_GROUPS] = im.groups;
    for (uint32_t i = 0; i < im.groups; i++) {
        if (im.group[i].named && im.group[i].used) {
            vp8l_count_symbols(&w->stream, &im.group[i]);
        } else {
            w->stream.report[VP8L_UNUSED_GROUPS]++;
        }
    }
    return RMEXIF_OK;
}

size_t rmexif_vp8l_scratch(uint32_t width, uint32_t height, size_t size) {
    uint64_t values = (uint64_t)width * height / 2, coded = 32 * (uint64_t)size;
    return (size_t)((1 << 18) + 16 * (uint64_t)width + (values < coded ? values : coded));
}

rmexif_status rmexif_vp8l_walk(const uint8_t *data, size_t size, uint32_t width, uint32_t height, uint64_t most_pixels,
                               uint32_t decode, uint8_t *rows, size_t rows_size, uint8_t *scratch,
                               size_t scratch_size, uint64_t *report) {
    walk w = {.stream = {.in = lsb_open(data, size), .report = report}, .headless = width || height};
    size_t misaligned = (size_t)(-(uintptr_t)scratch & 7);
    if (misaligned > scratch_size) misaligned = scratch_size;
    w.stream.arena =
        (vp8l_arena){.next = scratch + misaligned, .end = scratch + scratch_size, .taken = misaligned};
    memset(report, 0, VP8L_FACTS * sizeof *report);
    if (w.headless && (!width || !height || width > LARGEST_SIDE || height > LARGEST_SIDE)) return RMEXIF_BAD_ARGUMENT;
    rmexif_status status = w.headless ? RMEXIF_OK : read_header(&w, &width, &height);
    bool fits = (uint64_t)width * height <= most_pixels;
    if (status == RMEXIF_OK) status = fits ? read_stream(&w, width, height, decode, rows, rows_size) : RMEXIF_LIMIT;
    if (lsb_overrun(&w.stream.in)) status = RMEXIF_ENDS_EARLY;
    if (status != RMEXIF_OK) memset(report, 0, VP8L_FACTS * sizeof *report);
    if (status == RMEXIF_LIMIT && fits) report[VP8L_SCRATCH] = w.stream.arena.taken;
    if (status != RMEXIF_OK) return status;
    report[VP8L_BITS] = lsb_position(&w.stream.in);
    report[VP8L_WIDTH] = width;
    report[VP8L_HEIGHT] = height;
    return RMEXIF_OK;
}
