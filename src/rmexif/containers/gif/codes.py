"""The codes of a GIF picture (GIF89a, 22 and appendix F): read to the last pixel, and encoded in one way."""

from __future__ import annotations

from typing import NamedTuple

from rmexif.errors import REPAIR, MalformedImage
from rmexif.native import Status, lzw, samples

__all__ = ["NO_CODES", "RESET_BYTES", "PictureCodes", "read_codes", "renumber"]

MIN_CODE_SIZE = 2  # bits of a root code, also of bilevel pictures (appendix F)
# The canonical encoder clears its table once it is full. Pictures that a lossy encoder made for tables that stay full
# grow by that; where it is by more than 1 %, the table is cleared where it was.
MOST_GROWTH = 100
RESET_BYTES = 4  # that the place of one clear code can say: it is one of at most 2 ** 32 pixels


class PictureCodes(NamedTuple):
    """The codes of a picture in canonical form.

    Attributes:
        code_size: bits of a root code.
        data: up to the end code.
        values: samples that pixels have.
        consumed: bytes of the file's codes that a decoder reads.
        is_kept: whether ``data`` is what the file has there.
        resets: clear codes whose place is the encoder's choice.
        size: pixels that are coded.
        is_ordinary: whether the file's codes are the longest strings, as every encoder takes them; then the size of
            the root codes, and where a full table is cleared, is all that they say.
    """

    code_size: int
    data: bytes
    values: bytes
    consumed: int
    is_kept: bool
    resets: int
    size: int
    is_ordinary: bool = True


NO_CODES = PictureCodes(MIN_CODE_SIZE, b"", b"", 0, True, 0, 0)  # of a picture before they are read


def read_codes(data: bytes, code_size: int, size: int, offset: int) -> PictureCodes:
    """Decode a picture and encode it canonically.

    Args:
        data: the sub-blocks, joined.
        code_size: bits of a root code, as the file says.
        size: px of the picture.
        offset: byte of the file, for errors.

    Raises:
        MalformedImage: a code that the table does not hold yet.
    """
    found = lzw.decode(data, size, code_size)
    if found.status not in (Status.OK, Status.ENDS_EARLY):
        problem = f"a code that the table does not hold yet, in byte {found.consumed} of the codes; {REPAIR}"
        raise MalformedImage(problem, structure="gif picture data", offset=offset)
    values = samples.used(found.samples, len(found.samples)) if found.samples else b""
    least = _code_size(values)
    if found.canonical and least == code_size:
        codes, resets = data[: found.consumed], 0
    else:
        codes, resets = _encode(found, least)
    is_kept = least == code_size and codes == data[: found.consumed]
    is_ordinary = is_kept or found.canonical or lzw.is_greedy(found, data, code_size)
    return PictureCodes(least, codes, values, found.consumed, is_kept, resets, len(found.samples), is_ordinary)


def renumber(codes: PictureCodes, table: bytes) -> PictureCodes:
    """The codes of the same picture with other samples.

    Args:
        codes: of the picture.
        table: the new sample for every old one, 256 bytes.
    """
    found = lzw.decode(codes.data, codes.size, codes.code_size)
    samples.remap(found.samples, table, len(found.samples))
    values = bytes(sorted({table[value] for value in codes.values}))
    code_size = _code_size(values)
    data, resets = _encode(found, code_size)
    return codes._replace(
        code_size=code_size, data=data, values=values, is_kept=False, resets=resets, is_ordinary=False
    )


def _code_size(values: bytes) -> int:
    """The least that holds all samples."""
    return max(MIN_CODE_SIZE, max(values, default=0).bit_length())


def _encode(found: lzw.Decoded, code_size: int) -> tuple[bytes, int]:
    """The codes, and how many clear codes in them are the encoder's choice."""
    canonical = lzw.encode(found.samples, code_size)
    if _fits(canonical, found.consumed):
        return canonical, 0
    kept = lzw.encode(found.samples, code_size, resets=found.resets)
    return (canonical, 0) if _fits(canonical, len(kept)) else (kept, len(found.resets))


def _fits(canonical: bytes, size: int) -> bool:
    """Whether the canonical codes are hardly longer than ``size`` bytes."""
    return len(canonical) - size <= size // MOST_GROWTH
