/* VP8L: a stream cut behind its last bit holds the same; one byte less, and it ends early. */
#include <assert.h>
#include <stdlib.h>

#include "vp8l.h"

enum { MOST = 1 << 22 }; /* pixels, so that a run stays short */

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static rmexif_status walk(const uint8_t *data, size_t size, uint32_t width, uint32_t height, uint32_t decode,
                          size_t rows_size, uint64_t *report) {
    uint8_t *rows = malloc(rows_size + 1);
    rmexif_status status = RMEXIF_LIMIT;
    report[VP8L_SCRATCH] = 1;
    for (size_t room = 100; status == RMEXIF_LIMIT && report[VP8L_SCRATCH] && room < 1u << 30; room = 2 * room + report[VP8L_SCRATCH]) {
        uint8_t *scratch = malloc(room + 3);
        status = rmexif_vp8l_walk(data, size, width, height, MOST, decode, rows, rows_size, scratch + 3, room, report);
        free(scratch);
    }
    free(rows);
    return status;
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size) {
    if (size < 8) return 0;
    uint32_t width = 0, height = 0, decode = data[0] >> 1 & 1, headless = data[0] & 1;
    size_t rows_size = (size_t)data[1] << 8;
    if (headless) {
        width = data[2], height = data[3];
        data += 5, size -= 5;
    } else {
        data += 2, size -= 2;
    }
    uint64_t report[VP8L_FACTS], second[VP8L_FACTS];
    rmexif_status status = walk(data, size, width, height, decode, rows_size, report);
    if (status == RMEXIF_OK) {
        size_t used = (report[VP8L_BITS] + 7) / 8;
        uint8_t *cut = malloc(used);
        memcpy(cut, data, used);
        if (report[VP8L_BITS] % 8) cut[used - 1] &= (uint8_t)((1 << report[VP8L_BITS] % 8) - 1);
        assert(walk(cut, used, width, height, decode, rows_size, second) == RMEXIF_OK);
        assert(!memcmp(report, second, sizeof report));
        assert(walk(cut, used - 1, width, height, decode, 0, second) == RMEXIF_ENDS_EARLY);
        assert(report[VP8L_UNUSED_SYMBOLS] <= report[VP8L_SYMBOLS]);
        assert(report[VP8L_HIDDEN] <= report[VP8L_TRANSLUCENT]);
        free(cut);
    }
    return 0;
}
