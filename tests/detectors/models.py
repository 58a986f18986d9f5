"""Small networks in every form that an own model may have; each finds squares of pure red (class 0) and green (1).

They are built by ``onnx``'s own helpers out of standard operators, and see through the colours that their form was
trained on: shown to them in another order or range, the squares are not there.
"""

from __future__ import annotations

import numpy as np
import onnx
from onnx import TensorProto, helper, numpy_helper

STRIDES = (8, 16, 32)
FLOAT, HALF, BYTE = TensorProto.FLOAT, TensorProto.FLOAT16, TensorProto.UINT8
MEAN = (104.0, 117.0, 123.0)


class Graph:
    """Nodes and constants as they come."""

    def __init__(self) -> None:
        self.nodes, self.constants = [], []

    def add(self, kind: str, *inputs: str | np.ndarray, outputs: int = 1, **attributes: object) -> str:
        names = [self.constant(item) if isinstance(item, np.ndarray) else item for item in inputs]
        out = [f"{kind}{len(self.nodes)}_{number}" for number in range(outputs)]
        self.nodes.append(helper.make_node(kind, names, out, **attributes))
        return out[0]

    def constant(self, value: np.ndarray) -> str:
        name = f"constant{len(self.constants)}"
        self.constants.append(numpy_helper.from_array(value, name))
        return name

    def model(self, shape: list[object], dtype: int, outputs: list[tuple[str, int, int]], names: str = "") -> bytes:
        graph = helper.make_graph(
            self.nodes,
            "squares",
            [helper.make_tensor_value_info("pictures", dtype, shape)],
            [
                helper.make_tensor_value_info(name, kind, [f"{name}_{n}" for n in range(rank)])
                for name, kind, rank in outputs
            ],
            self.constants,
        )
        made = helper.make_model(graph, opset_imports=[helper.make_opsetid("", 17)], ir_version=9)
        if names:
            helper.set_model_props(made, {"names": names})
        onnx.checker.check_model(made)
        return made.SerializeToString()


def squares(graph: Graph, *, pixels: str, last: bool = False, dtype: int = FLOAT) -> str:
    """1 x 2 x H x W: how red and how green a pixel is, 0-1, out of what a network of this form is shown."""
    source = "pictures"
    if dtype != FLOAT:
        source = graph.add("Cast", source, to=FLOAT)
    if last:
        source = graph.add("Transpose", source, perm=[0, 3, 1, 2])
    factor = 1.0 if pixels == "rgb/255" and dtype != BYTE else 1 / 255
    weights = np.array([[6.4, -4.8, -4.8], [-4.8, 6.4, -4.8]], np.float32) * factor  # steep: a mean left in is seen
    mean = np.array(MEAN if pixels == "bgr-mean" and dtype != BYTE else (0, 0, 0), np.float32)
    if pixels.startswith("bgr"):
        weights = weights[:, ::-1].copy()
    plain = graph.add("Conv", source, weights.reshape(2, 3, 1, 1), weights @ mean - np.float32(5.4))
    level = graph.add(
        "Min", plain, graph.add("Sub", np.array(2, np.float32), plain)
    )  # too much is as wrong as too little
    return graph.add("Clip", level, np.array(0, np.float32), np.array(1, np.float32))


def cells(graph: Graph, colour: str, repeat: int = 1) -> str:
    """1 x 2 x N: the mean of every cell of every stride."""
    levels = []
    for step in STRIDES:
        pooled = graph.add("AveragePool", colour, kernel_shape=[step, step], strides=[step, step])
        flat = graph.add("Reshape", pooled, np.array([1, 2, -1, 1], np.int64))
        if repeat > 1:
            flat = graph.add("Concat", *[flat] * repeat, axis=3)
        levels.append(graph.add("Reshape", flat, np.array([1, 2, -1], np.int64)))
    return graph.add("Concat", *levels, axis=2)


