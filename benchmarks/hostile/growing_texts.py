"""Makers of XMP packets and SVG drawings with any number of one kind of structure."""

from __future__ import annotations

import zlib
from typing import TYPE_CHECKING

from benchmarks.hostile.deflated_files import XMP_HEAD
from tests.containers.builders_png import chunk, png

if TYPE_CHECKING:
    from collections.abc import Callable

__all__ = ["TEXT_KINDS"]


def _svg(body: str, head: str = "") -> bytes:
    return (
        f'<svg xmlns="http://www.w3.org/2000/svg" xmlns:xlink="http://www.w3.org/1999/xlink" width="64" height="64">'
        f"{head}{body}</svg>"
    ).encode()


def _xmp(text: bytes) -> bytes:
    return XMP_HEAD + text


def _deep_xml(n: int) -> bytes:
    return b"<a>" * n + b"</a>" * n


def _png_xmp(text: bytes) -> bytes:
    return png(chunk(b"iTXt", b"XML:com.adobe.xmp\0\1\0\0\0" + zlib.compress(text)))


# As KINDS of growing_files.
TEXT_KINDS: dict[str, tuple[int, Callable[[int], bytes]]] = {
    **{
        f"xmp {name}": (900_000 // len(unit), lambda n, u=unit: _png_xmp(_xmp(u * n)))  # type: ignore[misc]
        for name, unit in {
            "elements": b"<a/>",
            "open": b"<a>",
            "open tags": b"<a ",
            "less": b"<",
            "attributes": b' a="b"',
            "properties": b'<rdf:Description dc:creator="a"/>',
            "entities": b"&#65;",
            "ampersands": b"&",
            "comments": b"<!---->",
            "open comments": b"<!--",
            "CDATA": b"<![CDATA[",
            "instructions": b"<?a?>",
            "open instructions": b"<?",
            "DOCTYPE": b"<!DOCTYPE a [",
            "quotes": b"<a b='",
            "colons": b"<a:b:c/>",
            "namespaces": b'<a xmlns:b="c"/>',
            "spaces": b" ",
            "equals": b"a=",
            "close": b"</a>",
            "lists": b"<rdf:li>a</rdf:li>",
            "base64": b"QUJD",
        }.items()
    },
    "xmp deep": (100_000, lambda n: _png_xmp(_xmp(_deep_xml(n)))),
    "xmp one element of attributes": (
        60_000,
        lambda n: _png_xmp(_xmp(b"<a " + b" ".join(b'b%d="c"' % k for k in range(n)) + b"/>")),
    ),
    "xmp different namespaces": (
        20_000,
        lambda n: _png_xmp(_xmp(b"".join(b'<n%d:a xmlns:n%d="u%d"/>' % (k, k, k) for k in range(n)))),
    ),
    "xmp deep namespaces": (
        15_000,
        lambda n: _png_xmp(_xmp(b"".join(b'<a xmlns:n%d="u%d">' % (k, k) for k in range(n)) + b"</a>" * n)),
    ),
    "svg elements": (60_000, lambda n: _svg("<g/>" * n)),
    "svg deep": (60_000, lambda n: _svg("<g>" * n + "</g>" * n)),
    "svg rects": (20_000, lambda n: _svg('<rect width="9" height="9"/>' * n)),
    "svg path": (200_000, lambda n: _svg('<path d="M0 0' + "L1 9" * n + '"/>')),
    "svg numbers": (300_000, lambda n: _svg('<path d="M' + "1 " * n + '"/>')),
    "svg long number": (800_000, lambda n: _svg('<path d="M' + "1" * n + '"/>')),
    "svg dots": (400_000, lambda n: _svg('<path d="M' + ".1" * n + '"/>')),
    "svg transforms": (90_000, lambda n: _svg('<g transform="' + "rotate(1)" * n + '"/>')),
    "svg open brackets": (400_000, lambda n: _svg('<g transform="' + "(" * n + '"/>')),
    "svg style": (90_000, lambda n: _svg('<rect style="' + "fill:red;" * n + '"/>')),
    "svg style comments": (200_000, lambda n: _svg("<style>" + "/**/" * n + "</style>")),
    "svg open style comments": (400_000, lambda n: _svg("<style>" + "/*" * n + "</style>")),
    "svg rules": (60_000, lambda n: _svg("<style>" + ".a{fill:red}" * n + "</style><rect/>")),
    "svg open rules": (400_000, lambda n: _svg("<style>" + "{" * n + "</style>")),
    "svg closed rules": (400_000, lambda n: _svg("<style>" + "}" * n + "</style>")),
    "svg at-rules": (200_000, lambda n: _svg("<style>" + "@a{" * n + "</style>")),
    "svg selectors": (200_000, lambda n: _svg("<style>" + "a," * n + "a{fill:red}</style><rect/>")),
    "svg escapes": (200_000, lambda n: _svg('<rect style="' + "\\61 " * n + '"/>')),
    "svg urls": (90_000, lambda n: _svg('<rect fill="' + "url(#a)" * n + '"/>')),
    "svg open urls": (150_000, lambda n: _svg('<rect fill="' + "url(" * n + '"/>')),
    "svg ids": (40_000, lambda n: _svg("".join(f'<g id="a{k}"/>' for k in range(n)))),
    "svg uses of uses": (
        12_000,
        lambda n: _svg("<defs>" + "".join(f'<use id="a{k}" xlink:href="#a{k + 1}"/>' for k in range(n)) + "</defs>"),
    ),
    "svg gradients of gradients": (
        9_000,
        lambda n: _svg("".join(f'<linearGradient id="a{k}" xlink:href="#a{k + 1}"/>' for k in range(n))),
    ),
    "svg uses": (30_000, lambda n: _svg('<use href="#a"/>' * n, '<g id="a"/>')),
    "svg attributes": (60_000, lambda n: _svg("<rect " + " ".join(f'a{k}="b"' for k in range(n)) + "/>")),
    "svg namespaces": (
        30_000,
        lambda n: _svg("", "").replace(b"<svg ", b"<svg " + b"".join(b'xmlns:a%d="b" ' % k for k in range(n))),
    ),
    "svg entities": (60_000, lambda n: _svg("<text>" + "&amp;" * n + "</text>")),
    "svg spaces": (900_000, lambda n: _svg("").replace(b"<svg ", b"<svg " + b" " * n)),
    "svg before": (900_000, lambda n: b" " * n + _svg("")),
    "svg comments before": (120_000, lambda n: b"<!---->" * n + _svg("")),
    "svg colours": (60_000, lambda n: _svg('<rect fill="' + "rgb(" + "1," * n + ')"/>')),
    "svg dashes": (300_000, lambda n: _svg('<path stroke="red" d="M0 0L9 9" stroke-dasharray="' + "1 " * n + '"/>')),
    "svg points": (150_000, lambda n: _svg('<polygon points="' + "1,2 " * n + '"/>')),
    "svg text": (900_000, lambda n: _svg("<text>" + "a" * n + "</text>")),
    "svg tspans": (40_000, lambda n: _svg("<text>" + "<tspan>a</tspan>" * n + "</text>")),
    "svg stops": (20_000, lambda n: _svg('<linearGradient id="a">' + '<stop offset="0"/>' * n + "</linearGradient>")),
    "svg clips": (
        20_000,
        lambda n: _svg("".join(f'<clipPath id="c{k}" clip-path="url(#c{k + 1})"/>' for k in range(n))),
    ),
    "svg deep clips": (
        10_000,
        lambda n: _svg(
            '<g clip-path="url(#c)">' * n + "</g>" * n, '<clipPath id="c"><rect width="9" height="9"/></clipPath>'
        ),
    ),
    "svg deep opacity": (20_000, lambda n: _svg('<g opacity=".9">' * n + '<rect width="9" height="9"/>' + "</g>" * n)),
}
