#include "vp8_header.h"

enum { LARGEST_QUANTISER = 127, LARGEST_LEVEL = 63 };

/* ---- Reading (9.3 to 9.11) ---- */

static void read_segments(vp8_bools *r, vp8_header *h) {
    h->segmented = vp8_get(r, 128);
    h->absolute = true; /* what libwebp takes where nothing is said */
    if (!h->segmented) return;
    h->maps_segments = vp8_get(r, 128);
    if (vp8_get(r, 128)) {
        h->absolute = vp8_get(r, 128);
        for (uint32_t s = 0; s < VP8_SEGMENTS; s++) h->quantiser[s] = vp8_get_signed(r, 7);
        for (uint32_t s = 0; s < VP8_SEGMENTS; s++) h->level[s] = vp8_get_signed(r, 6);
    }
    for (uint32_t n = 0; h->maps_segments && n < VP8_SEGMENT_NODES; n++) {
        h->segment_nodes[n] = vp8_get(r, 128) ? vp8_get_bits(r, 8) : 255;
    }
}

static void read_filter(vp8_bools *r, vp8_header *h) {
    int32_t deltas[2 * VP8_REFERENCES] = {0};
    h->simple_filter = vp8_get(r, 128);
    h->filter_level = vp8_get_bits(r, 6);
    h->sharpness = vp8_get_bits(r, 3);
    if (vp8_get(r, 128) && vp8_get(r, 128)) {
        for (uint32_t i = 0; i < 2 * VP8_REFERENCES; i++) deltas[i] = vp8_get_signed(r, 6);
    }
    h->reference_delta = deltas[0];
    h->submode_delta = deltas[VP8_REFERENCES];
}

void vp8_read_header(vp8_bools *r, vp8_header *h) {
    memset(h, 0, sizeof *h);
    h->colour_space = vp8_get(r, 128);
    h->clamping = vp8_get(r, 128);
    read_segments(r, h);
    read_filter(r, h);
    h->partition_bits = vp8_get_bits(r, 2);
    h->base_quantiser = (int32_t)vp8_get_bits(r, 7);
    for (uint32_t i = 0; i < VP8_QUANTISER_DELTAS; i++) h->quantiser_deltas[i] = vp8_get_signed(r, 4);
    vp8_get(r, 128); /* whether probabilities outlive this frame */
    uint8_t *p = &h->probabilities[0][0][0][0];
    const uint8_t *old = &VP8_DEFAULT_PROBABILITIES[0][0][0][0], *update = &VP8_UPDATE_PROBABILITIES[0][0][0][0];
    for (size_t i = 0; i < sizeof h->probabilities; i++) {
        p[i] = vp8_get(r, update[i]) ? (uint8_t)vp8_get_bits(r, 8) : old[i];
    }
    h->skips = vp8_get(r, 128);
    if (h->skips) h->skip_probability = vp8_get_bits(r, 8);
}

/* ---- The canonical form ---- */

typedef struct {
    int32_t quantiser, level; /* before clamping: deltas are added to them */
} segment_value;

static segment_value value_of(const vp8_header *h, uint32_t s) {
    segment_value v = {h->base_quantiser, (int32_t)h->filter_level};
    if (!h->segmented) return v;
    v.quantiser = h->quantiser[s] + (h->absolute ? 0 : v.quantiser);
    v.level = h->level[s] + (h->absolute ? 0 : v.level);
    return v;
}

/* Whether any macroblock is filtered (9.6): the level of its segment, raised or lowered by deltas. */
static bool filters(const vp8_header *h, const vp8_usage *usage) {
    bool found = false;
    for (uint32_t s = 0; s < VP8_SEGMENTS; s++) {
        int32_t level = value_of(h, s).level + h->reference_delta;
        bool submoded = usage->submoded && level + h->submode_delta > 0;
        found = found || (usage->in_segment[s] && (level > 0 || submoded));
    }
    return h->filter_level && found;
}

