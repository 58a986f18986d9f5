"""Measure the activation ranges that the build quantises the face model with.

    python benchmarks/detection/calibrate.py FOLDER_OF_PICTURES

Writes src/rmexif/detectors/activation_ranges.json: the least and the greatest value of every tensor, and the greatest
of every channel of the two widest ones, over all pictures at 480 px. A few hundred numbers, no picture.
"""

from __future__ import annotations

import json
import sys
from pathlib import Path

import numpy as np
import onnxruntime

ROOT = Path(__file__).resolve().parents[2]
sys.path[:0] = [str(ROOT), str(ROOT / "src")]

import cv2  # noqa: E402
from hatch_build import HEAD_INPUT, STEM, Network, in_real_numbers, source  # noqa: E402

from rmexif.detectors.pyramid import scaled  # noqa: E402

PER_CHANNEL = (STEM, "373")  # the two widest tensors; both feed a depthwise layer
SIDE = 480  # px


def main(folder: Path) -> None:
    """Measure and write."""
    network = Network(source())
    bends = network.bends
    names = [
        bends.get(n.output[0], n.output[0]) for n in network.nodes if n.op_type in ("Conv", "ConvTranspose", "Add")
    ]
    names = [n for n in names if n in {o for node in network.nodes for o in node.output}]
    read = {i for node in network.nodes for i in node.input}
    names = [n for n in dict.fromkeys(names) if n in read and n != "536"]
    assert HEAD_INPUT in names
    options = onnxruntime.SessionOptions()
    options.log_severity_level = 4
    model = in_real_numbers(network, tuple(names)).SerializeToString()
    session = onnxruntime.InferenceSession(model, options, providers=["CPUExecutionProvider"])
    low, high, channels = dict.fromkeys(names, 0.0), dict.fromkeys(names, 0.0), {}
    for path in sorted(folder.iterdir()):
        picture = cv2.imread(str(path))
        if picture is None:
            continue
        for name, value in zip(
            names, session.run(names, {"image": scaled(picture[..., ::-1], SIDE)[0][None]}), strict=True
        ):
            low[name], high[name] = min(low[name], float(value.min())), max(high[name], float(value.max()))
            if name in PER_CHANNEL:
                channels[name] = np.maximum(channels.get(name, 0), value.max((0, 2, 3)))
    ranges = {
        "tensors": {n: [round(low[n], 4), round(high[n], 4)] for n in names},
        "channels": {n: [round(float(v), 4) for v in channels[n]] for n in PER_CHANNEL},
    }
    target = ROOT / "src/rmexif/detectors/activation_ranges.json"
    text = json.dumps(ranges, indent=1).replace(",\n   ", ", ").replace("[\n   ", "[").replace("\n  ]", "]")
    target.write_text(text + "\n")


if __name__ == "__main__":
    main(Path(sys.argv[1]))
