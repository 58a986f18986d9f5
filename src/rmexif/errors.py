"""The error tree: whatever goes wrong with an image or a setup is one of these.

::

    RmexifError
    |- ProcessingError            this image could not be made safe; no bytes leave
    |  |- InputError (ValueError)     the bytes are at fault
    |  |  |- UnknownFormat                no signature matched
    |  |  |- MalformedImage               a structure is broken: says which and where
    |  |  |- UnsupportedFeature           understood, but refused: says what and why
    |  |  `- LimitExceeded                names the limit and the number
    |  |- DetectionError              a detector failed; never "no faces"
    |  |- EncodeError                 the encoder failed
    |  |- DeadlineExceeded            the time allowed was used up
    |  |- VerificationError           the output still carried something: it is discarded
    |  `- WorkerLost                  the process that worked on it died
    `- SetupError                 the caller's setup is at fault
       |- InvalidPolicy (ValueError)
       `- MissingDependency (ImportError)

Messages name structures, offsets, sizes and limits; never metadata values, file names or pixels.
Every class carries ``code`` (stable, for scripts), ``status_hint`` (HTTP) and ``exit_code`` (sysexits.h).
"""

from __future__ import annotations

from contextlib import contextmanager
from typing import TYPE_CHECKING, Any, ClassVar, TypeVar

if TYPE_CHECKING:
    from collections.abc import Iterator
    from typing import Self

# What messages about missing rows end with.
REPAIR = 'repair="complete" (--repair complete) keeps those that are there and fills the rest with grey'

ErrorT = TypeVar("ErrorT", bound="RmexifError")

__all__ = [
    "DeadlineExceeded",
    "DetectionError",
    "EncodeError",
    "InputError",
    "InvalidPolicy",
    "LimitExceeded",
    "MalformedImage",
    "MissingDependency",
    "ProcessingError",
    "RmexifError",
    "SetupError",
    "UnknownFormat",
    "UnsupportedFeature",
    "VerificationError",
    "WorkerLost",
    "error_boundary",
    "missing_package",
]


class RmexifError(Exception):
    """Base of everything that rmexif raises on purpose."""

    code: ClassVar[str] = "error"
    status_hint: ClassVar[int] = 500
    exit_code: ClassVar[int] = 70

    def detached(self) -> Self:
        """The error without its traceback and history: kept as a value, it would hold the file and the pixels."""
        return _rebuilt(type(self), self.args, self.facts())

    def __reduce__(self) -> tuple[Any, ...]:
        """Pickle without calling the constructor, which a subclass may have changed."""
        return _rebuilt, (type(self), self.args, self.facts())

    def facts(self) -> dict[str, Any]:
        """What the error says in fields; notes that somebody added may quote the file."""
        return {name: value for name, value in vars(self).items() if name != "__notes__"}

    @classmethod
    def from_facts(cls, message: str, facts: dict[str, Any]) -> Self:
        """The error with this message and these fields, without calling the constructor."""
        return _rebuilt(cls, (message,), facts)

    def as_dict(self) -> dict[str, Any]:
        """Plain JSON-ready form: the stable code and the message."""
        return {"code": self.code, "message": str(self)}


class ProcessingError(RmexifError):
    """This image could not be made safe; no bytes leave."""

    code = "processing_error"


class InputError(ProcessingError, ValueError):
    """The bytes are at fault.

    Args:
        problem: what is wrong, and what was expected.
        structure: where, in the format's own words: ``"jpeg DHT"``, ``"png chunk iCCP"``.
        offset: byte of the file (or of the structure's own data, where ``structure`` says so) that it starts at.
    """

    code = "input_error"
    status_hint = 422
    exit_code = 65

    def __init__(self, problem: str = "", *, structure: str | None = None, offset: int | None = None) -> None:
        self.problem, self.structure, self.offset = problem, structure, offset
        place = "" if structure is None else f"{structure}: " if offset is None else f"{structure} at byte {offset}: "
        super().__init__(place + problem)

    def as_dict(self) -> dict[str, Any]:
        """Plain JSON-ready form, with the place where there is one."""
        place = {"structure": self.structure, "offset": self.offset}
        return {**super().as_dict(), **{name: value for name, value in place.items() if value is not None}}


class UnknownFormat(InputError):
    """No signature of a known image format matched."""

    code = "unknown_format"
    status_hint = 415


class MalformedImage(InputError):
    """A structure of the file is broken; the message names it and its offset."""

    code = "malformed_image"


class UnsupportedFeature(InputError):
    """The file is understood, but holds something that is refused; the message says what and why."""

    code = "unsupported_feature"
    status_hint = 415


class LimitExceeded(InputError):
    """A limit of the policy would be exceeded; the message names the limit and the number."""

    code = "limit_exceeded"
    status_hint = 413


class DetectionError(ProcessingError):
    """A detector failed while it searched; this never means "no faces"."""

    code = "detection_error"


class EncodeError(ProcessingError):
    """The encoder of the output format failed."""

    code = "encode_error"


class DeadlineExceeded(ProcessingError):
    """The image took longer than the time that it was given."""

    code = "deadline_exceeded"
    status_hint = 503


class VerificationError(ProcessingError):
    """The output still carried something outside the allow-list, so it was discarded."""

    code = "verification_error"


class WorkerLost(ProcessingError):
    """The worker process died over this image; no other image is affected."""

    code = "worker_lost"
    status_hint = 503


class SetupError(RmexifError):
    """The caller's setup is at fault, not the image."""

    code = "setup_error"
    exit_code = 78


class InvalidPolicy(SetupError, ValueError):
    """A policy field has a value that is not allowed."""

    code = "invalid_policy"
    status_hint = 400


class MissingDependency(SetupError, ImportError):
    """An optional part is not installed; the message names the extra to install."""

    code = "missing_dependency"


# What a package is imported as, where that is not what it is installed as.
_PACKAGES = {
    "PIL": "pillow",
    "cv2": "opencv-python-headless",
    "pillow_heif": "pillow-heif",
    "pillow_jxl": "pillow-jxl-plugin",
}


def missing_package(error: ModuleNotFoundError) -> MissingDependency:
    """What to say where a package of the complete installation is missing, and what brings it."""
    module = (error.name or "").partition(".")[0]
    package = _PACKAGES.get(module, module)
    return MissingDependency(f"this step needs {package}, which is not installed: pip install rmexif")


def _rebuilt(cls: type[ErrorT], args: tuple[Any, ...], facts: dict[str, Any]) -> ErrorT:
    """The same error anew: the one way for errors to become values, and to cross a process border."""
    error = cls.__new__(cls, *args)
    error.args = args
    vars(error).update(facts)
    return error


@contextmanager
def error_boundary() -> Iterator[None]:
    """Let nothing but the tree above escape: the last door of every public function.

    Parsers and codecs translate what they know at their own doors. What still comes here is a defect or a lack of
    memory; it fails closed, and names its kind only, because a foreign message may quote the file. For the same
    reason no error keeps the history that a log would print below it.

    Raises:
        LimitExceeded: no memory was left, or structures were nested too deep.
        MissingDependency: a package that this step needs is not installed.
        ProcessingError: anything else that went wrong inside.
    """
    try:
        yield
    except RmexifError as error:
        raise error from None
    except (MemoryError, RecursionError) as error:
        raise LimitExceeded(f"the image needs more memory or depth than there is ({type(error).__name__})") from None
    except ModuleNotFoundError as error:
        raise missing_package(error) from None
    except Exception as error:
        raise ProcessingError(f"an internal step failed with {type(error).__name__}") from None
