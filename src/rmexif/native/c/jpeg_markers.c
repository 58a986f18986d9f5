#include "jpeg_markers.h"

enum { AT_ONCE = 64, RESTART = 0xD0, FIRST_FRAME = 0xC0 /* T.81, table B.1 */ };

typedef uint8_t bytes16 __attribute__((vector_size(16)));

static inline bytes16 bytes_at(const uint8_t *from) {
    bytes16 read;
    memcpy(&read, from, sizeof read);
    return read;
}

/* Whether one of 64 bytes, of 65 that there are, is 0xFF before another one than 0x00 and 0xFF. */
static inline bool has_marker(const uint8_t *data) {
    bytes16 any = {0};
    for (int at = 0; at < AT_ONCE; at += 16) {
        const bytes16 first = bytes_at(data + at), second = bytes_at(data + at + 1);
        any |= (bytes16)(first == 0xFF) & (bytes16)(second != 0) & (bytes16)(second != 0xFF);
    }
    uint64_t halves[2];
    memcpy(halves, &any, sizeof halves);
    return halves[0] | halves[1];
}

/* The next 0xFF at or behind `at` that neither 0x00 nor 0xFF follows; `size` where there is none. */
static size_t next_marker(const uint8_t *data, size_t size, size_t at) {
    while (size - at > AT_ONCE && !has_marker(data + at)) at += AT_ONCE;
    for (; size - at > 1; at++) {
        if (data[at] == 0xFF && data[at + 1] && data[at + 1] != 0xFF) return at;
    }
    return size;
}

rmexif_status rmexif_jpeg_markers(const uint8_t *data, size_t size, size_t start, uint64_t *offsets, uint8_t *codes,
                                  size_t room, uint64_t *report) {
    report[MARKERS_FOUND] = 0;
    report[MARKERS_END] = size;
    if (start > size) return RMEXIF_BAD_ARGUMENT;
    for (size_t at = start, found = 0;; at += 2) {
        at = next_marker(data, size, at);
        report[MARKERS_END] = at;
        if (at == size) return RMEXIF_OK;
        const uint8_t code = data[at + 1];
        if ((code & 0xF8) != RESTART && code >= FIRST_FRAME) return RMEXIF_OK;
        if (found == room) return RMEXIF_LIMIT;
        offsets[found] = at;
        codes[found] = code;
        report[MARKERS_FOUND] = ++found;
    }
}
