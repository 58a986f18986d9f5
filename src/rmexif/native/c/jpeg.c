#include "jpeg.h"

size_t rmexif_jpeg_next_marker(const uint8_t *data, size_t size, size_t start) {
    for (size_t at = start; at + 1 < size; at++) {
        if (data[at] == 0xFF && data[at + 1]) return at;
    }
    return size;
}
