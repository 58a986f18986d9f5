"""TIFF, PNM and files that are only decoded, below 1 MB, that ask for more than they are."""

from __future__ import annotations

import io
import struct
import zlib
from typing import TYPE_CHECKING

from benchmarks.hostile.deflated_files import XMP_HEAD, XMP_SHAPES, bomb
from benchmarks.hostile.raster_files import LIMIT, saved
from PIL import Image

if TYPE_CHECKING:
    from collections.abc import Iterator

__all__ = ["decode_only_files", "page_fields", "pnm_files", "tiff_files", "tiff_of"]


def tiff_of(entries: list[tuple[int, int, int, bytes]], data: bytes = b"", following: int = 0, at: int = 8) -> bytes:
    """One directory at ``at`` (in a file that starts with it), values behind it."""
    out, behind = struct.pack("<H", len(entries)), b""
    base = at + 2 + 12 * len(entries) + 4
    for tag, kind, count, value in sorted(entries):
        if len(value) <= 4:
            out += struct.pack("<HHI", tag, kind, count) + value.ljust(4, b"\0")
        else:
            out += struct.pack("<HHII", tag, kind, count, base + len(behind))
            behind += value
    return b"II*\0" + struct.pack("<I", at) + out + struct.pack("<I", following) + behind + data


def page_fields(
    width: int,
    height: int,
    bits: int,
    compression: int,
    offsets: list[int],
    counts: list[int],
    rows: int,
    photometric: int = 1,
    samples: int = 1,
    extra: list[tuple[int, int, int, bytes]] | None = None,
) -> list[tuple[int, int, int, bytes]]:
    """The entries of a page: tag, type, count, value."""

    def longs(values: list[int]) -> bytes:
        return struct.pack(f"<{len(values)}I", *values)

    def shorts(*values: int) -> bytes:
        return struct.pack(f"<{len(values)}H", *values)

    return [
        *((256, 4, 1, longs([width])), (257, 4, 1, longs([height]))),
        *(
            (258, 3, samples, shorts(*[bits] * samples)),
            (259, 3, 1, shorts(compression)),
            (262, 3, 1, shorts(photometric)),
        ),
        *((273, 4, len(offsets), longs(offsets)), (277, 3, 1, shorts(samples))),
        *((278, 4, 1, longs([rows])), (279, 4, len(counts), longs(counts))),
        *(extra or []),
    ]


