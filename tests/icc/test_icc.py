"""ICC profiles: nothing but colour stays, and the colour stays."""

from __future__ import annotations

import io
import json
import shutil
import struct
import subprocess

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from PIL import Image, ImageCms

from rmexif import icc
from tests import sets
from tests.containers import profiles
from tests.containers.profiles import ADOBE, CANARY, DISPLAY, SRGB, gamma, matrix, mft, para, profile, table, xyz

CODES = np.linspace(0, 1, 1024)
SRGB_TABLE = table(profiles.srgb_light(CODES))
SRGB_PARA = para(3, 2.4, 1 / 1.055, 0.055 / 1.055, 1 / 12.92, 0.04045)
INK = {b"A2B0": mft(1, profiles.inks, 4, 3), b"B2A0": mft(1, lambda lab: 1 - lab[..., [0, 0, 0, 0]], 3, 4)}
DIRTY = {
    "srgb table": matrix(SRGB, SRGB_TABLE),
    "srgb para": matrix(SRGB, SRGB_PARA, version=0x04300000),
    "display gamma": matrix(DISPLAY, gamma(2.31)),
    "display table": matrix(DISPLAY, table(CODES**2.6 * 0.9 + 0.1 * CODES)),
    "display para": matrix(DISPLAY, para(4, 2.3, 0.9, 0.1, 0.2, 0.05, 0.0, 0.0), version=0x04300000),
    "grey": profile({b"wtpt": xyz(*profiles.D50), b"kTRC": gamma(2.2)}, space=b"GRAY"),
    "grey dot gain": profile({b"kTRC": table(CODES**1.7 * 0.8 + 0.2 * CODES**3)}, space=b"GRAY", kind=b"prtr"),
    "cmyk mft1": profile(INK, space=b"CMYK", pcs=b"Lab ", kind=b"prtr"),
    "cmyk mft2": profile({b"A2B0": mft(2, profiles.inks, 4, 3)}, space=b"CMYK", pcs=b"Lab ", kind=b"prtr"),
    "cmyk mAB": profile({b"A2B0": profiles.mab()}, space=b"CMYK", pcs=b"Lab ", kind=b"prtr", version=0x04200000),
}
SPACES = [*icc.NATIVE, "rec2020-linear", "srgb-gamma-2.2", "gray-srgb", "gray-linear", "gray-gamma-2.2", "gray-lstar"]


def shown(data: bytes, space: str, intent: int = 1, target: bytes | None = None) -> np.ndarray:
    """A spread of colours through LittleCMS, in sRGB or ``target``."""
    axis = np.linspace(0, 255, 9).astype(np.uint8)
    if space == "GRAY":
        image = Image.fromarray(np.arange(256, dtype=np.uint8)[None])
    elif space == "CMYK":
        image = Image.frombytes("CMYK", (9**2, 9**2), np.stack(np.meshgrid(*[axis] * 4), -1).tobytes())
    else:
        image = Image.fromarray(np.stack(np.meshgrid(*[axis] * 3), -1).reshape(-1, 9, 3))
    source = ImageCms.ImageCmsProfile(io.BytesIO(data))
    to = ImageCms.ImageCmsProfile(io.BytesIO(target)) if target else ImageCms.createProfile("sRGB")
    return np.asarray(ImageCms.profileToProfile(image, source, to, intent, "RGB")).astype(int)


def space_of(data: bytes) -> str:
    """The device space that the header states."""
    return data[16:20].decode().strip()


@pytest.mark.parametrize("name", DIRTY)
def test_texts_and_makers_go_and_the_colour_stays(name: str) -> None:
    """No canary, a fixed point, and LittleCMS shows the same colours within half a step on average."""
    dirty = DIRTY[name]
    cleaned = icc.clean(dirty)

    assert cleaned is not None
    assert CANARY[:4] not in cleaned
    assert b"DIRT" not in cleaned
    assert b"\xd1\xd1" not in cleaned
    assert icc.clean(cleaned) == cleaned
    assert icc.is_clean(cleaned)
    assert not icc.is_clean(dirty)
    assert int.from_bytes(cleaned[:4], "big") == len(cleaned)
    for intent in (0, 1):
        moved = np.abs(shown(cleaned, space_of(dirty), intent) - shown(dirty, space_of(dirty), intent))
        assert moved.max() <= 1
        assert moved.mean() <= 0.1


@pytest.mark.parametrize("name", SPACES)
def test_canonical_bytes_are_their_own_clean_form(name: str) -> None:
    """Every known space names itself, comes back as it is, and names nobody in its header (7.2)."""
    data = icc.canonical(name)

    assert icc.identify(data) == name
    assert icc.clean(data) == data
    assert icc.is_clean(data)
    assert not any(data[4:8] + data[24:36] + data[40:64] + data[80:128])
    assert len(data) < 600


def test_an_unknown_name_is_a_key_error() -> None:
    """Canonical bytes are made of known names only."""
    for name in ("", "srgb-", "srgb-pq", "gray-", "gray-dot"):
        with pytest.raises(KeyError):
            icc.canonical(name)


