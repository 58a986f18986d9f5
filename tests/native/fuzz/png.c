/* PNG picture data: what is rewritten is complete, clean and ordinary; rows unfiltered and filtered are the same. */
#include <assert.h>
#include <stdlib.h>

#include "png_rows.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static void check_rows(const uint8_t *data, size_t size, const png_layout *layout, uint8_t *scratch, size_t room) {
    size_t most = (size_t)png_size(layout), rows, again;
    uint8_t *pixels = malloc(most), *kinds = malloc(most), *filtered = malloc(most);
    rmexif_status status = rmexif_png_unfilter(data, size, layout, scratch, room, pixels, most, kinds, most, &rows);
    if (status == RMEXIF_OK) {
        status = rmexif_png_filter(pixels, most, layout, 1, scratch, room, kinds, rows, filtered, most);
        assert(status == RMEXIF_OK && !memcmp(filtered, data, most));
        status = rmexif_png_filter(pixels, most, layout, 0, scratch, room, kinds, rows, filtered, most);
        assert(status == RMEXIF_OK);
        status = rmexif_png_unfilter(filtered, most, layout, scratch, room, pixels, most, kinds, rows, &again);
        assert(status == RMEXIF_OK && again == rows);
    }
    free(pixels), free(kinds), free(filtered);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size) {
    static const uint8_t COLOURS[8] = {0, 2, 3, 4, 6, 6, 3, 5};
    if (size < 16) return 0;
    png_layout layout = {.width = 1 + (data[0] | (data[1] & 3u) << 8), .height = 1 + data[2],
                         .depth = 1u << data[3] % 5, .colour = COLOURS[data[4] & 7], .interlaced = data[5] & 1};
    uint32_t hasty = data[5] >> 1 & 1, with_key = data[5] >> 2 & 1;
    uint8_t used[256], table[256], key[8];
    memcpy(key, data + 8, 8);
    for (uint32_t i = 0; i < 256; i++) table[i] = (uint8_t)(i * (data[6] | 1u));
    data += 16, size -= 16;
    size_t room = rmexif_png_scratch(&layout), written;
    uint8_t *scratch = malloc(room + 1);
    png_findings findings;
    deflate_report report, second;
    rmexif_status status = rmexif_png_survey(data, size, &layout, with_key ? key : NULL, hasty, scratch, room, used,
                                             &findings, &report);
    if (room) {
        uint64_t expected = png_size(&layout);
        assert(report.size <= expected && report.used <= size && status != RMEXIF_BAD_ARGUMENT);
        size_t capacity = (size_t)(expected + expected / 128 + 64);
        uint8_t *out = malloc(capacity);
        status = rmexif_png_rewrite(data, size, &layout, table, scratch, room, out, capacity, &written, &second);
        assert(status != RMEXIF_OUTPUT_FULL);
        if (status == RMEXIF_OK) {
            status = rmexif_png_survey(out, written, &layout, NULL, 0, scratch, room, used, &findings, &report);
            assert(status == RMEXIF_OK && report.used == written && report.size == expected && report.intact);
            assert(!findings.invisible && !findings.padding && !findings.unknown_kind);
            assert(!report.padding && !report.short_blocks && !report.unused_codes && !report.long_codes);
            rmexif_png_rewrite(data, size, &layout, table, scratch, room, out, written / 2, &written, &second);
        }
        free(out);
        check_rows(data, size, &layout, scratch, room);
    }
    free(scratch);
    return 0;
}
