#include "lzw.h"

#include "lzw_ratio.h"
#include "reader.h"
#include "writer.h"

#if defined(__GNUC__)
#define INLINED static inline __attribute__((always_inline)) /* so that the order is a constant in every loop */
#else
#define INLINED static inline
#endif

enum {
    CODES = 4096,
    WIDEST = 12,
    KEPT = 4093,   /* a table with fewer entries is not full by any encoder's rule: its clear code is not noted */
    KEPT_TIFF = 384, /* libtiff clears where codes grow longer again, after 10,000 samples at the earliest */
    SET_BITS = 14, /* slots of the decoder's set, sparse because every code takes one */
    MAP_BITS = 14, /* slots of the encoder's map; with 15 photographs take 10 % less time, small frames more */
    SPARE = 8,     /* bytes that a copy may touch beyond a string */
};

INLINED uint32_t limit_of(bool tiff) { return tiff ? 4093 : CODES; } /* the entry that is never added */

INLINED unsigned wider(unsigned width, uint32_t known, bool tiff) { /* than a code was, for the next one */
    return width + (known >= (1u << width) - tiff && width < WIDEST);
}

typedef struct {
    msb_reader high;
    lsb_reader low;
} code_reader;

INLINED void refill(code_reader *r, bool tiff) {
    if (tiff) {
        msb_refill(&r->high);
    } else {
        lsb_refill(&r->low);
    }
}

INLINED uint32_t peek_code(const code_reader *r, bool tiff, unsigned width) {
    return tiff ? msb_peek(&r->high, width) : lsb_peek(&r->low, width);
}

INLINED void skip_code(code_reader *r, bool tiff, unsigned width) {
    if (tiff) {
        msb_skip(&r->high, width);
    } else {
        lsb_skip(&r->low, width);
    }
}

INLINED uint32_t take_code(code_reader *r, bool tiff, unsigned width) {
    return tiff ? msb_take(&r->high, width) : lsb_take(&r->low, width);
}

INLINED size_t bytes_left(const code_reader *r, bool tiff) { /* that no refill has taken */
    return tiff ? (size_t)(r->high.end - r->high.next) : (size_t)(r->low.end - r->low.next);
}

INLINED bool overrun(const code_reader *r, bool tiff) { return tiff ? msb_overrun(&r->high) : lsb_overrun(&r->low); }

INLINED size_t position(const code_reader *r, bool tiff) { /* bits */
    return tiff ? msb_position(&r->high) : lsb_position(&r->low);
}

INLINED bool take_padding(code_reader *r, bool tiff) { /* whether it is zero up to the byte */
    return !take_code(r, tiff, (unsigned)(-position(r, tiff) & 7));
}

/* The entries of a table as pairs of prefix and sample: one bit each. A greedy encoder adds no pair twice. */
typedef struct {
    uint64_t bits[CODES][4];
} pair_set;

INLINED bool add_pair(pair_set *set, uint32_t prefix, uint32_t sample) { /* whether it is new */
    uint64_t *word = &set->bits[prefix][sample >> 6], bit = (uint64_t)1 << (sample & 63);
    bool is_new = !(*word & bit);
    *word |= bit;
    return is_new;
}

/* The string of a code. Of at most seven samples: these, from the lowest byte up, and 8 times their number in the
 * highest byte. Longer: LONG, their number and the place in the output where it was written first. 0: no string. */
typedef uint64_t string;

#define LONG ((string)0xFF << 56)
#define MOST_GROWING 6u /* samples of a string that is short with another sample behind it too */

INLINED string short_string(uint32_t sample) { return (string)8 << 56 | sample; }

INLINED string long_string(size_t place, size_t length) { return LONG | (string)length << 40 | place; }

INLINED bool is_long(string s) { return s >= LONG; }

INLINED bool grows(string s) { return (s >> 56) - 8 <= 8 * (MOST_GROWING - 1); }

INLINED string grown(string s, uint32_t sample) { return s + ((string)8 << 56) + ((string)sample << (s >> 56)); }

INLINED size_t place_of(string s) { return (size_t)(s & (((string)1 << 40) - 1)); }

INLINED size_t length_of(string s) { return is_long(s) ? (size_t)(s >> 40 & 0xFFFF) : (size_t)(s >> 59); }

typedef struct {
    string strings[CODES + 1]; /* the last one known ends with its first sample, as long as nothing follows it */
    pair_set pairs;
} decode_table;

