/* Entropy-coded data of JPEG (ITU-T T.81). */
#ifndef RMEXIF_JPEG_H
#define RMEXIF_JPEG_H

#include "status.h"

/* The offset of the next marker: the first 0xFF that another byte than 0x00 follows (T.81, B.1.1.2), `size` where
 * there is none. Fill bytes belong to the marker. */
RMEXIF_API size_t rmexif_jpeg_next_marker(const uint8_t *data, size_t size, size_t start);

#endif
