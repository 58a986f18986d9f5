/* Run-length codes: what is decoded, encoded and decoded again is the same. */
#include <assert.h>
#include <stdlib.h>

#include "rle.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static void packbits(const uint8_t *data, size_t size, size_t wanted, size_t row) {
    uint8_t *out = malloc(wanted + 1), *again = malloc(wanted + 1);
    uint64_t written, consumed, packed;
    rmexif_rle_decode_packbits(data, size, out, wanted, &written, &consumed);
    assert(written <= wanted && consumed <= size);
    size_t room = written * 3 / 2 + written / row + 1;
    uint8_t *codes = malloc(room);
    assert(rmexif_rle_encode_packbits(out, written, row, codes, room, &packed) == RMEXIF_OK);
    assert(rmexif_rle_decode_packbits(codes, packed, again, written, &consumed, &consumed) == RMEXIF_OK);
    assert(!memcmp(out, again, written));
    free(out), free(again), free(codes);
}

static void bmp(const uint8_t *data, size_t size, uint32_t width, uint32_t height, uint32_t nibbles, uint32_t whole) {
    const size_t count = (size_t)width * height;
    uint8_t *pixels = malloc(count), *again = malloc(count);
    uint32_t *spans = malloc((size / 2 + 1) * 12), *second;
    uint64_t report[BMP_RLE_FACTS], painted = 0, written;
    rmexif_rle_decode_bmp(data, size, width, height, nibbles, pixels, count, spans, size / 2 + 1, report);
    assert(report[BMP_RLE_CONSUMED] <= size);
    const size_t spans_count = report[BMP_RLE_SPANS];
    for (size_t i = 0; i < spans_count; i++) painted += spans[3 * i + 2] - spans[3 * i + 1];
    size_t room = 2 * painted + 14 * spans_count + 4 * (count / 255 + width / 255 + height / 255) + 32;
    uint8_t *codes = malloc(room);
    assert(rmexif_rle_encode_bmp(pixels, count, width, height, nibbles, spans, spans_count, whole, codes, room,
                                 &written) == RMEXIF_OK);
    second = malloc((written / 2 + 1) * 12);
    assert(rmexif_rle_decode_bmp(codes, written, width, height, nibbles, again, count, second, written / 2 + 1,
                                 report) == RMEXIF_OK);
    assert(report[BMP_RLE_CONSUMED] == written && report[BMP_RLE_SPANS] == spans_count);
    assert(!memcmp(pixels, again, count) && !memcmp(spans, second, spans_count * 12));
    free(pixels), free(again), free(spans), free(second), free(codes);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size) {
    uint64_t written;
    if (size < 4) return 0;
    packbits(data + 4, size - 4, (size_t)data[0] * data[1], 1 + data[2]);
    bmp(data + 4, size - 4, 1 + data[0], 1 + data[1], data[2] & 1, data[2] >> 1 & 1);
    uint32_t spans[24] = {0};
    memcpy(spans, data, size < sizeof spans ? size : sizeof spans);
    for (size_t i = 0; i < 24; i++) spans[i] &= 0x8000001F; /* any spans, with few that are far off */
    rmexif_rle_encode_bmp(data, size, 1, (uint32_t)size, 0, spans, 8, 1, NULL, 0, &written);
    return 0;
}
