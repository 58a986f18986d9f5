#include "rle.h"

#include "writer.h"

enum {
    PACKED = 128,     /* bytes of a PackBits run or literal, at most; also the code that means nothing */
    RUN = 255,        /* pixels of a BMP run or literal, and of a jump, at most */
    LITERAL = 3,      /* pixels of the shortest BMP literal */
    END_OF_LINE = 0,
    END_OF_BITMAP = 1,
    DELTA = 2,
};

static size_t least(size_t a, size_t b) { return a < b ? a : b; }

rmexif_status rmexif_rle_decode_packbits(const uint8_t *data, size_t size, uint8_t *out, size_t out_size,
                                         uint64_t *written, uint64_t *consumed) {
    writer w = writer_open(out, out_size);
    size_t at = 0;
    while (w.next < w.end && at < size) {
        const uint8_t code = data[at++];
        const size_t room = (size_t)(w.end - w.next);
        if (code < PACKED) {
            size_t count = least(code + 1u, size - at);
            put_bytes(&w, data + at, least(count, room));
            at += count;
        } else if (code > PACKED && at < size) {
            put_run(&w, data[at++], least(257u - code, room));
        }
    }
    *written = writer_size(&w);
    *consumed = at;
    return w.next < w.end ? RMEXIF_ENDS_EARLY : RMEXIF_OK;
}

static void put_packed_literal(writer *w, const uint8_t *data, size_t size) {
    for (size_t at = 0; at < size; at += PACKED) {
        size_t count = least(size - at, PACKED);
        put_byte(w, (uint8_t)(count - 1));
        put_bytes(w, data + at, count);
    }
}

static void put_packed_run(writer *w, uint8_t value, size_t size) {
    for (; size > 1; size -= least(size, PACKED)) {
        put_byte(w, (uint8_t)(257 - least(size, PACKED)));
        put_byte(w, value);
    }
}

static void pack_row(writer *w, const uint8_t *row, size_t size) {
    size_t literal = 0, at = 0; /* the literal goes from `literal` to `at` */
    while (at < size) {
        size_t end = at + 1;
        while (end < size && row[end] == row[at]) end++;
        if (end - at == 1) {
            at = end;
            continue;
        }
        size_t held = (at - literal) % PACKED;
        bool single = end < size && (end + 1 == size || row[end + 1] != row[end]);
        if (end - at == 2 && single && held > 0 && held < PACKED - 1) {
            at = end;
            continue;
        }
        put_packed_literal(w, row + literal, at - literal);
        put_packed_run(w, row[at], end - at);
        literal = (end - at) % PACKED == 1 ? end - 1 : end;
        at = end;
    }
    put_packed_literal(w, row + literal, at - literal);
}

rmexif_status rmexif_rle_encode_packbits(const uint8_t *data, size_t size, size_t row, uint8_t *out, size_t out_size,
                                         uint64_t *written) {
    *written = 0;
    if (!row) return RMEXIF_BAD_ARGUMENT;
    writer w = writer_open(out, out_size);
    for (size_t at = 0; at < size; at += least(row, size - at)) pack_row(&w, data + at, least(row, size - at));
    *written = writer_size(&w);
    return w.full ? RMEXIF_OUTPUT_FULL : RMEXIF_OK;
}

typedef struct {
    uint8_t *pixels;
    uint32_t *spans;
    size_t spans_size, count; /* triples */
    uint32_t width, height, x, y;
} canvas;

/* Note that pixels are painted; false: there is no room for another span. */
static bool paint(canvas *c, uint32_t pixels) {
    if (!pixels) return true;
    uint32_t *last = c->count ? c->spans + 3 * (c->count - 1) : NULL;
    if (last && last[0] == c->y && last[2] == c->x) {
        last[2] += pixels;
    } else {
        if (c->count == c->spans_size) return false;
        memcpy(c->spans + 3 * c->count++, (uint32_t[]){c->y, c->x, c->x + pixels}, 3 * sizeof *c->spans);
    }
    c->x += pixels;
    return true;
}

static rmexif_status paint_run(canvas *c, uint32_t count, uint8_t value, bool nibbles) {
    uint8_t *to = c->pixels + (size_t)c->y * c->width + c->x;
    count = (uint32_t)least(count, c->width - c->x); /* what goes beyond a row is not painted */
    for (uint32_t n = 0; n < count; n++) to[n] = !nibbles ? value : n % 2 ? value & 15 : value >> 4;
    return paint(c, count) ? RMEXIF_OK : RMEXIF_LIMIT;
}

