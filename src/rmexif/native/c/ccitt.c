#include "ccitt.h"

#include "ccitt_codes.h"
#include "reader.h"
#include "writer.h"

enum {
    LONGEST = 13,     /* bits of a run's word */
    MODE_LENGTH = 7,  /* bits of a mode's word */
    EOL_LENGTH = 12,
    LAST_MAKE_UP = 2560,
    ENDS = 4,         /* entries behind the last one of a line, all of them the width */
    VERTICAL = 3,     /* pixels that a vertical mode reaches */
};

/* Modes of T.6, table 1: pass, horizontal, and from V_L(3) to V_R(3). */
enum { PASS, HORIZONTAL, VERTICAL_LEFT_3, MODES = VERTICAL_LEFT_3 + 2 * VERTICAL + 1 };
static const run_code mode_codes[MODES] = {{1, 4}, {1, 3}, {2, 7}, {2, 6}, {2, 3}, {1, 1}, {3, 3}, {3, 6}, {3, 7}};

/* A row as the pixels where its colour changes, from white on, in ascending order; then `ENDS` times the width. */
typedef uint32_t *line;

typedef struct {
    uint16_t runs[2][1 << LONGEST];  /* by the bits that come next: length in bits << 12 | pixels; 0: no code */
    uint16_t modes[1 << MODE_LENGTH]; /* length << 12 | mode */
    uint32_t lines[];
} fax_tables;

static void fill(uint16_t *table, unsigned bits, run_code code, uint32_t value) {
    uint32_t spare = bits - code.length;
    for (uint32_t n = 0; n < 1u << spare; n++) {
        table[((uint32_t)code.word << spare) + n] = (uint16_t)((uint32_t)code.length << 12 | value);
    }
}

static void fill_tables(fax_tables *t) {
    memset(t, 0, sizeof *t);
    for (uint32_t colour = 0; colour < 2; colour++) {
        for (uint32_t n = 0; n < TERMINATING + MAKE_UP; n++) {
            uint32_t run = n < TERMINATING ? n : (n - TERMINATING + 1) * TERMINATING;
            fill(t->runs[colour], LONGEST, run_codes[colour][n], run);
        }
        for (uint32_t n = 0; n < LONG_MAKE_UP; n++) {
            fill(t->runs[colour], LONGEST, long_codes[n], (MAKE_UP + 1 + n) * TERMINATING);
        }
    }
    for (uint32_t mode = 0; mode < MODES; mode++) fill(t->modes, MODE_LENGTH, mode_codes[mode], mode);
}

typedef struct {
    msb_reader codes;
    const fax_tables *tables;
    uint32_t width;
    line row, above;
} fax_decoder;

/* Bits that are no code: the data ends inside it, or the page by its own end code, or neither. */
static rmexif_status no_code(fax_decoder *d, bool may_end) {
    msb_refill(&d->codes);
    if (msb_position(&d->codes) + EOL_LENGTH > 8 * (size_t)(d->codes.end - d->codes.start)) return RMEXIF_ENDS_EARLY;
    return may_end && msb_peek(&d->codes, EOL_LENGTH) == 1 ? RMEXIF_ENDS_EARLY : RMEXIF_BAD_CODE;
}

static rmexif_status take_run(fax_decoder *d, uint32_t colour, uint32_t *run) { /* with its make-up codes */
    *run = 0;
    for (;;) {
        if (d->codes.held < LONGEST) msb_refill(&d->codes);
        uint32_t found = d->tables->runs[colour][msb_peek(&d->codes, LONGEST)];
        if (!found) return no_code(d, false);
        msb_skip(&d->codes, found >> 12);
        uint32_t pixels = found & 0xFFF;
        *run += pixels;
        if (*run > d->width) return msb_overrun(&d->codes) ? RMEXIF_ENDS_EARLY : RMEXIF_BAD_VALUE;
        if (pixels < TERMINATING) return msb_overrun(&d->codes) ? RMEXIF_ENDS_EARLY : RMEXIF_OK;
    }
}

