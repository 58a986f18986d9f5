"""What metadata says: found, named and sorted; never obeyed, never fatal."""

from __future__ import annotations

import json
import shutil
import struct
import subprocess
import time
import zlib

import brotli
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from rmexif import lossless
from rmexif.containers.common.orientation import orientation, orientation_only
from rmexif.metadata import READERS
from rmexif.metadata import explain as explain_part
from rmexif.types import Category, Finding, Packing, Part, PayloadKind, Role, TiffEntry
from tests import sets
from tests.containers import profiles
from tests.containers.blocks import box, dataset, jumbf, resource, tiff, xmp
from tests.containers.builders_png import chunk, png

NORTH = {1: "N", 2: [(43, 1), (28, 1), (2814, 100)], 3: "W", 4: [(11, 1), (53, 1), (645599, 100000)]}
NORTH_BYTES = struct.pack(">6I", 43, 1, 28, 1, 2814, 100)
CAMERA = tiff(
    {271: "Maker", 272: "Model 1", 305: "Editor 2", 306: "2024:05:17 09:30:01", 315: "Ada", 274: 6, 282: [(72, 1)]},
    {
        34665: {36867: "2024:05:17 09:30:01", 42033: "SN 99", 37500: b"Apple iOS\0\0\1MM", 42036: "Lens 3"},
        34853: NORTH | {6: [(300, 1)], 29: "2024:05:17"},
    },
    thumbnail=b"\xff\xd8 a small picture \xff\xd9",
)
KINDS = sorted(
    [
        *(kind.value for kind in READERS),
        "zlib:xmp",
        "brotli:exif",
        "zlib:text",
        "tag:0:271:2<",
        "tag:34853:2:5>",
    ]
)


def explain(kind: str, body: bytes, where: str, values: bool = False) -> list[Finding]:
    """Findings of a part in short form: "exif", "zlib:text", or "tag:34853:2:5>" for the value of a TIFF entry."""
    packing, _, name = kind.rpartition(":")
    if kind.startswith("tag:"):
        pointer, tag, last = kind[4:].split(":")
        entry = TiffEntry(int(pointer), int(tag), int(last[:-1]), "<" if last[-1] == "<" else ">")
        part = Part(where, Role.METADATA, 0, len(body), PayloadKind.TIFF_VALUE, entry=entry)
    else:
        how = Packing(packing) if packing else None
        part = Part(where, Role.METADATA, 0, len(body), PayloadKind(name), packing=how)
    return explain_part(part, body, values)


def named(found: list[Finding]) -> dict[str, Finding]:
    """Findings by the last name of their place."""
    return {finding.where.rpartition("/")[2]: finding for finding in found}


@pytest.mark.parametrize("order", "<>")
@pytest.mark.parametrize("value", range(1, 9))
def test_orientation_is_read_from_either_byte_order(order: str, value: int) -> None:
    """Exif 2.32, tag 274, with and without the prefix of APP1."""
    block = tiff({256: 640, 274: value, 305: "x"}, order=order)

    assert orientation(block) == value
    assert orientation(b"Exif\0\0" + block) == value


@pytest.mark.parametrize("order", "<>")
def test_an_orientation_of_another_type_is_read_from_either_byte_order(order: str) -> None:
    """Digits in the field, and a fraction behind the IFD (TIFF 6.0, section 2: RATIONAL is 5)."""
    head = struct.pack(order + "2sHIHHHIIIII", b"II" if order == "<" else b"MM", 42, 8, 1, 274, 5, 1, 26, 0, 18, 3)

    assert orientation(tiff({274: "6"}, order=order)) == 6
    assert orientation(head) == 6
    assert orientation(head[:-1]) == 1


@pytest.mark.parametrize("value", range(1, 9))
def test_the_least_block_is_26_bytes_that_say_one_thing(value: int) -> None:
    """Header, one entry, no next IFD: as the independent builder writes it."""
    assert orientation_only(value) == tiff({274: value})
    assert len(orientation_only(value)) == 26
    assert orientation(orientation_only(value)) == value


