/* Arithmetic-coded scans (T.81, annex D, F.1.4, G.1.3): decoded, and encoded again on the way, since only the encoder
 * knows where the shortest code string for the same decisions ends. */
#include "jpeg_scan.h"

enum { FIXED = 113, DC_BINS = 64, AC_BINS = 256, X1_DC = 20, X2_LOW = 189, X2_HIGH = 217, MAGNITUDE_BINS = 14 };

typedef struct {
    uint16_t qe;
    uint8_t next_lps, next_mps, switches;
} estimate;

/* T.81, table D.3; the last row is a probability of one half that stays (T.851, 10.3). */
static const estimate STATES[FIXED + 1] = {
    {0x5a1d, 1, 1, 1}, {0x2586, 14, 2, 0}, {0x1114, 16, 3, 0}, {0x080b, 18, 4, 0}, {0x03d8, 20, 5, 0},
    {0x01da, 23, 6, 0}, {0x00e5, 25, 7, 0}, {0x006f, 28, 8, 0}, {0x0036, 30, 9, 0}, {0x001a, 33, 10, 0},
    {0x000d, 35, 11, 0}, {0x0006, 9, 12, 0}, {0x0003, 10, 13, 0}, {0x0001, 12, 13, 0}, {0x5a7f, 15, 15, 1},
    {0x3f25, 36, 16, 0}, {0x2cf2, 38, 17, 0}, {0x207c, 39, 18, 0}, {0x17b9, 40, 19, 0}, {0x1182, 42, 20, 0},
    {0x0cef, 43, 21, 0}, {0x09a1, 45, 22, 0}, {0x072f, 46, 23, 0}, {0x055c, 48, 24, 0}, {0x0406, 49, 25, 0},
    {0x0303, 51, 26, 0}, {0x0240, 52, 27, 0}, {0x01b1, 54, 28, 0}, {0x0144, 56, 29, 0}, {0x00f5, 57, 30, 0},
    {0x00b7, 59, 31, 0}, {0x008a, 60, 32, 0}, {0x0068, 62, 33, 0}, {0x004e, 63, 34, 0}, {0x003b, 32, 35, 0},
    {0x002c, 33, 9, 0}, {0x5ae1, 37, 37, 1}, {0x484c, 64, 38, 0}, {0x3a0d, 65, 39, 0}, {0x2ef1, 67, 40, 0},
    {0x261f, 68, 41, 0}, {0x1f33, 69, 42, 0}, {0x19a8, 70, 43, 0}, {0x1518, 72, 44, 0}, {0x1177, 73, 45, 0},
    {0x0e74, 74, 46, 0}, {0x0bfb, 75, 47, 0}, {0x09f8, 77, 48, 0}, {0x0861, 78, 49, 0}, {0x0706, 79, 50, 0},
    {0x05cd, 48, 51, 0}, {0x04de, 50, 52, 0}, {0x040f, 50, 53, 0}, {0x0363, 51, 54, 0}, {0x02d4, 52, 55, 0},
    {0x025c, 53, 56, 0}, {0x01f8, 54, 57, 0}, {0x01a4, 55, 58, 0}, {0x0160, 56, 59, 0}, {0x0125, 57, 60, 0},
    {0x00f6, 58, 61, 0}, {0x00cb, 59, 62, 0}, {0x00ab, 61, 63, 0}, {0x008f, 61, 32, 0}, {0x5b12, 65, 65, 1},
    {0x4d04, 80, 66, 0}, {0x412c, 81, 67, 0}, {0x37d8, 82, 68, 0}, {0x2fe8, 83, 69, 0}, {0x293c, 84, 70, 0},
    {0x2379, 86, 71, 0}, {0x1edf, 87, 72, 0}, {0x1aa9, 87, 73, 0}, {0x174e, 72, 74, 0}, {0x1424, 72, 75, 0},
    {0x119c, 74, 76, 0}, {0x0f6b, 74, 77, 0}, {0x0d51, 75, 78, 0}, {0x0bb6, 77, 79, 0}, {0x0a40, 77, 48, 0},
    {0x5832, 80, 81, 1}, {0x4d1c, 88, 82, 0}, {0x438e, 89, 83, 0}, {0x3bdd, 90, 84, 0}, {0x34ee, 91, 85, 0},
    {0x2eae, 92, 86, 0}, {0x299a, 93, 87, 0}, {0x2516, 86, 71, 0}, {0x5570, 88, 89, 1}, {0x4ca9, 95, 90, 0},
    {0x44d9, 96, 91, 0}, {0x3e22, 97, 92, 0}, {0x3824, 99, 93, 0}, {0x32b4, 99, 94, 0}, {0x2e17, 93, 86, 0},
    {0x56a8, 95, 96, 1}, {0x4f46, 101, 97, 0}, {0x47e5, 102, 98, 0}, {0x41cf, 103, 99, 0}, {0x3c3d, 104, 100, 0},
    {0x375e, 99, 93, 0}, {0x5231, 105, 102, 0}, {0x4c0f, 106, 103, 0}, {0x4639, 107, 104, 0}, {0x415e, 103, 99, 0},
    {0x5627, 105, 106, 1}, {0x50e7, 108, 107, 0}, {0x4b85, 109, 103, 0}, {0x5597, 110, 109, 0}, {0x504f, 111, 107, 0},
    {0x5a10, 110, 111, 1}, {0x5522, 112, 109, 0}, {0x59eb, 112, 111, 1}, {0x5a1d, 113, 113, 0},
};

