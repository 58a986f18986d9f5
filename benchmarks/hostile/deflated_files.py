"""PNG and SVG files below 1 MB that ask for more than they are: sizes, counts, depths, bombs."""

from __future__ import annotations

import struct
import zlib
from typing import TYPE_CHECKING

import numpy as np
from tests.containers.builders_png import actl, chunk, fctl, fdat, ihdr, png

if TYPE_CHECKING:
    from collections.abc import Iterator

__all__ = ["MAX_BYTES", "XMP_SHAPES", "bomb", "flat_png", "flat_rows", "png_files", "svg_files"]

MAX_BYTES = 1_000_000
SIGNATURE = b"\x89PNG\r\n\x1a\n"
COLOURS = ((0, 1), (0, 16), (2, 8), (2, 16), (3, 1), (3, 8), (4, 8), (6, 8), (6, 16))  # colour type, depth
XMP_HEAD = b'<x:xmpmeta xmlns:x="adobe:ns:meta/"><rdf:RDF xmlns:rdf="http://www.w3.org/1999/02/22-rdf-syntax-ns#">'
XMP_SHAPES = {
    "spaces": b" ",
    "elements": b"<a/>",
    "nested": b"<a>",
    "attributes": b'<a b="c" d="e" f="g"/>',
    "properties": b'<rdf:Description dc:creator="a" exif:GPSLatitude="1"/>',
    "entities": b"&#65;&amp;&lt;",
    "comments": b"<!---->",
    "open comments": b"<!--",
    "open tags": b"<",
    "quotes": b"<a b='",
    "base64": b"QUJD",
    "zeros": b"\0",
}


