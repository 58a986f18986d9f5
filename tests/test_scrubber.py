"""The front door."""

from __future__ import annotations

import hashlib
import io
import json
import struct
import zlib
from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace
from typing import Any

import numpy as np
import pytest
from PIL import Image, ImageDraw

from rmexif import Box, InvalidPolicy, Policy, ProcessingError, Scrubber, UnsupportedFeature, scrub, verify
from rmexif.containers import FORMATS
from rmexif.errors import DetectionError, EncodeError, LimitExceeded, VerificationError
from rmexif.types import Detection, Limits
from tests import samples

NAMES = [module.format.name for module in FORMATS]


def test_the_promise(astronaut: bytes) -> None:
    """``clean_bytes, stats = Scrubber(raw_bytes).process()``, with the keys that users know."""
    clean, stats = Scrubber(astronaut).process()

    assert stats["faces_detected"] == 1
    assert stats["metadata_removed"] is True
    assert stats["processing_time_ms"] > 0
    assert stats["original_hash"] == hashlib.sha256(astronaut).hexdigest()
    assert stats["new_hash"] == hashlib.sha256(clean).hexdigest()
    assert verify(clean, canonical=True) == []
    json.dumps(stats)


def test_the_face_is_where_it_is(astronaut: bytes) -> None:
    """The box lies on the face of the portrait (eyes at about 200, 130), and the region contains the box."""
    _, stats = Scrubber(astronaut).process()

    left, top, right, bottom = stats["faces"][0]["box"]
    region = stats["faces"][0]["region"]
    assert 150 < left < 200 < 240 < right < 290
    assert 40 < top < 110 < 150 < bottom < 220
    assert region[0] <= left and region[1] <= top and region[2] >= right and region[3] >= bottom


def test_the_face_is_gone(astronaut: bytes) -> None:
    """A second search over the result finds no face where one was, and the rest of the picture is still there."""
    clean, stats = Scrubber(astronaut, Policy(stealth=False)).process()

    before = np.asarray(Image.open(io.BytesIO(astronaut)).convert("RGB")).astype(int)
    after = np.asarray(Image.open(io.BytesIO(clean)).convert("RGB")).astype(int)
    left, top, right, bottom = stats["faces"][0]["box"]
    assert np.abs(before - after)[top:bottom, left:right].mean() > 10
    assert np.abs(before - after)[300:, :].mean() < 3
    assert Scrubber(clean).dry_run()["faces_detected"] == 0


def test_every_run_is_another_file(astronaut: bytes) -> None:
    """Stealth is on by default."""
    hashes = {Scrubber(astronaut).process()[1]["new_hash"] for _ in range(3)}

    assert len(hashes) == 3


@pytest.mark.parametrize("size", [(1, 1), (3, 2), (40, 40)])
def test_flat_and_tiny_pictures_change_too(size: tuple[int, int]) -> None:
    """A picture without texture has no sub-pixel phase to change; two of some runs differ all the same."""
    raw = samples.saved(Image.new("RGB", size, (120, 60, 200)), "PNG")

    assert len({Scrubber(raw).process()[1]["new_hash"] for _ in range(8)}) > 1


def test_seed_makes_it_repeatable(astronaut: bytes) -> None:
    """The same seed, the same file; another seed, another file."""
    one, two, other = (scrub(astronaut, Policy(seed=seed))[0] for seed in (7, 7, 8))

    assert one == two != other


def test_stealth_scales(astronaut: bytes) -> None:
    """0.99x in both directions; off, the size stays."""
    stats = Scrubber(astronaut).process()[1]

    assert (stats["output_width"], stats["output_height"]) == (506, 506)
    assert stats["perceptual_distance"] < 20
    assert Scrubber(astronaut, Policy(stealth=False)).process()[1]["output_width"] == 512


def test_dry_run_changes_nothing(astronaut: bytes) -> None:
    """It finds what a run would find, and has no new hash."""
    stats = Scrubber(astronaut).dry_run()

    assert stats["faces_detected"] == 1
    assert stats["findings_count"] > 5
    assert "new_hash" not in stats
    json.dumps(stats)


@pytest.mark.parametrize("source", NAMES)
@pytest.mark.parametrize("target", [None, *NAMES])
def test_every_format_into_every_format(source: str, target: str | None) -> None:
    """Each pair comes out clean, readable, and upright in size."""
    raw = next(iter(samples.of(source).values()))
    upright = Scrubber(raw).dry_run()

    clean, stats = Scrubber(raw, Policy(output=target, faces=False, stealth=False)).process()

    assert stats["output_format"] == (target or source)
    assert verify(clean, canonical=True) == []
    assert samples.CANARY not in clean
    image = Image.open(io.BytesIO(clean))
    assert image.size == (upright["width"], upright["height"])


