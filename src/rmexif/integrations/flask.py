"""Flask and Werkzeug: ``request.files`` holds scrubbed images only, and nothing was spooled to get there.

Werkzeug writes uploads above 500 KiB to a temporary file; ``init_app`` gives the application a request class that
keeps them in memory, scrubs them when the form is read, and drops the names that clients gave them.
"""

from __future__ import annotations

from io import BytesIO
from typing import IO, TYPE_CHECKING, Any, ClassVar

from flask import Flask, Request, Response, jsonify
from werkzeug.datastructures import FileStorage, ImmutableMultiDict

from rmexif.containers import by_name
from rmexif.errors import RmexifError
from rmexif.io.multipart import FORM_OVERHEAD, neutral_name
from rmexif.policy import Policy
from rmexif.scrubber import scrub

if TYPE_CHECKING:
    from collections.abc import Mapping

__all__ = ["ScrubbedRequest", "init_app"]


class ScrubbedRequest(Request):
    """A request whose files are scrubbed before the view can touch them; they carry ``rmexif_stats``."""

    rmexif_policy: ClassVar[Policy] = Policy()

    def _get_file_stream(
        self,
        total_content_length: int | None,
        content_type: str | None,
        filename: str | None = None,
        content_length: int | None = None,
    ) -> IO[bytes]:
        return BytesIO()

    def _load_form_data(self) -> None:
        if "files" in self.__dict__:
            return
        super()._load_form_data()
        uploads, self.__dict__["files"] = self.__dict__["files"], ImmutableMultiDict()  # none, should one be refused
        rows = [(field, _clean(upload, self.rmexif_policy)) for field, upload in uploads.items(multi=True)]
        self.__dict__["files"] = ImmutableMultiDict(rows)


def init_app(app: Flask, policy: Policy | None = None) -> None:
    """Keep the uploads of an application in memory, scrub them, and answer refusals as JSON.

    Args:
        app: its ``MAX_CONTENT_LENGTH`` is set from ``policy.limits.max_bytes`` where it has none.
        policy: what to do with every image.
    """
    chosen = policy or Policy()
    app.request_class = type("ScrubbedRequest", (ScrubbedRequest,), {"rmexif_policy": chosen})
    if app.config.get("MAX_CONTENT_LENGTH") is None:
        app.config["MAX_CONTENT_LENGTH"] = chosen.limits.max_bytes + FORM_OVERHEAD
    app.register_error_handler(RmexifError, _refusal)


def _clean(upload: FileStorage, policy: Policy) -> FileStorage:
    with upload.stream as stream:
        data, stats = scrub(stream.read(), policy)
    name = stats["output_format"]
    clean = FileStorage(BytesIO(data), neutral_name(name), upload.name, by_name(name).format.mime)
    clean.__dict__["rmexif_stats"] = stats
    return clean


def _refusal(error: Any) -> tuple[Response, int, Mapping[str, str]]:
    return jsonify(error.as_dict()), error.status_hint, {"Cache-Control": "no-store"}
