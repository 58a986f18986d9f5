"""The compiled core against its Python twins, and both against other decoders."""

import pytest

from rmexif.native import library

needs_core = pytest.mark.skipif(library.loaded is None, reason="the native core is not compiled: run scripts/native")
