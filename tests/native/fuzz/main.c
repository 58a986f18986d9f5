/* A loop that mutates inputs for LLVMFuzzerTestOneInput, for compilers without libFuzzer.
 * usage: fuzz-NAME SECONDS SEED [FILE ...]   A finding ends the process through a sanitizer. */
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

enum { LARGEST = 1 << 16, SEEDS = 256 };

static uint64_t state;

static uint32_t draw(uint32_t below) { /* xorshift64* */
    state ^= state >> 12;
    state ^= state << 25;
    state ^= state >> 27;
    return (uint32_t)((state * 0x2545F4914F6CDD1Dull) >> 32) % below;
}

static size_t mutate(uint8_t *data, size_t size) {
    for (uint32_t rounds = 1 + draw(8); rounds; rounds--) {
        size_t at = size ? draw((uint32_t)size) : 0;
        size_t run = size > at ? 1 + draw((uint32_t)(size - at < 32 ? size - at : 32)) : 0;
        switch (size ? draw(6) : 4) {
        case 0: data[at] ^= (uint8_t)(1u << draw(8)); break;
        case 1: data[at] = (uint8_t)draw(256); break;
        case 2: memset(data + at, draw(2) ? 0xFF : 0, run); break;
        case 3: memmove(data + at, data + at + run, size - at - run); size -= run; break;
        case 4:
            if (size < LARGEST) {
                memmove(data + at + 1, data + at, size - at);
                data[at] = (uint8_t)draw(256);
                size++;
            }
            break;
        default: memmove(data + draw((uint32_t)(size - run + 1)), data + at, run); break;
        }
    }
    return size;
}

int main(int argc, char **argv) {
    static uint8_t seeds[SEEDS][LARGEST];
    static size_t sizes[SEEDS];
    uint32_t count = 1; /* the empty one */
    if (argc < 3) return 2;
    state = strtoull(argv[2], NULL, 10) * 2654435769u + 1;
    for (int i = 3; i < argc && count < SEEDS; i++) {
        FILE *file = fopen(argv[i], "rb");
        if (!file) return 2;
        sizes[count] = fread(seeds[count], 1, LARGEST, file);
        count++;
        fclose(file);
    }
    time_t stop = time(NULL) + strtol(argv[1], NULL, 10);
    unsigned long long runs = 0;
    for (; time(NULL) < stop; runs++) {
        uint32_t seed = draw(count);
        uint8_t *data = malloc(LARGEST);
        memcpy(data, seeds[seed], LARGEST);
        size_t size = runs < count ? sizes[seed] : mutate(data, sizes[seed]);
        uint8_t *exact = malloc(size ? size : 1); /* so that one byte past the end is found */
        memcpy(exact, data, size);
        free(data);
        LLVMFuzzerTestOneInput(exact, size);
        free(exact);
    }
    printf("%llu runs\n", runs);
    return 0;
}
