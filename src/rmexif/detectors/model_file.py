"""A model file of the user's: read once per process, understood from its graph, run by ONNX Runtime."""

from __future__ import annotations

import ast
import hashlib
from dataclasses import dataclass
from functools import lru_cache
from threading import Lock
from typing import TYPE_CHECKING, Any

import numpy as np
import onnxruntime

from rmexif.detectors import PROVIDERS
from rmexif.detectors.heads import HEADS, PIXELS, Answer, Head, is_valid, recognise
from rmexif.errors import DetectionError, SetupError

if TYPE_CHECKING:
    from numpy.typing import NDArray

__all__ = ["AUTO", "GREY", "SIDE", "STRIDE", "Input", "Model", "load"]

MAX_MODEL = 1 << 30  # byte
GREY = 114  # of the border that YOLO networks know from their training
SIDE = 640  # px: longer side of a picture where the graph leaves it open
STRIDE = 32  # px: what its sides are multiples of then
AUTO = "auto"
TYPES: dict[str, Any] = {"tensor(float)": np.float32, "tensor(float16)": np.float16, "tensor(uint8)": np.uint8}
MAX_SHOWN = 60  # characters of a name of the file that an error repeats

_lock = Lock()


@dataclass(frozen=True, slots=True)
class Input:
    """What a network wants to be shown.

    Args:
        name: of the graph's input.
        height: px; None: any.
        width: px; None: any.
        channels_first: NCHW, else NHWC.
        dtype: of the samples.
    """

    name: str
    height: int | None
    width: int | None
    channels_first: bool
    dtype: Any


@dataclass(frozen=True, slots=True)
class Model:
    """A network that is ready to run.

    Args:
        session: ONNX Runtime's.
        input: what it wants.
        head: what its outputs mean.
        names: of its classes, as far as the file says them.
        digest: SHA-256 of the file, in hexadecimal digits.
    """

    session: Any
    input: Input
    head: Head
    names: tuple[str, ...]
    digest: str

    @property
    def providers(self) -> list[str]:
        """What runs it, by the names of options; the first one as far as it can, the next ones the rest."""
        known = {theirs: ours for ours, theirs in PROVIDERS.items()}
        return [known.get(name, name) for name in self.session.get_providers()]

    def infer(self, picture: NDArray[np.uint8], wanted: tuple[int, ...] = ()) -> NDArray[np.float32]:
        """What the network sees: n x 6: left, top, right, bottom (px), score (0-1), class.

        Args:
            picture: H x W x 3, RGB, of a size that ``input`` allows.
            wanted: numbers of classes; all where empty.

        Raises:
            DetectionError: the network failed, or answered no boxes and scores.
        """
        try:
            answer = _run(self.session, self.input, self.head.pixels, picture, len(self.names), wanted)
            rows = self.head.decode(answer)
        except Exception as error:  # onnxruntime's classes share no base of their own
            raise DetectionError("an own model failed on this picture") from error
        if not (answer.is_finite and is_valid(rows)):
            raise DetectionError("an own model answered what is no score from 0 to 1, or no number")
        return rows if not wanted else rows[np.isin(rows[:, 5].astype(int), wanted)]


def _read(path: str) -> bytes:
    try:
        with open(path, "rb") as file:  # noqa: PTH123 - pathlib stays above the detectors
            data = file.read(MAX_MODEL + 1)
    except (OSError, ValueError) as error:
        why = getattr(error, "strerror", None) or type(error).__name__
        raise SetupError(f"a model file cannot be read: {why}") from None
    if len(data) > MAX_MODEL:
        raise SetupError(f"a model file must have at most {MAX_MODEL} bytes")
    return data


def load(path: str, providers: tuple[str, ...] = (AUTO,)) -> Model:
    """The model of a file as it was when the process first asked: one per file and choice of providers.

    Args:
        path: of the file.
        providers: names of ``PROVIDERS``, the preferred one first; "auto" takes what the installation has.

    Raises:
        SetupError: the file cannot be read, is no model, fits no form that is understood, or a provider is not there.
    """
    with _lock:
        return _load(path, providers)


@lru_cache(maxsize=16)
def _load(path: str, providers: tuple[str, ...]) -> Model:
    data, wanted = _read(path), _available(providers)
    if AUTO not in providers or len(wanted) == 1:
        return _open(data, wanted, providers[0])
    try:
        return _open(data, wanted, AUTO)
    except SetupError:  # there is an accelerator, but not for this model; the report says what runs it
        return _open(data, wanted[-1:], AUTO)


