"""ICC profiles inside a JPEG XL codestream (ISO/IEC 18181-1, annex E.4): read, cleaned, written again.

A profile that says a known space becomes enumerated values in the header, as long as the samples are stored in that
space. Where they are stored as XYB a decoder chooses its output by the profile, so a clean profile stays a profile.
"""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING

from rmexif import icc
from rmexif.containers.jxl.entropy import CODE_LENGTH_ORDER, SymbolReader
from rmexif.containers.jxl.image_header import BLACK, CUSTOM, GREY, RGB, ColourEncoding, ImageHeader
from rmexif.errors import LimitExceeded, MalformedImage

if TYPE_CHECKING:
    from rmexif.containers.jxl.field_types import FieldReader, FieldWriter

__all__ = ["clean_colour", "read_icc", "write_coded", "write_icc"]

MAX_BYTES = 4 << 20  # bounds the memory that one profile may take
MAX_SMALL_BYTES = 1 << 20  # the same in a codestream that is no longer than that: 2 s to read
FREE_SYMBOLS = 65536  # that MAX_RATIO does not count
MAX_RATIO = 32  # coded symbols for each byte of the codestream beyond FREE_SYMBOLS; real profiles stay under 15
CONTEXTS = 41  # E.4.2
HEADER = 128  # byte (ICC.1:2022, 7.2)

TAGS = [  # E.4.4: tag names by code, 4 and up
    b"cprt", b"wtpt", b"bkpt", b"rXYZ", b"gXYZ", b"bXYZ", b"kXYZ", b"rTRC", b"gTRC",
    b"bTRC", b"kTRC", b"chad", b"desc", b"chrm", b"dmnd", b"dmdd", b"lumi",
]  # fmt: skip
TYPES = [  # E.4.5: type names by command, 16 and up
    b"XYZ ", b"desc", b"text", b"mluc", b"para", b"curv", b"sf32", b"gbd ",
]  # fmt: skip
TWENTY_BYTES = {b"rXYZ", b"gXYZ", b"bXYZ", b"kXYZ", b"wtpt", b"bkpt", b"lumi"}  # E.4.4: tags of an XYZType
MAKERS = {b"A": b"APPL", b"M": b"MSFT", b"SG": b"SGI ", b"SU": b"SUNW"}  # E.4.3: platforms by their first letters

# Enumerated values of ColourEncoding by what a profile describes
WHITES: dict[tuple[float, ...], int] = {(0.3127, 0.3290): 1, (0.3140, 0.3510): 11}
PRIMARIES = {icc.PRIMARIES["srgb"][2:]: 1, icc.PRIMARIES["rec2020"][2:]: 9, icc.PRIMARIES["display-p3"][2:]: 11}
TRANSFERS: dict[str | float, int] = {"rec709": 1, "linear": 8, "srgb": 13, "pq": 16, "hlg": 18}


def _kind(byte: int, coarse: bool) -> int:
    """What sort of byte it is: one half of a context (E.4.2)."""
    char = chr(byte)
    if char.isascii() and char.isalpha():
        return 0
    if char.isascii() and (char.isdigit() or char in ".,"):
        return 1
    if byte < 16:
        return 2 if coarse else (2, 3)[byte] if byte < 2 else 4
    if byte > 240:
        return 3 if coarse else 6 if byte == 255 else 5
    return 4 if coarse else 7


LAST = [1 + _kind(byte, False) for byte in range(256)]
BEFORE = [8 * _kind(byte, True) for byte in range(256)]


def read_icc(bits: FieldReader) -> bytes:
    """The profile at ``bits``, which then stand behind it.

    Raises:
        MalformedImage: the stream is broken.
        LimitExceeded: the profile is larger than ``MAX_BYTES``, or ``MAX_SMALL_BYTES`` in a small codestream.
    """
    size, left = bits.u64(), bits.end - bits.position >> 3
    most = MAX_BYTES if left > MAX_SMALL_BYTES else MAX_SMALL_BYTES
    if size > most:
        raise LimitExceeded(
            f"{size} coded bytes are above the limit of {most}",
            structure=bits.structure,
            offset=bits.locate(bits.position >> 3),
        )
    if size > FREE_SYMBOLS + MAX_RATIO * left:
        bits.fail(f"{size} coded bytes announced, {left} bytes of the codestream are left")
    symbols = SymbolReader(bits, CONTEXTS)
    start, coded = bits.position, symbols.out
    last = before = 0
    for k in range(size):
        last, before = symbols.read(LAST[last] + BEFORE[before] if k > HEADER else 0), last
        if last > 255:
            bits.fail(f"the number {last} where a byte is required")
        if not k & 0xFFFF and k > MAX_RATIO * (bits.position - start >> 3) + FREE_SYMBOLS:
            bits.fail(f"more than {MAX_RATIO} numbers for each byte of the codestream")
    symbols.finish()
    bits.structure = "jxl ICC profile"
    return _ProfileDecoder(bytes(coded), bits).decode()


