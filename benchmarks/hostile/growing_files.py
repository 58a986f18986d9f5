"""Makers of files with any number of one kind of structure, of every format."""

from __future__ import annotations

import struct
import zlib
from functools import partial
from typing import TYPE_CHECKING

from benchmarks.hostile.deflated_files import XMP_HEAD
from benchmarks.hostile.growing_texts import TEXT_KINDS
from benchmarks.hostile.paged_files import page_fields, tiff_of
from benchmarks.hostile.raster_files import saved
from tests import samples
from tests.containers import builders_webp as webp
from tests.containers import heif_builder as heif
from tests.containers import jxl_files as jxl
from tests.containers.builders_jpeg import segment
from tests.containers.builders_png import actl, chunk, fctl, fdat, png

if TYPE_CHECKING:
    from collections.abc import Callable


__all__ = ["KINDS"]

SEGMENT = 60_000  # byte of a JPEG segment's body
TIFF_HEAD = b"II*\0\x08\0\0\0"


def _jpeg(make: Callable[[int], bytes], n: int) -> bytes:
    """A photograph with structures behind SOI."""
    plain = saved("JPEG")
    return plain[:2] + make(n) + plain[2:]


def _exif(entries: bytes, n: int, tail: bytes = b"") -> bytes:
    """APP1 segments with directories of so many entries in all."""
    out, each = b"", SEGMENT // len(entries)
    while n > 0:
        count = min(n, each)
        block = b"Exif\0\0" + TIFF_HEAD + struct.pack("<H", count) + entries * count + bytes(4) + tail
        out, n = out + segment(0xE1, block[:65_000]), n - count
    return out


def _ifd_chain(n: int, tag: int = 0) -> bytes:
    """Directories of one entry behind each other, or inside each other by a pointer."""
    body = b""
    for number in range(n):
        following = 8 + 18 * (number + 1)
        entry = struct.pack("<HHII", tag or 256, 4, 1, following if tag else 9)
        body += struct.pack("<H", 1) + entry + struct.pack("<I", 0 if tag else following)
    return TIFF_HEAD + body + struct.pack("<HI", 0, 0)


def _sub_ifds(n: int) -> bytes:
    """One SubIFD array that points at many directories."""
    base = page_fields(16, 16, 8, 1, [8], [256], 16)
    start = len(tiff_of([*base, (330, 4, n, bytes(4 * n))]))
    places = struct.pack(f"<{n}I", *(start + 18 * number for number in range(n)))
    return tiff_of([*base, (330, 4, n, places)], (struct.pack("<HHHII", 1, 256, 4, 1, 9) + bytes(4)) * n)


def _strips(n: int, compression: int = 1, tiled: bool = False) -> bytes:
    data = {1: bytes(64), 5: b"\x80\x00\x80\x80", 8: zlib.compress(bytes(64)), 32_773: b"\xc1\0"}[compression]
    size = len(data)
    fields = page_fields(64, n, 8, compression, [8] * n, [size] * n, 1)
    start = len(tiff_of(fields))
    fields = page_fields(64, n, 8, compression, [start + size * k for k in range(n)], [size] * n, 1)
    return tiff_of(fields, data * n)


def _fields(n: int) -> bytes:
    base = page_fields(16, 16, 8, 1, [8], [256], 16)
    return tiff_of([*base, *((1_000 + k, 4, 2, struct.pack("<II", k, k)) for k in range(min(n, 60_000)))])


def _pages(n: int) -> bytes:
    out = TIFF_HEAD
    size = len(tiff_of(page_fields(4, 4, 8, 1, [8], [16], 4))) - 8 + 16
    for number in range(n):
        at = 8 + size * number
        following = 0 if number == n - 1 else at + size
        fields = page_fields(4, 4, 8, 1, [at + size - 16], [16], 4)
        out += tiff_of(fields, bytes(16), following, at)[8:]
    return out


