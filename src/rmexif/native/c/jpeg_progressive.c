/* Progressive scans of AC coefficients (T.81, G.1.2.2, G.1.2.3). */
#include "jpeg_huffman.h"

/* Write the end-of-block run at hand and its correction bits, as libjpeg does. */
static void put_run_of_ends(jpeg_walk *w) {
    if (!w->run) return;
    unsigned size = 31 - (unsigned)__builtin_clz(w->run);
    huffman_put_symbol(w, 1, size << 4, w->run, size);
    for (uint32_t i = 0; i < w->corrections; i++) huffman_put_bits(&w->out, w->correction[i], 1);
    w->run = w->corrections = 0;
}

static void put_corrections(jpeg_walk *w, uint64_t bits, unsigned count) {
    huffman_put_bits(&w->out, (uint32_t)(bits >> 32), count > 32 ? count - 32 : 0);
    huffman_put_bits(&w->out, (uint32_t)bits, count > 32 ? 32 : count);
}

/* A block ends: it joins the run at hand, with the correction bits behind its last new coefficient. */
static void join_run(jpeg_walk *w, uint64_t bits, unsigned count) {
    w->run++;
    while (count) w->correction[w->corrections++] = bits >> --count & 1;
    if (w->run == LONGEST_RUN || w->corrections > CORRECTIONS_FULL) put_run_of_ends(w);
}

typedef struct { /* what libjpeg would have made of the end-of-block runs */
    uint64_t next;        /* the block behind the last run */
    uint32_t covered, corrections;
    bool full;            /* it had to end there */
} run_check;

/* A code starts a run of `run` blocks with block `block`; `bare`: the block has no new coefficient. */
INLINE void check_run(jpeg_walk *w, run_check *check, uint64_t block, uint64_t stop, uint64_t run, bool bare) {
    bool split = bare && block == check->next && !check->full;
    if (split || run > stop - block) w->result->eob_runs++;
    check->next = block + run;
    check->covered = check->corrections = 0;
    check->full = false;
}

/* One more block of the run at hand; `left`: blocks of it behind this one. */
INLINE void check_block(jpeg_walk *w, run_check *check, uint64_t left, unsigned corrections) {
    check->covered++;
    check->corrections += corrections;
    if (check->covered != LONGEST_RUN && check->corrections <= CORRECTIONS_FULL) return;
    if (left) w->result->eob_runs++;
    check->full = !left;
    check->covered = check->corrections = 0;
}

/* A scan that starts a band of AC coefficients (T.81, G.1.2.2). */
INLINE rmexif_status first_block(jpeg_walk *w, jpeg_reader *r, uint64_t block, uint64_t stop, bool code,
                                 run_check *check, uint64_t *run) {
    const huffman_table *t = w->reads[1];
    unsigned k = (unsigned)w->scan->start, last = (unsigned)w->scan->stop, zero_runs = 0;
    uint64_t mask = 0;
    while (k <= last) {
        uint32_t value, e = next_code(r, t, &value);
        if (!e) return RMEXIF_BAD_CODE;
        if (e & COEFFICIENT) {
            k += step_of(e);
            if (k > last + 1) return RMEXIF_BAD_VALUE;
            mask |= (uint64_t)1 << (k - 1);
            if (code) {
                put_run_of_ends(w);
                for (; zero_runs; zero_runs--) huffman_put_symbol(w, 1, 0xF0, 0, 0);
                huffman_put_symbol(w, 1, t->symbols[number_of(e)], value, size_of(e));
            }
            zero_runs = 0;
            continue;
        }
        if (step_of(e) == END_OF_BLOCK) {
            *run = ((uint64_t)1 << size_of(e)) + value;
            check_run(w, check, block, stop, *run, !mask);
            break;
        }
        zero_runs++;
        k += 16;
    }
    if (zero_runs) w->result->zero_runs++;
    if (code && !(mask >> last & 1)) join_run(w, 0, 0);
    w->history[block] |= mask;
    w->result->nonzero[0] |= mask;
    return RMEXIF_OK;
}

INLINE rmexif_status first_scan(jpeg_walk *w, uint64_t first, uint64_t count, jpeg_reader r, bool code,
                                jpeg_stop *stop) {
    run_check check = {.next = UINT64_MAX};
    uint64_t end = first + count;
    for (uint64_t block = first; block < end;) {
        jpeg_reader whole = r;
        uint64_t run = 0; /* blocks that end here, this one included */
        rmexif_status status = first_block(w, &r, block, end, code, &check, &run);
        if (jpeg_overrun(&r)) status = RMEXIF_ENDS_EARLY;
        if (status != RMEXIF_OK) {
            set_stop(stop, &whole, block - first);
            return status;
        }
        if (run == LONGEST_RUN) check.full = true;
        block++;
        if (!run) continue;
        run = run - 1 < end - block ? run - 1 : end - block;
        for (uint64_t i = 0; code && i < run; i++) join_run(w, 0, 0);
        block += run;
    }
    if (code) put_run_of_ends(w);
    set_stop(stop, &r, count);
    return RMEXIF_OK;
}

/* Symbols of a refined block, whose correction bits stay at hand until a new coefficient follows them. */
typedef struct {
    uint64_t bits;
    unsigned count, zero_runs;
    unsigned at[4]; /* correction bits before the end of each run of 16 zeros */
} held_corrections;

