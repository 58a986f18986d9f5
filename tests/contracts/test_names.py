"""A word in place of any letters of a file, names of chunks, boxes, items and brands among them, reaches no message."""

from __future__ import annotations

import json
import re
from typing import TYPE_CHECKING

import pytest

from rmexif import RmexifError, inspect, strip, verify
from rmexif.containers import FORMATS, by_name
from rmexif.containers.common.fourcc import name_of
from rmexif.types import Limits, Role
from tests import samples
from tests.containers.builders_png import END, with_crcs

if TYPE_CHECKING:
    from collections.abc import Iterator

WORDS = {b"[A-Z0-9 ]{4}": b"JANE", b"[A-Za-z0-9 ]{4}": b"Jane", b"[a-z][A-Za-z]{3}": b"jaNE"}
SVG = b"""<svg xmlns="http://www.w3.org/2000/svg" width="9" height="9"><style>rect{fill:red}</style>
<filter id="blur"><feFlood flood-color="blue" result="flood"/></filter><title>none</title>
<rect width="4" height="4" filter="url(#blur)"/><text y="8" font-family="serif">text</text></svg>"""


def files() -> Iterator[tuple[str, bytes]]:
    """One with every carrier of each format, and one that moves."""
    for row in FORMATS:
        found = {"drawing": SVG} if row.format.name == "svg" else samples.of(row.format.name)
        chosen = {next(iter(found)), *({"animated"} & found.keys())}
        yield from ((row.format.name, found[kind]) for kind in sorted(chosen))


def said(raw: bytes) -> Iterator[str]:
    """All that reports, findings and errors say of a file."""
    for question in (strip, inspect, verify):
        try:
            answer = question(raw)
        except RmexifError as error:
            yield f"{error} {error!r} {error.as_dict()}"
        else:
            rows = (
                answer[1] if isinstance(answer, tuple) else [f.as_dict() for f in getattr(answer, "findings", answer)]
            )
            yield json.dumps(rows)


def changed(name: str, raw: bytes) -> Iterator[bytes]:
    """The file with a word in each place outside the coded picture that has four letters."""
    parts = by_name(name).parse(memoryview(raw), Limits()).parts
    coded = [(part.offset + 40, part.end) for part in parts if part.role is Role.PIXELS]
    for pattern, word in WORDS.items():
        for found in re.finditer(b"(?=" + pattern + b")", raw):
            at = found.start()
            if not any(start <= at < stop for start, stop in coded) and (name != "svg" or at % 3 == 0):
                data = raw[:at] + word + raw[at + 4 :]
                yield with_crcs(data) if name == "png" and END in data else data


@pytest.mark.parametrize(("name", "raw"), [pytest.param(*file, id=file[0]) for file in files()])
def test_a_word_in_any_place(name: str, raw: bytes) -> None:
    """Each place in turn; every one that is asked for is asked of all three."""
    places = list(changed(name, raw))
    assert places or name == "bmp"

    for data in places[:: 1 + len(places) // 60]:
        for text in said(data):
            assert "jane" not in text.lower()


def test_published_names_are_said() -> None:
    """They help whoever reads a report; with what fills them up, and without."""
    assert [name_of(code) for code in (b"eXIf", b"VP8 ", b"XMP\0", b"uuid", b"uri ")] == [
        "eXIf",
        "VP8",
        "XMP",
        "uuid",
        "uri",
    ]
    assert {name_of(code) for code in (b"Jane", b"exif", b"\xff\0\0\0", b"    ", b"JANE")} == {"unknown"}