static rmexif_status paint_literal(canvas *c, const uint8_t *data, size_t size, uint32_t count, bool nibbles) {
    if (count > c->width - c->x) return RMEXIF_BAD_VALUE;
    if (size < (nibbles ? (count + 1) / 2 : count)) return RMEXIF_ENDS_EARLY;
    uint8_t *to = c->pixels + (size_t)c->y * c->width + c->x;
    for (uint32_t n = 0; n < count; n++) to[n] = !nibbles ? data[n] : n % 2 ? data[n / 2] & 15 : data[n / 2] >> 4;
    return paint(c, count) ? RMEXIF_OK : RMEXIF_LIMIT;
}

static rmexif_status jump(canvas *c, const uint8_t *data, size_t size) {
    if (size < 2) return RMEXIF_ENDS_EARLY;
    if (data[0] > c->width - c->x || data[1] >= c->height - c->y) return RMEXIF_BAD_VALUE;
    c->x += data[0];
    c->y += data[1];
    return RMEXIF_OK;
}

/* Follow codes up to the last pixel, or an end code: then `at` is behind it and `ended` is true. */
static rmexif_status follow(canvas *c, const uint8_t *data, size_t size, bool nibbles, size_t *at, bool *ended) {
    rmexif_status status = RMEXIF_OK;
    while (c->y < c->height && status == RMEXIF_OK) {
        if (size - *at < 2) return RMEXIF_ENDS_EARLY;
        const uint8_t count = data[*at], value = data[*at + 1];
        const uint8_t *rest = data + (*at += 2);
        if (count) {
            status = paint_run(c, count, value, nibbles);
        } else if (value == END_OF_LINE) {
            c->x = 0;
            c->y++;
            continue;
        } else if (value == END_OF_BITMAP) {
            *ended = true;
            return RMEXIF_OK;
        } else if (value == DELTA) {
            status = jump(c, rest, size - *at);
            *at = least(*at + 2, size);
        } else {
            status = paint_literal(c, rest, size - *at, value, nibbles);
            *at = least(*at + ((nibbles ? (value + 1u) / 2 : value) + 1u) / 2 * 2, size); /* whole words */
        }
        if (c->x == c->width && c->y == c->height - 1) c->y = c->height;
    }
    return status;
}

rmexif_status rmexif_rle_decode_bmp(const uint8_t *data, size_t size, uint32_t width, uint32_t height,
                                    uint32_t nibbles, uint8_t *pixels, size_t pixels_size, uint32_t *spans,
                                    size_t spans_size, uint64_t *report) {
    memset(report, 0, BMP_RLE_FACTS * sizeof *report);
    if (!width || !height || (uint64_t)width * height != pixels_size) return RMEXIF_BAD_ARGUMENT;
    canvas c = {pixels, spans, spans_size, 0, width, height, 0, 0};
    memset(pixels, 0, pixels_size);
    size_t at = 0;
    bool ended = false;
    rmexif_status status = follow(&c, data, size, nibbles, &at, &ended);
    if (status == RMEXIF_OK && !ended) { /* an end of line and an end code may follow the last pixel */
        if (c.x == width && size - at >= 2 && !data[at] && data[at + 1] == END_OF_LINE) at += 2;
        if (size - at >= 2 && !data[at] && data[at + 1] == END_OF_BITMAP) at += 2;
    }
    report[BMP_RLE_CONSUMED] = at;
    report[BMP_RLE_SPANS] = c.count;
    report[BMP_RLE_WHOLE] = c.y == height;
    report[BMP_RLE_ROW] = c.y;
    return status;
}

static uint8_t pair_at(const uint8_t *pixels, size_t size, bool nibbles) { /* the byte of one pixel, or of two */
    return nibbles ? (uint8_t)(pixels[0] << 4 | (size > 1 ? pixels[1] : 0)) : pixels[0];
}

static size_t run_at(const uint8_t *pixels, size_t size, bool nibbles) { /* its pixels: of one value, or of two */
    const size_t period = nibbles ? 2 : 1, most = least(size, RUN);
    size_t run = least(period, most);
    while (run < most && pixels[run] == pixels[run - period]) run++;
    return run;
}

static void put_run_code(writer *w, const uint8_t *pixels, size_t run, bool nibbles) {
    put_byte(w, (uint8_t)run);
    put_byte(w, pair_at(pixels, run, nibbles));
}