def _items(n: int, extents: int = 1, kind: bytes = b"mime", refs: bytes = b"", links: int = 0) -> bytes:
    """AVIF whose meta box has n items of one extent each, or one of n."""
    count = 1 if extents > 1 else n
    infe = b"".join(heif.full(b"infe", 2, 0, struct.pack(">HH", k, 0) + kind + b"\0") for k in range(1, count + 1))
    where = b"".join(
        struct.pack(">HHH", k, 0, extents) + struct.pack(">II", 60, 1) * extents for k in range(1, count + 1)
    )
    ipma = struct.pack(">I", links or count) + b"".join(
        struct.pack(">HBB", k % count + 1, 1, 1) for k in range(links or count)
    )
    meta = heif.full(
        b"meta",
        0,
        0,
        heif.full(b"hdlr", 0, 0, struct.pack(">I4s12xx", 0, b"pict")),
        heif.full(b"pitm", 0, 0, b"\0\1"),
        heif.full(b"iinf", 0, 0, struct.pack(">H", count) + infe),
        heif.full(b"iloc", 0, 0, b"\x44\0" + struct.pack(">H", count) + where),
        heif.box(b"iprp", heif.box(b"ipco", heif.ispe(64, 64)), heif.full(b"ipma", 0, 0, ipma)),
        refs,
    )
    return heif.box(b"ftyp", b"avif\0\0\0\0avifmif1") + meta + heif.box(b"mdat", bytes(100))


def _references(n: int, kind: bytes = b"cdsc", wide: bool = False) -> bytes:
    if wide:
        body = heif.box(kind, struct.pack(">HH", 1, n), b"".join(struct.pack(">H", k % 500 + 1) for k in range(n)))
    else:
        body = b"".join(heif.box(kind, struct.pack(">HHH", k % 500 + 1, 1, (k + 1) % 500 + 1)) for k in range(n))
    return _items(500, refs=heif.full(b"iref", 0, 0, body), kind=b"grid" if kind == b"dimg" else b"mime")


def _deep_boxes(n: int, kind: bytes = b"dinf") -> bytes:
    inner = b""
    for _ in range(n):
        inner = struct.pack(">I4s", len(inner) + 8, kind) + inner
    return next(iter(samples.of("avif").values())) + inner


def _apng(n: int) -> bytes:
    frames = b"".join(fctl(2 * k + 1, 1, 1) + fdat(2 * k + 2, bytes(3), 3) for k in range(n - 1))
    return png(actl(n), fctl(0, 2, 2), after=(frames,))


def _gif(*blocks: bytes) -> bytes:
    return b"GIF89a" + struct.pack("<HHBBB", 8, 8, 0x91, 0, 0) + bytes(range(12)) + b"".join(blocks) + b";"


GIF_FRAME = b"," + struct.pack("<HHHHB", 0, 0, 1, 1, 0) + b"\2\2\x44\1\0"
CONTROL = b"!\xf9\4\5\2\0\0\0"


def _icc(n: int) -> bytes:
    """A profile of n tags that share their bytes."""
    body = struct.pack(">I", n) + b"".join(struct.pack(">III", 0x61000000 + k, 128, 20) for k in range(n))
    head = struct.pack(">I4xI4s4s4s", 132 + len(body), 0x2400000, b"mntr", b"RGB ", b"XYZ ").ljust(36, b"\0") + b"acsp"
    return head.ljust(128, b"\0") + body


def _jumbf(depth: int) -> bytes:
    inner = b""
    for _ in range(depth):
        inner = struct.pack(">I4s", len(inner) + 8, b"jumb") + inner
    return inner


