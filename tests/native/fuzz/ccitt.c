/* Fax codes: what is decoded, encoded and decoded again is the same picture. */
#include <assert.h>
#include <stdlib.h>

#include "ccitt.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size) {
    if (size < 4) return 0;
    const uint32_t coding = data[0] & 3, aligned = data[0] >> 2 & 1, width = 1 + (data[1] | (uint32_t)data[2] << 8) % 5000;
    const uint32_t rows = data[3];
    const size_t stride = (width + 7) / 8, bitmap_size = stride * rows, scratch_size = rmexif_ccitt_scratch(width);
    uint8_t *bitmap = malloc(bitmap_size + 1), *again = malloc(bitmap_size + 1), *scratch = malloc(scratch_size);
    uint64_t report[CCITT_FACTS], written;
    const size_t room = (size_t)width * rows + 4 * rows + 16;
    uint8_t *out = malloc(room);
    data += 4, size -= 4;
    rmexif_ccitt_decode(data, size, coding, width, rows, bitmap, bitmap_size, scratch, scratch_size, report);
    assert(report[CCITT_ROWS] <= rows && report[CCITT_CONSUMED] <= size);
    assert(rmexif_ccitt_encode(bitmap, bitmap_size, coding, aligned, width, rows, out, room, scratch, scratch_size,
                               &written) == RMEXIF_OK);
    assert(rmexif_ccitt_decode(out, written, coding, width, rows, again, bitmap_size, scratch, scratch_size, report) ==
           RMEXIF_OK);
    assert(report[CCITT_ROWS] == rows && (!rows || report[CCITT_CONSUMED] == written));
    assert(!memcmp(bitmap, again, bitmap_size));
    if (size >= bitmap_size) { /* any picture */
        assert(rmexif_ccitt_encode(data, bitmap_size, coding, aligned, width, rows, out, room, scratch, scratch_size,
                                   &written) == RMEXIF_OK);
        assert(rmexif_ccitt_decode(out, written, coding, width, rows, again, bitmap_size, scratch, scratch_size,
                                   report) == RMEXIF_OK);
    }
    rmexif_ccitt_encode(bitmap, bitmap_size, coding, aligned, width, rows, out, written / 2, scratch, scratch_size,
                        &written);
    free(bitmap), free(again), free(scratch), free(out);
    return 0;
}
