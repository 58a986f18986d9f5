"""Image sequences: what their tables say about times is brought to one form, and cannot carry anything else."""

import io
import struct

import pytest
from PIL import Image

from rmexif import verify
from rmexif.containers.isobmff.timing import ENDLESS, canonical
from rmexif.errors import InputError, MalformedImage, UnsupportedFeature
from tests.containers.heif_builder import box, boxes, coded, full, picture
from tests.containers.test_isobmff import animation, pixels, same, strip

CONTAINERS = (b"moov", b"trak", b"mdia", b"minf", b"stbl", b"edts")


def changed(raw, kind, new, extra=None):
    """The file with another body of every box of a type, or with ``extra`` added to its ``stbl``; offsets follow."""
    before = len(raw)
    for _ in range(2):  # the second time with the right offsets

        def rewrite(start, end, shift):
            out = b""
            for name, first, last in boxes(raw, start, end):
                body = raw[first:last]
                if name in CONTAINERS:
                    body = rewrite(first, last, shift)
                    body += extra if name == b"stbl" and extra else b""
                elif name == kind:
                    body = new(body)
                if name == b"stco":
                    body = body[:8] + b"".join(
                        struct.pack(">I", n + shift) for (n,) in struct.iter_unpack(">I", body[8:])
                    )
                if name == b"meta":
                    body = shifted(body, shift)
                out += box(name, body)
            return out

        shift = len(rewrite(0, before, 0)) - before
    return rewrite(0, before, shift)


def shifted(meta, shift):
    """A meta box of ours with other offsets: iloc has rows of 14 bytes (version 0, 4-byte fields, one extent)."""
    at = meta.index(b"iloc") + 4 + 4 + 2
    (count,) = struct.unpack_from(">H", meta, at)
    out = bytearray(meta)
    for row in range(count):
        place = at + 2 + 14 * row + 6
        struct.pack_into(">I", out, place, struct.unpack_from(">I", out, place)[0] + shift)
    return bytes(out)


def body_of(data, *path):
    """The body of a box, by the types on the way to it."""
    start, end = 0, len(data)
    for kind in path:
        start, end = next((s, e) for name, s, e in boxes(data, start, end) if name == kind)
    return data[start:end]


CLEAN = strip(animation())
STBL = (b"moov", b"trak", b"mdia", b"minf", b"stbl")


def durations(data):
    """Milliseconds of each picture, by the common decoder."""
    with Image.open(io.BytesIO(data)) as image:
        found = []
        for number in range(image.n_frames):
            image.seek(number)
            image.load()
            found.append(image.info["duration"])
    return found


def text_edits(body):
    """An edit list of a thousand empty edits, which spell a text, before the one that there was."""
    rows = b"".join(struct.pack(">8sqI", b"SECRET!!", -1, 0x53454352) for _ in range(1000))
    count = struct.unpack_from(">I", body, 4)[0] if body else 0
    return b"\1\0\0\0" + struct.pack(">I", count + 1000) + rows + body[8:]  # that repeats nothing


@pytest.mark.parametrize(
    ("kind", "new"),
    [
        (b"elst", text_edits),
        (b"mvhd", lambda body: body[:24] + b"SECRET!!" + body[32:]),
        (b"tkhd", lambda body: body[:28] + b"\0\0\0SECRE" + body[36:]),
        (b"tkhd", lambda body: body[: 52 + 24] + b"CRET" * 2 + body[52 + 32 :]),
        (b"tkhd", lambda body: body[:90] + b"SE" + body[92:94] + b"CR"),
        (b"mdhd", lambda body: body[:24] + b"\0SECRETS" + body[32:]),
    ],
    ids=["edits", "movie", "duration", "matrix", "size", "media"],
)
def test_times_and_places_that_no_player_asks_for_are_written_afresh(kind, new):
    """Durations, shifts and edits that say nothing: one way to write them."""
    planted = changed(CLEAN, kind, new)
    assert planted != CLEAN
    assert b"ECRE" in planted or b"CR" in planted
    assert verify(planted)
    clean = strip(planted)
    assert b"ECRE" not in clean
    assert same(planted, clean)
    assert durations(planted) == durations(clean)
    if kind in (b"mvhd", b"mdhd"):
        assert clean == CLEAN


def test_time_scales_are_in_lowest_terms():
    """Time scale and durations by the same factor: the same times."""
    factor = 0x5345

    def scaled(body):
        scale, length = struct.unpack_from(">IQ", body, 20)
        return body[:20] + struct.pack(">IQ", scale * factor, length * factor) + body[32:]

    def runs(body):
        rows = [(n, delta * factor) for n, delta in struct.iter_unpack(">II", body[8:])]
        return body[:8] + b"".join(struct.pack(">II", *row) for row in rows)

    planted = changed(changed(CLEAN, b"mdhd", scaled), b"stts", runs)
    assert durations(planted) == durations(CLEAN)
    assert verify(planted)
    assert strip(planted) == CLEAN


def test_composition_shifts_and_sync_lists_of_av1_come_from_the_data():
    """AV1 pictures are coded in the order in which they are shown: four free bytes a picture otherwise."""
    rows = (struct.pack(">I4s", 1, text) for text in (b"SECR", b"ETSE", b"CRET"))
    planted = changed(CLEAN, b"none", bytes, extra=full(b"ctts", 0, 0, struct.pack(">I", 3), *rows))
    assert b"SECR" in planted
    assert strip(planted) == CLEAN
    assert verify(planted)
    assert same(planted, CLEAN)
    listed = struct.unpack(">I", body_of(CLEAN, *STBL, b"stss")[4:8])[0]
    every = changed(CLEAN, b"stss", lambda body: body[:4] + struct.pack(">4I", 3, 1, 2, 3))
    assert listed == 1
    assert strip(every) == CLEAN