def bomb(unit: bytes, size: int) -> bytes:
    """A deflate stream of a repeated unit."""
    return zlib.compress(unit * (size // len(unit)), 9)


def flat_rows(width: int, height: int, colour: int, depth: int, kind: bytes = b"\0") -> bytes:
    """A deflate stream of black rows with filter ``kind``."""
    channels = {0: 1, 2: 3, 3: 1, 4: 2, 6: 4}[colour]
    packer = zlib.compressobj(9)
    row = kind + bytes((width * channels * depth + 7) // 8)
    step = max(1, (1 << 20) // len(row))
    out = [packer.compress(row * min(step, height - at)) for at in range(0, height, step)]
    return b"".join(out) + packer.flush()


def flat_png(width: int, height: int, colour: int, depth: int, *extra: bytes, kind: bytes = b"\0") -> bytes:
    """A black picture."""
    palette = [chunk(b"PLTE", bytes(range(3)) * min(256, 1 << depth))] if colour == 3 else []
    data = flat_rows(width, height, colour, depth, kind)
    parts = [ihdr(width, height, depth, colour), *palette, *extra, chunk(b"IDAT", data), chunk(b"IEND")]
    return SIGNATURE + b"".join(parts)


def png_files() -> Iterator[tuple[str, bytes]]:
    """Deflate bombs as pixels and as payloads, chunks and frames without number."""
    for colour, depth in COLOURS:
        side = 9_000 if colour in (0, 3) or (depth == 8 and colour == 4) else 5_000
        yield f"large, colour {colour}, {depth} bit", flat_png(side, side, colour, depth)
    for number, name in enumerate(("sub", "up", "average", "paeth"), 1):
        yield f"large, filter {name}", flat_png(6_000, 6_000, 6, 8, kind=bytes([number]))
    noise = np.random.default_rng(1).integers(0, 4, (480, 480 * 4), np.uint8)
    yield (
        "noise, paeth",
        png(width=480, height=480, colour=6, stream=zlib.compress(b"".join(b"\4" + bytes(row) for row in noise))),
    )
    yield "wide", flat_png(20_000_000, 5, 0, 8)
    yield "tall", flat_png(5, 20_000_000, 0, 8)
    yield (
        "interlaced",
        SIGNATURE
        + ihdr(9_000, 9_000, 8, 2, 1)
        + chunk(b"IDAT", zlib.compress(bytes(9_000 * 27_000 + 40_000), 9))
        + chunk(b"IEND"),
    )
    yield (
        "declared, nothing there",
        SIGNATURE + ihdr(14_000, 14_000, 8, 2) + chunk(b"IDAT", zlib.compress(b"")) + chunk(b"IEND"),
    )
    yield (
        "declared 2^31",
        SIGNATURE + ihdr(2**31 - 1, 2**31 - 1, 16, 6) + chunk(b"IDAT", zlib.compress(b"")) + chunk(b"IEND"),
    )
    yield "surplus", png(stream=bomb(b"\0", 900 << 20), width=2, height=2)
    yield "empty chunks", png(*[chunk(b"IDAT")] * 80_000)
    yield "text chunks", png(*[chunk(b"tEXt", b"a\0b")] * 60_000)
    yield "unknown chunks", png(*[chunk(b"abCd")] * 80_000)
    yield "split pixels", png(after=[chunk(b"IDAT", b"")] * 70_000)
    for shape, unit in XMP_SHAPES.items():
        text = zlib.compress(XMP_HEAD + unit * ((60 << 20) // len(unit)), 9)[: MAX_BYTES - 2_000]
        yield f"XMP of {shape}", png(chunk(b"iTXt", b"XML:com.adobe.xmp\0\1\0\0\0" + text))
        small = zlib.compress(XMP_HEAD + unit * ((1 << 20) // len(unit)), 9)
        yield (
            f"many XMP of {shape}",
            png(*[chunk(b"iTXt", b"XML:com.adobe.xmp\0\1\0\0\0" + small)] * max(1, 900_000 // (len(small) + 40))),
        )
    for kind, head in (
        (b"zTXt", b"a\0\0"),
        (b"iCCP", b"a\0\0"),
        (b"zTXt", b"Raw profile type exif\0\0"),
        (b"zTXt", b"Raw profile type xmp\0\0"),
    ):
        for name, unit in (("zeros", b"\0"), ("digits", b"exif\n100\n00ff\n")):
            one = bomb(unit, 100 << 20)
            yield f"{kind.decode()} {head[:20]!r} of {name}", png(chunk(kind, head + one))
            few = bomb(unit, 1 << 20)
            yield (
                f"many {kind.decode()} {head[:20]!r} of {name}",
                png(*[chunk(kind, head + few)] * (900_000 // (len(few) + 40))),
            )
    for count, canvas in ((2_000, 4_000), (9_000, 500), (1_500, 12_000)):
        first = [
            ihdr(canvas, canvas, 8, 6),
            actl(count),
            fctl(0, canvas, canvas),
            chunk(b"IDAT", flat_rows(canvas, canvas, 6, 8)),
        ]
        later = []
        for number in range(1, count):
            later += [fctl(2 * number - 1, 1, 1, dispose=number % 3, blend=1), fdat(2 * number, b"\xff\0\0\x80", 4)]
        yield f"{count} frames of 1 px on {canvas} px", SIGNATURE + b"".join([*first, *later, chunk(b"IEND")])
    full = [ihdr(3_000, 3_000, 8, 2), actl(60), fctl(0, 3_000, 3_000), chunk(b"IDAT", flat_rows(3_000, 3_000, 2, 8))]
    data = flat_rows(3_000, 3_000, 2, 8)[:12_000]
    for number in range(1, 60):
        full += [fctl(2 * number - 1, 3_000, 3_000), chunk(b"fdAT", struct.pack(">I", 2 * number) + data)]
    yield "60 large frames", SIGNATURE + b"".join([*full, chunk(b"IEND")])
    exif = b"II*\0\x08\0\0\0" + struct.pack("<H", 65_000) + b"\x0f\x01\x02\0\x04\0\0\0abc\0" * 65_000
    yield "Exif of 65000 entries", png(chunk(b"eXIf", exif))
    loop = b"II*\0\x08\0\0\0" + b"".join(
        struct.pack("<HHHIII", 1, 0x8769, 4, 1, 8 + 18 * (n + 1), 8 + 18 * (n + 1)) for n in range(50_000)
    )
    yield "Exif of 50000 directories", png(chunk(b"eXIf", loop))


def _svg(body: str, attributes: str = 'width="100" height="100"') -> bytes:
    return f'<svg xmlns="http://www.w3.org/2000/svg" xmlns:xlink="http://www.w3.org/1999/xlink" {attributes}>{body}</svg>'.encode()


def svg_files() -> Iterator[tuple[str, bytes]]:
    """References that multiply, filters, patterns, depths, sizes."""
    for size in ("10000", "100000", "1e9", "1e30", "99999999999"):
        yield f"size {size}", _svg('<rect width="9" height="9"/>', f'width="{size}" height="{size}"')
        yield f"viewBox {size}", _svg('<rect width="9" height="9"/>', f'viewBox="0 0 {size} {size}"')
    for fan in (2, 10):
        levels = 22 if fan == 2 else 7
        defs = '<g id="a0"><rect width="9" height="9"/></g>'
        for level in range(1, levels):
            defs += f'<g id="a{level}">' + f'<use xlink:href="#a{level - 1}"/>' * fan + "</g>"
        for kind in ("href", "xlink:href"):
            yield (
                f"use {fan}^{levels} {kind}",
                _svg(f"<defs>{defs}</defs><use xlink:href='#a{levels - 1}'/>".replace("xlink:href", kind)),
            )
    yield "use of itself", _svg('<g id="a"><use href="#a"/></g>')
    yield "use in a circle", _svg('<g id="a"><use href="#b"/></g><g id="b"><use href="#a"/></g><use href="#a"/>')
    for depth in (200, 10_000, 100_000):
        yield f"{depth} groups deep", _svg("<g>" * depth + "</g>" * depth)
    yield (
        "200 groups with opacity",
        _svg(
            '<g opacity=".9">' * 200 + '<rect width="2000" height="2000"/>' + "</g>" * 200, 'width="2000" height="2000"'
        ),
    )
    yield (
        "200 groups with clips",
        _svg(
            '<clipPath id="c"><rect width="2000" height="2000"/></clipPath>'
            + '<g clip-path="url(#c)">' * 200
            + '<rect width="2000" height="2000"/>'
            + "</g>" * 200,
            'width="2000" height="2000"',
        ),
    )
    yield (
        "200 groups with masks",
        _svg(
            '<mask id="c"><rect width="2000" height="2000" fill="white"/></mask>'
            + '<g mask="url(#c)">' * 200
            + '<rect width="2000" height="2000"/>'
            + "</g>" * 200,
            'width="2000" height="2000"',
        ),
    )
    for primitive in (
        'feGaussianBlur stdDeviation="500"',
        'feTurbulence numOctaves="1000" baseFrequency=".5"',
        'feMorphology radius="500" operator="dilate"',
        'feConvolveMatrix order="30" kernelMatrix="' + "1 " * 900 + '"',
        'feDiffuseLighting surfaceScale="9"',
        "feTile",
    ):
        name = primitive.split()[0]
        body = f'<filter id="f" x="-50%" y="-50%" width="200%" height="200%">{f"<{primitive}/>" * 50}</filter>'
        yield (
            f"filter {name}",
            _svg(body + '<rect width="3000" height="3000" filter="url(#f)"/>', 'width="3000" height="3000"'),
        )
    chain = "".join(
        f'<pattern id="p{n}" width=".01" height=".01"><rect width="9" height="9" fill="url(#p{n - 1})"/></pattern>'
        for n in range(1, 30)
    )
    yield (
        "patterns in patterns",
        _svg(
            f'<pattern id="p0" width=".01" height=".01"><rect width="1" height="1"/></pattern>{chain}<rect width="2000" height="2000" fill="url(#p29)"/>',
            'width="2000" height="2000"',
        ),
    )
    yield (
        "tiny pattern",
        _svg(
            '<pattern id="p" width="1e-4" height="1e-4" patternUnits="userSpaceOnUse"><rect width="1" height="1"/></pattern><rect width="2000" height="2000" fill="url(#p)"/>',
            'width="2000" height="2000"',
        ),
    )
    yield (
        "large pattern",
        _svg(
            '<pattern id="p" width="1e6" height="1e6" patternUnits="userSpaceOnUse"><rect width="1e6" height="1e6"/></pattern><rect width="2000" height="2000" fill="url(#p)"/>',
            'width="2000" height="2000"',
        ),
    )
    yield "dashes", _svg('<path d="M0 0L1e6 1e6" stroke="red" stroke-dasharray="1e-4"/>')
    yield "wide stroke", _svg('<path d="' + "M0 0L99 99L0 99" * 20_000 + '" stroke="red" stroke-width="999"/>')
    yield "long path", _svg('<path d="M0 0' + "L1 9L9 1" * 100_000 + '"/>')
    yield "arcs", _svg('<path d="M0 0' + "A1e9 1e9 0 0 1 9 9" * 40_000 + '"/>')
    yield "circles", _svg('<circle r="9"/>' * 60_000)
    yield (
        "large circles",
        _svg('<circle cx="1000" cy="1000" r="1000" fill-opacity=".1"/>' * 15_000, 'width="2000" height="2000"'),
    )
    yield (
        "gradients",
        _svg(
            "".join(f'<linearGradient id="g{n}" href="#g{n - 1}"/>' for n in range(20_000))
            + '<rect fill="url(#g19999)" width="9" height="9"/>'
        ),
    )
    yield (
        "stops",
        _svg(
            '<linearGradient id="g">'
            + '<stop offset=".5" stop-color="red"/>' * 25_000
            + '</linearGradient><rect fill="url(#g)" width="90" height="90"/>'
        ),
    )
    yield "attributes", _svg("<rect " + " ".join(f'a{n}="b"' for n in range(70_000)) + "/>")
    yield (
        "rules",
        _svg(
            "<style>"
            + "".join(f".c{n}{{fill:red}}" for n in range(9_000))
            + "</style>"
            + '<rect class="c1 c2"/>' * 30_000
        ),
    )
    yield "selectors", _svg("<style>" + "g " * 5_000 + "{fill:red}</style>" + "<g>" * 200 + "</g>" * 200)
    yield "style attributes", _svg('<rect style="' + "fill:red;" * 90_000 + '"/>')
    yield "classes", _svg("<style>.a{fill:red}</style><rect class='" + "a " * 400_000 + "'/>")
    yield (
        "entities",
        b'<!DOCTYPE svg [<!ENTITY a "aaaaaaaaaa">'
        + b"".join(b'<!ENTITY a%d "&a%d;&a%d;">' % (n, n - 1, n - 1) for n in range(1, 40))
        + b']><svg xmlns="http://www.w3.org/2000/svg">&a39;</svg>',
    )
    yield "characters", _svg("<text>" + "&#65;" * 190_000 + "</text>")
    yield "comments", _svg("<!---->" * 130_000)
    yield "open comment", b'<svg xmlns="http://www.w3.org/2000/svg">' + b"<!--" * 240_000
    yield "open tags", b'<svg xmlns="http://www.w3.org/2000/svg">' + b"<a " * 300_000
    yield "spaces", b'<svg xmlns="http://www.w3.org/2000/svg" ' + b" " * 900_000 + b"/>"
    yield "transforms", _svg('<g transform="' + "rotate(1)" * 100_000 + '"><rect width="9" height="9"/></g>')
    yield "picture inside", _svg('<image width="9" height="9" href="data:image/png;base64,' + "A" * 900_000 + '"/>')
    yield (
        "markers",
        _svg(
            '<marker id="m"><rect width="9" height="9"/></marker><path marker-mid="url(#m)" d="M0 0'
            + "L1 9" * 150_000
            + '"/>'
        ),
    )
    yield (
        "symbols",
        _svg(
            '<symbol id="s"><circle r="1e6"/></symbol>' + '<use href="#s" width="2000" height="2000"/>' * 20_000,
            'width="2000" height="2000"',
        ),
    )
