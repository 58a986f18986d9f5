/* Values of a VP8L picture or sub-image (RFC 9649, 3.6, 3.7): prefix code groups, literals, copies, colour cache. */
#ifndef RMEXIF_VP8L_IMAGE_H
#define RMEXIF_VP8L_IMAGE_H

#include "vp8l_code.h"

enum { VP8L_GREEN, VP8L_RED, VP8L_BLUE, VP8L_ALPHA, VP8L_DISTANCE, VP8L_CODES };

#define VP8L_TRY(call)                                     \
    do {                                              \
        rmexif_status status_ = (call);               \
        if (status_ != RMEXIF_OK) return status_;     \
    } while (0)

typedef struct {
    vp8l_code codes[VP8L_CODES];
    uint32_t literal; /* red, blue and alpha, where each code has one symbol; green too, where that has one */
    bool plain;       /* literals take no bits beyond green */
    bool constant;    /* nor for green, and nothing is copied */
    bool named;       /* by a tile; of others only the length counts: their tables are gone */
    bool used;
} vp8l_group;

typedef struct {
    uint32_t width, height, total;        /* pixels */
    uint32_t cache_bits;
    uint32_t tile_bits, tiles, groups;    /* of the entropy image; tiles: in a row */
    const uint32_t *group_of;             /* by tile; null: one group */
    vp8l_group *group;
    uint32_t *values;                     /* the first `kept` pixels, as coded */
    uint32_t *cache;
    uint32_t kept, cached;
    uint32_t x, y, at;                    /* where the next symbol goes */
} vp8l_image;

typedef struct {
    lsb_reader in;
    vp8l_arena arena;
    uint64_t *report; /* by the indices of vp8l.h */
} vp8l_stream;

/* Whether a colour cache is there (3.6.2.3), and of how many bits. */
rmexif_status vp8l_read_cache_bits(vp8l_stream *s, uint32_t *bits);

/* Read `im->groups` groups; `named`: one byte for each that a tile names, null: every one is. */
rmexif_status vp8l_read_groups(vp8l_stream *s, vp8l_image *im, const uint8_t *named);

/* Room for the first `kept` values, a whole number of rows, and for the cache. */
rmexif_status vp8l_take_values(vp8l_stream *s, vp8l_image *im, uint32_t kept);

/* Read up to the last pixel. */
rmexif_status vp8l_read_values(vp8l_stream *s, vp8l_image *im);

/* Transform data, the entropy image or a colour table; `ignored`: the bits that decoders do not look at. */
rmexif_status vp8l_read_sub_image(vp8l_stream *s, uint32_t width, uint32_t height, uint32_t ignored, uint32_t **values);

/* Count the symbols of a group, and those that never occurred. */
void vp8l_count_symbols(vp8l_stream *s, const vp8l_group *g);

/* Count values that differ from the first one in bits that decoders ignore. */
void vp8l_count_free(vp8l_stream *s, const uint32_t *values, uint32_t count, uint32_t ignored);

#endif
