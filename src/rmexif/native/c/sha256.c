#include "sha256.h"

#if defined(__x86_64__) && defined(__GNUC__)

#include <cpuid.h>
#include <immintrin.h>

#define SHA __attribute__((target("sha,sse4.1")))
#define INLINED static inline __attribute__((always_inline, target("sha,sse4.1")))

enum { BLOCK = 64, LENGTH = 8, GROUPS = 16 /* of four rounds */ };

static const uint32_t constants[BLOCK] = { /* FIPS 180-4, 4.2.2 */
    0x428a2f98, 0x71374491, 0xb5c0fbcf, 0xe9b5dba5, 0x3956c25b, 0x59f111f1, 0x923f82a4, 0xab1c5ed5,
    0xd807aa98, 0x12835b01, 0x243185be, 0x550c7dc3, 0x72be5d74, 0x80deb1fe, 0x9bdc06a7, 0xc19bf174,
    0xe49b69c1, 0xefbe4786, 0x0fc19dc6, 0x240ca1cc, 0x2de92c6f, 0x4a7484aa, 0x5cb0a9dc, 0x76f988da,
    0x983e5152, 0xa831c66d, 0xb00327c8, 0xbf597fc7, 0xc6e00bf3, 0xd5a79147, 0x06ca6351, 0x14292967,
    0x27b70a85, 0x2e1b2138, 0x4d2c6dfc, 0x53380d13, 0x650a7354, 0x766a0abb, 0x81c2c92e, 0x92722c85,
    0xa2bfe8a1, 0xa81a664b, 0xc24b8b70, 0xc76c51a3, 0xd192e819, 0xd6990624, 0xf40e3585, 0x106aa070,
    0x19a4c116, 0x1e376c08, 0x2748774c, 0x34b0bcb5, 0x391c0cb3, 0x4ed8aa4a, 0x5b9cca4f, 0x682e6ff3,
    0x748f82ee, 0x78a5636f, 0x84c87814, 0x8cc70208, 0x90befffa, 0xa4506ceb, 0xbef9a3f7, 0xc67178f2};

typedef struct {
    __m128i abef, cdgh; /* the state, in the order of the instructions */
} hash;

typedef struct {
    __m128i last[4]; /* the schedule's last 16 words */
} schedule;

INLINED hash open_hash(void) { /* FIPS 180-4, 5.3.3 */
    return (hash){_mm_set_epi32(0x6a09e667, (int)0xbb67ae85, 0x510e527f, (int)0x9b05688c),
                  _mm_set_epi32(0x3c6ef372, (int)0xa54ff53a, 0x1f83d9ab, 0x5be0cd19)};
}

INLINED __m128i swapped(__m128i words) {
    return _mm_shuffle_epi8(words, _mm_set_epi8(12, 13, 14, 15, 8, 9, 10, 11, 4, 5, 6, 7, 0, 1, 2, 3));
}

/* Four rounds; `group` is a constant once the loop around is unrolled. */
INLINED void four_rounds(hash *h, schedule *s, const uint8_t *block, int group) {
    __m128i *words = &s->last[group & 3];
    if (group < 4) {
        *words = swapped(_mm_loadu_si128((const __m128i *)(block + 16 * group)));
    } else {
        const __m128i before = s->last[(group + 3) & 3], earlier = s->last[(group + 2) & 3];
        const __m128i sum = _mm_add_epi32(_mm_sha256msg1_epu32(*words, s->last[(group + 1) & 3]),
                                          _mm_alignr_epi8(before, earlier, 4));
        *words = _mm_sha256msg2_epu32(sum, before);
    }
    const __m128i keyed = _mm_add_epi32(*words, _mm_loadu_si128((const __m128i *)(constants + 4 * group)));
    h->cdgh = _mm_sha256rnds2_epu32(h->cdgh, h->abef, keyed);
    h->abef = _mm_sha256rnds2_epu32(h->abef, h->cdgh, _mm_shuffle_epi32(keyed, 0x0E));
}

INLINED void add(hash *h, const hash *before) {
    h->abef = _mm_add_epi32(h->abef, before->abef);
    h->cdgh = _mm_add_epi32(h->cdgh, before->cdgh);
}

