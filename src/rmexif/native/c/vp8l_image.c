#include "vp8l_image.h"

#include "vp8l.h"

#define CACHE_FACTOR 0x1E35A7BDu
enum { MAX_CACHE_BITS = 11 };

/* Distances of the codes 1 to 120 (RFC 9649, 3.6.2.2): rows up in the upper half, 8 - columns left in the lower. */
static const uint8_t NEIGHBOURS[120] = {
    0x18, 0x07, 0x17, 0x19, 0x28, 0x06, 0x27, 0x29, 0x16, 0x1A, 0x26, 0x2A, 0x38, 0x05, 0x37,
    0x39, 0x15, 0x1B, 0x36, 0x3A, 0x25, 0x2B, 0x48, 0x04, 0x47, 0x49, 0x14, 0x1C, 0x35, 0x3B,
    0x46, 0x4A, 0x24, 0x2C, 0x58, 0x45, 0x4B, 0x34, 0x3C, 0x03, 0x57, 0x59, 0x13, 0x1D, 0x56,
    0x5A, 0x23, 0x2D, 0x44, 0x4C, 0x55, 0x5B, 0x33, 0x3D, 0x68, 0x02, 0x67, 0x69, 0x12, 0x1E,
    0x66, 0x6A, 0x22, 0x2E, 0x54, 0x5C, 0x43, 0x4D, 0x65, 0x6B, 0x32, 0x3E, 0x78, 0x01, 0x77,
    0x79, 0x53, 0x5D, 0x11, 0x1F, 0x64, 0x6C, 0x42, 0x4E, 0x76, 0x7A, 0x21, 0x2F, 0x75, 0x7B,
    0x31, 0x3F, 0x63, 0x6D, 0x52, 0x5E, 0x00, 0x74, 0x7C, 0x41, 0x4F, 0x10, 0x20, 0x62, 0x6E,
    0x30, 0x73, 0x7D, 0x51, 0x5F, 0x40, 0x72, 0x7E, 0x61, 0x6F, 0x50, 0x71, 0x7F, 0x60, 0x70};

/* A length or a distance from its prefix code (3.6.2.2). */
static inline uint32_t prefixed(lsb_reader *in, uint32_t symbol) {
    if (symbol < 4) return symbol + 1;
    uint32_t bits = (symbol - 2) >> 1;
    return ((2 + (symbol & 1)) << bits) + lsb_take(in, bits) + 1;
}

static inline uint32_t copy_distance(uint32_t code, uint32_t width) {
    if (code > sizeof NEIGHBOURS) return code - sizeof NEIGHBOURS;
    int32_t up = NEIGHBOURS[code - 1] >> 4, left = 8 - (NEIGHBOURS[code - 1] & 15);
    int32_t back = up * (int32_t)width + left;
    return back < 1 ? 1 : (uint32_t)back;
}

/* ---- Pixels (3.6.2) ---- */

static inline void cache_up_to(vp8l_image *im, uint32_t end) {
    for (; im->cached < end; im->cached++) {
        im->cache[im->values[im->cached] * CACHE_FACTOR >> (32 - im->cache_bits)] = im->values[im->cached];
    }
}

static inline void copy_values(vp8l_image *im, uint32_t back, uint32_t length) {
    uint32_t *to = im->values + im->at, *from = to - back;
    uint32_t room = im->kept - im->at;
    length = length < room ? length : room;
    if (back >= length) {
        memcpy(to, from, length * sizeof *to);
    } else {
        for (uint32_t i = 0; i < length; i++) to[i] = from[i];
    }
}

static inline uint32_t literal(const vp8l_group *g, uint32_t green, lsb_reader *in) {
    if (g->plain) return g->literal | green << 8;
    uint32_t red = vp8l_symbol(&g->codes[VP8L_RED], in), blue = vp8l_symbol(&g->codes[VP8L_BLUE], in);
    if (g->codes[VP8L_ALPHA].symbols > 1) lsb_refill(in);
    return vp8l_symbol(&g->codes[VP8L_ALPHA], in) << 24 | red << 16 | green << 8 | blue;
}

