"""Pictures of other encoders, in which ExifTool has written a credit beside canaries."""

from __future__ import annotations

import io
import json
import subprocess
from functools import cache
from pathlib import Path
from typing import Any

import numpy as np
import pillow_heif
import pillow_jxl  # noqa: F401 - registers the format
from PIL import Image

pillow_heif.register_heif_opener()

CANARY = "CNRY7QX2PLANTED"
# What is to be kept: tags that ExifTool writes, by the name of the field that each one is.
CREDIT = {
    "copyright": {"EXIF:Copyright": "© 2024 Zoë Müller", "XMP-dc:Rights": "© 2024 Zoë Müller"},
    "creator": {"EXIF:Artist": "Zoë Müller", "XMP-dc:Creator": "Zoë Müller"},
    "credit-line": {"XMP-photoshop:Credit": "Müller/Agence <A&B>"},
    "source": {"XMP-photoshop:Source": "The estate"},
    "usage-terms": {"XMP-xmpRights:UsageTerms": "Ask the author first."},
    "licence-url": {"XMP-xmpRights:WebStatement": "https://creativecommons.org/licenses/by/4.0/"},
    "description": {"EXIF:ImageDescription": "A bridge at dusk", "XMP-dc:Description": "A bridge at dusk"},
    "headline": {"XMP-photoshop:Headline": "Evening in the harbour"},
    "alt-text": {"XMP-iptcCore:AltTextAccessibility": "A stone bridge over a dark river"},
    "date": {"XMP-photoshop:DateCreated": "2021:05:17 18:30:11+02:00"},
    "make": {"EXIF:Make": "NIKON CORPORATION"},
    "model": {"EXIF:Model": "NIKON D850"},
    "resolution": {"EXIF:XResolution": "240", "EXIF:YResolution": "240", "EXIF:ResolutionUnit": "inches"},
    "digital-source-type": {
        "XMP-iptcExt:DigitalSourceType": "http://cv.iptc.org/newscodes/digitalsourcetype/compositeSynthetic"
    },
}
# What is planted: places beside them, each with a canary of its own.
PLACES = [
    "EXIF:Software",
    "EXIF:HostComputer",
    "EXIF:UserComment",
    "EXIF:SerialNumber",
    "EXIF:OwnerName",
    "EXIF:LensSerialNumber",
    "EXIF:ImageUniqueID",
    "EXIF:GPSAreaInformation",
    "EXIF:SpectralSensitivity",
    "EXIF:DocumentName",
    "EXIF:XPComment",
    "XMP-xmp:CreatorTool",
    "XMP-xmpMM:DocumentID",
    "XMP-xmpMM:InstanceID",
    "XMP-dc:Subject",
    "XMP-dc:Title",
    "XMP-dc:Publisher",
    "XMP-photoshop:City",
    "XMP-photoshop:Instructions",
    "XMP-photoshop:TransmissionReference",
    "XMP-iptcCore:CreatorWorkEmail",
    "XMP-iptcCore:Location",
    "XMP-iptcExt:PersonInImage",
    "XMP-aux:SerialNumber",
    "XMP-xmpRights:Owner",
    "XMP-exif:UserComment",
    "XMP-dc:Rights-de",
    "XMP-plus:LicensorEmail",
    "IPTC:Keywords",
    "IPTC:City",
    "IPTC:Writer-Editor",
    "IPTC:SpecialInstructions",
    "IPTC:Contact",
    "PNG:Comment",
    "PNG:Software",
    "Comment",
]
FORMATS = ("jpeg", "png", "webp", "gif", "tiff", "avif", "heic", "jxl", "bmp")
HOLDS_NONE = frozenset({"bmp"})
XMP_ALONE = frozenset({"gif"})


def picture(kind: str) -> bytes:
    """A picture without metadata, as its encoder writes it."""
    y, x = np.mgrid[0:48, 0:64]
    pixels = np.stack([x * 4, y * 5, (x // 8 + y // 8) % 2 * 200], axis=2).astype(np.uint8)
    options: dict[str, Any] = {"jxl": {"lossless": True}, "gif": {"optimize": False}}.get(kind, {})
    out = io.BytesIO()
    Image.fromarray(pixels).save(out, {"heic": "HEIF"}.get(kind, kind.upper()), **options)
    return out.getvalue()


def written(raw: bytes, kind: str, folder: Path, tags: list[tuple[str, str]], *options: str) -> bytes:
    """A file in which ExifTool has written tags; those that its format cannot hold are left out."""
    path = folder / f"picture.{kind}"
    path.write_bytes(raw)
    words = [f"-{tag}={text}" for tag, text in tags]
    command = ["exiftool", "-m", "-q", "-q", "-overwrite_original", "-codedcharacterset=utf8", *options, *words, path]
    subprocess.run(command, capture_output=True, check=False)
    return path.read_bytes()


def read(data: bytes, folder: Path, *options: str) -> dict[str, Any]:
    """What ExifTool reads, by group and tag."""
    path = folder / "read"
    path.write_bytes(data)
    command = ["exiftool", "-json", "-G1", "-a", *options, path]
    answer = subprocess.run(command, capture_output=True, check=False).stdout
    found: dict[str, Any] = json.loads(answer)[0]
    return found


@cache
def planted(kind: str, folder: Path) -> tuple[bytes, tuple[str, ...]]:
    """A file of a format with a credit and canaries; and the canaries that it has."""
    canaries = [f"{CANARY}{number:02}" for number in range(len(PLACES))]
    tags = [(tag, text) for fields in CREDIT.values() for tag, text in fields.items()]
    tags += list(zip(PLACES, canaries, strict=True))
    tags += [
        ("EXIF:GPSLatitude", "48.85"),
        ("EXIF:GPSLatitudeRef", "N"),
        ("EXIF:DateTimeOriginal", "2021:05:17 18:30:11"),
    ]
    raw = picture(kind)
    if kind not in HOLDS_NONE:
        raw = written(raw, kind, folder, tags)
    trailer = f"{CANARY}TRAILER"
    raw += trailer.encode()
    present = [canary for canary in (*canaries, trailer) if holds(raw, canary)]
    return raw, tuple(present)


def holds(data: bytes, canary: str) -> bool:
    """Whether a text stands in a file, in one of the encodings of its metadata."""
    return any(canary.encode(encoding) in data for encoding in ("latin-1", "utf-16-le", "utf-16-be"))