/* Pixels without a long run: a literal, or short runs where they take fewer bytes. */
static void put_literal(writer *w, const uint8_t *pixels, size_t size, bool nibbles) {
    const size_t bytes = nibbles ? (size + 1) / 2 : size;
    size_t runs = 0;
    for (size_t at = 0; at < size; at += run_at(pixels + at, size - at, nibbles)) runs++;
    if (size < LITERAL || runs * 2 < 2 + bytes + bytes % 2) {
        for (size_t at = 0, run; at < size; at += run) {
            run = run_at(pixels + at, size - at, nibbles);
            put_run_code(w, pixels + at, run, nibbles);
        }
        return;
    }
    put_byte(w, 0);
    put_byte(w, (uint8_t)size);
    for (size_t at = 0; at < size; at += nibbles ? 2 : 1) put_byte(w, pair_at(pixels + at, size - at, nibbles));
    if (bytes % 2) put_byte(w, 0);
}

static void put_literals(writer *w, const uint8_t *pixels, size_t size, bool nibbles) {
    for (size_t at = 0; at < size; at += RUN) put_literal(w, pixels + at, least(size - at, RUN), nibbles);
}

static void put_span(writer *w, const uint8_t *pixels, size_t size, bool nibbles) {
    size_t literal = 0, at = 0;
    while (at < size) {
        size_t run = run_at(pixels + at, size - at, nibbles);
        if (run > LITERAL) {
            put_literals(w, pixels + literal, at - literal, nibbles);
            put_run_code(w, pixels + at, run, nibbles);
            literal = at + run;
        }
        at += run > LITERAL ? run : 1;
    }
    put_literals(w, pixels + literal, size - literal, nibbles);
}

static void put_jumps(writer *w, uint32_t distance, bool down) {
    for (uint32_t step; distance; distance -= step) {
        step = (uint32_t)least(distance, RUN);
        put_bytes(w, (uint8_t[]){0, DELTA, down ? 0 : (uint8_t)step, down ? (uint8_t)step : 0}, 4);
    }
}

/* To the start of a row further on: some decoders take an end of line in an empty row for nothing, so jump there. */
static void put_down(writer *w, uint32_t x, uint32_t rows) {
    if (x) put_bytes(w, (uint8_t[]){0, END_OF_LINE}, 2);
    put_jumps(w, rows - (x != 0), true);
}

static bool in_order(const uint32_t *spans, size_t count, uint32_t width, uint32_t height) {
    const uint32_t *before = NULL;
    for (size_t i = 0; i < count; i++, before = spans, spans += 3) {
        if (spans[0] >= height || spans[1] >= spans[2] || spans[2] > width) return false;
        if (before && (spans[0] < before[0] || (spans[0] == before[0] && spans[1] <= before[2]))) return false;
    }
    return true;
}

static bool are_nibbles(const uint8_t *pixels, size_t size) {
    uint8_t all = 0;
    for (size_t i = 0; i < size; i++) all |= pixels[i];
    return all < 16;
}

rmexif_status rmexif_rle_encode_bmp(const uint8_t *pixels, size_t pixels_size, uint32_t width, uint32_t height,
                                    uint32_t nibbles, const uint32_t *spans, size_t spans_count, uint32_t whole,
                                    uint8_t *out, size_t out_size, uint64_t *written) {
    *written = 0;
    if (!width || !height || (uint64_t)width * height != pixels_size || !in_order(spans, spans_count, width, height) ||
        (nibbles && !are_nibbles(pixels, pixels_size))) {
        return RMEXIF_BAD_ARGUMENT;
    }
    writer w = writer_open(out, out_size);
    uint32_t x = 0, y = 0;
    for (size_t i = 0; i < spans_count; i++, spans += 3) {
        if (spans[0] > y) {
            put_down(&w, x, spans[0] - y);
            x = 0;
            y = spans[0];
        }
        put_jumps(&w, spans[1] - x, false);
        put_span(&w, pixels + (size_t)y * width + spans[1], spans[2] - spans[1], nibbles);
        x = spans[2];
    }
    if (whole && (y != height - 1 || x != width)) {
        if (y != height - 1) {
            put_down(&w, x, height - 1 - y);
            x = 0;
        }
        if (x) {
            put_bytes(&w, (uint8_t[]){0, END_OF_LINE}, 2);
        } else {
            put_jumps(&w, width, false);
        }
    }
    put_bytes(&w, (uint8_t[]){0, END_OF_BITMAP}, 2);
    *written = writer_size(&w);
    return w.full ? RMEXIF_OUTPUT_FULL : RMEXIF_OK;
}
