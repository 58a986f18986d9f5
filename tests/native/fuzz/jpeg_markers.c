/* Markers of JPEG scans: found in any number of calls, they are those that a look at each byte finds. */
#include <assert.h>
#include <stdlib.h>

#include "jpeg_markers.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static bool is_marker(const uint8_t *data, size_t size, size_t at) {
    return size - at > 1 && data[at] == 0xFF && data[at + 1] != 0 && data[at + 1] != 0xFF;
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size) {
    if (size < 1) return 0;
    const size_t room = data[0] & 7, rest = size - 1;
    uint8_t *copy = malloc(rest + !rest), *codes = malloc(room + !room); /* of their own sizes */
    uint64_t *offsets = malloc((room + !room) * sizeof *offsets), report[MARKERS_FACTS];
    memcpy(copy, data + 1, rest);
    size_t at = 0;
    rmexif_status status;
    do {
        status = rmexif_jpeg_markers(copy, rest, at, offsets, codes, room, report);
        assert(status == RMEXIF_OK || status == RMEXIF_LIMIT);
        assert(report[MARKERS_FOUND] <= room && report[MARKERS_END] <= rest);
        for (size_t n = 0; n < report[MARKERS_FOUND]; n++) {
            for (; at < offsets[n]; at++) assert(!is_marker(copy, rest, at));
            assert(is_marker(copy, rest, at) && copy[at + 1] == codes[n]);
            at += 2;
        }
        for (; at < report[MARKERS_END]; at++) assert(!is_marker(copy, rest, at));
    } while (status == RMEXIF_LIMIT && room);
    assert(at == rest || is_marker(copy, rest, at));
    assert(rmexif_jpeg_markers(copy, rest, rest + 1, offsets, codes, room, report) == RMEXIF_BAD_ARGUMENT);
    free(copy), free(codes), free(offsets);
    return 0;
}
