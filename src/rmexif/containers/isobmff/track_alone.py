"""The colour track of an HEVC sequence as a file for a decoder: samples and times, and nothing that it converts by."""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING, Any

from rmexif.containers.isobmff.boxes import box
from rmexif.containers.isobmff.brands import required_brands
from rmexif.containers.isobmff.coded_data import FilteredData
from rmexif.containers.isobmff.hevc import sample_without_primaries, without_primaries
from rmexif.containers.isobmff.hevc_vui import Samples
from rmexif.containers.isobmff.movie import UNITY
from rmexif.containers.isobmff.parse import IsobmffTree
from rmexif.containers.isobmff.properties import Property, value_of
from rmexif.containers.isobmff.rewrite import rewrite
from rmexif.types import Role

if TYPE_CHECKING:
    from rmexif.containers.isobmff.movie import Movie
    from rmexif.types import Container

__all__ = ["track_alone"]


def track_alone(container: Container[IsobmffTree]) -> bytes:
    """The file: not turned, played once, its matrix and range (H.273) those of ``nclx``, or of the sequence itself.

    Args:
        container: of a file with a sequence of HEVC.
    """
    movie: Movie = container.tree.movie  # type: ignore[assignment]
    track = movie.tracks[0]
    config, described = (value_of(track.content.properties, kind) for kind in ("hvcC", "nclx"))
    samples = Samples(described[2], described[3]) if described else Samples()
    neutral = Property("hvcC", box(b"hvcC", without_primaries(config, samples)), Role.STRUCTURE, config)

    def of(sample: FilteredData) -> FilteredData:
        return FilteredData([memoryview(sample_without_primaries(sample.bytes(), config, samples))])

    content = replace(track.content, properties=(neutral,), data=tuple(map(of, track.content.data)), matrix=UNITY)
    alone = replace(track, content=content, timing=replace(track.timing, repeats=None), matrix=UNITY)
    brands = required_brands("heic", main=True, still=False, sequence=True)
    tree: Any = IsobmffTree(brands, None, replace(movie, tracks=(alone,), premultiplied=False))
    return b"".join(rewrite(memoryview(b""), replace(container, tree=tree)))
