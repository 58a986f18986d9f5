"""Camera RAW in the structure of TIFF: DNG 1.7, Canon CR2, Nikon NEF, Sony ARW, Pentax PEF, Samsung SRW and others.

One of them holds sensor data in a maker's own coding and JPEG previews beside it. What sets it apart from a TIFF are
the directories of its chain and those that SubIFDs points at.
"""

from __future__ import annotations

from contextlib import suppress
from typing import TYPE_CHECKING, NamedTuple

from rmexif.containers.jpeg import segments
from rmexif.containers.jpeg.segments import Marker
from rmexif.containers.tiff.ifd import TiffReader
from rmexif.containers.tiff.tags import Compression, Photometric, Tag
from rmexif.errors import InputError, MalformedImage

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator

    from rmexif.containers.tiff.ifd import Directory

__all__ = ["CameraRaw", "RawJpeg", "choose", "directories", "is_camera_raw", "is_raw_directory", "jpegs", "numbers"]
__all__ += ["read_camera_raw", "read_jpeg"]

MAX_DIRECTORIES = 128  # that are looked at; a camera writes some ten
MAX_FIELDS = 20_000  # of all of them together
MAX_NUMBERS = 64  # of a field that is looked at
MAX_DEPTH = 3  # directories behind SubIFDs
CANON = b"CR"  # bytes 8 and 9 of a CR2
REDUCED = 1  # a bit of NewSubfileType (TIFF 6.0, page 36)
SENSOR = frozenset({Photometric.COLOR_FILTER_ARRAY, Photometric.LINEAR_RAW})  # DNG 1.7
# Compressions of sensor data: Kodak, Sony, packed, Samsung, Kodak, Nikon, lossy DNG, Kodak, Pentax.
MAKERS = frozenset({262, 32767, 32769, 32770, 32867, 34713, 34892, 65000, 65535})
SENSOR_TAGS = frozenset({Tag.CFA_REPEAT_PATTERN_DIM, Tag.CFA_PATTERN})
LOSSLESS = Marker.SOF3  # of JPEG: what sensors are coded in
LEAST_PREVIEW = 1_000_000  # px, where a maker hides the size of the sensor: more than a thumbnail
FULL_SIZE = 0.9  # of each side of the sensor: cameras cut a border from it


class RawJpeg(NamedTuple):
    """A JPEG in a RAW."""

    start: int  # byte
    stop: int  # byte: first one after
    width: int  # px
    height: int  # px
    is_lossless: bool
    components: int


class CameraRaw(NamedTuple):
    """What a RAW holds.

    Attributes:
        sensor: width and height of the picture of the sensor, px; zeros where that is not known.
        preview: the largest JPEG (byte: first, first after), where it is nearly as large as the sensor.
        size: width and height of the picture that is taken, px; not yet turned.
        orientation: 1-8, of both; None: as the JPEG says itself.
    """

    sensor: tuple[int, int]
    preview: tuple[int, int] | None
    size: tuple[int, int]
    orientation: int | None


def is_camera_raw(view: memoryview) -> bool:
    """Whether a file with the signature of TIFF is a RAW; one that is broken is none."""
    with suppress(InputError):
        reader = TiffReader(view, MAX_FIELDS)
        if bytes(view[8:10]) == CANON and not reader.big:
            return True
        found = list(directories(reader))
        return is_raw_directory(reader, found[:1], is_first=True) or is_raw_directory(reader, found)
    return False


def is_raw_directory(reader: TiffReader, some: Iterable[Directory], *, is_first: bool = False) -> bool:
    """Whether one of some directories is that of a RAW.

    Args:
        reader: of the file.
        some: directories to look at.
        is_first: whether they are the first one of a file: a thumbnail there has the picture behind SubIFDs.
    """
    for directory in some:
        tags = {entry.tag for entry in directory.entries}
        if Tag.DNG_VERSION in tags or _is_sensor(reader, directory):
            return True
        subfile = (*numbers(reader, directory, Tag.NEW_SUBFILE_TYPE), 0)[0]
        if is_first and subfile & REDUCED and Tag.SUB_IFDS in tags:
            return True
    return False


def _is_sensor(reader: TiffReader, directory: Directory) -> bool:
    """Whether a directory has the picture of a sensor."""
    tags = {entry.tag for entry in directory.entries}
    kind = {*numbers(reader, directory, Tag.PHOTOMETRIC_INTERPRETATION)}
    return bool(tags & SENSOR_TAGS or kind & SENSOR or {*numbers(reader, directory, Tag.COMPRESSION)} & MAKERS)


