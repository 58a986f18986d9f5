"""What a mode cannot remove: codes for scripts, sentences for people, and how many bytes a hostile writer has there."""

from __future__ import annotations

from enum import StrEnum
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from typing import Self

__all__ = ["Residual"]


class Residual(StrEnum):
    """Something that may stay in an output; the value is the stable code, ``text`` says it in a sentence.

    ``bounded``: whether what can lie there is limited by more than the size of the coded data that holds it.
    """

    text: str
    bounded: bool

    def __new__(cls, code: str, text: str, bounded: bool = True) -> Self:
        """A member that compares equal to its code."""
        member = str.__new__(cls, code)
        member._value_ = code
        member.text = text
        member.bounded = bounded
        return member

    def size_text(self, count: int) -> str:
        """How many bytes a hostile writer could have left there, in words.

        Args:
            count: bytes: the bound, or where there is none the coded data that can hold them.
        """
        return f"at most {count:,} B" if self.bounded else f"unbounded: {count:,} B of coded data"

    PIXELS = (
        "pixels",
        "the picture itself: what it shows, and what viewers clip of it; watermarks, sensor noise",
        False,
    )
    LOWEST_BITS = ("lowest-bits", "the lowest bits of the pixels hold a text; only a scrub destroys it", False)
    KEPT_CREDIT = "kept-credit", "the fields that were to be kept: whoever wrote them chose their words"
    COLOUR_UNDER_ALPHA = ("colour-under-alpha", "fully transparent pixels may have a colour that nobody sees", False)
    LOSSY_COLOUR_UNDER_ALPHA = (
        "lossy-colour-under-alpha",
        "the lossy picture has a colour that nobody sees where alpha is 0",
        False,
    )
    ICC_TABLE = "icc-table", "the colour profile needs a table, whose entries are numbers that could spell a message"
    CODED_EDGE = (
        "coded-edge",
        "blocks and tiles are coded whole: samples beyond the picture's edge are in the file, and viewers cut them off",
    )
    JPEG_QUANTISATION_TABLES = "jpeg-quantisation-tables", "the quantisation tables name a class of camera or software"
    JPEG_ENTROPY_SLACK = (
        "jpeg-entropy-slack",
        "the coded picture was passed through unwalked; bytes could hide after its codes",
        False,
    )
    JPEG_CODE_CHOICE = (
        "jpeg-code-choice",
        "the Huffman tables are the encoder's: which symbol has which code is its choice",
    )
    JPEG_SCAN_CHOICE = (
        "jpeg-scan-choice",
        "how the picture is divided into scans and restart intervals, and which slots hold its tables, is the "
        "encoder's choice",
    )
    JXL_SECTION_SLACK = (
        "jxl-section-slack",
        "coded sections were passed through unwalked; bytes could hide after their codes",
        False,
    )
    AV1_CODED_SLACK = (
        "av1-coded-slack",
        "tile data was passed through unwalked; bytes could hide after its codes",
        False,
    )
    HEVC_CODED_SLACK = (
        "hevc-coded-slack",
        "slice data was passed through unwalked; bytes could hide after its codes",
        False,
    )
    HEVC_SCALING_LISTS = (
        "hevc-scaling-lists",
        "scaling lists are the encoder's; steps that no coefficient uses could spell a message",
    )
    CODED_TAIL = "coded-tail", "the last bytes of a unit of coded data may be some that the picture does not need"
    JXL_EXTRA_CHANNELS = (
        "jxl-extra-channels",
        "channels beside colour and alpha stay, such as depth or masks",
        False,
    )
    JXL_HIDDEN_FRAMES = (
        "jxl-hidden-frames",
        "frames that are never shown by themselves stay, because others may be drawn from them",
        False,
    )
    JXL_AREA_OUTSIDE_CANVAS = (
        "jxl-area-outside-canvas",
        "a frame reaches beyond the picture; viewers cut off what is still in the file",
        False,
    )
    HEIF_AREA_BELOW_OVERLAY = (
        "heif-area-below-overlay",
        "pictures that others are laid over are still complete in the file",
        False,
    )
    HEIF_AREA_OUTSIDE_CROP = (
        "heif-area-outside-crop",
        "a crop mark hides a part of the picture that is still in the file",
        False,
    )
    GIF_AREA_OUTSIDE_SCREEN = (
        "gif-area-outside-screen",
        "a picture reaches beyond the screen; viewers cut off what is still in the file",
        False,
    )
    CODING_CHOICE = (
        "coding-choice",
        "the same samples can be coded in several ways, by other blocks, modes and codes; that is the encoder's choice",
        False,
    )
    DISPLAY_NUMBERS = (
        "display-numbers",
        "numbers say how the picture is shown: primaries, gamma, light, the shape of a pixel, a background; any digit "
        "may be chosen",
    )
    FRAME_CHOICE = (
        "frame-choice",
        "an animation can be divided into frames in many ways, some of which change nothing that is seen",
        False,
    )
    FRAME_TIMES = "frame-times", "how long each frame is shown, and how often all are, is the writer's choice"
    PALETTE_ORDER = "palette-order", "a palette shows the same colours in any order; that order is the writer's choice"
    PNG_CODE_CHOICE = (
        "png-code-choice",
        "the same rows can be compressed in many ways: which repeats are used, where blocks end; that is the encoder's "
        "choice",
        False,
    )
    PNG_FILTER_CHOICE = (
        "png-filter-choice",
        "every row is filtered in one of five ways that show the same pixels; that is the encoder's choice",
    )
    WEBP_ENTROPY_SLACK = (
        "webp-entropy-slack",
        "the coded picture was passed through unwalked; bytes could hide after its codes",
        False,
    )
    WEBP_CODE_CHOICE = (
        "webp-code-choice",
        "the same lossless pixels can be coded in several ways; the choice is the encoder's",
        False,
    )
    WEBP_UNUSED_CODES = "webp-unused-codes", "prefix codes hold symbols that no pixel of the lossless picture uses"
    WEBP_TOKEN_PROBABILITIES = (
        "webp-token-probabilities",
        "the probabilities that coefficients are read with are the encoder's choice",
    )
    GIF_CODE_CHOICE = (
        "gif-code-choice",
        "a lossy encoder's places for clearing the code table stay, because without them the file would grow",
    )
    TIFF_STRIP_CHOICE = (
        "tiff-strip-choice",
        "a page can be cut into strips or tiles of any size, and each of several pages be stored in another way",
    )
    TIFF_UNREAD_CODING = (
        "tiff-unread-coding",
        "strips in a coding that is not looked into were passed through",
        False,
    )
    TIFF_EXTRA_CHANNELS = ("tiff-extra-channels", "channels beside colour and alpha stay", False)
    TIFF_TILE_PADDING = (
        "tiff-tile-padding",
        "tiles reach over the picture's edge; what they hold there could not be cleared",
    )
    SVG_NOT_SHOWN = (
        "svg-not-shown",
        "shapes and texts that are covered, transparent or outside the drawing stay, and so do the names of its fonts, "
        "numbers finer than a screen and rules that others overrule",
        False,
    )
    TIFF_PALETTE_ENTRIES = (
        "tiff-palette-entries",
        "palette entries that no pixel uses could not be told from those in use",
    )
