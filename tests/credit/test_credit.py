"""A credit stays, and nothing beside it: ExifTool, exiv2 and the canaries are the judges."""

from __future__ import annotations

import io
import shutil
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

import rmexif
from rmexif import InvalidPolicy, Limits, Policy, VerificationError, scrub, strip, verify
from rmexif.credit import selection
from rmexif.workers.channel import Reply
from rmexif.workers.replies import Expected, proven
from tests.credit.planted import CANARY, CREDIT, FORMATS, HOLDS_NONE, XMP_ALONE, holds, picture, planted, read, written

KEEP = "all-known-but-location"
pytestmark = pytest.mark.skipif(shutil.which("exiftool") is None, reason="ExifTool plants and judges")
# Tags by which ExifTool names what a field says, beside the structure of the format.
GROUPS = {"IFD0", "ExifIFD", "XMP-", "IPTC", "Photoshop", "GPS", "PNG", "GIF"}


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return tmp_path_factory.mktemp("planted")


def expected_tags(kind: str) -> dict[str, str]:
    """What ExifTool has to read of the credit, by group and tag."""
    found = {}
    for fields in CREDIT.values():
        for tag, text in fields.items():
            group, name = tag.split(":", 1)
            if group == "EXIF" and kind not in XMP_ALONE:
                found[f"IFD0:{name}"] = text
            elif group.startswith("XMP"):
                found[tag] = text
    return found | {"XMP-photoshop:DateCreated": "2021:05:17"}


@pytest.mark.parametrize("mode", ["strip", "scrub"])
@pytest.mark.parametrize("kind", FORMATS)
def test_the_credit_stays_and_no_canary(kind: str, mode: str, folder: Path) -> None:
    """Kept fields equal the source by ExifTool, and no planted text is left."""
    raw, canaries = planted(kind, folder)
    assert len(canaries) >= {"bmp": 1, "gif": 10}.get(kind, 20)

    if mode == "strip":
        out, stats = strip(raw, keep=KEEP)
    else:
        out, stats = scrub(raw, Policy(keep=KEEP, faces=False))

    assert [canary for canary in canaries if holds(out, canary)] == []
    assert CANARY.encode() not in out
    found = read(out, folder)
    if kind in HOLDS_NONE:
        assert stats["credit"]["kept"] == []
        return
    for tag, text in expected_tags(kind).items():
        assert str(found[tag]) == text, tag
    assert {row["field"] for row in stats["credit"]["kept"]} >= set(CREDIT) - (
        {"make", "model", "resolution"} if kind in XMP_ALONE else set()
    )


@pytest.mark.parametrize("kind", [kind for kind in FORMATS if kind not in HOLDS_NONE])
def test_nothing_is_in_the_file_beyond_the_credit(kind: str, folder: Path) -> None:
    """Every tag of a metadata group is one of the credit's or of the structure that carries it."""
    raw, _ = planted(kind, folder)
    structure = {
        "IPTC:CodedCharacterSet",
        "IPTC:ApplicationRecordVersion",
        "Photoshop:IPTCDigest",
        "XMP-tiff:XResolution",
        "XMP-tiff:YResolution",
        "XMP-tiff:ResolutionUnit",
        "XMP-tiff:Make",
        "XMP-tiff:Model",
        "GIF:Comment",
        "File:Comment",
    }
    iptc = {"By-line", "CopyrightNotice", "Caption-Abstract", "Credit", "Source", "Headline", "DateCreated"}
    bare = set(read(strip(raw)[0], folder))

    tags = set(read(strip(raw, keep=KEEP)[0], folder)) - bare

    tags = {tag for tag in tags if any(tag.startswith(group) for group in GROUPS)}
    assert tags <= set(expected_tags(kind)) | structure | {f"IPTC:{name}" for name in iptc}


@pytest.mark.parametrize("kind", [kind for kind in FORMATS if kind not in HOLDS_NONE])
def test_the_canonical_form_is_a_fixed_point(kind: str, folder: Path) -> None:
    """A second strip changes nothing; verify knows the policy; without it everything goes, and is named."""
    raw, _ = planted(kind, folder)
    out, _ = strip(raw, keep=KEEP)

    assert strip(out, keep=KEEP)[0] == out
    assert verify(out, keep=KEEP) == []
    assert verify(out)
    assert strip(out)[0] == strip(raw)[0]
    assert verify(strip(raw)[0], keep=KEEP) == []
    assert scrub(out, Policy(faces=False))[1]["metadata_removed"]
    assert not any(name in scrub(out, Policy(faces=False))[0] for name in (b"M\xc3\xbcller", b"NIKON"))


