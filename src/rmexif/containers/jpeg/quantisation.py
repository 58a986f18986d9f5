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


def _scaled(step: int, scale: int) -> int:
    """What libjpeg makes of a step for a scale in percent."""
    return min(max((step * scale + 50) // 100, 1), LARGEST)


def is_standard(entry: bytes) -> bool:
    """Whether a DQT entry is a table of annex K, scaled as libjpeg does it for one of its qualities."""
    steps = _steps(entry)
    return any(
        all(step == min(_scaled(unscaled, scale), largest) for step, unscaled in zip(steps, base, strict=True))
        for base, scale in _first_steps().get(steps[0], ())
        for largest in (LARGEST, LARGEST_BYTE)
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