def test_colorants_are_the_published_ones() -> None:
    """The numbers of the ICC's sRGB profile and of Adobe RGB (1998), 4.3.1.1; their sum is the D50 white."""
    for name, published in (("srgb", SRGB), ("adobe-rgb", ADOBE)):
        data = icc.canonical(name)
        found = []
        for tag in (b"rXYZ", b"gXYZ", b"bXYZ"):
            at = int.from_bytes(data[data.index(tag) + 4 :][:4], "big")
            found.append(struct.unpack(">3i", data[at + 8 : at + 20]))
        assert np.array(found) / 65536 == pytest.approx(np.array(published), abs=2e-4)
        assert np.abs(np.sum(found, axis=0) - (63190, 65536, 54061)).max() <= 1


@pytest.mark.parametrize("intent", [0, 1, 2])
def test_canonical_srgb_is_what_littlecms_calls_srgb(intent: int) -> None:
    """Through LittleCMS to its own sRGB nothing moves by more than one step."""
    codes = shown(ImageCms.ImageCmsProfile(ImageCms.createProfile("sRGB")).tobytes(), "RGB", intent)

    assert np.abs(shown(icc.canonical("srgb"), "RGB", intent) - codes).max() <= 1


def test_known_spaces_become_their_canonical_bytes() -> None:
    """Version, table or formula, name and maker make no difference."""
    littlecms = ImageCms.ImageCmsProfile(ImageCms.createProfile("sRGB")).tobytes()

    for dirty in (DIRTY["srgb table"], DIRTY["srgb para"], littlecms):
        assert icc.clean(dirty) == icc.canonical("srgb")
    assert icc.clean(matrix(ADOBE, gamma(563 / 256))) == icc.canonical("adobe-rgb")
    assert icc.clean(matrix(SRGB, gamma(1.0))) == icc.canonical("srgb-linear")
    assert icc.clean(DIRTY["grey"]) == icc.canonical("gray-gamma-2.2")


def test_describe_takes_the_adaptation_back() -> None:
    """Published primaries come out of D50 colorants, for known and for measured spaces."""
    known = icc.describe(matrix(SRGB, SRGB_TABLE))
    assert known == icc.Profile("RGB", "srgb", (0.3127, 0.329, 0.64, 0.33, 0.3, 0.6, 0.15, 0.06), "srgb")

    swapped = icc.describe(matrix((SRGB[1], SRGB[2], SRGB[0]), gamma(1.8)))
    assert swapped is not None
    assert swapped.name is None
    assert swapped.transfer == 1.8
    assert swapped.primaries == pytest.approx((0.3127, 0.329, 0.3, 0.6, 0.15, 0.06, 0.64, 0.33), abs=5e-4)

    assert icc.describe(DIRTY["cmyk mft1"]) == icc.Profile("CMYK")
    assert icc.describe(DIRTY["grey"]) == icc.Profile("GRAY", "gray-gamma-2.2", None, 2.2)


def test_hdr_is_told_by_cicp_only() -> None:
    """ITU-T H.273 code 16 is PQ and stays, with its other fields canonical; an SDR code says nothing new and goes."""
    tags = {name + b"TRC": table(CODES**4) for name in (b"r", b"g", b"b")}
    tags |= {name: xyz(*column) for name, column in zip((b"rXYZ", b"gXYZ", b"bXYZ"), SRGB, strict=True)}
    hdr, sdr = (icc.clean(profile(tags | {b"cicp": b"cicpDIRT" + bytes([9, code, 7, 9])})) for code in (16, 13))

    assert hdr is not None
    assert b"cicp\0\0\0\0\x09\x10\0\1" in hdr
    assert icc.describe(hdr).transfer == "pq"  # type: ignore[union-attr]
    assert sdr is not None
    assert b"cicp" not in sdr


def test_equal_tags_share_their_bytes() -> None:
    """Two tables that are the same are stored once, whether they were shared before or not."""
    tags = {b"A2B0": INK[b"A2B0"], b"A2B1": INK[b"A2B0"]}
    one, two = (icc.clean(profile(t, space=b"CMYK", pcs=b"Lab ")) for t in ({b"A2B0": INK[b"A2B0"]}, tags))

    assert one is not None
    assert two is not None
    assert len(two) == len(one) + 12


def test_a_broken_way_back_goes_and_a_broken_way_in_refuses() -> None:
    """A picture needs the device-to-PCS table only."""
    options = {"space": b"CMYK", "pcs": b"Lab ", "kind": b"prtr"}

    assert b"B2A0" not in (icc.clean(profile(INK | {b"B2A0": b"mft1"}, **options)) or b"B2A0")
    assert icc.clean(profile(INK | {b"A2B0": INK[b"A2B0"][:-1]}, **options)) is None