@pytest.mark.parametrize("kind", [kind for kind in FORMATS if kind not in HOLDS_NONE])
def test_verify_finds_what_goes_beyond_the_credit(kind: str, folder: Path) -> None:
    """A field that is not kept, a byte behind the end, and another form of the same values are findings."""
    raw, _ = planted(kind, folder)
    out, _ = strip(raw, keep=KEEP)
    other_form = written(strip(raw, keep="copyright")[0], kind, folder, [("XMP-dc:Rights", "© 2024 Zoë Müller")])

    assert verify(out, keep="copyright")
    assert verify(out, keep="date=year,copyright,description,camera,resolution,provenance-ai")
    found = verify(out + b"more", keep=KEEP)
    assert sum(finding.length for finding in found) <= 8
    assert found
    assert verify(other_form, keep="copyright") or other_form == strip(raw, keep="copyright")[0]
    assert verify(raw, keep=KEEP)


def test_the_same_values_are_the_same_bytes(folder: Path) -> None:
    """Whatever standard a value came from, its blocks are the same."""
    by_exif = written(picture("jpeg"), "jpeg", folder, [("EXIF:Copyright", "© Doe"), ("EXIF:Artist", "Jane Doe")])
    by_iptc = written(
        picture("jpeg"), "jpeg", folder, [("IPTC:CopyrightNotice", "© Doe"), ("IPTC:By-line", "Jane Doe")]
    )
    by_xmp = written(picture("jpeg"), "jpeg", folder, [("XMP-dc:Rights", "© Doe"), ("XMP-dc:Creator", "Jane Doe")])

    outputs = {strip(raw, keep="copyright")[0] for raw in (by_exif, by_iptc, by_xmp)}

    assert len(outputs) == 1
    assert strip(picture("jpeg"), set={"copyright": "© Doe", "creator": "Jane Doe"})[0] in outputs


def test_iim_is_what_agencies_read(folder: Path) -> None:
    """JPEG and TIFF have IIM in UTF-8, with the digest by which readers know that XMP agrees."""
    for kind in ("jpeg", "tiff"):
        found = read(strip(planted(kind, folder)[0], keep=KEEP)[0], folder)

        assert found["IPTC:By-line"] == "Zoë Müller"
        assert found["IPTC:CopyrightNotice"] == "© 2024 Zoë Müller"
        assert found["IPTC:Caption-Abstract"] == "A bridge at dusk"
        assert found["IPTC:DateCreated"] == "2021:05:17"
        assert found["Photoshop:IPTCDigest"] == found["File:CurrentIPTCDigest"]


@pytest.mark.parametrize("kind", ["jpeg", "png", "webp", "tiff"])
def test_orientation_stays_beside_the_credit(kind: str, folder: Path) -> None:
    """One Exif block says both."""
    raw = written(picture(kind), kind, folder, [("EXIF:Copyright", "Doe"), ("EXIF:Orientation#", "6")])
    out, stats = strip(raw, keep="copyright")

    found = read(out, folder, "-n")

    assert stats["orientation"] == 6
    assert (found["IFD0:Orientation"], found["IFD0:Copyright"]) == (6, "Doe")
    assert verify(out, keep="copyright") == []
    assert strip(out)[0] == strip(raw)[0]


def test_the_report_has_names_and_no_values(folder: Path) -> None:
    """Which source counted, which differed, what was dropped and why."""
    tags = [("EXIF:Artist", "Ann"), ("XMP-dc:Creator", "Bob"), ("XMP-dc:Rights", "mail me@example.org")]
    _, stats = strip(written(picture("jpeg"), "jpeg", folder, tags), keep="copyright")

    assert stats["credit"] == {
        "kept": [{"field": "creator", "source": "Exif", "differs": ["XMP"]}],
        "dropped": [{"field": "copyright", "source": "XMP", "reason": "an address, an e-mail or a phone number"}],
    }
    assert "credit" not in strip(picture("jpeg"))[1]


def test_set_goes_before_what_the_file_says(folder: Path) -> None:
    """A site stamps its own credit on what leaves."""
    raw, _ = planted("jpeg", folder)

    for out in (
        strip(raw, set={"creator": "Acme; Zoë"})[0],
        scrub(raw, Policy(set={"creator": "Acme; Zoë"}, faces=False))[0],
    ):
        found = read(out, folder)

        assert found["XMP-dc:Creator"] == ["Acme", "Zoë"]
        assert found["IFD0:Artist"] == "Acme; Zoë"
        assert "IFD0:Copyright" not in found
        assert verify(out, keep="copyright") == []


