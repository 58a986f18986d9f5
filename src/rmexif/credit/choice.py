"""Which of the values in a file are kept: by the order of the Metadata Working Group, each one judged."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from rmexif.credit.judgement import Reason, Unfit
from rmexif.credit.sources import RESOLUTION, read_sources

if TYPE_CHECKING:
    from rmexif.credit.sources import Sources
    from rmexif.credit.table import Field, Selection
    from rmexif.stats import CreditStats, DroppedStats, KeptStats
    from rmexif.types import Container

__all__ = ["Credit", "choose", "without"]


@dataclass(frozen=True, slots=True)
class Credit:
    """What leaves: canonical values by names of fields, in the order of the table; and what a report says of it."""

    values: dict[str, str]
    stats: CreditStats


def choose(view: memoryview, container: Container[Any], selection: Selection) -> Credit:
    """The values that leave: those that are set, and of the others the first one that may be kept.

    Args:
        view: the file.
        container: what ``parse`` said about it.
        selection: what is asked for.
    """
    sources, own = read_sources(view, container), dict(selection.own)
    values: dict[str, str] = {}
    kept: list[KeptStats] = []
    dropped: list[DroppedStats] = []
    for item in selection.fields:
        judged, unfit = _judged(sources, item, selection)
        if item.name in own:
            values[item.name], standard = own[item.name], "set"
        elif judged:
            standard, values[item.name] = judged[0]
        else:
            dropped += unfit
            continue
        differs = sorted({other for other, value in judged if value != values[item.name]})
        kept.append({"field": item.name, "source": standard, "differs": differs})
        dropped += unfit
    return Credit(values, {"kept": kept, "dropped": dropped})


def without(credit: Credit) -> Credit:
    """The credit where the output's format can hold none."""
    dropped: list[DroppedStats] = [
        {"field": kept["field"], "source": kept["source"], "reason": Reason.FORMAT.value}
        for kept in credit.stats["kept"]
    ]
    return Credit({}, {"kept": [], "dropped": [*credit.stats["dropped"], *dropped]})


def _judged(sources: Sources, item: Field, selection: Selection) -> tuple[list[tuple[str, str]], list[DroppedStats]]:
    """Standards and values that may be kept, the one that counts first; and those that may not."""
    judged: list[tuple[str, str]] = []
    dropped: list[DroppedStats] = []
    for keys in (_keys(sources, item), _further_keys(item)):
        for key in dict.fromkeys(keys):
            if key not in sources.texts:
                continue
            try:
                judged.append((key[0], selection.judge(item, _joined(item, sources.texts[key]))))
            except Unfit as unfit:
                dropped.append({"field": item.name, "source": key[0], "reason": unfit.reason.value})
        if judged:
            break
    return judged, dropped


def _joined(item: Field, texts: list[str | None]) -> str:
    """One text of those of a key: names in a list together, else the first."""
    if texts[0] is None or (item.form == "list" and None in texts):
        raise Unfit(Reason.ENCODING)
    return "; ".join(text for text in texts if text) if item.form == "list" else texts[0]


def _keys(sources: Sources, item: Field) -> list[tuple[str, Any]]:
    """Where a field stands, in the order in which the places count (MWG 2.0, 3.2 and 5)."""
    iim = [("IPTC", item.iim[0])] if item.iim else []
    xmp = [("XMP", item.xmp)] if item.xmp else []
    both = iim + xmp if sources.iim_is_newer and not _is_cut(sources, item) else xmp + iim
    return [("Exif", item.read_first), ("Exif", item.exif), *both]


def _further_keys(item: Field) -> list[tuple[str, Any]]:
    """Where else a field may stand, where it is at none of its places."""
    keys: list[tuple[str, Any]] = [("Exif" if isinstance(key, int) else "XMP", key) for key in item.read_too]
    keys += [("PNG text", keyword) for keyword in item.png]
    keys += [("GIF comment", item.name), ("C2PA", item.name)]
    return [*keys, ("JFIF", RESOLUTION), ("pHYs", RESOLUTION)] if item.exif == RESOLUTION else keys


def _is_cut(sources: Sources, item: Field) -> bool:
    """Whether IIM has the beginning of what XMP has, as far as it fits (MWG 2.0, 3.2)."""
    if item.iim is None:
        return False
    short, full = (sources.texts.get(key, [None])[0] for key in (("IPTC", item.iim[0]), ("XMP", item.xmp)))
    return bool(short and full and full.startswith(short) and len(short.encode(errors="replace")) >= item.iim[1])