def read_camera_raw(view: memoryview) -> CameraRaw:
    """The picture of a RAW that is taken: a JPEG of full size, or the sensor's.

    Raises:
        MalformedImage: there is neither.
    """
    reader = TiffReader(view, MAX_FIELDS)
    found_directories = list(directories(reader))
    sensor, previews = (0, 0), list[RawJpeg]()
    for directory in found_directories:
        found = list(jpegs(reader, directory))
        sizes = [(jpeg.width * jpeg.components, jpeg.height) for jpeg in found if jpeg.is_lossless]
        if _is_sensor(reader, directory):
            lengths = (numbers(reader, directory, tag) for tag in (Tag.IMAGE_WIDTH, Tag.IMAGE_LENGTH))
            width, height = ((*found_lengths, 0)[0] for found_lengths in lengths)
            sizes.append((width, height))
        if not sizes:
            previews += found
        sensor = max([sensor, *sizes], key=_area)
    orientation = (*numbers(reader, found_directories[0], Tag.ORIENTATION), 1)[0] if found_directories else 1
    return choose(sensor, previews, orientation)


def choose(sensor: tuple[int, int], previews: Iterable[RawJpeg], orientation: int | None) -> CameraRaw:
    """The largest JPEG where it is nearly as large as the sensor; else the sensor's picture.

    Args:
        sensor: width and height, px; zeros where nothing says them.
        previews: all that there are.
        orientation: as the RAW says it, in any number; None: as the JPEG says.

    Raises:
        MalformedImage: there is neither.
    """
    shown = [jpeg for jpeg in previews if not jpeg.is_lossless]
    best = max(shown, key=lambda jpeg: jpeg.width * jpeg.height, default=None)
    turn = orientation if orientation is None or 1 <= orientation <= 8 else 1
    if best is not None and _is_full(best, sensor):
        return CameraRaw(sensor, (best.start, best.stop), (best.width, best.height), turn)
    if not _area(sensor):
        raise MalformedImage("expected a sensor's picture, or a JPEG of its size", structure="raw IFD", offset=0)
    return CameraRaw(sensor, None, sensor, turn)


def _area(size: tuple[int, int]) -> int:
    return size[0] * size[1]


def _is_full(jpeg: RawJpeg, sensor: tuple[int, int]) -> bool:
    if not _area(sensor):
        return jpeg.width * jpeg.height >= LEAST_PREVIEW
    sides = zip(sorted((jpeg.width, jpeg.height)), sorted(sensor), strict=True)
    return all(have >= FULL_SIZE * full for have, full in sides)


def numbers(reader: TiffReader, directory: Directory, tag: int) -> tuple[int, ...]:
    """The integers of a field; none where it is absent, broken, or has more than any camera writes."""
    if any(entry.tag == tag and entry.count > MAX_NUMBERS for entry in directory.entries):
        return ()
    return reader.integers(directory, tag)


def directories(reader: TiffReader) -> Iterator[Directory]:
    """The chain and what is behind SubIFDs, each once, as far as they can be read."""
    seen: set[int] = set()
    waiting, offset = list[tuple[int, int]](), reader.first
    while (offset or waiting) and len(seen) < MAX_DIRECTORIES:
        depth = 0
        place, is_chain = offset, bool(offset)
        if not is_chain:
            place, depth = waiting.pop(0)
        offset = 0
        if place in seen:
            continue
        seen.add(place)
        try:
            directory = reader.directory(place)
        except InputError:  # of a broken link, or what is too much
            continue
        yield directory
        if is_chain:
            offset = directory.next
        if depth < MAX_DEPTH:
            waiting += [(child, depth + 1) for child in numbers(reader, directory, Tag.SUB_IFDS)]


def jpegs(reader: TiffReader, directory: Directory) -> Iterator[RawJpeg]:
    """The JPEG streams of a directory: of JPEGInterchangeFormat, and its only strip."""
    for tag, length_tag in (
        (Tag.JPEG_INTERCHANGE_FORMAT, Tag.JPEG_INTERCHANGE_FORMAT_LENGTH),
        (Tag.STRIP_OFFSETS, Tag.STRIP_BYTE_COUNTS),
        (Tag.TILE_OFFSETS, Tag.TILE_BYTE_COUNTS),
    ):
        starts, lengths = numbers(reader, directory, tag), numbers(reader, directory, length_tag)
        if len(starts) == len(lengths) == 1 and Compression.NONE not in numbers(reader, directory, Tag.COMPRESSION):
            with suppress(MalformedImage):  # no JPEG
                yield read_jpeg(reader.view, starts[0], min(starts[0] + lengths[0], len(reader.view)))


def read_jpeg(view: memoryview, start: int, stop: int) -> RawJpeg:
    """What the frame header of a JPEG says.

    Raises:
        MalformedImage: there is none.
    """
    stream = view[start:stop]
    for item in segments.walk(stream):
        if isinstance(item, segments.Segment) and item.marker in segments.FRAMES:
            body = item.cursor(stream)
            _, height, width, components = body.u8(), body.u16(), body.u16(), body.u8()
            return RawJpeg(start, stop, width, height, item.marker == LOSSLESS, components)
        if isinstance(item, segments.ScanData):
            break
    raise MalformedImage("no frame header", structure="raw preview", offset=start)
