/* DEFLATE: what is inflated can be coded again from its symbols, changed or not; that inflates to the same bytes. */
#include <assert.h>
#include <stdlib.h>

#include "deflate_recode.h"

enum { MOST = 1 << 17, WINDOW = 2 * DEFLATE_WINDOW + 1024 };

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static void recode(const uint32_t *symbols, size_t count, const uint8_t *fresh, size_t size) {
    size_t room = size + size / 128 + 64, written, none = 0;
    uint32_t *work = malloc(RECODE_WORK * sizeof *work);
    uint8_t *out = malloc(room), *again = malloc(size + 1);
    deflate_report report;
    assert(rmexif_deflate_recode(symbols, count, fresh, size, work, out, room, &written) == RMEXIF_OK);
    assert(rmexif_deflate_inflate(out, written, DEFLATE_ZLIB, again, size, NULL, &none, &report) == RMEXIF_OK);
    assert(report.size == size && report.used == written && report.intact && !memcmp(again, fresh, size));
    assert(!report.padding && !report.empty_stored && !report.empty_coded && !report.short_blocks);
    assert(!report.unused_codes && !report.long_codes && !report.loose_headers);
    rmexif_status status = rmexif_deflate_recode(symbols, count, fresh, size, work, out, written - 1, &none);
    assert(status == RMEXIF_OUTPUT_FULL && none <= written - 1);
    free(work), free(out), free(again);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size) {
    if (size < 4) return 0;
    uint32_t envelope = data[0] & 1, change = data[0] >> 1;
    size_t limit = (size_t)(data[1] << 8 | data[2]) << (data[3] & 1), count = data[3] >> 1, all = count;
    data += 4, size -= 4;
    uint8_t *out = malloc(limit + 1), *window = malloc(WINDOW);
    uint32_t *symbols = malloc((count + 1) * sizeof *symbols);
    deflate_report report, second;
    if (change & 1) all = limit / 3 + 1024, symbols = realloc(symbols, all * sizeof *symbols);
    count = all;
    rmexif_status status = rmexif_deflate_inflate(data, size, envelope, out, limit, symbols, &count, &report);
    assert(report.size <= limit && report.used <= size && count <= all);
    assert(rmexif_deflate_audit(data, size, envelope, limit, window, WINDOW, &second) == status);
    assert(!memcmp(&report, &second, sizeof report));
    size_t given = (size_t)report.size;
    if (given && change & 2) out[change * 1009 % given] ^= 1;
    if (given && change & 4) memset(out + given / 3, 0, given / 3);
    recode(symbols, count, out, given);
    if (size > 8) recode((const uint32_t *)(const void *)out, given / 8, out, given); /* any symbols will do */
    free(out), free(window), free(symbols);
    return 0;
}