@pytest.mark.parametrize(
    "block",
    [
        b"",
        b"II*\0",
        b"MM\0*\xff\xff\xff\xff",
        tiff({274: 9}),
        tiff({274: 0}),
        tiff({274: "x"}),
        tiff({274: "top left"}),
        tiff({271: "x"}),
        b"Exif\0\0",
    ],
)
def test_a_broken_orientation_is_upright(block: bytes) -> None:
    """Absent, out of range, no number, truncated: 1."""
    assert orientation(block) == 1


def test_exif_names_the_camera_the_place_the_day_and_the_person() -> None:
    """One finding per entry with its category; the position is one, in degrees; layout tags say nothing."""
    found = explain("exif", b"Exif\0\0" + CAMERA, "APP1", values=True)
    rows = {finding.where: (finding.category, finding.value) for finding in found}

    assert rows["APP1/Exif/IFD0/Make"] == (Category.DEVICE, "Maker")
    assert rows["APP1/Exif/IFD0/Software"] == (Category.SOFTWARE, "Editor 2")
    assert rows["APP1/Exif/IFD0/Artist"] == (Category.PERSON, "Ada")
    assert rows["APP1/Exif/Exif/DateTimeOriginal"] == (Category.TIME, "2024:05:17 09:30:01")
    assert rows["APP1/Exif/Exif/SerialNumber"] == (Category.IDENTIFIER, "SN 99")
    assert rows["APP1/Exif/Exif/MakerNote"] == (Category.DEVICE, "Apple")
    assert rows["APP1/Exif/GPS/GPSPosition"] == (Category.LOCATION, "43.474483, -11.885127")
    assert rows["APP1/Exif/GPS/GPSAltitude"] == (Category.LOCATION, "300")
    assert rows["APP1/Exif/IFD1/ThumbnailImage"] == (Category.EMBEDDED_IMAGE, None)
    assert not any("Orientation" in where or "0x" in where or "unreferenced" in where for where in rows)


def test_without_values_the_same_places_are_found_and_no_value() -> None:
    """Reports carry kinds, counts and sizes only."""
    with_values = explain("exif", CAMERA, "eXIf", values=True)
    silent = explain("exif", CAMERA, "eXIf")

    assert [(f.where, f.category, f.length) for f in with_values] == [(f.where, f.category, f.length) for f in silent]
    assert all(finding.value is None for finding in silent)
    assert silent[0].where == "eXIf/IFD0/Make"


def test_bytes_that_no_entry_refers_to_are_counted() -> None:
    """A gap and a tail of an Exif block are findings too."""
    found = named(explain("exif", CAMERA + b"HIDDEN", "x"))

    assert found["unreferenced bytes"].length == 6


def test_comments_are_read_in_their_character_sets() -> None:
    """UserComment states its own (Exif 2.32, 4.6.5); Windows' XP tags are UTF-16."""
    block = tiff({40092: "Grüße".encode("utf-16-le")}, {34665: {37510: b"UNICODE\0" + "żółw".encode("utf-16-be")}})
    found = named(explain("exif", block, "x", values=True))

    assert found["XPComment"].value == "Grüße"
    assert found["UserComment"].value == "żółw"


def test_an_ifd_that_points_at_itself_is_read_once() -> None:
    """Loops of IFDs end."""
    block = bytearray(tiff({271: "Maker"}))
    block[22:26] = struct.pack(">I", 8)

    assert len([f for f in explain("exif", bytes(block), "x") if f.where.endswith("Make")]) == 1


def test_a_deep_chain_of_ifds_ends() -> None:
    """Each SubIFD may hold the next; not without end."""
    links = (struct.pack(">HHHIII", 1, 330, 4, 1, 8 + 18 * (number + 1), 0) for number in range(1900))

    assert explain("exif", b"MM\0*\0\0\0\x08" + b"".join(links), "x")


