"""Every value that crosses a module border: frozen, slotted, with its unit beside it."""

from __future__ import annotations

from dataclasses import dataclass, field, fields
from enum import Enum
from itertools import islice
from typing import TYPE_CHECKING, Any, Generic, Literal, NamedTuple, TypeVar

from rmexif.errors import InvalidPolicy, LimitExceeded

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Mapping

    from numpy.typing import NDArray

    from rmexif.residuals import Residual

__all__ = [
    "CLEAN",
    "HARMLESS",
    "MAX_CHANNELS",
    "SMALL_FILE",
    "Box",
    "Category",
    "Colour",
    "Container",
    "Detection",
    "Finding",
    "Format",
    "Frame",
    "FrameStream",
    "Limits",
    "Packing",
    "Part",
    "PayloadKind",
    "Raster",
    "Role",
    "TiffEntry",
    "TreeT",
]

TreeT = TypeVar("TreeT")  # a parser's own structures


class Format(NamedTuple):
    """What a format can do; the rest of the code asks this row, never ``if jpeg``."""

    name: str  # "jpeg"
    mime: str  # "image/jpeg"
    extensions: tuple[str, ...]  # first one is the default, with its dot
    has_alpha: bool
    has_frames: bool  # animation or pages
    has_icc: bool
    has_quality: bool  # lossy: honours Policy.quality
    has_16bit: bool


class Role(Enum):
    """What the bytes of a part are, as they stand in the file. Only ``CLEAN`` roles may leave."""

    STRUCTURE = "structure"  # needed by a decoder, carries nothing by itself
    PIXELS = "pixels"
    COLOUR = "colour"  # colour description in its canonical, text-free form
    ORIENTATION = "orientation"  # the least that keeps the picture upright
    ANIMATION = "animation"  # timing, loop count, frame geometry
    ENCODING = "encoding"  # as common encoders write it, checked to say nothing of its own; a rewrite may differ
    METADATA = "metadata"
    AUXILIARY = "auxiliary"  # another picture: thumbnail, gain map, depth, motion video
    GAP = "gap"  # bytes that no structure refers to
    TRAILER = "trailer"  # bytes after the end of the picture
    UNKNOWN = "unknown"


CLEAN = frozenset({Role.STRUCTURE, Role.PIXELS, Role.COLOUR, Role.ORIENTATION, Role.ANIMATION})
HARMLESS = CLEAN | {Role.ENCODING}  # what identifies nobody


class Category(Enum):
    """What a finding would give away."""

    LOCATION = "location"
    TIME = "time"
    DEVICE = "device"
    PERSON = "person"
    SOFTWARE = "software"
    IDENTIFIER = "identifier"
    EMBEDDED_IMAGE = "embedded_image"  # any second picture: thumbnail, gain map, depth, motion video
    TEXT = "text"
    PROVENANCE = "provenance"  # C2PA, AI prompts
    UNKNOWN = "unknown"


class PayloadKind(Enum):
    """Which reader of ``metadata`` can say what the body of a part holds; the value is a name, no logic."""

    EXIF = "exif"
    XMP = "xmp"
    IPTC = "iptc"  # Photoshop image resources, or IIM alone
    JUMBF = "jumbf"  # C2PA
    ICC = "icc"
    MPF = "mpf"  # CIPA DC-007
    TEXT = "text"  # a PNG keyword and a text, or a text alone
    PNG_ZTXT = "ztxt"
    PNG_ITXT = "itxt"
    PNG_ICCP = "iccp"
    PICTURE = "picture"
    VIDEO = "video"
    DENSITY = "density"  # JFIF
    TRAILER = "trailer"  # bytes after the end of the picture
    TIFF_VALUE = "value"  # of one entry of an IFD
    UNKNOWN = "unknown"


class Packing(Enum):
    """How a payload is compressed."""

    ZLIB = "zlib"  # RFC 1950
    BROTLI = "brotli"  # RFC 7932


class TiffEntry(NamedTuple):
    """Where in an IFD a value stands, and how it is written (TIFF 6.0, section 2)."""

    pointer: int  # tag that points to its IFD; 0 for the first one
    tag: int
    field_type: int
    order: Literal["<", ">"]  # byte order of the value


@dataclass(frozen=True, slots=True)
class Part:
    """One stretch of a file; the parts of a file tile it, in order, without overlap."""

    label: str  # path of structure names, to be shown: "APP1", "eXIf", "meta/iinf/infe"; no logic looks at it
    role: Role
    offset: int  # byte
    length: int  # byte
    payload: PayloadKind | None = None  # what metadata.explain() reads the body as
    body_offset: int = 0  # byte, from the part's start: where that payload begins
    body_length: int | None = None  # byte; None: up to the part's end
    packing: Packing | None = None  # of the payload
    entry: TiffEntry | None = None  # of a TIFF_VALUE

    @property
    def end(self) -> int:
        """First byte after the part."""
        return self.offset + self.length

    def body(self, view: memoryview) -> memoryview:
        """The payload's bytes in the file ``view``."""
        start = self.offset + self.body_offset
        stop = self.end if self.body_length is None else min(self.end, start + self.body_length)
        return view[start:stop]