typedef struct {
    uint32_t known, previous; /* entries; the code before, CODES: none */
    unsigned width;
    bool fresh;     /* no code since the table was cleared */
    bool due;       /* the canonical encoder clears here, if samples follow */
    bool canonical; /* so far */
} decode_state;

static void fill_roots(decode_table *table, uint32_t count) {
    memset(table->strings, 0, sizeof table->strings);
    for (uint32_t code = 0; code < count; code++) table->strings[code] = short_string(code);
}

/* Write a string, whose last sample may be the first one that this call writes; cut at the end of the output. */
INLINED void put_string(writer *w, string s) {
    const size_t size = length_of(s);
    const uint8_t *from = w->start + (is_long(s) ? place_of(s) : 0);
    if ((size_t)(w->end - w->next) < size + SPARE) { /* sample by sample */
        for (size_t i = 0; i < size && w->next < w->end; i++) *w->next++ = is_long(s) ? from[i] : (uint8_t)(s >> 8 * i);
        return;
    }
    if (is_long(s)) {
        for (size_t i = 0; i < size; i += 8) store_le64(w->next + i, load_le64(from + i));
        w->next[size - 1] = from[size - 1];
    } else {
        store_le64(w->next, s);
    }
    w->next += size;
}

/* What a code does that stands for samples; false: the table does not hold it. */
INLINED bool decode_string(decode_state *s, decode_table *table, writer *w, uint32_t code, uint32_t roots, bool tiff) {
    uint32_t entry = s->known;
    s->known += entry < CODES;
    if (code >= s->known) return false; /* right behind a clear code, the end code is the last one known */
    const string found = table->strings[code];
    const size_t place = writer_size(w), length = length_of(found);
    const uint32_t sample = is_long(found) ? w->start[place_of(found)] : (uint32_t)(found & 0xFF);
    if (s->canonical) {
        if (s->previous < CODES) s->canonical = add_pair(&table->pairs, s->previous, sample);
        if (s->fresh) memset(table->pairs.bits, 0, roots * sizeof *table->pairs.bits);
        if (entry < CODES) memset(table->pairs.bits[entry], 0, sizeof *table->pairs.bits);
        s->canonical &= !s->due;
        s->due = s->known == limit_of(tiff);
    }
    if (!s->fresh && entry < CODES && !is_long(table->strings[entry])) {
        table->strings[entry] = grown(table->strings[s->previous], sample);
    }
    put_string(w, found);
    if (writer_size(w) - place < length) s->canonical = false;
    table->strings[s->known] = grows(found) ? grown(found, sample) : long_string(place, length + 1);
    s->previous = code;
    s->fresh = false;
    s->width = wider(s->width, s->known, tiff);
    return true;
}

/* The codes that come next as long as they and the one before stand for short strings, nothing ends or changes its
 * width, and the table does not fill: noisy pictures have hardly any other ones. */
INLINED void decode_short(code_reader *reader, decode_state *s, decode_table *table, writer *w, bool tiff,
                          const lzw_ratio *ratio) {
    enum { AT_ONCE = 4 }; /* codes of a refill */
    const uint32_t stop = tiff && s->width == WIDEST ? limit_of(tiff) : (1u << s->width) - tiff;
    const unsigned width = s->width;
    if (s->fresh || s->due || !grows(table->strings[s->previous])) return;
    code_reader r = *reader;
    uint32_t known = s->known, previous = s->previous;
    string before = table->strings[previous];
    uint8_t *next = w->next;
    const size_t room = (size_t)(w->end - w->start), due = ratio_due(ratio);
    const uint8_t *end = w->start + (tiff && s->canonical && due < room ? due : room);
    bool is_short = true, repeated = false;
    while (is_short && known + AT_ONCE < stop && end - next >= AT_ONCE * SPARE && bytes_left(&r, tiff) >= 8) {
        refill(&r, tiff);
        for (int n = 0; n < AT_ONCE; n++) {
            const uint32_t code = peek_code(&r, tiff, width);
            const string found = table->strings[code];
            is_short = grows(found);
            if (!is_short) break;
            skip_code(&r, tiff, width);
            const uint32_t sample = (uint32_t)(found & 0xFF);
            repeated |= !add_pair(&table->pairs, previous, sample);
            memset(table->pairs.bits[known], 0, sizeof *table->pairs.bits);
            table->strings[known++] = grown(before, sample);
            table->strings[known] = grown(found, sample);
            store_le64(next, found);
            next += found >> 59;
            before = found;
            previous = code;
        }
    }
    s->canonical &= !repeated;
    s->known = known;
    s->previous = previous;
    w->next = next;
    *reader = r;
}

