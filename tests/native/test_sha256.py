"""SHA-256 of two messages: the examples of FIPS 180-4, and hashlib."""

from __future__ import annotations

import hashlib

import pytest

from rmexif.native import library, sha256
from tests.native import needs_core

ENGINES = ["python", pytest.param("native", marks=needs_core)]
# Secure Hash Standard, examples with intermediate values, SHA-256
ABC = "ba7816bf8f01cfea414140de5dae2223b00361a396177a9cb410ff61f20015ad"
TWO_BLOCKS = "248d6a61d20638b8e5c026930c3e6039a33ce45964ff2167f6ecedd419db06c1"
EMPTY = "e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855"


@pytest.fixture(params=ENGINES)
def hexdigests(request):
    return getattr(sha256.hexdigests, request.param)


def test_the_examples_of_the_standard(hexdigests):
    long = b"abcdbcdecdefdefgefghfghighijhijkijkljklmklmnlmnomnopnopq"
    assert hexdigests(b"abc", long) == (ABC, TWO_BLOCKS)
    assert hexdigests(memoryview(long), bytearray(b"")) == (TWO_BLOCKS, EMPTY)


@pytest.mark.parametrize("size", [0, 1, 55, 56, 63, 64, 65, 119, 120, 128, 1000, 100_003])
def test_every_length_of_padding(hexdigests, size):
    one, other = bytes(n * 7 & 255 for n in range(size)), bytes(n * 3 & 255 for n in range(200))
    wanted = tuple(hashlib.sha256(data).hexdigest() for data in (one, other))
    assert hexdigests(one, other) == wanted
    assert hexdigests(other, one) == wanted[::-1]


@needs_core
def test_a_processor_without_the_instructions_hashes_one_after_the_other():
    class Older:
        @staticmethod
        def rmexif_sha256_is_offered() -> int:
            return 0

    assert library.loaded is not None
    assert sha256._hexdigests(Older(), b"abc", b"") == (ABC, EMPTY)
