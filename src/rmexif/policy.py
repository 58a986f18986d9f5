"""What to do with an image: every option once, with its default, its range and its help text.

The options of the command line, of the HTTP service and of the documentation are derived from the fields here and
from the tables that they name; nothing about an option is written anywhere else.
"""

from __future__ import annotations

import hashlib
import json
import reprlib
from dataclasses import dataclass, field, fields, is_dataclass
from enum import Enum
from typing import TYPE_CHECKING, Any, Literal, get_args

from rmexif import containers, credit, detectors, styles
from rmexif.errors import InvalidPolicy
from rmexif.types import Box, Limits

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator, Mapping

    from rmexif.credit import Selection
    from rmexif.detectors import Detector
    from rmexif.styles import Style

__all__ = ["FrameBox", "Policy"]

Recall = Literal["balanced", "high", "max"]
Repair = Literal["refuse", "complete"]
Frames = Literal["all", "first", "refuse"]
PROVIDERS = ("auto", *detectors.PROVIDERS)
VERSION = 1  # of the fingerprint: one more whenever a default changes what comes out of the same policy
MAX_SEED = (1 << 64) - 1


class _FormatNames:
    """The names of the table of formats, as it is when they are asked for."""

    def __iter__(self) -> Iterator[str]:
        """In the order of the table."""
        return (row.format.name for row in containers.FORMATS)


def _option(
    default: Any,
    help: str,  # noqa: A002 - as click and argparse call it
    *,
    range: tuple[float, float] | None = None,  # noqa: A002
    choices: Iterable[str] | None = None,
    unit: str | None = None,
    form: str | None = None,
    is_operators: bool = False,
    is_text: bool = False,
) -> Any:
    """A field of Policy with what every list of options says about it.

    Args:
        default: of the field.
        help: half a sentence.
        range: least and most value, both included.
        choices: the values that are allowed; a table is asked anew each time.
        unit: of a number.
        form: how a value is written, where no choices say so.
        is_operators: it names files or hardware of the machine: no client of a service may set it.
        is_text: a value is taken as it stands: no sign in it separates several.
    """
    about = {"help": help, "range": range, "choices": choices, "unit": unit, "form": form, "is_text": is_text}
    about["is_operators"] = is_operators
    return field(default=default, metadata=about)


@dataclass(frozen=True, slots=True)
class FrameBox(Box):
    """A rectangle that counts in one frame alone."""

    frame: int  # of an animation or of pages, from 0


@dataclass(frozen=True, slots=True, kw_only=True)
class Policy:
    """What to do with an image; every field has a default, and every default is the safe one."""

    faces: bool = _option(True, "search for faces and redact them")
    detectors: tuple[str | Detector, ...] = _option(
        ("centerface",),
        "what is searched for: a detector's name, or in Python an object with detect(rgb)",
        choices=detectors.DETECTORS,
    )
    models: tuple[str, ...] = _option(
        (),
        "an ONNX model of your own to search with too; a label says what it finds",
        form="FILE[:LABEL[=CLASS,CLASS]]",
        is_operators=True,
    )
    providers: tuple[str, ...] | str = _option(
        ("auto",),
        "what models of your own run on, the preferred one first; auto takes what onnxruntime has",
        choices=PROVIDERS,
        is_operators=True,
    )
    recall: Recall = _option(
        "balanced", "how much is searched; more finds more, and takes longer", choices=get_args(Recall)
    )
    min_confidence: float | None = _option(None, "lowest score of a face; that of the recall by default", range=(0, 1))
    margin: float = _option(0.25, "added around a face", range=(0, 4), unit="fraction of its size")
    style: str | Style = _option("blur", "how faces are redacted", choices=styles.STYLES)
    allow_weak: bool = _option(False, "allow a style that a recogniser may see through")
    regions: tuple[Box, ...] = _option(
        (), "an area to redact too", unit="px of the upright picture; @FRAME: in that one alone"
    )
    keep_regions: tuple[Box, ...] = _option(
        (),
        "an area whose faces stay, where their centre lies in it",
        unit="px of the upright picture; @FRAME: in that one alone",
    )
    keep: tuple[str, ...] | str = _option(
        (),
        "metadata to keep, written anew from judged values: copyright, description, date, web, archive ...",
        choices=credit.KEEP_NAMES,
        form="NAME[,NAME]",
    )
    set: tuple[str, ...] | Mapping[str, str] = _option(
        (), "metadata to write whatever the file says: a field that can be kept", form="FIELD=TEXT", is_text=True
    )
    stealth: bool = _option(True, "another size, pixel grid and hash on every run")
    quality: int = _option(92, "how close lossy formats stay to the picture", range=(1, 100))
    output: str | None = _option(None, "format of the result; the input's by default", choices=_FormatNames())
    frames: Frames = _option("all", "which frames of an animation, or which pages, come out", choices=get_args(Frames))
    repair: Repair = _option(
        "refuse", "where rows are missing: refuse, or complete with grey if half are there", choices=get_args(Repair)
    )
    limits: Limits = field(default_factory=Limits, metadata={"help": "what one image may cost"})
    seed: int | None = _option(None, "make a run repeatable; without it every run is different", range=(0, MAX_SEED))

    def __post_init__(self) -> None:
        """Refuse what cannot be meant.

        Raises:
            InvalidPolicy: a field has a value that is not allowed.
        """
        for name in ("regions", "keep_regions"):
            object.__setattr__(self, name, tuple(_box(name, item) for item in getattr(self, name)))
        if isinstance(self.detectors, str):
            raise InvalidPolicy("detectors must be a sequence of names or objects, got one name")
        if isinstance(self.models, str):
            raise InvalidPolicy("models must be a sequence of FILE or FILE:LABEL, got one text")
        if isinstance(self.providers, str):
            object.__setattr__(self, "providers", (self.providers,))
        for name in ("detectors", "models", "providers"):
            object.__setattr__(self, name, tuple(getattr(self, name)))
        if not isinstance(self.limits, Limits):
            raise InvalidPolicy(f"limits must be Limits, got {type(self.limits).__name__}")
        if not isinstance(self.style, str) and not callable(getattr(self.style, "redact", None)):
            raise InvalidPolicy(f"style must be a name or an object with redact(), got {type(self.style).__name__}")
        object.__setattr__(self, "keep", credit.names_of(self.keep))
        object.__setattr__(self, "set", credit.own_texts(self.set))
        if not self.providers:
            raise InvalidPolicy('providers must name at least one; "auto" takes what there is')
        for item in fields(self):
            _check(item.name, getattr(self, item.name), item.metadata)
        for name in ("quality", "seed"):
            value = getattr(self, name)
            if value is not None and (not isinstance(value, int) or isinstance(value, bool)):
                raise InvalidPolicy(f"{name} must be a whole number, got {reprlib.repr(value)}")

    @property
    def selection(self) -> Selection:
        """What ``keep`` and ``set`` ask for."""
        return credit.selection(self.keep, self.set)

    def fingerprint(self) -> str:
        """What two policies that do the same have in common: SHA-256 over canonical JSON, in hexadecimal digits.

        Fields that have their default are left out, so that fields of a later release change nothing. Detectors are
        always in it, with what they say of themselves: the hash of a model file is part of what a run does.

        Raises:
            InvalidPolicy: a detector or a style of the caller's own has settings that cannot be told apart; a method
                ``fingerprint() -> str`` of its own says which they are.
        """
        found: dict[str, Any] = {"version": VERSION}
        for item in fields(self):
            value = getattr(self, item.name)
            if item.name == "detectors":
                found[item.name] = [_canonical(detectors.build(each, self)) for each in value]
            elif item.name == "models" and value:
                found[item.name] = [_canonical(detectors.build(f"onnx:{each}", self)) for each in value]
            elif item.name == "limits":
                found[item.name] = _changed(value)
            elif value != item.default:
                found[item.name] = _canonical(value)
        text = json.dumps(found, sort_keys=True, separators=(",", ":"), ensure_ascii=True)
        return hashlib.sha256(text.encode()).hexdigest()


