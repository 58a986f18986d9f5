"""Where the time of one scrub goes, on one core: each stage's median, and the whole against decode + encode; and strip.

    python -m benchmarks.stages.run [PHOTO] [--rounds N]

Without PHOTO a 12 MP JPEG is made from the photograph that the project ships. The reference is libjpeg-turbo through
OpenCV, decode and encode at the same quality, in the same run.
"""

from __future__ import annotations

import argparse
import statistics
from pathlib import Path

from benchmarks import pictures, timing

timing.one_core()

import cv2  # noqa: E402 - after the processor is chosen
import numpy as np  # noqa: E402

from rmexif import Policy, Scrubber, strip  # noqa: E402


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("photo", nargs="?", type=Path)
    parser.add_argument("--rounds", type=int, default=9)
    options = parser.parse_args()
    raw = options.photo.read_bytes() if options.photo else pictures.jpeg(pictures.large())

    def floor() -> None:
        pixels = cv2.imdecode(np.frombuffer(raw, np.uint8), cv2.IMREAD_COLOR)
        cv2.imencode(".jpg", pixels, [cv2.IMWRITE_JPEG_QUALITY, 92])

    print(f"{len(raw) / 1e6:.1f} MB, one core, medians of {options.rounds}")
    for name, policy in (("with the balanced search", Policy()), ("without faces", Policy(faces=False))):
        stages: dict[str, list[float]] = {}

        def ours(policy: Policy = policy, stages: dict[str, list[float]] = stages) -> None:
            _, stats = Scrubber(raw, policy).process()
            for stage, ms in stats["stage_ms"].items():
                stages.setdefault(stage, []).append(ms)

        whole, reference, ratio = timing.paired(ours, floor, options.rounds)
        print(f"\nscrub {name}: {whole:.0f} ms, decode + encode {reference:.0f} ms, ratio {ratio:.2f}")
        for stage, values in stages.items():
            print(f"  {stage:8} {statistics.median(values):7.1f} ms")

    def decode() -> None:
        cv2.imdecode(np.frombuffer(raw, np.uint8), cv2.IMREAD_COLOR)

    lossless, reference, ratio = timing.paired(lambda: strip(raw), decode, options.rounds)
    print(f"\nstrip: {lossless:.0f} ms, decode {reference:.0f} ms, ratio {ratio:.2f}")


main()