typedef struct {
    const uint8_t *next, *end;
    uint32_t c, a;
    int32_t ct;
} arithmetic_decoder;

typedef struct {
    writer out;
    const uint8_t *same, *end; /* the input, compared with what is written */
    uint64_t size;             /* bytes written, whether or not they fit */
    bool differs;
    uint32_t c, a;
    int32_t ct, byte;          /* bits to the next byte; the one held back, -1 before the first */
    uint64_t ones, zeros;      /* bytes of 0xFF that a carry would turn, bytes of 0 that need not be written */
} arithmetic_encoder;

typedef struct {
    jpeg_walk *w;
    arithmetic_decoder in;
    arithmetic_encoder out;
    uint8_t dc[4][DC_BINS], ac[4][AC_BINS]; /* per slot: index of STATES, bit 7 the more probable decision */
    int64_t predicted[JPEG_COMPONENTS];
    int32_t context[JPEG_COMPONENTS]; /* T.81, F.1.4.4.1.2 */
} arithmetic_walk;

static void emit(arithmetic_encoder *e, uint8_t byte) {
    if (e->same == e->end || *e->same != byte) e->differs = true;
    if (e->same < e->end) e->same++;
    e->size++;
    put_byte(&e->out, byte);
}

static void emit_zeros(arithmetic_encoder *e) {
    for (; e->zeros; e->zeros--) emit(e, 0);
}

static void emit_stuffed(arithmetic_encoder *e, uint8_t byte) {
    emit_zeros(e);
    emit(e, byte);
    if (byte == 0xFF) emit(e, 0);
}

static void emit_held(arithmetic_encoder *e, int32_t carry) {
    if (carry) {
        if (e->byte >= 0) emit_stuffed(e, (uint8_t)(e->byte + 1));
        e->zeros += e->ones;
    } else {
        if (e->byte == 0) {
            e->zeros++;
        } else if (e->byte > 0) {
            emit_stuffed(e, (uint8_t)e->byte);
        }
        for (; e->ones; e->ones--) emit_stuffed(e, 0xFF);
    }
    e->ones = 0;
}

static void byte_out(arithmetic_encoder *e) { /* T.81, D.1.6 */
    uint32_t byte = e->c >> 19;
    if (byte == 0xFF) {
        e->ones++;
    } else {
        emit_held(e, byte > 0xFF);
        e->byte = (int32_t)(byte & 0xFF);
    }
    e->c &= 0x7FFFF;
    e->ct = 8;
}

