"""Text behind the last code of AV1 tiles, HEVC slices and JPEG XL sections: found by decoding, and cut off."""

from __future__ import annotations

import io
from dataclasses import replace
from typing import TYPE_CHECKING, Any

import cv2
import numpy as np
import pillow_heif
import pillow_jxl  # noqa: F401 - registers the format with Pillow
import pytest
import requests
from PIL import Image

from rmexif import codecs, coded_tail, strip, strip_many, verify
from rmexif.codecs import libaom
from rmexif.containers import by_name, sniff
from rmexif.containers.isobmff.coded_data import FilteredData
from rmexif.containers.isobmff.hevc_slice import read_slice_segment
from rmexif.containers.isobmff.properties import value_of
from rmexif.containers.jxl.codestream import write_frame_head
from rmexif.containers.jxl.frame_header import REFERENCE, REGULAR
from rmexif.types import Category, Limits
from tests.cli.running import run
from tests.codecs.test_jxl_animations import page_of_text
from tests.containers.jxl_animations import Layer, animation
from tests.containers.jxl_files import ANIMATED
from tests.service.serving import service

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path

    from rmexif.types import Container

TEXT = b"the quick brown fox jumps over the lazy dog, 52.5200 N 13.4050 E. " * 4
SIZES = {"avif": (200, 150), "heic": (64, 64), "jxl": (200, 150)}
# A section, a tile and a slice of one stream each; HEVC of more than one row of blocks is wavefronts, see below.


def picture(size: tuple[int, int], seed: int = 1, alpha: bool = False) -> Image.Image:
    """Noise on a ramp, without a flat area."""
    width, height = size
    noise = np.random.default_rng(seed).normal(0, 12, (height, width, 4 if alpha else 3))
    return Image.fromarray(np.clip(np.linspace(40, 200, width)[None, :, None] + noise, 0, 255).astype(np.uint8))


def encoded(name: str, image: Image.Image, quality: int = 80) -> bytes:
    """A clean file as the encoder writes it."""
    out = io.BytesIO()
    if name == "heic":
        pillow_heif.from_pillow(image).save(out, quality=quality)
    else:
        image.save(out, name.upper(), quality=quality)
    return strip(out.getvalue())[0]


def parsed(data: bytes) -> Container[Any]:
    view = memoryview(data)
    return sniff(view).parse(view, Limits())


def pixels(data: bytes) -> list[bytes]:
    return [frame.pixels.tobytes() for frame in codecs.decode(data, parsed(data)).frames]


def leb128(number: int) -> bytes:
    """AV1 4.10.5, as the specification counts: seven bits a byte, the lowest first."""
    low, rest = number & 127, number >> 7
    return bytes((low | 128,)) + leb128(rest) if rest else bytes((low,))


def longer_frame(data: bytes, text: bytes) -> bytes:
    """AV1 data with ``text`` at the end of its last OBU, which is a frame with a size."""
    at = 0
    while True:
        assert data[at] & 6 == 2  # obu_has_size_field, no extension
        size = shift = 0
        start = at + 1
        while True:
            size |= (data[start] & 127) << shift
            shift, start = shift + 7, start + 1
            if data[start - 1] < 128:
                break
        if start + size == len(data):
            return data[: at + 1] + leb128(size + len(text)) + data[start:] + text
        at = start + size


def longer_slice(data: bytes, text: bytes) -> bytes:
    """HEVC data with ``text`` at the end of its one NAL unit, behind a length of four bytes."""
    assert int.from_bytes(data[:4], "big") == len(data) - 4
    return (len(data) - 4 + len(text)).to_bytes(4, "big") + data[4:] + text


def with_item(data: bytes, number: int, change: Callable[[bytes], bytes]) -> bytes:
    """An AVIF or HEIC file with other data in one of its items."""
    container = parsed(data)
    items = list(container.tree.still.items)
    items[number] = replace(items[number], data=FilteredData([memoryview(change(items[number].data.bytes()))]))
    tree = replace(container.tree, still=replace(container.tree.still, items=tuple(items)))
    return b"".join(by_name(container.format).rewrite(memoryview(b""), replace(container, tree=tree)))


