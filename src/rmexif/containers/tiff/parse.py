"""TIFF 6.0 and BigTIFF: a new file with fresh directories, the fields that a decoder needs, and the picture data.

Pages stay; Exif, GPS, XMP, IPTC, Photoshop and private fields, previews and everything that no field points at go.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from rmexif.containers.common.parts import PartBuilder
from rmexif.containers.tiff import page as tags
from rmexif.containers.tiff.ifd import INTEGERS, TYPES, Directory, Entry, Reader, write
from rmexif.containers.tiff.page import Page, read_page
from rmexif.errors import InputError, MalformedImage, UnsupportedFeature
from rmexif.types import Colour, Container, Limits, PayloadKind, Role, TiffEntry

if TYPE_CHECKING:
    from collections.abc import Iterator

    from rmexif.containers.tiff.ifd import Value

__all__ = ["matches", "parse", "rewrite"]

SIGNATURES = (b"II*\0", b"MM\0*", b"II+\0", b"MM\0+")  # TIFF 6.0, page 13; BigTIFF
SUBIFDS, EXIF, GPS, INTEROP, DNG_VERSION = 330, 34665, 34853, 40965, 50706
RAW_PHOTOMETRICS = (32803, 34892)  # colour filter array, linear raw (DNG 1.7)
OLD_JPEG, EMBEDDED_IMAGE, THUMBNAIL_BYTES = 6, 513, 514
# Fields whose numbers say where something lies: written afresh, so their own bytes are mere structure.
PLACES = frozenset({tags.STRIPS, tags.STRIP_BYTES, tags.TILES, tags.TILE_BYTES, tags.ROWS_PER_STRIP})
ROLES = {tags.ORIENTATION: Role.ORIENTATION, tags.PROFILE: Role.COLOUR}
# Fields that are not written where they say what is true without them.
DEFAULTS = {tag: (default,) for tag, default, _ in tags.SINGLE} | {tags.FORMAT: (1,), tags.SUBFILE: (0, 2)}
PAYLOADS = {700: PayloadKind.XMP, 33723: PayloadKind.IPTC, 34377: PayloadKind.IPTC, tags.PROFILE: PayloadKind.ICC}


@dataclass(frozen=True, slots=True)
class _Tree:
    order: str
    big: bool
    pages: tuple[Page, ...]


def matches(head: bytes) -> bool:
    """Byte order and 42, or 43 for BigTIFF."""
    return head[:4] in SIGNATURES


def parse(view: memoryview, limits: Limits) -> Container[Any]:
    """Walk the chain of directories, and what each of them points at.

    Raises:
        MalformedImage: a directory or its strips are not in the file, or the chain is a loop.
        UnsupportedFeature: a camera RAW, old-style JPEG.
        LimitExceeded: more pages, pixels, fields or bytes than allowed.
    """
    reader = Reader(view, limits.max_parts)
    claims = PartBuilder(len(view), limits)
    claims.add("header", Role.STRUCTURE, 0, reader.size)
    chain = list(_chain(reader, limits))
    _refuse_raw(view, reader, chain)
    seen = {directory.offset for directory in chain}
    pages: list[Page] = []
    pixels = size = 0
    for number, directory in enumerate(chain):
        name = f"IFD{number}"
        if number and _reduced(reader, directory):
            _claim_other(reader, directory, name, Role.AUXILIARY, claims, seen)
            continue
        page = read_page(reader, directory, number, limits)
        pixels += page.width * page.height
        size += sum(map(len, page.chunks))
        limits.check("max_pixels", pixels)
        limits.check("max_bytes", size)
        pages.append(page)
        _claim_page(reader, page, name, claims, seen)
    first = pages[0]
    return Container(
        format="tiff",
        width=first.width,
        height=first.height,
        parts=claims.tile(),
        frames=len(pages),
        orientation=first.orientation,
        colour=Colour(icc=first.profile),
        residuals=tuple(sorted(set().union(*(page.residuals for page in pages)))),
        tree=_Tree(reader.order, reader.big, tuple(pages)),
    )


def rewrite(view: memoryview, container: Container[Any]) -> list[bytes | memoryview]:
    """The clean file: same byte order and offset size, pages in their order.

    Raises:
        UnsupportedFeature: strips in a coding that cannot be looked into.
    """
    del view  # the pages hold their clean data
    tree: _Tree = container.tree
    for page in tree.pages:
        if page.unread:
            raise UnsupportedFeature(f"tiff: compression {page.unread} cannot be cleaned without decoding the picture")
    return [write(tree.order, tree.big, [(page.fields, page.offsets, page.counts, page.chunks) for page in tree.pages])]


def _chain(reader: Reader, limits: Limits) -> Iterator[Directory]:
    """The directories, from the first one on."""
    offset, seen = reader.first, set[int]()
    if not offset:
        raise MalformedImage("tiff: no directory")
    while offset:
        if offset in seen:
            raise MalformedImage(f"tiff: the chain of directories comes back to byte {offset}")
        seen.add(offset)
        limits.check("max_frames", len(seen))
        directory = reader.directory(offset)
        yield directory
        offset = directory.next


def _numbers(reader: Reader, directory: Directory, tag: int) -> tuple[int, ...]:
    """The integers of a field; none where it is absent or broken."""
    for entry in directory.entries:
        if entry.tag == tag and entry.kind in INTEGERS and entry.end <= len(reader.view):
            return reader.numbers(entry)
    return ()


def _reduced(reader: Reader, directory: Directory) -> bool:
    """Whether a later directory is a thumbnail: it says so, or it is the JPEG preview of an Exif file (4.5.8)."""
    subfile = (*_numbers(reader, directory, tags.SUBFILE), 0)[0]
    old_subfile = (*_numbers(reader, directory, 255), 1)[0]
    compression = _numbers(reader, directory, tags.COMPRESSION)
    preview = bool(_numbers(reader, directory, EMBEDDED_IMAGE)) and OLD_JPEG in compression
    return bool(subfile & 1) or old_subfile == 2 or preview


def _refuse_raw(view: memoryview, reader: Reader, chain: list[Directory]) -> None:
    """A RAW holds previews beside sensor data in a maker's own coding: a lossless rewrite would be a guess."""
    raw = bytes(view[8:10]) == b"CR" and not reader.big
    for directory in chain:
        held = {entry.tag for entry in directory.entries}
        raw |= DNG_VERSION in held
        raw |= bool({*_numbers(reader, directory, tags.PHOTOMETRIC)} & set(RAW_PHOTOMETRICS))
    raw |= bool((*_numbers(reader, chain[0], tags.SUBFILE), 0)[0] & 1 and _numbers(reader, chain[0], SUBIFDS))
    if raw:
        raise UnsupportedFeature("tiff: a camera RAW is refused; develop it first")


