"""Whatever the numbers of a picture mean, as sRGB.

Three ways, in this order. A space that is described by primaries and one curve (nearly every RGB or grey profile, PNG's
gAMA and cHRM, cICP) is computed here: look-up, 3 x 3 matrix, look-up, for 8 and for 16 bit, about three times as fast
as LittleCMS. Tables, CMYK and LAB go through LittleCMS, which is 8-bit here. A profile that is broken or belongs to
another kind of picture is ignored, as viewers do.
"""

from __future__ import annotations

import io
from dataclasses import dataclass, replace
from typing import Any

import cv2
import numpy as np
from numpy.typing import NDArray
from PIL import Image, ImageCms

from rmexif import icc
from rmexif.icc import elements, matrix
from rmexif.icc.colorimetry import adaptation, rgb_to_xyz, xyz
from rmexif.types import Colour, Frame, Raster

__all__ = ["from_srgb", "is_measured", "to_srgb"]

Pixels = NDArray[Any]
Transfer = str | float

SRGB = icc.PRIMARIES["srgb"]
BT2020 = icc.PRIMARIES["rec2020"]
USUAL_GAMMAS = (0.3, 1.0)  # as gAMA says them: of displays and cameras, up to linear light
SRGB_GAMMA = 0.45455  # as gAMA says it
WHITE_NITS = 203.0  # of HDR reference white (ITU-R BT.2408, 2.2)
PEAK = 1000.0 / WHITE_NITS  # of the display that HDR pictures are graded for
LUMINANCE = np.array([0.2627, 0.6780, 0.0593])  # of BT.2020 (BT.2100, table 5)
# The reference white tone map of SMPTE ST 2094-50 for a display without headroom, as Chromium shows HDR: reference
# white is half of SDR white, and a quadratic Bezier curve leads from there to the peak, which is SDR white.
DIMMED = 0.5
KAPPA = 0.65  # where the middle point of the curve lies on its tangent from below
KNEE_END = (1 - KAPPA + KAPPA / DIMMED, (1 - KAPPA) * DIMMED + KAPPA)  # the middle point: light before and after
ROWS = 1 << 20  # px that are converted at a time: bounds the memory for float copies

# ITU-T H.273, table 2, where it is not sRGB
CICP_PRIMARIES: dict[int, tuple[float, ...]] = {
    4: (0.3100, 0.3160, 0.670, 0.330, 0.210, 0.710, 0.140, 0.080),  # BT.470, system M
    5: (0.3127, 0.3290, 0.640, 0.330, 0.290, 0.600, 0.150, 0.060),  # BT.601, 625 lines
    6: (0.3127, 0.3290, 0.630, 0.340, 0.310, 0.595, 0.155, 0.070),  # BT.601, 525 lines
    7: (0.3127, 0.3290, 0.630, 0.340, 0.310, 0.595, 0.155, 0.070),
    8: (0.3100, 0.3160, 0.681, 0.319, 0.243, 0.692, 0.145, 0.049),  # generic film
    9: BT2020,
    11: icc.PRIMARIES["dci-p3"],
    12: icc.PRIMARIES["display-p3"],
    22: (0.3127, 0.3290, 0.630, 0.340, 0.295, 0.605, 0.155, 0.077),  # EBU 3213
}
# Table 3, where it is not sRGB, and a browser knows it. (In AVIF it takes BT.709 and its kin for sRGB, see decoders.)
CICP_TRANSFER: dict[int, Transfer] = {
    **dict.fromkeys((1, 6, 11, 14, 15), 2.4),  # BT.1886: what a display makes of them
    4: 2.2,
    5: 2.8,
    7: "smpte-240m",
    8: "linear",
    16: "pq",
    17: "st-428",
    18: "hlg",
}
CURVES = icc.CURVES | {
    "smpte-240m": elements.para_tag(1 / 0.45, 1 / 1.1115, 0.1115 / 1.1115, 1 / 4, 0.0913),
    "st-428": elements.para_tag(2.6, (52.37 / 48) ** (1 / 2.6), 0.0),
}