def test_payloads_inside_exif_are_read() -> None:
    """XMP in tag 700, image resources in 34377, ICC in 34675."""
    block = tiff(
        {
            700: xmp("<dc:creator>Ada</dc:creator>"),
            34377: resource(0x0404, dataset(2, 80, b"Bea")),
            34675: profiles.matrix(profiles.SRGB, profiles.gamma(2.2)),
        }
    )
    found = {f.where: f.value for f in explain("exif", block, "x", values=True)}

    assert found["x/Exif/IFD0/XMP/dc:creator"] == "Ada"
    assert found["x/Exif/IFD0/Photoshop/By-line"] == "Bea"
    assert found["x/Exif/IFD0/ICC/ProfileDescription"] == profiles.CANARY.decode()


def test_xmp_names_people_places_and_tools() -> None:
    """Elements, attributes, lists and structures, under the usual prefix whatever the file calls it."""
    packet = xmp(
        "<d:creator><rdf:Seq><rdf:li>Ada</rdf:li><rdf:li>Bea</rdf:li></rdf:Seq></d:creator>"
        "<mwg-rs:Regions rdf:parseType='Resource'><mwg-rs:RegionList><rdf:Bag>"
        "<rdf:li><rdf:Description mwg-rs:Name='Cleo' mwg-rs:Type='Face'/></rdf:li></rdf:Bag></mwg-rs:RegionList></mwg-rs:Regions>"
        "<exif:GPSLatitude>50,5.2N</exif:GPSLatitude><exif:GPSLongitude>14,25,30W</exif:GPSLongitude>"
        "<xmp:Thumbnails><rdf:Alt><rdf:li><xmpGImg:image>/9j/</xmpGImg:image></rdf:li></rdf:Alt></xmp:Thumbnails>"
        "<own:thing>what</own:thing>",
        'xmlns:d="http://purl.org/dc/elements/1.1/" xmp:CreatorTool="Editor" xmpMM:DocumentID="uuid:1" photoshop:City="Ghent"',
    )
    found = named(explain("xmp", b"http://ns.adobe.com/xap/1.0/\0" + packet, "APP1", values=True))

    assert (found["dc:creator"].category, found["dc:creator"].value) == (Category.PERSON, "Ada; Bea")
    assert (found["mwg-rs:Name"].category, found["mwg-rs:Name"].value) == (Category.PERSON, "Cleo")
    assert found["xmp:CreatorTool"].category is Category.SOFTWARE
    assert found["xmpMM:DocumentID"].category is Category.IDENTIFIER
    assert found["photoshop:City"].category is Category.LOCATION
    assert found["GPSPosition"].value == "50.086667, -14.425000"
    assert found["xmpGImg:image"].category is Category.EMBEDDED_IMAGE
    assert (found["property"].category, found["property"].value) == (Category.UNKNOWN, "own:thing: what")
    assert found["x:xmptk"].value == "Tool 7"
    assert found["dc:creator"].where == "APP1/XMP/dc:creator"


@pytest.mark.parametrize("charset", ["utf-8", "utf-16-le", "utf-16-be", "utf-32-le", "utf-32-be"])
def test_xmp_is_read_in_every_unicode_form(charset: str) -> None:
    """ISO 16684-1, 7.3.2."""
    packet = xmp("<dc:creator>Ada</dc:creator>").decode().encode(charset)

    assert named(explain("xmp", packet, "x", values=True))["dc:creator"].value == "Ada"


def test_xmp_expands_nothing() -> None:
    """Entities, document types and external references stay text."""
    packet = b'<!DOCTYPE x [<!ENTITY a "boom"><!ENTITY b SYSTEM "file:///etc/passwd">]>' + xmp(
        "<dc:title>&a;&b;</dc:title>"
    )

    assert named(explain("xmp", packet, "x", values=True))["dc:title"].value == "&a;&b;"


def test_bytes_behind_an_xmp_packet_are_found() -> None:
    """A packet ends at its own mark."""
    found = named(explain("xmp", xmp("<dc:title>t</dc:title>") + b"\n HIDDEN", "x", values=True))

    assert found["behind the packet"].value == "HIDDEN"