/* Let the colour change at a pixel; twice at the same one is not at all. */
static uint32_t change(line row, uint32_t count, uint32_t at) {
    if (count && row[count - 1] == at) return count - 1;
    row[count] = at;
    return count + 1;
}

static void end_line(line row, uint32_t count, uint32_t width) {
    for (uint32_t n = 0; n < ENDS; n++) row[count + n] = width;
}

static rmexif_status decode_1d(fax_decoder *d) {
    uint32_t count = 0, at = 0, run;
    for (uint32_t colour = 0; at < d->width; colour ^= 1) {
        rmexif_status status = take_run(d, colour, &run);
        if (status) return status;
        if (run > d->width - at) return RMEXIF_BAD_VALUE;
        at += run;
        if (at < d->width) count = change(d->row, count, at);
    }
    end_line(d->row, count, d->width);
    return RMEXIF_OK;
}

/* The first change above to the right of `at` (-1: before the row) that ends `colour`, from the entry `from` on. */
static uint32_t next_above(line above, uint32_t from, int64_t at, uint32_t colour, uint32_t width) {
    if (from % 2 != colour) from = from ? from - 1 : 1;
    while (above[from] <= at && above[from] < width) from += 2;
    return from;
}

static rmexif_status decode_2d(fax_decoder *d) {
    uint32_t count = 0, colour = 0, b1 = 0;
    int64_t a0 = -1;
    while (a0 < d->width) {
        if (d->codes.held < MODE_LENGTH) msb_refill(&d->codes);
        uint32_t found = d->tables->modes[msb_peek(&d->codes, MODE_LENGTH)], mode = found & 0xFFF;
        if (!found) return no_code(d, a0 < 0);
        msb_skip(&d->codes, found >> 12);
        b1 = next_above(d->above, b1, a0, colour, d->width);
        if (mode == PASS) {
            a0 = d->above[b1 + 1];
        } else if (mode == HORIZONTAL) {
            for (uint32_t n = 0; n < 2; n++) {
                uint32_t run;
                rmexif_status status = take_run(d, colour ^ n, &run);
                if (status) return status;
                a0 = (a0 < 0 ? 0 : a0) + run;
                if (a0 > d->width) return RMEXIF_BAD_VALUE;
                if (a0 < d->width) count = change(d->row, count, (uint32_t)a0);
            }
        } else {
            int64_t a1 = (int64_t)d->above[b1] + mode - VERTICAL_LEFT_3 - VERTICAL;
            if (a1 <= a0 || a1 > d->width) return msb_overrun(&d->codes) ? RMEXIF_ENDS_EARLY : RMEXIF_BAD_VALUE;
            a0 = a1;
            colour ^= 1;
            if (a0 < d->width) count = change(d->row, count, (uint32_t)a0);
        }
    }
    end_line(d->row, count, d->width);
    return msb_overrun(&d->codes) ? RMEXIF_ENDS_EARLY : RMEXIF_OK;
}

/* Zeros, and the one that ends a line: at least EOL_LENGTH bits. */
static rmexif_status take_eol(fax_decoder *d) {
    msb_refill(&d->codes);
    if (msb_peek(&d->codes, EOL_LENGTH - 1)) return RMEXIF_BAD_CODE;
    msb_skip(&d->codes, EOL_LENGTH - 1);
    while (!msb_take(&d->codes, 1)) {
        if (msb_overrun(&d->codes)) return RMEXIF_ENDS_EARLY;
    }
    return msb_overrun(&d->codes) ? RMEXIF_ENDS_EARLY : RMEXIF_OK;
}

static rmexif_status decode_row(fax_decoder *d, uint32_t coding) {
    if (coding == CCITT_GROUP4) return decode_2d(d);
    if (coding == CCITT_HUFFMAN) {
        msb_take(&d->codes, (unsigned)(-msb_position(&d->codes) & 7));
        return decode_1d(d);
    }
    rmexif_status status = take_eol(d);
    if (status) return status;
    bool refers = coding == CCITT_GROUP3_2D && !msb_take(&d->codes, 1);
    msb_refill(&d->codes);
    if (msb_peek(&d->codes, EOL_LENGTH) == 1) return RMEXIF_ENDS_EARLY; /* T.4: the page ends with several of them */
    return refers ? decode_2d(d) : decode_1d(d);
}

