"""Forms that are made to cost more than their bytes."""

from __future__ import annotations

import pytest

from rmexif.io.multipart import BrokenForm, FormReader

FILE = b'--x\r\nContent-Disposition: form-data; name="a"; filename="b"\r\n'


def read(body: bytes, step: int) -> FormReader:
    """A reader that has had the body in pieces."""
    reader = FormReader("multipart/form-data; boundary=x", max_bytes=1000)
    for at in range(0, len(body), step):
        reader.feed(body[at : at + step])
    return reader


@pytest.mark.parametrize("step", [1, 7, 1 << 20])
def test_the_headers_of_a_part_have_a_limit(step: int) -> None:
    """All of them together: each could be as long as a header may be, and a megabyte of short ones is a million."""
    headers = b"".join(b"X-%d: %s\r\n" % (number, b"a" * 1500) for number in range(3))

    with pytest.raises(BrokenForm, match="at most 4096 bytes"):
        read(FILE + headers + b"\r\nab\r\n--x--\r\n", step)
    assert read(FILE + headers[:1507] + b"\r\nab\r\n--x--\r\n", step).close().files[0].data == b"ab"


def test_each_part_has_a_limit_of_its_own() -> None:
    """A form of many fields has as many heads."""
    field = b'--x\r\nContent-Disposition: form-data; name="c"\r\nX-A: ' + b"a" * 1500 + b"\r\n\r\n1\r\n"

    assert len(read(field * 20 + FILE + b"\r\nab\r\n--x--\r\n", 100).close().fields) == 20
