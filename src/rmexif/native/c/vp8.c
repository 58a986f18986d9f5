#include "vp8.h"

#include "vp8_header.h"

enum { HEAD = 10, MOST_FIRST = (1 << 19) - 1, MOST_TOKENS = (1 << 24) - 1, LAST = 15 };
enum { SUBMODED = 1, SKIPPED = 2, SEGMENT_SHIFT = 2 }; /* of a macroblock */
enum { B_DC, B_TM, B_VE, B_HE, B_RD, B_VR, B_LD, B_VL, B_HD, B_HU };
enum { Y_AFTER_Y2, Y2, CHROMA, Y_WITH_DC }; /* block types (13.3) */

typedef struct {
    uint8_t y[4], u[2], v[2], y2; /* whether blocks at the edge have coefficients */
} edge;

typedef struct {
    uint32_t width, height, version, columns, rows; /* pixels, pixels, -, macroblocks, macroblocks */
    uint32_t scale;                                 /* the bits that ask a viewer to enlarge */
    uint8_t *kinds;                                 /* of every macroblock */
    uint8_t *modes_above;                           /* four of every column */
    edge *edges_above;
    const uint8_t *first;
    size_t first_size;
    vp8_header header;
    vp8_usage usage;
    vp8_bools parts[VP8_MOST_PARTITIONS];
    uint32_t part_count;
    uint64_t redundant;
    uint8_t probabilities[VP8_TYPES][LAST + 1][VP8_CONTEXTS][VP8_NODES]; /* by coefficient instead of band */
    uint16_t nodes[VP8_TYPES][LAST + 1][VP8_CONTEXTS];
} frame;

static const uint8_t BANDS[LAST + 1] = {0, 1, 2, 3, 6, 4, 5, 6, 6, 6, 6, 6, 6, 6, 6, 7};

/* ---- Modes (11), read, and where a writer is given written again ---- */

typedef struct {
    vp8_bools *from;
    vp8_booler *to; /* null: read only */
} modes;

static uint32_t next(const modes *m, uint32_t probability) {
    uint32_t bit = vp8_get(m->from, probability);
    if (m->to) vp8_put(m->to, bit, probability);
    return bit;
}

static uint32_t submode(const modes *m, const uint8_t *p) {
    if (!next(m, p[0])) return B_DC;
    if (!next(m, p[1])) return B_TM;
    if (!next(m, p[2])) return B_VE;
    if (!next(m, p[3])) return !next(m, p[4]) ? B_HE : !next(m, p[5]) ? B_RD : B_VR;
    return !next(m, p[6]) ? B_LD : !next(m, p[7]) ? B_VL : !next(m, p[8]) ? B_HD : B_HU;
}

static bool luma_modes(const modes *m, uint8_t *above, uint8_t *left) {
    if (next(m, 145)) {
        uint32_t mode = next(m, 156) ? (next(m, 128) ? B_TM : B_HE) : next(m, 163) ? B_VE : B_DC;
        memset(above, (int)mode, 4);
        memset(left, (int)mode, 4);
        return false;
    }
    for (uint32_t y = 0; y < 4; y++) {
        for (uint32_t x = 0; x < 4; x++) {
            left[y] = above[x] = (uint8_t)submode(m, VP8_SUBMODE_PROBABILITIES[above[x]][left[y]]);
        }
    }
    return true;
}

static uint32_t get_segment(vp8_bools *r, const uint32_t *nodes) {
    return vp8_get(r, nodes[0]) ? 2 + vp8_get(r, nodes[2]) : vp8_get(r, nodes[1]);
}

static void put_segment(vp8_booler *w, const uint32_t *nodes, uint32_t segment) {
    vp8_put(w, segment >> 1, nodes[0]);
    vp8_put(w, segment & 1, nodes[1 + (segment >> 1)]);
}

static uint32_t macroblock_modes(const modes *m, const vp8_header *h, const vp8_header *c, const uint8_t *segments,
                                 uint8_t *above, uint8_t *left) {
    uint32_t segment = h->maps_segments ? get_segment(m->from, h->segment_nodes) : 0;
    uint32_t skipped = h->skips ? vp8_get(m->from, h->skip_probability) : 0;
    if (m->to && c->maps_segments) put_segment(m->to, c->segment_nodes, segments[segment]);
    if (m->to && c->skips) vp8_put(m->to, skipped, c->skip_probability);
    uint32_t submoded = luma_modes(m, above, left);
    if (next(m, 142) && next(m, 114)) next(m, 183);
    return segment << SEGMENT_SHIFT | skipped * SKIPPED | submoded * SUBMODED;
}

