"""Small files of our own making for golden dumps: coded data as literals, so that no codec's version changes them.

``python -m tests.containers.golden_files`` writes the dumps again; what it changes is to be read before it is kept.
"""

from __future__ import annotations

import base64
import hashlib
import struct
from pathlib import Path

from rmexif import strip
from tests.containers import jxl_files
from tests.containers.heif_builder import Heif, box, boxes, full, grid, ispe

GOLDENS = Path(__file__).parent / "goldens"
AV1C = box(b"av1C", bytes.fromhex("81000c00"))
AV1C_MASK = box(b"av1C", bytes.fromhex("81001c00"))  # monochrome
NCLX = box(b"colr", b"nclx", bytes.fromhex("0001000d000680"))
ALPHA = full(b"auxC", 0, 0, b"urn:mpeg:mpegB:cicp:systems:auxiliary:alpha\0")
# libaom 3: OBUs of a drawn picture of 16 x 16 px
AV1_COLOUR = base64.b85decode(
    "5&#Mb7!3c~AR(a8fHH1G@!{c_Kw*X-"
    "fItArWRZq9|5VL0j53l?X2UqGVxH+sdPf+G1$De5$syt;4>0ZCJ+C?DkCiqD;ogaJnYK_5gt*ET;%H`?nEo?}YCxOPGi5Z6JclJ8"
    "Yk^<SYjyWMT9!zfQq~TWrr5x-AO"
)
# the same in grey
AV1_MASK = base64.b85decode("5&#Ma7!3c~U?HH?GAl&!nLuIq1OUlok&hsd>z>9MNLN!Fups4JR4Ryz<s4N|n0osibrTF#fB")
# x265: NAL units of a drawn picture of 64 x 64 px
HEVC_TILE = base64.b85decode(
    "0003*C;_ho`0a~K#PVrx{y2a6ACO1?{PZHx_S0cqM>@Lr9IDmCI#X|pu(CP4;nL~hYtV~7fp4MP>0<&+x5~hOV4lg=^7))=u%MdG"
    "U+zjchS*7Qi>CDPqOVY1eC`EbySF)*!Y&`7Bv>~M98Gv@3_Ya4hEO8yt~>AY12oK!P`Sx6|LYi@R0g6OH#85V)afs4B{#@>{S4Dj"
    "dzQi8_w<oCTB8q`w985ffGZQ$XUgBhQ0|a00J;P<9Z4fs3yM0BVoOIU8r<C5JT5BAHQ1oaj+RZWnHmapD@5O_0eg?BV6uo^78=4Q"
    "B>_!2T}HKF6lJIOWyCc^QzZ`P(cQLEOP;^Mgd!$U_uVRqSH??YoR47umeMTbK;b0j%+2rr?&EeAMl8a(yC@3YU(f#_Rmzxg3TY(m"
    "sTa?)0U1iy"
)
# the box that configures its decoder
HVCC = base64.b85decode(
    "0001ZXm(>m0RwOV0058x000009`FGC{rLC*01pFT0096PKmiN^|NjGU00093kN^M!000939=ZZRVE_RDD?$MQ18@KU0|1Z!00RI3"
    "0{|YNAb|yz>PacCZUPz%2mk;B0LTCU0{{p>VgLaE2SfqEa<C#m"
)
# libaom 3: two samples of a sequence of 16 x 16 px
FRAME_1 = base64.b85decode(
    "5&#Mf00001pZT@&AR(a8fHGVV0GI#}K?EQGK*TL)@#H6vMd|kw{KVcFYoZ*J$_&XNfT8mg>LxLXU)ef}x;nrEfJDR%2J3(-"
    "gM}lTV^1F@bZJIMS`>*LX8*PwhP_sV^N!YpEuscC`d5G"
)
FRAME_2 = base64.b85decode(
    "5&$w}Fav;q{rGxd0HTU0fB*;px(T}92wB3kKJgf4I5SbZn$&-"
    "?D{ttS*b1^Ilw^i8A%7G~U@&_N==627j_hF^BIxP997U84YM_JbbMEm`;B&t>s{2%3$y_a`<9_@wL%$Y)"
)
CONTAINERS = {b"meta": 4, b"iinf": 6, b"iref": 4, b"iprp": 0, b"ipco": 0, b"moov": 0, b"trak": 0, b"edts": 0,
              b"mdia": 0, b"minf": 0, b"dinf": 0, b"dref": 8, b"stbl": 0, b"stsd": 8, b"av01": 78, b"tref": 0}  # fmt: skip