static uint32_t share(uint64_t part, uint64_t rest) { /* as a probability, as libwebp rounds it; 255 of nothing */
    uint64_t total = part + rest;
    return total ? (uint32_t)((255 * part + total / 2) / total) : 255;
}

static void share_segments(vp8_header *h, const uint64_t *count) {
    h->segment_nodes[0] = share(count[0] + count[1], count[2] + count[3]);
    h->segment_nodes[1] = share(count[0], count[1]);
    h->segment_nodes[2] = share(count[2], count[3]);
}

/* Segments with the same values become one, and those without a macroblock repeat the one before. */
static uint32_t merge(const segment_value *values, const vp8_usage *usage, uint8_t *segment, uint64_t *count) {
    uint32_t classes = 0;
    for (uint32_t s = 0; s < VP8_SEGMENTS; s++) {
        segment[s] = (uint8_t)s;
        if (!usage->in_segment[s]) continue;
        for (uint32_t t = s; t--;) {
            bool same = values[s].quantiser == values[t].quantiser && values[s].level == values[t].level;
            if (usage->in_segment[t] && same) segment[s] = segment[t];
        }
        classes += segment[s] == s;
        count[segment[s]] += usage->in_segment[s];
    }
    return classes;
}

static bool fits(const segment_value *v, int32_t lowest) {
    return v->quantiser >= lowest * LARGEST_QUANTISER && v->quantiser <= LARGEST_QUANTISER &&
           v->level >= lowest * LARGEST_LEVEL && v->level <= LARGEST_LEVEL;
}

/* One value for all, where the header can say it without segments. */
static bool flatten(vp8_header *h, const segment_value *v, bool filtered) {
    if (!fits(v, 0) || (filtered && !v->level)) return false;
    h->segmented = h->maps_segments = false;
    h->base_quantiser = v->quantiser;
    h->filter_level = (uint32_t)v->level;
    return true;
}

/* Values of segments as they are, no longer relative to the header's; those then follow from the segments'. */
static void make_absolute(vp8_header *h, const segment_value *values, bool filtered, uint32_t first) {
    int32_t highest = 0, base = values[first].quantiser;
    h->absolute = true;
    for (uint32_t s = 0; s < VP8_SEGMENTS; s++) {
        h->quantiser[s] = values[s].quantiser;
        h->level[s] = values[s].level;
        highest = values[s].level > highest ? values[s].level : highest;
    }
    h->base_quantiser = base < 0 ? 0 : base;
    h->filter_level = filtered ? (uint32_t)(highest ? highest : 1) : 0;
}

static void settle_segments(vp8_header *h, const vp8_usage *usage, bool filtered, uint8_t *segment) {
    segment_value values[VP8_SEGMENTS];
    uint64_t count[VP8_SEGMENTS] = {0};
    uint32_t first = 0, last;
    bool representable = true;
    for (uint32_t s = 0; s < VP8_SEGMENTS; s++) {
        if (!filtered) h->level[s] = 0;
        values[s] = value_of(h, s);
    }
    uint32_t classes = merge(values, usage, segment, count);
    while (first < VP8_SEGMENTS - 1 && !count[first]) first++;
    last = first;
    for (uint32_t s = 0; s < VP8_SEGMENTS; s++) {
        if (count[s]) last = s;
        values[s] = values[last];
        h->quantiser[s] = h->quantiser[last];
        h->level[s] = h->level[last];
        representable = representable && fits(&values[s], -1);
    }
    if (classes <= 1 && flatten(h, &values[first], filtered)) return;
    if (representable) make_absolute(h, values, filtered, first);
    share_segments(h, count);
}

