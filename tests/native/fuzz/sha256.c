/* SHA-256: two messages at once give what each of them gives with another one beside it. */
#include <assert.h>
#include <stdlib.h>

#include "sha256.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size) {
    if (!size || !rmexif_sha256_is_offered()) return 0;
    const size_t first = data[0] * size / 256, second = size - first;
    uint8_t *one = malloc(first + 1), *other = malloc(second + 1);
    uint8_t both[2 * SHA256_SIZE], turned[2 * SHA256_SIZE];
    memcpy(one, data, first);
    memcpy(other, data + first, second);
    assert(rmexif_sha256_pair(one, first, other, second, both) == RMEXIF_OK);
    assert(rmexif_sha256_pair(other, second, one, first, turned) == RMEXIF_OK);
    assert(!memcmp(both, turned + SHA256_SIZE, SHA256_SIZE) && !memcmp(both + SHA256_SIZE, turned, SHA256_SIZE));
    free(one);
    free(other);
    return 0;
}
