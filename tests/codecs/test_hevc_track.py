"""HEIC image sequences: x265 in FFmpeg writes them for the tests, FFmpeg and libheif say what they show."""

from __future__ import annotations

import io
import struct
import subprocess
from dataclasses import replace
from functools import cache
from pathlib import Path
from tempfile import TemporaryDirectory

import cv2
import imageio_ffmpeg
import numpy as np
import pillow_heif
import pytest
from PIL import Image

from rmexif import InputError, LimitExceeded, Policy, UnsupportedFeature, inspect, scrub, strip, verify
from rmexif.codecs import hevc_track
from rmexif.containers import by_name, sniff
from rmexif.containers.isobmff.boxes import box
from rmexif.containers.isobmff.coded_data import FilteredData
from rmexif.containers.isobmff.properties import Property
from rmexif.types import Limits, Role
from tests import samples
from tests.cli.running import run

PLAIN = Policy(faces=False, stealth=False, output="png")
SOURCE = ("-f", "lavfi", "-i", "testsrc2=size=192x128:rate=5:duration=1.2,format=gbrp")
KINDS = {  # how pictures refer to each other
    "alone": "keyint=1",
    "predicted": "keyint=30:bframes=0",
    "out of order": "keyint=30:bframes=3:b-adapt=0",
}
SRGB_709 = ("colorprim=bt709:transfer=iec61966-2-1:colormatrix=bt709:range=full", ("-color_range", "pc"))
UNIT = 0x10000
MATRICES = {  # ISO 14496-12, 8.3.2: a, b, c, d of x' = ax + cy, y' = bx + dy, and what they do to a picture
    "upright": ((1, 0, 0, 1), lambda picture: picture),
    "right": ((0, 1, -1, 0), lambda picture: np.rot90(picture, -1)),
    "left": ((0, -1, 1, 0), np.rot90),
    "upside down": ((-1, 0, 0, -1), lambda picture: picture[::-1, ::-1]),
    "mirrored": ((-1, 0, 0, 1), lambda picture: picture[:, ::-1]),
    "flipped": ((1, 0, 0, -1), lambda picture: picture[::-1]),
    "transposed": ((0, 1, 1, 0), lambda picture: picture.transpose(1, 0, 2)),
}


def ffmpeg(*arguments: str, data: bytes = b"") -> bytes:
    """What FFmpeg writes to its standard output."""
    command = [imageio_ffmpeg.get_ffmpeg_exe(), "-v", "error", *arguments, "-"]
    return subprocess.run(command, input=data, capture_output=True, check=True).stdout


@cache
def sequence(options: str, pixels: str = "yuv420p", filters: str = "null", extra: tuple[str, ...] = ()) -> bytes:
    """A sequence: FFmpeg's video, whose handler is made that of pictures (ISO 23008-12, 7)."""
    coded = (
        "-vf",
        f"{filters},format={pixels}",
        "-c:v",
        "libx265",
        "-x265-params",
        f"log-level=none:{options}",
    )
    boxes = ("-tag:v", "hvc1", "-brand", "msf1", "-movflags", "+faststart")
    with TemporaryDirectory() as folder:  # a movie is not written to a pipe: its index is written last
        path = Path(folder) / "sequence.mp4"
        command = [imageio_ffmpeg.get_ffmpeg_exe(), "-v", "error", *SOURCE, *coded, *boxes, *extra, str(path)]
        subprocess.run(command, check=True)
        data = path.read_bytes()
    at = data.index(b"hdlr")
    return data[:at] + data[at:].replace(b"vide", b"pict", 1)


def shown(data: bytes, size: tuple[int, int] = (192, 128)) -> np.ndarray:
    """The pictures of a sequence by FFmpeg, which does not turn them."""
    out = ffmpeg("-noautorotate", "-i", "-", "-f", "rawvideo", "-pix_fmt", "rgb24", data=data)
    return np.frombuffer(out, np.uint8).reshape(-1, size[1], size[0], 3).astype(int)


