"""JPEGTables (TIFF Technical Note 2): the tables that all strips or tiles have in common, and streams without them."""

from __future__ import annotations

from typing import TYPE_CHECKING

from rmexif.containers.jpeg import segments
from rmexif.containers.jpeg.segments import Marker

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

__all__ = ["share_tables"]

TABLES = frozenset({Marker.DQT, Marker.DHT})
LEAST = 2  # streams: one alone keeps its tables
Slot = tuple[int, int]  # marker, destination


def share_tables(streams: Sequence[bytes]) -> tuple[bytes, list[bytes]]:
    """A stream of tables alone, and the streams without them.

    A table is shared where no stream has another one for the same destination: decoders keep what a strip defines for
    the next one.

    Args:
        streams: clean ones, with one table a segment.

    Returns:
        The tables (empty: there are none to share), and one stream for each.
    """
    found = [list(_tables(stream)) for stream in streams]
    tables: dict[Slot, set[bytes]] = {}
    for stream, rows in zip(streams, found, strict=True):
        for slot, start, end in rows:
            tables.setdefault(slot, set()).add(stream[start:end])
    shared = {slot: same.pop() for slot, same in sorted(tables.items(), key=_order) if len(same) == 1}
    if len(streams) < LEAST or not shared:
        return b"", list(streams)
    short = [
        _without(stream, [(start, end) for slot, start, end in rows if slot in shared])
        for stream, rows in zip(streams, found, strict=True)
    ]
    return b"\xff\xd8" + b"".join(shared.values()) + b"\xff\xd9", short


def _order(item: tuple[Slot, set[bytes]]) -> tuple[bool, int]:
    """Quantisation tables first, as libtiff writes them."""
    (marker, destination), _ = item
    return marker != Marker.DQT, destination


def _tables(stream: bytes) -> Iterator[tuple[Slot, int, int]]:
    """The tables of a stream: destination, first byte of the segment, first byte after."""
    for item in segments.walk(stream):
        if isinstance(item, segments.Segment) and item.marker in TABLES:
            destination = stream[item.body] & (0x0F if item.marker == Marker.DQT else 0xFF)  # Pq is no destination
            yield (item.marker, destination), item.start, item.end


def _without(stream: bytes, cut: Sequence[tuple[int, int]]) -> bytes:
    """A stream without some stretches, in ascending order."""
    edges = [0, *(edge for stretch in cut for edge in stretch), len(stream)]
    return b"".join(stream[start:end] for start, end in zip(edges[::2], edges[1::2], strict=True))