def with_section(data: bytes, number: int, text: bytes) -> bytes:
    """A bare codestream of one frame with ``text`` at the end of one of its sections."""
    stream = parsed(data).tree.codestream
    (frame,) = stream.placed
    sections = [data[start:stop] + text * (at == number) for at, (start, stop) in enumerate(frame.sections)]
    return b"".join((stream.head, write_frame_head(frame.header, stream.image, map(len, sections)), *sections))


def with_tail(name: str, data: bytes, text: bytes = TEXT) -> bytes:
    if name == "jxl":
        return with_section(data, 0, text)
    longer = longer_frame if name == "avif" else longer_slice
    return with_item(data, 0, lambda coded: longer(coded, text))


@pytest.fixture
def decodes(monkeypatch: pytest.MonkeyPatch) -> list[str]:
    """The formats that were decoded, one entry a call."""
    calls: list[str] = []
    decode = codecs.decode

    def counted(raw: bytes | memoryview, container: Container[Any]) -> Any:
        calls.append(container.format)
        return decode(raw, container)

    monkeypatch.setattr(codecs, "decode", counted)
    return calls


@pytest.mark.parametrize("name", SIZES)
def test_a_text_behind_the_last_code_goes(name: str) -> None:
    honest = encoded(name, picture(SIZES[name]))
    hostile = with_tail(name, honest)
    assert TEXT in strip(hostile)[0]  # without a decoder nobody knows where the codes end
    clean, stats = strip(hostile, thorough=True)
    assert TEXT[:8] not in clean
    assert len(clean) <= len(honest) + 2
    assert pixels(clean) == pixels(hostile) == pixels(honest)
    (found,) = [row for row in stats["findings"] if row["where"].endswith("/coded tail")]
    assert found["category"] == Category.UNKNOWN.value
    assert len(TEXT) - 2 <= found["bytes"] <= len(TEXT)
    assert stats["thorough"] is True
    assert strip(clean, thorough=True)[0] == clean


@pytest.mark.parametrize("name", SIZES)
def test_verify_names_the_tail(name: str) -> None:
    hostile = with_tail(name, encoded(name, picture(SIZES[name])))
    assert verify(hostile, canonical=True) == []
    (finding,) = verify(hostile, thorough=True)
    assert finding.where.endswith("/coded tail")
    assert len(TEXT) - 2 <= finding.length <= len(TEXT)
    assert verify(strip(hostile, thorough=True)[0], thorough=True, canonical=True) == []


@pytest.mark.parametrize("name", SIZES)
def test_an_honest_picture_costs_two_decodes_and_stays_as_it_is(name: str, decodes: list[str]) -> None:
    honest = encoded(name, picture(SIZES[name]))
    decodes.clear()
    clean, stats = strip(honest, thorough=True)
    assert clean == honest
    assert len(decodes) == 2
    assert stats["findings"] == []


@pytest.mark.parametrize("name", SIZES)
def test_what_can_be_left_is_bounded_only_by_the_proof(name: str) -> None:
    honest = encoded(name, picture(SIZES[name]))
    slack = {"avif": "av1-coded-slack", "heic": "hevc-coded-slack", "jxl": "jxl-section-slack"}[name]
    before = {row["code"]: row for row in strip(honest)[1]["residuals"]}
    after = {row["code"]: row for row in strip(honest, thorough=True)[1]["residuals"]}
    assert not before[slack]["bounded"]
    assert len(honest) // 2 < (before[slack]["bytes"] or 0) < len(honest)
    assert slack not in after
    assert after["coded-tail"]["bounded"]
    assert 0 < (after["coded-tail"]["bytes"] or 0) <= 16