def _open(data: bytes, providers: list[str], first: str) -> Model:
    """A model that has answered once.

    Args:
        data: the file.
        providers: ONNX Runtime's names.
        first: what was asked for before all others, by the name of the option.
    """
    session = _session(data, providers)
    if first not in (AUTO, "cpu") and PROVIDERS[first] not in session.get_providers():
        raise SetupError(f"providers: {first} could not be started here; 'auto' takes what works")
    wanted = _input(session)
    names = _names(session)
    grey = np.full((wanted.height or SIDE, wanted.width or SIDE, 3), GREY, np.uint8)
    try:
        answer = _run(session, wanted, "rgb/255", grey, len(names))
    except Exception as error:  # onnxruntime's classes share no base of their own
        size = f"{grey.shape[1]} x {grey.shape[0]} px"
        raise SetupError(f"{_described(session)}: it fails on a picture of {size}") from error
    head = recognise(answer)
    if head is None:
        shapes = ", ".join(" x ".join(map(str, shape)) or "one number" for shape in answer.shapes)
        raise SetupError(f"{_described(session)}, answering {shapes}; understood are {'; '.join(HEADS)}")
    return Model(session, wanted, head, names, hashlib.sha256(data).hexdigest())


def _available(providers: tuple[str, ...]) -> list[str]:
    """ONNX Runtime's names for what was asked for, with the processor last: it does what the others cannot.

    Raises:
        SetupError: this installation has not what was asked for.
    """
    here = onnxruntime.get_available_providers()
    if AUTO in providers:
        return [name for name in PROVIDERS.values() if name in here]
    missing = [name for name in providers if PROVIDERS.get(name) not in here]
    if missing:
        known = [name for name, theirs in PROVIDERS.items() if theirs in here]
        raise SetupError(f"providers: this onnxruntime has {', '.join(known)}, not {', '.join(missing)}")
    return list(dict.fromkeys([*(PROVIDERS[name] for name in providers), PROVIDERS["cpu"]]))


def _session(data: bytes, providers: list[str]) -> Any:
    options = onnxruntime.SessionOptions()
    options.intra_op_num_threads = 1  # as the face model's: many pictures at once is the use
    options.inter_op_num_threads = 1
    options.add_session_config_entry("session.intra_op.allow_spinning", "0")
    options.enable_cpu_mem_arena = False
    options.enable_mem_pattern = False
    options.log_severity_level = 4
    try:
        return onnxruntime.InferenceSession(data, options, providers=providers)
    except Exception as error:  # onnxruntime's classes share no base of their own
        raise SetupError(
            f"expected a self-contained ONNX model of standard operators, got {len(data)} bytes that ONNX Runtime "
            f"{onnxruntime.__version__} cannot load"
        ) from error


def _input(session: Any) -> Input:
    """The one input of a graph.

    Raises:
        SetupError: there are others, or it takes no picture.
    """
    wanted = "understood is one input of 1 x 3 x H x W or 1 x H x W x 3, float32, float16 or uint8"
    inputs = session.get_inputs()
    if len(inputs) != 1 or inputs[0].type not in TYPES or len(inputs[0].shape) != 4:
        raise SetupError(f"{_described(session)}; {wanted}")
    sizes = [size if isinstance(size, int) and size > 0 else None for size in inputs[0].shape]
    channels_first = sizes[1] == 3 or (sizes[1] is None and sizes[3] != 3)
    height, width = sizes[2:] if channels_first else sizes[1:3]
    if sizes[0] not in (1, None) or sizes[1 if channels_first else 3] not in (3, None):
        raise SetupError(f"{_described(session)}; {wanted}")
    return Input(inputs[0].name, height, width, channels_first, TYPES[inputs[0].type])


def _names(session: Any) -> tuple[str, ...]:
    """The names of classes that exporters write into the file as a Python dict ("names"); none is no fault."""
    text = session.get_modelmeta().custom_metadata_map.get("names", "")
    try:
        found = ast.literal_eval(text) if text else {}
    except (ValueError, SyntaxError, MemoryError, RecursionError):
        return ()
    if isinstance(found, dict):
        found = list(found.values())
    return tuple(str(name)[:MAX_SHOWN] for name in found) if isinstance(found, list) else ()


def _run(
    session: Any, wanted: Input, pixels: str, picture: NDArray[np.uint8], names: int, classes: tuple[int, ...] = ()
) -> Answer:
    """Show a picture to a network."""
    reverse, factor, mean = PIXELS[pixels]
    samples: NDArray[Any] = picture[:, :, ::-1] if reverse else picture
    if wanted.dtype != np.uint8:  # a graph that takes bytes brings them to its own range
        samples = (samples.astype(np.float32) - np.array(mean, np.float32)) * np.float32(factor)
    if wanted.channels_first:
        samples = samples.transpose(2, 0, 1)
    feed = np.ascontiguousarray(samples[None].astype(wanted.dtype))
    arrays = (np.asarray(output, np.float32) for output in session.run(None, {wanted.name: feed}))
    plain = tuple(array[0] if array.ndim > 2 and array.shape[0] == 1 else array for array in arrays)
    return Answer(plain, picture.shape[0], picture.shape[1], names, classes)


def _described(session: Any) -> str:
    """What a graph says it has: names, shapes and types."""

    def one(value: Any) -> str:
        shape = " x ".join(str(size)[:MAX_SHOWN] for size in value.shape)
        return f"{value.name[:MAX_SHOWN]!a} ({shape}, {value.type})"

    inputs, outputs = session.get_inputs()[:8], session.get_outputs()[:8]
    return f"the model has inputs {', '.join(map(one, inputs))} and outputs {', '.join(map(one, outputs))}"
