#include "resample.h"

#if defined(__x86_64__) && defined(__GNUC__) && !defined(RMEXIF_WITHOUT_AVX2) /* tests leave it out */
#include <immintrin.h>
#define HAS_AVX2 1
#define AVX2 __attribute__((target("avx2")))
#else
#define HAS_AVX2 0
#endif

enum { PHASES = 256, TAPS = 4, UNIT = 128, HALF = 64, MOST_CHANNELS = 4, VECTOR = 32, LINE = 64 /* bytes of a cache line, mostly */ };
#define ONE ((uint64_t)1 << 32)

typedef int8_t weights[TAPS];

typedef struct { /* what stays the same over all rows */
    uint32_t channels;
    size_t in_row, out_row; /* bytes */
    int8_t *planes[TAPS];   /* the weight of each tap for each byte of an output row */
    uint8_t *ring[TAPS];    /* input rows that were scaled across; row y lies in ring[y % 4] */
    bool wide;              /* the processor has AVX2 */
} job;

static int32_t rounded(int64_t value) { /* to 128ths */
    return (int32_t)((value + (1 << 17) + (1 << 30)) >> 18) - (1 << 12);
}

/* Keys' kernel at phase t / 256, in 128ths that sum up to 128; 127 is the most that a weight holds. */
static void kernel(uint32_t phase, weights taps) {
    const int64_t t = phase, one = PHASES, cube = t * t * t, square = t * t * one, line = t * one * one;
    const int32_t before = rounded(-cube + 2 * square - line), behind = rounded(cube - square);
    int32_t next = rounded(-3 * cube + 4 * square + line);
    if (next > UNIT - 1) next = UNIT - 1;
    if (next < 1 - before - behind) next = 1 - before - behind; /* so that the middle one is at most 127 */
    taps[0] = (int8_t)before;
    taps[1] = (int8_t)(UNIT - before - next - behind);
    taps[2] = (int8_t)next;
    taps[3] = (int8_t)behind;
}

static uint8_t clamped(int32_t sum) {
    sum = (sum + HALF) >> 7;
    return (uint8_t)(sum < 0 ? 0 : sum > 255 ? 255 : sum);
}

static void mix(const uint8_t *const rows[TAPS], const weights taps, size_t from, size_t to, uint8_t *out) {
    for (size_t i = from; i < to; i++) {
        out[i] = clamped(rows[0][i] * taps[0] + rows[1][i] * taps[1] + rows[2][i] * taps[2] + rows[3][i] * taps[3]);
    }
}

static void mix_planes(const uint8_t *from, size_t pixel, int8_t *const planes[TAPS], size_t at, size_t to, uint8_t *out) {
    for (; at < to; at++, from++) {
        out[at] = clamped(from[0] * planes[0][at] + from[pixel] * planes[1][at] + from[2 * pixel] * planes[2][at] +
                          from[3 * pixel] * planes[3][at]);
    }
}

/* Eight samples at a time, on any processor. A sum lies between -6120 and 38760: with BIAS it fits 16 bits unsigned. */
enum { EIGHT = 8, BIAS = 1 << 13 };
typedef uint8_t bytes8 __attribute__((vector_size(8)));
typedef int8_t weights8 __attribute__((vector_size(8)));
typedef uint16_t sums8 __attribute__((vector_size(16)));
typedef int16_t words8 __attribute__((vector_size(16)));

static inline sums8 bytes_at(const uint8_t *from) {
    bytes8 read;
    memcpy(&read, from, sizeof read);
    return __builtin_convertvector(read, sums8);
}

static inline sums8 weights_at(const int8_t *from) {
    weights8 read;
    memcpy(&read, from, sizeof read);
    return (sums8) __builtin_convertvector(read, words8);
}

static inline void put(sums8 sum, uint8_t *out) {
    words8 value = (words8)((sum + (BIAS + HALF)) >> 7) - (BIAS >> 7);
    value = (value & ~(value >> 15)) | (value > 255);
    const bytes8 result = __builtin_convertvector(value, bytes8);
    memcpy(out, &result, sizeof result);
}

static size_t mix_eights(const uint8_t *const rows[TAPS], const weights taps, size_t size, const uint8_t *ahead,
                         uint8_t *out) {
    size_t i = 0;
    for (; i + EIGHT <= size; i += EIGHT) {
        if (!(i % LINE)) __builtin_prefetch(ahead + i);
        put(bytes_at(rows[0] + i) * (uint16_t)taps[0] + bytes_at(rows[1] + i) * (uint16_t)taps[1] +
                bytes_at(rows[2] + i) * (uint16_t)taps[2] + bytes_at(rows[3] + i) * (uint16_t)taps[3],
            out + i);
    }
    return i;
}