INLINED rmexif_status decode(const uint8_t *data, size_t data_size, bool tiff, unsigned bits, writer *w,
                             uint64_t *resets, size_t resets_size, decode_table *table, uint64_t *report) {
    const uint32_t clear = 1u << bits;
    code_reader r = {msb_open(data, data_size), lsb_open(data, data_size)};
    decode_state s = {clear + 1, CODES, bits + 1, true, true, bits > 1}; /* none encodes roots of one bit */
    lzw_ratio ratio = ratio_open();
    rmexif_status status = RMEXIF_OK;
    size_t start = 0;
    bool ended = false;
    for (;;) {
        decode_short(&r, &s, table, w, tiff, &ratio);
        start = position(&r, tiff);
        const unsigned width = s.width;
        uint32_t code = take_code(&r, tiff, width);
        bool complete = w->next == w->end;
        ended = code == clear + 1 && !overrun(&r, tiff);
        if (ended || complete) break;
        if (overrun(&r, tiff)) {
            status = RMEXIF_ENDS_EARLY;
            start = 8 * data_size;
            break;
        }
        if (code == clear) {
            const bool noted = s.known >= (tiff ? KEPT_TIFF : KEPT);
            if (noted && report[LZW_RESETS] == resets_size) return RMEXIF_LIMIT;
            if (noted) resets[report[LZW_RESETS]++] = writer_size(w);
            memset(table->strings + clear + 2, 0, (s.known - clear - 1) * sizeof *table->strings);
            s = (decode_state){clear + 1, s.previous, bits + 1, true, false, s.canonical && s.due};
            ratio_clear(&ratio, writer_size(w), start);
        } else if (!decode_string(&s, table, w, code, clear, tiff)) {
            status = RMEXIF_BAD_VALUE;
            break;
        } else if (tiff && s.canonical && !s.due && s.width == width) {
            s.due = ratio_falls(&ratio, writer_size(w), position(&r, tiff));
        }
    }
    size_t written = writer_size(w);
    if (report[LZW_RESETS] && resets[report[LZW_RESETS] - 1] == written) report[LZW_RESETS]--;
    report[LZW_SAMPLES] = written;
    report[LZW_CONSUMED] = status == RMEXIF_BAD_VALUE ? start / 8 : ((ended ? position(&r, tiff) : start) + 7) / 8;
    report[LZW_CANONICAL] = ended && take_padding(&r, tiff) && s.canonical && (written ? !s.fresh : !s.due);
    return status;
}

typedef struct {
    uint32_t slots[1 << MAP_BITS]; /* prefix, sample and entry: 12, 8 and 12 bits; 0: free */
} encode_table;

typedef struct {
    writer out;
    uint32_t roots, known;
    unsigned width;
    size_t bits; /* written */
    lzw_ratio ratio;
} encode_state;

INLINED void put_code(encode_state *s, uint32_t code, bool tiff) {
    if (tiff) {
        put_msb(&s->out, code, s->width);
    } else {
        put_lsb(&s->out, code, s->width);
    }
    s->bits += s->width;
}

INLINED void put_clear(encode_state *s, encode_table *table, bool tiff, size_t samples) { /* of the strings before */
    ratio_clear(&s->ratio, samples, s->bits);
    put_code(s, s->roots, tiff);
    s->known = s->roots + 2;
    s->width = 1;
    while (1u << s->width <= s->roots) s->width++;
    memset(table->slots, 0, sizeof table->slots);
}

