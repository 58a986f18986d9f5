"""Camera RAW of a few pixels with signatures of makers, laid out as ExifTool and LibRaw document them."""

from __future__ import annotations

import struct

import numpy as np
from PIL import Image

from tests import samples
from tests.codecs.raw_files import jpeg
from tests.containers.tiff_directories import ASCII, LONG, SHORT, append_directory

__all__ = ["cr3", "mrw", "orf", "raf", "rw2", "x3f"]

CANON_BLOCKS = bytes.fromhex("85c0b687820f11e08111f4ce462b6a48")


def _box(kind: bytes, *content: bytes) -> bytes:
    body = b"".join(content)
    return struct.pack(">I4s", 8 + len(body), kind) + body


def _tiff(fields: dict[int, tuple[int, tuple[int, ...] | bytes]]) -> bytes:
    out = bytearray(b"II*\0" + bytes(4))
    struct.pack_into("<I", out, 4, append_directory(out, fields, "<"))
    return bytes(out)


def cr3(preview: Image.Image, sensor: tuple[int, int], orientation: int = 1) -> bytes:
    """Canon: a movie of three tracks, the JPEG, a small picture and the sensor's, in one box mdat."""
    full, sensor_data = jpeg(preview), b"\xff\x01" + bytes(200)
    tracks = [(preview.size, full, _box(b"JPEG", bytes(4))), (sensor, sensor_data, _box(b"CMP1", bytes(60)))]
    camera = {
        256: (SHORT, (sensor[0],)),
        271: (ASCII, b"Canon\0"),
        272: (ASCII, b"Canon EOS R\0"),
        274: (SHORT, (orientation,)),
        315: (ASCII, samples.CANARY + b"\0"),
    }
    blocks = _box(b"uuid", CANON_BLOCKS, _box(b"CNCV", b"CanonCR3_001/00.09.00/00.00.00"), _box(b"CMT1", _tiff(camera)))

    def movie(start: int) -> bytes:
        found = []
        for size, data, inner in tracks:
            entry = _box(b"CRAW", bytes(6) + b"\0\1" + bytes(16) + struct.pack(">HH", *size) + bytes(54), inner)
            table = _box(
                b"stbl",
                _box(b"stsd", struct.pack(">II", 0, 1), entry),
                _box(b"stsc", struct.pack(">IIIII", 0, 1, 1, 1, 1)),
                _box(b"stsz", struct.pack(">III", 0, 0, 1), struct.pack(">I", len(data))),
                _box(b"co64", struct.pack(">IIQ", 0, 1, start)),
            )
            handler = _box(b"hdlr", bytes(8) + b"vide" + bytes(13))
            found.append(_box(b"trak", _box(b"mdia", handler, _box(b"minf", table))))
            start += len(data)
        return _box(b"moov", blocks, *found)

    head = _box(b"ftyp", b"crx ", bytes(3) + b"\1", b"crx isom")
    start = len(head) + len(movie(0)) + 8
    return head + movie(start) + _box(b"mdat", *(data for _, data, _ in tracks))


def raf(preview: Image.Image, sensor: tuple[int, int], orientation: int = 1) -> bytes:
    """Fujifilm: a header of offsets, a JPEG with its own Exif block, records about the sensor, its data."""
    full = samples.saved(preview, "JPEG", quality=92, exif=samples.exif(orientation))
    record = struct.pack(">HHHH", 0x100, 4, sensor[1], sensor[0])
    records = struct.pack(">I", 2) + record + struct.pack(">HHHH", 0x111, 4, preview.height, preview.width)
    head = b"FUJIFILMCCD-RAW 0201FF129502" + b"X-T1".ljust(32, b"\0") + b"0100" + bytes(20)
    start = len(head) + 24
    places = (start, len(full), start + len(full), len(records), start + len(full) + len(records), 200)
    return head + struct.pack(">6I", *places) + full + records + bytes(200)


