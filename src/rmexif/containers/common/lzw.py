"""LZW of GIF (GIF89a, appendix F) and TIFF 6.0 (section 13): walk, cut at the last pixel, decode, encode.

GIF packs codes from the lowest bit up and widens them when the table is full; TIFF packs from the highest bit down
and widens them one code early. A walk follows the codes without writing a pixel: it knows how long each string is,
so it finds the code that completes the picture, and puts the end code right behind it. Offsets in errors are those of
the stream.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Literal

import numpy as np

from rmexif.containers.common.lzw_runs import MAX_WIDTH, RUN, TABLE, Codes, code_widths, runs
from rmexif.errors import MalformedImage

if TYPE_CHECKING:
    from collections.abc import Sequence

__all__ = ["Walk", "decode", "encode", "renumber", "walk"]

TIFF_CLEAR = 4094  # TIFF 6.0, section 13: the encoder clears its table when this code has been added
WIDE = 1 << 21  # samples of a run; strings that long are copied faster one by one
SHORT = 256  # byte; below, a plain loop is faster
WINDOW = 7  # byte: read together; at most two digits of CPython's integers
IDLE_CODES = 4096  # clear codes in a row that write nothing; an encoder has no use for more than two


@dataclass(frozen=True, slots=True)
class Walk:
    """What a stream holds.

    Attributes:
        data: the codes up to the one that completes the picture, an end code, and zero bits up to the byte.
        size: samples that it decodes to, at most those asked for.
        literals: every sample value that occurs (a string only repeats what a root code has written before it).
        consumed: bytes of the input up to its own end code, or up to the code that completes the picture.
    """

    data: bytes
    size: int
    literals: frozenset[int]
    consumed: int


def walk(data: bytes, bits: int, size: int, *, tiff: bool = False) -> Walk:
    """Follow the codes of ``data`` until ``size`` samples are written, or its end code, or its end.

    Args:
        data: the stream.
        bits: of a root code: 8 for TIFF, the minimum code size for GIF.
        size: samples that the picture needs; what goes beyond is cut off.
        tiff: highest bit first and early change.

    Raises:
        MalformedImage: a code that the table does not hold yet.
    """
    fast = _walk_runs(data, bits, size, tiff) if len(data) > SHORT else None
    return fast or _walk_codes(data, bits, size, tiff)


def _walk_codes(data: bytes, bits: int, size: int, tiff: bool) -> Walk:
    """``walk``, code by code: any stream, about a million codes a second; a call in the loop costs a third more."""
    clear, end, last_bit, order = 1 << bits, (1 << bits) + 1, 8 * len(data), _order(tiff)
    lengths, prefixes = [1] * (clear + 2), [0] * (clear + 2)  # of each code's string: samples, all but the last one
    literals, padded = bytearray(clear), data + bytes(WINDOW)
    width, previous = bits + 1, -1
    at = start = code = done = idle = window = edge = 0  # window: bits up to the edge
    while done <= size and at + width <= last_bit:
        if at + width > edge:
            window, edge = int.from_bytes(padded[at >> 3 : (at >> 3) + WINDOW], order), (at & ~7) + 8 * WINDOW
        code = window >> (edge - at - width if tiff else 8 * WINDOW + at - edge) & (1 << width) - 1
        if code == end or done == size:
            break
        start, at = at, at + width
        if code == clear:
            del lengths[clear + 2 :], prefixes[clear + 2 :]
            width, previous, idle = bits + 1, -1, idle + 1
            if idle > IDLE_CODES:
                raise MalformedImage(f"{idle} clear codes without a sample", structure="lzw", offset=start // 8)
            continue
        known, idle = len(lengths), 0
        if code < clear:
            literals[code] = 1
        elif previous < 0 or code > known or code == TABLE:
            raise MalformedImage(f"code {code} is above the table of {known}", structure="lzw", offset=start // 8)
        if previous >= 0 and known < TABLE:
            lengths.append(lengths[previous] + 1)
            prefixes.append(previous)
            width += width < MAX_WIDTH and known + 1 + tiff >= 1 << width
        done += lengths[code]
        previous = code
    used = at + width * (code == end)
    consumed = len(data) if done < size and code != end else (used + 7) // 8
    codes = [(end, width)]
    if done > size:  # the last string runs past the picture: its prefix does not
        codes.insert(0, (_prefix(prefixes, previous, done - size), at - start))
        at = start
    seen = frozenset(value for value, occurs in enumerate(literals) if occurs)
    return Walk(_finish(data, at, codes, tiff), min(done, size), seen, consumed)


def _order(tiff: bool) -> Literal["big", "little"]:
    """In which order bytes make up a code."""
    return "big" if tiff else "little"


def _prefix(prefixes: Sequence[int], code: int, samples: int) -> int:
    """The code of the string of ``code`` without its last ``samples``."""
    for _ in range(samples):
        code = prefixes[code]
    return code


def _walk_runs(data: bytes, bits: int, size: int, tiff: bool) -> Walk | None:
    """``walk``, run by run; None where it has to be done code by code."""
    end = (1 << bits) + 1
    widths, ends = code_widths(bits, tiff)
    literals = np.zeros(end - 1, bool)
    done = 0
    for codes, lengths, base, following in runs(data, bits, tiff):
        written = done + np.cumsum(lengths)
        is_complete = len(codes) and written[-1] >= size
        if is_complete:
            length = int(np.searchsorted(written, size)) + 1  # codes of this run that the picture needs
            if written[length - 1] > size:
                return None  # a string has to be cut
            following = int(codes[length]) if length < len(codes) else following
            codes = codes[:length]
        literals[codes[codes < end - 1]] = True
        if is_complete:
            used = base + int(ends[length - 1])
            width = int(widths[length]) if length < RUN else MAX_WIDTH
            consumed = (used + (width if following == end else 0) + 7) // 8
            seen = frozenset(np.flatnonzero(literals).tolist())
            return Walk(_finish(data, used, [(end, width)], tiff), size, seen, consumed)
        done = int(written[-1]) if len(codes) else done
    return None


def _finish(data: bytes, used: int, codes: list[tuple[int, int]], tiff: bool) -> bytes:
    """The first ``used`` bits of ``data``, then ``codes`` (code, bits), then zero bits up to the byte."""
    full, held = divmod(used, 8)
    rest = data[full] if held else 0
    buffer = rest >> (8 - held) if tiff else rest & ((1 << held) - 1)
    for code, width in codes:
        buffer = buffer << width | code if tiff else buffer | code << held
        held += width
    count = (held + 7) // 8
    if tiff:
        buffer <<= count * 8 - held
    return data[:full] + buffer.to_bytes(count, _order(tiff))


def renumber(data: bytes, bits: int, table: bytes) -> bytes:
    """A GIF stream that ``walk`` gave, with other samples: a string only repeats roots, so these are all there is.

    Args:
        data: the stream.
        bits: of a root code.
        table: the new sample for every old one, 256 bytes.
    """
    clear, end = 1 << bits, (1 << bits) + 1
    widths, ends = code_widths(bits, tiff=False)
    out = np.frombuffer(data + bytes(2), np.uint8).copy()
    change = np.arange(clear) ^ np.frombuffer(table, np.uint8)[:clear]
    at = 0
    for codes, _, base, following in runs(data, bits, tiff=False):
        if following < 0:
            break
        roots = np.flatnonzero(codes < clear)
        starts = base + ends[roots] - widths[roots]
        changes = change[codes[roots]] << (starts & 7)
        np.bitwise_xor.at(out, starts >> 3, (changes & 255).astype(np.uint8))
        np.bitwise_xor.at(out, (starts >> 3) + 1, (changes >> 8).astype(np.uint8))
        at = base + int(ends[min(len(codes), RUN - 1)])
        if following == end:
            return out[: len(data)].tobytes()
    return _renumber_codes(out[: len(data)].tobytes(), bits, change.tolist(), at)


def _renumber_codes(data: bytes, bits: int, change: list[int], at: int) -> bytes:
    """``renumber`` from bit ``at`` on, code by code; the table is empty there."""
    clear, end = 1 << bits, (1 << bits) + 1
    out = bytearray(data) + bytes(1)
    width, known, first = bits + 1, clear + 2, True
    while at + width <= 8 * len(data):
        place, shift = divmod(at, 8)
        code = int.from_bytes(data[place : place + 3], "little") >> shift & (1 << width) - 1
        at += width
        if code == end:
            break
        if code == clear:
            width, known, first = bits + 1, clear + 2, True
            continue
        if code < clear:
            out[place] ^= change[code] << shift & 255
            out[place + 1] ^= change[code] << shift >> 8
        if not first and known < TABLE:
            known += 1
            width += known >= 1 << width and width < MAX_WIDTH
        first = False
    return bytes(out[: len(data)])


def decode(data: bytes, size: int) -> bytes:
    """The first ``size`` bytes of a TIFF stream that ``walk`` has accepted.

    Raises:
        MalformedImage: a code that the table does not hold yet.
    """
    fast = _decode_runs(data, size) if len(data) > SHORT else None
    return _decode_codes(data, size) if fast is None else fast


def _decode_runs(data: bytes, size: int) -> bytes | None:
    """``decode``, run by run; None where it has to be done code by code."""
    out: list[bytes] = []
    remaining = size
    for codes, lengths, _, following in runs(data, 8, tiff=True):
        total = int(lengths.sum())
        if total > WIDE:
            return None
        out.append(_spell(codes, lengths))
        remaining -= total
        if remaining <= 0 or following == 257:
            return b"".join(out)[:size]
    return None


def _spell(codes: Codes, lengths: Codes) -> bytes:
    """What the codes of a run spell.

    The string that code n adds to the table is that of code n - 1 and the sample behind it, so it stands in the
    output already: each byte of it is a byte further left, and following these links by doubling ends at roots.
    """
    starts = np.cumsum(lengths) - lengths
    parents = np.maximum(codes - 258, 0)
    back = np.where(codes < 256, 0, starts - starts[parents])
    which = np.repeat(np.arange(len(codes)), lengths)
    source = np.arange(len(which)) - back[which]
    while (deeper := source[source]).tobytes() != source.tobytes():
        source = deeper
    return bytes(codes[which[source]].astype(np.uint8))


def _decode_codes(data: bytes, size: int) -> bytes:
    """``decode``, code by code."""
    roots = [bytes([value]) for value in range(256)] + [b"", b""]
    table = list(roots)
    out = bytearray()
    previous = b""
    width, buffer, held = 9, 0, 0
    for place, byte in enumerate(data):
        buffer, held = buffer << 8 | byte, held + 8
        if held < width:
            continue
        held -= width
        code = buffer >> held
        buffer &= (1 << held) - 1
        if code == 257 or len(out) >= size:
            break
        if code == 256:
            table, previous, width = list(roots), b"", 9
            continue
        known = len(table)
        if code < known:
            entry = table[code]
        elif code == known and previous:
            entry = previous + previous[:1]
        else:
            raise MalformedImage(f"code {code} is above the table of {known}", structure="lzw", offset=place)
        if previous and known < TABLE:
            table.append(previous + entry[:1])
            if known + 2 >= 1 << width and width < MAX_WIDTH:
                width += 1
        out += entry
        previous = entry
    return bytes(out[:size])


def encode(data: bytes) -> bytes:
    """``data`` as a TIFF stream: clear code first, greedy strings, clear when the table is full, end code."""
    buffer, held, width, following = 256, 9, 9, 258
    out = bytearray()
    table: dict[bytes, int] = {bytes([value]): value for value in range(256)}
    string = b""
    for value in data:
        longer = string + bytes([value])
        if longer in table:
            string = longer
            continue
        buffer, held = buffer << width | table[string], held + width
        table[longer] = following
        following += 1
        if following + 1 > 1 << width and width < MAX_WIDTH:
            width += 1
        if following > TIFF_CLEAR:
            buffer, held = buffer << width | 256, held + width
            table = {bytes([root]): root for root in range(256)}
            width, following = 9, 258
        while held >= 8:
            held -= 8
            out.append(buffer >> held)
            buffer &= (1 << held) - 1
        string = bytes([value])
    if string:
        buffer, held = buffer << width | table[string], held + width
        # The decoder adds one more entry when it reads this code, and may widen for the end code.
        if following + 2 > 1 << width and width < MAX_WIDTH and following > 258:
            width += 1
    buffer, held = buffer << width | 257, held + width
    spare = -held % 8
    return bytes(out) + (buffer << spare).to_bytes((held + spare) // 8, "big")