static void encode(arithmetic_encoder *e, uint8_t bin, int decision) { /* T.81, D.1.4 */
    uint32_t qe = STATES[bin & 0x7F].qe;
    bool less_probable = decision != bin >> 7;
    e->a -= qe;
    if (less_probable != (e->a < qe)) { /* the upper part, which the smaller of the two decisions has */
        e->c += e->a;
        e->a = qe;
    }
    for (; e->a < 0x8000; e->a <<= 1) {
        e->c <<= 1;
        if (--e->ct == 0) byte_out(e);
    }
}

static void finish(arithmetic_encoder *e) { /* T.81, D.1.8 */
    uint32_t top = (e->a - 1 + e->c) & 0xFFFF0000;
    e->c = (top < e->c ? top + 0x8000 : top) << e->ct;
    emit_held(e, e->c >> 27 != 0);
    if (e->c & 0x7FFF800) {
        emit_stuffed(e, (uint8_t)(e->c >> 19));
        if (e->c & 0x7F800) emit_stuffed(e, (uint8_t)(e->c >> 11));
    }
}

static uint32_t byte_in(arithmetic_decoder *d) { /* T.81, D.2.6; zeros past the end */
    if (d->next == d->end) return 0;
    if (*d->next != 0xFF) return *d->next++;
    if (d->end - d->next < 2 || d->next[1]) return 0;
    d->next += 2;
    return 0xFF;
}

static int decide(arithmetic_walk *a, uint8_t *bin) { /* T.81, D.2.4 */
    arithmetic_decoder *d = &a->in;
    uint8_t old = *bin;
    const estimate *state = &STATES[old & 0x7F];
    while (d->a < 0x8000) {
        if (--d->ct < 0) {
            d->c = d->c << 8 | byte_in(d);
            d->ct += 8;
        }
        d->a <<= 1;
    }
    d->a -= state->qe;
    bool upper = d->c >> d->ct >= d->a;
    bool less_probable = upper != (d->a < state->qe);
    if (upper) {
        d->c -= d->a << d->ct;
        d->a = state->qe;
    }
    int decision = old >> 7 ^ less_probable;
    if (less_probable) {
        *bin = (uint8_t)((old & 0x80) ^ (state->switches << 7) ^ state->next_lps);
    } else if (d->a < 0x8000) {
        *bin = (uint8_t)((old & 0x80) | state->next_mps);
    }
    encode(&a->out, old, decision);
    return decision;
}

static int decide_evenly(arithmetic_walk *a) {
    uint8_t bin = FIXED;
    return decide(a, &bin);
}

/* The magnitude, less 1, behind its first decision: its category, then its lower bits (T.81, F.1.4.4.1.3).
 * false: it has more than 15 bits. */
static bool magnitude(arithmetic_walk *a, uint8_t *bin, int32_t *m, int32_t *v) {
    for (; decide(a, bin); bin++) {
        *m <<= 1;
        if (*m == 0x8000) return false;
    }
    *v = *m;
    for (int32_t bit = *m >> 1; bit; bit >>= 1) {
        if (decide(a, bin + MAGNITUDE_BINS)) *v |= bit;
    }
    return true;
}

static rmexif_status dc_value(arithmetic_walk *a, int c) { /* T.81, F.1.4.1 */
    const rmexif_jpeg_component *one = &a->w->scan->component[c];
    uint8_t *bins = a->dc[one->dc_slot], *bin = bins + a->context[c];
    a->context[c] = 0;
    if (decide(a, bin)) {
        int sign = decide(a, bin + 1);
        int32_t m = 0, v = 0;
        if (decide(a, bin + 2 + sign)) {
            m = 1;
            if (!magnitude(a, bins + X1_DC, &m, &v)) return RMEXIF_BAD_VALUE;
        }
        if (m > 1 << one->upper >> 1) {
            a->context[c] = 12 + 4 * sign;
        } else if (m >= 1 << one->lower >> 1) {
            a->context[c] = 4 + 4 * sign;
        }
        a->predicted[c] += sign ? -(v + 1) : v + 1;
    }
    count_dc(a->w->scan, a->w->result, c, a->predicted[c]);
    return RMEXIF_OK;
}

