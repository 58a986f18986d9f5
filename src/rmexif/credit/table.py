"""What can be kept: one row per field, with the tags that it is read from and written to, and how it is judged.

Names and definitions are those of the IPTC Photo Metadata Standard 2023.1; which of several sources counts is up to the
Metadata Working Group's Guidelines 2.0 (MWG), 5.1 to 5.6: Exif, then XMP or IIM, whichever was changed last.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Literal

from rmexif.credit import judgement
from rmexif.errors import InvalidPolicy

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Mapping

__all__ = [
    "FIELDS",
    "GROUPS",
    "KEEP_NAMES",
    "PRESETS",
    "Field",
    "Selection",
    "field_by_name",
    "names_of",
    "own_texts",
    "selection",
    "selection_of",
]

Precision = Literal["day", "month", "year"]


@dataclass(frozen=True, slots=True, kw_only=True)
class Field:
    """One value that can be kept.

    Args:
        name: in ``set`` and in reports.
        group: the name of ``keep`` that it belongs to.
        judge: gives the canonical value of a text of at most ``most`` characters, or raises ``Unfit``.
        most: characters.
        exif: tag of the first IFD; None: Exif has none that is written.
        iim: data set of record 2, and how many bytes it may have (IIM 4.2).
        xmp: property.
        form: of the property: a text, alternatives in languages, or a list.
        png: keywords of PNG texts.
        read_first: tag of the Exif IFD that goes before the others.
        read_too: further places, after the others: properties, tags of the Exif IFD, keywords.
    """

    name: str
    group: str
    judge: Callable[[str, int], str]
    most: int
    exif: int | None = None
    iim: tuple[int, int] | None = None
    xmp: str = ""
    form: Literal["text", "languages", "list"] = "text"
    png: tuple[str, ...] = ()
    read_first: int | None = None
    read_too: tuple[str | int, ...] = ()


def _text(name: str, group: str, most: int, xmp: str, **places: object) -> Field:
    return Field(name=name, group=group, judge=judgement.plain_text, most=most, xmp=xmp, **places)  # type: ignore[arg-type]


FIELDS: tuple[Field, ...] = (
    _text("copyright", "copyright", 500, "dc:rights", exif=33432, iim=(116, 128), form="languages", png=("copyright",)),
    Field(
        name="creator",
        group="copyright",
        judge=judgement.names,
        most=250,
        exif=315,
        iim=(80, 32),
        xmp="dc:creator",
        form="list",
        png=("author", "artist"),
    ),
    _text("credit-line", "copyright", 200, "photoshop:Credit", iim=(110, 32)),
    _text("source", "copyright", 200, "photoshop:Source", iim=(115, 32)),
    _text("usage-terms", "copyright", 1000, "xmpRights:UsageTerms", form="languages"),
    Field(
        name="licence-url",
        group="copyright",
        judge=judgement.licence_url,
        most=200,
        xmp="xmpRights:WebStatement",
        read_too=("cc:license",),
    ),
    _text(
        "description",
        "description",
        2000,
        "dc:description",
        exif=270,
        iim=(120, 2000),
        form="languages",
        png=("description",),
    ),
    _text("headline", "description", 250, "photoshop:Headline", iim=(105, 256)),
    _text("alt-text", "description", 1000, "Iptc4xmpCore:AltTextAccessibility", form="languages"),
    Field(
        name="date",
        group="date",
        judge=judgement.plain_date,
        most=40,
        iim=(55, 8),
        xmp="photoshop:DateCreated",
        png=("creation time",),
        read_first=36867,  # DateTimeOriginal
        read_too=("exif:DateTimeOriginal", 36868, "xmp:CreateDate"),
    ),
    Field(name="make", group="camera", judge=judgement.device, most=64, exif=271, xmp="tiff:Make"),
    Field(name="model", group="camera", judge=judgement.device, most=64, exif=272, xmp="tiff:Model"),
    Field(name="resolution", group="resolution", judge=judgement.dpi, most=8, exif=282, xmp="tiff:XResolution"),
    Field(
        name="digital-source-type",
        group="provenance-ai",
        judge=judgement.digital_source_type,
        most=120,
        xmp="Iptc4xmpExt:DigitalSourceType",
    ),
)
GROUPS: tuple[str, ...] = tuple(dict.fromkeys(item.group for item in FIELDS))
PRECISIONS: dict[str, Precision] = {"date": "day", "date=day": "day", "date=month": "month", "date=year": "year"}
PRESETS: dict[str, tuple[str, ...]] = {
    "web": ("copyright", "provenance-ai"),
    "archive": ("copyright", "description", "date", "camera"),
    "all-known-but-location": GROUPS,
}
KEEP_NAMES: tuple[str, ...] = (*GROUPS, "date=day", "date=month", "date=year", *PRESETS)
DATE_LENGTHS: dict[Precision, int] = {"day": 10, "month": 7, "year": 4}  # characters


@dataclass(frozen=True, slots=True)
class Selection:
    """What is to be kept, and what is to be written whatever the file says."""

    kept: tuple[Field, ...] = ()
    precision: Precision = "day"  # of the date
    own: tuple[tuple[str, str], ...] = ()  # names of fields and canonical values

    def __bool__(self) -> bool:
        """Whether anything can leave."""
        return bool(self.kept or self.own)

    @property
    def fields(self) -> tuple[Field, ...]:
        """Every field that an output may have, in the order of the table."""
        written = {name for name, _ in self.own}
        return tuple(item for item in FIELDS if item in self.kept or item.name in written)

    @property
    def names(self) -> tuple[str, ...]:
        """Names for ``keep`` with which a file that has these fields is clean."""
        groups = dict.fromkeys(item.group for item in self.fields)
        is_set = any(name == "date" for name, _ in self.own)
        return tuple(f"date={self.precision}" if name == "date" and not is_set else name for name in groups)

    @property
    def as_read(self) -> Selection:
        """The same fields, all of them from a file; a value that is set has any precision."""
        is_set = any(name == "date" for name, _ in self.own)
        return Selection(self.fields, "day" if is_set else self.precision)

    def judge(self, item: Field, text: str) -> str:
        """The canonical value of a field.

        Raises:
            Unfit: it may not be kept.
        """
        value = item.judge(text, item.most)
        return value[: DATE_LENGTHS[self.precision]] if item.name == "date" else value


def field_by_name(name: str) -> Field | None:
    """The field called ``name``; None where there is none."""
    return next((item for item in FIELDS if item.name == name), None)


def selection(keep: str | Iterable[str] = (), own: Mapping[str, str] | Iterable[str] = ()) -> Selection:
    """What ``keep`` and ``set`` ask for.

    Args:
        keep: names of groups or presets; commas separate several in one text.
        own: values by names of fields, or texts NAME=VALUE.

    Raises:
        InvalidPolicy: a name is unknown, or a value may not be kept; the message has the names, never a value.
    """
    names = [name for word in names_of(keep) for name in PRESETS.get(word, (word,))]
    dates = [PRECISIONS[name] for name in names if name in PRECISIONS]
    precision: Precision = next((each for each in ("year", "month") if each in dates), "day")
    groups = {name.partition("=")[0] for name in names}
    return Selection(tuple(item for item in FIELDS if item.group in groups), precision, _own(own))


def names_of(keep: str | Iterable[str]) -> tuple[str, ...]:
    """The names in ``keep``, each once, in the order of the table.

    Raises:
        InvalidPolicy: one is unknown.
    """
    texts = [keep] if isinstance(keep, str) else list(keep)
    words = [word.strip() for text in texts for word in str(text).split(",")]
    if not {word for word in words if word} <= set(KEEP_NAMES):
        raise InvalidPolicy(f"keep must be one of {', '.join(KEEP_NAMES)}")
    return tuple(name for name in KEEP_NAMES if name in words)


def own_texts(own: Mapping[str, str] | Iterable[str]) -> tuple[str, ...]:
    """``set`` as texts NAME=VALUE of canonical values, in the order of the table.

    Raises:
        InvalidPolicy: as ``selection``.
    """
    return tuple(f"{name}={value}" for name, value in _own(own))


def selection_of(names: Iterable[str]) -> Selection:
    """The fields of these names, as they are."""
    wanted = set(names)
    return Selection(tuple(item for item in FIELDS if item.name in wanted))


def _own(given: Mapping[str, str] | Iterable[str]) -> tuple[tuple[str, str], ...]:
    """The values of ``set``, judged, in the order of the table."""
    if isinstance(given, str | bytes | bytearray | memoryview):
        raise InvalidPolicy("set must be a mapping, or a sequence of texts NAME=VALUE, got one text")
    pairs = list(given.items()) if hasattr(given, "items") else [text.partition("=")[::2] for text in given]
    found: dict[str, str] = {}
    for name, text in pairs:
        item = field_by_name(name.strip())
        if item is None:
            raise InvalidPolicy(f"set must name one of {', '.join(item.name for item in FIELDS)}")
        if item.name in found:
            raise InvalidPolicy(f"set must give {item.name} once, got two values")
        if not text:
            raise InvalidPolicy(f"set must give {item.name} a value: {item.name}=TEXT")
        try:
            found[item.name] = item.judge(text, item.most)
        except judgement.Unfit as unfit:
            raise InvalidPolicy(f"set must give {item.name} a value that may be kept: {unfit.reason}") from None
    return tuple((item.name, found[item.name]) for item in FIELDS if item.name in found)
