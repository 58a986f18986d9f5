"""HEIC image sequences: the pictures of an HEVC track by FFmpeg, which OpenCV brings; pillow-heif shows no track."""

from __future__ import annotations

import io
import struct
from typing import TYPE_CHECKING, Any

import cv2

from rmexif.codecs.frames import frames_of
from rmexif.codecs.pillow import picture_offset, sized
from rmexif.containers.isobmff.track_alone import track_alone
from rmexif.errors import LimitExceeded, MalformedImage, UnsupportedFeature
from rmexif.types import Colour, Frame, Raster

if TYPE_CHECKING:
    from collections.abc import Iterator

    from rmexif.containers.isobmff.movie import Movie, Track
    from rmexif.types import Container

__all__ = ["read"]

MOST_PIXELS = 35_651_584  # px of a picture: MaxLumaPs of level 6.2 (H.265, table A.8); a decoder keeps up to 17 of them
ONE_THREAD = [cv2.CAP_PROP_N_THREADS, 1]  # each further one keeps pictures of its own
SIDES = (cv2.CAP_PROP_FRAME_WIDTH, cv2.CAP_PROP_FRAME_HEIGHT)
# The four numbers of a matrix (ISO 14496-12, 8.3.2) that turn: orientation.
TURNS = {
    (1, 0, 0, 1): 1,
    (-1, 0, 0, 1): 2,
    (-1, 0, 0, -1): 3,
    (1, 0, 0, -1): 4,
    (0, 1, 1, 0): 5,
    (0, 1, -1, 0): 6,
    (0, -1, -1, 0): 7,
    (0, -1, 1, 0): 8,
}


def read(container: Container[Any], colour: Colour) -> Raster:
    """Every picture of a sequence, 8 bit, in the order in which they are shown.

    Args:
        container: what it says of a file with a sequence and no still.
        colour: of the pictures.

    Raises:
        MalformedImage: fewer pictures than announced, or of another size.
        UnsupportedFeature: alpha, a crop mark, or no decoder of HEVC tracks.
        LimitExceeded: pictures above the highest level of HEVC.
    """
    movie: Movie = container.tree.movie
    track = movie.tracks[0]
    _check(movie, container)
    timing = track.timing
    durations = [1000 * delta / timing.timescale for delta in timing.deltas]

    def shown() -> Iterator[Frame]:
        stream = io.BytesIO(
            track_alone(container)
        )  # held here: OpenCV lets go of it without the lock of the interpreter
        capture = _opened(stream)
        width, height = (int(capture.get(side)) for side in SIDES)
        sized(width, height, container)
        for number in range(container.frames):
            found, pixels = capture.read()
            if not found or pixels.shape != (height, width, 3):
                problem = f"{container.frames} pictures of {width} x {height} px announced, {number} decoded"
                raise MalformedImage(problem, structure="heic track", offset=picture_offset(container))
            yield Frame(cv2.cvtColor(pixels, cv2.COLOR_BGR2RGB), durations[number])

    frames = frames_of(container.frames, (container.width, container.height), shown)
    plays = timing.plays if timing.repeats else 1
    return Raster(frames, plays if container.frames > 1 else 0, _orientation(track), colour)


def _check(movie: Movie, container: Container[Any]) -> None:
    """Refuse what would be shown otherwise than players show it, or takes too much."""
    kinds = {prop.kind for prop in movie.tracks[0].content.properties}
    problem = "its opacity in a track of its own" if len(movie.tracks) > 1 else "a crop mark" if "clap" in kinds else ""
    if problem:
        problem = f"a sequence of HEVC with {problem} is not decoded; strip keeps it"
        raise UnsupportedFeature(problem, structure="heic track", offset=movie.at.offset)
    content = movie.tracks[0].content
    largest = max(width * height for width, height in (content.size, *(sample.size for sample in content.data)))
    if largest > MOST_PIXELS:
        problem = f"pictures of {largest} px, the decoder takes {MOST_PIXELS}"
        raise LimitExceeded(problem, structure="heic track", offset=movie.at.offset)


def _opened(stream: Any) -> cv2.VideoCapture:
    """The track of a file in memory.

    Raises:
        UnsupportedFeature: this OpenCV has no FFmpeg, or one without HEVC.
    """
    capture = cv2.VideoCapture(stream, cv2.CAP_FFMPEG, ONE_THREAD)
    if not capture.isOpened():
        problem = "a sequence of HEVC takes an OpenCV with FFmpeg, as its wheels have it; strip keeps it as it is"
        raise UnsupportedFeature(problem, structure="heic track", offset=0)
    return capture


def _orientation(track: Track) -> int:
    """The turn that the matrix of a track makes, which has been checked to be one."""
    a, b, _, c, d, *_ = struct.unpack(">9i", track.matrix)
    signs = [(value > 0) - (value < 0) for value in (a, b, c, d)]
    return TURNS[signs[0], signs[1], signs[2], signs[3]]