static inline rmexif_status copy(vp8l_stream *s, vp8l_image *im, const vp8l_group *g, uint32_t symbol, bool keep) {
    uint32_t length = prefixed(&s->in, symbol);
    if (s->in.held < VP8L_LONGEST) lsb_refill(&s->in);
    uint32_t back = copy_distance(prefixed(&s->in, vp8l_symbol(&g->codes[VP8L_DISTANCE], &s->in)), im->width);
    if (back > im->at || length > im->total - im->at) return RMEXIF_BAD_VALUE;
    if (keep) copy_values(im, back, length);
    im->x += length;
    im->at += length;
    return RMEXIF_OK;
}

/* Symbols of one group up to the pixel `stop` of the row; a copy may end behind it. */
static inline rmexif_status read_run(vp8l_stream *s, vp8l_image *im, vp8l_group *g, uint32_t stop, bool keep) {
    while (im->x < stop) {
        lsb_refill(&s->in);
        uint32_t symbol = vp8l_symbol(&g->codes[VP8L_GREEN], &s->in);
        if (symbol >= VP8L_LITERALS && symbol < VP8L_LITERALS + VP8L_LENGTHS) {
            VP8L_TRY(copy(s, im, g, symbol - VP8L_LITERALS, keep));
            continue;
        }
        if (symbol < VP8L_LITERALS) {
            uint32_t value = literal(g, symbol, &s->in);
            if (keep) im->values[im->at] = value;
        } else if (keep) {
            cache_up_to(im, im->at);
            im->values[im->at] = im->cache[symbol - VP8L_LITERALS - VP8L_LENGTHS];
        }
        im->x++;
        im->at++;
    }
    return RMEXIF_OK;
}

static void repeat_literal(vp8l_image *im, const vp8l_group *g, uint32_t stop, bool keep) {
    uint32_t count = stop - im->x;
    for (uint32_t i = 0; keep && i < count; i++) im->values[im->at + i] = g->literal;
    im->x += count;
    im->at += count;
}

static inline rmexif_status read_until(vp8l_stream *s, vp8l_image *im, uint32_t end, bool keep) {
    while (im->at < end) {
        uint32_t stop = im->width;
        vp8l_group *g = im->group;
        if (im->group_of) {
            g += im->group_of[(size_t)(im->y >> im->tile_bits) * im->tiles + (im->x >> im->tile_bits)];
            uint32_t edge = ((im->x >> im->tile_bits) + 1) << im->tile_bits;
            stop = edge < stop ? edge : stop;
        }
        g->used = true;
        if (g->constant) {
            repeat_literal(im, g, stop, keep);
        } else {
            VP8L_TRY(read_run(s, im, g, stop, keep));
        }
        if (lsb_overrun(&s->in)) return RMEXIF_ENDS_EARLY;
        for (; im->x >= im->width; im->y++) im->x -= im->width;
    }
    return RMEXIF_OK;
}

/* `kept` is a whole number of rows: a run never goes beyond them, only a copy does. */
rmexif_status vp8l_read_values(vp8l_stream *s, vp8l_image *im) {
    VP8L_TRY(read_until(s, im, im->kept, true));
    return read_until(s, im, im->total, false);
}

/* ---- Prefix code groups (3.7) ---- */

static rmexif_status read_group(vp8l_stream *s, uint32_t cache_bits, vp8l_group *g) {
    static const uint32_t alphabets[VP8L_CODES] = {VP8L_LITERALS + VP8L_LENGTHS, VP8L_LITERALS, VP8L_LITERALS,
                                                   VP8L_LITERALS, VP8L_DISTANCES};
    for (uint32_t i = 0; i < VP8L_CODES; i++) {
        uint32_t more = i == VP8L_GREEN && cache_bits ? 1u << cache_bits : 0;
        VP8L_TRY(vp8l_read_code(&s->in, &s->arena, alphabets[i] + more, &g->codes[i]));
    }
    uint32_t green = g->codes[VP8L_GREEN].table[0].value;
    g->used = false;
    g->plain = g->codes[VP8L_RED].symbols == 1 && g->codes[VP8L_BLUE].symbols == 1 && g->codes[VP8L_ALPHA].symbols == 1;
    g->constant = g->plain && g->codes[VP8L_GREEN].symbols == 1 && green < VP8L_LITERALS;
    uint32_t alpha = g->codes[VP8L_ALPHA].table[0].value, red = g->codes[VP8L_RED].table[0].value;
    g->literal = alpha << 24 | red << 16 | g->codes[VP8L_BLUE].table[0].value;
    if (g->constant) g->literal |= green << 8;
    return RMEXIF_OK;
}