@dataclass(frozen=True, slots=True)
class Meaning:
    """A space described by primaries (xy of white, red, green, blue) and one curve."""

    primaries: tuple[float, ...]
    transfer: Transfer

    @property
    def is_srgb(self) -> bool:
        """Whether nothing has to be done."""
        return self.transfer == "srgb" and np.allclose(self.primaries, SRGB, atol=1e-3)


def to_srgb(raster: Raster) -> Raster:
    """The raster in sRGB (three colours) or on sRGB's grey axis (one); the result says so.

    Args:
        raster: 8 or 16 bit; 16-bit pictures stay 16-bit.
    """
    colour, space = raster.colour, raster.space
    if colour != Colour():  # what follows works on RGB as it lies in memory
        raster = replace(
            raster, frames=tuple(Frame(np.ascontiguousarray(frame.pixels), frame.duration) for frame in raster.frames)
        )
    if space in ("CMYK", "LAB"):
        frames = tuple(Frame(_by_lcms(frame.pixels, space, colour.icc), frame.duration) for frame in raster.frames)
        return replace(raster, frames=frames, colour=Colour(), space="RGB")
    meaning = _meaning(colour, space)
    if meaning is None and colour.icc is not None:
        frames = tuple(Frame(_by_tables(frame.pixels, colour.icc), frame.duration) for frame in raster.frames)
    elif meaning is None or meaning.is_srgb:
        frames = tuple(raster.frames)
    else:
        frames = tuple(Frame(_by_matrix(frame.pixels, meaning), frame.duration) for frame in raster.frames)
    return replace(raster, frames=frames, colour=Colour())


def from_srgb(raster: Raster, colour: Colour) -> Raster:
    """A 16-bit sRGB raster in the samples that ``colour`` describes by gamma, and by primaries where it has some.

    Args:
        raster: of 8 bit, it stays sRGB: dark samples would be missed.
        colour: one that ``is_measured``; Colour(): nothing is to be done.
    """
    if colour.gamma is None or raster.frames[0].pixels.dtype != np.uint16:
        return raster
    frames = tuple(Frame(_by_power(frame.pixels, colour), frame.duration) for frame in raster.frames)
    return replace(raster, frames=frames, colour=colour)


def is_measured(colour: Colour) -> bool:
    """Whether numbers alone, gAMA and cHRM, say what the samples mean, and they do not mean sRGB.

    Some viewers look away from these chunks, some follow them. A PNG that keeps its samples and its chunks looks to
    either as it did before. (Of other curves than those of displays and of light, one step of 8 bits would show.)
    """
    meaning = _meaning(colour, "RGB") if colour.icc is None and colour.cicp is None else None
    has_usual_curve = colour.gamma is not None and USUAL_GAMMAS[0] <= colour.gamma <= USUAL_GAMMAS[1]
    return meaning is not None and has_usual_curve and not meaning.is_srgb


def _meaning(colour: Colour, space: str) -> Meaning | None:
    """What a colour description says, where primaries and a curve can say it (PNG third edition, 4.3)."""
    if colour.cicp is not None:
        return Meaning(CICP_PRIMARIES.get(colour.cicp[0], SRGB), CICP_TRANSFER.get(colour.cicp[1], "srgb"))
    if colour.icc is not None:
        found = icc.describe(colour.icc)
        if found is None or found.transfer is None or found.space not in ("RGB", "GRAY"):
            return None
        if found.space == "GRAY" and space != "L":
            return Meaning(SRGB, "srgb")
        if found.space == "RGB" and found.primaries is None:
            return None
        return Meaning(found.primaries or SRGB, found.transfer)
    if colour.gamma is None or (colour.primaries is None and abs(colour.gamma / SRGB_GAMMA - 1) <= 0.05):
        return None  # Chromium follows cHRM beside gAMA alone, and takes a gAMA alone that is nearly sRGB's for it
    return Meaning(colour.primaries or SRGB, 1 / colour.gamma)