def _split_png(n: int) -> bytes:
    stream = zlib.compressobj(0)
    data = stream.compress(bytes(7 * ((n + 6) // 7))) + stream.flush()
    raw = png(width=2, height=(n + 6) // 7, stream=data)
    at = raw.index(b"IDAT") - 4
    pieces = b"".join(chunk(b"IDAT", bytes([value])) for value in data)
    return raw[:at] + pieces + chunk(b"IEND")


def _restarts(n: int) -> bytes:
    plain = saved("JPEG")
    at = plain.find(b"\xff\xda")
    markers = bytes(value for k in range(n) for value in (0xFF, 0xD0 + k % 8))
    return plain[:at] + segment(0xDD, b"\0\1") + plain[at:-2] + markers + b"\xff\xd9"


def _scans(n: int) -> bytes:
    raw = saved("JPEG", progressive=True)
    at = raw.find(b"\xff\xda")
    return raw[:-2] + (segment(0xDA, b"\1\1\0\1\1\0") + b"\xff\0" * 4) * n + b"\xff\xd9" + raw[at:at]


def _webp(body: bytes) -> bytes:
    coded = saved("WEBP", lossless=True)[12:]
    return webp.riff(webp.vp8x(64, 48, 0x3C), coded, body)


def _webp_frames(n: int, extra: bytes = b"") -> bytes:
    coded = saved("WEBP", (2, 2), lossless=True)[12:]
    return webp.riff(webp.vp8x(2, 2, 0x12), webp.chunk(b"ANIM", bytes(6)), webp.anmf(2, 2, coded + extra) * n)


def _bmp_gap(n: int) -> bytes:
    raw = saved("BMP")
    return raw[:10] + struct.pack("<I", 54 + n) + raw[14:54] + bytes(n) + raw[54:]


def _jxl(boxes: bytes) -> bytes:
    return jxl.BOXED + jxl.box(b"jxlc", jxl.encoded(jxl.picture())) + boxes


def _jxl_parts(n: int) -> bytes:
    parts = b"".join(jxl.box(b"jxlp", struct.pack(">I", k)) for k in range(n))
    return jxl.BOXED + parts + jxl.box(b"jxlp", struct.pack(">I", n | 1 << 31) + jxl.encoded(jxl.picture()))


# Largest number, and the maker, of each kind; four sizes up to that number are tried.
KINDS: dict[str, tuple[int, Callable[[int], bytes]]] = {
    **{
        f"png {kind.decode()} of {len(body)} B": (
            min(60_000, 900_000 // (12 + len(body))),
            lambda n, k=kind, b=body: png(chunk(k, b) * n),  # type: ignore[misc]
        )
        for kind, body in (
            *((b"tEXt", b"a\0b"), (b"zTXt", b"a\0\0" + zlib.compress(b"b")), (b"iTXt", b"a\0\0\0\0\0b")),
            *((b"iTXt", b"XML:com.adobe.xmp\0\0\0\0\0" + XMP_HEAD + b"<a/>"), (b"eXIf", TIFF_HEAD + bytes(6))),
            *((b"iCCP", b"a\0\0" + zlib.compress(_icc(4))), (b"sPLT", b"a\0\x08" + bytes(6)), (b"abCd", b"")),
            *((b"gAMA", bytes(4)), (b"pHYs", bytes(9)), (b"tIME", bytes(7)), (b"caBX", _jumbf(3)), (b"IDAT", b"")),
        )
    },
    "png sPLT entries": (100_000, lambda n: png(chunk(b"sPLT", b"a\0\x08" + bytes(6 * n)))),
    "png pixels in IDAT of 1 B": (60_000, _split_png),
    "png frames": (1_900, _apng),
    "png frames out of order": (30_000, lambda n: png(actl(n), after=(fctl(5, 1, 1) * n,))),
    "png iCCP tags": (60_000, lambda n: png(chunk(b"iCCP", b"a\0\0" + zlib.compress(_icc(n))))),
    "png deep caBX": (3_000, lambda n: png(chunk(b"caBX", _jumbf(n)))),
    **{
        f"jpeg {marker:02x} of {len(body)} B": (
            min(200_000, 900_000 // (4 + len(body))),
            lambda n, m=marker, b=body: _jpeg(lambda count: segment(m, b) * count, n),  # type: ignore[misc]
        )
        for marker, body in (
            *((0xFE, b""), (0xE0, b"JFIF\0\1\1\0\0\1\0\1\0\0"), (0xE1, b""), (0xE2, b"ICC_PROFILE\0\1\1a")),
            *((0xDB, b"\0" + bytes([1] * 64)), (0xC4, b"\0" + bytes([0, 1] + [0] * 14) + b"\0"), (0xDD, b"\0\1")),
            *(
                (0xED, b"Photoshop 3.0\0" + b"8BIM\4\4\0\0\0\0\0\0"),
                (0xEE, b"Adobe\0\x64\0\0\0\0\1"),
                (0xCC, b"\0\x10"),
            ),
            *((0xEB, b"JP\0\1\0\0\0\1" + _jumbf(2)), (0xE2, b"MPF\0" + TIFF_HEAD + bytes(6)), (0xEF, b"a" * 20)),
            (0xE1, b"http://ns.adobe.com/xap/1.0/\0" + XMP_HEAD + b"<a/>"),
            (0xE1, b"http://ns.adobe.com/xmp/extension/\0" + b"A" * 32 + struct.pack(">II", 900_000, 40) + b"<" * 40),
            (0xE1, b"Exif\0\0" + TIFF_HEAD + bytes(6)),
        )
    },
    "jpeg Exif entries": (70_000, partial(_jpeg, partial(_exif, b"\x0f\x01\2\0\4\0\0\0abc\0"))),
    "jpeg Exif long entries": (70_000, partial(_jpeg, partial(_exif, b"\x0f\x01\2\0\x60\xea\0\0\x08\0\0\0"))),
    "jpeg Exif maker notes": (70_000, partial(_jpeg, partial(_exif, b"\x7c\x92\7\0\x60\xea\0\0\x08\0\0\0"))),
    "jpeg Exif pointers": (70_000, partial(_jpeg, partial(_exif, b"\x69\x87\4\0\1\0\0\0\x08\0\0\0"))),
    "jpeg Exif GPS pointers": (70_000, partial(_jpeg, partial(_exif, b"\x25\x88\4\0\1\0\0\0\x1a\0\0\0"))),
    "jpeg 8BIM": (
        70_000,
        partial(_jpeg, lambda n: segment(0xED, b"Photoshop 3.0\0" + b"8BIM\4\4\0\0\0\0\0\0" * 5_000) * (n // 5_000)),
    ),
    "jpeg IPTC": (
        180_000,
        partial(
            _jpeg,
            lambda n: (
                segment(0xED, b"Photoshop 3.0\x008BIM\4\4\0\0" + struct.pack(">I", 55_000) + b"\x1c\2\x19\0\0" * 11_000)
                * (n // 11_000)
            ),
        ),
    ),
    "jpeg restart markers": (300_000, _restarts),
    "jpeg scans": (20_000, _scans),
    "jpeg pictures behind": (300, lambda n: saved("JPEG") * n),
    "jpeg fill bytes": (900_000, partial(_jpeg, lambda n: b"\xff" * n)),
    "jpeg no segment behind": (900_000, lambda n: saved("JPEG") + b"\xff\xd8\xff" * (n // 3)),
    "jpeg tail": (900_000, lambda n: saved("JPEG") + bytes(n)),
    "gif frames": (1_990, lambda n: _gif((CONTROL + GIF_FRAME) * n)),
    "gif many frames": (45_000, lambda n: _gif((CONTROL + GIF_FRAME) * n)),
    "gif palettes": (1_190, lambda n: _gif((CONTROL + GIF_FRAME[:9] + b"\x87" + bytes(768) + GIF_FRAME[10:]) * n)),
    "gif different palettes": (
        1_190,
        lambda n: _gif(
            *(CONTROL + GIF_FRAME[:9] + b"\x87" + (struct.pack(">I", k) * 192) + GIF_FRAME[10:] for k in range(n))
        ),
    ),
    "gif controls": (110_000, lambda n: _gif(CONTROL * n + GIF_FRAME)),
    "gif comments": (180_000, lambda n: _gif(b"!\xfe\1a\0" * n + GIF_FRAME)),
    "gif comment of pieces": (450_000, lambda n: _gif(b"!\xfe" + b"\1a" * n + b"\0" + GIF_FRAME)),
    "gif loops": (47_000, lambda n: _gif(b"!\xff\x0bNETSCAPE2.0\3\1\0\0\0" * n + GIF_FRAME)),
    "gif XMP": (20_000, lambda n: _gif(b"!\xff\x0bXMP DataXMP\4<a/>\0" * n + GIF_FRAME)),
    "gif data of pieces": (450_000, lambda n: _gif(GIF_FRAME[:10] + b"\2" + b"\1\x44" * n + b"\0")),
    "webp frames": (1_990, _webp_frames),
    **{
        f"webp {kind.decode()}": (60_000, lambda n, k=kind: _webp(webp.chunk(k, b"ab") * n))  # type: ignore[misc]
        for kind in (b"abcd", b"XMP ", b"EXIF", b"ICCP", b"ANIM", b"ALPH", b"VP8 ", b"VP8L")
    },
    "webp chunks in a frame": (60_000, lambda n: _webp_frames(1, webp.chunk(b"abcd", b"ab") * n)),
    "webp chunks behind": (60_000, lambda n: saved("WEBP") + webp.chunk(b"abcd", b"ab") * n),
    "bmp gap": (900_000, _bmp_gap),
    "bmp RLE ends": (
        450_000,
        lambda n: (
            b"BM"
            + struct.pack("<IHHI", 0, 0, 0, 1078)
            + struct.pack("<IiiHHIIiiII", 40, 64, n, 1, 8, 1, 2 * n, 0, 0, 0, 0)
            + bytes(1024)
            + b"\0\0" * n
        ),
    ),
    "tiff fields": (60_000, _fields),
    "tiff pages": (1_990, _pages),
    "tiff many pages": (6_000, _pages),
    "tiff directories": (45_000, _ifd_chain),
    "tiff directories inside each other": (45_000, partial(_ifd_chain, tag=330)),
    "tiff Exif inside each other": (45_000, partial(_ifd_chain, tag=34_665)),
    "tiff SubIFDs": (40_000, _sub_ifds),
    **{f"tiff strips, compression {kind}": (9_000, partial(_strips, compression=kind)) for kind in (1, 5, 8, 32_773)},
    **{
        f"tiff tag {tag} long": (
            200_000,
            lambda n, t=tag: tiff_of([*page_fields(16, 16, 8, 1, [8], [256], 16), (t, 4, n, bytes(4 * n))]),  # type: ignore[misc]
        )
        for tag in (270, 301, 320, 333, 338, 530, 700, 33_723, 34_377, 34_665, 34_675, 37_500, 50_341, 50_706, 65_000)
    },
    **{
        f"tiff strings {tag}": (
            400_000,
            lambda n, t=tag: tiff_of([*page_fields(16, 16, 8, 1, [8], [256], 16), (t, 2, 2 * n, b"a\0" * n)]),  # type: ignore[misc]
        )
        for tag in (270, 305, 306, 333)
    },
    "avif items": (20_000, _items),
    "avif Exif items": (20_000, partial(_items, kind=b"Exif")),
    "avif coded items": (20_000, partial(_items, kind=b"av01")),
    "avif grids": (20_000, partial(_items, kind=b"grid")),
    "avif extents": (60_000, lambda n: _items(1, n)),
    "avif associations": (60_000, lambda n: _items(200, links=n)),
    "avif references": (40_000, _references),
    "avif wide reference": (60_000, partial(_references, wide=True)),
    "avif dimg": (40_000, partial(_references, kind=b"dimg")),
    "avif wide dimg": (60_000, partial(_references, kind=b"dimg", wide=True)),
    "avif thmb": (40_000, partial(_references, kind=b"thmb")),
    "avif boxes free": (
        100_000,
        lambda n: next(iter(samples.of("avif").values())) + struct.pack(">I4s", 8, b"free") * n,
    ),
    **{f"avif deep {kind.decode()}": (3_000, partial(_deep_boxes, kind=kind)) for kind in (b"dinf", b"moov", b"uuid")},
    "avif properties": (
        40_000,
        lambda n: _items(2).replace(heif.box(b"ipco", heif.ispe(64, 64)), heif.box(b"ipco", heif.ispe(64, 64) * n)),
    ),
    "avif XMP uuid": (
        12_000,
        lambda n: (
            next(iter(samples.of("avif").values()))
            + heif.box(b"uuid", bytes.fromhex("be7acfcb97a942e89c71999491e3afac") + b"<a/>") * n
        ),
    ),
    **{
        f"jxl {kind.decode()}": (100_000, lambda n, k=kind: _jxl(jxl.box(k, b"") * n))  # type: ignore[misc]
        for kind in (b"free", b"abcd", b"xml ", b"Exif", b"jumb", b"brob", b"jbrd", b"jxll")
    },
    "jxl parts": (60_000, _jxl_parts),
    "jxl deep jumb": (3_000, lambda n: _jxl(jxl.box(b"jumb", _jumbf(n)))),
    "jxl zeros behind": (900_000, lambda n: jxl.encoded(jxl.picture()) + bytes(n)),
    **TEXT_KINDS,
    "pnm comments": (300_000, lambda n: b"P5\n" + b"#a\n" * n + b"1 1\n255\n\0"),
    "pnm spaces": (900_000, lambda n: b"P5\n" + b" " * n + b"1 1\n255\n\0"),
    "pnm digits": (900_000, lambda n: b"P5\n" + b"0" * n + b"1 1\n255\n\0"),
    "pnm numbers": (400_000, lambda n: b"P2\n%d 1\n255\n" % n + b"1 " * n),
    "pnm comments inside": (200_000, lambda n: b"P2\n%d 1\n255\n" % n + b"1#\n" * n),
    "pnm PAM lines": (100_000, lambda n: b"P7\n" + b"WIDTH 1\n" * n + b"HEIGHT 1\nDEPTH 1\nMAXVAL 255\nENDHDR\n\0"),
    "pnm pictures": (90_000, lambda n: b"P5 1 1 255\n\0" * n),
    "ico entries": (
        50_000,
        lambda n: struct.pack("<HHH", 0, 1, n) + struct.pack("<BBBBHHII", 1, 1, 0, 0, 1, 32, 40, 22) * n,
    ),
    "jpeg2000 boxes": (100_000, lambda n: b"\0\0\0\x0cjP  \r\n\x87\n" + struct.pack(">I4s", 8, b"free") * n),
    "jpeg2000 comments": (
        90_000,
        lambda n: (
            b"\xff\x4f\xff\x51"
            + struct.pack(">HHIIIIIIIIH", 41, 0, 64, 64, 0, 0, 64, 64, 0, 0, 1)
            + b"\7\1\1"
            + b"\xff\x64\0\5\0\1a" * n
        ),
    ),
    "psd resources": (
        70_000,
        lambda n: (
            b"8BPS\0\1"
            + bytes(6)
            + struct.pack(">HIIHH", 3, 8, 8, 8, 3)
            + bytes(4)
            + struct.pack(">I", 12 * n)
            + b"8BIM\4\4\0\0\0\0\0\0" * n
            + bytes(4 + 2 + 192)
        ),
    ),
}
