"""The codec for what only an encoder can take out of a WebP file: see ``containers.webp.rewrite``.

Colour under fully transparent pixels is no picture, but in VP8L (lossless WebP) only an encoder can clear it, and
likewise values of its codes that nothing uses. Where the compiled core is missing, only a decoder sees whether bytes
lie behind a coded picture. The codec is loaded only here.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, NamedTuple

from rmexif.containers.common.low_bits import LowBits, bit_table
from rmexif.containers.common.transparency import fill_colour
from rmexif.containers.webp import parse as webp
from rmexif.containers.webp import rewrite
from rmexif.errors import EncodeError, InputError, UnsupportedFeature
from rmexif.native.low_bits import Channel
from rmexif.residuals import Residual
from rmexif.types import Category, Finding, Limits

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

    from numpy.typing import NDArray

    from rmexif.containers.webp.rewrite import CodedPicture
    from rmexif.types import Container

__all__ = ["Recoded", "leftovers", "low_bits", "needs_recoding", "recode"]

UNDER_ALPHA = "VP8L/colour under alpha"


class Recoded(NamedTuple):
    """A WebP file without what only a codec can take out of it."""

    data: bytes
    removed: tuple[Finding, ...]
    cleared: frozenset[Residual]  # of the container's: what the codec has seen to


def needs_recoding(container: Container[Any], size: int) -> bool:
    """Whether a clean WebP file of ``size`` bytes has to be recoded: it hides something, or was not walked."""
    return rewrite.needs_codec(container, size)


def recode(data: bytes, container: Container[Any]) -> Recoded:
    """A clean WebP file without what its pictures hide, and without bytes that no decoder reads.

    Raises:
        UnsupportedFeature: a lossy picture is coded with redundancy that stays.
        MalformedImage: a picture cannot be decoded.
        EncodeError: the encoder gave another picture.
    """
    pictures = rewrite.pictures(container)
    removed = [finding for picture in pictures if (finding := _hidden(picture))]
    clean = b"".join(rewrite.with_pictures(container, [_recoded(picture) for picture in pictures]))
    if any(picture.flaw for picture in webp.parse(memoryview(clean), Limits()).tree.pictures):
        raise EncodeError("webp: a picture that was encoded again still hides something")
    cleared = {Residual.WEBP_ENTROPY_SLACK}
    if not any(picture.keeps_colour for picture in pictures):
        cleared.add(Residual.COLOUR_UNDER_ALPHA)
    return Recoded(clean, tuple(removed), frozenset(cleared))


def leftovers(view: memoryview, container: Container[Any], *, canonical: bool = True) -> tuple[Finding, ...]:
    """What recode() would take out of a clean WebP file.

    Any encoder's VP8L is as good as ours, as long as nothing hides in it.

    Args:
        view: the file.
        container: what was parsed of it.
        canonical: whether one colour under alpha 0, the same everywhere in the file, is found too.
    """
    if not needs_recoding(container, len(view)):
        return ()
    pictures = rewrite.pictures(container)
    found = tuple(finding for picture in pictures if (finding := _hidden(picture)))
    if not canonical and {finding.where for finding in found} == {UNDER_ALPHA} and _has_one_fill(pictures):
        found = ()
    if found:
        return found
    fresh = [picture.file if picture.is_lossless else _recoded(picture) for picture in pictures]
    clean = b"".join(rewrite.with_pictures(container, fresh))
    if clean == view:
        return ()
    return (Finding("webp/beyond the picture", Category.UNKNOWN, max(1, len(view) - len(clean))),)


def low_bits(container: Container[Any]) -> Iterator[LowBits]:
    """The lowest bits of the lossless pictures of a clean WebP file that were not walked."""
    for picture, coded in zip(container.tree.pictures, rewrite.pictures(container), strict=True):
        if picture.is_lossless and not picture.is_walked:
            pixels = _decode(coded.file)
            channels = [Channel(place, bit_table()) for place in range(pixels.shape[2])]
            alpha = channels[3] if len(channels) > 3 else None
            yield LowBits(picture.width, pixels.tobytes(), len(channels), channels[:3], alpha)


def _hidden(picture: CodedPicture) -> Finding | None:
    """What a picture hides, from its codes or, where they were not read, from its pixels."""
    if picture.flaw:
        kind = "VP8L" if picture.is_lossless else "VP8"
        return Finding(f"{kind}/{picture.flaw.name}", Category.UNKNOWN, picture.flaw.length)
    if not picture.is_lossless or picture.is_walked or picture.keeps_colour:
        return None
    pixels = _decode(picture.file)
    hidden = int((pixels[:, :, :3][pixels[:, :, 3] == 0] != 0).sum()) if pixels.shape[2] == 4 else 0
    return Finding(UNDER_ALPHA, Category.UNKNOWN, hidden) if hidden else None


def _has_one_fill(pictures: Sequence[CodedPicture]) -> bool:
    """Whether all pixels of alpha 0 in the lossless pictures of a file have one colour."""
    fills = set[bytes]()
    try:
        for picture in pictures:
            pixels = _decode(picture.file) if picture.is_lossless and picture.flaw else None
            if pixels is not None and pixels.shape[2] == 4 and not pixels[:, :, 3].all():
                fills.add(fill_colour(pixels.tobytes(), 4, 3) or b"")
    except (ImportError, InputError):  # nobody can look: what was found stays
        return False
    return len(fills) == 1 and b"" not in fills


def _recoded(picture: CodedPicture) -> bytes:
    """The file of a picture without what it hides; as it is where it was walked and hides nothing."""
    if picture.flaw and not picture.flaw.can_recode:
        raise UnsupportedFeature(
            f"{picture.flaw.name}: {picture.flaw.length} bytes could lie there",
            structure="webp chunk VP8",
            offset=picture.offset,
        )
    if not picture.is_lossless:
        return picture.file if picture.is_walked else rewrite.without_slack(picture, _pixels)
    return _encode(picture) if picture.flaw or not picture.is_walked else picture.file


def _decode(file: bytes) -> NDArray[Any]:
    """One coded picture, H x W x 3 or 4."""
    from rmexif import codecs

    return codecs.decode(file, webp.parse(memoryview(file), Limits())).frames[0].pixels


def _pixels(file: bytes) -> bytes | None:
    try:
        return _decode(file).tobytes()
    except InputError:
        return None


def _encode(picture: CodedPicture) -> bytes:
    """The same picture as VP8L, without colour under alpha 0."""
    from rmexif import codecs

    pixels = _decode(picture.file)
    if pixels.shape[2] == 4 and not picture.keeps_colour:
        pixels[pixels[:, :, 3] == 0] = 0
    return codecs.encode_lossless_webp(pixels)
