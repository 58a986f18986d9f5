"""Something breaks at every stage: an error of the tree, no bytes, and the images beside it come out."""

from __future__ import annotations

import gc
import traceback
import weakref
from collections.abc import Callable, Iterator

import pytest

from rmexif import Outcome, Policy, RmexifError, Scrubber, scrub_many, strip_many
from tests import samples

STAGES = (
    ("rmexif.inspection.open_source", "scrub"),
    ("rmexif.verification.open_container", "strip"),
    ("rmexif.verification.rewrite", "scrub strip"),
    ("rmexif.inspection.findings", "scrub strip"),
    ("rmexif.codecs.decode", "scrub"),
    ("rmexif.raster.transform.orient", "scrub"),
    ("rmexif.raster.transform.to_srgb", "scrub"),
    ("rmexif.detectors.CenterFace.search", "scrub"),
    ("rmexif.raster.transform.resize", "scrub"),
    ("rmexif.raster.transform.clear_transparent", "scrub"),
    ("rmexif.codecs.encode", "scrub"),
)


class Odd(Exception):
    """What no part of ours raises; it quotes the file."""


@pytest.mark.parametrize(
    "fault", [MemoryError("secret"), RecursionError("secret"), Odd("secret"), OSError(28, "secret")]
)
@pytest.mark.parametrize(("place", "modes"), STAGES)
def test_a_fault_is_an_error_of_the_tree(
    monkeypatch: pytest.MonkeyPatch, place: str, modes: str, fault: Exception
) -> None:
    """One outcome per item, whatever fails; the message keeps the foreign text to itself."""

    def fail(*_: object, **__: object) -> None:
        raise fault

    raw = samples.saved(samples.picture(160, 140), "PNG")
    monkeypatch.setattr(place, fail)
    runs: list[list[Outcome]] = []
    if "scrub" in modes:
        runs.append(list(scrub_many([raw, raw], workers=1)))
    if "strip" in modes:
        runs.append(list(strip_many([raw, raw], workers=1)))

    for out in runs:
        assert [o.data for o in out] == [None, None]
        assert all(isinstance(o.error, RmexifError) and "secret" not in str(o.error) for o in out)


@pytest.mark.parametrize("place", ["rmexif.codecs.decode", "rmexif.verification.rewrite"])
def test_a_log_shows_no_foreign_text(monkeypatch: pytest.MonkeyPatch, place: str) -> None:
    """What a logger prints of an error, history and all, quotes nothing that a library said about the file."""

    def fail(*_: object, **__: object) -> None:
        raise Odd("secret")

    monkeypatch.setattr(place, fail)
    with pytest.raises(RmexifError) as caught:
        Scrubber(samples.saved(samples.picture(160, 140), "PNG"), Policy(faces=False)).process()

    assert "secret" not in "".join(traceback.format_exception(caught.value))


@pytest.mark.parametrize("many", [scrub_many, strip_many])
def test_an_error_as_a_value_holds_no_file(many: Callable[[list[bytearray]], Iterator[Outcome]]) -> None:
    """Outcomes may be kept for a report; what failed is let go all the same."""

    class Original(bytearray):
        pass

    original = Original(b"\xff\xd8\xff\xe0 cut short")
    watch = weakref.ref(original)

    (out,) = many([original])
    del original
    gc.collect()

    assert isinstance(out.error, RmexifError)
    assert watch() is None


def test_a_passing_fault_costs_one_image(monkeypatch: pytest.MonkeyPatch) -> None:
    """The second of three fails; the others come out."""
    from rmexif import codecs

    real, calls = codecs.encode, []

    def sometimes(*args: object) -> bytes:
        calls.append(1)
        if len(calls) == 2:
            raise MemoryError
        return real(*args)  # type: ignore[arg-type]

    monkeypatch.setattr(codecs, "encode", sometimes)
    raw = samples.of("png")["plain"]

    out = list(scrub_many([raw] * 3, Policy(faces=False), workers=1))

    assert [o.ok for o in out] == [True, False, True]


def test_ctrl_c_is_not_swallowed(monkeypatch: pytest.MonkeyPatch) -> None:
    """It is no error of an image."""

    def interrupt(*_: object) -> None:
        raise KeyboardInterrupt

    monkeypatch.setattr("rmexif.codecs.decode", interrupt)

    with pytest.raises(KeyboardInterrupt):
        Scrubber(samples.of("png")["plain"]).process()