@pytest.mark.parametrize("orientation", range(1, 9))
def test_orientation_is_baked_in_before_detection(astronaut: bytes, orientation: int) -> None:
    """The face is found at its upright place whatever the tag says, and no tag is left."""
    upright = Image.open(io.BytesIO(astronaut)).convert("RGB")
    undo = {1: None, 2: 0, 3: 3, 4: 1, 5: 5, 6: 2, 7: 6, 8: 4}[orientation]
    stored = upright if undo is None else upright.transpose(Image.Transpose(undo))
    raw = samples.saved(stored, "JPEG", quality=92, exif=samples.exif(orientation))

    clean, stats = Scrubber(raw, Policy(stealth=False)).process()

    left, top, right, bottom = stats["faces"][0]["box"]
    assert left < 220 < right and top < 130 < bottom
    result = Image.open(io.BytesIO(clean)).convert("RGB")
    assert len(result.getexif()) == 0
    difference = np.abs(np.asarray(result).astype(int) - np.asarray(upright).astype(int))
    assert difference[300:].mean() < 5


def test_regions_by_hand(astronaut: bytes) -> None:
    """``regions`` are redacted without a search, ``keep_regions`` leave a face that lies in them."""
    clean, stats = Scrubber(astronaut, Policy(faces=False, regions=((0, 400, 100, 500),), stealth=False)).process()

    assert stats["faces_detected"] == 0
    assert stats["faces"][0]["label"] == "region"
    before = np.asarray(Image.open(io.BytesIO(astronaut)).convert("RGB")).astype(int)
    after = np.asarray(Image.open(io.BytesIO(clean)).convert("RGB")).astype(int)
    assert np.abs(before - after)[420:480, 20:80].mean() > 3
    assert Scrubber(astronaut, Policy(keep_regions=(Box(0, 0, 512, 512),))).process()[1]["faces_detected"] == 0


@pytest.mark.parametrize(
    "fields",
    [
        {"style": "sepia"},
        {"style": "gaussian"},
        {"quality": 0},
        {"recall": "most"},
        {"output": "psd"},
        {"detectors": ("nobody",)},
        {"regions": ((5, 5, 5, 9),)},
        {"regions": ((9000, 9000, 9010, 9010),)},
        {"margin": -1},
        {"min_confidence": 2},
        {"seed": -1},
        {"frames": "some"},
    ],
)
def test_a_wrong_policy_is_refused(astronaut: bytes, fields: dict) -> None:
    """By name, before anything leaves."""
    with pytest.raises(InvalidPolicy):
        Scrubber(astronaut, Policy(**fields)).process()


@pytest.mark.parametrize("wrong", ["path.jpg", None, 3])
def test_what_is_not_bytes_is_a_type_error(wrong: object) -> None:
    """Before anything else is looked at."""
    with pytest.raises(TypeError):
        Scrubber(wrong)  # type: ignore[arg-type]


@pytest.mark.parametrize("raw", [b"", b"text", b"\xff\xd8\xff\xe0" + bytes(64), b"\x89PNG\r\n\x1a\n"])
def test_what_is_no_image_is_a_processing_error(raw: bytes) -> None:
    """Seen when the Scrubber is made."""
    with pytest.raises(ProcessingError):
        Scrubber(raw)


class _Broken:
    """A detector that fails."""

    def detect(self, rgb: np.ndarray) -> list:
        raise DetectionError("no")


class _Foreign:
    """A detector that fails in its own way."""

    def detect(self, rgb: np.ndarray) -> list:
        raise RuntimeError("secret path")


class _Own:
    """A detector that gives what it was made with."""

    def __init__(self, *found: object) -> None:
        self.found = found

    def detect(self, rgb: np.ndarray) -> list:
        return list(self.found)


class _Nothing:
    """A style that changes nothing."""

    name = "nothing"
    leak_bits = 0

    def redact(self, pixels: np.ndarray, masks: object, rng: object) -> None:
        """Leave the face where it is."""


def test_a_failing_detector_is_never_no_faces(astronaut: bytes) -> None:
    """It is an error, and nothing leaves; a foreign one is wrapped without its message."""
    with pytest.raises(DetectionError):
        Scrubber(astronaut, Policy(detectors=(_Broken(),))).process()
    with pytest.raises(DetectionError) as caught:
        Scrubber(astronaut, Policy(detectors=(_Foreign(),))).process()
    assert "secret" not in str(caught.value)


