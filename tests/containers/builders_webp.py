"""Tiny WebP files: Pillow's pictures in containers built byte by byte."""

import io
import struct

from PIL import Image


def chunk(kind, data=b"", pad=b"\0"):
    return kind + struct.pack("<I", len(data)) + data + (pad if len(data) & 1 else b"")


def riff(*chunks, size=None):
    body = b"WEBP" + b"".join(chunks)
    return b"RIFF" + struct.pack("<I", len(body) if size is None else size) + body


def chunks(data, start=12):
    """(FourCC, content) of every chunk."""
    found = []
    while start < len(data):
        (length,) = struct.unpack_from("<I", data, start + 4)
        found.append((data[start : start + 4], data[start + 8 : start + 8 + length]))
        assert not any(data[start + 8 + length : start + 8 + length + (length & 1)])
        start += 8 + length + (length & 1)
    return found


def encoded(image, **settings):
    """A picture's coded chunks, as Pillow writes them."""
    out = io.BytesIO()
    image.save(out, "WEBP", **settings)
    return [(kind, data) for kind, data in chunks(out.getvalue()) if kind in (b"VP8 ", b"VP8L", b"ALPH")]


def vp8x(width, height, flags, reserved=b"\0\0\0"):
    return chunk(
        b"VP8X", bytes([flags]) + reserved + (width - 1).to_bytes(3, "little") + (height - 1).to_bytes(3, "little")
    )


def anmf(width, height, *coded, x=0, y=0, duration=100, flags=0):
    numbers = (x // 2, y // 2, width - 1, height - 1, duration)
    return chunk(b"ANMF", b"".join(n.to_bytes(3, "little") for n in numbers) + bytes([flags]) + b"".join(coded))


def frames(data):
    """RGBA pixels of every frame with the colour under alpha 0 cleared, durations, loop count."""
    drawn = []
    with Image.open(io.BytesIO(data)) as image:
        for number in range(image.n_frames):
            image.seek(number)
            image.load()
            pixels = bytearray(image.convert("RGBA").tobytes())
            for at in range(0, len(pixels), 4):
                if not pixels[at + 3]:
                    pixels[at : at + 3] = b"\0\0\0"
            drawn.append((bytes(pixels), image.info.get("duration")))
        return drawn, image.info.get("loop")
