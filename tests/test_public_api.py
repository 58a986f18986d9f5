"""The names that users import."""

from __future__ import annotations

import subprocess
import sys

import rmexif
from rmexif import errors


def test_all_is_sorted_and_complete() -> None:
    """Every error class is public, every public name exists, and the list is sorted within its kinds."""
    names = rmexif.__all__

    assert names == sorted(names)
    assert {name for name in names if not hasattr(rmexif, name)} == set()
    assert {name for name in errors.__all__ if name[0].isupper()} <= set(names)


def test_every_error_has_a_code_of_its_own() -> None:
    """Codes are for scripts: one per class."""
    classes = [getattr(errors, name) for name in errors.__all__ if name[0].isupper()]

    assert len({cls.code for cls in classes}) == len(classes)
    assert all(issubclass(cls, errors.RmexifError) for cls in classes)


def test_importing_is_light() -> None:
    """``import rmexif`` and an error need neither a codec nor the model."""
    code = "import sys, rmexif; rmexif.ProcessingError; print([m for m in ('cv2', 'PIL', 'onnxruntime') if m in sys.modules])"

    answer = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)

    assert answer.stdout.strip() == "[]"
