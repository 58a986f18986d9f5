"""The command line: ``rmexif input.jpg -o output.png``.

Silent on success unless asked; one line on standard error and an exit code from sysexits.h otherwise:
64 usage, 65 the image, 66 no such input, 70 ours, 73 the output, 78 the setup; ``verify`` answers 1 for "not clean".
"""

from __future__ import annotations

import gc
import os
import sys

__all__ = ["main", "run"]

# Allocations between two collections of cyclic garbage. At Python's 700, the imports of one command cost 20 searches
# of objects that all stay: a tenth of its time (benchmarks/startup).
GARBAGE_THRESHOLD = 50_000


def run() -> None:
    """``main`` as a program of its own: where nothing is left to wait for, the process ends without taking the
    interpreter apart, which is a twentieth of the time of one command (benchmarks/startup).
    """
    try:
        main()
    except SystemExit as ended:
        has_helpers = "multiprocessing" in sys.modules or "concurrent.futures" in sys.modules
        if has_helpers or not isinstance(ended.code, int):
            raise
        sys.stdout.flush()
        sys.stderr.flush()
        os._exit(ended.code)


def main() -> None:
    """Run the command line and exit; what codecs print by themselves goes nowhere, because it may quote the file."""
    gc.set_threshold(GARBAGE_THRESHOLD)
    from rmexif.cli.commands import cli
    from rmexif.io.quiet_stderr import silence_stderr

    try:
        with silence_stderr():
            cli()
    finally:
        gc.freeze()  # the interpreter's last collection need not look at what ends with the process