def _claim_page(reader: Reader, page: Page, name: str, claims: PartBuilder, seen: set[int]) -> None:
    """Fields that stay are structure, colour or orientation where they are written as they stand."""
    directory = page.directory
    first = directory.entries[0].at if directory.entries else directory.end - reader.cell
    claims.add(name, Role.STRUCTURE, directory.offset, first)
    done: set[int] = set()
    for entry in directory.entries:
        kept = entry.tag in page.fields or entry.tag in (page.offsets, page.counts) or entry.tag in DEFAULTS
        kept &= entry.kind in TYPES and entry.end <= len(reader.view) and entry.tag not in done
        done.add(entry.tag)
        if kept and _as_written(reader, entry, page.fields.get(entry.tag)):
            role = ROLES.get(entry.tag, Role.STRUCTURE)
            claims.add(name, role, entry.at, entry.at + 4 + 2 * reader.cell)
            if not entry.inline:
                claims.add(f"{name}/{entry.tag}", role, entry.start, entry.end)
        else:
            _claim_entry(reader, entry, name, Role.METADATA, claims, seen)
    claims.add(name, Role.STRUCTURE, directory.end - reader.cell, directory.end)
    spans = [(entry.start, entry.end) for entry in directory.entries if not entry.inline and entry.tag in page.fields]
    for _, end in (*spans, *(place[:2] for place in page.places)):
        if end % 2 and not any(reader.view[end : end + 1]):
            claims.add(f"{name}/pad", Role.STRUCTURE, end, end + 1)
    for start, read, end, same in page.places:
        kind, role = ("picture", Role.PIXELS) if same else ("picture/padding", Role.UNKNOWN)
        claims.add(f"{name}/{kind}", role, start, read)
        claims.add(f"{name}/picture/surplus", Role.GAP, read, end)


def _as_written(reader: Reader, entry: Entry, value: Value | None) -> bool:
    """Whether a field says no more than its canonical form, or than its absence."""
    if reader.spare(entry):
        return False
    numbers = reader.numbers(entry)
    allowed = DEFAULTS.get(entry.tag, ())
    return entry.tag in PLACES or (value is not None and numbers == value[1]) or {*numbers} <= {*allowed}


def _claim_entry(reader: Reader, entry: Entry, name: str, role: Role, claims: PartBuilder, seen: set[int]) -> None:
    """A field that goes, with its value and the directories that it points at."""
    label = f"{name}/{entry.tag}"
    pointer = int(last) if (last := name.rpartition("/")[2]).isdigit() else 0
    payload = PAYLOADS.get(entry.tag, PayloadKind.TIFF_VALUE)
    value = TiffEntry(pointer, entry.tag, entry.kind, reader.order) if payload is PayloadKind.TIFF_VALUE else None
    end = entry.at + 4 + 2 * reader.cell
    if entry.inline:
        claims.add(label, role, entry.at, end, payload, 4 + reader.cell, entry=value)
    else:
        claims.add(f"{name}/fields", role, entry.at, end)
        claims.add(label, role, entry.start, entry.end, payload, entry=value)
    if entry.tag in (SUBIFDS, EXIF, GPS, INTEROP) and entry.kind in INTEGERS and entry.end <= len(reader.view):
        role = Role.AUXILIARY if entry.tag == SUBIFDS else role
        for number, offset in enumerate(reader.numbers(entry)[:64]):
            try:
                directory = None if offset in seen else reader.directory(offset)
            except InputError:  # it goes anyway: its bytes become a gap
                continue
            seen.add(offset)
            if directory is not None:
                path = f"{label}/{number}" if entry.tag == SUBIFDS else label
                _claim_other(reader, directory, path, role, claims, seen)


def _claim_other(
    reader: Reader, directory: Directory, name: str, role: Role, claims: PartBuilder, seen: set[int]
) -> None:
    """A directory that goes, with everything it points at; ``seen`` ends loops and the depth."""
    claims.add(name, role, directory.offset, directory.entries[0].at if directory.entries else directory.end)
    claims.add(name, role, directory.end - reader.cell, directory.end)
    for entry in directory.entries:
        if entry.kind in TYPES and name.count("/") < 8:
            _claim_entry(reader, entry, name, role, claims, seen)
    for starts, sizes in (
        (tags.STRIPS, tags.STRIP_BYTES),
        (tags.TILES, tags.TILE_BYTES),
        (EMBEDDED_IMAGE, THUMBNAIL_BYTES),
    ):
        places = zip(_numbers(reader, directory, starts), _numbers(reader, directory, sizes), strict=False)
        for start, size in places:
            claims.add(f"{name}/picture", Role.AUXILIARY, start, start + size, PayloadKind.PICTURE)
