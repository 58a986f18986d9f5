"""JPEG (ITU-T T.81, JFIF 1.02, Exif 2.32): segments, scans, and whatever cameras leave behind the end.

Kept: the tables that a scan uses, the frame and scan headers, the entropy-coded data, the colour transform
(JFIF, Adobe APP14 cut to its 12 bytes), a clean ICC profile and, where the picture has to be turned, a one-tag Exif.
The order written is libjpeg's, so that a plain encoder's output is already clean.
"""

from __future__ import annotations

import re
from dataclasses import replace
from typing import Any

import numpy as np

from rmexif import icc
from rmexif.containers.common.orientation import orientation, orientation_only
from rmexif.containers.jpeg.rewrite import Step, Tree, copied, reads, settled, slots, suspicious
from rmexif.containers.jpeg.scan import Component, Frame, Scan
from rmexif.cursor import Cursor
from rmexif.errors import MalformedImage, UnsupportedFeature
from rmexif.residuals import Residual
from rmexif.types import Colour, Container, Limits, Part, PayloadKind, Role

__all__ = ["matches", "parse", "rewrite"]

SOI, EOI, SOS, DQT, DHT, DAC, DRI, DNL, COM = 0xD8, 0xD9, 0xDA, 0xDB, 0xC4, 0xCC, 0xDD, 0xDC, 0xFE
FRAMES = frozenset({0xC0, 0xC1, 0xC2, 0xC3, 0xC9, 0xCA, 0xCB})  # T.81, table B.1, without the hierarchical ones
HIERARCHICAL = frozenset({0xC5, 0xC6, 0xC7, 0xCD, 0xCE, 0xCF, 0xDE, 0xDF})
NAMES = {SOI: "SOI", EOI: "EOI", SOS: "SOS", DQT: "DQT", DHT: "DHT", DAC: "DAC", DRI: "DRI", DNL: "DNL", COM: "COM"}

# JFIF 1.01, aspect ratio 1:1, no thumbnail: the version and density that libjpeg writes by default.
JFIF = b"\xff\xe0\x00\x10JFIF\0\x01\x01\x00\x00\x01\x00\x01\x00\x00"
EXIF, XMP, ICC = b"Exif\0\0", b"http://ns.adobe.com/xap/1.0/\0", b"ICC_PROFILE\0"
ICC_CHUNK = 65519  # byte of profile in one APP2 segment (ICC.1:2022, B.4)
WINDOW = 256 << 10  # byte of entropy-coded data searched for markers at a time: what a processor's cache holds
CONDITIONING = (0x10, 5)  # of a DC slot and of an AC slot that no DAC speaks of (T.81, F.1.4.4.1.4, F.1.4.4.2.1)
RGB = tuple(b"RGB")  # component identifiers from which libjpeg takes the colour space

# What an APPn payload is, by its first bytes: (marker, prefix, payload kind, bytes to skip, role).
APPLICATIONS: tuple[tuple[int, bytes, PayloadKind, int, Role], ...] = (
    (0xE0, b"JFXX\0", PayloadKind.PICTURE, 6, Role.AUXILIARY),
    (0xE1, EXIF, PayloadKind.EXIF, 6, Role.METADATA),
    (0xE1, XMP, PayloadKind.XMP, len(XMP), Role.METADATA),
    (0xE1, b"http://ns.adobe.com/xmp/extension/\0", PayloadKind.XMP, 75, Role.METADATA),
    (0xE2, ICC, PayloadKind.ICC, 14, Role.METADATA),
    (0xE2, b"MPF\0", PayloadKind.MPF, 4, Role.AUXILIARY),
    (0xE2, b"urn:iso:std:iso:ts:21496:-1\0", PayloadKind.PICTURE, 0, Role.AUXILIARY),
    (0xEB, b"JP", PayloadKind.JUMBF, 8, Role.METADATA),
    (0xED, b"Photoshop 3.0\0", PayloadKind.IPTC, 14, Role.METADATA),
)


def matches(head: bytes) -> bool:
    """SOI and the first byte of a marker (T.81, B.1.1.3)."""
    return head[:3] == b"\xff\xd8\xff"


