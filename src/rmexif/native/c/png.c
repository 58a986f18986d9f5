#include "png_rows.h"

enum {
    OLD = 1 << 17,             /* byte: window of bytes inflated, */
    PIECE = OLD,               /* so many at a time at the most, and not more symbols; */
    FRESH = 3 * (OLD / 2),     /* window of bytes made of them */
    SYMBOLS = PIECE + 1024,
};

/* The parts of the scratch; rows are zero. */
typedef struct {
    uint8_t *old, *fresh;
    uint32_t *symbols, *work;
    uint8_t *rows, *fresh_rows;
} scratchpad;

size_t rmexif_png_scratch(const png_layout *layout) {
    size_t room = png_row_room(layout);
    return room ? OLD + FRESH + 2 * PNG_SLACK + 4 * (SYMBOLS + RECODE_WORK) + 4 * room + 8 : 0;
}

static bool share_scratch(const png_layout *layout, uint8_t *scratch, size_t size, scratchpad *s) {
    size_t room = png_row_room(layout);
    if (!room || size < rmexif_png_scratch(layout)) return false;
    scratch += -(uintptr_t)scratch & 7;
    s->symbols = (uint32_t *)(void *)scratch;
    s->work = s->symbols + SYMBOLS;
    s->old = (uint8_t *)(s->work + RECODE_WORK);
    s->fresh = s->old + OLD + PNG_SLACK;
    s->rows = s->fresh + FRESH + PNG_SLACK;
    s->fresh_rows = s->rows + 2 * room;
    memset(s->rows, 0, 4 * room);
    return true;
}

/* --- Survey ---------------------------------------------------------------------------------------------------- */

typedef struct {
    png_rows rows;
    const uint8_t *key;
    uint8_t packed[256]; /* bytes of whole samples that occur */
    uint8_t *used;
    bool keeps_rows, counts; /* whether filters have to be undone, samples counted */
    png_findings *findings;
} survey;

/* Whether a pixel of alpha 0 has colour: as a number, its highest bytes are 0, and it is not. */
static bool has_invisible(const uint8_t *p, size_t count, size_t step, size_t colour_size) {
    uint64_t most = ((uint64_t)1 << 8 * colour_size) - 1;
    bool found = false;
    if (step == 4) {
        for (const uint8_t *end = p + count; p < end; p += 4) {
            uint32_t pixel = (uint32_t)p[0] | (uint32_t)p[1] << 8 | (uint32_t)p[2] << 16 | (uint32_t)p[3] << 24;
            found |= pixel - 1 < (uint32_t)most;
        }
        return found;
    }
    for (const uint8_t *end = p + count; p < end; p += step) {
        uint64_t pixel = step == 2 ? (uint64_t)p[0] | (uint64_t)p[1] << 8 : load_le64(p);
        found |= pixel - 1 < most;
    }
    return found;
}

static bool has_pixel(const uint8_t *p, size_t count, size_t step, const uint8_t *key) {
    for (const uint8_t *end = p + count; p < end; p += step) {
        size_t n = 0;
        while (n < step && p[n] == key[n]) n++;
        if (n == step) return true;
    }
    return false;
}

static void count_samples(survey *s, size_t count) {
    const png_rows *p = &s->rows;
    size_t from = p->at, to = p->at + count, end = to < p->whole ? to : p->whole;
    for (size_t i = from; i < end; i++) s->packed[p->row[i]] = 1;
    if (to <= p->whole) return;
    uint32_t last = p->row[p->whole], depth = p->layout.depth, pixels = p->columns % (8 / depth);
    for (uint32_t n = 1; n <= pixels; n++) s->used[last >> (8 - n * depth) & ((1u << depth) - 1)] = 1;
    s->findings->padding += (last & (0xFFu >> pixels * depth)) != 0;
}

static void look(survey *s, const uint8_t *filtered, size_t count) {
    png_rows *p = &s->rows;
    uint8_t *row = p->row + p->at;
    png_unfilter(p->kind, filtered, row, p->above + p->at, count, p->step);
    if (p->colour_size && !s->findings->invisible) {
        s->findings->invisible = has_invisible(row, count, p->step, p->colour_size);
    }
    if (s->counts) count_samples(s, count);
    if (s->key && p->layout.depth >= 8 && !s->findings->keyed) {
        s->findings->keyed = has_pixel(row, count, p->step, s->key);
    }
}