/* As mix_planes, of 8 bytes or more: the last ones are written twice instead of one by one. */
static void mix_planes_eights(const uint8_t *from, size_t pixel, int8_t *const planes[TAPS], size_t at, size_t to,
                              uint8_t *out) {
    const size_t start = at;
    for (; at < to; at += EIGHT) {
        if (at + EIGHT > to) at = to - EIGHT;
        const uint8_t *source = from + (at - start);
        put(bytes_at(source) * weights_at(planes[0] + at) + bytes_at(source + pixel) * weights_at(planes[1] + at) +
                bytes_at(source + 2 * pixel) * weights_at(planes[2] + at) +
                bytes_at(source + 3 * pixel) * weights_at(planes[3] + at),
            out + at);
    }
}

#if HAS_AVX2
AVX2 static inline __m256i load(const void *from) { return _mm256_loadu_si256((const __m256i *)from); }

/* 32 sums of four products each; only the last addition can saturate, far above 255. */
AVX2 static inline __m256i weighed(const __m256i data[TAPS], const __m256i low[2], const __m256i high[2]) {
    const __m256i half = _mm256_set1_epi16(HALF);
    __m256i a = _mm256_maddubs_epi16(_mm256_unpacklo_epi8(data[0], data[1]), low[0]);
    __m256i b = _mm256_maddubs_epi16(_mm256_unpackhi_epi8(data[0], data[1]), high[0]);
    __m256i c = _mm256_maddubs_epi16(_mm256_unpacklo_epi8(data[2], data[3]), low[1]);
    __m256i d = _mm256_maddubs_epi16(_mm256_unpackhi_epi8(data[2], data[3]), high[1]);
    a = _mm256_srai_epi16(_mm256_adds_epi16(_mm256_adds_epi16(a, half), c), 7);
    b = _mm256_srai_epi16(_mm256_adds_epi16(_mm256_adds_epi16(b, half), d), 7);
    return _mm256_packus_epi16(a, b);
}

AVX2 static size_t mix_wide(const uint8_t *const rows[TAPS], const weights taps, size_t size, const uint8_t *ahead,
                            uint8_t *out) {
    size_t i = 0;
    __m256i pairs[2];
    for (int n = 0; n < 2; n++) {
        pairs[n] = _mm256_set1_epi16((int16_t)((uint8_t)taps[2 * n] | (uint16_t)((uint8_t)taps[2 * n + 1] << 8)));
    }
    for (; i + VECTOR <= size; i += VECTOR) {
        const __m256i data[TAPS] = {load(rows[0] + i), load(rows[1] + i), load(rows[2] + i), load(rows[3] + i)};
        if (!(i % LINE)) __builtin_prefetch(ahead + i);
        _mm256_storeu_si256((__m256i *)(out + i), weighed(data, pairs, pairs));
    }
    return i;
}

/* As mix_planes_eights, of 32 bytes or more. */
AVX2 static void mix_planes_wide(const uint8_t *from, size_t pixel, int8_t *const planes[TAPS], size_t at, size_t to,
                                 uint8_t *out) {
    const size_t start = at;
    for (; at < to; at += VECTOR) {
        if (at + VECTOR > to) at = to - VECTOR;
        const uint8_t *source = from + (at - start);
        const __m256i data[TAPS] = {load(source), load(source + pixel), load(source + 2 * pixel), load(source + 3 * pixel)};
        __m256i low[2], high[2];
        for (int n = 0; n < 2; n++) {
            const __m256i one = load(planes[2 * n] + at), other = load(planes[2 * n + 1] + at);
            low[n] = _mm256_unpacklo_epi8(one, other);
            high[n] = _mm256_unpackhi_epi8(one, other);
        }
        _mm256_storeu_si256((__m256i *)(out + at), weighed(data, low, high));
    }
}
#endif

/* Scale down to one row. Of `ahead`, an input row, as many bytes are fetched meanwhile as the row has: to wait for them
 * later takes a third of the time. */
static void mix_rows(const job *work, const uint8_t *const rows[TAPS], const weights taps, const uint8_t *ahead,
                     uint8_t *out) {
    size_t done;
#if HAS_AVX2
    if (work->wide) {
        done = mix_wide(rows, taps, work->out_row, ahead, out);
    } else
#endif
    {
        done = mix_eights(rows, taps, work->out_row, ahead, out);
    }
    mix(rows, taps, done, work->out_row, out);
}

static void mix_segment(const job *work, const uint8_t *from, size_t at, size_t to, uint8_t *out) {
#if HAS_AVX2
    if (work->wide && to - at >= VECTOR) {
        mix_planes_wide(from, work->channels, work->planes, at, to, out);
        return;
    }
#endif
    if (to - at >= EIGHT) {
        mix_planes_eights(from, work->channels, work->planes, at, to, out);
        return;
    }
    mix_planes(from, work->channels, work->planes, at, to, out);
}

