"""Readers of a credit: any bytes in, texts out, bounded; and the choice among them is that of ExifTool's MWG tags."""

from __future__ import annotations

import json
import shutil
import subprocess
import time
import unicodedata
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from rmexif import RmexifError, strip, verify
from rmexif.credit.canonical import blocks
from rmexif.credit.choice import choose
from rmexif.credit.judgement import Unfit
from rmexif.credit.packet import read_packet, write_packet
from rmexif.credit.sources import Sources, read_sources
from rmexif.credit.table import FIELDS, field_by_name, selection
from rmexif.inspection import open_container
from rmexif.types import Limits, Packing, PayloadKind
from tests.credit.planted import picture, written
from tests.sets import require

KINDS = (PayloadKind.EXIF, PayloadKind.IPTC, PayloadKind.XMP, PayloadKind.JUMBF)
EVERYTHING = selection("all-known-but-location")
needs_exiftool = pytest.mark.skipif(shutil.which("exiftool") is None, reason="ExifTool is the judge")
WORDS = st.sampled_from(
    (
        b"MM\0*\0\0\0\x08|II*\0\x08\0\0\0|8BIM|\x04\x04|\x04\x25|\x1c\x02\x74|\x1c\x01\x5a|\x80\x04|\x82\x98|</|&lt;|<rdf:Alt>"
        b"|<rdf:RDF xmlns:rdf='http://www.w3.org/1999/02/22-rdf-syntax-ns#'>|<rdf:Description>|<!DOCTYPE a [|<rdf:li>"
        b"|<dc:rights xmlns:dc='http://purl.org/dc/elements/1.1/'>"
    ).split(b"|")
)


@settings(max_examples=400, deadline=None)
@given(st.sampled_from(KINDS), st.lists(st.one_of(WORDS, st.binary(max_size=40)), max_size=20), st.booleans())
def test_any_payload_is_read_without_an_error(kind: PayloadKind, pieces: list[bytes], packed: bool) -> None:
    """And gives texts, or None for what is none."""
    sources = Sources()

    sources.payload(kind, b"".join(pieces), Packing.ZLIB if packed else None)
    sources.finish()

    assert all(text is None or isinstance(text, str) for texts in sources.texts.values() for text in texts)


@settings(max_examples=200, deadline=None)
@given(st.data())
def test_broken_files_keep_the_law(data: st.DataObject) -> None:
    """A file with a byte changed gives a clean file or an error, with a credit as without."""
    raw = bytearray(strip(picture("jpeg"), set=dict(VALUES))[0])
    for _ in range(data.draw(st.integers(1, 4))):
        raw[data.draw(st.integers(2, len(raw) - 1))] = data.draw(st.integers(0, 255))
    try:
        out, _ = strip(bytes(raw), keep="all-known-but-location")
    except RmexifError:
        return
    assert verify(out, keep="all-known-but-location") == []


VALUES = {
    "copyright": "© 2024 Zoë Müller",
    "creator": "Zoë Müller; Ann",
    "description": "A bridge at dusk",
    "headline": "]]> <rdf:li> & \"quotes\" 'here'",
    "date": "2021-05-17",
    "make": "NIKON",
    "resolution": "300",
    "digital-source-type": "trainedAlgorithmicMedia",
}


@settings(max_examples=150, deadline=None)
@given(st.dictionaries(st.sampled_from([item.name for item in FIELDS]), st.text(max_size=60), max_size=8))
def test_what_is_written_is_read_again(texts: dict[str, str]) -> None:
    """Whatever values pass: every format that holds a credit says the same afterwards."""
    values = {}
    for name, text in {**VALUES, **texts}.items():
        item = field_by_name(name)
        assert item is not None
        try:
            values[name] = item.judge(text, item.most)
        except Unfit:
            continue
    for kind in ("jpeg", "png", "gif"):
        out, _ = strip(picture(kind), set=values)
        view = memoryview(out)
        _, container = open_container(view, Limits())

        assert choose(view, container, EVERYTHING).values == values


def test_injection_stays_a_text() -> None:
    """What looks like XMP in a value is escaped, and read as the same text."""
    text = 'x</rdf:li></rdf:Alt></dc:rights><dc:title>y</dc:title> &amp; "'
    packet = write_packet([("dc:rights", "languages", [text])])

    assert read_packet(packet) == {"dc:rights": [text]}


def test_entities_are_never_expanded() -> None:
    """A packet with a document type is none."""
    bomb = b'<!DOCTYPE a [<!ENTITY x "0123456789">]>'
    body = write_packet([("dc:rights", "languages", ["Doe"])]).replace(b">Doe<", b">&x;<")

    assert read_packet(bomb + body.partition(b"?>")[2]) == {}


