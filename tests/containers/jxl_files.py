"""JPEG XL files for the tests: made by libjxl, or written bit by bit with something in every place that can hide it."""

from __future__ import annotations

import base64
import io
import struct
import zlib

import numpy as np
import pillow_jxl  # noqa: F401 - registers the decoder
from PIL import Image

from rmexif.containers.jxl import image_header
from rmexif.containers.jxl.entropy import _alias
from rmexif.containers.jxl.field_types import FieldReader, FieldWriter

SECRET = b"CANARY"
BOXED = bytes.fromhex("0000000c4a584c200d0a870a") + b"\0\0\0\x14ftypjxl \0\0\0\0jxl "

# cjxl 0.7.0: 8x8 px with profile(ADOBE, 563 / 256), -d 0
ADOBE_LOSSLESS = base64.b85decode(
    "{|Z4s2nP!T66OJ@n7ILNL*16I7z*EAMuir>f|ejWox2bW$`DN25TIBAB}*_Gsn+1O17wI3DOvpjKH^+7CytyMFabya+`RZA?NwG+Py80+3<=^Sh?"
    "LAAWXjk{Gp6LfaLJZ8rh%oQr6~`chhhOs)+dxBggh<5q5PL(^W?#_4JgPA=B?Z{HjW_hgZj$hT>}UL0RUhDOBkE&>=YCfloTT)BbLS>#2CCI2D5~n"
    "F?d0Y!8>B`Cagt_!A!*9UC};(XxS(L&@%A<GyH!$@(&s|004kLfQRx5Jm7gA0MFVLc+kDT`&0oT3BXJe"
)
# the same picture with profile(OWN, 1.9), -d 1
OWN_LOSSY = base64.b85decode(
    "{|Z4s3I_`V66OKOm7_%nN!^w@r~iRpw~PV}yo`n*?D{MOgD?b>Gz2Khpriz&k*Wr#D}V<(mYl^e;1zw)bhPvgm;g8cPP_P!^dgHZCw_~u2M2Z>SaP"
    "<&q)XdQJ-Xz-aPa2W=7N<AS1#oyb5j&hvOFPzJivt>`nVoN#mtSFG$E+iK{q;U_E-l+*btiOlLi11hynn(0bS)1000##ql_E8oa_1WLx;t*jq40;w"
    "QXTZqR2QlNhfef603NeKu7}!$lRkg7>JG)QXmb08%2^aGDcQZjFF;G40buh0TYByP{4dZnSSK~i*-O}vM(@+8GY%%3gofM>>>QpJ(RPoqF_4"
)
# 4x4 px, three frames of 50, 100 and 150 ms, twice
ANIMATED = base64.b85decode(
    "{|XooK>!vMmjnn1U;zLCOaMz5ixt920_FuI02uPUSgQj700;=60ssI^081E)6~a+NmcD=l0HgTYyCnbs2ngUq002k;OBjn4!bwA2zJLS(k@L+3000"
)
# 1300x1300 px, one grey, --group_order=1: the sections lie in another order, told by an ANS stream; here deflated
CENTRE_FIRST = zlib.decompress(
    base64.b85decode(
        "c-s5VHA{ohu~3nNfl)$%twzFaLh^@|Qzq3GxYv~azcsf`vhRv?)jIk9Hn)wN{>-w>>G)yydZoF@I_HL--PZEyiyd9uU7m(1Y<a-j_*p}O$%KE0b"
        "hC$s=Z+g0>b?t39Apc3(qUwP0FH(sh#0gZCpI-5vbAn3o_c0Ki|efB>nE<8@7!2^)cMcx-M>w;W7f;Pef7TD!0dbYf|_?X?Y~xSoBpfnzv`!e"
        "mQLSIwbs%M3JeUM6DC;vU|7sJ(jWjXg}vn"
    )
)
ADOBE = ((0.60974, 0.31111, 0.01947), (0.20528, 0.62567, 0.06087), (0.14919, 0.06322, 0.74457))  # XYZ under D50
OWN = ((0.51, 0.27, 0.03), (0.30, 0.66, 0.09), (0.1542, 0.07, 0.7049))


def _fixed(*values: float) -> bytes:
    return struct.pack(f">{len(values)}i", *(round(value * 65536) for value in values))


