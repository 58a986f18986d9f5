"""The clean Netpbm file: a header of its fields alone, and the samples."""

from __future__ import annotations

from typing import TYPE_CHECKING

from rmexif.containers.pnm.header import serialise

if TYPE_CHECKING:
    from rmexif.containers.pnm.parse import PnmTree
    from rmexif.types import Container

__all__ = ["rewrite"]


def rewrite(view: memoryview, container: Container[PnmTree]) -> list[bytes | memoryview]:
    """The lossless clean file."""
    del view  # the tree holds what stays
    tree = container.tree
    return [serialise(tree.header), memoryview(tree.samples)]
