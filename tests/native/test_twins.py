"""The comparison of the compiled functions with their twins, and that it sees a difference."""

from __future__ import annotations

from dataclasses import replace
from random import Random

import pytest

from rmexif.native import lzw
from rmexif.native.library import Twin
from tests import sets
from tests.native import ROUNDS, needs_core
from tests.native.twin_calls import MAKERS, Call, differs
from tests.native.twin_seeds import SEEDED, read_seeds

pytestmark = needs_core
CALLS = 40 * ROUNDS


@pytest.fixture(scope="module")
def seeds():
    return read_seeds(sets.require("corpus"))


@pytest.mark.parametrize("name", MAKERS)
def test_the_twins_agree_on_random_calls(name):
    for number in range(CALLS):
        assert not differs(MAKERS[name](Random(f"{name}/{number}")))


@pytest.mark.parametrize("name", SEEDED)
def test_the_twins_agree_on_calls_seeded_by_files(name, seeds):
    for number in range(CALLS // 4):
        assert not differs(SEEDED[name](Random(f"{name}/{number}"), seeds))


def test_every_function_is_compared():
    import rmexif.native as package

    found = set()
    named_after_formats = ("ccitt", "deflate", "jpeg", "jpeg_markers", "lzw", "png", "rle", "vp8l")
    for module in (*named_after_formats, "low_bits", "resample", "samples", "sha256"):
        named = vars(__import__(f"{package.__name__}.{module}", fromlist=["_"]))
        found |= {f"{module}.{name}" for name, one in named.items() if isinstance(one, Twin)}
    assert found == set(MAKERS) == set(SEEDED)


def test_a_difference_is_seen():
    def drops_a_sample(samples, bits=8, **named):
        return lzw.encode.python(samples[1:], bits, **named)

    call = Call(lzw.encode, (b"\0\1\1\1",), {"tiff": True})
    assert not differs(call)
    assert differs(
        replace(
            call, twin=Twin(lambda core, *arguments, **named: drops_a_sample(*arguments, **named), lzw.encode.python)
        )
    )
