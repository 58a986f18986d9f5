"""The picture of a camera RAW that is taken: by signatures of makers, or, in the structure of TIFF, by its directories.

No maker has published these; what is read is what ExifTool, LibRaw and exiv2 document alike: where the camera's own
JPEG lies, what the sensor measures, and how the camera was held.
"""

from __future__ import annotations

from contextlib import suppress
from typing import TYPE_CHECKING

from rmexif.containers.common.boxes import box_at
from rmexif.containers.decode_only import raw_signatures as signatures
from rmexif.containers.tiff import camera_raw as tiff
from rmexif.containers.tiff.camera_raw import CameraRaw, RawJpeg, choose, directories, jpegs, numbers, read_jpeg
from rmexif.containers.tiff.ifd import TiffReader
from rmexif.containers.tiff.tags import Tag
from rmexif.cursor import Cursor
from rmexif.errors import InputError, MalformedImage

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

    from rmexif.containers.common.boxes import BoxAt

__all__ = ["read_camera_raw"]

Size = tuple[int, int]
MAGICS = (0x4F52, 0x5352, 0x55)  # in the place of 42: RO and RS of Olympus, U of Panasonic
MAX_BOXES = 64  # in one box; a camera writes some ten
MAX_SECTIONS = 64  # of an X3F; a camera writes some ten
MAX_RECORDS = 1024  # of an RAF; a camera writes some hundred
CANON_BLOCKS = bytes.fromhex("85c0b687820f11e08111f4ce462b6a48")  # of the box uuid that holds CMT1 and others
RAF_JPEG = 84  # byte: offset and length of the JPEG; behind them of the records about the sensor
RAF_FULL, RAF_CROPPED = 0x100, 0x111  # records: height and width of the sensor, and of what is shown
PANASONIC_WIDTH, PANASONIC_HEIGHT, PANASONIC_JPEG = 2, 3, 0x2E
SAMPLE_SIZE = 24  # byte: from the body of a visual sample entry to its width (ISO 14496-12, 12.1.3)
X3F_JPEG = 18  # format of a picture section
X3F_SIZE, X3F_LAST = 28, 4  # byte: columns, rows and rotation of versions below 4; the pointer at the end of the file
X3F_WITHOUT_SIZE = 4  # version
X3F_TURNS = {0: 1, 90: 6, 180: 3, 270: 8}  # degrees: orientation


def read_camera_raw(view: memoryview) -> CameraRaw:
    """The picture of a RAW that is taken: a JPEG of full size, or the sensor's.

    Raises:
        MalformedImage: there is neither.
    """
    head = bytes(view[:16])
    for signature, at, read in READERS:
        if head[at:].startswith(signature):
            return read(view)
    return tiff.read_camera_raw(view)


def _fujifilm(view: memoryview) -> CameraRaw:
    """RAF: offsets behind the names of camera and firmware; the JPEG's own Exif says how it is turned."""
    cursor = Cursor(view, "raw RAF header", RAF_JPEG)
    start, length, records, _ = (cursor.u32() for _ in range(4))
    return choose(_fujifilm_sensor(view, records), _jpegs_at(view, [(start, length)]), None)


def _fujifilm_sensor(view: memoryview, start: int) -> Size:
    """The records: a tag, a length, and the numbers."""
    cursor, sizes = Cursor(view, "raw RAF records", min(start, len(view))), dict[int, Size]()
    with suppress(MalformedImage):
        for _ in range(min(cursor.u32(), MAX_RECORDS)):
            tag, length = cursor.u16(), cursor.u16()
            record = cursor.child(length, "raw RAF record")
            if tag in (RAF_FULL, RAF_CROPPED):
                height, width = record.u16(), record.u16()
                sizes[tag] = width, height
    return sizes.get(RAF_FULL, sizes.get(RAF_CROPPED, (0, 0)))


def _olympus(view: memoryview) -> CameraRaw:
    """ORF: directories of TIFF, the first one of the sensor."""
    reader = TiffReader(view, tiff.MAX_FIELDS, MAGICS)
    found = list(directories(reader))
    first = found[:1]
    sides = [(*numbers(reader, ifd, tag), 0)[0] for ifd in first for tag in (Tag.IMAGE_WIDTH, Tag.IMAGE_LENGTH)]
    previews = [jpeg for ifd in found for jpeg in jpegs(reader, ifd)]
    turn = (*(number for ifd in first for number in numbers(reader, ifd, Tag.ORIENTATION)), 1)[0]
    return choose((sides[0], sides[1]) if sides else (0, 0), previews, turn)


def _panasonic(view: memoryview) -> CameraRaw:
    """RW2: one directory, with the JPEG as the value of a field."""
    reader = TiffReader(view, tiff.MAX_FIELDS, MAGICS)
    first = reader.directory(reader.first)
    tags = (PANASONIC_WIDTH, PANASONIC_HEIGHT)
    width, height = ((*numbers(reader, first, tag), 0)[0] for tag in tags)
    places = [(entry.start, entry.end - entry.start) for entry in first.entries if entry.tag == PANASONIC_JPEG]
    turn = (*numbers(reader, first, Tag.ORIENTATION), 1)[0]
    return choose((width, height), _jpegs_at(view, places), turn)


def _minolta(view: memoryview) -> CameraRaw:
    """MRW: blocks of a name and a length, of which PRD says what the sensor measures; its JPEG is a thumbnail."""
    cursor = Cursor(view, "raw MRW header", 4)
    blocks = cursor.child(cursor.u32(), "raw MRW block")
    while blocks.remaining:
        kind, block = blocks.bytes(4), blocks.child(blocks.u32(), "raw MRW block")
        if kind == b"\0PRD":
            block.skip(8)
            height, width = block.u16(), block.u16()
            return choose((width, height), (), None)
    raise MalformedImage("no block PRD", structure="raw MRW header", offset=4)


