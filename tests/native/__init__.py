"""The compiled core against its Python twins, and both against other decoders."""

import os

import pytest

from rmexif.native import library

ROUNDS = int(os.environ.get("RMEXIF_FUZZ_ROUNDS", "1"))  # how often the examples of a comparison of twins are drawn
needs_core = pytest.mark.skipif(library.loaded is None, reason="the native core is not compiled: run scripts/native")