@pytest.mark.parametrize(
    "found",
    [
        (1, 2, 30, 40),
        None,
        Detection(Box(1, 2, float("nan"), 40), 0.9),  # type: ignore[arg-type]
        Detection(Box(1, 2, 30, 40), float("nan")),
        Detection(Box(30, 40, 1, 2), 0.9),
        Detection(Box(9000, 9000, 9010, 9010), 0.9),
        Detection(Box(1, 2, 30, 40), 0.9, label=b"face"),  # type: ignore[arg-type]
    ],
)
def test_a_detector_that_gives_something_else_is_refused(found: object) -> None:
    """It is not covered somewhere else, and no report has numbers that JSON cannot write."""
    raw = samples.of("png")["plain"]

    with pytest.raises(DetectionError, match="detector"):
        Scrubber(raw, Policy(detectors=(_Own(found),))).process()


def test_a_detector_of_arrays_gives_a_report() -> None:
    """Numbers of NumPy, and boxes between pixels, which are covered whole."""
    found = Detection(Box(*np.array([1.5, 2.5, 20.25, 19.75], np.float32)), np.float32(0.5))  # type: ignore[arg-type]

    stats = Scrubber(samples.of("png")["plain"], Policy(detectors=(_Own(found),))).process()[1]

    assert json.loads(json.dumps(stats))["faces"][0]["box"] == [1, 2, 21, 20]


@pytest.mark.parametrize("leak", [float("nan"), None, "0"])
def test_a_style_says_what_it_leaves(leak: object) -> None:
    """Nothing is above NaN, so that it would be let through."""
    style = _Nothing()
    style.leak_bits = leak  # type: ignore[assignment]

    with pytest.raises(InvalidPolicy, match="leak_bits"):
        Scrubber(samples.of("png")["plain"], Policy(style=style))


def test_a_style_that_leaves_the_face_is_escalated(astronaut: bytes) -> None:
    """The finished picture is searched again, and what is found there is covered harder."""
    clean, stats = Scrubber(astronaut, Policy(style=_Nothing())).process()

    assert stats["escalated"] >= 1
    assert Scrubber(clean).dry_run()["faces_detected"] == 0


def test_an_output_that_does_not_verify_is_discarded(astronaut: bytes, monkeypatch: pytest.MonkeyPatch) -> None:
    """An encoder that adds metadata by itself, and a rewrite that forgets to remove it: no bytes leave."""
    from rmexif.containers.jpeg import JPEG

    walker = JPEG.load()._replace(rewrite=lambda view, container: [view, b"trailer"])
    leaky = JPEG._replace(load=lambda: walker)
    monkeypatch.setattr("rmexif.inspection.sniff", lambda view: leaky)
    with pytest.raises(VerificationError):
        Scrubber(astronaut).process()


def test_frames_policy() -> None:
    """All, the first, or a refusal; several frames do not fit into a JPEG."""
    raw = samples.of("png")["animated"]

    assert Scrubber(raw).process()[1]["frames"] == 3
    assert Scrubber(raw, Policy(frames="first")).process()[1]["frames"] == 1
    assert Scrubber(raw, Policy(frames="first", output="jpeg")).process()[1]["output_format"] == "jpeg"
    for policy in (Policy(frames="refuse"), Policy(output="jpeg")):
        with pytest.raises(UnsupportedFeature):
            Scrubber(raw, policy).process()


def test_animations_with_transparency_come_out_verified() -> None:
    """An encoder that codes only what changed hides colour under alpha 0, or writes VP8L: nothing of it is kept."""
    frames = []
    for number in range(3):
        frame = Image.new("RGBA", (200, 200), (250, 20, 180, 0))
        draw = ImageDraw.Draw(frame)
        draw.ellipse((10 + 20 * number, 20, 120 + 20 * number, 130), (20, 90, 200, 255))
        draw.ellipse((40, 40 + 20 * number, 80, 80 + 20 * number), (250, 240, 10, 130))
        frames.append(frame)
    raw = samples.saved(frames[0], "WEBP", save_all=True, append_images=frames[1:], duration=50, exact=True)

    data, stats = Scrubber(raw).process()

    assert verify(data, canonical=True) == []
    assert stats["frames"] == 3


