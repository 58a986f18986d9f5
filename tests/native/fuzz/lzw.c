/* LZW: what is decoded encodes to bytes that decode to it again, and `canonical` tells whether they were the same. */
#include <assert.h>
#include <stdlib.h>

#include "lzw.h"

enum { MOST = 1 << 18 };

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size) {
    if (size < 4) return 0;
    uint32_t tiff = data[0] & 1, bits = tiff ? 8 : 1 + (data[0] >> 1) % 8, keep = data[0] >> 7;
    size_t wanted = (size_t)(data[1] << 8 | data[2]) << (data[3] & 3), scratch_size = rmexif_lzw_scratch();
    data += 4, size -= 4;
    uint8_t *scratch = malloc(scratch_size), *samples = malloc(wanted + 1), *again = malloc(wanted + 1);
    uint64_t *resets = malloc((size / 4096 + 1) * sizeof *resets), report[LZW_FACTS], second[LZW_FACTS], written;
    rmexif_status status = rmexif_lzw_decode(data, size, tiff, bits, samples, wanted, resets, size / 4096 + 1, scratch,
                                             scratch_size, report);
    assert(report[LZW_SAMPLES] <= wanted && report[LZW_CONSUMED] <= size);
    if (tiff) {
        bool whole = report[LZW_CANONICAL] && report[LZW_SAMPLES] == wanted;
        assert(rmexif_lzw_walk(data, size, wanted, scratch, scratch_size) == (whole ? report[LZW_CONSUMED] : 0));
    }
    size_t count = report[LZW_SAMPLES], room = count * 3 / 2 + count / 64 + report[LZW_RESETS] * 3 / 2 + 16;
    uint8_t *out = malloc(room);
    if (bits > 1 && wanted) {
        status = rmexif_lzw_encode(samples, count, tiff, bits, keep, resets, keep ? report[LZW_RESETS] : 0, out, room,
                                   scratch, scratch_size, &written);
        assert(status == RMEXIF_OK);
        bool same = written == report[LZW_CONSUMED] && !memcmp(out, data, written);
        assert(keep || same == report[LZW_CANONICAL]);
        status = rmexif_lzw_decode(out, written, tiff, bits, again, count, resets, size / 4096 + 1, scratch,
                                   scratch_size, second);
        assert(status == RMEXIF_OK && second[LZW_SAMPLES] == count && !memcmp(samples, again, count));
        assert(!count || keep || second[LZW_CANONICAL]);
        assert(!count || second[LZW_CONSUMED] == written);
        rmexif_lzw_encode(samples, count, tiff, bits, 0, NULL, 0, out, written / 2, scratch, scratch_size, &written);
    }
    free(scratch), free(samples), free(again), free(resets), free(out);
    return 0;
}