static void put_refined(jpeg_walk *w, held_corrections *held, unsigned symbol, uint32_t sign) {
    unsigned from = 0;
    put_run_of_ends(w);
    for (unsigned i = 0; i < held->zero_runs; from = held->at[i++]) {
        huffman_put_symbol(w, 1, 0xF0, 0, 0);
        put_corrections(w, held->bits >> (held->count - held->at[i]), held->at[i] - from);
    }
    huffman_put_symbol(w, 1, symbol, sign, 1);
    put_corrections(w, held->bits, held->count - from);
    *held = (held_corrections){0};
}

INLINE unsigned ones_in(uint64_t x) {
    if (!x) return 0;
    x -= x >> 1 & 0x5555555555555555u;
    x = (x & 0x3333333333333333u) + (x >> 2 & 0x3333333333333333u);
    return (unsigned)(((x + (x >> 4)) & 0x0F0F0F0F0F0F0F0Fu) * 0x0101010101010101u >> 56);
}

/* The place of zero number `step`, from 1, among coefficients `k` to `last`, last + 1 where there are fewer; `known`
 * has bit 0 for coefficient k. `*count`: nonzero ones before it. */
INLINE unsigned place_of_zero(uint64_t known, unsigned k, unsigned step, unsigned last, unsigned *count) {
    unsigned at = k + step - 1;
    while (at <= last) { /* each nonzero one moves it by one place, which may have others behind it */
        unsigned passed = ones_in(known & ~(uint64_t)0 >> (63 - (at - k)));
        if (passed == *count) return at;
        at += passed - *count;
        *count = passed;
    }
    *count = ones_in(known);
    return last + 1;
}

INLINE void take_corrections(jpeg_reader *r, held_corrections *held, unsigned count, bool code) {
    if (!code) {
        jpeg_pass(r, count);
        return;
    }
    held->bits = held->bits << count | jpeg_take(r, count); /* 63 in a block at most */
    held->count += count;
}

/* A scan that refines a band of AC coefficients (T.81, G.1.2.3). */
INLINE rmexif_status refined_block(jpeg_walk *w, jpeg_reader *r, uint64_t block, uint64_t stop, bool code,
                                   run_check *check, uint64_t *run) {
    const huffman_table *t = w->reads[1];
    unsigned k = (unsigned)w->scan->start, last = (unsigned)w->scan->stop;
    uint64_t band = ~(uint64_t)0 >> (63 - last), known = w->history[block] & band, fresh = 0;
    held_corrections held = {0};
    while (k <= last && !*run) {
        uint32_t value, e = next_code(r, t, &value);
        if (!e) return RMEXIF_BAD_CODE;
        if (e & NO_VALUE) return RMEXIF_BAD_VALUE;
        if (step_of(e) == END_OF_BLOCK) {
            *run = ((uint64_t)1 << size_of(e)) + value;
            check_run(w, check, block, stop, *run, !fresh);
            break;
        }
        unsigned count = 0, at = place_of_zero(known >> k, k, step_of(e), last, &count);
        take_corrections(r, &held, count, code);
        k = at + 1;
        if (e & COEFFICIENT) {
            if (at > last) return RMEXIF_BAD_VALUE;
            fresh |= (uint64_t)1 << at;
            if (code) put_refined(w, &held, t->symbols[number_of(e)], value);
            held = (held_corrections){0};
        } else {
            held.at[held.zero_runs++ & 3] = held.count;
        }
    }
    bool ends = held.zero_runs > 0; /* without a coefficient in its last place */
    if (ends) w->result->zero_runs++;
    if (*run) {
        ends = true;
        unsigned count = k > 63 ? 0 : ones_in(known >> k);
        take_corrections(r, &held, count, code);
        check_block(w, check, --*run, count);
    }
    if (code && ends) join_run(w, held.bits, held.count);
    w->history[block] |= fresh;
    w->result->nonzero[0] |= fresh;
    return RMEXIF_OK;
}

INLINE rmexif_status refining_scan(jpeg_walk *w, uint64_t first, uint64_t count, jpeg_reader r, bool code,
                                   jpeg_stop *stop) {
    run_check check = {.next = UINT64_MAX};
    uint64_t run = 0;
    for (uint64_t block = first; block < first + count; block++) {
        jpeg_reader whole = r;
        rmexif_status status = refined_block(w, &r, block, first + count, code, &check, &run);
        if (jpeg_overrun(&r)) status = RMEXIF_ENDS_EARLY;
        if (status != RMEXIF_OK) {
            set_stop(stop, &whole, block - first);
            return status;
        }
    }
    if (code) put_run_of_ends(w);
    set_stop(stop, &r, count);
    return RMEXIF_OK;
}

/* Each twice, so that looking pays nothing for coding. */
rmexif_status progressive_first(jpeg_walk *w, uint64_t first, uint64_t count, jpeg_reader r, jpeg_stop *stop) {
    if (w->scan->output == JPEG_CODE) return first_scan(w, first, count, r, true, stop);
    return first_scan(w, first, count, r, false, stop);
}

rmexif_status progressive_refining(jpeg_walk *w, uint64_t first, uint64_t count, jpeg_reader r, jpeg_stop *stop) {
    if (w->scan->output == JPEG_CODE) return refining_scan(w, first, count, r, true, stop);
    return refining_scan(w, first, count, r, false, stop);
}
