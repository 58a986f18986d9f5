#include "jpeg.h"

#include "jpeg_scan.h"

size_t jpeg_next_marker(const uint8_t *data, size_t size, size_t start) {
    for (size_t at = start; at + 1 < size; at++) {
        if (data[at] == 0xFF && data[at + 1]) return at;
    }
    return size;
}

bool jpeg_reads_dc(const rmexif_jpeg_scan *scan) {
    return scan->sof != 0xC2 || (scan->start == 0 && !scan->high);
}

bool jpeg_reads_ac(const rmexif_jpeg_scan *scan) { return scan->sof != 0xC3 && scan->stop > 0; }

static bool is_arithmetic(const rmexif_jpeg_scan *scan) { return scan->sof >= 0xC9; }

static bool is_valid(const rmexif_jpeg_scan *scan, size_t blocks) {
    bool progressive = scan->sof == 0xC2 || scan->sof == 0xCA, lossless = scan->sof == 0xC3;
    if (!progressive && !lossless && scan->sof != 0xC0 && scan->sof != 0xC1 && scan->sof != 0xC9) return false;
    if (scan->precision < 2 || scan->precision > 16 || scan->output < JPEG_LOOK || scan->output > JPEG_CODE) return false;
    if (scan->components < 1 || scan->components > JPEG_COMPONENTS) return false;
    if (scan->mcus > UINT32_MAX || scan->interval > UINT32_MAX) return false;
    if (progressive) { /* T.81, G.1.1.1 */
        if (scan->start < 0 || scan->stop > 63 || scan->start > scan->stop || (scan->start == 0 && scan->stop)) return false;
        if (scan->low < 0 || scan->low > 13 || scan->high < 0 || scan->high > 13) return false;
        if (scan->start && (scan->components > 1 || scan->component[0].units != 1)) return false;
        if (scan->start && scan->mcus > blocks) return false;
    } else if (!lossless && (scan->start != 0 || scan->stop != 63 || scan->high || scan->low)) {
        return false;
    }
    for (int c = 0; c < scan->components; c++) {
        const rmexif_jpeg_component *one = &scan->component[c];
        if (one->units < 1 || one->units > JPEG_MCU_UNITS || (one->dc_slot | one->ac_slot) & ~3) return false;
        if (one->lower < 0 || one->lower > one->upper || one->upper > 15 || one->kx < 1 || one->kx > 63) return false;
    }
    return true;
}

/* Copy an interval up to its last code; what is left of the last byte becomes ones. */
static void copy_interval(jpeg_walk *w, const uint8_t *data, const jpeg_stop *stop) {
    size_t size = (size_t)(stop->end - data);
    put_bytes(&w->out, data, size);
    if (!size || stop->bits == 8 || w->out.full) return;
    uint8_t *last = w->out.next - 1; /* no stuffed byte: its code would end with it, at 8 bits of an 0xFF */
    if (*last == 0 && size > 1 && stop->end[-2] == 0xFF) return;
    *last |= (uint8_t)(0xFF >> stop->bits);
    if (*last == 0xFF) put_byte(&w->out, 0);
}

static bool is_padded(const uint8_t *data, const jpeg_stop *stop) {
    if (stop->end == data || stop->bits == 8) return true;
    bool stuffed = stop->end - data > 1 && stop->end[-1] == 0 && stop->end[-2] == 0xFF;
    uint8_t ones = (uint8_t)(0xFF >> stop->bits);
    return stuffed || (stop->end[-1] & ones) == ones;
}

static rmexif_status walk_interval(jpeg_walk *w, uint64_t first, uint64_t count, const uint8_t *data,
                                   const uint8_t *end, jpeg_stop *stop) {
    bool differs = false;
    rmexif_status status;
    if (is_arithmetic(w->scan)) {
        status = arithmetic_interval(w, first, count, data, end, stop, &differs);
    } else {
        status = huffman_interval(w, first, count, data, end, stop);
        differs = !is_padded(data, stop);
        if (w->scan->output == JPEG_CUT) copy_interval(w, data, stop);
    }
    if (differs) w->result->padding++;
    return status;
}

/* Step over the restart marker at `marker`, fill bytes included; BAD_VALUE where it is not number `number`. */
static rmexif_status restart(const uint8_t **marker, const uint8_t *end, uint64_t number) {
    const uint8_t *at = *marker;
    while (at < end && *at == 0xFF) at++;
    if (at >= end || at == *marker || *at < 0xD0 || *at > 0xD7) return RMEXIF_ENDS_EARLY;
    if (*at != 0xD0 + (number & 7)) return RMEXIF_BAD_VALUE;
    *marker = at + 1;
    return RMEXIF_OK;
}

static rmexif_status walk_scan(jpeg_walk *w, const uint8_t *data, size_t size) {
    const rmexif_jpeg_scan *scan = w->scan;
    rmexif_jpeg_result *result = w->result;
    const uint8_t *at = data, *end = data + size;
    uint64_t interval = scan->interval ? scan->interval : scan->mcus;
    for (uint64_t number = 0, first = 0; first < scan->mcus; number++, first += interval) {
        if (number) {
            const uint8_t *marker = at;
            rmexif_status found = restart(&at, end, number - 1);
            if (found != RMEXIF_OK) return found;
            result->dropped += (uint64_t)(at - marker) - 2;
            put_byte(&w->out, 0xFF);
            put_byte(&w->out, (uint8_t)(0xD0 + ((number - 1) & 7)));
        }
        uint64_t count = scan->mcus - first < interval ? scan->mcus - first : interval;
        jpeg_stop stop = {.end = at, .bits = 8};
        rmexif_status status = walk_interval(w, first, count, at, end, &stop);
        result->mcus += stop.mcus;
        result->used = (uint64_t)(stop.end - data);
        result->end = jpeg_next_marker(data, size, (size_t)result->used);
        if (status != RMEXIF_OK) return status;
        result->dropped += result->end - result->used;
        at = data + result->end;
    }
    return RMEXIF_OK;
}

int32_t rmexif_jpeg_walk(const rmexif_jpeg_scan *scan, const uint8_t *tables, uint8_t *used, uint64_t *history,
                         size_t blocks, const uint8_t *data, size_t size, const uint8_t *new_tables, uint32_t *symbols,
                         uint8_t *out, size_t out_size, rmexif_jpeg_result *result) {
    memset(result, 0, sizeof *result);
    if (!is_valid(scan, blocks)) return RMEXIF_BAD_ARGUMENT;
    jpeg_walk w; /* its tables are filled below; 150 KB */
    w.scan = scan;
    w.result = result;
    w.history = history;
    w.out = writer_open(out, scan->output == JPEG_LOOK ? 0 : out_size);
    w.lacks_code = false;
    if (!is_arithmetic(scan)) {
        rmexif_status status = huffman_open(&w, tables, used, new_tables, symbols);
        if (status != RMEXIF_OK) return status;
    }
    rmexif_status status = walk_scan(&w, data, size);
    if (!is_arithmetic(scan)) huffman_close(&w, used);
    result->written = writer_size(&w.out);
    if (scan->output != JPEG_LOOK && w.out.full) return RMEXIF_OUTPUT_FULL;
    if (scan->output == JPEG_CODE && !is_arithmetic(scan) && status != RMEXIF_OK) result->written = 0;
    return w.lacks_code && status == RMEXIF_OK ? RMEXIF_BAD_ARGUMENT : status;
}
