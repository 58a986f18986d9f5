"""The smallest TIFF files: one strip, for libtiff to read; and the strips that libtiff writes."""

from __future__ import annotations

import io
import struct

from PIL import Image


def wrap(strip: bytes, width: int, height: int, compression: int, **tags: int) -> bytes:
    """A grey or bilevel picture of one strip, as a file; tags by name, see below."""
    fields = {256: width, 257: height, 258: 8, 259: compression, 262: 1, 273: 8, 277: 1, 278: height, 279: len(strip)}
    names = {"bits": 258, "photometric": 262, "fill_order": 266, "t4": 292, "t6": 293, "predictor": 317, "format": 339}
    fields |= {names[name]: value for name, value in tags.items()}
    entries = b"".join(struct.pack("<HHII", tag, 4, 1, value) for tag, value in sorted(fields.items()))
    strip += bytes(len(strip) % 2)
    return b"II*\0" + struct.pack("<I", 8 + len(strip)) + strip + struct.pack("<H", len(fields)) + entries + bytes(4)


def read(strip: bytes, width: int, height: int, compression: int, **tags: int) -> bytes:
    """What libtiff decodes."""
    return Image.open(io.BytesIO(wrap(strip, width, height, compression, **tags))).tobytes()


def strips(image: Image.Image, compression: str, **tags: object) -> list[bytes]:
    """What libtiff encodes."""
    out = io.BytesIO()
    image.save(out, "TIFF", compression=compression, **tags)
    info = Image.open(io.BytesIO(out.getvalue())).tag_v2
    return [out.getvalue()[at : at + size] for at, size in zip(info[273], info[279], strict=True)]
