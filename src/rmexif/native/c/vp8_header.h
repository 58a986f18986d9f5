/* The frame header of a VP8 key frame (RFC 6386, 9 and 19.2), and the one that says the same in canonical form. */
#ifndef RMEXIF_VP8_HEADER_H
#define RMEXIF_VP8_HEADER_H

#include "vp8_bool.h"
#include "vp8_tables.h"

enum { VP8_SEGMENTS = 4, VP8_SEGMENT_NODES = 3, VP8_QUANTISER_DELTAS = 5, VP8_REFERENCES = 4 };

typedef struct {
    uint32_t colour_space, clamping;
    bool segmented, maps_segments, absolute;
    int32_t quantiser[VP8_SEGMENTS], level[VP8_SEGMENTS]; /* of a segment */
    uint32_t segment_nodes[VP8_SEGMENT_NODES];            /* probabilities of the tree of segments */
    uint32_t simple_filter, filter_level, sharpness;
    int32_t reference_delta, submode_delta;               /* of filter levels; the six others have no use here */
    uint32_t partition_bits;
    int32_t base_quantiser, quantiser_deltas[VP8_QUANTISER_DELTAS];
    bool skips;
    uint32_t skip_probability;
    uint8_t probabilities[VP8_TYPES][VP8_BANDS][VP8_CONTEXTS][VP8_NODES];
} vp8_header;

/* What the macroblocks use of a header. */
typedef struct {
    uint64_t macroblocks, skipped, submoded, in_segment[VP8_SEGMENTS];
    uint16_t nodes[VP8_TYPES][VP8_BANDS][VP8_CONTEXTS]; /* one bit for each probability that a token was read with */
} vp8_usage;

void vp8_read_header(vp8_bools *r, vp8_header *h);

/* The canonical header; `segment`: for each segment the one that it becomes. */
vp8_header vp8_canonical(const vp8_header *h, const vp8_usage *usage, uint8_t *segment);

void vp8_write_header(vp8_booler *w, const vp8_header *h);

/* Probabilities that are replaced, and those of them that no token is read with. */
void vp8_count_probabilities(const vp8_header *h, const vp8_usage *usage, uint64_t *replaced, uint64_t *unused);

#endif