/* Look at filtered bytes; returns how many were whole pixels. */
static size_t look_at(survey *s, const uint8_t *filtered, size_t count) {
    size_t done = 0;
    while (done < count && s->rows.pass < 7 && !s->findings->unknown_kind) {
        if (s->rows.kind == PNG_FILTERS) {
            s->findings->unknown_kind = !png_rows_take_kind(&s->rows, filtered[done++]);
            continue;
        }
        size_t span = png_rows_span(&s->rows, count - done);
        if (!span) break;
        if (s->keeps_rows) look(s, filtered + done, span);
        png_rows_advance(&s->rows, span);
        s->findings->rows += s->rows.kind == PNG_FILTERS;
        done += span;
    }
    return done;
}

/* Spread bytes of several samples over `used`. */
static void finish(survey *s) {
    uint32_t depth = s->rows.layout.depth, mask = (1u << depth) - 1;
    for (uint32_t byte = 0; s->counts && byte < 256; byte++) {
        for (uint32_t shift = 0; s->packed[byte] && shift < 8; shift += depth) s->used[byte >> shift & mask] = 1;
    }
    if (s->key && depth < 8) s->findings->keyed = s->used[*s->key & mask];
}

rmexif_status rmexif_png_survey(const uint8_t *data, size_t size, const png_layout *layout, const uint8_t *key,
                                uint32_t hasty, uint8_t *scratch, size_t scratch_size, uint8_t used[256],
                                png_findings *findings, deflate_report *report) {
    scratchpad pad;
    inflater in;
    survey s = {.key = key, .used = used, .findings = findings};
    memset(used, 0, 256);
    memset(findings, 0, sizeof *findings);
    memset(report, 0, sizeof *report);
    if (!share_scratch(layout, scratch, scratch_size, &pad)) return RMEXIF_BAD_ARGUMENT;
    png_rows_open(&s.rows, layout, pad.rows);
    s.counts = layout->depth < 8 || layout->colour == 3;
    s.keeps_rows = s.counts || key || s.rows.colour_size;
    rmexif_status status = inflater_open(&in, data, size, DEFLATE_ZLIB, png_size(layout), report);
    bool is_open = status == RMEXIF_OK;
    for (size_t at = 0, seen = 0; is_open;) {
        status = inflater_run(&in, pad.old, &at, OLD);
        seen += look_at(&s, pad.old + seen, at - seen);
        bool is_enough = hasty && findings->invisible;
        if (findings->unknown_kind || is_enough) { /* what the stream holds behind it was not looked at */
            finish(&s);
            memset(report, 0, sizeof *report);
            memset(used, 0, 256);
            if (is_enough) *findings = (png_findings){.invisible = 1};
            return is_enough ? RMEXIF_LIMIT : RMEXIF_BAD_VALUE;
        }
        is_open = status == RMEXIF_LIMIT;
        if (is_open) seen -= inflater_slide(&in, pad.old, &at);
    }
    finish(&s);
    return status;
}

/* --- Rewriting ------------------------------------------------------------------------------------------------- */

typedef struct {
    scratchpad pad;
    inflater in;
    recoder out;
    png_rows old, fresh; /* `fresh` has rows of its own; what is open is the same */
    const uint8_t *table;
    size_t at, seen, made; /* byte: inflated and looked at, in the old window; made, in the fresh one */
    uint32_t adler;        /* of what was made */
    bool is_mapped, is_known;
} rewriting;

/* Copy pixels without what no decoder shows. */
static void clear_invisible(const uint8_t *from, uint8_t *to, size_t count, size_t step, size_t colour_size) {
    uint64_t most = ((uint64_t)1 << 8 * colour_size) - 1;
    if (step == 4) {
        for (size_t i = 0; i < count; i += 4) {
            uint32_t pixel;
            memcpy(&pixel, from + i, 4);
            uint32_t number = (uint32_t)from[i] | (uint32_t)from[i + 1] << 8 | (uint32_t)from[i + 2] << 16 |
                              (uint32_t)from[i + 3] << 24;
            pixel = number - 1 < (uint32_t)most ? 0 : pixel;
            memcpy(to + i, &pixel, 4);
        }
        return;
    }
    memcpy(to, from, count);
    for (size_t i = 0; i < count; i += step) {
        uint64_t pixel = step == 2 ? (uint64_t)from[i] | (uint64_t)from[i + 1] << 8 : load_le64(from + i);
        if (pixel - 1 < most) memset(to + i, 0, step);
    }
}

static void clear(rewriting *w, const uint8_t *from, uint8_t *to, size_t count) {
    const png_rows *p = &w->fresh;
    if (p->colour_size) {
        clear_invisible(from, to, count, p->step, p->colour_size);
    } else if (w->is_mapped) {
        for (size_t i = 0; i < count; i++) to[i] = w->table[from[i]];
    } else {
        memcpy(to, from, count);
    }
    if (p->layout.depth < 8 && p->at + count > p->whole) {
        to[count - 1] &= (uint8_t)~(0xFFu >> p->columns % (8 / p->layout.depth) * p->layout.depth);
    }
}

