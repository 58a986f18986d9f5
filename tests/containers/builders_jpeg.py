"""JPEG files written by hand, or changed by hand where an encoder would not do it: nothing here is rmexif's."""

from __future__ import annotations

import re


def segment(marker: int, body: bytes) -> bytes:
    """A marker segment (T.81, B.1.1.4)."""
    return bytes([0xFF, marker]) + (len(body) + 2).to_bytes(2, "big") + body


def codes(by_length: dict[int, bytes]) -> bytes:
    """The lists of a DHT segment, from the symbols of each code length."""
    return bytes(len(by_length.get(n, b"")) for n in range(1, 17)) + b"".join(by_length[n] for n in sorted(by_length))


def packed(bits: str) -> bytes:
    """Entropy-coded data: padded with ones and stuffed (T.81, F.1.2.3)."""
    bits += "1" * (-len(bits) % 8)
    return int(bits, 2).to_bytes(len(bits) // 8, "big").replace(b"\xff", b"\xff\x00")


def grey(
    dc: bytes, ac: bytes, scans: list[str], sof: int = 0xC0, sampling: int = 0x11, spectral: bytes = b"\x00\x3f\x00"
) -> bytes:
    """An 8 x 8 px picture with one component for each scan; the bits of a scan are those of its only block."""
    idents = range(1, len(scans) + 1)
    raw = b"\xff\xd8" + segment(0xDB, b"\x00" + bytes([1] * 64))
    raw += segment(
        sof, b"\x08\x00\x08\x00\x08" + bytes([len(scans)]) + b"".join(bytes([i, sampling, 0]) for i in idents)
    )
    raw += segment(0xC4, b"\x00" + dc) + segment(0xC4, b"\x10" + ac)
    for ident, bits in zip(idents, scans, strict=True):
        raw += segment(0xDA, bytes([1, ident, 0]) + spectral) + packed(bits)
    return raw + b"\xff\xd9"


def planted(raw: bytes, text: bytes, tables: int = 256) -> bytes:
    """``raw`` with ``text`` as 16-bit codes at the end of its first AC tables.

    An encoder leaves the code of ones alone free (T.81, C.2); where it has fewer than 16 bits, it is the beginning of
    many longer codes that no picture uses.
    """
    out, done, at = b"", 0, 0
    for found in re.finditer(rb"\xff\xc4(..)([\x10-\x13])", raw, re.DOTALL):
        size = int.from_bytes(found[1], "big")
        entry = raw[found.end() : found.start() + 2 + size]
        longest = max(n for n in range(16) if entry[n]) + 1
        if sum(entry[:16]) != len(entry) - 16 or done == tables or (1 << (16 - longest)) <= len(text):
            continue
        counts = entry[:15] + bytes([entry[15] + len(text)])
        out += raw[at : found.start()] + segment(0xC4, found[2] + counts + entry[16:] + text)
        at, done = found.end() + len(entry), done + 1
    assert done
    return out + raw[at:]


def renamed(raw: bytes, idents: bytes) -> bytes:
    """``raw`` with other component identifiers in its frame and scan headers."""
    data = bytearray(raw)
    frame = re.search(rb"\xff[\xc0-\xc2]\x00.", raw, re.DOTALL)
    assert frame
    places = [frame.end() + 6 + 3 * n for n in range(raw[frame.end() + 5])]
    names = {raw[place]: new for place, new in zip(places, idents, strict=True)}
    for scan in re.finditer(rb"\xff\xda\x00[\x08\x0a\x0c\x0e]([\x01-\x04])", raw):
        places += [scan.end() + 2 * n for n in range(scan[1][0])]
    for place in places:
        data[place] = names[raw[place]]
    return bytes(data)


def without(raw: bytes, marker: int) -> bytes:
    """``raw`` without its first segment of a kind."""
    at = raw.index(bytes([0xFF, marker]))
    return raw[:at] + raw[at + 2 + int.from_bytes(raw[at + 2 : at + 4], "big") :]