/* Encode samples from a cleared table on, clearing it where it is full unless `keep` is set. */
INLINED void encode_run(encode_state *s, encode_table *table, const uint8_t *samples, size_t size, bool tiff,
                        bool keep) {
    uint32_t code = samples[0];
    for (size_t i = 1; i < size; i++) {
        uint32_t sample = samples[i], pair = code << 8 | sample, found;
        uint32_t slot = (code ^ sample * 5062u) & ((1 << MAP_BITS) - 1);
        while ((found = table->slots[slot]) != 0 && found >> 12 != pair) slot = (slot + 1) & ((1 << MAP_BITS) - 1);
        if (found) {
            code = found & (CODES - 1);
            continue;
        }
        put_code(s, code, tiff);
        bool is_full = s->known == limit_of(tiff);
        if (!is_full) {
            const unsigned width = s->width;
            table->slots[slot] = pair << 12 | s->known;
            s->width = wider(width, s->known++, tiff); /* the decoder adds this entry one code later */
            is_full = tiff && !keep && s->width == width && ratio_falls(&s->ratio, i, s->bits);
        }
        if (is_full && !keep) put_clear(s, table, tiff, i);
        code = sample;
    }
    put_code(s, code, tiff);
    s->width = wider(s->width, s->known, tiff);
}

INLINED void encode(encode_state *s, encode_table *table, const uint8_t *samples, size_t size, bool tiff, bool keep,
                    const uint64_t *resets, size_t resets_size) {
    size_t start = 0;
    for (size_t i = 0; i <= resets_size && start < size; i++) {
        size_t stop = i < resets_size ? (size_t)resets[i] : size;
        put_clear(s, table, tiff, 0);
        encode_run(s, table, samples + start, stop - start, tiff, keep);
        start = stop;
    }
    if (!size) put_clear(s, table, tiff, 0);
    put_code(s, s->roots + 1, tiff);
    if (tiff) {
        flush_msb(&s->out, false);
    } else {
        flush_lsb(&s->out);
    }
}

static bool usable(const uint8_t *scratch, size_t size) {
    return size >= rmexif_lzw_scratch() && (uintptr_t)scratch % _Alignof(decode_table) == 0;
}

static bool ascending(const uint64_t *resets, size_t count, size_t size) { /* and each before the last sample */
    uint64_t last = 0;
    for (size_t i = 0; i < count; i++) {
        if (resets[i] <= last || resets[i] >= size) return false;
        last = resets[i];
    }
    return true;
}

static bool fit(const uint8_t *samples, size_t size, unsigned bits) {
    uint8_t all = 0;
    for (size_t i = 0; i < size; i++) all |= samples[i];
    return all >> bits == 0;
}

size_t rmexif_lzw_scratch(void) {
    return sizeof(decode_table) > sizeof(encode_table) ? sizeof(decode_table) : sizeof(encode_table);
}

rmexif_status rmexif_lzw_decode(const uint8_t *data, size_t data_size, uint32_t tiff, uint32_t bits, uint8_t *samples,
                                size_t size, uint64_t *resets, size_t resets_size, uint8_t *scratch,
                                size_t scratch_size, uint64_t *report) {
    memset(report, 0, LZW_FACTS * sizeof *report);
    if (bits < 1 || bits > 8 || (tiff && bits != 8) || !usable(scratch, scratch_size)) return RMEXIF_BAD_ARGUMENT;
    writer out = writer_open(samples, size);
    decode_table *table = (decode_table *)(void *)scratch;
    fill_roots(table, 1u << bits);
    if (!size) return RMEXIF_OK;
    if (tiff) return decode(data, data_size, true, 8, &out, resets, resets_size, table, report);
    return decode(data, data_size, false, bits, &out, resets, resets_size, table, report);
}

rmexif_status rmexif_lzw_encode(const uint8_t *samples, size_t size, uint32_t tiff, uint32_t bits, uint32_t keep,
                                const uint64_t *resets, size_t resets_size, uint8_t *out, size_t out_size,
                                uint8_t *scratch, size_t scratch_size, uint64_t *written) {
    *written = 0;
    if (bits < 2 || bits > 8 || (tiff && bits != 8) || !usable(scratch, scratch_size)) return RMEXIF_BAD_ARGUMENT;
    if ((resets_size && !keep) || !ascending(resets, resets_size, size) || !fit(samples, size, bits)) {
        return RMEXIF_BAD_ARGUMENT;
    }
    encode_state s = {writer_open(out, out_size), 1u << bits, 0, bits + 1, 0, ratio_open()};
    encode_table *table = (encode_table *)(void *)scratch;
    if (tiff) {
        encode(&s, table, samples, size, true, keep, resets, resets_size);
    } else {
        encode(&s, table, samples, size, false, keep, resets, resets_size);
    }
    *written = writer_size(&s.out);
    return s.out.full ? RMEXIF_OUTPUT_FULL : RMEXIF_OK;
}