/* All macroblocks. `kinds`: null where they are known already. */
static rmexif_status read_modes(frame *f, const modes *m, const vp8_header *c, const uint8_t *segments,
                                uint8_t *kinds) {
    memset(f->modes_above, B_DC, 4 * (size_t)f->columns);
    for (uint32_t y = 0; y < f->rows; y++) {
        uint8_t left[4] = {B_DC, B_DC, B_DC, B_DC};
        for (uint32_t x = 0; x < f->columns; x++) {
            uint32_t kind = macroblock_modes(m, &f->header, c, segments, f->modes_above + 4 * (size_t)x, left);
            if (m->from->padding) return RMEXIF_ENDS_EARLY;
            if (!kinds) continue;
            *kinds++ = (uint8_t)kind;
            f->usage.submoded += kind & SUBMODED;
            f->usage.skipped += kind >> 1 & 1;
            f->usage.in_segment[kind >> SEGMENT_SHIFT]++;
        }
    }
    return RMEXIF_OK;
}

/* ---- Tokens (13) ---- */

/* The rest of a coefficient beyond 1; answers the nodes that were asked. */
static inline uint32_t large_value(vp8_bools *r, const uint8_t *p) {
    static const uint8_t extra[4][12] = {{173, 148, 140}, {176, 155, 140, 135}, {180, 157, 141, 134, 130},
                                         {254, 254, 243, 230, 196, 177, 153, 140, 133, 130, 129}};
    if (!vp8_get(r, p[3])) {
        if (!vp8_get(r, p[4])) return 1 << 3 | 1 << 4;
        vp8_skip(r, p[5]);
        return 1 << 3 | 1 << 4 | 1 << 5;
    }
    if (!vp8_get(r, p[6])) {
        if (!vp8_get(r, p[7])) {
            vp8_skip(r, 159);
        } else {
            vp8_skip(r, 165);
            vp8_skip(r, 145);
        }
        return 1 << 3 | 1 << 6 | 1 << 7;
    }
    uint32_t high = vp8_get(r, p[8]), low = vp8_get(r, p[9 + high]);
    for (const uint8_t *e = extra[2 * high + low]; *e; e++) vp8_skip(r, *e);
    return 1u << 3 | 1u << 6 | 1u << 8 | 1u << (9 + high);
}

/* One block from coefficient `n` on; whether it has any. */
static bool read_block(frame *f, vp8_bools *reader, uint32_t type, uint32_t context, uint32_t n) {
    vp8_bools r = *reader;
    const uint8_t *p = f->probabilities[type][n][context];
    uint16_t *nodes = &f->nodes[type][n][context];
    uint32_t first = n;
    for (;;) {
        uint32_t asked = 3;
        if (!vp8_get(&r, p[0])) {
            *nodes |= 1;
            break;
        }
        while (!vp8_get(&r, p[1])) {
            *nodes |= (uint16_t)asked;
            asked = 2;
            if (n++ == LAST) {
                f->redundant++;
                *reader = r;
                return true;
            }
            p = f->probabilities[type][n][0];
            nodes = &f->nodes[type][n][0];
        }
        context = 1 + vp8_get(&r, p[2]);
        if (context == 2) asked |= large_value(&r, p);
        *nodes |= (uint16_t)(asked | 4);
        vp8_skip_even(&r); /* the sign */
        if (n++ == LAST) break;
        p = f->probabilities[type][n][context];
        nodes = &f->nodes[type][n][context];
    }
    *reader = r;
    return n > first;
}

static bool read_plane(frame *f, vp8_bools *r, uint32_t type, uint8_t *above, uint8_t *left, uint32_t side) {
    bool any = false;
    for (uint32_t y = 0; y < side; y++) {
        for (uint32_t x = 0; x < side; x++) {
            bool has = read_block(f, r, type, above[x] + left[y], type == Y_AFTER_Y2);
            above[x] = left[y] = has;
            any |= has;
        }
    }
    return any;
}

static void read_macroblock(frame *f, vp8_bools *r, uint32_t kind, edge *above, edge *left) {
    if (kind & SKIPPED) {
        edge none = {.y2 = 0}, old_above = *above, old_left = *left;
        *above = *left = none;
        above->y2 = kind & SUBMODED ? old_above.y2 : 0;
        left->y2 = kind & SUBMODED ? old_left.y2 : 0;
        return;
    }
    bool any = false;
    if (!(kind & SUBMODED)) above->y2 = left->y2 = any = read_block(f, r, Y2, above->y2 + left->y2, 0);
    any |= read_plane(f, r, kind & SUBMODED ? Y_WITH_DC : Y_AFTER_Y2, above->y, left->y, 4);
    any |= read_plane(f, r, CHROMA, above->u, left->u, 2);
    any |= read_plane(f, r, CHROMA, above->v, left->v, 2);
    f->redundant += !any && f->header.skips;
}