SHA static void take_blocks(hash *state, const uint8_t *data, size_t count) {
    hash h = *state; /* in registers */
    for (; count; count--, data += BLOCK) {
        const hash before = h;
        schedule s;
#pragma GCC unroll 16
        for (int group = 0; group < GROUPS; group++) four_rounds(&h, &s, data, group);
        add(&h, &before);
    }
    *state = h;
}

SHA static void take_pairs(hash states[2], const uint8_t *first, const uint8_t *second, size_t count) {
    hash one = states[0], other = states[1];
    for (; count; count--, first += BLOCK, second += BLOCK) {
        const hash before = one, before_other = other;
        schedule s, other_s;
#pragma GCC unroll 16
        for (int group = 0; group < GROUPS; group++) {
            four_rounds(&one, &s, first, group);
            four_rounds(&other, &other_s, second, group);
        }
        add(&one, &before);
        add(&other, &before_other);
    }
    states[0] = one;
    states[1] = other;
}

/* The rest of a message with its padding (FIPS 180-4, 5.1.1), and its digest. */
SHA static void close_hash(hash *h, const uint8_t *rest, size_t rest_size, size_t size, uint8_t digest[SHA256_SIZE]) {
    uint8_t last[2 * BLOCK] = {0};
    memcpy(last, rest, rest_size);
    last[rest_size] = 0x80;
    const size_t count = rest_size + 1 + LENGTH > BLOCK ? 2 : 1;
    for (int i = 0; i < LENGTH; i++) last[count * BLOCK - 1 - (size_t)i] = (uint8_t)((uint64_t)size << 3 >> 8 * i);
    take_blocks(h, last, count);
    const __m128i feba = _mm_shuffle_epi32(h->abef, 0x1B), dchg = _mm_shuffle_epi32(h->cdgh, 0xB1);
    _mm_storeu_si128((__m128i *)digest, swapped(_mm_blend_epi16(feba, dchg, 0xF0)));
    _mm_storeu_si128((__m128i *)(digest + 16), swapped(_mm_alignr_epi8(dchg, feba, 8)));
}

uint32_t rmexif_sha256_is_offered(void) {
    uint32_t a, b, c, d;
    if (!__get_cpuid(1, &a, &b, &c, &d) || !(c & bit_SSSE3) || !(c & bit_SSE4_1)) return 0;
    return __get_cpuid_count(7, 0, &a, &b, &c, &d) && (b >> 29 & 1); /* SHA */
}

SHA static void hash_pair(const uint8_t *first, size_t first_size, const uint8_t *second, size_t second_size,
                          uint8_t digests[2 * SHA256_SIZE]) {
    hash states[2] = {open_hash(), open_hash()};
    const size_t blocks = first_size / BLOCK, other = second_size / BLOCK, both = blocks < other ? blocks : other;
    take_pairs(states, first, second, both);
    take_blocks(&states[0], first + both * BLOCK, blocks - both);
    take_blocks(&states[1], second + both * BLOCK, other - both);
    close_hash(&states[0], first + blocks * BLOCK, first_size % BLOCK, first_size, digests);
    close_hash(&states[1], second + other * BLOCK, second_size % BLOCK, second_size, digests + SHA256_SIZE);
}

rmexif_status rmexif_sha256_pair(const uint8_t *first, size_t first_size, const uint8_t *second, size_t second_size,
                                 uint8_t digests[2 * SHA256_SIZE]) {
    if (!rmexif_sha256_is_offered()) return RMEXIF_BAD_ARGUMENT;
    hash_pair(first, first_size, second, second_size, digests);
    return RMEXIF_OK;
}

#else

uint32_t rmexif_sha256_is_offered(void) { return 0; }

rmexif_status rmexif_sha256_pair(const uint8_t *first, size_t first_size, const uint8_t *second, size_t second_size,
                                 uint8_t digests[2 * SHA256_SIZE]) {
    (void)first, (void)first_size, (void)second, (void)second_size, (void)digests;
    return RMEXIF_BAD_ARGUMENT;
}

#endif