def test_iptc_is_read_in_resources_and_alone() -> None:
    """8BIM blocks (one with an extended data set), and bare IIM."""
    long = struct.pack(">BBBHI", 0x1C, 2, 120, 0x8004, 6) + b"a long"
    sets_ = dataset(1, 90, b"\x1b%G") + dataset(2, 80, b"Ada") + dataset(2, 90, b"Ghent") + long
    blocks = resource(0x0404, sets_) + resource(0x040C, bytes(28) + b"\xff\xd8") + resource(0x0422, CAMERA)
    found = explain("iptc", b"Photoshop 3.0\0" + blocks + resource(0x07D0, b"path", name=b"Cut"), "APP13", values=True)
    rows = {f.where: (f.category, f.value) for f in found}

    assert rows["APP13/IPTC/By-line"] == (Category.PERSON, "Ada")
    assert rows["APP13/IPTC/City"] == (Category.LOCATION, "Ghent")
    assert rows["APP13/IPTC/Caption-Abstract"] == (Category.TEXT, "a long")
    assert rows["APP13/IPTC/Thumbnail"] == (Category.EMBEDDED_IMAGE, None)
    assert rows["APP13/IPTC/Exif/IFD0/Make"] == (Category.DEVICE, "Maker")
    assert rows["APP13/IPTC/resource name"] == (Category.TEXT, "Cut")
    assert rows["APP13/IPTC/resource 0x07D0"] == (Category.UNKNOWN, "path")
    assert named(explain("iptc", sets_, "x"))["City"].category is Category.LOCATION


def test_c2pa_is_provenance() -> None:
    """Labels that are known give their names; pictures in it are pictures; the maker of the claim is software."""
    claim = jumbf(b"c2pa.claim", box(b"cbor", b"\xa1\x6fclaim_generator\x66Editor"))
    thumbnail = jumbf(b"c2pa.thumbnail.claim.jpeg", box(b"bidb", b"\xff\xd8"))
    store = jumbf(b"c2pa", jumbf(b"urn:uuid:1", jumbf(b"c2pa.assertions", thumbnail), claim))
    found = explain("jumbf", b"JP\0\1\0\0\0\1" + store, "APP11", values=True)
    rows = {(f.where, f.category): f.value for f in found}

    assert rows["APP11/JUMBF/c2pa.claim/claim_generator", Category.SOFTWARE] == "Editor"
    assert ("APP11/JUMBF/c2pa.thumbnail", Category.EMBEDDED_IMAGE) in rows
    assert ("APP11/JUMBF/c2pa.claim", Category.PROVENANCE) in rows


def test_a_profile_names_its_makers() -> None:
    """Texts, private tags and header fields of a profile; its colours are no finding."""
    found = named(explain("icc", profiles.matrix(profiles.SRGB, profiles.gamma(2.2)), "iCCP", values=True))

    assert found["ProfileDateTime"].value == "2024:05:17 09:30:01"
    assert found["MakeAndModel"].category is Category.IDENTIFIER
    assert found["ProfileCopyright"].value == profiles.CANARY.decode()
    assert "private tag" in found
    assert not any(name.endswith(("XYZ", "TRC")) for name in found)