FIELDS = {  # ISO 14496-12 and 23008-12: bytes of the body, and names
    b"ftyp": (">4sI", "major minor"),
    b"hdlr": (">8x4s", "handler"),
    b"pitm": (">4xH", "item"),
    b"iloc": (">4xBBH", "sizes base items"),
    b"infe": (">BxH HH4s", "version flags item protection type"),
    b"ispe": (">4xII", "width height"),
    b"irot": (">B", "angle"),
    b"imir": (">B", "axis"),
    b"mvhd": (">4xQQIQIH", "created modified timescale duration rate volume"),
    b"tkhd": (">BxH QQI4xQ", "version flags created modified track duration"),
    b"elst": (">BxH IQqI", "version flags entries duration time rate"),
    b"mdhd": (">4xQQIQH", "created modified timescale duration language"),
    b"av01": (">6xH16xHH", "reference width height"),
}


def still_avif() -> bytes:
    """A picture with alpha, rotated and mirrored, with texts wherever there is room for some."""
    heif = Heif()
    heif.name, heif.junk = b"SECRET writer", b"SECRET"
    block = struct.pack(">2sHIHHHIII", b"MM", 42, 8, 1, 0x010E, 2, 7, 26, 0) + b"SECRET\0"  # one ImageDescription
    turn = (box(b"irot", b"\1"), box(b"imir", b"\0"))
    heif.item(
        b"av01", AV1_COLOUR, (ispe(16, 16), full(b"pixi", 0, 0, b"\3\x08\x08\x08"), AV1C, NCLX, *turn), name=b"SECRET"
    )
    heif.item(b"av01", AV1_MASK, (ispe(16, 16), full(b"pixi", 0, 0, b"\1\x08"), AV1C_MASK, ALPHA, *turn))
    heif.refer(b"auxl", 2, 1)
    heif.refer(b"cdsc", heif.item(b"Exif", bytes(4) + block), 1)
    heif.refer(b"cdsc", heif.item(b"mime", b"<x>SECRET</x>", extra=b"application/rdf+xml\0"), 1)
    heif.inside, heif.after = box(b"free", b"SECRET"), box(b"uuid", b"SECRET SECRET SECRET")
    return heif.build()


def grid_heic() -> bytes:
    """Two tiles in a grid, a thumbnail, and another picture."""
    heif = Heif(b"mif1\0\0\0\0mif1heic", primary=3)
    for _ in range(2):
        heif.item(b"hvc1", HEVC_TILE, (ispe(64, 64), HVCC), hidden=1, pieces=2)
    heif.item(b"grid", grid(1, 2, 120, 64), (ispe(120, 64), full(b"pixi", 0, 0, b"\3\x08\x08\x08")), method=1)
    heif.refer(b"dimg", 3, 1, 2)
    heif.refer(b"thmb", heif.item(b"hvc1", HEVC_TILE, (ispe(64, 64), HVCC)), 3)
    heif.junk = b"SECRET"
    return heif.build()