class _ProfileDecoder:
    """Undoes the prediction of a profile: commands say how its data bytes become the profile (E.4.3 to E.4.5)."""

    def __init__(self, coded: bytes, bits: FieldReader) -> None:
        self.bits = bits
        self.coded = coded
        self.out = bytearray()
        self.at, self.stop = 0, len(coded)
        self.size = self._varint()
        commands = self._varint()
        self.data, self.stop = self.at + commands, self.at + commands
        if self.size > MAX_BYTES:
            raise LimitExceeded(
                f"{self.size} bytes are above the limit of {MAX_BYTES}",
                structure=bits.structure,
                offset=bits.locate(bits.position >> 3),
            )
        if self.data > len(coded):
            bits.fail(f"{commands} bytes of commands announced, the stream has {len(coded)} bytes")

    def _byte(self) -> int:
        """The next byte of the commands."""
        if self.at >= self.stop:
            self.bits.fail("the commands end inside one")
        self.at += 1
        return self.coded[self.at - 1]

    def _varint(self) -> int:
        """The next number of the commands: seven bits a byte."""
        value = shift = 0
        while True:
            byte = self._byte()
            value |= (byte & 127) << shift
            shift += 7
            if byte < 128:
                break
        if value >> 32:
            self.bits.fail("a number of the commands has more than 32 bits")
        return value

    def _take(self, count: int) -> bytes:
        """The next bytes of the data."""
        if self.data + count > len(self.coded) or len(self.out) + count > self.size:
            self.bits.fail(f"a command takes {count} bytes, {len(self.coded) - self.data} are there")
        self.data += count
        return self.coded[self.data - count : self.data]

    def decode(self) -> bytes:
        """The profile."""
        head = self._take(min(HEADER, self.size))
        for k, byte in enumerate(head):
            self.out.append(byte + predict_header(self.out, k, self.size) & 255)
        if self.size > HEADER:
            self._tag_table()
        while self.at < self.stop:
            self._command(self._byte())
            if len(self.out) > self.size:
                self.bits.fail(f"the commands write more than the {self.size} bytes announced")
        if len(self.out) != self.size or self.data != len(self.coded):
            self.bits.fail(f"the commands write {len(self.out)} bytes of {self.size}, or leave some data unused")
        return bytes(self.out)

    def _tag_table(self) -> None:
        """E.4.4: the tag table, most of it predicted."""
        count = self._varint() - 1
        if count < 0:
            return
        self.out += count.to_bytes(4, "big")
        start, size = HEADER + 12 * count, 0
        while self.at < self.stop and len(self.out) <= self.size:
            command = self._byte()
            code = command & 63
            if code == 0:
                break
            if code > 3 + len(TAGS):
                self.bits.fail(f"the tag code {code} is not defined, {3 + len(TAGS)} is the highest")
            tag = self._take(4) if code == 1 else {2: b"rTRC", 3: b"rXYZ"}.get(code) or TAGS[code - 4]
            start = self._varint() if command & 64 else start + size
            size = self._varint() if command & 128 else 20 if tag in TWENTY_BYTES else size
            rows = [(tag, start)]
            if code == 2:
                rows += [(b"gTRC", start), (b"bTRC", start)]
            if code == 3:
                rows += [(b"gXYZ", start + size), (b"bXYZ", start + 2 * size)]
            if rows[-1][1] >> 32:
                self.bits.fail("a tag starts beyond the 32 bits of its offset")
            for name, offset in rows:
                self.out += name + offset.to_bytes(4, "big") + size.to_bytes(4, "big")

    def _command(self, command: int) -> None:
        """E.4.5: the tags' data."""
        if command == 1:
            self.out += self._take(self._varint())
        elif command in (2, 3):
            self.out += _shuffle(self._take(self._varint()), 2 * command - 2)
        elif command == 4:
            self._predicted()
        elif command == 10:
            self.out += b"XYZ \0\0\0\0" + self._take(12)
        elif 16 <= command < 16 + len(TYPES):
            self.out += TYPES[command - 16] + bytes(4)
        else:
            self.bits.fail(f"the command {command} is not defined")

    def _predicted(self) -> None:
        """A stretch of equally wide integers, each as its difference from what the ones before it predict."""
        flags = self._byte()
        width, order = (flags & 3) + 1, flags >> 2 & 3
        stride = self._varint() if flags & 16 else width
        if width == 3 or order == 3 or stride < width or 4 * stride >= len(self.out):
            self.bits.fail(f"integers of {width} bytes, order {order} and stride {stride} cannot be predicted")
        data = _shuffle(self._take(self._varint()), width)
        out = self.out
        for at in range(0, len(data), width):
            here = len(out)
            p1, p2, p3 = (int.from_bytes(out[here - k * stride : here - k * stride + width], "big") for k in (1, 2, 3))
            predicted = (p1, 2 * p1 - p2, 3 * (p1 - p2) + p3)[order] & (1 << 8 * width) - 1
            for byte, guess in zip(data[at : at + width], predicted.to_bytes(width, "big"), strict=False):
                out.append(byte + guess & 255)


