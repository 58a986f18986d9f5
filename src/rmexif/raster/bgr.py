"""How pixels lie in memory.

The fast JPEG codec gives and takes BGR. Swapping 12 MP to RGB and back costs as much as a third of the encoding, so
such a picture travels as an RGB *view* of BGR memory: right for everyone who indexes it, and as it lies for the few
steps that touch every pixel.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from numpy.typing import NDArray

__all__ = ["to_rgb_view", "to_memory_order"]


def to_memory_order(pixels: NDArray[Any]) -> tuple[NDArray[Any], bool]:
    """The array as it lies in memory, and whether its channels are reversed there (BGR).

    Args:
        pixels: H x W x C.
    """
    if pixels.ndim == 3 and pixels.shape[2] == 3 and pixels.strides[2] < 0:
        return pixels[:, :, ::-1], True
    return pixels, False


def to_rgb_view(stored: NDArray[Any], is_reversed: bool) -> NDArray[Any]:
    """The way back: ``stored`` in RGB order, as a view."""
    return stored[:, :, ::-1] if is_reversed else stored