static void spread_probabilities(frame *f) {
    for (uint32_t t = 0; t < VP8_TYPES; t++) {
        for (uint32_t n = 0; n <= LAST; n++) {
            memcpy(f->probabilities[t][n], f->header.probabilities[t][BANDS[n]], sizeof f->probabilities[t][n]);
        }
    }
}

static void gather_nodes(frame *f) {
    for (uint32_t t = 0; t < VP8_TYPES; t++) {
        for (uint32_t n = 0; n <= LAST; n++) {
            for (uint32_t c = 0; c < VP8_CONTEXTS; c++) f->usage.nodes[t][BANDS[n]][c] |= f->nodes[t][n][c];
        }
    }
}

static rmexif_status read_tokens(frame *f) {
    const uint8_t *kind = f->kinds;
    spread_probabilities(f);
    memset(f->edges_above, 0, f->columns * sizeof *f->edges_above);
    for (uint32_t y = 0; y < f->rows; y++) {
        vp8_bools *r = &f->parts[1 + y % (f->part_count - 1)];
        edge left = {.y2 = 0};
        if (r->start == r->end) return RMEXIF_ENDS_EARLY; /* libwebp refuses it even where all is skipped */
        for (uint32_t x = 0; x < f->columns; x++) {
            read_macroblock(f, r, *kind++, &f->edges_above[x], &left);
            if (r->padding) return RMEXIF_ENDS_EARLY;
        }
    }
    gather_nodes(f);
    return RMEXIF_OK;
}

/* ---- The frame (9.1, 9.5) ---- */

static uint32_t load_le24(const uint8_t *p) { return (uint32_t)p[0] | (uint32_t)p[1] << 8 | (uint32_t)p[2] << 16; }

static rmexif_status read_head(frame *f, const uint8_t *data, size_t size) {
    static const uint8_t start_code[3] = {0x9D, 0x01, 0x2A};
    if (size < HEAD) return RMEXIF_ENDS_EARLY;
    uint32_t tag = load_le24(data), width = load_le24(data + 6) & 0xFFFF, height = load_le24(data + 7) >> 8;
    f->version = tag >> 1 & 7;
    f->width = width & 0x3FFF;
    f->height = height & 0x3FFF;
    f->scale = (width | height) >> 14;
    f->first = data + HEAD;
    f->first_size = tag >> 5;
    if (tag & 1 || f->version > 3 || !(tag >> 4 & 1) || !f->width || !f->height) return RMEXIF_BAD_VALUE;
    for (uint32_t i = 0; i < sizeof start_code; i++) {
        if (data[3 + i] != start_code[i]) return RMEXIF_BAD_VALUE;
    }
    f->columns = (f->width + 15) / 16;
    f->rows = (f->height + 15) / 16;
    f->usage.macroblocks = (uint64_t)f->columns * f->rows;
    return f->first_size < size - HEAD ? RMEXIF_OK : RMEXIF_ENDS_EARLY;
}

/* Where the partitions of tokens lie; one that would run past the end has what is left, as libwebp has it. */
static rmexif_status open_partitions(frame *f, const uint8_t *data, size_t size) {
    size_t table = HEAD + f->first_size, count = (size_t)1 << f->header.partition_bits;
    f->part_count = 1 + (uint32_t)count;
    if (size - table < 3 * (count - 1)) return RMEXIF_ENDS_EARLY;
    size_t at = table + 3 * (count - 1);
    for (size_t i = 0; i < count; i++) {
        size_t length = size - at;
        if (i + 1 < count && load_le24(data + table + 3 * i) < length) length = load_le24(data + table + 3 * i);
        f->parts[1 + i] = vp8_open(data + at, length);
        at += length;
    }
    return f->parts[count].start == f->parts[count].end ? RMEXIF_ENDS_EARLY : RMEXIF_OK;
}

static rmexif_status take_scratch(frame *f, uint8_t *scratch, size_t size) {
    if (size < rmexif_vp8_scratch(f->width, f->height)) return RMEXIF_LIMIT;
    f->kinds = scratch;
    f->modes_above = f->kinds + (size_t)f->columns * f->rows;
    f->edges_above = (edge *)(void *)(f->modes_above + 4 * (size_t)f->columns); /* bytes all through: any alignment */
    return RMEXIF_OK;
}

static rmexif_status read_frame(frame *f, const uint8_t *data, size_t size, uint8_t *scratch, size_t scratch_size) {
    memset(f, 0, sizeof *f);
    rmexif_status status = read_head(f, data, size);
    if (status == RMEXIF_OK) status = take_scratch(f, scratch, scratch_size);
    if (status != RMEXIF_OK) return status;
    f->parts[0] = vp8_open(f->first, f->first_size);
    vp8_read_header(&f->parts[0], &f->header);
    if (f->parts[0].padding) return RMEXIF_ENDS_EARLY;
    status = open_partitions(f, data, size);
    if (status != RMEXIF_OK) return status;
    modes m = {.from = &f->parts[0]};
    status = read_modes(f, &m, NULL, NULL, f->kinds);
    if (status == RMEXIF_OK) status = read_tokens(f);
    for (uint32_t i = 0; i < f->part_count && status == RMEXIF_OK; i++) {
        if (vp8_is_impossible(&f->parts[i])) status = RMEXIF_BAD_CODE;
    }
    return status;
}

