/* JPEG scans: what is coded again leaves nothing to choose, is coded to itself, and holds the same coefficients; what
 * is cut is looked at without a finding. */
#include <assert.h>
#include <stdlib.h>
#include <string.h>

#include "jpeg.h"

enum { MOST_BLOCKS = 600 };

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static const uint8_t SHORT_DC[] = {0, 2, 1, 2, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, /**/ 0, 2, 1, 5, 15};
static const uint8_t SHORT_AC[] = {0,    2,    1,    1,    1,    1,    1,    1,    1, 2, 2, 0, 1, 0, 0, 1, /**/
                                   0x00, 0x01, 0x11, 0xF0, 0x02, 0x31, 0x10, 0x51, 0x20, 0x03, 0xE0, 0xF1, 0x30, 0x0A,
                                   0x81};

static void all_symbols(uint8_t *table) { /* 254 codes of 8 bits and 2 of 9 */
    memset(table, 0, 16);
    table[7] = 254;
    table[8] = 2;
    for (int i = 0; i < 256; i++) table[16 + i] = (uint8_t)i;
}

typedef struct {
    rmexif_jpeg_scan scan;
    uint8_t tables[JPEG_TABLES * JPEG_TABLE_SIZE], flat[JPEG_TABLES * JPEG_TABLE_SIZE], used[JPEG_TABLES * 256];
    uint32_t symbols[JPEG_TABLES * 256];
    uint64_t known[MOST_BLOCKS];
} call;

static int32_t walk(call *c, int32_t output, const uint8_t *data, size_t size, uint8_t *out, size_t room,
                    rmexif_jpeg_result *result) {
    uint64_t *history = malloc(sizeof c->known); /* of its own size, so that one block past the end is found */
    memcpy(history, c->known, sizeof c->known);
    c->scan.output = output;
    int32_t status = rmexif_jpeg_walk(&c->scan, c->tables, c->used, history, MOST_BLOCKS, data, size, c->flat,
                                      c->symbols, out, room, result);
    assert(result->used <= size && result->end <= size && result->written <= room && result->mcus <= c->scan.mcus);
    if (status == RMEXIF_OK) assert(result->mcus == c->scan.mcus);
    free(history);
    return status;
}

static bool same_findings(const rmexif_jpeg_result *a, const rmexif_jpeg_result *b) {
    return !memcmp(a->nonzero, b->nonzero, sizeof a->nonzero) && a->dc_range == b->dc_range;
}

static void check(call *c, const uint8_t *data, size_t size) {
    size_t room = 4 * size + 4096;
    uint8_t *out = malloc(room), *again = malloc(room);
    rmexif_jpeg_result looked, cut, coded, second;
    int32_t status = walk(c, JPEG_LOOK, data, size, NULL, 0, &looked);
    assert(walk(c, JPEG_CUT, data, size, out, room, &cut) == status && same_findings(&looked, &cut));
    if (status == RMEXIF_OK) {
        assert(walk(c, JPEG_LOOK, out, cut.written, NULL, 0, &second) == RMEXIF_OK && same_findings(&looked, &second));
        assert(!second.dropped && !second.padding && second.used == cut.written);
        walk(c, JPEG_CUT, data, size, out, cut.written / 2, &second);
    }
    status = walk(c, JPEG_CODE, data, size, out, room, &coded);
    if (status == RMEXIF_OK) {
        memcpy(c->tables, c->flat, sizeof c->tables);
        assert(walk(c, JPEG_CODE, out, coded.written, again, room, &second) == RMEXIF_OK);
        assert(second.written == coded.written && !memcmp(out, again, coded.written));
        assert(!second.dropped && !second.padding && !second.zero_runs && !second.eob_runs);
        assert(same_findings(&coded, &second));
    }
    free(out), free(again);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size) {
    static const int32_t SOFS[8] = {0xC0, 0xC2, 0xC2, 0xC2, 0xC3, 0xC9, 0xCA, 0xC1};
    if (size < 12) return 0;
    call *c = calloc(1, sizeof *c);
    rmexif_jpeg_scan *s = &c->scan;
    s->sof = SOFS[data[0] & 7];
    s->precision = data[0] & 8 ? 12 : 8;
    bool progressive = s->sof == 0xC2 || s->sof == 0xCA;
    s->start = progressive ? data[1] & 63 : 0;
    s->stop = !progressive ? 63 : s->start ? s->start + data[2] % (64 - s->start) : 0;
    s->high = progressive ? data[1] >> 6 : 0;
    s->low = progressive ? data[2] >> 6 : 0;
    s->components = s->start ? 1 : 1 + (data[3] & 3);
    s->mcus = (uint64_t)data[4] << (data[3] >> 7);
    s->interval = data[5] & 15;
    for (int n = 0; n < JPEG_TABLES; n++) {
        uint8_t *table = c->tables + n * JPEG_TABLE_SIZE;
        if (data[6] >> n & 1) {
            all_symbols(table);
        } else {
            memcpy(table, n & 1 ? SHORT_AC : SHORT_DC, n & 1 ? sizeof SHORT_AC : sizeof SHORT_DC);
            if (data[7] >> n & 1) table[16 + data[8] % 15] = data[9];
        }
        all_symbols(c->flat + n * JPEG_TABLE_SIZE);
    }
    for (int n = 0; n < JPEG_COMPONENTS; n++) {
        s->component[n] = (rmexif_jpeg_component){.units = s->components == 1 ? 1 : 1 + (data[10] >> 2 * n & 3),
                                                  .dc_slot = n & 1, .ac_slot = data[3] >> 4 & 3, .lower = data[3] >> 4 & 3,
                                                  .upper = 3 + (data[10] & 7), .kx = 1 + data[11] % 63};
    }
    uint64_t state = data[11] * 0x9E3779B97F4A7C15u + 1;
    for (int n = 0; n < MOST_BLOCKS; n++) {
        state = state * 6364136223846793005u + 1442695040888963407u;
        c->known[n] = data[8] & 1 ? state & state >> 13 : 0;
    }
    check(c, data + 12, size - 12);
    free(c);
    return 0;
}
