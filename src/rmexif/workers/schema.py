"""Whether a JSON value is what a type hint says: a report from a worker, field by field."""

from __future__ import annotations

import math
from functools import cache
from typing import Any, Literal, NotRequired, Union, get_args, get_origin, get_type_hints, is_typeddict

__all__ = ["mismatch"]

MAX_TEXT = 1000  # characters: of a label, a sentence or a code; values of metadata have bounds of their own
MAX_DEPTH = 4  # of what a hint leaves open
VALUES = frozenset({"value"})  # fields that quote a file because the caller asked for it


def mismatch(value: Any, hint: Any, name: str = "report") -> str | None:
    """Where ``value`` is not what ``hint`` says; None where it is.

    Args:
        value: out of JSON.
        hint: a TypedDict, list, dict, Literal, union or plain type; Any takes a small tree of plain values.
        name: of the field, for the answer.
    """
    origin, arguments = get_origin(hint), get_args(hint)
    if is_typeddict(hint):
        return _mismatch_in_fields(value, hint, name)
    if origin is NotRequired:
        return mismatch(value, arguments[0], name)
    if origin is list or origin is dict:
        return _mismatch_in_items(value, origin, arguments, name)
    if hint is Any:
        return None if _is_plain(value, MAX_DEPTH) else name
    if origin is Literal:
        holds = isinstance(value, str | int) and any(type(value) is type(one) and value == one for one in arguments)
    elif _is_union(hint):
        holds = any(mismatch(value, arm, name) is None for arm in arguments)
    else:
        holds = _is_scalar(value, hint, name)
    return None if holds else name


def _mismatch_in_fields(value: Any, hint: Any, name: str) -> str | None:
    hints, required = _fields(hint)
    if not isinstance(value, dict) or not required <= value.keys() <= hints.keys():
        return name
    for key, item in value.items():
        if (found := mismatch(item, hints[key], key)) is not None:
            return found
    return None


def _mismatch_in_items(value: Any, kind: Any, arguments: tuple[Any, ...], name: str) -> str | None:
    if not isinstance(value, kind):
        return name
    if kind is dict and not all(_is_scalar(key, str, name) for key in value):
        return name
    items = value.values() if kind is dict else value
    return next((found for item in items if (found := mismatch(item, arguments[-1], name)) is not None), None)


@cache
def _fields(hint: Any) -> tuple[dict[str, Any], frozenset[str]]:
    hints = get_type_hints(hint, include_extras=True)
    return hints, frozenset(key for key, kind in hints.items() if get_origin(kind) is not NotRequired)


def _is_union(hint: Any) -> bool:
    return get_origin(hint) is Union or type(None) in get_args(hint)


def _is_scalar(value: Any, kind: Any, name: str) -> bool:
    """Bool, number or text, within bounds."""
    if kind is type(None):
        return value is None
    if kind is bool:
        return isinstance(value, bool)
    if kind is float:
        return isinstance(value, int | float) and not isinstance(value, bool) and math.isfinite(value)
    if kind is int:
        return isinstance(value, int) and not isinstance(value, bool)
    return isinstance(value, str) and (name in VALUES or (len(value) <= MAX_TEXT and value.isprintable()))


def _is_plain(value: Any, depth: int) -> bool:
    if isinstance(value, list):
        return depth > 0 and all(_is_plain(item, depth - 1) for item in value)
    if isinstance(value, dict):
        return depth > 0 and all(_is_scalar(key, str, "") and _is_plain(item, depth - 1) for key, item in value.items())
    return any(_is_scalar(value, kind, "") for kind in (type(None), bool, float, str))