def frames_of(data: bytes) -> tuple[list[np.ndarray], list[float], int | None]:
    """Pictures and times of an animated PNG by Pillow, and how often it is played."""
    with Image.open(io.BytesIO(data)) as image:
        count = getattr(image, "n_frames", 1)
        found, times = [], []
        for number in range(count):
            image.seek(number)
            found.append(np.asarray(image.convert("RGB")).astype(int))
            times.append(float(image.info["duration"]))
        return found, times, image.info.get("loop")


def turned(data: bytes, numbers: tuple[int, ...]) -> bytes:
    """The sequence with another matrix in its track's header."""
    at = data.index(b"tkhd") + 4 + 40
    values = [UNIT * numbers[0], UNIT * numbers[1], 0, UNIT * numbers[2], UNIT * numbers[3], 0, 0, 0, 1 << 30]
    return data[:at] + struct.pack(">9i", *values) + data[at + 36 :]


@pytest.mark.parametrize("kind", KINDS)
def test_every_picture_leaves(kind: str) -> None:
    """In the order in which they are shown, for as long."""
    raw = sequence(KINDS[kind])
    expected = shown(raw)
    assert len(expected) == 6

    data, stats = scrub(raw, PLAIN)

    found, times, plays = frames_of(data)
    assert (stats["frames"], stats["is_animation"]) == (6, True)
    assert np.abs(np.array(found) - expected).max() <= 1  # the lowest bits are replaced
    assert times == [200.0] * 6
    assert plays == 1
    assert verify(data, canonical=True) == []


@pytest.mark.parametrize("kind", KINDS)
def test_strip_keeps_what_is_shown(kind: str) -> None:
    """The encoder's own words, which x265 puts into every sequence, go."""
    raw = sequence(KINDS[kind])
    assert b"x265" in raw

    data, stats = strip(raw)

    assert stats["frames"] == 6
    assert b"x265" not in data
    assert np.array_equal(shown(data), shown(raw))
    assert verify(data, canonical=True) == []
    assert strip(data)[0] == data
    assert inspect(raw).findings


def test_the_names_of_sequences_are_known(tmp_path: Path) -> None:
    """ISO 23008-12, annex C: .heics, and .heifs for any coding."""
    (tmp_path / "a.heics").write_bytes(sequence(KINDS["alone"]))
    for name in ("b.heics", "b.heifs"):
        done = run("strip", "a.heics", "-o", name, cwd=tmp_path)
        assert done.returncode == 0, done.stderr
        assert (tmp_path / name).stat().st_size


def test_the_output_is_animated_where_nothing_else_is_asked() -> None:
    raw = sequence(KINDS["alone"])
    assert scrub(raw, Policy(faces=False))[1]["output_format"] == "webp"
    data, stats = scrub(raw, Policy(faces=False, frames="first", stealth=False))
    assert (stats["output_format"], stats["frames"]) == ("heic", 1)
    first = np.asarray(pillow_heif.open_heif(io.BytesIO(data))[0]).astype(int)
    assert np.abs(first - shown(raw)[0]).mean() < 4


@pytest.mark.parametrize("kind", MATRICES)
def test_the_matrix_of_a_track_turns(kind: str) -> None:
    numbers, turn = MATRICES[kind]
    plain = sequence(KINDS["alone"])
    found, _, _ = frames_of(scrub(turned(plain, numbers), PLAIN)[0])
    for picture, expected in zip(found, shown(plain), strict=True):
        assert np.abs(picture - turn(expected)).max() <= 1


def test_colours_are_those_that_were_encoded() -> None:
    """Of BT.709 in full range, 8 and 10 bit, without subsampling: nothing is lost but what x265 leaves out."""
    original = np.frombuffer(ffmpeg(*SOURCE, "-f", "rawvideo", "-pix_fmt", "rgb24"), np.uint8).reshape(-1, 128, 192, 3)
    words, extra = SRGB_709
    for pixels in ("yuv444p", "yuv444p10le"):
        raw = sequence(f"crf=2:{words}", pixels, "scale=out_color_matrix=bt709:out_range=pc", extra)
        found, _, _ = frames_of(scrub(raw, PLAIN)[0])
        assert np.abs(np.array(found) - original.astype(int)).mean() < 1.2