def tiff_files() -> Iterator[tuple[str, bytes]]:
    """Strips, tags, pages and directories without number, data that many strips share, codes that say much."""
    for count in (10_000, 60_000, 110_000):
        for compression in (1, 5, 32_773, 8):
            data = {1: bytes(64), 5: b"\x80\x00\x80\x80", 32_773: b"\xc1\0", 8: zlib.compress(bytes(64))}[compression]
            entries = page_fields(64, count, 8, compression, [8] * count, [len(data)] * count, 1)
            yield f"{count} strips, shared, compression {compression}", tiff_of(entries, data)[:LIMIT]
    for compression, data in (
        (1, bytes(9)),
        (5, b"\x80\0\x80\x80"),
        (8, bomb(b"\0", 200 << 20)),
        (32_773, b"\x81\0" * 400_000),
        (2, b"\0" * 99),
        (4, b"\0\x10\1" * 9),
        (3, b"\0\1" * 9),
        (7, saved("JPEG")),
    ):
        for side in (2_000, 14_000, 60_000):
            size = 8 + 2 + 12 * 9 + 4
            yield (
                f"{side} px, compression {compression}",
                tiff_of(
                    page_fields(
                        side, side, 1 if compression in (2, 3, 4) else 8, compression, [size], [len(data)], side
                    ),
                    data,
                ),
            )
            yield (
                f"{side} px RGB, compression {compression}",
                tiff_of(page_fields(side, side, 8, compression, [size + 6], [len(data)], side, 2, 3), data),
            )
    for samples in (1, 3, 4):
        out = io.BytesIO()
        Image.new({1: "L", 3: "RGB", 4: "RGBA"}[samples], (9_000, 9_000)).save(
            out, "TIFF", compression="tiff_adobe_deflate"
        )
        yield f"flat, {samples} samples", out.getvalue()
    out = io.BytesIO()
    Image.new("1", (14_000, 14_000)).save(out, "TIFF", compression="group4")
    yield "flat fax", out.getvalue()
    for chain in (50, 3_000, 40_000):
        body = b"".join(struct.pack("<HHHIII", 1, 256, 4, 1, 9, 8 + 18 * (n + 1)) for n in range(chain))
        yield f"{chain} directories", b"II*\0\x08\0\0\0" + body + struct.pack("<HI", 0, 0)
        body = b"".join(struct.pack("<HHHIII", 1, 330, 4, 1, 8 + 18 * (n + 1), 0) for n in range(chain))
        yield f"{chain} directories inside each other", b"II*\0\x08\0\0\0" + body + struct.pack("<HI", 0, 0)
    for tag in (270, 330, 700, 34_665, 34_675, 50_000):
        yield (
            f"65000 tags {tag}",
            b"II*\0\x08\0\0\0" + struct.pack("<H", 65_000) + struct.pack("<HHII", tag, 4, 1, 8) * 65_000 + bytes(4),
        )
    base = page_fields(16, 16, 8, 1, [8], [256], 16)
    for tag in (330, 34_665, 700, 34_675, 33_723, 34_377, 301, 320, 333):
        yield f"tag {tag} of 800000 B", tiff_of([*base, (tag, 4, 200_000, struct.pack("<I", 8) * 200_000)])
    yield (
        "overlapping fields",
        tiff_of([*base, *((40_000 + n, 1, 800_000, bytes(4)) for n in range(900))], bytes(800_000)),
    )
    pages, at = b"II*\0\x08\0\0\0", 8
    for _ in range(5_000):
        one = tiff_of(page_fields(4_000, 4_000, 8, 32_773, [8], [9], 4_000), at=at, following=at + 150)[8:]
        pages, at = pages + one.ljust(150, b"\0"), at + 150
    yield "5000 pages", pages
    for side in (4_000, 14_000):
        tile = [
            (322, 4, 1, struct.pack("<I", 16)),
            (323, 4, 1, struct.pack("<I", 16)),
            (324, 4, 60_000, struct.pack("<I", 8) * 60_000),
            (325, 4, 60_000, struct.pack("<I", 256) * 60_000),
        ]
        rest = [entry for entry in page_fields(side, side, 8, 1, [8], [9], 1) if entry[0] not in (273, 278, 279)]
        yield f"tiles of {side} px", tiff_of(rest + tile)
    for shape, unit in XMP_SHAPES.items():
        body = XMP_HEAD + unit * (900_000 // len(unit))
        yield f"XMP of {shape}", tiff_of([*base, (700, 1, len(body), body)])


def pnm_files() -> Iterator[tuple[str, bytes]]:
    """Headers that do not end, text that is many numbers, sizes without data."""
    for kind in b"123456":
        for size in (b"14000 14000", b"99999999 99999999", b"9" * 900_000 + b" 1", b"1 0", b"-1 1"):
            yield f"P{chr(kind)} {size[:16].decode()}", b"P%c\n%s\n255\n" % (kind, size)
        yield f"P{chr(kind)} comments", b"P%c\n" % kind + b"#a\n" * 300_000 + b"1 1\n255\n\0\0\0\0"
        yield f"P{chr(kind)} spaces", b"P%c\n" % kind + b" " * 900_000 + b"1 1\n255\n\0\0\0\0"
    for kind, count in ((b"1", 450_000), (b"2", 450_000), (b"3", 450_000)):
        yield (
            f"P{kind.decode()} numbers",
            b"P"
            + kind
            + b"\n%d 1\n" % (count // (3 if kind == b"3" else 1))
            + (b"" if kind == b"1" else b"255\n")
            + b"1 " * count,
        )
        yield f"P{kind.decode()} long numbers", b"P" + kind + b"\n1 1\n255\n" + b"0" * 900_000
        yield f"P{kind.decode()} comments inside", b"P" + kind + b"\n100 100\n255\n" + b"1#\n" * 200_000
    yield "P4 full", b"P4\n2600 2600\n" + b"\x55" * (2600 * 325)
    yield "P5 16 bit", b"P5\n650 650\n65535\n" + b"\x55" * (650 * 650 * 2)
    yield (
        "P7",
        b"P7\n" + b"WIDTH 1\n" * 100_000 + b"HEIGHT 1\nDEPTH 4\nMAXVAL 255\nTUPLTYPE RGB_ALPHA\nENDHDR\n\0\0\0\0",
    )
    for depth in (b"1", b"4", b"999999"):
        yield (
            f"P7 depth {depth.decode()}",
            b"P7\nWIDTH 14000\nHEIGHT 14000\nDEPTH " + depth + b"\nMAXVAL 255\nTUPLTYPE RGB\nENDHDR\n",
        )
    yield "pictures behind", b"P5\n1 1\n255\n\0" * 70_000


def decode_only_files() -> Iterator[tuple[str, bytes]]:
    """QOI, ICO, PSD, TGA, JPEG 2000."""
    for side in (100, 2_000, 5_000, 14_000, 60_000):
        qoi = b"qoif" + struct.pack(">IIBB", side, side, 4, 0)
        for name, unit in (("runs", b"\xfd"), ("index", b"\0"), ("colours", b"\xff\1\2\3\4"), ("nothing", b"")):
            yield f"QOI {side} px, {name}", qoi + unit * (LIMIT // len(unit) if unit else 0) + bytes(7) + b"\1"
        for kind in (2, 3, 9, 10, 11):
            bits = {2: 24, 3: 8, 9: 8, 10: 32, 11: 8}[kind]
            palette = b"\1" if kind == 9 else b"\0"
            head = (
                b"\0"
                + palette
                + bytes([kind])
                + struct.pack("<HHB", 0, 256 if kind == 9 else 0, 24)
                + bytes(4)
                + struct.pack("<HHBB", side, side, bits, 0)
            )
            yield (
                f"TGA {kind}, {side} px",
                head + (bytes(768) if kind == 9 else b"") + (b"\xff" + bytes(bits // 8)) * 150_000,
            )
        for channels, depth, compression in ((3, 8, 0), (3, 8, 1), (4, 16, 0), (56, 8, 1)):
            head = b"8BPS\0\1" + bytes(6) + struct.pack(">HIIHH", channels, side, side, depth, 3) + bytes(12)
            yield (
                f"PSD {side} px, {channels} channels, {compression}",
                head + struct.pack(">H", compression) + b"\0\2" * min(400_000, channels * side) + b"\x81\0" * 100,
            )
    png = saved("PNG", (16, 16), "RGBA")
    for count in (1, 64, 65, 30_000):
        entries = b"".join(
            struct.pack("<BBBBHHII", 16, 16, 0, 0, 1, 32, len(png), 6 + 16 * count) for _ in range(count)
        )
        yield f"ICO of {count}", struct.pack("<HHH", 0, 1, count) + entries + png
    big = io.BytesIO()
    Image.new("RGBA", (14_000, 14_000)).save(big, "PNG")
    yield (
        "ICO with a large PNG",
        struct.pack("<HHH", 0, 1, 1)
        + struct.pack("<BBBBHHII", 0, 0, 0, 0, 1, 32, len(big.getvalue()), 22)
        + big.getvalue(),
    )
    dib = struct.pack("<IiiHHIIiiII", 40, 14_000, 28_000, 1, 32, 0, 0, 0, 0, 0, 0)
    yield (
        "ICO with a large DIB",
        struct.pack("<HHH", 0, 1, 1) + struct.pack("<BBBBHHII", 0, 0, 0, 0, 1, 32, 900_000, 22) + dib + bytes(900_000),
    )
    jp2 = io.BytesIO()
    Image.new("RGB", (512, 512), (9, 99, 9)).save(jp2, "JPEG2000")
    raw = jp2.getvalue()
    codestream = raw.find(b"\xff\x4f\xff\x51")
    for side in (2_000, 9_000, 14_000, 60_000):
        for tile in (16, 512, side):
            size = bytearray(raw)
            struct.pack_into(">II", size, codestream + 8, side, side)
            struct.pack_into(">II", size, codestream + 24, tile, tile)
            at = size.find(b"ihdr")
            struct.pack_into(">II", size, at + 4, side, side)
            yield f"JPEG 2000 {side} px, tiles of {tile}", bytes(size)
            yield f"codestream {side} px, tiles of {tile}", bytes(size[codestream:])
    flat = io.BytesIO()
    Image.new("RGB", (9_000, 9_000)).save(flat, "JPEG2000")
    yield "JPEG 2000 flat", flat.getvalue()
    yield "JPEG 2000 boxes", raw[:12] + struct.pack(">I4s", 8, b"free") * 100_000 + raw[12:]