void vp8l_count_symbols(vp8l_stream *s, const vp8l_group *g) {
    uint8_t seen[VP8L_LARGEST_ALPHABET];
    bool literals = g->constant, copies = false;
    vp8l_seen(&g->codes[VP8L_GREEN], seen);
    for (uint32_t i = 0; i < VP8L_LITERALS; i++) literals = literals || seen[i];
    for (uint32_t i = 0; i < VP8L_LENGTHS; i++) copies = copies || seen[VP8L_LITERALS + i];
    for (uint32_t i = 0; i < VP8L_CODES; i++) {
        const vp8l_code *code = &g->codes[i];
        bool used = i == VP8L_GREEN || (i == VP8L_DISTANCE ? copies : literals);
        bool nothing = code->symbols == 1 && (used || code->table[0].value == 0);
        s->report[VP8L_SYMBOLS] += code->symbols;
        if (!nothing) s->report[VP8L_UNUSED_SYMBOLS] += code->symbols - vp8l_seen(code, seen);
    }
}

rmexif_status vp8l_read_groups(vp8l_stream *s, vp8l_image *im, const uint8_t *named) {
    im->group = vp8l_take(&s->arena, im->groups * sizeof *im->group);
    if (!im->group) return RMEXIF_LIMIT;
    for (uint32_t i = 0; i < im->groups; i++) {
        vp8l_arena before = s->arena;
        VP8L_TRY(read_group(s, im->cache_bits, &im->group[i]));
        im->group[i].named = !named || named[i];
        if (!im->group[i].named) s->arena = before;
    }
    return RMEXIF_OK;
}

rmexif_status vp8l_read_cache_bits(vp8l_stream *s, uint32_t *bits) {
    *bits = 0;
    if (!lsb_take(&s->in, 1)) return RMEXIF_OK;
    *bits = lsb_take(&s->in, 4);
    return *bits && *bits <= MAX_CACHE_BITS ? RMEXIF_OK : RMEXIF_BAD_VALUE;
}

rmexif_status vp8l_take_values(vp8l_stream *s, vp8l_image *im, uint32_t kept) {
    im->kept = kept;
    im->values = vp8l_take(&s->arena, (size_t)kept * sizeof *im->values);
    im->cache = vp8l_take(&s->arena, im->cache_bits ? sizeof *im->cache << im->cache_bits : 0);
    if (!im->values || !im->cache) return RMEXIF_LIMIT;
    if (im->cache_bits) memset(im->cache, 0, sizeof *im->cache << im->cache_bits);
    return RMEXIF_OK;
}

void vp8l_count_free(vp8l_stream *s, const uint32_t *values, uint32_t count, uint32_t ignored) {
    uint64_t free = 0;
    for (uint32_t i = 1; i < count; i++) free += ((values[i] ^ values[0]) & ignored) != 0;
    s->report[VP8L_FREE_VALUES] += free;
}

rmexif_status vp8l_read_sub_image(vp8l_stream *s, uint32_t width, uint32_t height, uint32_t ignored,
                                    uint32_t **values) {
    vp8l_image im = {.width = width, .height = height, .total = width * height, .groups = 1};
    vp8l_arena before;
    VP8L_TRY(vp8l_read_cache_bits(s, &im.cache_bits));
    *values = vp8l_take(&s->arena, (size_t)im.total * sizeof **values);
    before = s->arena;
    if (!*values) return RMEXIF_LIMIT;
    VP8L_TRY(vp8l_read_groups(s, &im, NULL));
    VP8L_TRY(vp8l_take_values(s, &im, 0));
    im.values = *values;
    im.kept = im.total;
    VP8L_TRY(vp8l_read_values(s, &im));
    vp8l_count_symbols(s, im.group);
    vp8l_count_free(s, *values, im.total, ignored);
    s->arena = before;
    return RMEXIF_OK;
}