def test_reading_is_bounded() -> None:
    """Megabytes of elements, data sets and blocks are read in time in proportion to them."""
    head = (
        b'<rdf:RDF xmlns:rdf="http://www.w3.org/1999/02/22-rdf-syntax-ns#" xmlns:dc="http://purl.org/dc/elements/1.1/">'
    )
    hostile = (
        (PayloadKind.XMP, head + b"<rdf:Description>" + b"<dc:rights>x</dc:rights>" * 150_000),
        (PayloadKind.XMP, head + b"<a>" * 1_000_000),
        (PayloadKind.IPTC, b"\x1c\x02\x74\0\0" * 800_000),
        (PayloadKind.IPTC, b"Photoshop 3.0\0" + b"8BIM\x04\x04\0\0\0\0\0\0" * 300_000),
        (PayloadKind.XMP, head + b"<rdf:Description>" + b"<a/>" * 1_000_000),
        (PayloadKind.IPTC, b"Photoshop 3.0\0" + (b"8BIM\x04\x04\0\0\0\0\xff\xfa" + b"\x1c\x02\x74\0\0" * 13_106) * 60),
        (PayloadKind.EXIF, b"MM\0*\0\0\0\x08\xff\xff" + b"\x82\x98\0\x02\0\0\xff\xff\0\0\0\x08" * 65_535),
        (PayloadKind.EXIF, b"MM\0*\0\0\0\x08\xff\xff" + b"\x82\x98\0\x02\xff\xff\xff\xff\0\0\0\x08" * 65_535),
    )
    for kind, payload in hostile:
        sources, started = Sources(), time.perf_counter()
        for _ in range(60):
            sources.payload(kind, payload)
        assert time.perf_counter() - started < 5, kind


@needs_exiftool
@pytest.mark.parametrize(
    ("tags", "creator", "source"),
    [
        ([("EXIF:Artist", "A"), ("IPTC:By-line", "B"), ("XMP-dc:Creator", "C")], "A", "Exif"),
        ([("IPTC:By-line", "B"), ("XMP-dc:Creator", "C")], "C", "XMP"),
        ([("IPTC:By-line", "B"), ("XMP-dc:Creator", "C"), ("Photoshop:IPTCDigest", "00" * 16)], "B", "IPTC"),
        ([("IPTC:By-line", "B"), ("XMP-dc:Creator", "C"), ("Photoshop:IPTCDigest", "new")], "C", "XMP"),
        ([("IPTC:By-line", "B")], "B", "IPTC"),
    ],
)
def test_conflicts_are_decided_as_exiftool_decides(
    tags: list[tuple[str, str]], creator: str, source: str, tmp_path: Path
) -> None:
    """By the guidelines of the Metadata Working Group; the report names who counted and who differed."""
    raw = written(picture("jpeg"), "jpeg", tmp_path, tags)
    path = tmp_path / "judge.jpeg"
    path.write_bytes(raw)
    judge = subprocess.run(
        ["exiftool", "-use", "MWG", "-s3", "-MWG:Creator", path], capture_output=True, text=True, check=True
    )

    out, stats = strip(raw, keep="copyright")

    assert judge.stdout.strip() == creator
    assert creator.encode() in out
    kept = stats["credit"]["kept"]
    assert [row["source"] for row in kept] == [source]
    assert len(kept[0]["differs"]) == len([tag for tag, _ in tags if "Digest" not in tag]) - 1


MWG = {"copyright": "Copyright", "creator": "Creator", "description": "Description", "date": "DateTimeOriginal"}


@needs_exiftool
def test_mapping_agrees_with_the_mwg_tags() -> None:
    """On every file of the corpus that has them, in the formats of which the guidelines speak."""
    folder = require("corpus")
    command = [
        "exiftool",
        "-use",
        "MWG",
        "-json",
        "-q",
        "-q",
        "-sep",
        "; ",
        "-r",
        *(f"-MWG:{tag}" for tag in MWG.values()),
    ]
    rows = json.loads(subprocess.run([*command, folder], capture_output=True, check=False).stdout)
    compared = 0
    for row in rows:
        path = Path(row["SourceFile"])
        if path.suffix.lower() not in (".jpg", ".jpeg", ".tif", ".tiff", ".png", ".webp", ".heic", ".avif"):
            continue
        raw = memoryview(path.read_bytes())
        try:
            _, container = open_container(raw, Limits())
        except RmexifError:
            continue
        sources = read_sources(raw, container)
        values = choose(raw, container, EVERYTHING).values
        for name, tag in MWG.items():
            item = field_by_name(name)
            assert item is not None
            if tag not in row:
                continue
            try:
                expected = item.judge(unicodedata.normalize("NFC", str(row[tag])), item.most)
            except Unfit:
                continue
            assert values.get(name) == expected, (path.name, name, [*sources.texts])
            compared += 1
    assert compared > 40


def test_blocks_depend_on_values_alone() -> None:
    """Not on the order in which they come."""
    assert blocks(VALUES) == blocks(dict(reversed(VALUES.items())))
