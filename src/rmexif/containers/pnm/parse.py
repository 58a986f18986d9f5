"""PBM, PGM, PPM and PAM: a header, perhaps comments, and samples.

What stays: kind, size, largest value, samples. Comments and what a tuple type says beyond its channels go; plain
(decimal) forms become the binary ones. Further pictures behind the first go too: viewers show the first.
"""

from __future__ import annotations

import re
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Any

from rmexif.containers.common.choices import with_choices
from rmexif.containers.common.parts import PartBuilder
from rmexif.containers.common.transparency import fill_colour
from rmexif.containers.pnm.header import BITMAP, COMMENT, PnmHeader, is_common, read_header, serialise
from rmexif.containers.pnm.plain_layout import is_regular
from rmexif.errors import REPAIR, MalformedImage
from rmexif.native import samples
from rmexif.types import Container, PayloadKind, Role

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from rmexif.types import Limits

__all__ = ["PnmTree", "parse"]

PLAIN_TEXT = re.compile(rb"(?:[\d\s]+|#[^\r\n]*)*")
BLACK_OR_WHITE = b"01"
USUAL = frozenset((1 << bits) - 1 for bits in range(1, 17))  # largest values of samples
LARGEST = 2  # byte of another one


@dataclass(frozen=True, slots=True)
class PnmTree:
    """What rewrite() serialises."""

    header: PnmHeader
    samples: bytes | bytearray | memoryview  # binary, rows from the top


def parse(view: memoryview, limits: Limits) -> Container[PnmTree]:
    """The structure of a Netpbm file, every byte of it.

    Raises:
        MalformedImage: a header that says no size, or samples that are not all there.
        UnsupportedFeature: a PAM of more channels than a picture has.
        LimitExceeded: more pixels than allowed.
    """
    parts = PartBuilder(len(view), limits)
    header = read_header(view)
    limits.check("max_pixels", header.width * header.height)
    kept: bytes | bytearray | memoryview
    role, label = Role.UNKNOWN, "pixels/plain"
    if header.plain:
        kept, end = _plain(view, header)
        sizes = header.width, header.height, header.channels
        if is_regular(bytes(view[header.end : end]), *sizes, digits=header.kind == BITMAP):
            role = Role.ENCODING
    else:
        size = header.stride * header.height
        if size > len(view) - header.end:
            problem = f"{size} bytes expected, {len(view) - header.end} found; {REPAIR}"
            raise MalformedImage(problem, structure="pnm samples", offset=header.end)
        end = header.end + size
        kept = _clean(view[header.end : end], header)
        role, label = Role.PIXELS, "pixels"
        if not isinstance(kept, memoryview):
            role, label = Role.UNKNOWN, "pixels/surplus"
            if _has_one_fill(view[header.end : end], header):
                role = Role.ENCODING
    _claim_header(view, header, parts)
    parts.add(label, role, header.end, end)
    clean = replace(header, plain=False)
    container = Container(
        "pnm",
        header.width,
        header.height,
        parts.tile(),
        samples=header.width * header.height * header.channels,
        sample_bytes=header.depth,
        tree=PnmTree(clean, kept),
    )
    return with_choices(container, numbers=LARGEST * (header.most not in USUAL))


def _claim_header(view: memoryview, header: PnmHeader, parts: PartBuilder) -> None:
    """Structure where it is written in our form, encoding in that of others, and comments by themselves."""
    start, plain = 0, b""
    for first, end in header.comments:
        plain += view[start:first]
        start = end + 1  # with its line end
    plain += view[start : header.end]
    role = Role.ENCODING if is_common(plain, header) else Role.UNKNOWN
    role = Role.STRUCTURE if view[: header.end] == serialise(header) else role
    start = 0
    for first, end in header.comments:
        parts.add("header", role, start, first)
        parts.add("header/comment", Role.METADATA, first, end, PayloadKind.TEXT)
        start = end
    parts.add("header", role, start, header.end)


def _clean(data: memoryview, header: PnmHeader) -> memoryview | bytearray:
    """Binary samples without padding, values above the largest one, and colour that nobody sees."""
    if header.kind == BITMAP:
        rows = bytearray(data)
        changed = samples.clear_padding(rows, header.width, stride=header.stride, rows=header.height)
        return rows if changed else data
    kept: memoryview | bytearray = data
    if header.most not in (0xFF, 0xFFFF):
        import numpy as np  # the one thing here that the core alone lacks

        values = np.frombuffer(data, np.uint8 if header.depth == 1 else ">u2")
        if int(values.max()) > header.most:  # decoders take the largest value
            kept = bytearray(np.minimum(values, header.most).astype(values.dtype).tobytes())
    if header.has_alpha:
        rows = bytearray(kept)
        if samples.clear_hidden(rows, header.channels, header.channels - 1, header.depth):
            kept = rows
    return kept


def _has_one_fill(data: memoryview, header: PnmHeader) -> bool:
    """Whether all that goes is one colour of pixels of opacity 0, or ones behind the last pixel of every row."""
    if header.kind == BITMAP:
        ones = (1 << 8 * header.stride - header.width) - 1
        return all(last & ones == ones for last in data[header.stride - 1 :: header.stride])
    if not header.has_alpha or header.most not in (0xFF, 0xFFFF):
        return False
    return fill_colour(bytearray(data), header.channels, header.channels - 1, header.depth) is not None


def _plain(view: memoryview, header: PnmHeader) -> tuple[bytes, int]:
    """Decimal samples as binary ones, and where their text ends."""
    import numpy as np

    text = PLAIN_TEXT.match(view, header.end)
    end = text.end() if text else header.end
    digits = COMMENT.sub(b"", bytes(view[header.end : end]))
    count = header.width * header.height * header.channels
    if header.kind == BITMAP:
        found: NDArray[Any] = np.frombuffer(b"".join(digits.split()), np.uint8)[:count]
        if found.size == count and int(found.max()) <= BLACK_OR_WHITE[1]:
            return np.packbits(found.reshape(header.height, header.width) & 1, axis=1).tobytes(), end
    else:
        found = np.fromstring(digits, np.int64, sep=" ")[:count]
        if found.size == count and int(found.max()) <= header.most:
            return found.astype(np.uint8 if header.depth == 1 else ">u2").tobytes(), end
    problem = f"{count} values from 0 to {header.most} expected, {found.size} numbers found"
    raise MalformedImage(problem, structure="pnm samples", offset=header.end)
