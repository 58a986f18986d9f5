"""multipart/form-data (RFC 7578), piece by piece, into memory: the service and the adapters never spool to a disk.

Python-multipart finds the boundaries; what is kept, and how much of it, is decided here. A file name that a client
sends is thrown away while it is read: nothing can be done with it that is not a risk.
"""

from __future__ import annotations

import re
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

from rmexif.errors import InputError, LimitExceeded, MissingDependency, UnknownFormat

if TYPE_CHECKING:
    from collections.abc import Mapping

    from rmexif.stats import Stats

__all__ = ["FORM_OVERHEAD", "BrokenForm", "Form", "FormReader", "Upload", "is_other", "neutral_name", "unique_name"]

HASH_DIGITS = 20  # of a name: 80 bits
DOCUMENTS = (b"%PDF", b"%!PS")
MAX_PARTS = 64  # there are fewer options than this, each as one field
MAX_FIELD = 16 << 10  # byte: longest value of a field that is no file; 500 regions of 4 numbers fit
MAX_HEAD = 4096  # byte: names and values of all headers of one part
FORM_OVERHEAD = MAX_PARTS * MAX_HEAD + 4 * MAX_FIELD  # byte: boundaries, heads and fields beside the files of a form
BOUNDARY = re.compile(r"""boundary=(?:"([^"]{1,70})"|([^\s;,"]{1,70}))""", re.IGNORECASE)  # RFC 2046, 5.1.1
PARAMETER = re.compile(rb"""(?:^|;)\s*(name|filename\*?)\s*=\s*(?:"((?:[^"\\]|\\.)*)"|([^;\s]*))""", re.IGNORECASE)


class BrokenForm(InputError):
    """The request's form cannot be read."""

    code = "broken_form"
    status_hint = 400


@dataclass(slots=True)
class Upload:
    """One file of a form, in memory."""

    field: str
    data: bytearray


@dataclass(slots=True)
class Form:
    """What a form held; fields keep their order and may repeat."""

    fields: list[tuple[str, str]] = field(default_factory=list)
    files: list[Upload] = field(default_factory=list)


