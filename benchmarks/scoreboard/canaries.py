"""Images with a text planted in every carrier of their format: ``python -m benchmarks.scoreboard.canaries FOLDER``.

Nothing of anybody's is in them: the picture is drawn here, and each planted text is random and names its carrier. What
a tool leaves is found by its text, plain, in UTF-16, or behind zlib. Two kinds of carrier: those that a tag editor knows
(Exif, XMP, IPTC, comments, profiles), and bytes that no structure asks for (behind the end, between structures, private
chunks). Files are written as their specifications say, so that every decoder shows the picture.
"""

from __future__ import annotations

import argparse
import io
import random
import re
import struct
import sys
import zlib
from dataclasses import dataclass, field
from pathlib import Path

import numpy as np
import pillow_heif
from PIL import Image, ImageCms

SIDE = 96  # px
XMP = '<x:xmpmeta xmlns:x="adobe:ns:meta/"><rdf:RDF xmlns:rdf="http://www.w3.org/1999/02/22-rdf-syntax-ns#"><rdf:Description xmlns:dc="http://purl.org/dc/elements/1.1/" dc:source="{}"/></rdf:RDF></x:xmpmeta>'
MARK = re.compile(rb"CANARY[0-9]{12}")


@dataclass
class Planted:
    """One file and what is in it.

    Attributes:
        name: of the file.
        data: its bytes.
        texts: planted text -> carrier.
    """

    name: str
    data: bytes = b""
    texts: dict[bytes, str] = field(default_factory=dict)
    rng: random.Random = field(default_factory=random.Random)

    def text(self, carrier: str) -> bytes:
        """A new text for a carrier."""
        text = b"CANARY%012d" % self.rng.randrange(10**12)
        self.texts[text] = carrier
        return text

    def left(self, output: bytes) -> list[str]:
        """The carriers whose text is still there."""
        found = set(MARK.findall(readable(output)))
        return sorted(carrier for text, carrier in self.texts.items() if text in found)


def readable(data: bytes) -> bytes:
    """The bytes, the same without every second one (UTF-16), and what inflates out of every zlib stream in them."""
    pieces = [data, data[::2], data[1::2]]
    for match in re.finditer(rb"\x78[\x01\x5e\x9c\xda]", data):
        try:
            pieces.append(zlib.decompressobj().decompress(data[match.start() :], 1 << 20))
        except zlib.error:
            continue
    return b"\0".join(pieces)