def sequence_avif() -> bytes:
    """Two pictures of 100 and 250 ms that repeat for ever, with times of making, names and user data."""
    made = struct.pack(">II", 3_900_000_000, 3_900_000_001)
    unity = struct.pack(">9i", 0x10000, 0, 0, 0, 0x10000, 0, 0, 0, 0x40000000)
    name = b"\x0eSECRET encoder".ljust(32, b"\0")
    head = struct.pack(">6xH16xHHII4xH32sHh", 1, 16, 16, 0x480000, 0x480000, 1, name, 24, -1)
    entry = box(b"av01", head, AV1C, NCLX, box(b"free", b"SECRET"))
    ftyp = box(b"ftyp", b"avis", b"SECR", b"avismsf1iso8")

    def moov(start: int) -> bytes:
        stbl = box(
            b"stbl",
            full(b"stsd", 0, 0, struct.pack(">I", 1), entry),
            full(b"stts", 0, 0, struct.pack(">5I", 2, 1, 100, 1, 250)),
            full(b"stsc", 0, 0, struct.pack(">4I", 1, 1, 1, 1)),
            full(b"stsz", 0, 0, struct.pack(">4I", 0, 2, len(FRAME_1), len(FRAME_2))),
            full(b"stco", 0, 0, struct.pack(">3I", 2, start, start + len(FRAME_1) + 6)),
            full(b"stss", 0, 0, struct.pack(">2I", 1, 1)),
        )
        dinf = box(b"dinf", full(b"dref", 0, 0, struct.pack(">I", 1), full(b"url ", 0, 1)))
        mdia = box(
            b"mdia",
            full(b"mdhd", 0, 0, made, struct.pack(">IIHH", 1000, 350, 0x55C4, 0)),
            full(b"hdlr", 0, 0, bytes(4), b"pict", bytes(12), b"SECRET handler\0"),
            box(b"minf", full(b"vmhd", 0, 1, bytes(8)), dinf, stbl),
        )
        tkhd = full(
            b"tkhd", 0, 3, made, struct.pack(">I4xI16x", 1, 0xFFFFFFFF), unity, struct.pack(">II", 16 << 16, 16 << 16)
        )
        elst = full(b"elst", 0, 1, struct.pack(">IIiI", 1, 350, 0, 0x10000))
        mvhd = full(
            b"mvhd",
            0,
            0,
            made,
            struct.pack(">IIIH10x", 1000, 0xFFFFFFFF, 0x10000, 0x100),
            unity,
            bytes(24),
            struct.pack(">I", 2),
        )
        return box(b"moov", mvhd, box(b"trak", tkhd, box(b"edts", elst), mdia), box(b"udta", b"SECRET"))

    start = len(ftyp) + len(moov(0)) + 8
    return ftyp + moov(start) + box(b"mdat", FRAME_1, b"SECRET", FRAME_2)


def level10_jxl() -> bytes:
    """A codestream with a profile in two parts, level 10, with metadata around it."""
    raw, cut = jxl_files.OWN_LOSSY, 40
    parts = (b"\0\0\0\0" + raw[:cut], b"\x80\0\0\1" + raw[cut:])
    hidden = jxl_files.box(b"xml ", b"<x>SECRET</x>")
    first, second = (jxl_files.box(b"jxlp", part) for part in parts)
    return jxl_files.BOXED + jxl_files.box(b"jxll", b"\n") + hidden + first + hidden + second + hidden


FILES = {"still.avif": still_avif, "grid.heic": grid_heic, "sequence.avif": sequence_avif, "level10.jxl": level10_jxl}


def dump(data: bytes) -> str:
    """The boxes of a file, one a line: type, size, known fields, and the body of what holds no boxes."""
    return "\n".join(_lines(data, 0, len(data), 0)) + "\n"


def _lines(data: bytes, start: int, end: int, depth: int) -> list[str]:
    lines = []
    for kind, first, last in boxes(data, start, end):
        line = f"{'  ' * depth}{kind.decode('latin-1').strip()} {last - first + 8}"
        layout, names = FIELDS.get(kind, (">", ""))
        for name, value in zip(names.split(), struct.unpack_from(layout, data, first), strict=True):
            line += f" {name}={value.decode('latin-1') if isinstance(value, bytes) else value}"
        if kind not in CONTAINERS:
            body = data[first:last]
            line += f" {body.hex()}" if len(body) <= 64 else f" sha256={hashlib.sha256(body).hexdigest()}"
        lines.append(line)
        if kind in CONTAINERS:
            lines += _lines(data, first + CONTAINERS[kind], last, depth + 1)
    return lines


if __name__ == "__main__":
    for name, make in FILES.items():
        (GOLDENS / f"{name}.txt").write_text(dump(strip(make())[0]))
