"""Quantisation tables of a JPEG (ITU-T T.81, B.2.4.1): steps that no coefficient uses are not the file's to choose."""

from __future__ import annotations

from functools import cache

__all__ = ["canonical", "freedom", "is_standard"]

BLOCK = 64  # steps (T.81, A.3.3)
UNUSED = 1  # the smallest step there is (T.81, table B.4)
LARGEST, LARGEST_BYTE = 32767, 255  # steps that libjpeg writes

# T.81, tables K.1 and K.2, in zig-zag order.
LUMINANCE = bytes.fromhex(
    "100b0c0e0c0a100e0d0e1211101318281a181616183123251d283a333d3c3933"
    "383740485c4e404457453738506d51575f626768673e4d71797064785c656763"
)
CHROMINANCE = bytes([17, 18, 18, 24, 21, 24, 47, 26, 26, 47, 99, 66, 56, 66]).ljust(BLOCK, b"\x63")
# ISO/IEC 11172-2, 2.4.3.2: of intra blocks, row by row; FFmpeg's JPEG encoder scales it by eighths.
MPEG = bytes.fromhex(
    "08101316" "1a1b1d22" "10101618" "1b1d2225" "13161a1b" "1d222226" "16161a1b" "1d222528"
    "161a1b1d" "20232830" "1a1b1d20" "2328303a" "1a1b1d22" "262e3845" "1b1d2326" "2e384553"
)  # fmt: skip
MPEG_DC, MPEG_SCALES = 8, range(1, 32)
ZIGZAG = sorted(range(BLOCK), key=lambda at: (at // 8 + at % 8, at // 8 if (at // 8 + at % 8) % 2 else at % 8))
TURNED = [ZIGZAG.index(at % 8 * 8 + at // 8) for at in ZIGZAG]  # of a picture that was turned by a quarter


def _steps(entry: bytes) -> list[int]:
    """The 64 steps of a DQT entry, in zig-zag order."""
    if not entry[0] >> 4:
        return list(entry[1:])
    return [int.from_bytes(entry[at : at + 2], "big") for at in range(1, len(entry), 2)]


@cache
def _first_steps() -> dict[int, list[tuple[bytes, int]]]:
    """The tables of annex K and the scales of libjpeg's qualities, by the first step that they give.

    All 200 tables would take 4 ms, which is a twentieth of what a command that cleans one photograph takes.
    """
    found: dict[int, list[tuple[bytes, int]]] = {}
    for quality in range(1, 101):
        scale = 5000 // quality if quality < 50 else 200 - 2 * quality
        for base in (LUMINANCE, CHROMINANCE):
            first = _scaled(base[0], scale)
            for step in {first, min(first, LARGEST_BYTE)}:
                found.setdefault(step, []).append((base, scale))
    return found


@cache
def _table(base: bytes, scale: int, largest: int) -> list[int]:
    """What libjpeg makes of a table of annex K; one of 400, and few of them are asked for."""
    return [min(_scaled(step, scale), largest) for step in base]


def _scaled(step: int, scale: int) -> int:
    """What libjpeg makes of a step for a scale in percent."""
    return min(max((step * scale + 50) // 100, 1), LARGEST)


def is_standard(entry: bytes) -> bool:
    """Whether a DQT entry is one of libjpeg's or FFmpeg's, upright or turned."""
    steps = _steps(entry)
    return any(_is_libjpeg(order) or _is_ffmpeg(order) for order in (steps, [steps[at] for at in TURNED]))


def _is_libjpeg(steps: list[int]) -> bool:
    """Whether they are a table of annex K, scaled for one of its qualities, baseline or not."""
    return any(
        steps == _table(base, scale, largest)
        for base, scale in _first_steps().get(steps[0], ())
        for largest in (LARGEST, LARGEST_BYTE)
    )


def _is_ffmpeg(steps: list[int]) -> bool:
    """Whether they are the table of MPEG-1 at one of FFmpeg's scales."""
    return steps[0] == MPEG_DC and any(
        steps[1:] == [min(max(MPEG[at] * scale >> 3, 1), LARGEST_BYTE) for at in ZIGZAG[1:]] for scale in MPEG_SCALES
    )


def canonical(entry: bytes, used: int) -> bytes:
    """The entry with 1 for each step that is not used, in bytes where all steps fit.

    A scaled table of annex K stays as it is, so that an ordinary encoder's output is already clean.

    Args:
        entry: of a DQT segment.
        used: bit k: coefficient k of the zig-zag order is not zero somewhere.
    """
    steps = _steps(entry)
    if not is_standard(entry):
        steps = [step if used >> k & 1 else UNUSED for k, step in enumerate(steps)]
    if max(steps) <= LARGEST_BYTE:
        return bytes([entry[0] & 15]) + bytes(steps)
    return bytes([0x10 | entry[0] & 15]) + b"".join(step.to_bytes(2, "big") for step in steps)


def freedom(entry: bytes, used: int) -> int:
    """Bytes that a writer was free to choose in a table: its used steps; of the scaled ones the quality."""
    return 1 if is_standard(entry) else used.bit_count() * (2 if entry[0] >> 4 else 1)