def test_every_section_of_jpeg_xl_is_searched(decodes: list[str]) -> None:
    honest = encoded("jxl", picture((520, 300)))
    count = len(parsed(honest).tree.codestream.placed[0].sections)
    assert count > 6
    for number in range(count):
        hostile = with_section(honest, number, TEXT)
        assert strip(hostile, thorough=True)[0] == honest
    decodes.clear()
    assert strip(honest, thorough=True)[0] == honest
    assert len(decodes) <= 1 + count


def longer_stream(honest: bytes, number: int, text: bytes) -> bytes:
    """A HEIC file with ``text`` at the end of one of the streams of its slice, and in the length of it."""
    item = parsed(honest).tree.still.items[0]
    nal = memoryview(item.data.bytes())[4:]
    segment = read_slice_segment(nal, value_of(item.properties, "hvcC"))
    assert segment is not None
    lengths, cut = segment.lengths, segment.bounds[number + 1]
    lengths[number] += len(text)
    longer = b"".join((nal[:2], segment.head(lengths), nal[segment.bounds[0] : cut], text, nal[cut:]))
    return with_item(honest, 0, lambda _: len(longer).to_bytes(4, "big") + longer)


def test_every_row_of_wavefronts_is_searched() -> None:
    """x265 codes each row of blocks in a stream of its own; where they start stands in the slice header."""
    honest = encoded("heic", picture((200, 300)))
    for number in range(5):  # rows of 64 px
        hostile = longer_stream(honest, number, TEXT)
        assert pixels(hostile) == pixels(honest)
        assert verify(hostile, canonical=True) == []
        clean, stats = strip(hostile, thorough=True)
        assert TEXT[:8] not in clean
        assert pixels(clean) == pixels(honest)
        assert len(clean) <= len(honest) + 2
        rows = {row["code"]: row["bytes"] for row in stats["residuals"]}
        assert rows["coded-tail"] == 5 * 16
        assert "hevc-coded-slack" not in rows
    assert strip(honest, thorough=True)[0] == honest


def test_zeros_behind_the_codes_are_counted() -> None:
    """A decoder takes zeros for what is missing, so nobody knows how many belong to the codes: they stay, and count."""
    honest = encoded("heic", picture((64, 64)))
    clean, stats = strip(with_tail("heic", honest, b"\0\0\3" * 100 + TEXT), thorough=True)
    assert TEXT[:8] not in clean
    rows = {row["code"]: row["bytes"] or 0 for row in stats["residuals"]}
    assert len(clean) - len(honest) <= rows["coded-tail"] <= 300 + 16


def test_alpha_is_an_item_of_its_own() -> None:
    image = picture((200, 150), alpha=True)
    honest = encoded("avif", image)
    hostile = with_item(honest, 1, lambda coded: longer_frame(coded, TEXT))
    clean, _ = strip(hostile, thorough=True)
    assert clean == honest


def test_data_that_a_crop_hides_is_no_tail() -> None:
    """64 x 64 px are coded and 64 x 48 are shown: the last rows are seen by nobody, but a decoder reads them."""
    honest = encoded("heic", picture((64, 48)), quality=90)
    clean, stats = strip(honest, thorough=True)
    assert clean == honest
    assert "coded-tail" in {row["code"] for row in stats["residuals"]}  # and that was proven
    rows = by_name("heic").load().coded_units
    assert rows is not None
    trial = rows(parsed(honest)).trial(0, 0)
    (frame,) = codecs.decode(trial, parsed(trial)).frames
    assert frame.pixels.shape[:2] == (64, 64)


def test_flat_data_at_the_end_is_no_tail() -> None:
    """Zeros in place of codes of a flat area often are the same picture, which other codes are not."""
    ramp = np.linspace(0, 255, 200)[None, :, None] * np.ones((150, 1, 3))
    honest = encoded("heic", Image.fromarray(ramp.astype(np.uint8)), quality=90)
    assert strip(honest, thorough=True)[0] == honest


