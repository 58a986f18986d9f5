"""Field tags of TIFF 6.0, its technical notes, Exif 2.32 and DNG, and values of some of them."""

from __future__ import annotations

from enum import IntEnum

__all__ = ["JPEG_2000", "NAMES", "ONLY_DECODED", "Compression", "ExtraSample", "Photometric", "Tag"]


class Tag(IntEnum):
    """Tags that the parser asks for, by the names of their specification."""

    NEW_SUBFILE_TYPE = 254
    SUBFILE_TYPE = 255
    IMAGE_WIDTH = 256
    IMAGE_LENGTH = 257
    BITS_PER_SAMPLE = 258
    COMPRESSION = 259
    PHOTOMETRIC_INTERPRETATION = 262
    FILL_ORDER = 266
    STRIP_OFFSETS = 273
    ORIENTATION = 274
    SAMPLES_PER_PIXEL = 277
    ROWS_PER_STRIP = 278
    STRIP_BYTE_COUNTS = 279
    X_RESOLUTION = 282
    Y_RESOLUTION = 283
    PLANAR_CONFIGURATION = 284
    T4_OPTIONS = 292
    RESOLUTION_UNIT = 296
    PAGE_NUMBER = 297
    PREDICTOR = 317
    WHITE_POINT = 318
    PRIMARY_CHROMATICITIES = 319
    COLOR_MAP = 320
    TILE_WIDTH = 322
    TILE_LENGTH = 323
    TILE_OFFSETS = 324
    TILE_BYTE_COUNTS = 325
    SUB_IFDS = 330  # Technical Note 1
    INK_SET = 332
    EXTRA_SAMPLES = 338
    SAMPLE_FORMAT = 339
    JPEG_TABLES = 347  # Technical Note 2
    JPEG_PROC = 512
    JPEG_INTERCHANGE_FORMAT = 513
    JPEG_INTERCHANGE_FORMAT_LENGTH = 514
    JPEG_RESTART_INTERVAL = 515
    JPEG_Q_TABLES = 519
    JPEG_DC_TABLES = 520
    JPEG_AC_TABLES = 521
    YCBCR_COEFFICIENTS = 529
    YCBCR_SUBSAMPLING = 530
    YCBCR_POSITIONING = 531
    REFERENCE_BLACK_WHITE = 532
    XMP = 700
    CFA_REPEAT_PATTERN_DIM = 33421  # TIFF/EP
    CFA_PATTERN = 33422
    IPTC = 33723
    PHOTOSHOP = 34377
    EXIF_IFD = 34665
    ICC_PROFILE = 34675
    GPS_IFD = 34853
    INTEROPERABILITY_IFD = 40965
    DNG_VERSION = 50706


class Compression(IntEnum):
    """Values of Compression that are read (TIFF 6.0, page 30; Technical Note 2)."""

    NONE = 1
    HUFFMAN = 2
    GROUP_3 = 3
    GROUP_4 = 4
    LZW = 5
    OLD_JPEG = 6
    JPEG = 7
    DEFLATE = 8
    OLD_DEFLATE = 32946
    PACKBITS = 32773
    LZMA = 34925  # of libtiff, as ZSTANDARD
    ZSTANDARD = 50000
    PNG = 34933  # of libraries
    WEBP = 50001
    JPEG_XL = 50002  # of libraries, before DNG 1.7 named another number
    DNG_JPEG_XL = 52546


JPEG_2000 = frozenset({33005, 34712})  # of RGB by Aperio, and the registered number
THUNDERSCAN = 32809
ONLY_DECODED = JPEG_2000 | {THUNDERSCAN}
# Of codings that are not written again.
NAMES = {
    **dict.fromkeys(JPEG_2000, "JPEG 2000"),
    **dict.fromkeys((33003, 33004), "JPEG 2000 of a maker"),
    **dict.fromkeys((22610, 34934), "JPEG XR"),
    32766: "NeXT",
    THUNDERSCAN: "ThunderScan",
    **dict.fromkeys((34676, 34677), "SGI Log"),
    34661: "JBIG",
    34887: "LERC",
}


class Photometric(IntEnum):
    """Values of PhotometricInterpretation (TIFF 6.0, page 37; DNG 1.7)."""

    WHITE_IS_ZERO = 0
    BLACK_IS_ZERO = 1
    RGB = 2
    PALETTE = 3
    MASK = 4
    SEPARATED = 5
    YCBCR = 6
    CIELAB = 8
    ICCLAB = 9
    ITULAB = 10
    LOGL = 32844
    LOGLUV = 32845
    COLOR_FILTER_ARRAY = 32803
    LINEAR_RAW = 34892


class ExtraSample(IntEnum):
    """Values of ExtraSamples (TIFF 6.0, page 31)."""

    UNSPECIFIED = 0
    ASSOCIATED_ALPHA = 1
    UNASSOCIATED_ALPHA = 2
    COREL = 999  # what Corel Draw 10 wrote for unassociated alpha