/* The coefficients `start` to `stop` of a block (T.81, F.1.4.2); bit k of *mask for each that is not zero. */
static rmexif_status ac_values(arithmetic_walk *a, int c, int start, int stop, uint64_t *mask) {
    const rmexif_jpeg_component *one = &a->w->scan->component[c];
    uint8_t *bins = a->ac[one->ac_slot];
    for (int k = start; k <= stop; k++) {
        uint8_t *bin = bins + 3 * (k - 1);
        if (decide(a, bin)) break; /* end of block */
        for (; !decide(a, bin + 1); bin += 3) {
            if (++k > stop) return RMEXIF_BAD_VALUE;
        }
        decide_evenly(a); /* sign */
        if (decide(a, bin + 2) && decide(a, bin + 2)) {
            int32_t m = 2, v;
            if (!magnitude(a, bins + (k <= one->kx ? X2_LOW : X2_HIGH), &m, &v)) return RMEXIF_BAD_VALUE;
        }
        *mask |= (uint64_t)1 << k;
    }
    return RMEXIF_OK;
}

static rmexif_status refined_values(arithmetic_walk *a, uint64_t known, uint64_t *fresh) { /* T.81, G.1.3.3 */
    int start = a->w->scan->start, stop = a->w->scan->stop;
    uint8_t *bins = a->ac[a->w->scan->component[0].ac_slot];
    known &= ~(uint64_t)0 >> (63 - stop);
    int last = known ? 63 - __builtin_clzll(known) : 0;
    for (int k = start; k <= stop; k++) {
        uint8_t *bin = bins + 3 * (k - 1);
        if (k > last && decide(a, bin)) break;
        for (;; bin += 3) {
            if (known >> k & 1) {
                decide(a, bin + 2);
                break;
            }
            if (decide(a, bin + 1)) {
                decide_evenly(a);
                *fresh |= (uint64_t)1 << k;
                break;
            }
            if (++k > stop) return RMEXIF_BAD_VALUE;
        }
    }
    return RMEXIF_OK;
}

static rmexif_status unit(arithmetic_walk *a, int c, uint64_t block) {
    const rmexif_jpeg_scan *scan = a->w->scan;
    uint64_t mask = 0;
    rmexif_status status = RMEXIF_OK;
    if (scan->start == 0) {
        if (scan->high) {
            mask = (uint64_t)decide_evenly(a);
        } else {
            status = dc_value(a, c);
        }
        if (status == RMEXIF_OK && scan->stop) status = ac_values(a, c, 1, 63, &mask);
    } else if (scan->high) {
        status = refined_values(a, a->w->history[block], &mask);
    } else {
        status = ac_values(a, c, scan->start, scan->stop, &mask);
    }
    if (status != RMEXIF_OK) return status;
    if (scan->start) a->w->history[block] |= mask;
    a->w->result->nonzero[c] |= mask;
    return status;
}

rmexif_status arithmetic_interval(jpeg_walk *w, uint64_t first, uint64_t count, const uint8_t *data,
                                  const uint8_t *end, jpeg_stop *stop, bool *differs) {
    rmexif_status status = RMEXIF_OK;
    arithmetic_walk a = {.w = w};
    end = data + jpeg_next_marker(data, (size_t)(end - data), 0);
    a.in = (arithmetic_decoder){.next = data, .end = end, .a = 0x10000};
    a.in.c = byte_in(&a.in) << 8;
    a.in.c |= byte_in(&a.in);
    a.out = (arithmetic_encoder){.out = w->out, .same = data, .end = end, .a = 0x10000, .ct = 11, .byte = -1};
    for (stop->mcus = 0; stop->mcus < count; stop->mcus++) {
        arithmetic_encoder whole = a.out;
        for (int c = 0; c < w->scan->components && status == RMEXIF_OK; c++) {
            for (int32_t n = 0; n < w->scan->component[c].units && status == RMEXIF_OK; n++) {
                status = unit(&a, c, first + stop->mcus);
            }
        }
        if (status == RMEXIF_OK) continue;
        a.out = whole;
        break;
    }
    finish(&a.out);
    w->out = a.out.out;
    *differs = a.out.differs;
    stop->end = a.out.size < (uint64_t)(end - data) ? data + a.out.size : end;
    stop->bits = 8;
    return status;
}