def picture(mode: str = "RGB") -> Image.Image:
    """Gradients with detail, without a random number: no symmetry, so that every turn shows."""
    y, x = np.mgrid[0:SIDE, 0 : SIDE + 32]
    rgb = np.stack([x * 2, y * 2, (x * y) // 48 % 256], axis=2).clip(0, 255).astype(np.uint8)
    rgb[8:24, 8:40] = (230, 40, 30)
    return Image.fromarray(rgb).convert(mode)


def profile(text: bytes) -> bytes:
    """sRGB, with a text of ours as its copyright (ICC.1:2022, 9.2.22): the tag goes behind the others."""
    made = bytearray(ImageCms.ImageCmsProfile(ImageCms.createProfile("sRGB")).tobytes())
    made[24:36] = struct.pack(">6H", 2000, 1, 1, 0, 0, 0)  # its date: the same seed gives the same file
    count = int.from_bytes(made[128:132], "big")
    for at in range(132, 132 + 12 * count, 12):
        if made[at : at + 4] == b"cprt":
            tag = b"text\0\0\0\0" + text + b"\0"
            made[at + 4 : at + 12] = struct.pack(">II", len(made), len(tag))
            made += tag + b"\0" * (-len(tag) % 4)
            made[:4] = struct.pack(">I", len(made))
    return bytes(made)


def exif(planted: Planted, orientation: int = 1) -> bytes:
    """A TIFF block with texts in IFD0, the Exif and the GPS directory."""
    block = Image.Exif()
    block[0x0112] = orientation
    for tag, name in ((0x010E, "ImageDescription"), (0x010F, "Make"), (0x013B, "Artist"), (0x8298, "Copyright")):
        block[tag] = planted.text(f"Exif/{name}").decode()
    inner = block.get_ifd(0x8769)
    inner[0x927C] = planted.text("Exif/MakerNote")
    inner[0x9286] = b"ASCII\0\0\0" + planted.text("Exif/UserComment")
    inner[0xA431] = planted.text("Exif/BodySerialNumber").decode()
    gps = block.get_ifd(0x8825)
    gps[29] = planted.text("Exif/GPSDateStamp").decode()
    return block.tobytes()


def xmp(planted: Planted) -> bytes:
    return XMP.format(planted.text("XMP").decode()).encode()


def iptc(planted: Planted) -> bytes:
    """IPTC-IIM in a Photoshop resource block (2:120, caption)."""
    text = planted.text("IPTC")
    record = b"\x1c\x02\x78" + struct.pack(">H", len(text)) + text
    return b"8BIM\x04\x04\0\0" + struct.pack(">I", len(record)) + record + b"\0" * (len(record) % 2)


def jpeg(planted: Planted) -> bytes:
    """ITU-T T.81 with JFIF, Exif, XMP, IPTC, ICC, JUMBF and MPF beside it."""
    out = io.BytesIO()
    picture().save(out, "JPEG", quality=90)
    raw = out.getvalue()

    def segment(marker: int, body: bytes) -> bytes:
        return bytes([0xFF, marker]) + struct.pack(">H", len(body) + 2) + body

    box = planted.text("APP11 JUMBF")
    jumbf = b"JP\0\1\0\0\0\1" + struct.pack(">I", 8 + len(box)) + b"jumb" + box
    extra = [
        segment(0xE1, b"Exif\0\0" + exif(planted).removeprefix(b"Exif\0\0")),
        segment(0xE1, b"http://ns.adobe.com/xap/1.0/\0" + xmp(planted)),
        segment(0xED, b"Photoshop 3.0\0" + iptc(planted)),
        segment(0xE2, b"ICC_PROFILE\0\1\1" + profile(planted.text("ICC"))),
        segment(0xEB, jumbf),
        segment(0xE9, planted.text("APP9")),
        segment(0xEE, b"Adobe\0\x64\0\0\0\0\1" + planted.text("behind the fields of APP14")),
        segment(0xFE, planted.text("COM")),
        planted.text("between segments"),  # T.81 has no bytes there; decoders step over them
    ]
    end = raw.rindex(b"\xff\xd9")
    scan = planted.text("behind the last code") + b"\xff\xd9"
    return raw[:20] + b"".join(extra) + raw[20:end] + scan + planted.text("behind EOI")


def png(planted: Planted) -> bytes:
    """ISO/IEC 15948."""
    out = io.BytesIO()
    picture().save(out, "PNG")
    raw = out.getvalue()

    def chunk(name: bytes, body: bytes) -> bytes:
        return struct.pack(">I", len(body)) + name + body + struct.pack(">I", zlib.crc32(name + body))

    extra = [
        chunk(b"iCCP", b"x\0\0" + zlib.compress(profile(planted.text("iCCP")))),
        chunk(b"tEXt", b"Comment\0" + planted.text("tEXt")),
        chunk(b"zTXt", b"Author\0\0" + zlib.compress(planted.text("zTXt"))),
        chunk(b"iTXt", b"Title\0\0\0\0\0" + planted.text("iTXt")),
        chunk(b"iTXt", b"XML:com.adobe.xmp\0\0\0\0\0" + xmp(planted)),
        chunk(b"eXIf", exif(planted).removeprefix(b"Exif\0\0")),
        chunk(b"prVt", planted.text("private chunk")),
        chunk(b"sPLT", planted.text("sPLT") + b"\0\x08" + bytes(6)),
    ]
    at = raw.index(b"IDAT") - 4
    size = int.from_bytes(raw[at : at + 4], "big")
    data = raw[at + 8 : at + 8 + size] + planted.text("behind the zlib stream")
    rest = raw[at + 12 + size :]
    return raw[:33] + b"".join(extra) + raw[33:at] + chunk(b"IDAT", data) + rest + planted.text("behind IEND")


def webp(planted: Planted) -> bytes:
    """RFC 9649."""
    out = io.BytesIO()
    picture().save(
        out, "WEBP", quality=90, exif=exif(planted), xmp=xmp(planted), icc_profile=profile(planted.text("ICC"))
    )
    text = planted.text("unknown chunk")
    body = out.getvalue()[8:] + b"PRVT" + struct.pack("<I", len(text)) + text
    return b"RIFF" + struct.pack("<I", len(body)) + body + planted.text("behind the file")


def gif(planted: Planted) -> bytes:
    """GIF89a, three frames."""
    frames = [picture("P"), picture().rotate(90, expand=False).convert("P"), picture().rotate(180).convert("P")]
    out = io.BytesIO()
    frames[0].save(out, "GIF", save_all=True, append_images=frames[1:], duration=80, loop=0)
    raw = out.getvalue()

    def blocks(body: bytes) -> bytes:
        pieces = [body[at : at + 255] for at in range(0, len(body), 255)]
        return b"".join(bytes([len(piece)]) + piece for piece in pieces) + b"\0"

    extra = [
        b"!\xfe" + blocks(planted.text("comment")),
        b"!\xff\x0bXMP DataXMP" + xmp(planted) + b"\x01" + bytes(range(255, -1, -1)) + b"\0",
        b"!\xff\x0bPRIVATE 1.0" + blocks(planted.text("application extension")),
    ]
    at = 13 + 3 * (2 << (raw[10] & 7) if raw[10] & 128 else 0)
    return raw[:at] + b"".join(extra) + raw[at:] + planted.text("behind the trailer")


def tiff(planted: Planted) -> bytes:
    """TIFF 6.0."""
    from PIL import TiffImagePlugin

    tags = TiffImagePlugin.ImageFileDirectory_v2()
    for tag, name in ((270, "ImageDescription"), (305, "Software"), (315, "Artist"), (316, "HostComputer")):
        tags[tag] = planted.text(name).decode()
    for tag, body in ((700, xmp(planted)), (33723, iptc(planted)[12:]), (65000, planted.text("private tag"))):
        tags.tagtype[tag] = 7
        tags[tag] = body
    tags.tagtype[34675] = 7
    tags[34675] = profile(planted.text("ICC"))
    out = io.BytesIO()
    picture().save(out, "TIFF", tiffinfo=tags)
    return out.getvalue() + planted.text("behind the file")


def bmp(planted: Planted) -> bytes:
    """BITMAPINFOHEADER, with bytes between header and pixels and behind them."""
    out = io.BytesIO()
    picture().save(out, "BMP")
    raw = bytearray(out.getvalue())
    gap = planted.text("between header and pixels") + b"\0\0"
    raw[2:6], raw[10:14] = struct.pack("<I", len(raw) + len(gap)), struct.pack("<I", 54 + len(gap))
    return bytes(raw[:54]) + gap + bytes(raw[54:]) + planted.text("behind the pixels")


def _isobmff(planted: Planted, name: str) -> bytes:
    pillow_heif.register_heif_opener()
    out = io.BytesIO()
    icc = profile(planted.text("ICC"))
    picture().save(out, name, quality=90, exif=exif(planted), xmp=xmp(planted), icc_profile=icc)
    free, own = planted.text("free box"), planted.text("uuid box")
    boxes = struct.pack(">I", 8 + len(free)) + b"free" + free
    boxes += struct.pack(">I", 24 + len(own)) + b"uuid" + bytes(range(16)) + own
    return out.getvalue() + boxes


def heic(planted: Planted) -> bytes:
    """ISO/IEC 23008-12."""
    return _isobmff(planted, "HEIF")


def avif(planted: Planted) -> bytes:
    """AV1 Image File Format."""
    out = io.BytesIO()
    picture().save(
        out, "AVIF", quality=90, exif=exif(planted), xmp=xmp(planted), icc_profile=profile(planted.text("ICC"))
    )
    free = planted.text("free box")
    return out.getvalue() + struct.pack(">I", 8 + len(free)) + b"free" + free


def jxl(planted: Planted) -> bytes:
    """ISO/IEC 18181-2."""
    import pillow_jxl  # noqa: F401 - registers the format

    out = io.BytesIO()
    picture().save(out, "JXL", lossless=True, use_container=True)
    raw = out.getvalue()
    boxes = b""
    for kind, body in (
        (b"Exif", b"\0\0\0\0" + exif(planted).removeprefix(b"Exif\0\0")),
        (b"xml ", xmp(planted)),
        (b"jumb", planted.text("jumb box")),
        (b"prvt", planted.text("private box")),
    ):
        boxes += struct.pack(">I", 8 + len(body)) + kind + body
    return raw + boxes


FORMATS = {
    "photo.jpg": jpeg,
    "drawing.png": png,
    "picture.webp": webp,
    "moving.gif": gif,
    "scan.tif": tiff,
    "bitmap.bmp": bmp,
    "phone.heic": heic,
    "photo.avif": avif,
    "photo.jxl": jxl,
}


def generate(seed: int = 0) -> list[Planted]:
    """A file of every format."""
    files = []
    for name, build in FORMATS.items():
        planted = Planted(name, rng=random.Random(f"{seed} {name}"))
        planted.data = build(planted)
        files.append(planted)
    return files


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("folder", type=Path)
    parser.add_argument("--seed", type=int, default=0)
    options = parser.parse_args()
    options.folder.mkdir(parents=True, exist_ok=True)
    for planted in generate(options.seed):
        (options.folder / planted.name).write_bytes(planted.data)
        for text, carrier in planted.texts.items():
            sys.stdout.write(f"{planted.name}\t{text.decode()}\t{carrier}\n")


if __name__ == "__main__":
    main()