@pytest.mark.parametrize(
    ("kind", "payload", "place", "category"),
    [
        ("text", b"Author\0Ada", "x/Author", Category.PERSON),
        ("text", b"Creation Time\x001 May", "x/Creation Time", Category.TIME),
        ("text", b"Software\0gimp", "x/Software", Category.SOFTWARE),
        ("text", b"parameters\0a cat", "x/parameters", Category.PROVENANCE),
        ("text", b"prompt\0{}", "x/prompt", Category.PROVENANCE),
        ("text", b"Comment\0a cat\nSteps: 20, Sampler: Euler", "x/Comment", Category.PROVENANCE),
        ("text", b"no keyword here", "x", Category.TEXT),
        ("text", b"own word\0text", "x", Category.TEXT),
        ("ztxt", b"Comment\0\0" + zlib.compress(b"hello"), "x/Comment", Category.TEXT),
        ("ztxt", b"Comment\0\0broken", "x/not readable", Category.UNKNOWN),
        ("itxt", b"Author\0\0\0de\0Autor\0Ada", "x/Author", Category.PERSON),
        ("itxt", b"Author\0\1\0\0\0" + zlib.compress(b"Ada"), "x/Author", Category.PERSON),
        (
            "itxt",
            b"XML:com.adobe.xmp\0\0\0\0\0" + xmp("<dc:creator>A</dc:creator>"),
            "x/XMP/dc:creator",
            Category.PERSON,
        ),
        ("text", b"Raw profile type exif\0\nexif\n  9\n" + CAMERA.hex().encode(), "x/Exif/IFD0/Make", Category.DEVICE),
        ("zlib:text", zlib.compress(b"Author\0Ada"), "x/Author", Category.PERSON),
        ("brotli:xmp", brotli.compress(xmp("<dc:creator>A</dc:creator>")), "x/XMP/dc:creator", Category.PERSON),
        ("zlib:text", b"no stream", "x/not readable", Category.UNKNOWN),
        ("brotli:text", b"no stream", "x/not readable", Category.UNKNOWN),
        ("exif", b"\0\0\0\0" + CAMERA, "x/Exif/IFD0/Make", Category.DEVICE),
        ("exif", b"\0\0\0\6Exif\0\0" + CAMERA, "x/Exif/IFD0/Make", Category.DEVICE),
        ("exif", b"\0\0\0\0Exif\0\0" + CAMERA, "x/Exif/IFD0/Make", Category.DEVICE),
        ("exif", b"\0\0\0\3abc" + CAMERA, "x/Exif/IFD0/Make", Category.DEVICE),
        ("exif", CAMERA, "x/Exif/IFD0/Make", Category.DEVICE),
        ("mpf", b"MPF\0" + tiff({0xB002: bytes(32), 0xB003: bytes(33)}), "x/MPF/ImageUIDList", Category.IDENTIFIER),
        ("unknown", b"Exif\0\0" + CAMERA, "x/Exif/IFD0/Make", Category.DEVICE),
        ("unknown", b"\xff\xd8\xff\xe0 JFIF", "x/picture", Category.EMBEDDED_IMAGE),
        ("tag:0:271:2<", b"Maker\0", "x/Make", Category.DEVICE),
        ("tag:34853:2:5>", NORTH_BYTES, "x/GPSLatitude", Category.LOCATION),
        ("tag:34665:36867:2>", b"2024:05:17 09:30:01\0", "x/DateTimeOriginal", Category.TIME),
        ("tag:0:700:1>", xmp("<dc:creator>A</dc:creator>"), "x/XMP/dc:creator", Category.PERSON),
        ("tag:0:256:3>", b"\0\1", "x", Category.UNKNOWN),
        ("picture", b"\xff\xd8", "x", Category.EMBEDDED_IMAGE),
        ("video", b"ftyp", "x", Category.EMBEDDED_IMAGE),
        ("unknown", b"?", "x", Category.UNKNOWN),
        ("trailer", box(b"ftyp", b"mp42") + bytes(9), "x/MP4 video", Category.EMBEDDED_IMAGE),
        ("trailer", b"PK\3\4 zip", "x/ZIP archive", Category.UNKNOWN),
        ("trailer", b"..SEFHe...SEFT", "x/Samsung trailer", Category.DEVICE),
        ("trailer", b"CANON OPTIONAL DATA\0", "x/Canon VRD", Category.DEVICE),
        ("trailer", b"AXS!0100", "x/AFCP", Category.TEXT),
        ("trailer", b"..\xff\xd8\xff\xe0\x00", "x/JPEG picture", Category.EMBEDDED_IMAGE),
        ("trailer", bytes(8), "x/zeros", Category.UNKNOWN),
        ("trailer", b"whatever", "x", Category.UNKNOWN),
    ],
)
def test_what_a_payload_is_about(kind: str, payload: bytes, place: str, category: Category) -> None:
    """One row per kind of texts, wrappers and trailers."""
    assert (place, category) in {(f.where, f.category) for f in explain(kind, payload, "x")}


