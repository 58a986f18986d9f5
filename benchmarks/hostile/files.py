"""All generated files, by format."""

from __future__ import annotations

from functools import partial
from typing import TYPE_CHECKING

from benchmarks.hostile import boxed_files, deflated_files, edge_files, paged_files, raster_files

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

__all__ = ["GENERATORS", "generated"]

GENERATORS: dict[str, Callable[[], Iterator[tuple[str, bytes]]]] = {
    "png": deflated_files.png_files,
    "svg": deflated_files.svg_files,
    "jpeg": raster_files.jpeg_files,
    "gif": raster_files.gif_files,
    "webp": raster_files.webp_files,
    "bmp": raster_files.bmp_files,
    "tiff": paged_files.tiff_files,
    "pnm": paged_files.pnm_files,
    "decoded only": paged_files.decode_only_files,
    "avif": partial(boxed_files.heif_files, "avif"),
    "heic": partial(boxed_files.heif_files, "heic"),
    "jxl": boxed_files.jxl_files,
    "wide samples": edge_files.wide_files,
    "frames": edge_files.animations,
    "shared pages": edge_files.shared_pages,
}


def generated(format_name: str) -> Iterator[tuple[str, bytes]]:
    """Names and bytes of the files of one format; those that came out at 1 MB or more are left out."""
    for name, raw in GENERATORS[format_name]():
        if len(raw) < deflated_files.MAX_BYTES:
            yield name, raw
