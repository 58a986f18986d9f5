"""img2dataset: ``download`` with every image scrubbed before it is written, so that no original reaches a disk.

>>> download(Policy(), url_list="urls.txt", output_folder="clean", output_format="webdataset")  # doctest: +SKIP

It has no place for a function of one's own: its resizer, which every image passes on its way to the writer, is wrapped.
"""

from __future__ import annotations

import threading
from importlib import import_module
from inspect import signature
from typing import TYPE_CHECKING, Any

from rmexif.batch.rows import RowScrubber
from rmexif.errors import InvalidPolicy, MissingDependency
from rmexif.io.quiet_stderr import silence_stderr
from rmexif.workers.limits import limits_of

if TYPE_CHECKING:
    from collections.abc import Callable

    from rmexif.policy import Policy

__all__ = ["Resizer", "download"]

HASHES = {"compute_hash": None, "compute_md5": False}  # off, by the name that a release has for it
PATCH = threading.Lock()  # one download at a time: what is wrapped is a name in a module


class Resizer:
    """img2dataset's resizer, and then the scrubber; what is refused is a sample that failed to resize, with the code.

    Args:
        resizer: of img2dataset.
        scrub: for every image.
    """

    def __init__(self, resizer: Callable[..., Any], scrub: RowScrubber) -> None:
        self._resizer, self._scrub = resizer, scrub

    def __call__(self, *values: Any) -> tuple[Any, ...]:
        """The image to be written, its sizes, and what is wrong with it.

        Args:
            values: what a release gives its resizer: a stream, and boxes in later ones.
        """
        image, *sizes, problem = self._resizer(*values)
        if problem is not None:
            return None, *sizes, problem
        with silence_stderr():
            row = self._scrub(None, image)
        return row["bytes"], *sizes, None if row["bytes"] is not None else row["code"]


def download(policy: Policy | None = None, *, workers: dict[str, Any] | None = None, **options: Any) -> None:
    """``img2dataset.download`` with every image scrubbed.

    Args:
        policy: for all images.
        workers: options of ``scrub_many`` for processes: ``pool``, ``deadline``, ``memory``, ``recycle``, ``sandbox``.
        options: of ``img2dataset.download``. ``extract_exif`` and hashes are off: the first writes down what
            an image no longer says, the second a number by which an original is found. Addresses and captions stay.

    Raises:
        InvalidPolicy: an option is out of range, or asks for Exif data.
        MissingDependency: img2dataset is not installed.
    """
    try:
        main: Any = import_module("img2dataset.main")  # the package gives this name to a function of it
    except ImportError as error:
        raise MissingDependency("img2dataset is not installed: pip install img2dataset") from error
    if options.get("extract_exif"):
        raise InvalidPolicy("extract_exif must be left out: it writes down what the images no longer say")
    scrub = RowScrubber(policy, limits_of(**(workers or {})))
    known = signature(main.download).parameters
    off = {name: value for name, value in HASHES.items() if name in known}
    with PATCH:
        own = main.Resizer
        main.Resizer = lambda *values, **words: Resizer(own(*values, **words), scrub)
        try:
            main.download(**(off | options | {"extract_exif": False}))
        finally:
            main.Resizer = own
