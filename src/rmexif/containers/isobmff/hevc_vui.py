"""Video usability information of an HEVC sequence (H.265, annex E): read whole, written as colours and chroma location.

Aspect ratio, overscan, display window, timing, buffer models and bitstream restrictions say nothing about pixels.
"""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, NamedTuple

from rmexif.containers.common import h273

if TYPE_CHECKING:
    from rmexif.containers.common.bits import BitRewriter

__all__ = ["Samples", "rewrite_vui"]

EXTENDED_SAR = 255  # aspect_ratio_idc, table E.1
UNSPECIFIED_FORMAT = 5  # video_format, table E.2
MAX_CHROMA_LOCATION = 5  # chroma_sample_loc_type, E.3.1
MAX_BUFFERS = 32  # cpb_cnt_minus1 is at most 31 (E.3.2)
# Ticks and their scale that encoders of still pictures and of video write (x265's are 1 to 25, or to what it is asked).
RATES = frozenset((1, rate) for rate in (1, 10, 15, 20, 24, 25, 30, 48, 50, 60, 90, 100, 120)) | {(1001, 24000)}
RATES |= {(1001, 30000), (1001, 60000), (25, 1)}  # the last one: x265 under libheif
COLOURS = tuple(map(max, h273.TABLES))  # highest primaries, transfer and matrix


UNSPECIFIED = 2  # primaries and transfer, tables E.3 and E.4


class Samples(NamedTuple):
    """What samples are, without what their colours mean; None: as the sequence says."""

    matrix: int | None = None  # table E.5
    full_range: int | None = None


@dataclass(frozen=True, slots=True)
class VideoSignal:
    """What is written of it."""

    full_range: int = 0
    colours: tuple[int, ...] = ()  # primaries, transfer, matrix; or none
    chroma: tuple[int, ...] = ()  # location of the chroma samples in the top and bottom field; or none
    timing: tuple[int, int] | None = None  # vui_num_units_in_tick, vui_time_scale


def rewrite_vui(
    bits: BitRewriter, sub_layers: int, *, keeps_timing: bool = False, samples: Samples | None = None
) -> None:
    """vui_parameters_present_flag and vui_parameters (E.2.1).

    Args:
        bits: at the flag.
        sub_layers: sps_max_sub_layers_minus1.
        keeps_timing: whether a rate that encoders write by themselves is written too.
        samples: of a sequence whose primaries and transfer are left out.

    Raises:
        MalformedImage: they end early, or a buffer model has more than 32 buffers.
    """
    signal = _vui_parameters(bits, sub_layers) if bits.flag() else VideoSignal()
    signal = signal if samples is None else _of_samples(signal, samples)
    _write(bits, signal if keeps_timing and signal.timing in RATES else replace(signal, timing=None))


def _of_samples(signal: VideoSignal, samples: Samples) -> VideoSignal:
    """The signal without primaries and transfer."""
    own = signal.colours[2] if signal.colours else UNSPECIFIED
    matrix = own if samples.matrix is None else samples.matrix
    full_range = signal.full_range if samples.full_range is None else samples.full_range
    return replace(signal, colours=(UNSPECIFIED, UNSPECIFIED, matrix), full_range=full_range)


def _vui_parameters(bits: BitRewriter, sub_layers: int) -> VideoSignal:
    """Read all of vui_parameters."""
    if bits.flag() and bits.bits(8) == EXTENDED_SAR:
        bits.skip(32)  # sar_width, sar_height
    if bits.flag():
        bits.skip(1)  # overscan_appropriate_flag
    full_range, colours = _video_signal_type(bits)
    chroma = (bits.golomb(), bits.golomb()) if bits.flag() else ()
    bits.skip(3)  # neutral_chroma_indication_flag, field_seq_flag, frame_field_info_present_flag
    if bits.flag():  # default_display_window_flag
        _skip_golombs(bits, 4)
    timing = None
    if bits.flag():  # vui_timing_info_present_flag
        timing = bits.bits(32), bits.bits(32)
        if bits.flag():
            bits.golomb()  # vui_num_ticks_poc_diff_one_minus1
        if bits.flag():  # vui_hrd_parameters_present_flag
            _hrd_parameters(bits, sub_layers)
    if bits.flag():  # bitstream_restriction_flag
        bits.skip(3)
        _skip_golombs(bits, 5)
    chroma = chroma if max(chroma, default=9) <= MAX_CHROMA_LOCATION else ()
    return VideoSignal(full_range, colours, chroma, timing)


def _video_signal_type(bits: BitRewriter) -> tuple[int, tuple[int, ...]]:
    """video_full_range_flag and colour description, if all its code points can exist."""
    if not bits.flag():  # video_signal_type_present_flag
        return 0, ()
    bits.skip(3)  # video_format
    full_range = bits.bits(1)
    colours = tuple(bits.bits(8) for _ in range(3)) if bits.flag() else ()
    exist = all(code <= most for code, most in zip(colours, COLOURS, strict=False))
    return full_range, colours if exist else ()


def _hrd_parameters(bits: BitRewriter, sub_layers: int) -> None:
    """Step over hrd_parameters (E.2.2) with its common information."""
    kinds, by_sub_picture = bits.bits(1) + bits.bits(1), 0  # NAL and VCL
    if kinds:
        by_sub_picture = bits.bits(1)
        bits.skip(19 if by_sub_picture else 0)
        bits.skip(8 + 4 * by_sub_picture + 15)
    for _ in range(sub_layers + 1):
        fixed_generally, low_delay = bits.flag(), False
        if fixed_generally or bits.flag():  # fixed_pic_rate_within_cvs_flag
            bits.golomb()  # elemental_duration_in_tc_minus1
        else:
            low_delay = bits.flag()
        count = 1 if low_delay else bits.golomb() + 1
        if count > MAX_BUFFERS:
            bits.fail(f"a buffer model of {count} buffers, at most {MAX_BUFFERS} are allowed")
        for _ in range(kinds * count):
            _skip_golombs(bits, 4 if by_sub_picture else 2)
            bits.skip(1)  # cbr_flag


def _skip_golombs(bits: BitRewriter, count: int) -> None:
    for _ in range(count):
        bits.golomb()


def _write(bits: BitRewriter, signal: VideoSignal) -> None:
    """vui_parameters_present_flag, and the parameters where they say anything."""
    described = bool(signal.full_range or signal.colours)
    if not bits.put(1, int(described or bool(signal.chroma or signal.timing))):
        return
    bits.put(2, 0)  # no aspect ratio, no overscan
    if bits.put(1, int(described)):
        bits.put(3, UNSPECIFIED_FORMAT)
        bits.put(1, signal.full_range)
        bits.put(1, int(bool(signal.colours)))
        for code in signal.colours:
            bits.put(8, code)
    bits.put(1, int(bool(signal.chroma)))
    for location in signal.chroma:
        bits.put_golomb(location)
    bits.put(4, 0)  # fields, display window
    if bits.put(1, int(signal.timing is not None)):
        for number in signal.timing or ():
            bits.put(32, number)
        bits.put(2, 0)  # no distance of pictures, no buffer model
    bits.put(1, 0)  # restrictions
