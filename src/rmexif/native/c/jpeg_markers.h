/* The markers in entropy-coded data of a JPEG scan (ITU-T T.81, B.1.1.2, B.1.1.5). */
#ifndef RMEXIF_JPEG_MARKERS_H
#define RMEXIF_JPEG_MARKERS_H

#include "status.h"

/* What rmexif_jpeg_markers() reports, by index. */
enum {
    MARKERS_FOUND, /* noted */
    MARKERS_END,   /* OK: offset of the marker that ends the scan, or `size`; LIMIT: where to go on */
    MARKERS_FACTS
};

/* Find the markers from `start` on, up to the first one that ends a scan: neither a restart nor a reserved one below SOF0.
 *
 * offsets: filled with the place of the 0xFF of each other marker; fill bytes before it are not part of it.
 * codes: filled with its second byte. room: of both.
 *
 * RMEXIF_LIMIT: there are more than `room`. RMEXIF_BAD_ARGUMENT: start lies behind the data. */
RMEXIF_API rmexif_status rmexif_jpeg_markers(const uint8_t *data, size_t size, size_t start, uint64_t *offsets,
                                             uint8_t *codes, size_t room, uint64_t *report);

#endif
