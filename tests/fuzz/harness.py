"""Fuzzing with atheris: whatever comes in, a parser answers with a clean file or an InputError, and never with anything else.

    scripts/fuzz 600        every target for ten minutes, two at a time; or one by itself:
    python -m tests.fuzz.harness jpeg -max_total_time=600 [libFuzzer options] [CORPUS]
    python -m tests.fuzz.harness strip -max_total_time=600      the whole of strip, every format
    python -m tests.fuzz.harness credit -max_total_time=600     strip with all that can be kept
    python -m tests.fuzz.harness scrub -max_total_time=600      the whole of scrub, without faces

Without a CORPUS folder the harness starts from the small files of tests/samples.py. What it finds goes into
tests/fuzz/found/ as a file, and tests/fuzz/test_found.py runs it for ever.
"""

from __future__ import annotations

import sys
import tempfile
from pathlib import Path

import atheris

with atheris.instrument_imports(include=["rmexif"]):
    import rmexif.containers
    from rmexif import InputError, Limits, Policy, ProcessingError, Scrubber, strip, verify

from tests import samples

EVERYTHING = "all-known-but-location"
CREDIT = {
    "copyright": "© Jane Doe",
    "creator": "Jane Doe",
    "description": "A bridge",
    "date": "2021-05-17",
    "make": "A",
}
LIMITS = Limits(max_bytes=1 << 20, max_pixels=1 << 20, max_frames=64, max_parts=5000)


def parser(name: str):
    """One format: parse, rebuild, and the rewrite is a fixed point."""
    module = rmexif.containers.by_name(name)

    def run(data: bytes) -> None:
        try:
            container = module.parse(memoryview(data), LIMITS)
            position = 0
            for part in container.parts:
                assert part.offset == position, "the parts do not tile the file"
                position = part.end
            assert position == len(data), "the parts do not reach the end"
            clean = rmexif.containers.rebuild(memoryview(data), container)
            again = module.parse(memoryview(clean), LIMITS)
        except InputError:
            return
        assert rmexif.containers.rebuild(memoryview(clean), again) == clean, "the rewrite is no fixed point"

    return run


def stripped(data: bytes) -> None:
    """strip() as a user calls it."""
    try:
        clean, _ = strip(data, limits=LIMITS)
    except InputError:
        return
    assert verify(clean, canonical=True) == []


def credited(data: bytes) -> None:
    """strip() as a user calls it who keeps all that can be kept."""
    try:
        clean, _ = strip(data, limits=LIMITS, keep=EVERYTHING)
    except InputError:
        return
    assert verify(clean, keep=EVERYTHING) == []
    assert strip(clean, keep=EVERYTHING)[0] == clean, "the canonical form is no fixed point"


def scrubbed(data: bytes) -> None:
    """scrub() as a user calls it."""
    try:
        clean, _ = Scrubber(data, Policy(faces=False, limits=LIMITS)).process()
    except ProcessingError as error:
        assert "internal step" not in str(error), error
        return
    assert clean != data


def main() -> None:
    target = sys.argv.pop(1)
    run = {"strip": stripped, "scrub": scrubbed, "credit": credited}.get(target) or parser(target)
    folder = None
    if not any(Path(argument).is_dir() for argument in sys.argv[1:]):
        folder = tempfile.TemporaryDirectory()
        names = [target] if target in samples.MAKERS else list(samples.MAKERS)
        for name in names:
            for kind, data in samples.of(name).items():
                (Path(folder.name) / f"{name}-{kind}").write_bytes(data)
                if target == "credit":
                    (Path(folder.name) / f"{name}-{kind}-credit").write_bytes(strip(data, set=CREDIT)[0])
        sys.argv.append(folder.name)
    atheris.Setup(sys.argv, run)
    atheris.Fuzz()


if __name__ == "__main__":
    main()