@pytest.mark.parametrize(
    "words",
    [
        "colorprim=smpte432:transfer=iec61966-2-1:colormatrix=bt709:range=limited",
        "colorprim=bt2020:transfer=smpte2084:colormatrix=bt2020nc:range=limited",
        "colorprim=bt709:transfer=arib-std-b67:colormatrix=bt470bg:range=limited",
    ],
)
def test_what_a_bitstream_says_of_its_colours_converts_nothing(words: str) -> None:
    """OpenCV would, to BT.709 and to less light; of a still, libheif does not either, and colr alone counts."""
    original = np.frombuffer(ffmpeg(*SOURCE, "-f", "rawvideo", "-pix_fmt", "rgb24"), np.uint8).reshape(-1, 128, 192, 3)
    matrix = {"bt709": "bt709", "bt2020nc": "bt2020", "bt470bg": "bt601"}[words.split("matrix=")[1].split(":")[0]]
    raw = sequence(f"crf=2:{words}", "yuv444p", f"scale=out_color_matrix={matrix}:out_range=tv")
    for data in (raw, with_sets_in_samples(raw)):
        found, _, _ = frames_of(scrub(data, PLAIN)[0])
        assert np.abs(np.array(found) - original.astype(int)).mean() < 1.2


def with_sets_in_samples(raw: bytes) -> bytes:
    """The sequence with its parameter sets before the first slice, and none in hvcC (ISO 14496-15, 8.3.3.1: hev1)."""
    container = sniff(memoryview(raw)).parse(memoryview(raw), Limits())
    track = container.tree.movie.tracks[0]
    body = next(prop.value.box for prop in track.content.properties if prop.kind == "hvcC")
    sets, at = b"", 23
    for _ in range(body[22]):
        count, at = int.from_bytes(body[at + 1 : at + 3], "big"), at + 3
        for _ in range(count):
            end = at + 2 + int.from_bytes(body[at : at + 2], "big")
            sets, at = sets + bytes(2) + body[at:end], end
    bare = Property("hvcC", box(b"hvcC", body[:22] + b"\0"), Role.STRUCTURE, None)
    first, *others = track.content.data
    data = (FilteredData([memoryview(sets + first.bytes())]), *others)
    content = replace(track.content, entry=b"hev1", properties=(bare,), data=data)
    movie = replace(container.tree.movie, tracks=(replace(track, content=content),))
    return b"".join(
        by_name("heic").rewrite(memoryview(b""), replace(container, tree=replace(container.tree, movie=movie)))
    )


def test_what_the_box_colr_says_is_converted() -> None:
    """Display P3 to sRGB, by the numbers of SMPTE EG 432-1 and IEC 61966-2-1."""
    original = np.frombuffer(ffmpeg(*SOURCE, "-f", "rawvideo", "-pix_fmt", "rgb24"), np.uint8).reshape(-1, 128, 192, 3)
    signal = "setparams=color_primaries=smpte432:color_trc=iec61966-2-1:colorspace=bt709:range=tv"
    scaled = f"scale=out_color_matrix=bt709:out_range=tv,format=yuv444p,{signal}"
    raw = sequence("crf=2", "yuv444p", scaled, ("-movflags", "+faststart+write_colr"))
    assert b"nclx\0\x0c\0\x0d\0\x01" in raw
    to_srgb = np.array([[1.2249, -0.2247, 0], [-0.0420, 1.0419, 0], [-0.0197, -0.0786, 1.0979]])
    values = original / 255
    light = np.where(values <= 0.04045, values / 12.92, ((values + 0.055) / 1.055) ** 2.4) @ to_srgb.T
    light = light.clip(0, 1)
    expected = 255 * np.where(light <= 0.0031308, 12.92 * light, 1.055 * light ** (1 / 2.4) - 0.055)

    found, _, _ = frames_of(scrub(raw, PLAIN)[0])

    assert np.abs(np.array(found) - expected).mean() < 0.7
    assert np.abs(expected - original).mean() > 1.2