def test_dates_have_the_precision_that_is_asked_for(folder: Path) -> None:
    """Day, month or year; never a time or a zone."""
    raw = written(picture("png"), "png", folder, [("EXIF:DateTimeOriginal", "2021:05:17 18:30:11")])

    for keep, date in (("date", "2021:05:17"), ("date=month", "2021:05"), ("date=year", 2021)):
        out, _ = strip(raw, keep=keep)
        assert read(out, folder)["XMP-photoshop:DateCreated"] == date
        assert verify(out, keep=keep) == []
        assert b"18:30" not in out


def test_unknown_names_are_refused_with_the_list() -> None:
    """Both of them, at every door."""
    for call in (
        lambda: Policy(keep=("gps",)),
        lambda: strip(b"", keep="gps"),
        lambda: verify(b"", keep="gps"),
        lambda: list(rmexif.strip_many([], keep="gps")),
    ):
        with pytest.raises(InvalidPolicy, match="copyright, description, date, camera, resolution, provenance-ai"):
            call()
    with pytest.raises(InvalidPolicy, match="copyright, creator"):
        Policy(set={"gps": "1"})
    with pytest.raises(InvalidPolicy) as caught:
        Policy(set={"creator": "SECRET\u202e"})
    assert "SECRET" not in str(caught.value)


def test_presets_are_what_the_documentation_says() -> None:
    """``web`` and ``archive``."""
    assert {item.group for item in Policy(keep="web").selection.fields} == {"copyright", "provenance-ai"}
    archive = Policy(keep="archive").selection
    assert {item.group for item in archive.fields} == {"copyright", "description", "date", "camera"}
    assert archive.precision == "day"


def test_exiv2_reads_the_same(folder: Path) -> None:
    """A second reader, where its binding is installed."""
    exiv2 = pytest.importorskip("exiv2", reason="the binding of exiv2 is not installed")
    for kind in ("jpeg", "png", "webp", "tiff"):
        out, _ = strip(planted(kind, folder)[0], keep=KEEP)
        image = exiv2.ImageFactory.open(out)
        image.readMetadata()

        exif, xmp = image.exifData(), image.xmpData()

        assert exif["Exif.Image.Copyright"].toString() == "© 2024 Zoë Müller"
        assert exif["Exif.Image.Model"].toString() == "NIKON D850"
        assert exif["Exif.Image.XResolution"].toString() == "240/1"
        assert xmp["Xmp.dc.creator"].toString() == "Zoë Müller"
        assert xmp["Xmp.photoshop.Credit"].toString() == "Müller/Agence <A&B>"
        assert xmp["Xmp.photoshop.DateCreated"].toString() == "2021-05-17"
        if kind in ("jpeg", "tiff"):
            assert image.iptcData()["Iptc.Application2.Byline"].toString() == "Zoë Müller"


def test_a_worker_cannot_put_words_into_a_credit() -> None:
    """The parent compares the values in an answer with those in the input: canonical is not enough."""
    raw = strip(picture("jpeg"), set={"creator": "Jane Doe"})[0]
    expected = Expected(mode="strip", limits=Limits(), selection=selection("copyright"))
    honest = strip(raw, keep="copyright")
    lie = strip(raw, set={"creator": "Mallory"})
    silence = strip(raw)

    assert proven(Reply({"report": honest[1]}, honest[0]), memoryview(raw), expected) == (honest[0], honest[1])
    for data, stats in (lie, silence):
        assert verify(data, keep="copyright") == []
        with pytest.raises(VerificationError, match="credit"):
            proven(Reply({"report": stats}, data), memoryview(raw), expected)


@pytest.mark.parametrize("kind", ["jxl", "avif", "heic"])
def test_thorough_looks_behind_the_last_code_of_a_file_with_a_credit(kind: str, folder: Path) -> None:
    """The picture is searched as if no credit were there."""
    raw, _ = planted(kind, folder)
    out, stats = strip(raw, keep=KEEP, thorough=True)

    assert stats["credit"]["kept"]
    assert verify(out, keep=KEEP, thorough=True) == []
    assert out == strip(raw, keep=KEEP)[0]


@pytest.mark.parametrize("kind", [kind for kind in FORMATS if kind not in HOLDS_NONE])
def test_the_picture_is_the_same_with_a_credit(kind: str, folder: Path) -> None:
    """Another decoder shows the same pixels."""
    raw, _ = planted(kind, folder)
    shown = [np.asarray(Image.open(io.BytesIO(strip(raw, keep=keep)[0])).convert("RGB")) for keep in ((), KEEP)]

    assert np.array_equal(*shown)