def test_frames_that_a_decoder_leaves_out_are_missed(monkeypatch: pytest.MonkeyPatch) -> None:
    """An animation never becomes a still picture without a word: the container knows how many frames there are."""
    from rmexif import codecs

    real = codecs.decode

    def lazy(*arguments: Any) -> Any:
        raster = real(*arguments)
        return replace(raster, frames=raster.frames[:1])

    monkeypatch.setattr(codecs, "decode", lazy)
    raw = samples.of("png")["animated"]

    with pytest.raises(UnsupportedFeature, match="1 of 3 frames"):
        Scrubber(raw).process()
    assert Scrubber(raw, Policy(frames="first")).process()[1]["frames"] == 1


@pytest.mark.parametrize("name", [n for n in ("png", "webp", "gif") if n in NAMES])
def test_animation_keeps_frames_durations_and_loop(name: str) -> None:
    """As Pillow reads them."""
    raw = samples.of(name)["animated"]

    clean, _ = Scrubber(raw, Policy(stealth=False)).process()

    before, after = Image.open(io.BytesIO(raw)), Image.open(io.BytesIO(clean))
    assert before.n_frames == after.n_frames
    assert before.info.get("loop") == after.info.get("loop")
    for number in range(before.n_frames):
        before.seek(number)
        after.seek(number)
        before.load()
        after.load()
        assert before.info["duration"] == after.info["duration"]


def test_bombs_are_refused_from_the_header() -> None:
    """Before a decoder runs."""
    raw = bytearray(samples.of("png")["plain"])
    raw[16:24] = (60000).to_bytes(4, "big") * 2

    with pytest.raises(ProcessingError):
        Scrubber(bytes(raw))
    with pytest.raises(LimitExceeded, match="max_pixels"):
        Scrubber(samples.of("png")["plain"], Policy(limits=Limits(max_pixels=10)))


def test_threads_give_what_one_thread_gives(astronaut: bytes) -> None:
    """Eight threads, the same seeds, the same files."""
    jobs = [(raw, seed) for seed in range(4) for raw in (astronaut, *samples.of("png").values())]

    def run(job: tuple[bytes, int]) -> str:
        return Scrubber(job[0], Policy(seed=job[1])).process()[1]["new_hash"]

    alone = [run(job) for job in jobs]
    with ThreadPoolExecutor(8) as pool:
        together = list(pool.map(run, jobs))

    assert alone == together


def test_preview_outlines_and_covers_nothing(astronaut: bytes) -> None:
    """The picture with outlines, clean of metadata; the face is still there to be judged."""
    picture, stats = Scrubber(astronaut).preview()

    assert verify(picture, canonical=True) == []
    assert stats["faces_detected"] == 1
    assert "new_hash" not in stats
    before = np.asarray(Image.open(io.BytesIO(astronaut)).convert("RGB")).astype(int)
    after = np.asarray(Image.open(io.BytesIO(picture)).convert("RGB")).astype(int)
    left, top, right, bottom = stats["faces"][0]["box"]
    assert np.abs(before - after)[top + 6 : bottom - 6, left + 6 : right - 6].mean() < 5
    assert np.abs(before - after)[top : top + 2, left:right].mean() > 20


@pytest.mark.parametrize("gamma", [0.55556, 1.0])
def test_a_png_goes_on_to_say_what_its_samples_mean(gamma: float) -> None:
    """Viewers that follow gAMA, and those that do not, see the picture as they did before; another format is sRGB."""
    raw = samples.saved(samples.picture(300, 200), "PNG")
    value = struct.pack(">I", round(gamma * 100_000))
    chunk = struct.pack(">I", 4) + b"gAMA" + value + struct.pack(">I", zlib.crc32(b"gAMA" + value))
    raw = raw[:33] + chunk + raw[33:]

    clean, _ = scrub(raw, Policy(stealth=False, faces=False))
    other, _ = scrub(raw, Policy(stealth=False, faces=False, output="webp", quality=100))

    before, after = (Image.open(io.BytesIO(data)) for data in (raw, clean))
    assert after.info["gamma"] == pytest.approx(gamma)
    shown, kept = (np.asarray(image.convert("RGB")) for image in (before, after))
    assert np.array_equal(shown >> 1, kept >> 1)  # the lowest bit never leaves
    assert verify(clean, canonical=True) == []
    light = (np.asarray(before.convert("RGB")) / 255.0) ** (1 / gamma)  # PNG third edition, 11.3.2.2
    meant = np.where(light <= 0.0031308, 12.92 * light, 1.055 * light ** (1 / 2.4) - 0.055) * 255  # IEC 61966-2-1
    assert np.abs(np.asarray(Image.open(io.BytesIO(other)).convert("RGB")) - meant).mean() < 2