/* Make fresh bytes of whole pixels that were inflated. */
static void renew(rewriting *w) {
    const uint8_t *filtered = w->pad.old;
    uint8_t *to = w->pad.fresh;
    while (w->seen < w->at && w->old.pass < 7 && w->is_known) {
        uint8_t kind = filtered[w->seen];
        if (w->old.kind == PNG_FILTERS) {
            w->is_known = png_rows_take_kind(&w->old, kind) && png_rows_take_kind(&w->fresh, kind);
            to[w->made++] = kind;
            w->seen++;
            continue;
        }
        size_t span = png_rows_span(&w->old, w->at - w->seen), at = w->old.at;
        if (!span) break;
        uint8_t *row = w->old.row + at, *fresh = w->fresh.row + at;
        png_unfilter(w->old.kind, filtered + w->seen, row, w->old.above + at, span, w->old.step);
        clear(w, row, fresh, span);
        png_filter(w->fresh.kind, fresh, w->fresh.above + at, to + w->made, span, w->fresh.step);
        png_rows_advance(&w->old, span);
        png_rows_advance(&w->fresh, span);
        w->made += span;
        w->seen += span;
    }
}

/* Move the last bytes that symbols may refer to, and those not followed yet, to the start of their windows. */
static void slide(rewriting *w) {
    recoder *r = &w->out;
    size_t shift = r->followed < DEFLATE_WINDOW ? 0 : r->followed - DEFLATE_WINDOW;
    w->seen -= inflater_slide(&w->in, w->pad.old, &w->at);
    if (shift < w->made - shift) return; /* there still is room: FRESH is so large */
    memcpy(w->pad.fresh, w->pad.fresh + shift, w->made - shift);
    w->made -= shift;
    r->at -= shift;
    r->followed -= shift;
}

/* Rewrite a window of bytes; RMEXIF_LIMIT: there are more. */
static rmexif_status rewrite_piece(rewriting *w) {
    size_t before = w->made;
    rmexif_status status = inflater_run(&w->in, w->pad.old, &w->at, OLD);
    inflater_pack_literals(&w->in, w->at, false);
    renew(w);
    w->adler = deflate_adler32(w->adler, w->pad.fresh + before, w->made - before);
    w->out.available = w->made;
    size_t limit = w->made;
    if (status == RMEXIF_LIMIT) limit = w->made < RECODE_LOOKAHEAD ? 0 : w->made - RECODE_LOOKAHEAD;
    size_t done = recoder_follow(&w->out, w->pad.symbols, w->in.packed_count, limit);
    w->in.packed_count -= done;
    for (size_t i = 0; i < w->in.packed_count; i++) w->pad.symbols[i] = w->pad.symbols[i + done];
    if (status == RMEXIF_LIMIT) slide(w);
    return status;
}

rmexif_status rmexif_png_rewrite(const uint8_t *data, size_t size, const png_layout *layout, const uint8_t table[256],
                                 uint8_t *scratch, size_t scratch_size, uint8_t *out, size_t capacity,
                                 size_t *written, deflate_report *report) {
    rewriting w = {.table = table, .is_mapped = layout->colour == 3, .is_known = true, .adler = 1};
    *written = 0;
    memset(report, 0, sizeof *report);
    if (!share_scratch(layout, scratch, scratch_size, &w.pad)) return RMEXIF_BAD_ARGUMENT;
    png_rows_open(&w.old, layout, w.pad.rows);
    png_rows_open(&w.fresh, layout, w.pad.fresh_rows);
    rmexif_status status = inflater_open(&w.in, data, size, DEFLATE_ZLIB, png_size(layout), report);
    if (status != RMEXIF_OK) return status;
    recoder_open(&w.out, w.pad.work, out, capacity);
    w.out.fresh = w.pad.fresh;
    w.in.packed = w.pad.symbols;
    w.in.packed_capacity = SYMBOLS;
    do {
        status = rewrite_piece(&w);
    } while (status == RMEXIF_LIMIT && w.is_known);
    if (!w.is_known) {
        memset(report, 0, sizeof *report);
        return RMEXIF_BAD_VALUE;
    }
    if (report->size < png_size(layout)) return status == RMEXIF_OK ? RMEXIF_ENDS_EARLY : status;
    return recoder_close(&w.out, w.adler, written);
}