def profile(columns: tuple[tuple[float, ...], ...], gamma: float) -> bytes:
    """A version 2 matrix profile with texts, a date and a maker."""
    curve = struct.pack(">4sIIHxx", b"curv", 0, 1, round(gamma * 256))
    text = b"desc\0\0\0\0" + struct.pack(">I", 14) + b"CANARY device\0" + bytes(78)
    tags = {b"desc": text + bytes(-len(text) % 4), b"cprt": b"text\0\0\0\0CANARY of 2024\0\0"}
    tags[b"wtpt"] = b"XYZ \0\0\0\0" + _fixed(0.9505, 1, 1.0891)
    for name, column in zip((b"r", b"g", b"b"), columns, strict=True):
        tags |= {name + b"XYZ": b"XYZ \0\0\0\0" + _fixed(*column), name + b"TRC": curve}
    table = body = b""
    for name, data in tags.items():
        table += struct.pack(">4sII", name, 132 + 12 * len(tags) + len(body), len(data))
        body += data
    size, date = 132 + len(table) + len(body), (2024, 5, 6, 7, 8, 9)
    head = struct.pack(">I4sI4s4s4s6H", size, b"CNRY", 0x02100000, b"mntr", b"RGB ", b"XYZ ", *date)
    head = (head + b"acspAPPL\0\0\0\0CNRY").ljust(68, b"\0") + _fixed(0.9642, 1, 0.8249)
    return head.ljust(128, b"\0") + struct.pack(">I", len(tags)) + table + body


def picture(width: int = 24, height: int = 16, channels: int = 3) -> Image.Image:
    """A drawn picture."""
    y, x = np.mgrid[0:height, 0:width]
    planes = [x * 9, y * 15, x * y % 251, 255 - x * 7]
    array = (np.stack(planes[:channels], axis=2) % 256).astype(np.uint8)
    return Image.fromarray(array[:, :, 0] if channels == 1 else array)


def encoded(image: Image.Image, **options: object) -> bytes:
    """``image`` as libjxl writes it: a bare codestream."""
    out = io.BytesIO()
    image.save(out, "JXL", **options)
    return out.getvalue()


def decoded(raw: bytes) -> np.ndarray:
    """The pixels, by libjxl."""
    with Image.open(io.BytesIO(raw)) as image:
        return np.asarray(image)


def profile_of(raw: bytes) -> bytes:
    """The profile that libjxl hands out."""
    with Image.open(io.BytesIO(raw)) as image:
        return image.info["icc_profile"]


def box(kind: bytes, data: bytes) -> bytes:
    """A box."""
    return (8 + len(data)).to_bytes(4, "big") + kind + data


class Dirty(FieldWriter):
    """Writes a name and extensions wherever there may be some, and a time code where there may be one.

    Args:
        plain: how many bundles have no extensions, before those that have some: libjxl cannot read more than one.
    """

    def __init__(self, plain: int = 0) -> None:
        super().__init__()
        self.plain = plain

    def name(self) -> None:
        self.u32(((0, 0), (0, 4), (16, 5), (48, 10)), len(SECRET))
        for byte in SECRET:
            self.bits(8, byte)

    def extensions(self) -> None:
        self.plain -= 1
        if self.plain >= 0:
            return super().extensions()
        self.u64(0b101)
        self.u64(8 * len(SECRET))
        self.u64(3)
        for byte in SECRET:
            self.bits(8, byte)
        self.bits(3, 5)
        return None

    def bits(self, count: int, value: int = 0) -> int:
        return super().bits(count, value or (0x12345678 if count == 32 else 0))


def bits_of(text: str) -> bytes:
    """Bytes of fields like ``5:3`` (value:bits), with zero padding."""
    out = FieldWriter()
    for word in text.split():
        value, _, count = word.partition(":")
        out.bits(int(count), int(value))
    out.align()
    return bytes(out.out)


def split(raw: bytes) -> tuple[image_header.ImageHeader, bytes, int]:
    """Image header of a bare codestream without a profile, its frames' bytes, and where they start."""
    bits = FieldReader(memoryview(raw), "test")
    bits.bits(16)
    image = image_header.image_header(bits, image_header.ImageHeader())
    start = bits.align()
    return image, raw[start:], start


def ans_profile(icc: bytes) -> FieldWriter:
    """An ICC stream as no encoder here writes it: two clusters by a moved-to-front map, flat distributions, ANS.

    Every byte's token says its number of significant bits, which then follow: 9 tokens.
    """
    head = bytes(byte - guess & 255 for byte, guess in zip(icc, _header(icc), strict=False))
    rest = icc[128:]
    count = bytes([len(rest) & 127 | 128, len(rest) >> 7])
    size = bytes([len(icc) & 127 | 128, len(icc) >> 7])
    coded = size + bytes([4]) + b"\0\1" + count + head + rest
    out = FieldWriter()
    out.u64(len(coded))
    for value, width in (0, 1), (0, 1), (1, 1):  # no copies; contexts: not simple, moved to front
        out.bits(width, value)
    # the map's own stream: no copies, prefix code, tokens are numbers, two symbols 0 and 1 of one bit each
    for value, width in (0, 1), (1, 1), (15, 4), (1, 1), (0, 4), (1, 2), (1, 2), (0, 1), (1, 1):
        out.bits(width, value)
    for context in range(41):
        out.bits(1, context % 3 == 1)
    out.bits(1, 0)  # ANS
    out.bits(2, 0)  # of up to 32 symbols
    out.bits(6, 0)  # two configurations: only 0 is its own token
    for _ in range(2):
        for value, width in (0, 1), (1, 1), (1, 1), (3, 3), (0, 3):  # flat, 9 symbols
            out.bits(width, value)
    _ans(out, coded)
    return out


