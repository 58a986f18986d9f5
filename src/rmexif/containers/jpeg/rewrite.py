"""The clean file of a JPEG: tables where a scan first needs them, headers re-serialised, data cut at its last code.

The order of segments is libjpeg's, so that a plain encoder's output is clean already.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from rmexif import icc
from rmexif.containers.common.exif_block import EXIF_PREFIX
from rmexif.containers.common.orientation import orientation_only
from rmexif.containers.jpeg.application import ICC_CHUNK, ICC_PREFIX, adobe_segment, jfif_segment
from rmexif.containers.jpeg.segments import Marker

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping

    from rmexif.containers.jpeg.headers import Component, FrameHeader, ScanHeader
    from rmexif.containers.jpeg.parse import JpegTree
    from rmexif.containers.jpeg.scan import CleanScans, CodedImage, Scan
    from rmexif.types import Container

__all__ = ["frame_header", "rewrite", "scan_header", "segment"]

CONDITIONING = (0x10, 5)  # of a DC slot and of an AC slot without DAC (T.81, F.1.4.4.1.4, F.1.4.4.2.1)
RGB = tuple(b"RGB")  # component identifiers from which libjpeg takes the colour space
BASELINE_SLOTS = 2  # of each class (T.81, table B.5)


def rewrite(view: memoryview, container: Container[JpegTree]) -> list[bytes | memoryview]:
    """The clean file, as pieces to be joined.

    Raises:
        MalformedImage: a Huffman table has more codes than bits can tell apart.
        UnsupportedFeature: decoders make something of a scan that cannot be written.
    """
    tree = container.tree
    image = tree.image
    frame = image.frame
    scans = tree.scans
    if scans is None:
        assert tree.refusal is not None
        raise tree.refusal
    identifiers = _identifiers(tree)
    tables = _Tables(image, scans)
    out: list[bytes | memoryview] = [b"\xff\xd8", *_application(tree, container.orientation)]
    for component in frame.components:
        out += tables.quantisation(component)
    out.append(segment(_process(image, scans), frame_header(frame, identifiers)))
    seen: set[int] = set()
    for scan, huffmans, data in zip(image.scans, scans.huffmans, scans.data, strict=True):
        for component in scan.header.components:
            if component.ident not in seen:  # a decoder latches a component's table at its first scan
                seen.add(component.ident)
                out += tables.quantisation(component)
        out += tables.entropy(scan, huffmans)
        out.append(segment(Marker.SOS, scan_header(scan.header, identifiers)))
        out += data
    out.append(b"\xff\xd9")
    return out


class _Tables:
    """Gives the table segments that a scan needs: those that differ from what was defined before."""

    def __init__(self, image: CodedImage, scans: CleanScans) -> None:
        self.image, self.frame, self.quants = image, image.frame, scans.quants
        self.defined: dict[tuple[Marker, int], bytes] = {}
        self.conditioning: dict[int, int] = {}
        self.restart_interval = 0

    def quantisation(self, component: Component) -> Iterator[bytes]:
        """DQT of a component."""
        entry = self.image.latched(component)
        yield from self._define(Marker.DQT, component.quant, entry and self.quants.get(entry, entry))

    def entropy(self, scan: Scan, huffmans: dict[int, bytes]) -> Iterator[bytes]:
        """DHT or DAC of a scan, and DRI."""
        slots = scan.header.slots(self.frame)
        if self.frame.arithmetic:
            yield from self._condition([(slot, scan.conditioning[slot]) for slot in slots if slot in scan.conditioning])
        else:
            for slot in slots:
                yield from self._define(Marker.DHT, slot, huffmans.get(slot, scan.huffmans.get(slot)))
        if scan.restart_interval != self.restart_interval:
            self.restart_interval = scan.restart_interval
            yield segment(Marker.DRI, self.restart_interval.to_bytes(2, "big"))

    def _define(self, marker: Marker, slot: int, entry: bytes | None) -> Iterator[bytes]:
        if entry is not None and self.defined.get((marker, slot)) != entry:
            self.defined[marker, slot] = entry
            yield segment(marker, entry)

    def _condition(self, values: list[tuple[int, int]]) -> Iterator[bytes]:
        changed = [
            (slot, value) for slot, value in values if self.conditioning.get(slot, CONDITIONING[slot >> 4]) != value
        ]
        if changed:
            self.conditioning.update(changed)
            yield segment(Marker.DAC, b"".join(map(bytes, changed)))


def segment(marker: int, body: bytes) -> bytes:
    """A marker segment with its length (T.81, B.1.1.4)."""
    return bytes([0xFF, marker]) + (len(body) + 2).to_bytes(2, "big") + body


def _application(tree: JpegTree, orientation: int) -> Iterator[bytes]:
    """JFIF, Adobe, Exif with nothing but an orientation, and the clean profile."""
    if tree.jfif is not None:
        yield jfif_segment(tree.jfif)
    if tree.adobe_transform is not None:
        yield adobe_segment(_transform(tree))
    if orientation > 1:
        yield segment(Marker.APP1, EXIF_PREFIX + orientation_only(orientation))
    profile = icc.clean(tree.profile) if tree.profile is not None else None
    if profile is not None:
        chunks = [profile[at : at + ICC_CHUNK] for at in range(0, len(profile), ICC_CHUNK)]
        for number, chunk in enumerate(chunks, 1):
            yield segment(Marker.APP2, ICC_PREFIX + bytes([number, len(chunks)]) + chunk)


def _identifiers(tree: JpegTree) -> dict[int, int]:
    """What is written for each component identifier: 1, 2, 3 ..., except where "RGB" says which colours these are.

    By the rules of libjpeg-turbo, which looks at the identifiers of three components where no JFIF segment and no
    colour transform decides; other versions of libjpeg do so beside an Adobe segment as well.
    """
    found = tuple(component.ident for component in tree.image.frame.components)
    if found == RGB and tree.jfif is None and not tree.adobe_transform:
        return {ident: ident for ident in found}
    return {ident: number for number, ident in enumerate(found, 1)}


def _process(image: CodedImage, scans: CleanScans) -> int:
    """The frame marker: baseline where the tables are those of baseline, whatever the file says; as libjpeg does it."""
    frame = image.frame
    if frame.sof not in (Marker.SOF0, Marker.SOF1):
        return frame.sof
    baseline = frame.precision == 8
    for scan in image.scans:  # T.81, table B.1: quantisation values of 8 bit, and two slots of each class
        baseline &= all(slot & 15 < BASELINE_SLOTS for slot in scan.header.slots(frame))
    for component in frame.components:
        entry = image.latched(component)
        baseline &= entry is None or scans.quants.get(entry, entry)[0] >> 4 == 0
    return Marker.SOF0 if baseline else Marker.SOF1


def _transform(tree: JpegTree) -> int:
    """The colour transform, as decoders understand it: none, YCbCr (three components) or YCCK (four)."""
    return {3: 1, 4: 2}.get(len(tree.image.frame.components), 0) if tree.adobe_transform else 0


def frame_header(frame: FrameHeader, identifiers: Mapping[int, int]) -> bytes:
    """Content of a frame header (T.81, B.2.2); an identifier that is not named stays."""
    body = bytes([frame.precision]) + frame.height.to_bytes(2, "big") + frame.width.to_bytes(2, "big")
    body += bytes([len(frame.components)])
    for component in frame.components:
        body += bytes(
            [identifiers.get(component.ident, component.ident & 0xFF), component.h << 4 | component.v, component.quant]
        )
    return body


def scan_header(header: ScanHeader, identifiers: Mapping[int, int]) -> bytes:
    """Content of a scan header (T.81, B.2.3); an identifier that is not named stays."""
    body = bytes([len(header.components)])
    for component, (dc, ac) in zip(header.components, header.tables, strict=True):
        body += bytes([identifiers.get(component.ident, component.ident & 0xFF), dc << 4 | ac])
    return body + bytes([header.start, header.stop, header.high << 4 | header.low])