def test_every_tile_of_a_frame_is_searched() -> None:
    """Pillow asks for tiles; the size of all but the last stands before them (AV1 5.11.1)."""
    honest = encoded("avif", picture((1040, 520)))
    units = by_name("avif").load().coded_units
    assert units is not None
    tiles = [bytes(unit.data) for unit in units(parsed(honest)).units]
    assert len(tiles) == 2

    def longer(coded: bytes) -> bytes:
        """Text at the end of the first tile, in its size, and in that of the frame."""
        at = coded.index(tiles[0])
        width = next(n for n in range(1, 5) if int.from_bytes(coded[at - n : at], "little") + 1 == len(tiles[0]))
        size = (len(tiles[0]) + len(TEXT) - 1).to_bytes(width, "little")
        stretched = longer_frame(coded, TEXT)[: -len(TEXT)]  # with the size that it needs
        at += len(stretched) - len(coded)
        end = at + len(tiles[0])
        return stretched[: at - width] + size + tiles[0] + TEXT + stretched[end:]

    for hostile in (with_item(honest, 0, longer), with_tail("avif", honest)):
        assert pixels(hostile) == pixels(honest)
        clean, stats = strip(hostile, thorough=True)
        assert clean == honest
        assert "av1-coded-slack" not in {row["code"] for row in stats["residuals"]}


