"""The exported functions of the core, as ``c/*.h`` declares them.

One table for all: the loader binds every row or drops the core, so no call ever finds a function missing.
"""

from __future__ import annotations

import ctypes
from ctypes import c_char_p, c_int32, c_size_t, c_uint32, c_uint64, c_void_p
from typing import Any

from rmexif.native.buffers import INPUT, OUTPUT

__all__ = ["ABI", "PROTOTYPES"]

ABI = 4  # RMEXIF_ABI of c/status.h, raised together with it

Prototype = tuple[Any, tuple[Any, ...]]  # result, arguments

PROTOTYPES: dict[str, Prototype] = {
    "rmexif_abi": (c_uint32, ()),
    # jpeg.h
    "rmexif_jpeg_walk": (
        c_int32,
        (
            *(c_void_p, INPUT, OUTPUT, OUTPUT, c_size_t),  # scan, tables, used, history
            *(INPUT, c_size_t, INPUT, c_void_p, OUTPUT, c_size_t, c_void_p),  # data, new_tables, symbols, out, result
        ),
    ),
    # jpeg_markers.h
    "rmexif_jpeg_markers": (c_uint32, (INPUT, c_size_t, c_size_t, OUTPUT, OUTPUT, c_size_t, OUTPUT)),
    # vp8l.h
    "rmexif_vp8l_scratch": (c_size_t, (c_uint32, c_uint32, c_size_t)),
    "rmexif_vp8l_walk": (
        c_uint32,
        (INPUT, c_size_t, c_uint32, c_uint32, c_uint64, c_uint32, OUTPUT, c_size_t, OUTPUT, c_size_t, OUTPUT),
    ),
    # vp8.h
    "rmexif_vp8_scratch": (c_size_t, (c_uint32, c_uint32)),
    "rmexif_vp8_rewrite": (c_uint32, (INPUT, c_size_t, OUTPUT, c_size_t, OUTPUT, c_size_t, OUTPUT)),
    # deflate.h
    "rmexif_deflate_inflate": (
        c_uint32,
        (INPUT, c_size_t, c_uint32, OUTPUT, c_size_t, OUTPUT, c_void_p, c_void_p),
    ),
    "rmexif_deflate_audit": (c_uint32, (INPUT, c_size_t, c_uint32, c_uint64, OUTPUT, c_size_t, c_void_p)),
    # deflate_recode.h
    "rmexif_deflate_recode": (
        c_uint32,
        (INPUT, c_size_t, INPUT, c_size_t, OUTPUT, OUTPUT, c_size_t, c_void_p),
    ),
    # png.h
    "rmexif_png_scratch": (c_size_t, (c_void_p,)),
    "rmexif_png_survey": (
        c_uint32,
        (INPUT, c_size_t, c_void_p, c_char_p, c_uint32, OUTPUT, c_size_t, OUTPUT, c_void_p, c_void_p),
    ),
    "rmexif_png_rewrite": (
        c_uint32,
        (INPUT, c_size_t, c_void_p, c_char_p, OUTPUT, c_size_t, OUTPUT, c_size_t, c_void_p, c_void_p),
    ),
    "rmexif_png_unfilter": (
        c_uint32,
        (INPUT, c_size_t, c_void_p, OUTPUT, c_size_t, OUTPUT, c_size_t, OUTPUT, c_size_t, c_void_p),
    ),
    "rmexif_png_filter": (
        c_uint32,
        (INPUT, c_size_t, c_void_p, c_uint32, OUTPUT, c_size_t, OUTPUT, c_size_t, OUTPUT, c_size_t),
    ),
    # lzw.h
    "rmexif_lzw_scratch": (c_size_t, ()),
    "rmexif_lzw_decode": (
        c_uint32,
        (INPUT, c_size_t, c_uint32, c_uint32, OUTPUT, c_size_t, OUTPUT, c_size_t, OUTPUT, c_size_t, OUTPUT),
    ),
    "rmexif_lzw_walk": (c_size_t, (INPUT, c_size_t, c_size_t, OUTPUT, c_size_t)),
    "rmexif_lzw_encode": (
        c_uint32,
        (INPUT, c_size_t, c_uint32, c_uint32, c_uint32, INPUT, c_size_t, OUTPUT, c_size_t, OUTPUT, c_size_t, OUTPUT),
    ),
    # low_bits.h
    "rmexif_low_bits_pack": (
        c_uint32,
        (INPUT, c_size_t, c_uint32, INPUT, INPUT, c_uint32, c_size_t, c_size_t, OUTPUT, c_size_t),
    ),
    # samples.h
    "rmexif_samples_used": (c_uint32, (INPUT, c_size_t, c_size_t, c_size_t, c_size_t, c_uint32, OUTPUT)),
    "rmexif_samples_remap": (c_uint32, (OUTPUT, c_size_t, c_size_t, c_size_t, c_size_t, c_uint32, INPUT, OUTPUT)),
    "rmexif_samples_clear_padding": (c_uint32, (OUTPUT, c_size_t, c_size_t, c_size_t, c_size_t, OUTPUT)),
    "rmexif_samples_clear_hidden": (c_uint32, (OUTPUT, c_size_t, c_uint32, c_uint32, c_uint32, OUTPUT)),
    "rmexif_samples_clear_where": (c_uint32, (OUTPUT, INPUT, c_size_t, c_uint32, OUTPUT)),
    "rmexif_samples_mask": (c_uint32, (OUTPUT, c_size_t, c_uint32, c_uint32, c_uint32, OUTPUT)),
    "rmexif_samples_undo_predictor": (c_uint32, (OUTPUT, c_size_t, c_size_t, c_uint32, c_uint32, c_uint32)),
    "rmexif_samples_apply_predictor": (c_uint32, (OUTPUT, c_size_t, c_size_t, c_uint32, c_uint32, c_uint32)),
    # rle.h
    "rmexif_rle_decode_packbits": (c_uint32, (INPUT, c_size_t, OUTPUT, c_size_t, OUTPUT, OUTPUT)),
    "rmexif_rle_encode_packbits": (c_uint32, (INPUT, c_size_t, c_size_t, OUTPUT, c_size_t, OUTPUT)),
    "rmexif_rle_decode_bmp": (
        c_uint32,
        (INPUT, c_size_t, c_uint32, c_uint32, c_uint32, OUTPUT, c_size_t, OUTPUT, c_size_t, OUTPUT),
    ),
    "rmexif_rle_encode_bmp": (
        c_uint32,
        (INPUT, c_size_t, c_uint32, c_uint32, c_uint32, INPUT, c_size_t, c_uint32, OUTPUT, c_size_t, OUTPUT),
    ),
    # resample.h
    "rmexif_resample_scratch": (c_size_t, (c_uint32, c_uint32)),
    "rmexif_resample_shrink": (
        c_uint32,
        (INPUT, c_size_t, c_uint32, c_void_p, c_void_p, OUTPUT, c_size_t, OUTPUT, c_size_t),
    ),
    # sha256.h
    "rmexif_sha256_is_offered": (c_uint32, ()),
    "rmexif_sha256_pair": (c_uint32, (INPUT, c_size_t, INPUT, c_size_t, OUTPUT)),
    # ccitt.h
    "rmexif_ccitt_scratch": (c_size_t, (c_uint32,)),
    "rmexif_ccitt_decode": (
        c_uint32,
        (INPUT, c_size_t, c_uint32, c_uint32, c_uint32, OUTPUT, c_size_t, OUTPUT, c_size_t, OUTPUT),
    ),
    "rmexif_ccitt_encode": (
        c_uint32,
        (INPUT, c_size_t, c_uint32, c_uint32, c_uint32, c_uint32, OUTPUT, c_size_t, OUTPUT, c_size_t, OUTPUT),
    ),
}


def bind(core: ctypes.CDLL) -> None:
    """Give every function its types.

    Raises:
        AttributeError: the library lacks one.
    """
    for name, (result, arguments) in PROTOTYPES.items():
        function = getattr(core, name)
        function.restype, function.argtypes = result, arguments