def _shuffle(data: bytes, width: int) -> bytes:
    """Turn ``width`` planes of bytes into integers of ``width`` bytes."""
    height = -(-len(data) // width)
    return bytes(data[k] for row in range(height) for k in range(row, len(data), height)) if width > 1 else data


def predict_header(out: bytearray, at: int, size: int) -> int:
    """What byte ``at`` of a profile of ``size`` bytes is expected to be, after the bytes before it (E.4.3)."""
    if at < 4:
        return size.to_bytes(4, "big")[at]
    if 80 <= at < 84:
        return out[at - 76]
    if 40 < at < 44:
        for first, maker in MAKERS.items():
            if at >= 40 + len(first) and out[40 : 40 + len(first)] == first:
                return maker[at - 40]
        return 0
    fixed = {8: b"\4", 12: b"mntrRGB XYZ ", 36: b"acsp", 70: b"\xf6\xd6\0\1", 78: b"\xd3\x2d"}
    return next((text[at - first] for first, text in fixed.items() if first <= at < first + len(text)), 0)


def _varint(value: int) -> bytes:
    """Seven bits a byte, least significant first."""
    out = bytearray()
    while value > 127:
        out.append(value & 127 | 128)
        value >>= 7
    return bytes(out) + bytes([value])


def write_icc(bits: FieldWriter, profile: bytes) -> None:
    """Write ``profile`` as one insertion behind its header."""
    known = bytearray(profile[:HEADER])
    head = bytes(byte - predict_header(known, k, len(profile)) & 255 for k, byte in enumerate(known))
    rest = profile[HEADER:]
    commands = b"\0\1" + _varint(len(rest)) if rest else b""
    write_coded(bits, _varint(len(profile)) + _varint(len(commands)) + commands + head + rest)


def write_coded(bits: FieldWriter, coded: bytes) -> None:
    """Write an ICC stream with a flat prefix code: eight bits for every byte, and no choices to make."""
    bits.u64(len(coded))
    bits.bits(1, 0)  # no copies
    bits.bits(3, 1)  # contexts: simple, zero bits each: all in one cluster
    bits.bits(1, 1)  # prefix codes
    bits.bits(12, 8)  # numbers below 2^8 are their own tokens
    bits.bits(12, 1 | 7 << 1 | 127 << 5)  # 256 symbols
    bits.bits(2, 0)  # code lengths, none skipped
    for length in CODE_LENGTH_ORDER:
        bits.bits(2, int(length == 8))  # only 8 occurs, so it takes no bits by itself
    for byte in coded:
        bits.bits(8, int(f"{byte:08b}"[::-1], 2))


def clean_colour(image: ImageHeader, profile: bytes, offset: int) -> tuple[ColourEncoding, bytes | None]:
    """The colour encoding that means what ``profile`` means, and the profile where one is still needed.

    Args:
        image: the header that the profile follows.
        profile: as it was read.
        offset: byte of the file at which the ICC stream starts.

    Raises:
        MalformedImage: there is a black channel, and no usable profile.
    """
    cleaned = icc.clean(profile)
    black = any(channel.kind == BLACK for channel in image.channels)
    if cleaned is None:
        if black:
            raise MalformedImage(
                "a picture with a black channel needs a profile, this one is broken",
                structure="jxl ICC profile",
                offset=offset,
            )
        return ColourEncoding(space=image.colour.space if image.colour.space == GREY else RGB), None
    if not image.xyb and not black:
        known = _enumerated(cleaned, image.colour.space)
        if known:
            return known, None
    return ColourEncoding(icc=True, space=image.colour.space), cleaned


def _enumerated(cleaned: bytes, space: int) -> ColourEncoding | None:
    """A known space as enumerated values, None where they cannot say it."""
    described = icc.describe(cleaned)
    if described is None or described.transfer is None or described.space != {RGB: "RGB", GREY: "GRAY"}.get(space):
        return None
    new = ColourEncoding(space=space)
    if isinstance(described.transfer, float):
        new = replace(new, gamma=round(1e7 * 256 / round(256 * described.transfer)))
    elif described.transfer in TRANSFERS:
        new = replace(new, transfer=TRANSFERS[described.transfer])
    else:
        return None
    if space == GREY:
        return new
    if described.primaries is None or described.primaries not in icc.PRIMARIES.values():
        return None
    micro = [2 * round(1e6 * value) for value in described.primaries]  # PackSigned
    white, primaries = WHITES.get(described.primaries[:2], CUSTOM), PRIMARIES.get(described.primaries[2:], CUSTOM)
    return replace(
        new,
        white=white,
        white_xy=tuple(micro[:2]) if white == CUSTOM else (),
        primaries=primaries,
        primaries_xy=tuple(micro[2:]) if primaries == CUSTOM else (),
    )