@dataclass(frozen=True, slots=True)
class Finding:
    """Something in a file that is no part of the picture."""

    where: str  # path of kinds: "APP1/Exif/GPS"
    category: Category
    length: int  # byte
    value: str | None = None  # only on request, only from inspect()

    def as_dict(self) -> dict[str, Any]:
        """Plain JSON-ready form; ``value`` only where it was asked for."""
        row: dict[str, Any] = {"where": self.where, "category": self.category.value, "length": self.length}
        if self.value is not None:
            row["value"] = self.value
        return row


@dataclass(frozen=True, slots=True)
class Colour:
    """How the container describes its colours; an ICC profile goes before everything but cICP."""

    icc: bytes | None = None
    cicp: tuple[int, int, int, int] | None = None  # primaries, transfer, matrix, full range (H.273)
    gamma: float | None = None  # encoding exponent, as PNG gAMA: 0.45455 for sRGB-like
    primaries: tuple[float, ...] | None = None  # xy of white, red, green, blue (8 numbers, 0-1)


MAX_CHANNELS = 4  # of a decoded picture


@dataclass(frozen=True, slots=True)
class Container(Generic[TreeT]):
    """What a parser says about a file, before any decoder runs."""

    format: str
    width: int  # px, as stored
    height: int  # px, as stored
    parts: tuple[Part, ...]  # tile the file
    frames: int = 1
    orientation: int = 1  # 1-8 (Exif 2.32, tag 274): the turn that a viewer still has to make
    colour: Colour = Colour()
    residuals: tuple[Residual, ...] = ()  # what a lossless rewrite of this file cannot remove
    residual_bytes: Mapping[Residual, int] = field(default_factory=dict)  # what a hostile writer has there, at most
    samples: int | None = None  # channels x px of the largest frame; None: at most four channels of width x height
    pixel_shape: tuple[int, int] = (1, 1)  # horizontal to vertical density, of the pixels as stored
    sample_bytes: int = 1  # that one of them takes while it is decoded: 2 above 8 bits
    tree: TreeT = field(kw_only=True)  # the parser's own structures, for its rewrite()

    @property
    def frame_samples(self) -> int:
        """Channels x px of one frame, at most."""
        return self.samples if self.samples is not None else MAX_CHANNELS * self.width * self.height

    def residual_size(self, residual: Residual) -> int | None:
        """Bytes that a hostile writer could have left in ``residual``: its bound, or of coded data; None: unknown."""
        if residual in self.residual_bytes:
            return self.residual_bytes[residual]
        if residual.bounded or residual.value == "pixels":
            return None
        return sum(part.length for part in self.parts if part.role is Role.PIXELS)


@dataclass(frozen=True, slots=True)
class Box:
    """A rectangle on the upright picture, half-open, in px."""

    left: int
    top: int
    right: int
    bottom: int

    @property
    def width(self) -> int:
        """Px."""
        return self.right - self.left

    @property
    def height(self) -> int:
        """Px."""
        return self.bottom - self.top

    def clipped(self, width: int, height: int) -> Box | None:
        """The part of the box that lies in a picture of ``width`` x ``height`` px; None where there is none."""
        left, top = max(0, self.left), max(0, self.top)
        right, bottom = min(width, self.right), min(height, self.bottom)
        return Box(left, top, right, bottom) if left < right and top < bottom else None

    def as_list(self) -> list[int]:
        """``[left, top, right, bottom]``, JSON-ready."""
        return [self.left, self.top, self.right, self.bottom]


@dataclass(frozen=True, slots=True)
class Detection:
    """Something to redact, found by a detector or named by the caller."""

    box: Box
    confidence: float  # 0-1
    label: str = "face"


@dataclass(frozen=True, slots=True)
class Frame:
    """One picture of a raster."""

    pixels: NDArray[Any]  # uint8 or uint16, H x W x C; C = 1 grey, 2 grey+alpha, 3 RGB, 4 RGBA
    duration: float = 0.0  # ms; 0 for stills and pages