def _alpha_of_scrubbed(alpha: np.ndarray) -> np.ndarray:
    """The alpha of a picture of noise that had ``alpha``."""
    noise, out = np.random.default_rng(2).integers(0, 256, (*alpha.shape, 3), np.uint8), io.BytesIO()
    Image.fromarray(np.dstack((noise, alpha))).save(out, "PNG")
    return np.asarray(Image.open(io.BytesIO(Scrubber(out.getvalue()).process()[0])))[..., 3]


@pytest.mark.parametrize("shape", [(90, 100), (200, 300)])
def test_a_text_in_the_lowest_bits_of_alpha_is_gone(shape: tuple[int, int]) -> None:
    """Also where the picture is too small to be scaled."""
    alpha = np.random.default_rng(1).integers(254, 256, shape, np.uint8)
    after = _alpha_of_scrubbed(alpha)
    rows, columns = after.shape
    same = (after & 1) == (alpha[:rows, :columns] & 1)
    assert 0.2 < same.mean() < 0.8
    assert after.min() >= 252


def test_a_small_cut_out_keeps_its_edge() -> None:
    """Alpha of nothing but 0 and 255 says what is shown, and nothing else."""
    alpha = np.random.default_rng(1).integers(0, 2, (90, 100), np.uint8) * 255
    assert np.array_equal(_alpha_of_scrubbed(alpha), alpha)


@pytest.mark.parametrize("output", ["png", "webp", "gif", "tiff", "avif"])
def test_frames_that_come_one_at_a_time_are_all_there(output: str, monkeypatch: pytest.MonkeyPatch) -> None:
    """As many, as long, and the same as those of an animation that is held at once."""
    raw = samples.of("png")["animated"]
    policy = Policy(faces=False, stealth=False, output=output, seed=1)
    held = scrub(raw, policy)[0]
    monkeypatch.setattr("rmexif.codecs.frames.MOST_HELD", 1)

    data, stats = scrub(raw, policy)

    assert stats["frames"] == 3
    before, after = (Image.open(io.BytesIO(file)) for file in (held, data))
    assert after.n_frames == before.n_frames == 3
    for number in range(3):
        before.seek(number)
        after.seek(number)
        assert before.info.get("duration") == after.info.get("duration")
        assert np.array_equal(np.asarray(before.convert("RGBA")), np.asarray(after.convert("RGBA")))


class TestPagesOfDifferentKinds:
    """A scanned document: bilevel pages, one in colour, one in ink."""

    @staticmethod
    def document(*, sizes=((240, 200),) * 4):
        """The file, and its pages in RGB as Pillow converts them."""
        tiles = np.random.default_rng(0).integers(0, 255, (10, 12, 3), np.uint8)
        colour = Image.fromarray(np.kron(tiles, np.ones((20, 20, 1), np.uint8)))
        pages = [colour.resize(size).convert(mode) for size, mode in zip(sizes, ("1", "RGB", "CMYK", "L"), strict=True)]
        out = io.BytesIO()
        pages[0].save(out, "TIFF", save_all=True, append_images=pages[1:])
        return out.getvalue(), [np.asarray(page.convert("RGB")).astype(int) for page in pages]

    @pytest.mark.parametrize("output", [None, "png", "webp", "gif"])
    def test_every_page_is_there(self, output):
        raw, _ = self.document()
        data, stats = Scrubber(raw, Policy(faces=False, output=output)).process()
        assert stats["frames"] == Image.open(io.BytesIO(data)).n_frames == 4
        assert verify(data, canonical=True) == []

    def test_each_keeps_its_colours(self):
        raw, pages = self.document(sizes=((240, 200), (100, 50), (240, 200), (60, 60)))
        data, _ = Scrubber(raw, Policy(faces=False, stealth=False)).process()
        image = Image.open(io.BytesIO(data))
        for number, page in enumerate(pages):
            image.seek(number)
            assert np.abs(np.asarray(image.convert("RGB")).astype(int) - page).max() <= 1  # the lowest bit is replaced

    def test_pages_of_different_sizes_are_no_animation(self):
        raw, _ = self.document(sizes=((240, 200), (100, 50), (240, 200), (60, 60)))
        with pytest.raises(EncodeError, match="pages of different sizes"):
            Scrubber(raw, Policy(faces=False, output="png")).process()