def _check(name: str, value: Any, about: Mapping[str, Any]) -> None:
    """Refuse a value that the field's range or choices do not allow; objects speak for themselves."""
    if (bounds := about.get("range")) is not None and value is not None:
        low, high = bounds
        if not isinstance(value, int | float) or not low <= value <= high:
            raise InvalidPolicy(f"{name} must be between {low} and {high}, got {reprlib.repr(value)}")
    if (choices := about.get("choices")) is not None:
        known = tuple(choices)
        for word in value if isinstance(value, tuple) else (value,):
            if isinstance(word, str) and word.partition(":")[0] not in known:
                raise InvalidPolicy(f"{name} must be one of {', '.join(known)}, got {reprlib.repr(word)}")


def _box(name: str, item: Any) -> Box:
    try:
        box = item if isinstance(item, Box) else _box_of(*(int(number) for number in item))
    except (TypeError, ValueError) as error:
        raise InvalidPolicy(
            f"{name} must hold boxes, or left, top, right, bottom in px, and a frame where only one is meant"
        ) from error
    if box.width < 1 or box.height < 1:
        raise InvalidPolicy(f"{name} must hold boxes of at least 1 x 1 px, got {box.width} x {box.height}")
    return box


def _box_of(left: int, top: int, right: int, bottom: int, frame: int | None = None) -> Box:
    return Box(left, top, right, bottom) if frame is None else FrameBox(left, top, right, bottom, frame)


def _changed(limits: Limits) -> dict[str, Any]:
    """The limits that are not the default ones."""
    return {item.name: value for item in fields(limits) if (value := getattr(limits, item.name)) != item.default}


def _canonical(value: Any) -> Any:
    """``value`` as JSON that is the same in every process.

    Raises:
        InvalidPolicy: it holds something that has no such form.
    """
    if value is None or isinstance(value, bool | int | float | str):
        return value
    if isinstance(value, bytes | bytearray | memoryview):
        return {"sha256": hashlib.sha256(value).hexdigest()}
    if isinstance(value, Enum):
        return _canonical(value.value)
    if isinstance(value, list | tuple):
        return [_canonical(item) for item in value]
    if isinstance(value, set | frozenset):
        return sorted((_canonical(item) for item in value), key=json.dumps)
    if isinstance(value, dict):
        return {str(key): _canonical(item) for key, item in value.items()}
    kind = f"{type(value).__module__}.{type(value).__qualname__}"
    if callable(own := getattr(value, "fingerprint", None)):
        return {"type": kind, "fingerprint": str(own())}
    return {"type": kind, **{name: _canonical(item) for name, item in _settings(value, kind).items()}}


def _settings(value: Any, kind: str) -> dict[str, Any]:
    """The fields of a dataclass, else the attributes of an object.

    Raises:
        InvalidPolicy: it has neither.
    """
    if is_dataclass(value):
        return {item.name: getattr(value, item.name) for item in fields(value)}
    if hasattr(value, "__dict__") and not isinstance(value, type) and not callable(value):
        return dict(vars(value))
    raise InvalidPolicy(f"{kind} cannot be compared between runs; give it a method fingerprint() -> str")