/* One pixel whose taps lie partly outside: what is outside is as the border. */
static void mix_border(const job *work, const uint8_t *row, const rmexif_resample_axis *axis, uint32_t x, uint8_t *out) {
    const int64_t middle = (int64_t)((axis->first + x * axis->step) >> 32);
    for (uint32_t c = 0; c < work->channels; c++) {
        const size_t at = (size_t)x * work->channels + c;
        int32_t sum = 0;
        for (int n = 0; n < TAPS; n++) {
            int64_t from = middle + n - 1;
            from = from < 0 ? 0 : from >= axis->input ? axis->input - 1 : from;
            sum += row[(size_t)from * work->channels + c] * work->planes[n][at];
        }
        out[at] = clamped(sum);
    }
}

/* Scale one row across. Where the step is near 1, long runs of pixels come from as many pixels, a fixed way off. */
static void scale_row(const job *work, const uint8_t *row, const rmexif_resample_axis *axis, uint8_t *out) {
    const uint64_t more = axis->step - ONE;
    uint32_t x = 0;
    while (x < axis->output) {
        const uint64_t position = axis->first + x * axis->step;
        const uint64_t middle = position >> 32, left = ONE - (position & (ONE - 1));
        uint64_t run = more ? (left + more - 1) / more : axis->output; /* until the fraction gains a whole pixel */
        if (run > axis->output - x) run = axis->output - x;
        if (middle < 1 || middle + 2 >= axis->input) {
            mix_border(work, row, axis, x++, out);
            continue;
        }
        if (run > axis->input - 2 - middle) run = axis->input - 2 - middle;
        mix_segment(work, row + (size_t)(middle - 1) * work->channels, (size_t)x * work->channels,
                    (size_t)(x + run) * work->channels, out);
        x += (uint32_t)run;
    }
}

static bool is_offered(const rmexif_resample_axis *axis) {
    if (!axis->input || !axis->output || axis->output > axis->input) return false;
    if (axis->step < ONE || axis->step >= 2 * ONE || axis->first >= (uint64_t)axis->input << 32) return false;
    return axis->first + (axis->output - 1) * axis->step < (uint64_t)axis->input << 32;
}

size_t rmexif_resample_scratch(uint32_t channels, uint32_t output_width) {
    return (size_t)2 * TAPS * channels * output_width;
}

static void lay_out(job *work, const rmexif_resample_axis *across, uint8_t *scratch) {
    for (int n = 0; n < TAPS; n++) {
        work->planes[n] = (int8_t *)scratch + n * work->out_row;
        work->ring[n] = scratch + (TAPS + n) * work->out_row;
    }
    for (size_t at = 0, x = 0; x < across->output; x++) {
        weights taps;
        kernel((uint32_t)(across->first + x * across->step) >> 24, taps);
        for (uint32_t c = 0; c < work->channels; c++, at++) {
            for (int n = 0; n < TAPS; n++) work->planes[n][at] = taps[n];
        }
    }
}

rmexif_status rmexif_resample_shrink(const uint8_t *data, size_t size, uint32_t channels,
                                     const rmexif_resample_axis *across, const rmexif_resample_axis *down, uint8_t *out,
                                     size_t capacity, uint8_t *scratch, size_t scratch_size) {
    if (channels < 1 || channels > MOST_CHANNELS || !is_offered(across) || !is_offered(down)) return RMEXIF_BAD_ARGUMENT;
    job work = {.channels = channels};
    work.in_row = (size_t)across->input * channels;
    work.out_row = (size_t)across->output * channels;
    if (size / work.in_row < down->input) return RMEXIF_ENDS_EARLY;
    if (capacity / work.out_row < down->output) return RMEXIF_OUTPUT_FULL;
    if (scratch_size < rmexif_resample_scratch(channels, across->output)) return RMEXIF_OUTPUT_FULL;
#if HAS_AVX2
    work.wide = __builtin_cpu_supports("avx2");
#endif
    lay_out(&work, across, scratch);
    uint32_t scaled = 0; /* input rows that lie in the ring, or did */
    for (uint32_t y = 0; y < down->output; y++) {
        const uint64_t position = down->first + y * down->step;
        const int64_t middle = (int64_t)(position >> 32), last = down->input - 1;
        for (; scaled <= last && scaled <= middle + 2; scaled++) {
            if (scaled + 1 < middle) continue; /* no output row needs it */
            scale_row(&work, data + scaled * work.in_row, across, work.ring[scaled % TAPS]);
        }
        const uint8_t *rows[TAPS];
        for (int n = 0; n < TAPS; n++) {
            const int64_t from = middle + n - 1;
            rows[n] = work.ring[(from < 0 ? 0 : from > last ? last : from) % TAPS];
        }
        weights taps;
        kernel((uint32_t)position >> 24, taps);
        const uint8_t *ahead = data + (scaled < last ? scaled : last) * work.in_row;
        mix_rows(&work, rows, taps, ahead, out + y * work.out_row); /* rows of `data` up to here are scaled: it may go there */
    }
    return RMEXIF_OK;
}
