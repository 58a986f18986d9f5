"""Finding what has to be redacted: one module per detector, one row per module.

A detector is a frozen dataclass: its settings are its fields, so that it pickles as settings, and one instance
serves many threads. ``detect`` gets an H x W x 3 array of 8-bit RGB, and answers boxes inside the picture.
A detector that fails raises DetectionError; it never answers "nothing found" instead.

A row of ``DETECTORS`` is all that the library, the command line, the HTTP options and the lists of the documentation
need. Fields called as fields of the policy (``recall``, ``min_confidence``) are filled from it.
"""

from __future__ import annotations

from dataclasses import fields, replace
from importlib import import_module
from typing import TYPE_CHECKING, Any, Protocol, runtime_checkable

from rmexif.errors import InvalidPolicy
from rmexif.table import Row

if TYPE_CHECKING:
    import numpy as np
    from numpy.typing import NDArray

    from rmexif.detectors.centerface import CenterFace
    from rmexif.detectors.codes import Codes
    from rmexif.detectors.documents import Documents
    from rmexif.detectors.fixed import Fixed
    from rmexif.detectors.onnx import Onnx
    from rmexif.detectors.search import Search, merge
    from rmexif.detectors.text import Text
    from rmexif.detectors.yunet import YuNet
    from rmexif.types import Detection

__all__ = [
    "DETECTORS",
    "PROVIDERS",
    "CenterFace",
    "Codes",
    "Described",
    "Detector",
    "Documents",
    "Fixed",
    "Onnx",
    "Search",
    "Searching",
    "Text",
    "YuNet",
    "build",
    "merge",
]


@runtime_checkable
class Searching(Protocol):
    """A detector that also says what it searched."""

    def search(self, rgb: NDArray[np.uint8]) -> Search:
        """What was found in an H x W x 3 picture, and at which scales."""


@runtime_checkable
class Described(Protocol):
    """A detector that says for the report what runs."""

    def describe(self) -> dict[str, Any]:
        """Label, form of the model and providers, JSON-ready."""


class Detector(Protocol):
    """What finds something to redact."""

    def detect(self, rgb: NDArray[np.uint8]) -> list[Detection]:
        """What was found in an H x W x 3 picture, as boxes in its pixels."""


DETECTORS: dict[str, Row[Detector]] = {
    "centerface": Row("rmexif.detectors.centerface:CenterFace", "faces", finds="face"),
    "codes": Row("rmexif.detectors.codes:Codes", "QR codes and barcodes", finds="code"),
    "documents": Row(
        "rmexif.detectors.documents:Documents",
        "lines with an e-mail address, phone or card number, IBAN, machine-readable zone or plate",
        finds="text",
    ),
    "onnx": Row("rmexif.detectors.onnx:Onnx", "what an own model finds: onnx:FILE[:label]"),
    "text": Row("rmexif.detectors.text:Text", "lines of text; text:NAME only those of a pattern", finds="text"),
    "yunet": Row("rmexif.detectors.yunet:YuNet", "faces, with a model file: yunet:FILE", finds="face"),
}
# What an own model can run on: names of options, and ONNX Runtime's own; an installation has some of them.
PROVIDERS = {
    "cuda": "CUDAExecutionProvider",
    "coreml": "CoreMLExecutionProvider",
    "openvino": "OpenVINOExecutionProvider",
    "directml": "DmlExecutionProvider",
    "cpu": "CPUExecutionProvider",
}
FILLED = frozenset({"recall", "min_confidence", "providers"})  # settings that the policy has for all of them

# Where the classes live. They are fetched on first use, because a list of names needs no codec and no model.
_HOMES = {
    "CenterFace": "centerface",
    "Codes": "codes",
    "Documents": "documents",
    "Fixed": "fixed",
    "Onnx": "onnx",
    "Search": "search",
    "Text": "text",
    "YuNet": "yunet",
    "merge": "search",
}


def build(item: str | Detector, policy: Any) -> Detector:
    """A detector out of a name, ``"name:argument"``, or itself.

    Args:
        item: of ``Policy.detectors``.
        policy: whose fields fill those of the detector that have the same name.

    Raises:
        InvalidPolicy: there is none of this name, or it takes no such argument.
        SetupError: what the argument names cannot be used.
    """
    if not isinstance(item, str):
        return item
    name, _, argument = item.partition(":")
    if name not in DETECTORS:
        raise InvalidPolicy(f"detectors must be one of {', '.join(DETECTORS)}, got {name!r}")
    kind: Any = DETECTORS[name].load()
    filled = {
        f.name: value for f in fields(kind) if f.name in FILLED and (value := getattr(policy, f.name)) is not None
    }
    if argument:
        if not hasattr(kind, "from_argument"):
            raise InvalidPolicy(f"detectors: {name} takes no argument, got {item!r}")
        made = replace(kind.from_argument(argument), **filled)
    else:
        try:
            made = kind(**filled)
        except TypeError as error:
            raise InvalidPolicy(f"detectors: {name} needs an argument, as in {name}:FILE") from error
    return made  # type: ignore[no-any-return]


def __getattr__(name: str) -> Any:
    if name not in _HOMES:
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    return getattr(import_module(f"{__name__}.{_HOMES[name]}"), name)