class FrameStream:
    """Frames that are made one at a time, anew at each pass: an animation or pages that memory does not hold at once.

    Args:
        count: frames.
        make: gives all of them, from the first one on.
    """

    def __init__(self, count: int, make: Callable[[], Iterator[Frame]]) -> None:
        self._count, self._make = count, make
        self._size: tuple[int, ...] = ()

    @property
    def size(self) -> tuple[int, ...]:
        """Height and width of the first frame, px; it is made once for this."""
        self._size = self._size or self[0].pixels.shape[:2]
        return self._size

    def __len__(self) -> int:
        """Frames."""
        return self._count

    def __iter__(self) -> Iterator[Frame]:
        """One pass."""
        return self._make()

    def __getitem__(self, index: int) -> Frame:
        """One frame; this passes over those before it."""
        return next(islice(self, index, None))

    def mapped(self, change: Callable[[Frame], Frame]) -> FrameStream:
        """The same frames, each changed when its turn comes."""
        return FrameStream(self._count, lambda: map(change, self))


@dataclass(frozen=True, slots=True)
class Raster:
    """Decoded pixels: every frame composed to full size, straight (not premultiplied) alpha."""

    frames: tuple[Frame, ...] | FrameStream
    loop: int = 0  # times an animation plays; 0 = forever
    orientation: int = 1  # 1-8: the turn still to be made (decoders that turn by themselves say 1)
    colour: Colour = Colour()  # what the numbers mean; Colour() is sRGB
    space: str = "RGB"  # "RGB", "L", "CMYK" (H x W x 4 ink, 255 = full ink) or "LAB" before to_srgb
    pixel_shape: tuple[int, int] = (1, 1)  # horizontal to vertical density, in the smallest numbers

    @property
    def width(self) -> int:
        """Px."""
        return self._size[1]

    @property
    def height(self) -> int:
        """Px."""
        return self._size[0]

    @property
    def _size(self) -> tuple[int, ...]:
        return self.frames.size if isinstance(self.frames, FrameStream) else self.frames[0].pixels.shape[:2]


def _limit(default: int, help: str) -> Any:  # noqa: A002 - as click and argparse call it
    return field(default=default, metadata={"help": help})


# What a byte of coded data explains; photographs hold below 10 samples a byte, flat drawings 50.
DECODED_PER_BYTE, PIXELS_PER_BYTE = 64, 100
SMALL_FILE = 1 << 20  # byte: of files below it several frames count more; larger ones hold what they cost


@dataclass(frozen=True, slots=True)
class Limits:
    """What one image may cost; checked from the header, before a decoder runs.

    The defaults have room for a phone's 200 MP picture (16320 x 12240), a minute of 720p at 30 frames a second, and
    50 pages of A4 at 300 dpi; and a small one of a camera of 33 MP at 10 bit.
    """

    max_bytes: int = _limit(256 << 20, "bytes of the file")
    max_pixels: int = _limit(210_000_000, "px of one frame or page")
    max_total_pixels: int = _limit(2_000_000_000, "px of all coded frames together: gone through, not held")
    max_samples: int = _limit(640_000_000, "channels x px that a scrub holds decoded at once")
    max_flat_bytes: int = _limit(192_000_000, "bytes of a decoded frame of a small file; 64 more for each byte")
    max_flat_pixels: int = _limit(200_000_000, "px of all frames of a small file; 100 more for each byte")
    max_network_pixels: int = _limit(80_000_000, "px that the frames of a small file are shown to the detector as")
    max_frames: int = _limit(2_000, "frames or pages")
    max_parts: int = _limit(100_000, "structures in one file")
    max_depth: int = _limit(16, "structures inside structures")
    max_unpacked_bytes: int = _limit(24 << 20, "bytes of compressed metadata that are unpacked; more is not read")
    max_metadata_bytes: int = _limit(32 << 20, "bytes of metadata that are read to say what it is; more is counted")
    max_metadata_tags: int = _limit(400_000, "tags and attributes of XMP that are read; more are counted")
    max_profiles: int = _limit(8, "different colour profiles of one file that are judged")

    def __post_init__(self) -> None:
        """Raise InvalidPolicy where a limit is no whole number."""
        for item in fields(self):
            value = getattr(self, item.name)
            if not isinstance(value, int):
                raise InvalidPolicy(f"{item.name} must be a whole number, got {type(value).__name__}")

    def check_flat(self, decoded: int, pixels: int, size: int) -> None:
        """Raise LimitExceeded where a file of ``size`` bytes has too many decoded ones in a frame, or px to search."""
        self.check("max_flat_bytes", decoded - DECODED_PER_BYTE * size)
        self.check("max_flat_pixels", pixels - PIXELS_PER_BYTE * size)

    def check_searched(self, searched: int, size: int) -> None:
        """Raise LimitExceeded where the frames of a file of ``size`` bytes cost the detector so many px."""
        if size < SMALL_FILE:
            self.check("max_network_pixels", searched)

    def check(self, name: str, number: int) -> None:
        """Raise LimitExceeded where ``number`` is above the limit ``name``."""
        limit = getattr(self, name)
        if number > limit:
            option = f"--{name.replace('_', '-')}, Limits({name}=...)"
            raise LimitExceeded(f"{name}: {number} is above the limit of {limit}; {option} changes it")