def parse(view: memoryview, limits: Limits) -> Container[Any]:
    """Walk the segments of the first image in the file, up to its EOI.

    Raises:
        MalformedImage: a segment is broken or the end is missing.
        UnsupportedFeature: hierarchical coding, or a height that is given after the picture (DNL).
        LimitExceeded: more pixels or segments than allowed.
    """
    return _Reader(view, limits).read()


class _Reader:
    """One pass over a file."""

    def __init__(self, view: memoryview, limits: Limits) -> None:
        self.view, self.limits = view, limits
        self.cursor = Cursor(view, "jpeg")
        self.parts: list[Part] = []
        self.tree = Tree()
        self.quants: dict[int, bytes] = {}
        self.huffmans: dict[int, bytes] = {}
        self.conditioning: dict[int, int] = {}
        self.restart = 0
        self.exif = self.xmp = 0  # orientation found there
        self.chunks: dict[int, tuple[int, bytes]] = {}
        self.sources: dict[tuple[int, int, bytes], int] = {}  # table -> index of the part that defines it
        self.tables: dict[int, list[tuple[int, int, bytes]]] = {}  # part -> tables in it
        self.residuals = {Residual.JPEG_QUANTISATION_TABLES}

    def add(
        self, kind: str, role: Role, start: int, end: int, payload: PayloadKind | None = None, skip: int = 0
    ) -> None:
        if end > start:
            self.parts.append(Part(kind, role, start, end - start, payload, skip))
            self.limits.check("max_parts", len(self.parts))

    def read(self) -> Container[Any]:
        self.cursor.skip(2)
        self.add("SOI", Role.STRUCTURE, 0, 2)
        while True:
            marker, start = self.next_marker()
            if marker == EOI:
                self.add("EOI", Role.STRUCTURE, start, start + 2)
                break
            self.segment(marker, start)
        if self.tree.frame is None or not self.tree.steps:
            raise MalformedImage("jpeg: no picture before EOI")
        self.add("trailer", Role.TRAILER, self.cursor.offset, len(self.view), PayloadKind.TRAILER)
        self.assemble_profile()
        if copied(self.view, self.tree):
            self.residuals.add(Residual.JPEG_ENTROPY_SLACK)
        orientation = self.exif or self.xmp or 1
        frame = self.tree.frame
        container = Container(
            "jpeg",
            frame.width,
            frame.height,
            tuple(self.parts),
            orientation=orientation,
            colour=Colour(icc=self.tree.icc),
            residuals=tuple(sorted(self.residuals)),
            tree=self.tree,
        )
        return self.judge(container)

    def next_marker(self) -> tuple[int, int]:
        """Step over fill bytes and stray bytes; they become gaps."""
        start = self.cursor.offset
        found = _MARKER.search(self.view, start)
        if found is None:
            raise MalformedImage(f"jpeg: no marker after byte {start}; the end (EOI) is missing")
        self.add("gap", Role.GAP, start, found.end() - 2, PayloadKind.UNKNOWN)
        self.cursor.offset = found.end()
        return self.view[found.end() - 1], found.end() - 2

    def segment(self, marker: int, start: int) -> None:
        if marker in HIERARCHICAL:
            raise UnsupportedFeature("jpeg: hierarchical coding is refused; no common decoder shows it")
        if marker == 0x01 or 0xD0 <= marker <= 0xD8:
            self.add(f"marker {marker:02X}", Role.GAP, start, start + 2)
            return
        name = NAMES.get(marker) or (f"APP{marker - 0xE0}" if marker & 0xF0 == 0xE0 else f"marker {marker:02X}")
        self.cursor.name = f"jpeg: segment {name} at byte {start}"
        length = self.cursor.u16()
        if length < 2:
            raise MalformedImage(f"jpeg: segment {name} at byte {start} has a length of {length}")
        body = self.cursor.child(length - 2, self.cursor.name)
        end = body.end
        if marker in FRAMES:
            self.frame_header(marker, body, start)
        elif marker == SOS:
            self.scan(body, start)
        elif marker in (DQT, DHT, DAC, DRI):
            self.table(marker, body, start)
        elif 0xE0 <= marker <= 0xEF:
            self.application(marker, name, start, end)
        else:
            self.add(
                name,
                Role.METADATA if marker == COM else Role.UNKNOWN,
                start,
                end,
                PayloadKind.TEXT if marker == COM else PayloadKind.UNKNOWN,
                4,
            )

    def frame_header(self, marker: int, body: Cursor, start: int) -> None:
        if self.tree.frame is not None:
            raise MalformedImage(f"jpeg: a second frame header at byte {start}")
        precision, height, width, count = body.u8(), body.u16(), body.u16(), body.u8()
        if not height:
            raise UnsupportedFeature("jpeg: the height comes after the picture (DNL); no common decoder shows it")
        if not width or not 1 <= count <= 4 or precision not in (8, 12, 16) or body.left < 3 * count:
            raise MalformedImage(f"jpeg: the frame header at byte {start} makes no sense")
        components = []
        for _ in range(count):
            ident, sampling, quant = body.u8(), body.u8(), body.u8()
            components.append(Component(ident, sampling >> 4, sampling & 15, quant))
            if not (1 <= components[-1].h <= 4 and 1 <= components[-1].v <= 4 and quant <= 3):
                raise MalformedImage(f"jpeg: the frame header at byte {start} has a component with impossible sampling")
        if count == 1:  # one component is not interleaved, whatever its sampling (T.81, A.2.2)
            components = [replace(components[0], h=1, v=1)]
        if len({c.ident for c in components}) < count:
            raise MalformedImage(f"jpeg: the frame header at byte {start} names a component twice")
        self.limits.check("max_pixels", width * height)
        self.tree.frame = Frame(marker, precision, width, height, tuple(components))
        self.add(f"SOF{marker - 0xC0}", Role.STRUCTURE, start, body.end)

    def table(self, marker: int, body: Cursor, start: int) -> None:
        index = len(self.parts)
        self.add(NAMES[marker], Role.STRUCTURE, start, body.end)
        if marker == DRI:
            self.restart = body.u16()
            return
        found = self.tables.setdefault(index, [])
        while body.left:
            head = body.u8()
            slot, high = head & 15, head >> 4
            if slot > 3 or high > 1:
                raise MalformedImage(f"jpeg: segment {NAMES[marker]} at byte {start} names slot {slot} of class {high}")
            if marker == DAC:
                self.conditioning[head] = _conditioning(high, body.u8(), start)
                continue
            if marker == DQT:
                entry = bytes([head]) + body.bytes(128 if high else 64)
                self.quants[slot] = entry
                key = (DQT, slot, entry)
            else:
                counts = body.bytes(16)
                if sum(counts) > 256:
                    raise MalformedImage(f"jpeg: segment DHT at byte {start} has a table of {sum(counts)} codes")
                entry = bytes([head]) + counts + body.bytes(sum(counts))
                self.huffmans[head] = entry
                self.tree.places.setdefault(entry, start)
                key = (DHT, head, entry)
            found.append(key)

    def scan(self, body: Cursor, start: int) -> None:
        frame = self.tree.frame
        if frame is None:
            raise MalformedImage(f"jpeg: a scan at byte {start} before the frame header")
        count = body.u8()
        by_ident = {c.ident: c for c in frame.components}
        pairs = [(body.u8(), body.u8()) for _ in range(count)] if 1 <= count <= 4 else []
        if not pairs or any(ident not in by_ident for ident, _ in pairs) or len({i for i, _ in pairs}) < count:
            raise MalformedImage(f"jpeg: the scan at byte {start} names components that the frame has not")
        first, last, approximation = body.u8(), body.u8(), body.u8()
        if frame.lossless:
            last, approximation = 0, approximation & 15
        elif not frame.progressive:
            first, last, approximation = 0, 63, 0  # T.81, B.2.3: the only values that a sequential scan may have
        if frame.progressive and (first > last or last > 63 or (first and count > 1)):
            raise MalformedImage(f"jpeg: the scan at byte {start} has an impossible spectral selection")
        dc, ac = reads(frame, first, last, approximation >> 4)
        scan = Scan(
            tuple(by_ident[ident] for ident, _ in pairs),
            tuple((tables >> 4 if dc else 0, tables & 15 if ac else 0) for _, tables in pairs),
            first,
            last,
            approximation >> 4,
            approximation & 15,
        )
        if max(max(pair) for pair in scan.tables) > 3:
            raise MalformedImage(f"jpeg: the scan at byte {start} names a table slot that there is not")
        # An interval that the scan does not fill is none, whatever its number.
        interval = self.restart if self.restart < scan.count(frame) else 0
        step = Step(scan, dict(self.quants), dict(self.huffmans), dict(self.conditioning), interval)
        self.add("SOS", Role.STRUCTURE, start, body.end)
        self.entropy(step, body.end)
        self.tree.steps.append(step)

    def entropy(self, step: Step, start: int) -> None:
        """The scan's data runs to the next marker that is no restart (T.81, B.1.1.5)."""
        assert self.tree.frame is not None
        wanted = -(-step.scan.count(self.tree.frame) // step.interval) if step.interval else 1
        cuts, end = _markers(self.view, start)
        begin = start
        for cut in cuts[: wanted - 1]:
            step.data.append((begin, cut))
            begin = cut + 2
        stop = cuts[wanted - 1] if len(cuts) >= wanted else end
        step.data.append((begin, stop))
        self.add("scan", Role.PIXELS, start, stop)
        self.add("gap", Role.GAP, stop, end, PayloadKind.UNKNOWN)  # restarts after the last MCU: shown to nobody
        self.cursor.offset = end

    def application(self, marker: int, name: str, start: int, end: int) -> None:
        body = self.view[start + 4 : end]
        head = bytes(body[:48])
        early = not self.tree.steps  # what comes after the first scan tells a decoder nothing about colours
        if marker == 0xE0 and head[:5] == b"JFIF\0" and len(body) >= 14:
            self.tree.jfif |= early
            clean = early and self.view[start:end] == JFIF
            thumbnail = len(body) > 14
            self.add(
                "APP0/JFIF",
                Role.STRUCTURE if clean else Role.METADATA,
                start,
                end,
                PayloadKind.PICTURE if thumbnail else PayloadKind.DENSITY,
                18 if thumbnail else 11,
            )
            return
        if marker == 0xEE and head[:5] == b"Adobe" and len(body) >= 12:
            self.tree.adobe = body[11] if early else self.tree.adobe
            clean = early and self.view[start:end] == _adobe(body[11])
            self.add("APP14/Adobe", Role.COLOUR if clean else Role.METADATA, start, end, PayloadKind.UNKNOWN, 4)
            return
        for number, prefix, payload, skip, role in APPLICATIONS:
            if marker == number and head.startswith(prefix):
                self.known(name, payload, role, start, end, skip)
                return
        self.add(name, Role.METADATA, start, end, PayloadKind.UNKNOWN, 4)

    def known(self, name: str, payload: PayloadKind, role: Role, start: int, end: int, skip: int) -> None:
        body = self.view[min(end, start + 4 + skip) : end]
        if payload == PayloadKind.EXIF and not self.exif:
            self.exif = orientation(bytes(body))
            if bytes(body) == orientation_only(self.exif) and self.exif > 1:
                role = Role.ORIENTATION
        elif payload == PayloadKind.XMP and not self.xmp:
            # Only read where Exif says nothing: some editors write the turn into XMP alone.
            found = _XMP_ORIENTATION.search(body)
            self.xmp = int(found[1]) if found else 0
        elif payload == PayloadKind.ICC:
            number, total = self.view[start + 16 : start + 18] if end - start >= 18 else (0, 0)
            self.chunks.setdefault(number, (total, bytes(body)))
        self.add(f"{name}/{_LABELS.get(payload, payload.value)}", role, start, end, payload, 4 + skip)

    def assemble_profile(self) -> None:
        """Join the chunks of the profile (ICC.1:2022, B.4); an incomplete one is no profile."""
        if not self.chunks:
            return
        total = next(iter(self.chunks.values()))[0]
        if sorted(self.chunks) == list(range(1, total + 1)):
            self.tree.icc = b"".join(self.chunks[n][1] for n in range(1, total + 1))
        if self.tree.icc is not None and icc.is_clean(self.tree.icc):
            self.parts = [replace(p, role=Role.COLOUR) if p.payload == PayloadKind.ICC else p for p in self.parts]

    def judge(self, container: Container[Any]) -> Container[Any]:
        """Mark the tables that no scan uses, and those with bytes that are no symbols."""
        wanted = set()
        for step in self.tree.steps:
            assert self.tree.frame is not None
            wanted |= {(DQT, c.quant, step.quants.get(c.quant)) for c in step.scan.components}
            wanted |= {(DHT, s, step.huffmans.get(s)) for s in slots(self.tree.frame, step.scan)}
        parts = list(container.parts)
        for index, tables in self.tables.items():
            old = parts[index]
            if old.label != "DAC" and not all(key in wanted for key in tables):
                label = "unused"
            elif old.label == "DHT" and any(suspicious(self.tree, entry) for _, _, entry in tables):
                label = "no symbols"
            else:
                continue
            parts[index] = replace(
                old, label=f"{old.label} ({label})", role=Role.UNKNOWN, payload=PayloadKind.UNKNOWN, body_offset=4
            )
        return replace(container, parts=tuple(parts))


_MARKER = re.compile(rb"\xff[^\x00\xff]", re.DOTALL)
_XMP_ORIENTATION = re.compile(rb"tiff:Orientation(?:=[\"']|>)([1-8])\D")
_LABELS = {
    PayloadKind.EXIF: "Exif",
    PayloadKind.XMP: "XMP",
    PayloadKind.ICC: "ICC",
    PayloadKind.MPF: "MPF",
    PayloadKind.JUMBF: "JUMBF",
    PayloadKind.IPTC: "Photoshop",
}


def _markers(view: memoryview, start: int) -> tuple[list[int], int]:
    """Restart markers after ``start``, and the first other marker (its 0xFF), or MalformedImage where none comes."""
    cuts: list[int] = []
    for base in range(start, len(view), WINDOW):
        data = np.frombuffer(view[base : base + WINDOW + 1], np.uint8)
        marks = data[:-1] == 0xFF
        np.logical_and(marks, data[1:], out=marks)
        if not marks.any():
            continue
        hits = np.flatnonzero(marks)
        for position, code in zip((hits + base).tolist(), data[hits + 1].tolist(), strict=True):
            if 0xD0 <= code <= 0xD7:
                cuts.append(position)
            elif code != 0xFF:
                return cuts, position
    raise MalformedImage(f"jpeg: the scan at byte {start} runs to the end of the file; the end (EOI) is missing")


def _conditioning(high: int, value: int, start: int) -> int:
    """A checked DAC value (T.81, B.2.4.3): bounds L and U of a DC slot, Kx of an AC slot."""
    if not (1 <= value <= 63 if high else value & 15 <= value >> 4):
        raise MalformedImage(f"jpeg: segment DAC at byte {start} has an impossible value")
    return value


def _adobe(transform: int) -> bytes:
    return b"\xff\xee\x00\x0eAdobe\x00\x64\x00\x00\x00\x00" + bytes([transform])


def _segment(marker: int, body: bytes) -> bytes:
    return bytes([0xFF, marker]) + (len(body) + 2).to_bytes(2, "big") + body


def _names(tree: Tree) -> dict[int, int]:
    """What is written for each component identifier: 1, 2, 3 ..., except where "RGB" says which colours these are.

    By the rules of libjpeg-turbo, which looks at the identifiers of three components where no JFIF segment and no
    colour transform decides; other versions of libjpeg do so beside an Adobe segment as well.
    """
    assert tree.frame is not None
    found = tuple(component.ident for component in tree.frame.components)
    if found == RGB and not tree.jfif and not tree.adobe:
        return {ident: ident for ident in found}
    return {ident: number for number, ident in enumerate(found, 1)}


def _process(tree: Tree) -> int:
    """The frame marker: baseline where the tables are those of baseline, whatever the file says; as libjpeg does it."""
    frame = tree.frame
    assert frame is not None
    if frame.sof not in (0xC0, 0xC1):
        return frame.sof
    baseline = frame.precision == 8
    for step in tree.steps:  # T.81, B.2.2, table B.1: two slots of each class, quantisation values of 8 bit
        quants = [step.quants.get(component.quant, b"\0") for component in step.scan.components]
        baseline &= all(slot & 15 < 2 for slot in slots(frame, step.scan)) and all(q[0] < 0x10 for q in quants)
    return 0xC0 if baseline else 0xC1


def _transform(tree: Tree) -> int:
    """The colour transform, as decoders understand it: none, YCbCr (three components) or YCCK (four)."""
    assert tree.frame is not None
    return {3: 1, 4: 2}.get(len(tree.frame.components), 0) if tree.adobe else 0


def rewrite(view: memoryview, container: Container[Any]) -> list[bytes | memoryview]:
    """The clean file: tables as they are used, headers rewritten, entropy-coded data cut at its last code."""
    tree: Tree = container.tree
    frame = tree.frame
    assert frame is not None
    out: list[bytes | memoryview] = [b"\xff\xd8"]
    if tree.jfif:
        out.append(JFIF)
    if tree.adobe is not None:
        out.append(_adobe(_transform(tree)))
    if container.orientation > 1:
        out.append(_segment(0xE1, EXIF + orientation_only(container.orientation)))
    profile = icc.clean(tree.icc) if tree.icc is not None else None
    if profile is not None:
        chunks = [profile[i : i + ICC_CHUNK] for i in range(0, len(profile), ICC_CHUNK)]
        out += [_segment(0xE2, ICC + bytes([n, len(chunks)]) + chunk) for n, chunk in enumerate(chunks, 1)]
    names = _names(tree)
    data, tables = settled(view, tree)
    written: dict[tuple[int, int], bytes] = {}
    said: dict[int, int] = {}  # conditioning written so far

    def define(marker: int, slot: int, entry: bytes | None) -> None:
        if entry is not None and written.get((marker, slot)) != entry:
            written[marker, slot] = entry
            out.append(_segment(marker, entry))

    for component in frame.components if tree.steps else ():
        define(DQT, component.quant, _first_quant(tree, component))
    header = (
        bytes([frame.precision])
        + frame.height.to_bytes(2, "big")
        + frame.width.to_bytes(2, "big")
        + bytes([len(frame.components)])
    )
    for component in frame.components:
        header += bytes([names[component.ident], component.h << 4 | component.v, component.quant])
    out.append(_segment(_process(tree), header))
    restart = 0
    seen: set[int] = set()
    for step, intervals in zip(tree.steps, data, strict=True):
        for component in step.scan.components:
            if component.ident not in seen:  # a decoder latches a component's table at its first scan
                seen.add(component.ident)
                define(DQT, component.quant, step.quants.get(component.quant))
        read = slots(frame, step.scan)
        if frame.arithmetic:
            known = [(slot, step.conditioning[slot]) for slot in read if slot in step.conditioning]
            news = [(slot, value) for slot, value in known if said.get(slot, CONDITIONING[slot >> 4]) != value]
            said.update(news)
            out += [_segment(DAC, b"".join(map(bytes, news)))] if news else []
        else:
            for slot in read:
                entry = step.huffmans.get(slot)
                define(DHT, slot, tables.get(entry, entry) if entry is not None else None)
        if step.interval != restart:
            restart = step.interval
            out.append(_segment(DRI, restart.to_bytes(2, "big")))
        out.append(_segment(SOS, _scan_header(step.scan, names)))
        for number, interval in enumerate(intervals):
            if number:
                out.append(bytes([0xFF, 0xD0 | (number - 1) % 8]))
            out.append(interval)
    out.append(b"\xff\xd9")
    return out


def _scan_header(scan: Scan, names: dict[int, int]) -> bytes:
    body = bytes([len(scan.components)])
    for component, (dc, ac) in zip(scan.components, scan.tables, strict=True):
        body += bytes([names[component.ident], dc << 4 | ac])
    return body + bytes([scan.start, scan.stop, scan.high << 4 | scan.low])


def _first_quant(tree: Tree, component: Component) -> bytes | None:
    for step in tree.steps:
        if component in step.scan.components:
            return step.quants.get(component.quant)
    return None