@cache
def around_hevc(tracks: int, *others: Property) -> bytes:
    """The boxes that libavif writes, with opacity as a second track, around two pictures of HEVC."""
    pictures = [samples.picture(64, 64, 4), samples.picture(64, 64, 4).rotate(180)]
    avif = samples.saved(pictures[0], "AVIF", save_all=True, append_images=pictures[1:], duration=100)
    container = sniff(memoryview(avif)).parse(memoryview(avif), Limits())
    still = samples.saved(samples.picture(64, 64), "HEIF", quality=60)
    item = sniff(memoryview(still)).parse(memoryview(still), Limits()).tree.still.items[0]
    coded = tuple(prop for prop in item.properties if prop.kind == "hvcC")
    found = []
    for track in container.tree.movie.tracks[:tracks]:
        own = tuple(prop for prop in track.content.properties if prop.kind == "auxi")
        content = replace(
            track.content, entry=b"hvc1", properties=(*coded, *own, *others), data=(item.data, item.data), syncs=None
        )
        found.append(replace(track, content=content))
    movie = replace(container.tree.movie, tracks=tuple(found))
    tree = replace(container.tree, movie=movie, still=None, brands=(b"hevc", b"msf1", b"iso8"))
    return b"".join(by_name("heic").rewrite(memoryview(b""), replace(container, format="heic", tree=tree)))


def test_opacity_in_another_track_is_refused() -> None:
    """One track alone would show what nobody is to see."""
    raw = around_hevc(2)
    assert strip(raw)[1]["frames"] == 2
    with pytest.raises(UnsupportedFeature, match="opacity"):
        scrub(raw, PLAIN)


def test_a_crop_mark_is_refused() -> None:
    """FFmpeg shows what it hides (ISO 23008-12, 6.5.9)."""
    numbers = struct.pack(">8I", 32, 1, 32, 1, 0, 1, 0, 1)
    mark = Property("clap", box(b"clap", numbers), Role.STRUCTURE, None)
    assert scrub(around_hevc(1), PLAIN)[1]["frames"] == 2
    assert strip(around_hevc(1, mark))[1]["frames"] == 2
    with pytest.raises(UnsupportedFeature, match="crop mark"):
        scrub(around_hevc(1, mark), PLAIN)


def test_an_opencv_without_ffmpeg_is_named(monkeypatch: pytest.MonkeyPatch) -> None:
    """Another of its backends, which opens no such file."""
    monkeypatch.setattr(hevc_track.cv2, "CAP_FFMPEG", cv2.CAP_OPENCV_MJPEG)
    with pytest.raises(UnsupportedFeature, match="FFmpeg"):
        scrub(sequence(KINDS["alone"]), PLAIN)


def test_limits_come_before_the_decoder(monkeypatch: pytest.MonkeyPatch) -> None:
    raw = sequence(KINDS["alone"])
    with pytest.raises(LimitExceeded, match="max_pixels"):
        scrub(raw, Policy(limits=Limits(max_pixels=1000)))
    monkeypatch.setattr(hevc_track, "MOST_PIXELS", 1000)
    with pytest.raises(LimitExceeded, match="the decoder takes 1000"):
        scrub(raw, PLAIN)


def test_a_damaged_sequence_gives_an_input_error_or_pictures() -> None:
    raw = sequence(KINDS["predicted"])
    rng = np.random.default_rng(4)
    for _ in range(25):
        broken = bytearray(raw)
        broken[rng.integers(32, len(raw))] = rng.integers(256)
        try:
            scrub(bytes(broken), PLAIN)
        except InputError:
            continue
    for length in rng.integers(100, len(raw) - 100, 6):
        with pytest.raises(InputError):
            scrub(raw[: int(length)], PLAIN)
