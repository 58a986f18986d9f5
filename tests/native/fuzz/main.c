/* A loop that makes inputs for LLVMFuzzerTestOneInput, for compilers without libFuzzer: the files, random bytes, and
 * mutations of both and of themselves.
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

static size_t random_bytes(uint8_t *data) {
    size_t size = draw(2u << draw(11));
    uint32_t kind = draw(3); /* any bytes, few different ones, long runs */
    for (size_t i = 0; i < size; i++) {
        data[i] = kind == 2 && i && draw(8) ? data[i - 1] : (uint8_t)draw(kind == 1 ? 1u << draw(9) : 256);
    }
    return size;
}

int main(int argc, char **argv) {
    static uint8_t seeds[SEEDS][LARGEST];
    static size_t sizes[SEEDS];
    uint32_t count = 1; /* the empty one */
    uint32_t files;
    if (argc < 3) return 2;
    state = strtoull(argv[2], NULL, 10) * 2654435769u + 1;
    for (int i = 3; i < argc && count < SEEDS; i++) {
        FILE *file = fopen(argv[i], "rb");
        if (!file) return 2;
        sizes[count] = fread(seeds[count], 1, LARGEST, file);
        count++;
        fclose(file);
    }
    files = count;
    time_t stop = time(NULL) + strtol(argv[1], NULL, 10);
    unsigned long long runs = 0;
    for (; time(NULL) < stop; runs++) {
        uint32_t seed = runs < files ? (uint32_t)runs : draw(count);
        uint8_t *data = malloc(LARGEST);
        memcpy(data, seeds[seed], sizes[seed]);
        size_t size = runs < files ? sizes[seed] : draw(4) ? mutate(data, sizes[seed]) : random_bytes(data);
        if (files < SEEDS && !draw(16)) { /* one to go on from */
            uint32_t slot = count < SEEDS ? count++ : files + draw(SEEDS - files);
            memcpy(seeds[slot], data, size);
            sizes[slot] = size;
        }
        uint8_t *exact = malloc(size ? size : 1); /* so that one byte past the end is found */
        memcpy(exact, data, size);
        free(data);
        LLVMFuzzerTestOneInput(exact, size);
        free(exact);
    }
    printf("%llu runs\n", runs);
    return 0;
}
