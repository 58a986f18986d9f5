"""Starlette and FastAPI: a form whose images are scrubbed before the view sees them, without a spooled file.

The frameworks' own ``request.form()``, ``UploadFile`` and ``File()`` write uploads above 1 MiB to a temporary file.
A view that takes ``Depends(ScrubbedForm())`` or awaits ``scrubbed_form(request)`` never calls them.
"""

from __future__ import annotations

import asyncio
from dataclasses import dataclass
from hashlib import sha256
from typing import TYPE_CHECKING, Any

from starlette.exceptions import HTTPException
from starlette.requests import Request  # noqa: TC002  (FastAPI reads the annotation)

from rmexif.bulk import scrub_async
from rmexif.containers import by_name
from rmexif.errors import LimitExceeded, RmexifError
from rmexif.io.multipart import FORM_OVERHEAD, FormReader, is_other, unique_name
from rmexif.policy import Policy

if TYPE_CHECKING:
    from collections.abc import Collection, Sequence

    from rmexif.stats import Stats

__all__ = ["CleanForm", "CleanUpload", "ScrubbedForm", "scrubbed_form"]


# The answer to a form that is refused, as FastAPI wraps it.
REFUSAL: dict[str, Any] = {
    "type": "object",
    "properties": {
        "detail": {
            "type": "object",
            "properties": {"code": {"type": "string"}, "message": {"type": "string"}},
            "required": ["code", "message"],
        }
    },
    "required": ["detail"],
}
STATUSES = {
    400: "The form cannot be read",
    408: "The body came too slowly",
    413: "The form or a file is too large",
    415: "A file is no image that is handled",
    422: "A file is broken",
}


class FormTooLarge(LimitExceeded):
    """The form, all its files together, is too long.

    Args:
        limit: byte.
    """

    def __init__(self, limit: int) -> None:
        super().__init__(f"the form is above the limit of {limit} bytes")


@dataclass(frozen=True, slots=True)
class CleanUpload:
    """One scrubbed image of a form; the name that the client gave it is gone."""

    field: str
    data: bytes
    stats: Stats | None  # None: it was handed on as it came

    @property
    def content_type(self) -> str:
        """Its MIME type, from its bytes."""
        return by_name(self.stats["output_format"]).format.mime if self.stats else "application/octet-stream"

    @property
    def filename(self) -> str:
        """A name that says the format only, and that no other picture has."""
        return unique_name(self.stats) if self.stats else f"{sha256(self.data).hexdigest()[:20]}.bin"


@dataclass(frozen=True, slots=True)
class CleanForm:
    """A form with its fields and its scrubbed images."""

    fields: Sequence[tuple[str, str]]
    images: Sequence[CleanUpload]

    def image(self, field: str = "file") -> CleanUpload:
        """The image of a field.

        Raises:
            HTTPException: nothing was chosen for it; 422 with ``{code, message}``.
        """
        for upload in self.images:
            if upload.field == field:
                return upload
        detail = {"code": "missing_file", "message": f"the form has no file in its field {field}"}
        raise HTTPException(422, detail)  # type: ignore[arg-type]


class ScrubbedForm:
    """A dependency: ``form: CleanForm = Depends(ScrubbedForm(policy))``.

    Args:
        policy: what to do with every image; its ``limits.max_bytes`` is the largest file.
        max_files: how many images one form may hold.
        seconds: time for the client to send its body.
        fields: names of the file fields that are scrubbed; all where none is named. What comes in another one is
            handed on as it came, without stats.
        others: hand on files that are no images; else they are refused.
    """

    def __init__(
        self,
        policy: Policy | None = None,
        *,
        max_files: int = 1,
        seconds: float = 60.0,
        fields: Collection[str] = (),
        others: bool = False,
    ) -> None:
        self._policy, self._max_files, self._seconds = policy or Policy(), max_files, seconds
        self._fields, self._others = frozenset(fields), others

    def openapi(self, *fields: str, required: bool = True) -> dict[str, Any]:
        """What FastAPI shall show of a view: ``@app.post("/avatar", **form.openapi("file"))``.

        Args:
            fields: the names of the form's file fields.
            required: whether the form must have them.
        """
        names = fields or tuple(sorted(self._fields)) or ("file",)
        schema: dict[str, Any] = {
            "type": "object",
            "properties": {name: {"type": "string", "format": "binary"} for name in names},
        }
        if required:
            schema["required"] = list(names)
        body = {"required": True, "content": {"multipart/form-data": {"schema": schema}}}
        refusal = {"application/json": {"schema": REFUSAL}}
        return {
            "openapi_extra": {"requestBody": body},
            "responses": {status: {"description": text, "content": refusal} for status, text in STATUSES.items()},
        }

    async def __call__(self, request: Request) -> CleanForm:
        """Read and scrub; errors become ``HTTPException`` with ``{code, message}``."""
        try:
            async with asyncio.timeout(self._seconds):
                reader = await self._read(request)
            form = reader.close()
            images = [await self._scrub(item.field, item.data) for item in form.files]
        except RmexifError as error:
            raise HTTPException(error.status_hint, error.as_dict()) from error  # type: ignore[arg-type]
        except TimeoutError as error:
            raise HTTPException(408, {"code": "slow_body", "message": "the body came too slowly"}) from error  # type: ignore[arg-type]
        return CleanForm(form.fields, images)

    async def _read(self, request: Request) -> FormReader:
        most = self._policy.limits.max_bytes
        reader = FormReader(request.headers.get("content-type", ""), most, self._max_files)
        limit = most * self._max_files + FORM_OVERHEAD
        length = request.headers.get("content-length", "0")
        if length.isdigit() and int(length[:20]) > limit:
            raise FormTooLarge(limit)
        seen = 0
        async for chunk in request.stream():
            seen += len(chunk)
            if seen > limit:
                raise FormTooLarge(limit)
            if chunk:
                reader.feed(chunk)
        return reader

    async def _scrub(self, field: str, data: bytearray) -> CleanUpload:
        if (self._fields and field not in self._fields) or (self._others and is_other(data)):
            return CleanUpload(field, bytes(data), None)
        clean, stats = await scrub_async(data, self._policy)
        return CleanUpload(field, clean, stats)


async def scrubbed_form(request: Request, policy: Policy | None = None, **options: Any) -> CleanForm:
    """The form of a request, its images scrubbed; ``options`` as for ``ScrubbedForm``.

    Raises:
        HTTPException: an image or the form is refused.
    """
    return await ScrubbedForm(policy, **options)(request)