static void paint(uint8_t *bits, uint32_t from, uint32_t to) { /* black */
    uint32_t first = from / 8, last = to / 8;
    uint8_t head = (uint8_t)(0xFF >> from % 8), tail = (uint8_t)(0xFF00 >> to % 8);
    if (first == last) {
        bits[first] |= head & tail;
        return;
    }
    bits[first] |= head;
    memset(bits + first + 1, 0xFF, last - first - 1);
    if (tail) bits[last] |= tail;
}

static bool usable(uint32_t coding, uint32_t width, uint32_t rows, size_t size, const void *scratch,
                   size_t scratch_size) {
    return coding <= CCITT_GROUP4 && width && width <= CCITT_WIDEST && size / ((width + 7) / 8) == rows &&
           size % ((width + 7) / 8) == 0 && scratch_size >= rmexif_ccitt_scratch(width) &&
           (uintptr_t)scratch % _Alignof(fax_tables) == 0;
}

size_t rmexif_ccitt_scratch(uint32_t width) {
    size_t most = width < CCITT_WIDEST ? width : CCITT_WIDEST;
    return sizeof(fax_tables) + 2 * (most + ENDS) * sizeof(uint32_t);
}

rmexif_status rmexif_ccitt_decode(const uint8_t *data, size_t size, uint32_t coding, uint32_t width, uint32_t rows,
                                  uint8_t *bitmap, size_t bitmap_size, uint8_t *scratch, size_t scratch_size,
                                  uint64_t *report) {
    memset(report, 0, CCITT_FACTS * sizeof *report);
    if (!usable(coding, width, rows, bitmap_size, scratch, scratch_size)) return RMEXIF_BAD_ARGUMENT;
    fax_tables *tables = (fax_tables *)(void *)scratch;
    fill_tables(tables);
    fax_decoder d = {msb_open(data, size), tables, width, tables->lines, tables->lines + width + ENDS};
    memset(bitmap, 0, bitmap_size);
    end_line(d.above, 0, width);
    size_t stride = (width + 7) / 8, end = 0;
    for (uint32_t y = 0; y < rows; y++, bitmap += stride) {
        rmexif_status status = decode_row(&d, coding);
        if (status) return status;
        for (uint32_t n = 0; d.row[n] < width; n += 2) paint(bitmap, d.row[n], d.row[n + 1]);
        line row = d.above;
        d.above = d.row;
        d.row = row;
        end = msb_position(&d.codes);
        report[CCITT_ROWS]++;
        report[CCITT_CONSUMED] = (end + 7) / 8;
    }
    if (coding == CCITT_GROUP4) {
        uint32_t eofb = msb_take(&d.codes, 2 * EOL_LENGTH);
        if (eofb == 0x001001 && !msb_overrun(&d.codes)) report[CCITT_CONSUMED] = (end + 2 * EOL_LENGTH + 7) / 8;
    }
    return RMEXIF_OK;
}

static void put_word(writer *w, run_code code) { put_msb(w, code.word, code.length); }

static void put_run_length(writer *w, uint32_t colour, uint32_t run) {
    for (; run >= LAST_MAKE_UP + TERMINATING; run -= LAST_MAKE_UP) put_word(w, long_codes[LONG_MAKE_UP - 1]);
    if (run >= TERMINATING) {
        uint32_t n = run / TERMINATING - 1;
        put_word(w, n < MAKE_UP ? run_codes[colour][TERMINATING + n] : long_codes[n - MAKE_UP]);
    }
    put_word(w, run_codes[colour][run % TERMINATING]);
}

static void encode_1d(writer *w, line row, uint32_t width) {
    uint32_t at = 0;
    for (uint32_t n = 0; at < width; at = row[n++]) put_run_length(w, n % 2, row[n] - at);
}

