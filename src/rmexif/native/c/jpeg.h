/* Entropy-coded data of JPEG scans (ITU-T T.81): where its last code ends, which codes and coefficients it uses, what
 * in it a writer was free to choose, and the same data without these choices. */
#ifndef RMEXIF_JPEG_H
#define RMEXIF_JPEG_H

#include "status.h"

enum {
    JPEG_COMPONENTS = 4,           /* in a scan (T.81, B.2.3) */
    JPEG_MCU_UNITS = 16,           /* data units of one component in an MCU: sampling factors of 4 and 4 */
    JPEG_TABLES = 8,               /* DC table of component 0, its AC table, DC table of component 1, ... */
    JPEG_TABLE_SIZE = 16 + 256,    /* codes of each length from 1 to 16 bits, then symbols (T.81, B.2.4.2) */
};

/* What a call writes. */
enum {
    JPEG_LOOK = 0,  /* nothing */
    JPEG_CUT = 1,   /* the input without what follows the last code of each interval, padded with ones */
    JPEG_CODE = 2,  /* each interval coded again, with the tables given for it */
};

typedef struct {
    int32_t units;           /* data units in an MCU: h x v, 1 where the scan has one component (T.81, A.2) */
    int32_t dc_slot, ac_slot; /* arithmetic coding: statistics and conditioning are shared by slot, 0 to 3 */
    int32_t lower, upper;    /* DC conditioning of the slot (T.81, F.1.4.4.1.4) */
    int32_t kx;              /* AC conditioning of the slot */
} rmexif_jpeg_component;

typedef struct {
    int32_t sof;             /* 0xC0 to 0xC3, 0xC9, 0xCA */
    int32_t precision;       /* bits per sample */
    int32_t start, stop;     /* spectral selection: Ss, Se */
    int32_t high, low;       /* successive approximation: Ah, Al */
    int32_t output;          /* JPEG_LOOK, JPEG_CUT, JPEG_CODE */
    int32_t components;      /* 1 to 4 */
    uint64_t mcus;           /* in the scan */
    uint64_t interval;       /* MCUs between restarts, 0 = none */
    rmexif_jpeg_component component[JPEG_COMPONENTS];
} rmexif_jpeg_scan;

typedef struct {
    uint64_t mcus;        /* MCUs that are whole */
    uint64_t used;        /* bytes of the input up to the last bit of the last of them */
    uint64_t end;         /* offset of the marker behind them */
    uint64_t written;     /* bytes of output */
    uint64_t dropped;     /* bytes between the last code of an interval and the marker behind it, all together */
    uint64_t padding;     /* intervals with last bits that T.81 does not ask for: padding that is not ones (F.1.2.3),
                             an arithmetic code string that is not the shortest one (D.1.8) */
    uint64_t zero_runs;   /* blocks with runs of 16 zeros before nothing but zeros: an end of block says the same */
    uint64_t eob_runs;    /* end-of-block runs that libjpeg would have joined, split, or that pass the interval's end */
    uint64_t dc_range;    /* DC coefficients that no sample of this precision leads to */
    uint64_t nonzero[JPEG_COMPONENTS]; /* bit k: coefficient k of the zig-zag order was not zero somewhere */
} rmexif_jpeg_result;

/* Walk the scan whose entropy-coded data starts at `data`, over all its restart intervals, to its last MCU.
 *
 * tables     JPEG_TABLES x JPEG_TABLE_SIZE bytes; all zero where there is none. Not read for arithmetic coding.
 * used       JPEG_TABLES x 256 bytes, zero at first: byte n becomes 1 when code n of a table is met, in the place of each
 *            component that has an equal table.
 * history    AC scans of progressive frames: per block, in the scan's order, bit k for coefficient k that earlier
 *            scans left nonzero; updated. `blocks` is its size.
 * new_tables JPEG_CODE with Huffman coding: tables to write with, as above.
 * symbols    JPEG_CODE with Huffman coding: JPEG_TABLES x 256 numbers, how often each symbol is written; added to.
 *            Counted also where BAD_ARGUMENT says that a table of new_tables lacks a symbol.
 *
 * OK, or, with all whole MCUs before it looked at and (but for JPEG_CODE with Huffman coding) written: ENDS_EARLY where a marker or the end of the data comes
 * first; BAD_CODE; BAD_VALUE for a coefficient outside its band, a size that cannot be, a restart marker out of
 * turn; OUTPUT_FULL; BAD_ARGUMENT (also for more codes than 16 bits tell apart).
 * Decoders supply zeros past the end, and so does the walk: codes of the MCU that is cut short count as used.
 */
RMEXIF_API int32_t rmexif_jpeg_walk(const rmexif_jpeg_scan *scan, const uint8_t *tables, uint8_t *used,
                                    uint64_t *history, size_t blocks, const uint8_t *data, size_t size,
                                    const uint8_t *new_tables, uint32_t *symbols, uint8_t *out, size_t out_size,
                                    rmexif_jpeg_result *result);

#endif
