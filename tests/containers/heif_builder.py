"""A small writer of HEIF and AVIF files for tests: every box by hand, strings and oddities wherever wanted."""

import io
import struct

from PIL import Image, ImageDraw

ESSENTIAL = (b"av1C", b"hvcC", b"irot", b"imir", b"clap")


def box(kind, *chunks):
    """A box."""
    body = b"".join(chunks)
    return struct.pack(">I4s", len(body) + 8, kind) + body


def full(kind, version, flags, *chunks):
    """A full box."""
    return box(kind, struct.pack(">I", version << 24 | flags), *chunks)


def boxes(data, start=0, end=None):
    """(type, start of body, end) of each box."""
    end = len(data) if end is None else end
    while start + 8 <= end:
        size, kind = struct.unpack(">I4s", data[start : start + 8])
        yield kind, start + 8, start + size
        start += size


def picture(width=64, height=64, shift=0):
    """A drawn picture."""
    image = Image.new("RGB", (width, height), (30 + shift, 90, 150))
    draw = ImageDraw.Draw(image)
    draw.rectangle((4 + shift % 20, 6, width // 2, height // 2), fill=(200, 80, 40))
    draw.line((0, height - 1, width - 1, 0), fill=(250, 250, 10), width=3)
    return image


def encoded(image, kind):
    """A file by the library's own encoder: kind is "AVIF" or "HEIF"."""
    out = io.BytesIO()
    if kind == "AVIF":
        image.save(out, "AVIF", quality=80, speed=8, max_threads=1)
    else:
        import pillow_heif

        pillow_heif.register_heif_opener()
        image.save(out, "HEIF", quality=80)
    return out.getvalue()


def coded(image, kind):
    """Coded data and configuration box of a picture that was just encoded, found without our own parser."""
    data = encoded(image, kind)
    top = {name: (start, end) for name, start, end in boxes(data)}
    start, end = top[b"meta"]
    meta = {name: (s, e) for name, s, e in boxes(data, start + 4, end)}
    ipco = next((s, e) for name, s, e in boxes(data, *meta[b"iprp"]) if name == b"ipco")
    wanted = b"av1C" if kind == "AVIF" else b"hvcC"
    config = next(data[s - 8 : e] for name, s, e in boxes(data, *ipco) if name == wanted)
    start, end = top[b"mdat"]
    return data[start:end], config


def ispe(width, height):
    """Size."""
    return full(b"ispe", 0, 0, struct.pack(">II", width, height))


def grid(rows, columns, width, height):
    """Data of a grid item."""
    return struct.pack(">BBBBHH", 0, 0, rows - 1, columns - 1, width, height)


class Heif:
    """Items, references and boxes; ``build`` puts them together."""

    def __init__(self, brands=b"avif\0\0\0\0avifmif1miaf", primary=1):
        self.brands, self.primary = brands, primary
        self.items, self.references = [], []
        self.name, self.inside, self.before, self.after = b"", b"", b"", b""
        self.junk = b""  # in the media data, before every extent

    def item(self, kind, data=b"", properties=(), name=b"", hidden=0, method=0, pieces=1, extra=b""):
        """Add an item; its number."""
        self.items.append((kind, data, tuple(properties), name, hidden, method, pieces, extra))
        return len(self.items)

    def refer(self, kind, source, *targets):
        """Add a reference."""
        self.references.append(box(kind, struct.pack(f">{2 + len(targets)}H", source, len(targets), *targets)))

    def meta(self, places, idat):
        """The meta box: iloc version 2 with 64-bit fields."""
        properties = list(dict.fromkeys(p for item in self.items for p in item[2]))
        rows = b"".join(
            struct.pack(">HB", number, len(item[2]))
            + bytes((p[4:8] in ESSENTIAL) << 7 | properties.index(p) + 1 for p in item[2])
            for number, item in enumerate(self.items, 1)
        )
        infe = [
            full(b"infe", 2, item[4], struct.pack(">HH", number, 0), item[0], item[3], b"\0", item[7])
            for number, item in enumerate(self.items, 1)
        ]
        iloc = b""
        for number, item in enumerate(self.items, 1):
            extents = places.get(number, [])
            iloc += struct.pack(">IHHQH", number, item[5], 0, 0, len(extents))
            iloc += b"".join(struct.pack(">QQQ", 1, *extent) for extent in extents)
        return full(
            b"meta", 0, 0,
            full(b"hdlr", 0, 0, bytes(4), b"pict", bytes(12), self.name, b"\0"),
            full(b"pitm", 0, 0, struct.pack(">H", self.primary)),
            full(b"iloc", 2, 0, b"\x88\x88", struct.pack(">I", len(self.items)), iloc),
            full(b"iinf", 0, 0, struct.pack(">H", len(infe)), *infe),
            full(b"iref", 0, 0, *self.references) if self.references else b"",
            box(b"iprp", box(b"ipco", *properties), full(b"ipma", 0, 0, struct.pack(">I", len(self.items)), rows)),
            box(b"idat", idat) if idat else b"",
            self.inside,
        )  # fmt: skip

    def build(self):
        """The file."""
        head = box(b"ftyp", self.brands) + self.before
        places, idat = {}, b""
        for number, item in enumerate(self.items, 1):
            if item[5] == 1:
                places[number] = [(len(idat), len(item[1]))]
                idat += item[1]
            elif item[5] == 2:
                places[number] = [item[1]]
            elif item[1]:
                places[number] = [(0, 0)] * item[6]
        start = len(head) + len(self.meta(places, idat)) + 8
        body = b""
        for number, item in enumerate(self.items, 1):
            if item[5] or not item[1]:
                continue
            step = -(-len(item[1]) // item[6])
            places[number] = []
            for at in range(0, len(item[1]), step):
                piece = item[1][at : at + step]
                body += self.junk
                places[number].append((start + len(body), len(piece)))
                body += piece
        return head + self.meta(places, idat) + box(b"mdat", body) + self.after