def orf(pixels: np.ndarray, preview: Image.Image | None = None, orientation: int = 1, magic: bytes = b"IIRO") -> bytes:
    """Olympus: directories of TIFF, the first one of the sensor; a JPEG of full size would be in the second."""
    order = "<" if magic.startswith(b"II") else ">"
    out = bytearray(magic + bytes(4))
    height, width = pixels.shape
    data = pixels.astype(order + "u2").tobytes()
    fields: dict[int, tuple[int, tuple[int, ...] | bytes]] = {
        256: (LONG, (width,)),
        257: (LONG, (height,)),
        258: (SHORT, (16,)),
        259: (SHORT, (1,)),
        262: (SHORT, (1,)),
        271: (ASCII, b"OLYMPUS IMAGING CORP.  \0"),
        272: (ASCII, b"E-M5            \0"),
        273: (LONG, (len(out),)),
        274: (SHORT, (orientation,)),
        277: (SHORT, (1,)),
        278: (LONG, (height,)),
        279: (LONG, (len(data),)),
        315: (ASCII, samples.CANARY + b"\0"),
    }
    out += data
    struct.pack_into(order + "I", out, 4, append_directory(out, fields, order))
    if preview is not None:
        following = len(out) - 4
        stream, start = jpeg(preview), len(out)
        out += stream + bytes(len(stream) % 2)
        at = append_directory(out, {259: (SHORT, (6,)), 513: (LONG, (start,)), 514: (LONG, (len(stream),))}, order)
        struct.pack_into(order + "I", out, following, at)
    return bytes(out)


def rw2(preview: Image.Image, sensor: tuple[int, int], orientation: int = 1) -> bytes:
    """Panasonic: one directory of its own tags, with the JPEG as a value."""
    out = bytearray(b"IIU\0" + bytes(4) + bytes.fromhex("88e74fd8258d4c48b4b8a8d1f4a6a4a1"))
    fields = {
        1: (SHORT, (3, 1, 0, 0)),
        2: (SHORT, (sensor[0],)),
        3: (SHORT, (sensor[1],)),
        4: (SHORT, (2,)),
        5: (SHORT, (2,)),
        6: (SHORT, (2 + preview.height,)),
        7: (SHORT, (2 + preview.width,)),
        0x2E: (ASCII, jpeg(preview)),
        271: (ASCII, b"Panasonic\0"),
        272: (ASCII, b"DMC-GH2\0"),
        274: (SHORT, (orientation,)),
        315: (ASCII, samples.CANARY + b"\0"),
    }
    at = append_directory(out, fields, "<")
    struct.pack_into("<H", out, at + 2 + 12 * sorted(fields).index(0x2E) + 2, 7)  # UNDEFINED
    struct.pack_into("<I", out, 4, at)
    return bytes(out)


def mrw(pixels: np.ndarray) -> bytes:
    """Minolta: blocks about sensor and camera, and the data of 12 bits in 16."""
    height, width = pixels.shape
    camera = bytearray(b"MM\0*" + bytes(4))
    names = {271: (ASCII, b"Minolta Co., Ltd.\0"), 272: (ASCII, b"DiMAGE 7\0"), 315: (ASCII, samples.CANARY + b"\0")}
    struct.pack_into(">I", camera, 4, append_directory(camera, names, ">"))
    prd = b"27820001" + struct.pack(">4H4BHBB", height, width, height, width, 16, 12, 0x52, 0, 0, 0, 1)
    blocks = b"\0PRD" + struct.pack(">I", len(prd)) + prd + b"\0TTW" + struct.pack(">I", len(camera)) + camera
    return b"\0MRM" + struct.pack(">I", len(blocks)) + blocks + pixels.astype(">u2").tobytes()


def x3f(preview: Image.Image, sensor: tuple[int, int], version: int = 2, rotation: int = 0) -> bytes:
    """Sigma: a header, a section with the JPEG, and the directory at the end."""
    head = b"FOVb" + struct.pack("<HH", 2 if version < 4 else 0, version) + samples.CANARY[:16]
    head += struct.pack("<IIII", 0, *sensor, rotation) if version < 4 else bytes(24)
    stream = jpeg(preview)
    section = b"SECi" + struct.pack("<HHIIIII", 0, 2, 2, 18, *preview.size, 0) + stream
    section += bytes(-len(section) % 4)
    directory = b"SECd" + struct.pack("<HHI", 0, 2, 1) + struct.pack("<II4s", len(head), len(section), b"IMA2")
    return head + section + directory + struct.pack("<I", len(head) + len(section))