@pytest.mark.parametrize(
    "broken",
    [
        b"",
        b"acsp",
        DIRTY["grey"][:131],
        matrix(SRGB, gamma(2.2), kind=b"link"),
        matrix(SRGB, gamma(2.2), kind=b"abst"),
        matrix(SRGB, gamma(2.2), kind=b"nmcl"),
        matrix(SRGB, gamma(2.2), version=0x05000000),
        matrix(SRGB, gamma(2.2), space=b"HSV "),
        matrix(SRGB, gamma(2.2), pcs=b"RGB "),
        matrix(SRGB, gamma(0.0)),
        matrix(SRGB, table(CODES[::-1])),
        matrix(SRGB, table(CODES * 0)),
        matrix(SRGB, para(5, 1.0)),
        matrix(SRGB, para(0, -3.0)),
        matrix(((9.0, 0.2, 0.0), *SRGB[1:]), gamma(2.2)),
        matrix((SRGB[0], SRGB[0], SRGB[0]), gamma(2.2)),
        profile({b"rXYZ": xyz(*SRGB[0])}),
        profile({b"A2B0": b"mft3" + bytes(400)}, space=b"CMYK", pcs=b"Lab "),
    ],
)
def test_what_is_no_profile_of_a_picture_is_none(broken: bytes) -> None:
    """Truncated, implausible, falling, of another class or version: None, in each question."""
    assert icc.clean(broken) is None
    assert icc.describe(broken) is None
    assert icc.identify(broken) is None
    assert not icc.is_clean(broken)


def test_sizes_from_the_file_are_not_believed() -> None:
    """Counts and offsets beyond the end, and tables of impossible size, are refused at once."""
    whole = matrix(DISPLAY, gamma(2.31), dirty=False)
    for at in (0, 128, *range(136, 132 + 12 * 7, 4)):
        for number in (0, 1, 0x7FFFFFFF, 0xFFFFFFFF):
            changed = whole[:at] + struct.pack(">I", number) + whole[at + 4 :]
            assert icc.clean(changed) in (None, icc.clean(icc.clean(changed) or b""))
    assert icc.clean(whole[:128] + struct.pack(">I", 1000) + bytes(20_000)) is None


@settings(max_examples=200, deadline=None)
@given(st.sampled_from(sorted(DIRTY)), st.lists(st.tuples(st.integers(0, 3000), st.integers(0, 255)), max_size=6))
def test_damage_gives_none_or_a_fixed_point(name: str, damage: list[tuple[int, int]]) -> None:
    """Any bytes in: None, or a profile that cleaning leaves as it is."""
    data = bytearray(DIRTY[name])
    for at, value in damage:
        data[at % len(data)] = value
    cleaned = icc.clean(bytes(data))

    assert cleaned is None or icc.clean(cleaned) == cleaned
    assert (icc.describe(bytes(data)) is None) == (cleaned is None)


@given(st.binary(max_size=400))
def test_any_bytes_are_answered(data: bytes) -> None:
    """Noise is no profile."""
    assert icc.clean(data) is None


@pytest.mark.skipif(shutil.which("exiftool") is None, reason="ExifTool judges what is left")
@pytest.mark.parametrize("name", ["srgb", "display-p3", "gray-gamma-2.2"])
def test_exiftool_finds_nobody(name: str, tmp_path) -> None:
    """A judge that is not ours: constant texts, no date, no makers."""
    path = tmp_path / "x.icc"
    path.write_bytes(icc.canonical(name))
    tags = json.loads(subprocess.run(["exiftool", "-j", path], capture_output=True, check=True).stdout)[0]

    assert tags["ProfileDateTime"].startswith("0000")
    assert tags["ProfileCopyright"] == "CC0"
    assert not {"MakeAndModel", "NativeDisplayInfo", "DeviceMfgDesc", "DeviceModelDesc"} & tags.keys()
    for tag in ("DeviceManufacturer", "DeviceModel", "ProfileCreator", "ProfileCMMType"):
        assert tags.get(tag, "") == ""


def test_profiles_from_the_wild_keep_their_colours() -> None:
    """Every profile of the shared corpus that LittleCMS can use: cleaned, the same colours, no text of its own."""
    seen: set[bytes] = set()
    corpus = sets.require("corpus")
    for path in sorted([*(corpus / "colour").iterdir(), *(corpus / "metadata").iterdir()]):
        try:
            dirty = Image.open(path).info.get("icc_profile")
            ImageCms.ImageCmsProfile(io.BytesIO(dirty or b""))
        except (OSError, ValueError, SyntaxError):
            continue  # no picture, or no profile, by judges that are not ours
        if not dirty or dirty in seen or len(dirty) > 1_000_000:
            continue
        seen.add(dirty)
        cleaned = icc.clean(dirty)
        assert cleaned is not None, path.name
        assert icc.clean(cleaned) == cleaned
        for target in (None, icc.canonical("rec2020")):
            moved = np.abs(shown(cleaned, space_of(dirty), 1, target) - shown(dirty, space_of(dirty), 1, target))
            assert moved.max() <= 1, path.name
            assert moved.mean() <= 0.1, path.name
    assert len(seen) > 15
