/* Huffman codes of DEFLATE (RFC 1951, 3.2.2 to 3.2.7): tables that decode them, lengths that encode them. */
#ifndef RMEXIF_DEFLATE_CODES_H
#define RMEXIF_DEFLATE_CODES_H

#include "reader.h"

enum {
    DEFLATE_LITERALS = 288, /* literals and lengths, reserved ones included */
    DEFLATE_DISTANCES = 32,
    LITERAL_BITS = 11, /* of the index of a main table */
    DISTANCE_BITS = 8,
    LENGTHS_BITS = 7,
    LITERAL_ENTRIES = 2400, /* the most that 288 symbols need: 2^11 and subtables for codes up to 15 bits */
    DISTANCE_ENTRIES = 420, /* 32 symbols, 2^8 entries */
    LONGEST_CODE = 15,
};

/* Table entries. Bits 0 to 3: bits to skip. Bits 4 to 7: extra bits, bits of the index of a subtable, or bits of
 * the first literal. Bits 8 to
 * 12: what it is. Bits 16 to 31: a literal and perhaps a second one; the base of a length with its number above 9 bits;
 * the base of a distance; a code length; the place of a subtable. */
enum {
    ENTRY_LITERAL = 1 << 8,
    ENTRY_PAIR = 1 << 9, /* two literals */
    ENTRY_SUBTABLE = 1 << 10,
    ENTRY_END = 1 << 11, /* of the block */
    ENTRY_INVALID = 1 << 12,
};

extern const uint16_t DEFLATE_LENGTH_BASE[29], DEFLATE_DISTANCE_BASE[30];
extern const uint8_t DEFLATE_LENGTH_EXTRA[29];
extern const uint8_t DEFLATE_LENGTHS_ORDER[19]; /* 3.2.7 */

static inline uint32_t deflate_distance_number(uint32_t distance) { /* 0 to 29 */
    uint32_t value = distance - 1, top = 31 - (uint32_t)__builtin_clz(value | 2);
    return value < 4 ? value : 2 * top + (value >> (top - 1) & 1);
}

static inline uint32_t deflate_distance_extra(uint32_t number) { return number < 4 ? 0 : (number >> 1) - 1; }

/* Build a decoding table; false where the lengths make no code that zlib takes. With `pairs` the one of literals may
 * have entries for two of them. */
bool deflate_build_literals(uint32_t table[LITERAL_ENTRIES], const uint8_t lengths[DEFLATE_LITERALS], bool pairs);
bool deflate_build_distances(uint32_t table[DISTANCE_ENTRIES], const uint8_t lengths[DEFLATE_DISTANCES]);
bool deflate_build_lengths(uint32_t table[1 << LENGTHS_BITS], const uint8_t lengths[19]);

/* The code lengths of the fixed blocks (3.2.6), distances behind literals. */
void deflate_fixed_lengths(uint8_t lengths[DEFLATE_LITERALS + DEFLATE_DISTANCES]);

/* Operations of 3.2.7 for code lengths, longest runs first; returns how many. Symbol in bits 0 to 4, extra bits above.
 * `operations` may be NULL. */
uint32_t deflate_pack_lengths(const uint8_t *lengths, uint32_t count, uint16_t *operations);

/* The code for the symbols of `count` operations, and HCLEN + 4 in `codes`; returns the bits of both and of the
 * operations. */
uint32_t deflate_code_operations(const uint16_t *operations, uint32_t count, uint8_t order[19], uint32_t *codes);

/* The bits of a header behind HCLEN, with the longest runs. */
uint32_t deflate_header_bits(const uint8_t *lengths, uint32_t literals, uint32_t distances);

/* Whether the symbols that have a code are those to which zopfli gives one, none more and none less. */
bool deflate_is_levelled_out(const uint8_t *lengths, const uint32_t *occurrences, uint32_t count);

/* A Huffman code of at most `longest` bits for symbols (at most DEFLATE_LITERALS) that occur so often. Where fewer than
 * two occur, the first ones get a code too: not all decoders take an incomplete code. */
void deflate_huffman_lengths(const uint32_t *occurrences, uint32_t count, uint32_t longest, uint8_t *lengths);

/* The codes for lengths, their first bit lowest. */
void deflate_huffman_codes(const uint8_t *lengths, uint32_t count, uint16_t *codes);

/* The checksum of the envelope (RFC 1950, 8.2); that of nothing is 1. */
uint32_t deflate_adler32(uint32_t adler, const uint8_t *p, size_t size);

/* Take the next code of a table whose index has `bits` bits: its entry. At most 15 bits. */
static inline uint32_t take_code(lsb_reader *in, const uint32_t *table, uint32_t bits) {
    uint32_t entry = table[lsb_peek(in, bits)];
    if (entry & ENTRY_SUBTABLE) {
        lsb_skip(in, entry & 15);
        entry = table[(entry >> 16) + lsb_peek(in, entry >> 4 & 15)];
    }
    lsb_skip(in, entry & 15);
    return entry;
}

/* The same, but one literal only. */
static inline uint32_t take_symbol(lsb_reader *in, const uint32_t *table, uint32_t bits) {
    uint32_t entry = table[lsb_peek(in, bits)];
    if (entry & ENTRY_SUBTABLE) {
        lsb_skip(in, entry & 15);
        entry = table[(entry >> 16) + lsb_peek(in, entry >> 4 & 15)];
    }
    lsb_skip(in, entry & ENTRY_LITERAL ? entry >> 4 & 15 : entry & 15);
    return entry;
}

/* The length of a match: base and extra bits, at most 5. */
static inline uint32_t take_length(lsb_reader *in, uint32_t entry) {
    uint32_t value = (entry >> 16 & 0x1FF) + lsb_peek(in, entry >> 4 & 15);
    lsb_skip(in, entry >> 4 & 15);
    return value;
}

/* Its distance, at most 13 extra bits. */
static inline uint32_t take_distance(lsb_reader *in, uint32_t entry) {
    uint32_t value = (entry >> 16) + lsb_peek(in, entry >> 4 & 15);
    lsb_skip(in, entry >> 4 & 15);
    return value;
}

#endif
