"""Flask and Werkzeug: ``request.files`` holds scrubbed images only, and nothing was spooled to get there.

Werkzeug writes uploads above 500 KiB to a temporary file; ``init_app`` gives the application a request class that
keeps them in memory, scrubs them when the form is read, and drops the names that clients gave them.
"""

from __future__ import annotations

from dataclasses import dataclass
from io import BytesIO
from typing import IO, TYPE_CHECKING, Any, ClassVar, Literal

from flask import Flask, Request, Response, jsonify
from werkzeug.datastructures import FileStorage, ImmutableMultiDict

from rmexif.containers import by_name
from rmexif.errors import RmexifError
from rmexif.io.multipart import FORM_OVERHEAD, is_other, unique_name
from rmexif.policy import Policy
from rmexif.scrubber import scrub

if TYPE_CHECKING:
    from collections.abc import Collection, Mapping

__all__ = ["ScrubbedRequest", "init_app"]


Treatment = Literal["all", "images", "pass"]


@dataclass(frozen=True, slots=True)
class Scope:
    """Which uploads of an application are scrubbed."""

    blueprints: frozenset[str] = frozenset()
    endpoints: frozenset[str] = frozenset()
    fields: frozenset[str] = frozenset()
    others: bool = False

    def of(self, field: str) -> Treatment:
        """What becomes of a file in a field: scrubbed or refused, scrubbed where it is an image, or nothing."""
        if self.fields and field not in self.fields:
            return "pass"
        return "images" if self.others else "all"


class ScrubbedRequest(Request):
    """A request whose files are scrubbed before the view can touch them; they carry ``rmexif_stats``."""

    rmexif_policy: ClassVar[Policy] = Policy()
    rmexif_scope: ClassVar[Scope] = Scope()

    @property
    def _is_scrubbed(self) -> bool:
        """Whether the view is one of those that were named; all are where none was."""
        scope = self.rmexif_scope
        if not scope.blueprints and not scope.endpoints:
            return True
        return self.blueprint in scope.blueprints or self.endpoint in scope.endpoints

    def _get_file_stream(
        self,
        total_content_length: int | None,
        content_type: str | None,
        filename: str | None = None,
        content_length: int | None = None,
    ) -> IO[bytes]:
        if self._is_scrubbed:
            return BytesIO()
        return super()._get_file_stream(total_content_length, content_type, filename, content_length)

    def _load_form_data(self) -> None:
        if "files" in self.__dict__:
            return
        super()._load_form_data()
        if not self._is_scrubbed:
            return
        uploads, self.__dict__["files"] = self.__dict__["files"], ImmutableMultiDict()  # none, should one be refused
        rows = [
            (field, _clean(upload, self.rmexif_policy, self.rmexif_scope.of(field)))
            for field, upload in uploads.items(multi=True)
        ]
        self.__dict__["files"] = ImmutableMultiDict(rows)


def init_app(
    app: Flask,
    policy: Policy | None = None,
    *,
    blueprints: Collection[str] = (),
    endpoints: Collection[str] = (),
    fields: Collection[str] = (),
    others: bool = False,
) -> None:
    """Keep the uploads of an application in memory, scrub them, and answer refusals as JSON.

    Args:
        app: its ``MAX_CONTENT_LENGTH`` is set from ``policy.limits.max_bytes`` where it has none.
        policy: what to do with every image.
        blueprints: names of those whose uploads are scrubbed; with ``endpoints`` all where none is named.
        endpoints: likewise, of single views.
        fields: names of the file fields that are scrubbed; all where none is named. What comes in another one is
            handed on as it came.
        others: hand on files that are no images; else they are refused.
    """
    scope = Scope(frozenset(blueprints), frozenset(endpoints), frozenset(fields), others)
    chosen = policy or Policy()
    app.request_class = type("ScrubbedRequest", (ScrubbedRequest,), {"rmexif_policy": chosen, "rmexif_scope": scope})
    if app.config.get("MAX_CONTENT_LENGTH") is None:
        app.config["MAX_CONTENT_LENGTH"] = chosen.limits.max_bytes + FORM_OVERHEAD
    app.register_error_handler(RmexifError, _refusal)


def _clean(upload: FileStorage, policy: Policy, treatment: Treatment) -> FileStorage:
    """A scrubbed upload; a field that nothing was chosen for, and what is let through, as it came."""
    if treatment == "pass":
        return upload
    with upload.stream as stream:
        raw = stream.read()
    if (not upload.filename and not raw) or (treatment == "images" and is_other(raw)):
        upload.stream = BytesIO(raw)
        return upload
    data, stats = scrub(raw, policy)
    mime = by_name(stats["output_format"]).format.mime
    clean = FileStorage(BytesIO(data), unique_name(stats), upload.name, mime)
    clean.__dict__["rmexif_stats"] = stats
    return clean


def _refusal(error: Any) -> tuple[Response, int, Mapping[str, str]]:
    return jsonify(error.as_dict()), error.status_hint, {"Cache-Control": "no-store"}
