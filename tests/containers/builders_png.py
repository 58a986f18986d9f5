"""Tiny PNG files, built byte by byte, and what Pillow sees in a file."""

import io
import struct
import zlib

from PIL import Image

SIGNATURE = b"\x89PNG\r\n\x1a\n"
END = b"\0\0\0\0IEND\xaeB`\x82"


def chunk(kind, data=b""):
    return struct.pack(">I", len(data)) + kind + data + struct.pack(">I", zlib.crc32(kind + data))


def ihdr(width, height, depth=8, colour=2, interlace=0):
    return chunk(b"IHDR", struct.pack(">IIBBBBB", width, height, depth, colour, 0, 0, interlace))


def rows(pixels, row, kinds=None):
    """Unfiltered rows of ``row`` bytes, with filter bytes (0 unless given; the data is then taken as filtered)."""
    count = len(pixels) // row
    return b"".join(bytes([kinds[y] if kinds else 0]) + pixels[y * row : (y + 1) * row] for y in range(count))


def png(*chunks, width=2, height=2, depth=8, colour=2, pixels=None, after=(), stream=None, tail=b"", interlace=0):
    """A still picture: ``chunks`` before IDAT, ``after`` behind it."""
    row = (width * {0: 1, 2: 3, 3: 1, 4: 2, 6: 4}[colour] * depth + 7) // 8
    pixels = bytes(i * 7 % 256 for i in range(row * height)) if pixels is None else pixels
    stream = zlib.compress(rows(pixels, row)) if stream is None else stream
    head = SIGNATURE + ihdr(width, height, depth, colour, interlace)
    return head + b"".join(chunks) + chunk(b"IDAT", stream) + b"".join(after) + END + tail


def fctl(sequence, width, height, x=0, y=0, delay=(3, 10), dispose=0, blend=0):
    return chunk(b"fcTL", struct.pack(">IIIIIHHBB", sequence, width, height, x, y, *delay, dispose, blend))


def fdat(sequence, pixels, row):
    return chunk(b"fdAT", struct.pack(">I", sequence) + zlib.compress(rows(pixels, row)))


def actl(frames, plays=0):
    return chunk(b"acTL", struct.pack(">II", frames, plays))


def chunks(data):
    """(type, content) of every chunk; the CRC is checked on the way."""
    position, found = 8, []
    while position < len(data):
        (length,) = struct.unpack_from(">I", data, position)
        kind, content = data[position + 4 : position + 8], data[position + 8 : position + 8 + length]
        assert struct.unpack_from(">I", data, position + 8 + length)[0] == zlib.crc32(kind + content)
        found.append((kind, content))
        position += 12 + length
    return found


def with_crcs(data):
    """The file with the CRC of every chunk put right, so that changes get past them."""
    data, position = bytearray(data), 8
    while position + 12 <= len(data):
        end = position + 8 + int.from_bytes(data[position : position + 4], "big")
        data[end : end + 4] = zlib.crc32(data[position + 4 : end]).to_bytes(4, "big")[: len(data[end : end + 4])]
        position = end + 4
    return bytes(data)


def frames(data):
    """RGBA pixels and duration of every frame, as Pillow draws them."""
    with Image.open(io.BytesIO(data)) as image:
        drawn = []
        for number in range(getattr(image, "n_frames", 1)):
            image.seek(number)
            drawn.append((image.convert("RGBA").tobytes(), image.info.get("duration")))
        return drawn


def saved(image, **settings):
    out = io.BytesIO()
    image.save(out, **settings)
    return out.getvalue()
