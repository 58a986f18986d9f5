"""The gate for a file with a credit: it is its clean file, and the canonical blocks of the values in it."""

from __future__ import annotations

from collections import Counter
from typing import TYPE_CHECKING, Any, NamedTuple

from rmexif import containers, inspection
from rmexif.credit import canonical
from rmexif.credit.choice import choose, without
from rmexif.credit.table import FIELDS, selection_of
from rmexif.errors import VerificationError
from rmexif.native.buffers import join
from rmexif.types import Category, Finding

if TYPE_CHECKING:
    from collections.abc import Iterable

    from rmexif.containers.common.credit import CreditBlocks
    from rmexif.credit.choice import Credit
    from rmexif.credit.table import Selection
    from rmexif.stats import CreditStats
    from rmexif.types import Container, Limits

__all__ = ["WithoutCredit", "add_credit", "beyond", "for_output", "insert", "says", "without_credit"]


class WithoutCredit(NamedTuple):
    """A file whose credit was looked for."""

    view: memoryview  # without a credit of canonical form; the file itself where it has another one, or none
    allowed: tuple[Finding, ...]  # what a credit of another form would show in its canonical one


def insert(clean: bytes, container: Container[Any], blocks: CreditBlocks) -> bytes:
    """A clean file with the blocks of a credit, of a format that can hold them.

    Args:
        clean: the file.
        container: what ``parse`` says about it.
        blocks: what is added.
    """
    write = containers.by_name(container.format).load().with_credit
    assert write is not None
    return join(write(memoryview(clean), container, blocks))


def add_credit(clean: bytes, container: Container[Any], credit: Credit, limits: Limits) -> tuple[bytes, CreditStats]:
    """A clean file with a credit, proven: without it the same file is left, and what it says is what was written.

    Args:
        clean: the file, verified.
        container: what ``parse`` says about it.
        credit: the values; what the format cannot hold goes.
        limits: what the output may cost.

    Returns:
        The file, and what the report says of its credit.

    Raises:
        VerificationError: the output does not hold.
    """
    credit = for_output(credit, container.format)
    if not credit.values:
        return clean, credit.stats
    data = insert(clean, container, canonical.blocks(credit.values))
    row, again = inspection.open_container(memoryview(data), limits, container)
    if join(row.rewrite(memoryview(data), again)) != clean:
        raise VerificationError("the output without its credit is not the clean file")
    if not says(memoryview(data), again, credit):
        raise VerificationError("the credit in the output does not say what was written")
    return data, credit.stats


def without_credit(view: memoryview, limits: Limits, selection: Selection) -> WithoutCredit:
    """What a file is without its credit, where that has the canonical form; else the file, and what its credit shows.

    Whether the rest is clean is for ``verification`` to say: here it is what a rewrite gives, and the file is what
    comes of it with the credit in its place.

    Args:
        view: the file.
        limits: what it may cost.
        selection: what may be in it; a value that is set must be in it.

    Raises:
        InputError: the file cannot be parsed.
    """
    row, container = inspection.open_container(view, limits)
    found = for_output(choose(view, container, selection.as_read), container.format)
    if not found.values or not found.values.items() >= dict(selection.own).items():
        return WithoutCredit(view, ())
    clean = join(row.rewrite(view, container))
    _, again = inspection.open_container(memoryview(clean), limits, container)
    expected = memoryview(insert(clean, again, canonical.blocks(found.values)))
    if expected == view:
        return WithoutCredit(memoryview(clean), ())
    return WithoutCredit(view, inspection.findings(expected, row.parse(expected, limits), limits))


def beyond(found: Iterable[Finding], allowed: Iterable[Finding], name: str) -> tuple[Finding, ...]:
    """Findings of a file without those of the credit that it may have; one at least, because it has another form.

    Args:
        found: in the file.
        allowed: in the file as it should be.
        name: of its format.
    """
    left = Counter(allowed)
    surplus = []
    for finding in found:
        if left[finding]:
            left[finding] -= 1
        else:
            surplus.append(finding)
    return tuple(surplus) or (Finding(f"{name}/credit", Category.UNKNOWN, 0),)


def says(view: memoryview, container: Container[Any], credit: Credit) -> bool:
    """Whether a file says of every field what ``credit`` says, and nothing of the others."""
    return choose(view, container, selection_of(item.name for item in FIELDS)).values == credit.values


def for_output(credit: Credit, name: str) -> Credit:
    """The credit as far as files of the format ``name`` can hold it."""
    return credit if containers.by_name(name).load().with_credit else without(credit)
