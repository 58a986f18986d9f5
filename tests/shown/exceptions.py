"""Where what comes out may look different in Chromium, and why."""

from __future__ import annotations

from dataclasses import dataclass

__all__ = ["EXCEPTIONS", "Allowance", "reason"]

BOTH = frozenset({"strip", "scrub"})
STRIP, SCRUB = frozenset({"strip"}), frozenset({"scrub"})
ANY = frozenset({"jpeg", "png", "apng", "gif", "webp", "bmp", "avif"})


@dataclass(frozen=True, slots=True)
class Allowance:
    """Files with all of these traits."""

    kinds: frozenset[str]
    modes: frozenset[str]
    traits: frozenset[str]
    why: str


def _row(kinds: str, modes: frozenset[str], traits: str, why: str) -> Allowance:
    return Allowance(frozenset(kinds.split()) or ANY, modes, frozenset(traits.split()), why)


EXCEPTIONS = (
    _row("", BOTH, "orientation-no-short", "turned as ExifTool and exiv2 read it; Chromium reads SHORT alone"),
    _row("webp", SCRUB, "exif", "galleries turn by it, so the pixels are turned; Chromium does not"),
    _row("jpeg", SCRUB, "ink profile-fitting", "colour-managed; Chromium 156 takes black for cyan, magenta and yellow"),
    _row("jpeg", SCRUB, "ink profile-chunked", "the same"),
    _row("bmp", SCRUB, "alpha-zero", "opaque, as Windows and Photoshop show it; Chromium 156 shows nothing"),
    _row("webp", BOTH, "alpha-denied alpha lossless profile", "Chromium 156 multiplies by the alpha that it denies"),
    _row("webp", SCRUB, "alpha-denied alpha animated", "libwebp blends by it; Chromium 156 for some frames"),
    _row("webp", SCRUB, "animated profile", "Chromium 156 converts some frames, and blends in sRGB"),
    _row("apng", SCRUB, "chrm", "Chromium blends in sRGB"),
    _row("apng", SCRUB, "cicp", "the same"),
    _row("apng", SCRUB, "iccp", "the same"),
    _row("apng", SCRUB, "gama", "the same"),
    _row("avif", SCRUB, "depth-12", "Chromium 156 decodes other edges than dav1d and libaom elsewhere"),
    _row("avif", SCRUB, "alpha hdr", "Chromium cuts what sRGB cannot hold behind the blending, an 8-bit file before"),
    _row("avif", SCRUB, "alpha wide", "the same"),
    _row("avif", SCRUB, "deep wide", "a step of the red channel near 0 of what sRGB cannot hold"),
    _row("avif", SCRUB, "alpha profile", "the same"),
    _row("avif", SCRUB, "alpha premultiplied", "Chromium converts colours that are multiplied already"),
    _row("png", SCRUB, "type-6 chrm", "Chromium cuts what sRGB cannot hold behind the blending, an 8-bit file before"),
    _row("png", SCRUB, "type-6 iccp", "the same"),
    _row(
        "png", SCRUB, "gama", "samples stay with their gAMA: one step of 255, as Chromium decodes, is more in the dark"
    ),
)


def reason(kind: str, mode: str, traits: frozenset[str]) -> str | None:
    """Why a file may look different; None where it may not."""
    rows = (row for row in EXCEPTIONS if kind in row.kinds and mode in row.modes and row.traits <= traits)
    return next((row.why for row in rows), None)