class FormReader:
    """Takes a multipart body in pieces of any size.

    Args:
        content_type: the request's Content-Type, with the boundary.
        max_bytes: the largest file, in bytes.
        max_files: how many files one form may hold.

    Raises:
        BrokenForm: there is no boundary.
        MissingDependency: python-multipart is not installed.
    """

    def __init__(self, content_type: str, max_bytes: int, max_files: int = 1) -> None:
        found = BOUNDARY.search(content_type)
        if not content_type.lower().startswith("multipart/form-data") or found is None:
            raise BrokenForm("Content-Type must be multipart/form-data with a boundary of 1 to 70 characters")
        self._form, self._max_bytes, self._max_files = Form(), max_bytes, max_files
        self._parts = self._head = 0
        self._ended = False
        self._headers: dict[bytes, bytes] = {}
        self._name, self._value = bytearray(), bytearray()
        self._field = ""
        self._target = bytearray()
        self._is_file = self._is_named = False
        self._parser = _parser(found[1] or found[2], self._callbacks())

    def feed(self, chunk: bytes) -> None:
        """Take the next piece of the body.

        Raises:
            BrokenForm: this is no multipart body, or it has too many parts.
            LimitExceeded: a file or a field is too large.
        """
        from python_multipart.exceptions import FormParserError

        try:
            self._parser.write(chunk)
        except FormParserError as error:  # its message may quote the body
            raise BrokenForm("the body does not follow its boundary") from error

    def close(self) -> Form:
        """The form, once the body is over.

        Raises:
            BrokenForm: the body ended before its closing boundary.
        """
        if not self._ended:
            raise BrokenForm("the body ends before its closing boundary")
        return self._form

    def _callbacks(self) -> Mapping[str, Any]:
        return {
            "on_part_begin": self._begin,
            "on_header_field": lambda data, start, end: self._extend_head(self._name, data[start:end]),
            "on_header_value": lambda data, start, end: self._extend_head(self._value, data[start:end]),
            "on_header_end": self._header,
            "on_headers_finished": self._open,
            "on_part_data": self._data,
            "on_part_end": self._close,
            "on_end": self._end,
        }

    def _begin(self) -> None:
        self._parts += 1
        if self._parts > MAX_PARTS:
            raise BrokenForm(f"a form must have at most {MAX_PARTS} parts")
        self._headers.clear()
        self._head = 0

    def _extend_head(self, target: bytearray, piece: bytes) -> None:
        self._head += len(piece)
        if self._head > MAX_HEAD:
            raise BrokenForm(f"the headers of a part must have at most {MAX_HEAD} bytes")
        target += piece

    def _header(self) -> None:
        self._headers[bytes(self._name).lower()] = bytes(self._value)
        self._name.clear()
        self._value.clear()

    def _open(self) -> None:
        found = PARAMETER.findall(self._headers.get(b"content-disposition", b""))
        parameters = {key.lower(): quoted or plain for key, quoted, plain in found}
        if b"name" not in parameters:
            raise BrokenForm("every part of the form must have a name in its Content-Disposition")
        self._field = parameters[b"name"].decode("ascii", "replace")
        self._is_file = b"filename" in parameters or b"filename*" in parameters
        self._is_named = bool(parameters.get(b"filename") or parameters.get(b"filename*"))
        if self._is_file and self._is_named and len(self._form.files) >= self._max_files:
            raise BrokenForm(f"a form must have at most {self._max_files} file{'s' * (self._max_files > 1)}")
        self._target = bytearray()

    def _data(self, data: bytes, start: int, end: int) -> None:
        if self._is_file and len(self._target) + end - start > self._max_bytes:
            raise LimitExceeded(f"max_bytes: a file of the form is above the limit of {self._max_bytes}")
        if not self._is_file and len(self._target) + end - start > MAX_FIELD:
            raise BrokenForm(f"a field of the form must have at most {MAX_FIELD} bytes")
        self._target += memoryview(data)[start:end]

    def _close(self) -> None:
        if self._is_file and not self._is_named and not self._target:
            pass  # a file field that nothing was chosen for (HTML, 4.10.21.8): no upload
        elif self._is_file:
            if len(self._form.files) >= self._max_files:
                raise BrokenForm(f"a form must have at most {self._max_files} file{'s' * (self._max_files > 1)}")
            self._form.files.append(Upload(self._field, self._target))
        else:
            self._form.fields.append((self._field, self._target.decode("utf-8", "replace")))
        self._target = bytearray()

    def _end(self) -> None:
        self._ended = True


def neutral_name(format_name: str) -> str:
    """A file name that says nothing but the format: ``image.jpg``."""
    from rmexif.containers import by_name

    return f"image{by_name(format_name).format.extensions[0]}"


def unique_name(stats: Stats) -> str:
    """A file name that says nothing but the format, and that no other picture has: the start of its hash."""
    from rmexif.containers import by_name

    return f"{stats['new_hash'][:HASH_DIGITS]}{by_name(stats['output_format']).format.extensions[0]}"


def is_other(data: bytes | bytearray) -> bool:
    """Whether a file is no image of any kind, by its content: a text, an archive, a PDF."""
    from rmexif.containers import sniff

    if bytes(data[:5]).lstrip().startswith(DOCUMENTS):
        return True
    try:
        sniff(memoryview(data))
    except UnknownFormat:
        return True
    except InputError:
        return False  # a known format of images that is not handled
    return False


def _parser(boundary: str, callbacks: Mapping[str, Any]) -> Any:
    try:
        from python_multipart.multipart import MultipartParser
    except ImportError as error:
        raise MissingDependency("multipart forms need python-multipart: pip install 'rmexif[serve]'") from error
    return MultipartParser(boundary.encode("latin-1"), callbacks)  # type: ignore[arg-type]