def test_a_png_profile_gives_its_name_and_its_texts() -> None:
    """The iCCP chunk: name, method, stream."""
    chunk = b"My screen\0\0" + zlib.compress(profiles.matrix(profiles.SRGB, profiles.gamma(2.2)))
    found = {f.where: f.value for f in explain("iccp", chunk, "iCCP", values=True)}

    assert found["iCCP/name"] == "My screen"
    assert found["iCCP/ICC/ProfileDescription"] == profiles.CANARY.decode()


@pytest.mark.parametrize(
    "text", ["\x1b[31mred", "a\u202eb", "\u2066x\u2069", "\x00\x07", "\ue000", "\u200b", "\u2028", "\x9b1m"]
)
def test_values_are_safe_to_print(text: str) -> None:
    """Terminal escapes, bidirectional and invisible characters are spelt out."""
    for data in (text.encode(), b"plain " * 5 + text.encode()):
        for finding in explain("text", b"Comment\0" + data, "x", values=True):
            assert finding.value is None or finding.value.isprintable()


def test_values_are_cut() -> None:
    """At 200 characters, however long the escapes are."""
    for text in ("a" * 5000, "ab\u202e" * 500):
        assert len(explain("text", b"Comment\0" + text.encode(), "x", values=True)[0].value or "") == 200


def test_names_made_up_by_a_file_are_values() -> None:
    """Places are built from our tables, so that a report without values repeats nothing from the file."""
    secret = "CANARYSECRET"
    for kind, payload in (
        ("xmp", xmp(f"<s:{secret}>1</s:{secret}>", f'{secret}:a="2" xmlns:s="http://{secret}"')),
        ("text", secret.encode() + b"\0text"),
        ("jumbf", jumbf(secret.encode(), box(b"json", b"{}"))),
        ("icc", profiles.profile({secret[:4].encode(): b"data"})),
        ("iptc", resource(0x07D0, b"", name=secret.encode())),
    ):
        assert not any("CANA" in f.where or f.value for f in explain(kind, payload, "x"))


@pytest.mark.parametrize(
    ("kind", "payload"),
    [
        ("xmp", b"<" * 2_000_000),
        ("xmp", b"<" + b"a" * 2_000_000),
        ("xmp", b"<a " + b"a='b\"" * 400_000 + b">"),
        ("xmp", b"<a:b>x" * 300_000),
        ("iptc", b"\x1c\x02\x50\0\1x" * 300_000),
        ("jumbf", box(b"jumb", b"\0\0\0\x08json" * 200_000)),
        ("zlib:xmp", zlib.compress(bytes(64 << 20))),
        ("brotli:xmp", brotli.compress(bytes(64 << 20), quality=1)),
        ("exif", (b"MM\0*\0\0\0\x08\x07\xd0" + struct.pack(">HHII", 40092, 1, 1 << 20, 8) * 2000).ljust(1 << 20, b"<")),
        ("iptc", resource(0x0422, tiff(dict.fromkeys(range(40000, 40900), b"x" * 40))) * 100),
    ],
)
def test_hostile_payloads_take_bounded_time(kind: str, payload: bytes) -> None:
    """Bombs, loops and pathological texts: a bounded number of findings, in a time that grows with the length.

    Each takes about a second; anything quadratic would take hours, and a loaded machine or a tracer nothing like it.
    """
    start = time.process_time()

    assert 1 <= len(explain(kind, payload, "x", values=True)) <= 502
    assert time.process_time() - start < 60


@settings(max_examples=300, deadline=None)
@given(st.sampled_from(KINDS), st.binary(max_size=300))
def test_any_bytes_give_findings(kind: str, payload: bytes) -> None:
    """At least one finding for every kind and every payload, no exception, safe values."""
    found = explain(kind, payload, "x", values=True)

    assert found
    assert all(f.value is None or (f.value.isprintable() and len(f.value) <= 200) for f in found)
    assert 1 <= orientation(payload) <= 8