static void encode_2d(writer *w, line row, line above, uint32_t width) {
    uint32_t colour = 0, a1 = 0, b1 = 0; /* entries of the two lines */
    int64_t a0 = -1;
    while (a0 < width) {
        b1 = next_above(above, b1, a0, colour, width);
        int64_t distance = (int64_t)row[a1] - above[b1];
        if (above[b1 + 1] < row[a1]) {
            put_word(w, mode_codes[PASS]);
            a0 = above[b1 + 1];
        } else if (distance >= -VERTICAL && distance <= VERTICAL) {
            put_word(w, mode_codes[VERTICAL_LEFT_3 + VERTICAL + distance]);
            a0 = row[a1++];
            colour ^= 1;
        } else {
            put_word(w, mode_codes[HORIZONTAL]);
            put_run_length(w, colour, row[a1] - (uint32_t)(a0 < 0 ? 0 : a0));
            put_run_length(w, colour ^ 1, row[a1 + 1] - row[a1]);
            a0 = row[a1 + 1];
            a1 += 2;
        }
    }
}

static size_t bits_written(const writer *w) { return writer_size(w) * 8 + w->held; }

static void put_eol(writer *w, bool aligned) {
    if (aligned) put_msb(w, 0, (4 - w->held) & 7);
    put_msb(w, 1, EOL_LENGTH);
}

/* A row of Group 3: of one dimension if it is the first one, or if that takes no more bits. */
static void encode_group3_2d(writer *w, line row, line above, uint32_t width, bool first) {
    const writer start = *w;
    put_msb(w, 1, 1);
    encode_1d(w, row, width);
    if (first) return;
    const writer alone = *w;
    *w = start;
    put_msb(w, 0, 1);
    encode_2d(w, row, above, width);
    if (bits_written(w) < bits_written(&alone)) return;
    *w = start;
    put_msb(w, 1, 1);
    encode_1d(w, row, width);
}

/* Where the colour of a packed row changes. */
static void read_line(const uint8_t *bits, line row, uint32_t width) {
    uint32_t count = 0, before = 0;
    for (uint32_t byte = 0; byte * 8 < width; byte++) {
        uint32_t changes = bits[byte] ^ ((uint32_t)bits[byte] >> 1 | before << 7);
        before = bits[byte] & 1;
        for (uint32_t n = 0; changes; n++, changes = changes << 1 & 0xFF) {
            if (changes & 0x80 && byte * 8 + n < width) row[count++] = byte * 8 + n;
        }
    }
    end_line(row, count, width);
}

static void encode_row(writer *w, uint32_t coding, bool aligned, line row, line above, uint32_t width, bool first) {
    if (coding == CCITT_GROUP4) {
        encode_2d(w, row, above, width);
        return;
    }
    if (coding == CCITT_HUFFMAN) {
        encode_1d(w, row, width);
        flush_msb(w, false);
        return;
    }
    put_eol(w, aligned);
    if (coding == CCITT_GROUP3) {
        encode_1d(w, row, width);
    } else {
        encode_group3_2d(w, row, above, width, first);
    }
}

rmexif_status rmexif_ccitt_encode(const uint8_t *bitmap, size_t bitmap_size, uint32_t coding, uint32_t aligned,
                                  uint32_t width, uint32_t rows, uint8_t *out, size_t out_size, uint8_t *scratch,
                                  size_t scratch_size, uint64_t *written) {
    *written = 0;
    if (!usable(coding, width, rows, bitmap_size, scratch, scratch_size)) return RMEXIF_BAD_ARGUMENT;
    uint32_t *lines = ((fax_tables *)(void *)scratch)->lines;
    line row = lines, above = lines + width + ENDS;
    writer w = writer_open(out, out_size);
    end_line(above, 0, width);
    for (uint32_t y = 0; y < rows; y++) {
        read_line(bitmap + (size_t)y * ((width + 7) / 8), row, width);
        encode_row(&w, coding, aligned, row, above, width, !y);
        line swap = above;
        above = row;
        row = swap;
    }
    if (coding == CCITT_GROUP4) {
        put_eol(&w, false);
        put_eol(&w, false);
    }
    flush_msb(&w, false);
    *written = writer_size(&w);
    return w.full ? RMEXIF_OUTPUT_FULL : RMEXIF_OK;
}