def _sigma(view: memoryview) -> CameraRaw:
    """X3F: sections that a directory at the end of the file names; from version 4 on the header says no size."""
    cursor = Cursor(view, "raw X3F header", 6, order="little")
    version = cursor.u16()
    sensor, turn = (0, 0), None
    if version < X3F_WITHOUT_SIZE:
        cursor = Cursor(view, "raw X3F header", X3F_SIZE, order="little")
        sensor, turn = (cursor.u32(), cursor.u32()), X3F_TURNS.get(cursor.u32(), 1)
    pointer = Cursor(view, "raw X3F directory", max(0, len(view) - X3F_LAST), order="little").u32()
    directory = Cursor(view, "raw X3F directory", min(pointer, len(view)), order="little")
    directory.skip(8)
    places = []
    for _ in range(min(directory.u32(), MAX_SECTIONS)):
        start, length, kind = directory.u32(), directory.u32(), directory.bytes(4)
        if kind in (b"IMAG", b"IMA2") and start + length <= len(view):
            places += _sigma_jpeg(view, start, length)
    return choose(sensor, _jpegs_at(view, places), turn)


def _sigma_jpeg(view: memoryview, start: int, length: int) -> list[tuple[int, int]]:
    """Where the JPEG of a picture section lies, if it is one."""
    section = Cursor(view, "raw X3F section", start, start + length, order="little")
    with suppress(MalformedImage):
        section.skip(12)
        is_jpeg = section.u32() == X3F_JPEG
        section.skip(12)
        return [(section.offset, section.remaining)] if is_jpeg else []
    return []


def _canon(view: memoryview) -> CameraRaw:
    """CR3: tracks of one sample each (ISO 14496-12), JPEG or of the sensor; CMT1 says how the camera was held."""
    movie = next((box for box in _boxes(view, 0, len(view)) if box.type == b"moov"), None)
    if movie is None:
        raise MalformedImage("no box moov", structure="raw CR3", offset=0)
    sensor, places, turn = (0, 0), list[tuple[int, int]](), 1
    for box in _boxes(view, movie.body, movie.end):
        if box.type == b"uuid" and bytes(view[box.body : box.body + 16]) == CANON_BLOCKS:
            turn = _canon_orientation(view, box)
        elif box.type == b"trak":
            size, place = _canon_track(view, box)
            if place and bytes(view[place[0] : place[0] + 2]) == b"\xff\xd8":
                places.append(place)
            else:
                sensor = max(sensor, size, key=lambda sides: sides[0] * sides[1])
    return choose(sensor, _jpegs_at(view, places), turn)


def _canon_orientation(view: memoryview, blocks: BoxAt) -> int:
    """As the first directory says it, which is a TIFF block of its own."""
    for box in _boxes(view, blocks.body + 16, blocks.end):
        if box.type == b"CMT1":
            with suppress(InputError):
                reader = TiffReader(view[box.body : box.end], tiff.MAX_FIELDS)
                return (*numbers(reader, reader.directory(reader.first), Tag.ORIENTATION), 1)[0]
    return 1


def _canon_track(view: memoryview, track: BoxAt) -> tuple[Size, tuple[int, int] | None]:
    """Width and height of a track's pictures, and offset and length of the first one."""
    table = _descend(view, track, b"mdia", b"minf", b"stbl")
    boxes = {box.type: box for box in _boxes(view, table.body, table.end)} if table else {}
    entries, sizes = boxes.get(b"stsd"), boxes.get(b"stsz")
    offsets = boxes.get(b"co64") or boxes.get(b"stco")
    entry = box_at(view, entries.body + 8, entries.end) if entries and entries.end - entries.body > 8 else None
    if entry is None or entry.type != b"CRAW" or sizes is None or offsets is None:
        return (0, 0), None
    cursor = Cursor(view, "raw CR3 CRAW", entry.body, entry.end)
    cursor.skip(SAMPLE_SIZE)
    width, height = cursor.u16(), cursor.u16()
    cursor = sizes.cursor(view)
    cursor.skip(4)
    length, count = cursor.u32(), cursor.u32()
    length = length or (cursor.u32() if count else 0)
    cursor = offsets.cursor(view)
    cursor.skip(8)
    start = cursor.u64() if offsets.type == b"co64" else cursor.u32()
    return (width, height), (start, length)


def _descend(view: memoryview, box: BoxAt, *kinds: bytes) -> BoxAt | None:
    """The box behind a path of types."""
    for kind in kinds:
        found = next((child for child in _boxes(view, box.body, box.end) if child.type == kind), None)
        if found is None:
            return None
        box = found
    return box


def _boxes(view: memoryview, start: int, end: int) -> Iterator[BoxAt]:
    """The boxes between two places, up to what is none."""
    for _ in range(MAX_BOXES):
        box = box_at(view, start, end)
        if box is None:
            return
        yield box
        start = box.end


def _jpegs_at(view: memoryview, places: list[tuple[int, int]]) -> Iterator[RawJpeg]:
    """The JPEG streams at offsets and lengths; what is none, or is not in the file, is left out."""
    for start, length in places:
        if 0 < start < len(view):
            with suppress(MalformedImage):
                yield read_jpeg(view, start, min(start + length, len(view)))


READERS: tuple[tuple[bytes, int, Callable[[memoryview], CameraRaw]], ...] = (
    (signatures.CANON, 4, _canon),
    (signatures.FUJIFILM, 0, _fujifilm),
    *((signature, 0, _olympus) for signature in signatures.OLYMPUS),
    (signatures.PANASONIC, 0, _panasonic),
    (signatures.MINOLTA, 0, _minolta),
    (signatures.SIGMA, 0, _sigma),
)
