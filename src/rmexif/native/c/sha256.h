/* The SHA-256 (FIPS 180-4) of two messages at once, by the instructions of x86-64 processors.
 *
 * A round waits for the one before it; those of another message fit in between, so two take little longer than one.
 */
#ifndef RMEXIF_SHA256_H
#define RMEXIF_SHA256_H

#include "status.h"

enum { SHA256_SIZE = 32 };

/* Whether this processor has the instructions. */
RMEXIF_API uint32_t rmexif_sha256_is_offered(void);

/* digests: that of the first message, and that of the second. RMEXIF_BAD_ARGUMENT: the processor lacks the instructions. */
RMEXIF_API rmexif_status rmexif_sha256_pair(const uint8_t *first, size_t first_size, const uint8_t *second,
                                            size_t second_size, uint8_t digests[2 * SHA256_SIZE]);

#endif