/* ---- Written again ---- */

static void put_le24(writer *w, size_t value) {
    for (uint32_t shift = 0; shift < 24; shift += 8) put_byte(w, (uint8_t)(value >> shift));
}

/* The first partition, from its own booleans; answers its size. */
static size_t write_first(frame *f, const vp8_header *c, const uint8_t *segments, writer *out) {
    vp8_bools from = vp8_open(f->first, f->first_size);
    vp8_booler to = vp8_start(out);
    modes m = {.from = &from, .to = &to};
    uint8_t *before = out->next;
    vp8_header again;
    vp8_read_header(&from, &again);
    vp8_write_header(&to, c);
    read_modes(f, &m, c, segments, NULL); /* cannot end early: it did not the first time */
    vp8_finish(&to);
    return (size_t)(out->next - before);
}

static void write_head(const frame *f, const vp8_header *c, size_t first_size, uint8_t *out) {
    writer head = writer_open(out, HEAD);
    put_le24(&head, 1u << 4 | c->simple_filter << 1 | first_size << 5);
    put_bytes(&head, (const uint8_t[]){0x9D, 0x01, 0x2A}, 3);
    put_le24(&head, f->width | (f->height & 0xFF) << 16);
    put_byte(&head, (uint8_t)(f->height >> 8));
}

static rmexif_status write_frame(frame *f, uint8_t *out, size_t size, uint64_t *report) {
    uint8_t segments[VP8_SEGMENTS];
    vp8_header canonical = vp8_canonical(&f->header, &f->usage, segments);
    if (size < HEAD) return RMEXIF_OUTPUT_FULL;
    writer w = writer_open(out + HEAD, size - HEAD);
    size_t first_size = write_first(f, &canonical, segments, &w);
    for (uint32_t i = 1; i < f->part_count; i++) {
        size_t length = vp8_finished_size(&f->parts[i]);
        if (length > MOST_TOKENS && i + 1 < f->part_count) return RMEXIF_BAD_VALUE;
        if (i + 1 < f->part_count) put_le24(&w, length);
    }
    for (uint32_t i = 1; i < f->part_count; i++) vp8_copy_partition(&f->parts[i], &w);
    if (w.full) return RMEXIF_OUTPUT_FULL;
    if (first_size > MOST_FIRST) return RMEXIF_BAD_VALUE;
    write_head(f, &canonical, first_size, out);
    report[VP8_REWRITTEN] = HEAD + writer_size(&w);
    return RMEXIF_OK;
}

static void report_frame(const frame *f, const uint8_t *data, uint64_t *report) {
    report[VP8_WIDTH] = f->width;
    report[VP8_HEIGHT] = f->height;
    report[VP8_PARTITIONS] = f->part_count;
    report[VP8_HEADER_FLAGS] = f->header.colour_space | f->header.clamping << 1 | (f->scale ? 4 : 0) |
                               (f->version != f->header.simple_filter ? 8 : 0);
    report[VP8_REDUNDANT_BLOCKS] = f->redundant;
    vp8_count_probabilities(&f->header, &f->usage, &report[VP8_PROBABILITIES], &report[VP8_UNUSED_PROBABILITIES]);
    for (uint32_t i = 0; i < f->part_count; i++) {
        const vp8_bools *r = &f->parts[i];
        size_t size = (size_t)(r->end - r->start), finished = vp8_finished_size(r);
        report[VP8_STARTS + i] = (uint64_t)(r->start - data);
        report[VP8_SIZES + i] = size;
        report[VP8_NEEDED + i] = vp8_needed(r);
        report[VP8_FREE] += size > finished ? size - finished : 0;
    }
}

size_t rmexif_vp8_scratch(uint32_t width, uint32_t height) {
    uint64_t columns = ((uint64_t)width + 15) / 16, rows = ((uint64_t)height + 15) / 16;
    return (size_t)(columns * rows + columns * (4 + sizeof(edge)));
}

rmexif_status rmexif_vp8_rewrite(const uint8_t *data, size_t size, uint8_t *scratch, size_t scratch_size, uint8_t *out,
                                 size_t out_size, uint64_t *report) {
    frame f;
    memset(report, 0, VP8_FACTS * sizeof *report);
    rmexif_status status = read_frame(&f, data, size, scratch, scratch_size);
    if (status == RMEXIF_OK) status = write_frame(&f, out, out_size, report);
    if (status == RMEXIF_OK) report_frame(&f, data, report);
    return status;
}
