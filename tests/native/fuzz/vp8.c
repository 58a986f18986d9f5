/* VP8: what is rewritten is a frame whose rewriting changes nothing; bytes that no boolean depends on play no part. */
#include <assert.h>
#include <stdlib.h>

#include "vp8.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static uint32_t side(const uint8_t *data, size_t size, size_t at) {
    return size < 10 ? 0 : (uint32_t)(data[at] | data[at + 1] << 8) & 0x3FFF;
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size) {
    size_t scratch_size = rmexif_vp8_scratch(side(data, size, 6), side(data, size, 8));
    size_t room = size + 64 + scratch_size / 64;
    uint8_t *scratch = malloc(scratch_size + 1), *out = malloc(room), *again = malloc(room);
    uint64_t report[VP8_FACTS], second[VP8_FACTS];
    rmexif_status status = rmexif_vp8_rewrite(data, size, scratch, scratch_size, out, room, report);
    if (status == RMEXIF_OK) {
        assert(report[VP8_REWRITTEN] <= room);
        assert(rmexif_vp8_rewrite(out, report[VP8_REWRITTEN], scratch, scratch_size, again, room, second) == RMEXIF_OK);
        assert(report[VP8_REWRITTEN] == second[VP8_REWRITTEN] && !memcmp(out, again, report[VP8_REWRITTEN]));
        assert(!second[VP8_FREE] && !second[VP8_HEADER_FLAGS] && !second[VP8_UNUSED_PROBABILITIES]);
        uint8_t *noisy = malloc(size);
        memcpy(noisy, data, size);
        for (size_t i = 0; i < report[VP8_PARTITIONS]; i++) {
            for (size_t at = report[VP8_NEEDED + i]; at < report[VP8_SIZES + i]; at++) noisy[report[VP8_STARTS + i] + at] ^= 0xA5;
        }
        assert(rmexif_vp8_rewrite(noisy, size, scratch, scratch_size, again, room, second) == RMEXIF_OK);
        assert(report[VP8_REWRITTEN] == second[VP8_REWRITTEN] && !memcmp(out, again, report[VP8_REWRITTEN]));
        rmexif_vp8_rewrite(data, size, scratch, scratch_size, again, size / 2, second);
        if (scratch_size) {
            status = rmexif_vp8_rewrite(data, size, scratch, scratch_size - 1, again, room, second);
            assert(status == RMEXIF_LIMIT);
        }
        free(noisy);
    } else {
        assert(status == RMEXIF_ENDS_EARLY || status == RMEXIF_BAD_VALUE || status == RMEXIF_BAD_CODE);
    }
    free(scratch), free(out), free(again);
    return 0;
}