@settings(max_examples=200, deadline=None)
@given(st.integers(0, len(CAMERA) - 1), st.integers(0, 255), st.integers(0, len(CAMERA)))
def test_damaged_exif_gives_findings(at: int, value: int, end: int) -> None:
    """A changed byte and a cut: what can be read is reported."""
    block = CAMERA[:at] + bytes([value]) + CAMERA[at + 1 :]

    assert explain("exif", block, "x")
    assert explain("exif", block[:end], "x")
    assert 1 <= orientation(block) <= 8


@pytest.mark.skipif(shutil.which("exiftool") is None, reason="ExifTool is the judge")
def test_exiftool_reads_the_same() -> None:
    """Cameras, dates and places of the shared files, as ExifTool reads them from the same block."""
    folder = sets.require("corpus") / "metadata"
    names = [
        "DSCN0010",
        "Canon_40D",
        "Fujifilm",
        "jolla",
        "Pentax_K10D",
        "Ricoh",
        "Sony_HDR",
        "45-gps",
        "IMG_5195",
        "piexif",
    ]
    files = [path for path in sorted(folder.iterdir()) if any(name.lower() in path.name.lower() for name in names)]
    tags = {"Make": "IFD0", "Model": "IFD0", "Software": "IFD0", "ModifyDate": "IFD0", "DateTimeOriginal": "Exif"}
    compared = 0
    for path in files:
        block = subprocess.run(["exiftool", "-b", "-Exif", path], capture_output=True, check=True).stdout
        if not block:
            continue
        wanted = [f"-EXIF:{tag}" for tag in [*tags, "GPSLatitude", "GPSLongitude", "Orientation"]]
        judge = subprocess.run(["exiftool", "-j", "-n", *wanted, path], capture_output=True, check=True).stdout
        judged = json.loads(judge, parse_float=str, parse_int=str)[0]  # as they are written
        found = {f.where: f.value for f in explain("exif", block, "x", values=True)}
        assert orientation(block) == int(judged.get("Orientation", 1)), path.name
        for tag, ifd in tags.items():
            value = str(judged.get(tag, "")).strip()
            if value:
                assert (found.get(f"x/Exif/{ifd}/{tag}") or "").strip() == value, path.name
                compared += 1
        if "GPSLatitude" in judged and "GPSLongitude" in judged:
            place = [abs(float(part)) for part in (found["x/Exif/GPS/GPSPosition"] or "").split(",")]
            assert place == pytest.approx([float(judged["GPSLatitude"]), float(judged["GPSLongitude"])], abs=1e-5), (
                path.name
            )
            compared += 1
    assert compared > 15


def test_all_payloads_of_a_file_share_one_budget():
    """Five texts of 8 MiB each: three are read, of the others it is said that they were not."""
    text = chunk(b"zTXt", b"Comment\0\0" + zlib.compress(bytes(b"x" * (8 << 20)), 1))
    small = chunk(b"tEXt", b"Comment\0shown")
    found = lossless.inspect(png(text * 5 + small), values=True).findings
    assert [finding.length == 8 << 20 for finding in found] == [True] * 3 + [False] * 3
    assert [finding.where.endswith("beyond the limit") for finding in found] == [False] * 3 + [True] * 2 + [False]
    assert found[-1].value is not None
    assert "shown" in found[-1].value


def test_a_profile_of_a_colour_space_is_no_camera_and_no_person():
    """The sRGB profile that littleCMS makes, and header fields of IEC's."""
    from PIL import ImageCms

    from tests import samples

    profile = bytearray(ImageCms.ImageCmsProfile(ImageCms.createProfile("sRGB")).tobytes())
    profile[48:56] = b"IEC sRGB"  # as in the profile of Hewlett-Packard that everybody ships
    raw = samples.saved(samples.picture(), "JPEG", icc_profile=bytes(profile))

    categories = {finding.category for finding in lossless.inspect(raw).findings}

    assert categories <= {Category.SOFTWARE, Category.TIME, Category.TEXT}
