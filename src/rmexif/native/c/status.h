/* What a function of the core answers, how its functions are exported, and the number that keeps versions apart. */
#ifndef RMEXIF_STATUS_H
#define RMEXIF_STATUS_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h> /* memcpy, memset: the only functions that the core calls */

#if defined(_WIN32)
#define RMEXIF_API __declspec(dllexport)
#else
#define RMEXIF_API __attribute__((visibility("default")))
#endif

/* Raised by one whenever the arguments, results or meaning of any exported function change; prototypes.py has it too. */
#define RMEXIF_ABI 4

/* status.py has the same names and numbers. */
typedef enum {
    RMEXIF_OK = 0,
    RMEXIF_ENDS_EARLY = 1,   /* the input ends before the coded data does */
    RMEXIF_BAD_CODE = 2,     /* bits that are no code */
    RMEXIF_BAD_VALUE = 3,    /* a code whose value cannot be: a run past the end, a reference to nothing */
    RMEXIF_OUTPUT_FULL = 4,  /* the caller's output buffer is too small */
    RMEXIF_LIMIT = 5,        /* a bound that the caller set is reached */
    RMEXIF_BAD_ARGUMENT = 6, /* an argument outside its range: the caller's mistake, not the file's */
} rmexif_status;

RMEXIF_API uint32_t rmexif_abi(void);

#endif