vp8_header vp8_canonical(const vp8_header *h, const vp8_usage *usage, uint8_t *segment) {
    vp8_header c = *h;
    bool filtered = filters(h, usage);
    c.colour_space = c.clamping = 0;
    if (!usage->submoded) c.submode_delta = 0;
    if (!filtered) c.simple_filter = c.sharpness = c.filter_level = 0;
    if (!filtered) c.reference_delta = c.submode_delta = 0;
    settle_segments(&c, usage, filtered, segment);
    for (uint32_t t = 0; t < VP8_TYPES; t++) {
        for (uint32_t b = 0; b < VP8_BANDS; b++) {
            for (uint32_t x = 0; x < VP8_CONTEXTS * VP8_NODES; x++) {
                uint32_t context = x / VP8_NODES, node = x % VP8_NODES;
                if (usage->nodes[t][b][context] >> node & 1) continue;
                c.probabilities[t][b][context][node] = VP8_DEFAULT_PROBABILITIES[t][b][context][node];
            }
        }
    }
    c.skips = usage->skipped > 0;
    c.skip_probability = (uint32_t)((usage->macroblocks - usage->skipped) * 255 / usage->macroblocks);
    return c;
}

/* ---- Writing ---- */

static void write_segments(vp8_booler *w, const vp8_header *h) {
    vp8_put(w, h->segmented, 128);
    if (!h->segmented) return;
    vp8_put(w, h->maps_segments, 128);
    vp8_put(w, 1, 128);
    vp8_put(w, h->absolute, 128);
    for (uint32_t s = 0; s < VP8_SEGMENTS; s++) vp8_put_signed(w, h->quantiser[s], 7);
    for (uint32_t s = 0; s < VP8_SEGMENTS; s++) vp8_put_signed(w, h->level[s], 6);
    for (uint32_t n = 0; h->maps_segments && n < VP8_SEGMENT_NODES; n++) {
        vp8_put(w, h->segment_nodes[n] != 255, 128);
        if (h->segment_nodes[n] != 255) vp8_put_bits(w, h->segment_nodes[n], 8);
    }
}

static void write_filter(vp8_booler *w, const vp8_header *h) {
    bool has_deltas = h->reference_delta || h->submode_delta;
    vp8_put(w, h->simple_filter, 128);
    vp8_put_bits(w, h->filter_level, 6);
    vp8_put_bits(w, h->sharpness, 3);
    vp8_put(w, has_deltas, 128);
    if (!has_deltas) return;
    vp8_put(w, 1, 128);
    vp8_put_signed(w, h->reference_delta, 6);
    vp8_put_bits(w, 0, VP8_REFERENCES - 1);
    vp8_put_signed(w, h->submode_delta, 6);
    vp8_put_bits(w, 0, VP8_REFERENCES - 1);
}

void vp8_write_header(vp8_booler *w, const vp8_header *h) {
    vp8_put(w, h->colour_space, 128);
    vp8_put(w, h->clamping, 128);
    write_segments(w, h);
    write_filter(w, h);
    vp8_put_bits(w, h->partition_bits, 2);
    vp8_put_bits(w, (uint32_t)h->base_quantiser, 7);
    for (uint32_t i = 0; i < VP8_QUANTISER_DELTAS; i++) vp8_put_signed(w, h->quantiser_deltas[i], 4);
    vp8_put(w, 0, 128);
    const uint8_t *p = &h->probabilities[0][0][0][0];
    const uint8_t *old = &VP8_DEFAULT_PROBABILITIES[0][0][0][0], *update = &VP8_UPDATE_PROBABILITIES[0][0][0][0];
    for (size_t i = 0; i < sizeof h->probabilities; i++) {
        vp8_put(w, p[i] != old[i], update[i]);
        if (p[i] != old[i]) vp8_put_bits(w, p[i], 8);
    }
    vp8_put(w, h->skips, 128);
    if (h->skips) vp8_put_bits(w, h->skip_probability, 8);
}

void vp8_count_probabilities(const vp8_header *h, const vp8_usage *usage, uint64_t *replaced, uint64_t *unused) {
    const uint8_t *p = &h->probabilities[0][0][0][0], *old = &VP8_DEFAULT_PROBABILITIES[0][0][0][0];
    const uint16_t *nodes = &usage->nodes[0][0][0];
    for (size_t i = 0; i < sizeof h->probabilities; i++) {
        *replaced += p[i] != old[i];
        *unused += p[i] != old[i] && !(nodes[i / VP8_NODES] >> (i % VP8_NODES) & 1);
    }
}
