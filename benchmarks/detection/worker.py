"""One tool in a process of its own: pictures in by name of a file, regions and the covered picture out.

Run by ``run.py``, in this interpreter or in one that has deface; so it imports nothing but what the tool needs. Each line
of standard input is a JSON list of two names, of a picture (.npy, H x W x 3, RGB) and of where the covered one goes; each
answer is a line of JSON. The last one, after the end of the input, has the peak memory of the process.
"""

from __future__ import annotations

import json
import os
import resource
import sys
import time
from pathlib import Path

import numpy as np

MASK = 1.3  # deface's own default of --mask-scale


def deface(backend):
    """As its command line does it, with its defaults: threshold 0.2, blur in an ellipse."""
    from deface.centerface import CenterFace
    from deface.deface import anonymize_frame

    find = CenterFace(backend=backend)

    def cover(picture):
        done = picture.copy()
        start = time.perf_counter()
        found, _ = find(done, threshold=0.2)
        anonymize_frame(found, done, MASK, "blur", True, False, None, 20)
        spent = time.perf_counter() - start
        rows = []
        for left, top, right, bottom, _score in found:
            grow = (right - left) * (MASK - 1), (bottom - top) * (MASK - 1)
            box = left - grow[0], top - grow[1], right - left + 2 * grow[0], bottom - top + 2 * grow[1]
            rows.append([*map(float, box), "ellipse"])
        return rows, done, spent

    return cover


def ours(recall, model):
    """rmexif; with a model, YuNet in its place."""
    import cv2

    from rmexif import Policy, Scrubber
    from rmexif.detectors import YuNet

    with_faces = {"recall": recall, "seed": 1, "stealth": False, "output": "png"}
    if model:
        with_faces["detectors"] = (YuNet(Path(model).read_bytes()),)
    policy, plain = Policy(**with_faces), Policy(**with_faces | {"faces": False})

    def cover(picture):
        raw = cv2.imencode(".png", picture[:, :, ::-1], [cv2.IMWRITE_PNG_COMPRESSION, 1])[1].tobytes()
        data, stats = Scrubber(raw, policy).process()
        spent = sum(stats["stage_ms"].get(stage, 0.0) for stage in ("detect", "redact")) / 1e3
        done = cv2.imdecode(np.frombuffer(data, np.uint8), cv2.IMREAD_COLOR)[:, :, ::-1]
        boxes = [face["region"] for face in stats["faces"]]
        # The lowest bits of a lossless output change everywhere: what a run without faces changes is not counted.
        base = cv2.imdecode(np.frombuffer(Scrubber(raw, plain).process()[0], np.uint8), cv2.IMREAD_COLOR)[:, :, ::-1]
        same = np.abs(base.astype(np.int16) - done).max(axis=2, keepdims=True) < 1
        return [[b[0], b[1], b[2] - b[0], b[3] - b[1]] for b in boxes], np.where(same, picture, done), spent

    return cover


def main():
    """Answer until the input ends, on one processor."""
    if hasattr(os, "sched_setaffinity"):
        os.sched_setaffinity(0, {min(os.sched_getaffinity(0))})
    answers, sys.stdout = sys.stdout, sys.stderr  # deface prints what it runs on
    name, model = sys.argv[1], sys.argv[2] if len(sys.argv) > 2 else None
    cover = deface(name.removeprefix("deface-")) if name.startswith("deface-") else ours(name, model)
    cover(np.zeros((64, 64, 3), np.uint8))
    for line in sys.stdin:
        source, target = json.loads(line)
        try:
            regions, done, spent = cover(np.load(source))
        except Exception as error:  # the tool failed on this picture: counted, not hidden
            print(json.dumps({"failed": type(error).__name__}), file=answers, flush=True)
            continue
        np.save(target, done)
        print(json.dumps({"regions": regions, "seconds": spent}), file=answers, flush=True)
    print(json.dumps({"peak_mb": resource.getrusage(resource.RUSAGE_SELF).ru_maxrss >> 10}), file=answers, flush=True)


if __name__ == "__main__":
    main()
