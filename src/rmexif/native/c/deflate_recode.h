/* DEFLATE (RFC 1951) written without a search: with the symbols of an older stream of nearly the same bytes. */
#ifndef RMEXIF_DEFLATE_RECODE_H
#define RMEXIF_DEFLATE_RECODE_H

#include "deflate.h"
#include "writer.h"

enum {
    RECODE_BLOCK = 65535,    /* symbols of the longest block; as many bytes fit a stored one */
    RECODE_WORK = 81920,     /* numbers: a block's symbols, as rmexif_deflate_inflate() packs them, and its literals */
    RECODE_SHORT_BLOCK = 256, /* symbols of the shortest block */
    RECODE_SHORT_BLOCKS = 16, /* below DEFLATE_SHORT_BLOCK, at the most; zopfli makes 15 blocks */
    RECODE_LOOKAHEAD = 258,  /* byte: how far a symbol may reach */
};

/* Code `fresh`, `length` bytes, as a zlib stream; `symbols`, `count` of them, are those of a stream of bytes of which
 * only some have changed, as rmexif_deflate_inflate() packs them.
 *
 * The symbols are used again where they give the fresh bytes, so nothing has to be searched; where they do not, there
 * are literals, and matches of distance 1 for zeros. Any symbols will do: they are no more than help. Codes are
 * Huffman's for each block. A block ends where the old one did, if it has DEFLATE_SHORT_BLOCK symbols, or
 * RECODE_SHORT_BLOCK and is one of the first RECODE_SHORT_BLOCKS such ones; else with the next one. `work` has room for RECODE_WORK numbers.
 *
 * RMEXIF_OK: `*written` bytes. RMEXIF_OUTPUT_FULL: more than `capacity`; length + length / 128 + 64 always suffice. */
RMEXIF_API rmexif_status rmexif_deflate_recode(const uint32_t *symbols, size_t count, const uint8_t *fresh,
                                               size_t length, uint32_t *work, uint8_t *out, size_t capacity,
                                               size_t *written);

/* The same piece by piece, for other formats of the core. */
typedef struct {
    const uint8_t *fresh; /* bytes to be coded; a window of them, of which DEFLATE_WINDOW bytes before `at` stay */
    size_t available;     /* byte of `fresh`: where those end that are known */
    size_t at;            /* where the next symbol starts */
    size_t followed;      /* where the next old symbol starts */
    uint32_t passed;      /* literals of that symbol that lie before `followed` */
    uint32_t *packed;     /* of the open block: its symbols, */
    uint8_t *literals;    /* and its literals */
    uint32_t packed_count, literal_count, match_count;
    uint32_t unpacked;    /* literals behind the last number of `packed` */
    uint32_t short_blocks; /* closed so far */
    uint32_t occurrences[DEFLATE_LITERALS + DEFLATE_DISTANCES];
    writer out;
} recoder;

void recoder_open(recoder *r, uint32_t *work, uint8_t *out, size_t capacity);

/* Code bytes before `limit`: with `available` RECODE_LOOKAHEAD behind it, or at the end of all bytes. Returns how many
 * symbols are done with. */
size_t recoder_follow(recoder *r, const uint32_t *symbols, size_t count, size_t limit);

/* Code what is left, end the stream; `adler` is that of all bytes. */
rmexif_status recoder_close(recoder *r, uint32_t adler, size_t *written);

#endif