# -- primaries and a curve ---------------------------------------------------------------------------------------


def _by_matrix(pixels: Pixels, meaning: Meaning) -> Pixels:
    """Linear light, sRGB's primaries, sRGB's curve; alpha stays."""
    levels = int(np.iinfo(pixels.dtype).max) + 1
    light = _light(meaning.transfer, levels)
    hdr = meaning.transfer in ("pq", "hlg")
    if pixels.shape[2] < 3:
        if hdr:
            light = _tone_mapped(light[:, None].repeat(3, axis=1), meaning.transfer)[:, 0]
        table = _encoded(light, pixels.dtype)
        return _joined(table[pixels[:, :, :1]], pixels)
    matrix = _matrix(meaning.primaries)
    out = np.empty((*pixels.shape[:2], 3), pixels.dtype)
    step = max(1, ROWS // pixels.shape[1])
    table16 = _encoded(np.linspace(0, 1, 65536), np.dtype(np.uint8))
    narrow = np.round(light * 65535).astype(np.uint16) if not hdr else None
    for top in range(0, pixels.shape[0], step):
        part = np.ascontiguousarray(pixels[top : top + step, :, :3])
        if levels == 256 and narrow is not None:  # integers all the way
            out[top : top + step] = cv2.LUT(cv2.transform(cv2.LUT(part, narrow), matrix), table16)
            continue
        linear = light.astype(np.float32)[part]
        if hdr:
            linear = _tone_mapped(cv2.transform(linear, _matrix(meaning.primaries, BT2020)), meaning.transfer)
        out[top : top + step] = _encoded(cv2.transform(linear, _matrix(BT2020) if hdr else matrix), pixels.dtype)
    return _joined(out, pixels)


def _by_power(pixels: Pixels, colour: Colour) -> Pixels:
    """16-bit sRGB as a power of linear light, in primaries of its own; alpha stays."""
    light = _light("srgb", 65536).astype(np.float32)
    matrix = _matrix(SRGB, colour.primaries) if colour.primaries and pixels.shape[2] >= 3 else None
    count = 3 if pixels.shape[2] >= 3 else 1
    out = np.empty((*pixels.shape[:2], count), np.uint16)
    step = max(1, ROWS // pixels.shape[1])
    for top in range(0, pixels.shape[0], step):
        linear: Pixels = light[pixels[top : top + step, :, :count]]
        linear = linear if matrix is None else cv2.transform(linear, matrix)
        out[top : top + step] = np.round(np.clip(linear, 0, 1) ** np.float32(colour.gamma) * 65535)
    return _joined(out, pixels)


def _joined(colours: Pixels, pixels: Pixels) -> Pixels:
    """Converted colours and the alpha channel that ``pixels`` had."""
    if pixels.shape[2] not in (2, 4):
        return colours
    return np.concatenate((colours, pixels[:, :, -1:]), axis=2)


def _light(transfer: Transfer, levels: int) -> NDArray[np.float64]:
    """Linear light of every code; HDR curves in multiples of SDR white."""
    codes = np.linspace(0.0, 1.0, levels)
    if transfer == "pq":  # SMPTE ST 2084, 5.1
        root = codes ** (32 / 2523)
        ratio = np.maximum(root - 107 / 128, 0) / (2413 / 128 - 2392 / 128 * root)
        return 10000 / WHITE_NITS * np.asarray(ratio ** (8192 / 1305))
    if transfer == "hlg":  # ARIB STD-B67: scene light, 0-1
        return np.where(codes <= 0.5, codes**2 / 3, (np.exp((codes - 0.55991073) / 0.17883277) + 0.28466892) / 12)
    if isinstance(transfer, str):
        return np.array(elements.sample(CURVES[transfer], codes.tolist()))
    return codes**transfer


def _encoded(light: Pixels, dtype: np.dtype[Any]) -> Pixels:
    """Linear light, cut to 0-1, as sRGB codes (IEC 61966-2-1)."""
    full = np.iinfo(dtype).max
    light = np.clip(light, 0, 1)
    codes = np.where(light <= 0.0031308, 12.92 * light, 1.055 * np.power(light, 1 / 2.4) - 0.055)
    return np.round(codes * full).astype(dtype)


def _matrix(primaries: tuple[float, ...], target: tuple[float, ...] = SRGB) -> NDArray[np.float64]:
    """Linear RGB to linear RGB of other primaries, white adapted by Bradford (ICC.1:2022, annex E)."""
    adapted = matrix.multiply(adaptation(primaries[:2], xyz(target[:2])), rgb_to_xyz(primaries))
    return np.array(matrix.multiply(matrix.inverse(rgb_to_xyz(target)), adapted))


def _tone_mapped(linear: Pixels, transfer: Transfer) -> Pixels:
    """HDR light in BT.2020's primaries as SDR light: one factor for the three channels of a pixel keeps the hue."""
    if transfer == "hlg":  # BT.2100, table 5: the OOTF of a display of 1000 cd/m2
        luminance = np.maximum(linear @ LUMINANCE.astype(linear.dtype), 1e-6)
        linear = linear * (PEAK * luminance**0.2)[..., None]
    brightest = linear.max(axis=-1, keepdims=True)
    middle, mapped = KNEE_END
    square, slope = 1 - 2 * middle + PEAK, 2 * middle - 2  # of the curve's first coordinate, from 1 to the peak
    above = np.clip(brightest, 1, PEAK) - 1
    place = (np.sqrt(slope * slope + 4 * square * above) - slope) / (2 * square)
    curve = DIMMED * (1 - place) ** 2 + 2 * mapped * place * (1 - place) + place * place
    factor = np.where(brightest > 1, curve / np.maximum(brightest, 1), DIMMED)
    return np.asarray(linear * factor.astype(linear.dtype))


# -- LittleCMS ---------------------------------------------------------------------------------------------------


def _by_tables(pixels: Pixels, profile: bytes) -> Pixels:
    """RGB or grey by a profile that only LittleCMS can read."""
    wide = pixels.dtype == np.uint16
    if pixels.shape[2] < 3:  # grey: the ramp tells all
        ramp = _converted(Image.fromarray(np.arange(256, dtype=np.uint8)[None]), profile)
        if ramp is None:
            return pixels
        table: Pixels = ramp[0, :, 1]
        if wide:
            table = np.round(np.interp(np.arange(65536), np.arange(256) * 257, table * 257.0)).astype(np.uint16)
        return _joined(table[pixels[:, :, :1]], pixels)
    narrow = cv2.convertScaleAbs(pixels, alpha=1 / 257) if wide else pixels
    colours = _converted(Image.fromarray(np.ascontiguousarray(narrow[:, :, :3])), profile)
    if colours is None:
        return pixels
    return _joined(colours.astype(np.uint16) * 257 if wide else colours, pixels)


def _by_lcms(pixels: Pixels, space: str, profile: bytes | None) -> Pixels:
    """Ink or LAB as 8-bit RGB; by the plain formulas where no profile fits."""
    image = Image.frombytes(space, (pixels.shape[1], pixels.shape[0]), np.ascontiguousarray(pixels).tobytes())
    colours = _converted(image, profile) if profile is not None else None
    if colours is None:
        colours = np.array(image.convert("RGB")) if space == "CMYK" else _converted(image, None)
    assert colours is not None
    return colours


def _converted(image: Image.Image, profile: bytes | None) -> Pixels | None:
    """8-bit sRGB by LittleCMS, relative colorimetric; None where the profile is broken or of another kind."""
    try:
        source = ImageCms.ImageCmsProfile(io.BytesIO(profile)) if profile else ImageCms.createProfile("LAB")
        target = ImageCms.createProfile("sRGB")
        intent = ImageCms.Intent.RELATIVE_COLORIMETRIC
        done = ImageCms.profileToProfile(image, source, target, renderingIntent=intent, outputMode="RGB")
    except (ImageCms.PyCMSError, OSError, ValueError, TypeError):
        return None
    return np.array(done)