def _header(icc: bytes) -> bytes:
    """ISO 18181-1, E.4.3, for profiles of Apple."""
    head = bytearray(128)
    head[:4], head[8], head[12:24], head[36:40] = icc[:4], 4, b"mntrRGB XYZ ", b"acsp"
    head[41:44], head[70:72], head[73], head[78:80], head[80:84] = b"PPL", b"\xf6\xd6", 1, b"\xd3\x2d", icc[4:8]
    return bytes(head)


def _ans(out: FieldWriter, coded: bytes) -> None:
    """Encode backwards, then write forwards: the state first, and a word wherever the decoder will want one."""
    symbols, offsets, counts = _alias([4096 // 9 + (k < 4096 % 9) for k in range(9)], 5)
    slot = {pair: k for k, pair in enumerate(zip(symbols, offsets, strict=True))}
    of = [counts[symbols.index(token)] for token in range(9)]
    state, words = 0x130000, [None] * len(coded)
    for k in range(len(coded) - 1, -1, -1):
        token = coded[k].bit_length()
        if state >= of[token] << 20:
            words[k], state = state & 0xFFFF, state >> 16
        state = state // of[token] << 12 | slot[token, state % of[token]]
    out.bits(32, state)
    for byte, word in zip(coded, words, strict=True):
        if word is not None:
            out.bits(16, word)
        if byte > 1:
            out.bits(byte.bit_length() - 1, byte)


# A tag that is not there, a table that runs out, an unknown command, integers of 3 bytes, of order 3, too far apart
BROKEN_COMMANDS = (
    b"",
    b"\2",
    b"\2\x15",
    b"\2\1",
    b"\0\5",
    b"\0\1\x7f",
    b"\0\4\2\1",
    b"\0\4\x0c\1",
    b"\0\4\x10\x7f\1",
    b"\0\4",
)


def longer(icc: bytes, tail: bytes) -> bytes:
    """A profile with bytes behind its tags."""
    return (len(icc) + len(tail)).to_bytes(4, "big") + icc[4:] + tail


def _stream(icc: bytes, commands: bytes, data: bytes) -> bytes:
    """An ICC stream: sizes, commands, the header's differences, data."""
    sizes = b"".join(bytes([size & 127 | 128, size >> 7]) for size in (len(icc), len(commands)))
    head = bytes(byte - guess & 255 for byte, guess in zip(icc, _header(icc), strict=False))
    return sizes + commands + head + data


def tag_commands() -> tuple[bytes, bytes]:
    """An ICC stream that predicts its tag table, and its profile: E.4.4 of ISO 18181-1, by hand."""
    old = profile(OWN, 1.9)
    parts = {b"desc": (b"desc", 104), b"cprt": (b"text", 24), b"wtpt": (b"XYZ ", 20)}
    table, at = b"", 132 + 10 * 12
    for name in (b"desc", b"cprt", b"wtpt", b"rXYZ", b"gXYZ", b"bXYZ"):
        size = parts.get(name, (b"", 20))[1]
        table, at = table + struct.pack(">4sII", name, at, size), at + size
    for name in (b"rTRC", b"gTRC", b"bTRC"):
        table += struct.pack(">4sII", name, at, 14)
    table += struct.pack(">4sII", b"priv", at + 16, 4)
    body = bytes(k * 7 % 256 for k in range(at + 20 - 132 - 120))
    new = longer(old[:128], struct.pack(">I", 10) + table + body)
    far = bytes([at & 127 | 128, at >> 7])
    private = bytes([at + 16 & 127 | 128, at + 16 >> 7])
    commands = b"\x0b\xd0\xfc\1\x68\x84\x18\5\3\xc2" + far + b"\x0e\xc1" + private + b"\4\0"
    commands += b"\1" + bytes([len(body) & 127 | 128, len(body) >> 7])
    return _stream(new, commands, b"priv" + body), new


def data_commands(icc: bytes) -> bytes:
    """An ICC stream that ends in every command of E.4.5 of ISO 18181-1."""
    commands = b"\0\1" + bytes([len(icc) - 128 & 127 | 128, len(icc) - 128 >> 7])
    commands += b"\2\7\3\x0a"  # 7 bytes in two planes, 10 in four
    commands += b"\4\0\5\4\4\5\4\x08\5"  # bytes, each order
    commands += b"\4\1\7\4\5\7\4\x19\6\7"  # 16 bits, the last order 2 with a stride of 6
    commands += b"\4\3\x0a\4\x17\x08\x0a\4\x0b\x0b"  # 32 bits, the middle with a stride of 8
    commands += b"\x0a" + bytes(range(16, 24))
    data = bytes(k * 91 % 253 for k in range(7 + 10 + 15 + 21 + 31 + 12))
    size = len(data) + 8 + 8 * 8
    return _stream(longer(icc, bytes(size)), commands, icc[128:] + data)
