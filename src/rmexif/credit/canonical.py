"""The one form in which a credit is written: the same blocks for the same values, whatever file they came from."""

from __future__ import annotations

import struct
from typing import TYPE_CHECKING

from rmexif.containers.common.credit import CreditBlocks
from rmexif.credit.judgement import NOTICE, SOURCE_TYPE_PREFIX
from rmexif.credit.packet import write_packet
from rmexif.credit.table import FIELDS

if TYPE_CHECKING:
    from collections.abc import Mapping

    from rmexif.credit.table import Field

__all__ = ["blocks"]

IIM_HEAD = b"\x1c\x01\x5a\x00\x03\x1b%G\x1c\x02\x00\x00\x02\x00\x04"  # IIM 4.2: UTF-8 (1:90), record version 4 (2:00)
FULL_DATE = 10  # characters: IIM cannot say a month without a day


def blocks(values: Mapping[str, str]) -> CreditBlocks:
    """The blocks of canonical values, by names of fields; at least one."""
    notice = values.get("copyright", "")
    present = [item for item in FIELDS if item.name in values]
    ascii_fields = [(item.exif, values[item.name]) for item in present if item.exif and item.name != "resolution"]
    properties = [(item.xmp, item.form, _items(item, values[item.name])) for item in present if item.xmp]
    if "resolution" in values:
        properties += [
            ("tiff:YResolution", "text", [f"{values['resolution']}/1"]),
            ("tiff:ResolutionUnit", "text", ["2"]),
        ]
    return CreditBlocks(
        tuple(sorted(ascii_fields)),
        int(values["resolution"]) if "resolution" in values else None,
        write_packet(properties) if properties else b"",
        _data_sets(present, values),
        notice if NOTICE.match(notice) else "",
    )


def _items(item: Field, value: str) -> list[str]:
    if item.name == "digital-source-type":
        return [SOURCE_TYPE_PREFIX + value]
    if item.name == "resolution":
        return [f"{value}/1"]
    return value.split("; ") if item.form == "list" else [value]


def _data_sets(present: list[Field], values: Mapping[str, str]) -> bytes:
    """IIM in UTF-8; a field with a value that does not fit is left to XMP, rather than cut."""
    found: list[tuple[int, bytes]] = []
    for item in present:
        if item.iim is None:
            continue
        number, most = item.iim
        if item.name == "date":
            texts = [values["date"].replace("-", "")] if len(values["date"]) == FULL_DATE else []
        else:
            texts = _items(item, values[item.name])
        data = [text.encode() for text in texts]
        if all(len(each) <= most for each in data):
            found += [(number, each) for each in data]
    found.sort(key=lambda pair: pair[0])
    body = b"".join(struct.pack(">BBBH", 0x1C, 2, number, len(data)) + data for number, data in found)
    return IIM_HEAD + body if body else b""