@pytest.mark.parametrize(
    ("scale", "deltas", "shifts"),
    [
        (600, [20, 20, 20, 20], []),
        (30000, [1001] * 5, [2002, 5005, 2002, 0, 1001]),
        (1000, [40, 40, 120, 40], [40, 160, 0, 40]),
        (90000, [9, 9, 9], [7, 7, 7]),
    ],
)
def test_pictures_are_shown_when_they_were(scale, deltas, shifts):
    """Order and distances of what is shown stay; saying it again changes nothing."""
    times = canonical(scale, deltas, shifts, (0, [(0, 0, 0x10000)]), 0)

    def shown(unit, steps, late):
        clock, found = 0, []
        for number, step in enumerate(steps):
            found.append((clock + (late[number] if late else 0)) / unit)
            clock += step
        return [round(time - min(found), 9) for time in found]

    assert shown(scale, deltas, shifts) == shown(times.timescale, times.deltas, times.shifts)
    again = canonical(times.timescale, times.deltas, times.shifts, times.edits, times.duration)
    assert again == times


def test_what_cannot_be_said_shortly_is_refused():
    """Several parts, a loop of nothing, two pictures at once."""
    with pytest.raises(UnsupportedFeature):
        canonical(600, [20, 20], [], (0, [(20, 0, 1), (20, 20, 1)]), 40)
    with pytest.raises(MalformedImage):
        canonical(600, [20, 20], [], (1, [(0, 0, 1)]), 40)
    with pytest.raises(MalformedImage):
        canonical(600, [20, 20], [20, 0], None, 40)
    with pytest.raises(InputError):
        canonical(600, [1 << 31] * 2, [0, 1 << 31], None, 40)


@pytest.mark.parametrize(("total", "plays"), [(40, 1), (80, 2), (81, 3), (ENDLESS, 0), (40 * 70_000, 0)])
def test_loops_are_counted(total, plays):
    """A track that is longer than its one edit plays more than once."""
    times = canonical(600, [20, 20], [], (1, [(40, 0, 0x10000)]), total)
    assert times.plays == plays
    assert times.edits == (1, [(times.length, 0, 0x10000)])
    assert canonical(times.timescale, times.deltas, [], times.edits, times.duration) == times


def test_alpha_is_shown_with_its_colours():
    """The times of the alpha track say nothing of their own."""
    frames = [Image.new("RGBA", (64, 64), (n, 99, 7, 40 + n)) for n in (0, 90)]
    out = io.BytesIO()
    frames[0].save(out, "AVIF", save_all=True, append_images=frames[1:], duration=[100, 250], speed=9)
    clean = strip(out.getvalue())
    traks = [(s, e) for kind, s, e in boxes(body_of(clean, b"moov")) if kind == b"trak"]
    assert len(traks) == 2
    moov = body_of(clean, b"moov")
    tables = [body_of(moov[s:e], b"mdia", b"minf", b"stbl", b"stts") for s, e in traks]
    assert tables[0] == tables[1]
    planted = clean.replace(b"stts" + tables[1], b"STTS", 1).replace(
        b"stts" + tables[1], b"stts" + tables[1][:-8] + b"\0\0\0\1SECR"
    )
    planted = planted.replace(b"STTS", b"stts" + tables[0])
    assert b"SECR" in planted
    assert verify(planted)
    assert strip(planted) == clean
    assert len(pixels(clean)) == 2


def test_a_still_beside_a_sequence_is_its_first_picture_or_goes():
    """Players show the sequence, so another still in the same file is a picture that nobody sees."""
    other, _ = coded(picture(64, 64, 60), "AVIF")
    planted = bytearray(CLEAN + box(b"mdat", other))
    row = planted.index(b"iloc") + 4 + 4 + 2 + 2
    struct.pack_into(">II", planted, row + 6, len(CLEAN) + 8, len(other))
    planted = bytes(planted)
    clean = strip(planted)
    assert same(planted, CLEAN)
    assert same(planted, clean)
    assert other[-40:] not in clean
    assert b"meta" not in clean
    assert verify(planted)
    assert durations(planted) == durations(clean)


def test_the_still_of_a_sequence_has_the_size_of_its_data():
    """Players do not ask for it: eight free bytes otherwise."""
    size = body_of(CLEAN, b"meta")[4:]
    assert b"ispe" + bytes(4) + struct.pack(">II", 64, 64) in size
    planted = CLEAN.replace(b"ispe" + bytes(4) + struct.pack(">II", 64, 64), b"ispe" + bytes(6) + b"CA\0\0\0T")
    assert same(planted, CLEAN)
    assert verify(planted)
    assert strip(planted) == CLEAN


def test_coding_constraints_say_one_thing() -> None:
    """Six bits that no decoder here looks at: those of the common encoders stay, others become none."""
    raw = animation()
    at = raw.index(b"ccst") + 8
    found = {strip(raw[:at] + bytes([value]) + raw[at + 1 :]) for value in range(256)}

    assert raw[at] == 0x7C
    assert {data[data.index(b"ccst") + 8] for data in found} == {0x7C, 0x84}
    assert len(found) == 2