def grid(side: int, repeat: int = 1) -> np.ndarray:
    """N x 4 in px: centre of every cell, and twice its side as width and height."""
    rows = []
    for step in STRIDES:
        for row in range(side // step):
            for column in range(side // step):
                rows += [[(column + 0.5) * step, (row + 0.5) * step, 2 * step, 2 * step]] * repeat
    return np.array(rows, np.float32)


def raw_yolo(
    side: int = 256, *, last: bool = False, dtype: int = FLOAT, transposed: bool = False, names: str = ""
) -> bytes:
    """YOLOv8: 1 x 4+C x N, or its transpose."""
    graph = Graph()
    scores = cells(graph, squares(graph, pixels="rgb/255", last=last, dtype=dtype))
    out = graph.add("Concat", graph.constant(grid(side).T[None].copy()), scores, axis=1)
    if transposed:
        out = graph.add("Transpose", out, perm=[0, 2, 1])
    if dtype == HALF:
        out = graph.add("Cast", out, to=HALF)
    shape = [1, side, side, 3] if last else [1, 3, side, side]
    return graph.model(shape, dtype, [(out, HALF if dtype == HALF else FLOAT, 3)], names)


def yolov5(side: int = 256) -> bytes:
    """1 x 3 N x 5+C, with objectness; each cell three times."""
    graph = Graph()
    scores = graph.add("Transpose", cells(graph, squares(graph, pixels="rgb/255"), 3), perm=[0, 2, 1])
    boxes = grid(side, 3)
    ones = np.ones((1, len(boxes), 1), np.float32)
    out = graph.add("Concat", graph.constant(boxes[None]), graph.constant(ones), scores, axis=2)
    return graph.model([1, 3, side, side], FLOAT, [(out, FLOAT, 3)])


def yolox(side: int = 256, *, decoded: bool = False) -> bytes:
    """1 x N x 5+C, in cells or in px."""
    graph = Graph()
    scores = graph.add("Transpose", cells(graph, squares(graph, pixels="bgr")), perm=[0, 2, 1])
    boxes = grid(side)
    if not decoded:
        boxes = np.tile(np.array([0.5, 0.5, np.log(2), np.log(2)], np.float32), (len(boxes), 1))
    ones = np.ones((1, len(boxes), 1), np.float32)
    out = graph.add("Concat", graph.constant(boxes[None]), graph.constant(ones), scores, axis=2)
    return graph.model([1, 3, side, side], FLOAT, [(out, FLOAT, 3)])


def retinaface(side: int = 256, *, logits: bool = False) -> bytes:
    """Offsets of 0, two scores, landmarks; two priors a cell."""
    graph = Graph()
    both = cells(graph, squares(graph, pixels="bgr-mean"), 2)
    red = graph.add("Slice", both, np.array([0]), np.array([1]), np.array([1]))
    if logits:
        red = graph.add("Mul", graph.add("Sub", red, np.array(0.5, np.float32)), np.array(20, np.float32))
        other = graph.add("Mul", red, np.array(0, np.float32))
    else:
        other = graph.add("Sub", np.array(1, np.float32), red)
    scores = graph.add("Transpose", graph.add("Concat", other, red, axis=1), perm=[0, 2, 1])
    count = len(grid(side, 2))
    boxes = graph.add("Identity", np.zeros((1, count, 4), np.float32))
    marks = graph.add("Identity", np.zeros((1, count, 10), np.float32))
    return graph.model([1, 3, side, side], FLOAT, [(name, FLOAT, 3) for name in (boxes, scores, marks)])


def heat_map(*, logits: bool = False, fault: str = "", shape: tuple[object, ...] = (1, 3, "height", "width")) -> bytes:
    """CenterFace's four maps, of any size; a square is called 32 px. A fault shows where anything is green."""
    graph = Graph()
    both = squares(graph, pixels="rgb")
    red = graph.add("Slice", both, np.array([0]), np.array([1]), np.array([1]))
    green = graph.add("Slice", both, np.array([1]), np.array([2]), np.array([1]))
    heat = graph.add("AveragePool", red, kernel_shape=[4, 4], strides=[4, 4])
    none = graph.add("Mul", heat, np.array(0, np.float32))
    size = graph.add("Add", none, np.array(np.log(32 / 4), np.float32))
    if logits:
        heat = graph.add("Mul", graph.add("Sub", heat, np.array(0.5, np.float32)), np.array(20, np.float32))
    most = graph.add("ReduceMax", green, keepdims=0)
    if fault == "nan":
        seen = graph.add("Cast", graph.add("Less", most, np.array(0.5, np.float32)), to=FLOAT)
        heat = graph.add("Mul", heat, graph.add("Div", seen, seen))
    elif fault == "error":
        seen = graph.add("Cast", graph.add("Greater", most, np.array(0.5, np.float32)), to=TensorProto.INT64)
        place = graph.add("Mul", seen, np.array(7, np.int64))
        heat = graph.add("Mul", heat, graph.add("Gather", np.ones(1, np.float32), place))
    sizes, places = (graph.add("Concat", name, name, axis=1) for name in (size, none))
    marks = graph.add("Concat", *[none] * 10, axis=1)
    return graph.model(list(shape), FLOAT, [(name, FLOAT, 4) for name in (heat, sizes, places, marks)])


def end_to_end(columns: int = 7, *, shape: tuple[object, ...] = (1, 3, "height", "width"), names: str = "") -> bytes:
    """N x 7 (picture, box, class, score) or 1 x N x 6 (box, score, class): cells of 8 px that are red or green."""
    graph = Graph()
    both = squares(graph, pixels="rgb/255")
    pooled = graph.add("AveragePool", both, kernel_shape=[8, 8], strides=[8, 8])
    places = graph.add("NonZero", graph.add("Greater", pooled, np.array(0.6, np.float32)))  # 4 x N
    scores = graph.add("GatherND", pooled, graph.add("Transpose", places, perm=[1, 0]))
    score = graph.add("Unsqueeze", scores, np.array([1]))
    table = graph.add(
        "Cast", graph.add("Transpose", places, perm=[1, 0]), to=FLOAT
    )  # N x 4: picture, class, row, column
    picture, number, row, column = (
        graph.add("Slice", table, np.array([at]), np.array([at + 1]), np.array([1])) for at in range(4)
    )
    corner = graph.add("Mul", graph.add("Concat", column, row, axis=1), np.array(8, np.float32))
    end = graph.add("Add", corner, np.array(8, np.float32))
    order = (picture, corner, end, number, score) if columns == 7 else (corner, end, score, number)
    out = graph.add("Concat", *order, axis=1)
    if columns == 6:
        out = graph.add("Unsqueeze", out, np.array([0]))
    return graph.model(list(shape), FLOAT, [(out, FLOAT, 3 if columns == 6 else 2)], names)


def classifier(classes: int = 2) -> bytes:
    """No detector: 1 x C, scores that add up to 1."""
    graph = Graph()
    flat = graph.add("Flatten", graph.add("GlobalAveragePool", squares(graph, pixels="rgb/255")))
    out = graph.add("Softmax", graph.add("MatMul", flat, np.ones((2, classes), np.float32)))
    return graph.model([1, 3, 64, 64], FLOAT, [(out, FLOAT, 2)])


def reader() -> bytes:
    """No detector: 1 x 40 x 6625, as what reads a line of text answers."""
    graph = Graph()
    mean = graph.add("ReduceMean", squares(graph, pixels="rgb/255"), keepdims=0)
    out = graph.add("Mul", graph.add("Identity", np.full((1, 40, 6625), 0.5, np.float32)), mean)
    return graph.model([1, 3, 48, 320], FLOAT, [(out, FLOAT, 3)])
