"""Django: uploads stay in memory and arrive scrubbed; a form field, a validator and a storage for what comes elsewhere.

Settings::

    FILE_UPLOAD_HANDLERS = ["rmexif.integrations.django.ScrubUploadHandler"]
    MIDDLEWARE = ["rmexif.integrations.django.RefusalMiddleware", ...]   # above the CSRF middleware
    RMEXIF_POLICY = Policy(style="fill")                                  # optional
    RMEXIF_FIELDS = {"avatar"}    # optional: the file fields that are scrubbed; others go to the handlers behind it
    RMEXIF_OTHERS = True          # optional: files that are no images pass

Under ASGI Django itself spools a request's body above FILE_UPLOAD_MAX_MEMORY_SIZE before any handler runs: set that
to the largest body that you accept, or serve uploads over WSGI.
"""

from __future__ import annotations

from io import BytesIO
from secrets import token_hex
from typing import TYPE_CHECKING, Any

from django import forms
from django.conf import settings
from django.core.exceptions import BadRequest, ValidationError
from django.core.files.base import ContentFile, File
from django.core.files.storage import FileSystemStorage
from django.core.files.uploadedfile import InMemoryUploadedFile
from django.core.files.uploadhandler import FileUploadHandler
from django.http import HttpRequest, HttpResponse, JsonResponse

from rmexif.containers import by_name
from rmexif.errors import LimitExceeded, RmexifError
from rmexif.io.multipart import is_other, unique_name
from rmexif.lossless import verify
from rmexif.policy import Policy
from rmexif.scrubber import scrub

if TYPE_CHECKING:
    from collections.abc import Callable

    from rmexif.stats import Stats

__all__ = [
    "ImageRefused",
    "RefusalMiddleware",
    "ScrubUploadHandler",
    "ScrubbedFile",
    "ScrubbedImageField",
    "ScrubbedStorage",
    "validate_clean",
]


class ImageRefused(BadRequest):
    """An upload could not be made safe; Django answers 400, the middleware answers what the error says."""

    def __init__(self, error: RmexifError) -> None:
        super().__init__(str(error))
        self.error = error


class ScrubbedFile(InMemoryUploadedFile):
    """A clean image, with the report of what was done as ``rmexif_stats``."""

    def __init__(self, data: bytes, stats: Stats, field: str | None) -> None:
        mime = by_name(stats["output_format"]).format.mime
        super().__init__(BytesIO(data), field, unique_name(stats), mime, len(data), None)
        self.rmexif_stats = stats


class ScrubUploadHandler(FileUploadHandler):
    """Buffers an upload in memory and hands on the scrubbed file, or raises ImageRefused."""

    def new_file(self, *args: Any, **kwargs: Any) -> None:
        """Begin a file."""
        super().new_file(*args, **kwargs)
        self._data = bytearray()
        fields = frozenset(getattr(settings, "RMEXIF_FIELDS", ()))
        self._passes = bool(fields) and self.field_name not in fields

    def receive_data_chunk(self, raw_data: bytes, start: int) -> bytes | None:
        """Take a piece; returning nothing keeps it from every later handler."""
        if self._passes:
            return raw_data
        most = _policy().limits.max_bytes
        if len(self._data) + len(raw_data) > most:
            self._data = bytearray()
            raise ImageRefused(LimitExceeded(f"max_bytes: a file of the form is above the limit of {most}"))
        self._data += raw_data
        return None

    def file_complete(self, file_size: int) -> InMemoryUploadedFile | None:
        """The clean file; None leaves it to the handlers that come after."""
        if self._passes:
            return None
        data, self._data = self._data, bytearray()
        if getattr(settings, "RMEXIF_OTHERS", False) and is_other(data):
            kind = "application/octet-stream"
            return InMemoryUploadedFile(BytesIO(data), self.field_name, f"{token_hex(10)}.bin", kind, len(data), None)
        try:
            return ScrubbedFile(*scrub(data, _policy()), self.field_name)
        except RmexifError as error:
            raise ImageRefused(error) from error

    def upload_interrupted(self) -> None:
        """Let go of what has come so far."""
        self._data = bytearray()


class RefusalMiddleware:
    """Answers a refused upload with its status and ``{code, message}``; stands above the CSRF middleware."""

    def __init__(self, get_response: Callable[[HttpRequest], HttpResponse]) -> None:
        self._get_response = get_response

    def __call__(self, request: HttpRequest) -> HttpResponse:
        """Pass a request on."""
        return self._get_response(request)

    def process_view(self, request: HttpRequest, *view: Any) -> HttpResponse | None:
        """Read a form here, where an answer can be given, before the CSRF check reads it."""
        if request.content_type == "multipart/form-data":
            try:
                _ = request.POST
            except ImageRefused as refused:
                return self.process_exception(request, refused)
        return None

    def process_exception(self, request: HttpRequest, exception: Exception) -> HttpResponse | None:
        """The same for what a view raises."""
        error = exception.error if isinstance(exception, ImageRefused) else exception
        if not isinstance(error, RmexifError):
            return None
        return JsonResponse(error.as_dict(), status=error.status_hint)


class ScrubbedImageField(forms.FileField):
    """A form field whose value is a ScrubbedFile; what the handler has scrubbed is not scrubbed again."""

    def to_python(self, data: Any) -> Any:
        """The clean file, or a ValidationError with the error's code."""
        upload = super().to_python(data)
        if upload is None or isinstance(upload, ScrubbedFile):
            return upload
        try:
            return ScrubbedFile(*scrub(upload.read(), _policy()), self.__class__.__name__)
        except RmexifError as error:
            raise ValidationError(str(error), code=error.code) from error


def validate_clean(upload: File) -> None:
    """A validator for fields that must be given clean files, with nothing but what the policy of the settings keeps.

    Raises:
        ValidationError: the file carries something beside its picture, or is no image.
    """
    upload.seek(0)
    try:
        left = verify(upload.read(), keep=_policy().selection.names)
    except RmexifError as error:
        raise ValidationError(str(error), code=error.code) from error
    finally:
        upload.seek(0)
    if left:
        raise ValidationError(f"the image carries {len(left)} pieces of metadata", code="not_clean")


class ScrubbedStorage(FileSystemStorage):
    """A storage that scrubs on the way in, whoever calls ``save``: for ``ImageField(storage=ScrubbedStorage())``."""

    def save(self, name: str | None, content: Any, max_length: int | None = None) -> str:
        """Store the clean bytes.

        Raises:
            RmexifError: the image is refused; nothing was stored.
        """
        if not isinstance(content, ScrubbedFile):
            content = ContentFile(scrub(content.read(), _policy())[0])
        stored: str = super().save(name, content, max_length)
        return stored


def _policy() -> Policy:
    chosen: Policy = getattr(settings, "RMEXIF_POLICY", None) or Policy()
    return chosen