def test_a_search_that_costs_too_much_is_not_finished_and_says_so(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(coded_tail, "BUDGET", 0)
    monkeypatch.setattr(coded_tail, "FULL_TRIALS", 3)
    honest = encoded("jxl", picture((520, 300)))
    clean, stats = strip(honest, thorough=True)
    assert clean == honest
    rows = {row["code"]: row["bytes"] or 0 for row in stats["residuals"]}
    assert 0 < rows["jxl-section-slack"] < len(honest)


def test_other_formats_need_no_search(decodes: list[str]) -> None:
    out = io.BytesIO()
    picture((64, 48)).save(out, "PNG")
    clean, stats = strip(out.getvalue(), thorough=True)
    count = len(decodes)
    assert clean == strip(out.getvalue())[0]
    assert stats["thorough"] is True
    assert len(decodes) == 2 * count


def longer_sample(honest: bytes, number: int, text: bytes) -> bytes:
    """An AVIF sequence with ``text`` at the end of one of its samples."""
    container = parsed(honest)
    track = container.tree.movie.tracks[0]
    samples = list(track.content.data)
    samples[number] = FilteredData([memoryview(longer_frame(samples[number].bytes(), text))])
    content = replace(track.content, data=tuple(samples))
    movie = replace(container.tree.movie, tracks=(replace(track, content=content),))
    tree = replace(container.tree, movie=movie)
    return b"".join(by_name("avif").rewrite(memoryview(b""), replace(container, tree=tree)))


@pytest.mark.parametrize("number", [1, 4])
def test_frames_of_a_sequence(number: int) -> None:
    """Predicted frames have headers that are not read to their end: that no tile has a tail, libaom says."""
    out = io.BytesIO()
    frames = [picture((96, 64), seed) for seed in range(5)]
    frames[0].save(out, "AVIF", save_all=True, append_images=frames[1:], duration=100, quality=80)
    honest = strip(out.getvalue())[0]
    hostile = longer_sample(honest, number, TEXT)
    clean, stats = strip(hostile, thorough=True)
    assert clean == honest
    assert pixels(clean) == pixels(hostile)
    assert stats["residuals"] == strip(honest, thorough=True)[1]["residuals"]
    rows = {row["code"]: row["bytes"] or 0 for row in stats["residuals"]}
    assert "av1-coded-slack" not in rows
    assert 0 < rows["coded-tail"] <= 4 + 4 * 2 * 4  # a tile of the key frame; at most two tiles of each predicted one


def heic_sequence(samples: list[FilteredData], properties: tuple[Any, ...], syncs: tuple[int, ...] | None) -> bytes:
    """A track of HEVC pictures of 64 x 64 px, in the boxes of an AVIF sequence."""
    out = io.BytesIO()
    picture((64, 64)).save(out, "AVIF", save_all=True, append_images=[picture((64, 64), 2)], duration=100)
    container = parsed(strip(out.getvalue())[0])
    track = container.tree.movie.tracks[0]
    content = replace(track.content, entry=b"hvc1", properties=properties, data=tuple(samples), syncs=syncs)
    movie = replace(container.tree.movie, tracks=(replace(track, content=content),))
    tree = replace(container.tree, movie=movie, still=None, brands=(b"hevc", b"msf1", b"hevc"))
    return b"".join(by_name("heic").rewrite(memoryview(b""), replace(container, format="heic", tree=tree)))


@pytest.mark.parametrize(("syncs", "is_proven"), [(None, True), ((1,), False)])
def test_pictures_of_a_sequence_that_stand_alone(syncs: tuple[int, ...] | None, is_proven: bool) -> None:
    """The decoder of HEIC shows no track, but it shows a picture that refers to no other as a still."""
    stills = [parsed(encoded("heic", picture((64, 64), seed))).tree.still.items[0] for seed in (1, 2)]
    properties = tuple(prop for prop in stills[0].properties if prop.kind == "hvcC")
    longer = FilteredData([memoryview(longer_slice(stills[1].data.bytes(), TEXT))])
    honest, hostile = (
        heic_sequence([stills[0].data, second], properties, syncs) for second in (stills[1].data, longer)
    )
    assert TEXT in strip(hostile)[0]
    clean, stats = strip(hostile, thorough=True)
    assert (TEXT not in clean) is is_proven
    if is_proven:
        assert len(clean) <= len(honest) + 2
    assert ("hevc-coded-slack" in {row["code"] for row in stats["residuals"]}) is not is_proven


def test_frames_are_not_proven_by_a_decoder_that_takes_anything(monkeypatch: pytest.MonkeyPatch) -> None:
    """Another build of OpenCV may have another decoder of AV1, which lets bytes behind tiles pass."""
    out = io.BytesIO()
    frames = [picture((96, 64), seed) for seed in range(3)]
    frames[0].save(out, "AVIF", save_all=True, append_images=frames[1:], duration=100, quality=80)
    monkeypatch.setattr(libaom, "decodes", lambda raw, frames: True)
    rows = {row["code"] for row in strip(out.getvalue(), thorough=True)[1]["residuals"]}
    assert "av1-coded-slack" in rows


@pytest.mark.parametrize("depth", [10, 12])
def test_deep_pictures_keep_every_bit(depth: int) -> None:
    """Tails are searched with a decoder that hands out 8 bits; another one shows that the rest stays."""
    noise = np.random.default_rng(3).normal(0, 40, (150, 200, 3)) + np.linspace(200, 800, 200)[None, :, None]
    pixels = (np.clip(noise, 0, 1023)).astype(np.uint16) << depth - 10
    options = [cv2.IMWRITE_AVIF_DEPTH, depth, cv2.IMWRITE_AVIF_QUALITY, 80, cv2.IMWRITE_AVIF_SPEED, 9]
    honest = strip(cv2.imencode(".avif", pixels, options)[1].tobytes())[0]
    clean, stats = strip(with_tail("avif", honest), thorough=True)
    before, after = (cv2.imdecode(np.frombuffer(data, np.uint8), cv2.IMREAD_UNCHANGED) for data in (honest, clean))
    assert before.dtype == np.uint16
    assert (before == after).all()
    assert TEXT[:8] not in clean
    assert "av1-coded-slack" not in {row["code"] for row in stats["residuals"]}


@pytest.mark.parametrize("number", [0, 1, 2])
def test_every_frame_of_an_animated_jpeg_xl_is_searched(number: int) -> None:
    """The decoder shows the first one; each of the others is shown as a file of its own."""
    honest = strip(ANIMATED)[0]
    stream = parsed(honest).tree.codestream
    pieces = [stream.head]
    for index, frame in enumerate(stream.placed):
        ((start, stop),) = frame.sections
        section = honest[start:stop] + TEXT * (index == number)
        pieces += [write_frame_head(frame.header, stream.image, [len(section)]), section]
    hostile = b"".join(pieces)
    assert verify(hostile, canonical=True) == []
    clean, stats = strip(hostile, thorough=True)
    assert clean == honest
    assert "jxl-section-slack" not in {row["code"] for row in stats["residuals"]}


@pytest.mark.parametrize("lossless", [True, False])
def test_patches_of_an_animated_jpeg_xl_are_searched(lossless: bool) -> None:
    """They are seen in the first frame that is drawn with them, and their frame is seen with them."""
    layers = [Layer(page_of_text(number), save_as=1) for number in range(2)]
    honest = strip(animation(layers, (200, 120), lossless=lossless, effort=7), thorough=True)[0]
    frames = parsed(honest).tree.codestream.placed
    assert [frame.header.kind for frame in frames] == [REFERENCE, REGULAR] * 2
    for number, frame in enumerate(frames):
        stream = parsed(honest).tree.codestream
        pieces = [stream.head]
        for index, other in enumerate(frames):
            sections = [honest[start:stop] for start, stop in other.sections]
            sections[-1] += TEXT * (index == number)
            pieces += [write_frame_head(other.header, stream.image, map(len, sections)), *sections]
        clean, stats = strip(b"".join(pieces), thorough=True)
        assert clean == honest, frame.header.kind
        assert "jxl-section-slack" not in {row["code"] for row in stats["residuals"]}


@pytest.fixture(scope="module")
def hostile() -> bytes:
    return with_tail("jxl", encoded("jxl", picture((96, 64))))


@pytest.mark.parametrize("pool", ["thread", "process"])
def test_many(hostile: bytes, pool: str) -> None:
    for thorough in (False, True):
        (outcome,) = strip_many([hostile], pool=pool, thorough=thorough, workers=1)  # type: ignore[arg-type]
        assert outcome.data == strip(hostile, thorough=thorough)[0]


def test_command_line(hostile: bytes, tmp_path: Path) -> None:
    (tmp_path / "a.jxl").write_bytes(hostile)
    clean = strip(hostile, thorough=True)[0]
    assert run("verify", "a.jxl", cwd=tmp_path).returncode == 0
    assert run("verify", "--thorough", "a.jxl", cwd=tmp_path).returncode == 1
    assert run("strip", "--thorough", "a.jxl", "-o", "b.jxl", cwd=tmp_path).returncode == 0
    assert (tmp_path / "b.jxl").read_bytes() == clean
    (tmp_path / "many").mkdir()
    (tmp_path / "many" / "a.jxl").write_bytes(hostile)
    assert run("strip", "--thorough", "many", "-o", "out", cwd=tmp_path).returncode == 0
    (written,) = [path for path in (tmp_path / "out").rglob("*") if path.is_file()]
    assert written.read_bytes() == clean


def test_http(hostile: bytes) -> None:
    with service(workers=1) as (base, _):
        assert requests.post(f"{base}/v1/strip", data=hostile).content == strip(hostile)[0]
        answer = requests.post(f"{base}/v1/strip?thorough=true", data=hostile)
        assert answer.content == strip(hostile, thorough=True)[0]
        assert requests.post(f"{base}/v1/verify", data=hostile).json()["clean"] is True
        assert requests.post(f"{base}/v1/verify?thorough=true", data=hostile).json()["clean"] is False
        assert requests.post(f"{base}/v1/inspect?thorough=true", data=hostile).status_code == 400
