/* DEFLATE (RFC 1951), bare or in a zlib envelope (RFC 1950): inflated, and audited for what no encoder writes. */
#ifndef RMEXIF_DEFLATE_H
#define RMEXIF_DEFLATE_H

#include "deflate_codes.h"

enum {
    DEFLATE_BARE = 0, /* without an envelope */
    DEFLATE_ZLIB = 1,
    DEFLATE_WINDOW = 32768,     /* byte: the largest distance */
    DEFLATE_MARGIN = 288,       /* byte of output that one turn of the fast loop may fill */
    DEFLATE_SHORT_BLOCK = 2000, /* symbols: shorter blocks that are not the last are counted */
    DEFLATE_NO_MATCH = 511,
    DEFLATE_BLOCK_END = 1 << 22,
};

/* What is open: a block, by its BTYPE (3.2.3), or none. */
enum { DEFLATE_STORED = 0, DEFLATE_FIXED = 1, DEFLATE_DYNAMIC = 2, DEFLATE_BETWEEN = 3, DEFLATE_ENDED = 4 };

/* What a stream turned out to be. All fields have 64 bits, so that the layout is the same everywhere. */
typedef struct {
    uint64_t used;          /* bytes of input read, envelope included; after an error about where it was found */
    uint64_t size;          /* bytes of output */
    uint64_t symbols;       /* literals and matches, and the bytes of stored blocks */
    uint64_t stored;        /* blocks of each kind (3.2.3) */
    uint64_t fixed;
    uint64_t dynamic;
    uint64_t padding;       /* places where padding bits are set: before a stored block, behind the last block */
    uint64_t empty_stored;  /* blocks that hold nothing, the last one aside: flush points */
    uint64_t empty_coded;
    uint64_t short_blocks;  /* blocks with fewer symbols than DEFLATE_SHORT_BLOCK, empty ones and the last one aside */
    uint64_t uneven_blocks; /* blocks with another number of symbols than the first one, the last one aside */
    uint64_t unused_codes;  /* codes of literals, lengths and distances that do not occur in their block */
    uint64_t long_codes;    /* codes longer than a Huffman code for symbols that occur so often can be */
    uint64_t loose_headers; /* dynamic headers with more code lengths or length codes than they need, */
    uint64_t loose_bits;    /* and how many bits longer than with the longest runs all of them are */
    uint64_t uneven_flushes; /* flush points after another number of bytes than the first one */
    uint64_t far_matches;   /* distances beyond the window that the envelope declares */
    uint64_t envelope;      /* CMF << 8 | FLG (RFC 1950, 2.2); 0 without an envelope */
    uint64_t intact;        /* 1: the envelope's Adler-32 is there and right, or there is no envelope */
} deflate_report;

/* Inflate a stream into `out`; at most `capacity` bytes, of which the last ones may be untouched.
 *
 * RMEXIF_OK: the stream is complete. RMEXIF_OUTPUT_FULL: it goes on behind `capacity` bytes. RMEXIF_ENDS_EARLY,
 * RMEXIF_BAD_CODE, RMEXIF_BAD_VALUE: it is broken behind `report->size` bytes.
 *
 * The first `*count` symbols are packed into `symbols`, for rmexif_deflate_recode(); afterwards `*count` says how many
 * numbers were. A number is a match and the literals before it: their count in bits 23 to 31, length - 3 in bits 15 to
 * 22, distance - 1 below; or, with DEFLATE_NO_MATCH in bits 23 to 31, literals without a match, their count in bits 0
 * to 21, and DEFLATE_BLOCK_END if the block ends behind them. */
RMEXIF_API rmexif_status rmexif_deflate_inflate(const uint8_t *data, size_t size, uint32_t envelope, uint8_t *out,
                                                size_t capacity, uint32_t *symbols, size_t *count,
                                                deflate_report *report);

/* The same without the output: at most `limit` bytes of it, in a window of `capacity` bytes (at least
 * 2 * DEFLATE_WINDOW + 1024; 256 KiB are fast). */
RMEXIF_API rmexif_status rmexif_deflate_audit(const uint8_t *data, size_t size, uint32_t envelope, uint64_t limit,
                                              uint8_t *window, size_t capacity, deflate_report *report);

/* A stream that is inflated piece by piece, for other formats of the core. */
typedef struct {
    lsb_reader in;
    uint64_t left;     /* bytes of output that are still allowed */
    uint64_t symbols;  /* in the block that is open */
    uint64_t first;    /* in the first block that was not empty */
    uint64_t flushed;  /* bytes of output before the last flush point, */
    uint64_t interval; /* and before the first one */
    uint32_t envelope;
    uint32_t window;   /* byte: as declared */
    uint32_t kind;     /* of the block that is open, or what comes next */
    uint32_t rest;     /* bytes of a stored block still to be copied */
    uint32_t adler;
    bool last, has_fixed_tables;
    uint32_t *packed;  /* symbols, as rmexif_deflate_inflate() packs them; NULL: not wanted */
    size_t packed_count, packed_capacity;
    size_t unpacked;   /* where in the output the literals start that are not packed yet */
    deflate_report *report;
    uint8_t lengths[DEFLATE_LITERALS + DEFLATE_DISTANCES];
    uint32_t occurrences[DEFLATE_LITERALS + DEFLATE_DISTANCES];
    uint32_t literals[LITERAL_ENTRIES];
    uint32_t distances[DISTANCE_ENTRIES];
} inflater;

/* Start; `limit` is the most output to be allowed. */
rmexif_status inflater_open(inflater *s, const uint8_t *data, size_t size, uint32_t envelope, uint64_t limit,
                            deflate_report *report);

/* Inflate into out[*at] to out[capacity - 1]; what lies before *at is the output so far, or the last DEFLATE_WINDOW
 * bytes of it. RMEXIF_LIMIT: call again with more room, or with the last DEFLATE_WINDOW bytes moved down. */
rmexif_status inflater_run(inflater *s, uint8_t *out, size_t *at, size_t capacity);

/* Move the last DEFLATE_WINDOW bytes before *at, which is twice as far at least, to the start of `out`. Returns how
 * far they moved. */
size_t inflater_slide(inflater *s, uint8_t *out, size_t *at);

/* Pack the literals up to output byte `at`, and the end of the block. */
void inflater_pack_literals(inflater *s, size_t at, bool end);

#endif
