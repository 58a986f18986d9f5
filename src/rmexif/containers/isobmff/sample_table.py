"""The sample table of a track (ISO 14496-12, 8.5 to 8.7): how large, where and when each sample is."""

from __future__ import annotations

from typing import TYPE_CHECKING

from rmexif.containers.isobmff.boxes import flags_of, malformed, unsupported

if TYPE_CHECKING:
    from rmexif.containers.common.boxes import BoxAt
    from rmexif.containers.common.gathered import Ranges
    from rmexif.containers.isobmff.boxes import Tally

__all__ = ["read_places", "read_runs", "read_sizes", "read_syncs"]


def read_sizes(view: memoryview, stsz: BoxAt, tally: Tally) -> list[int]:
    """Bytes of each sample.

    Raises:
        MalformedImage: there is none.
        LimitExceeded: more than ``max_frames``.
    """
    cursor = stsz.cursor(view)
    cursor.skip(4)
    size, count = cursor.u32(), cursor.u32()
    tally.limits.check("max_frames", count)
    if not count:
        raise malformed(stsz, "a sequence without samples, one or more are required")
    return [size] * count if size else [cursor.u32() for _ in range(count)]


def read_runs(view: memoryview, at: BoxAt, count: int, tally: Tally) -> list[int]:
    """The numbers of ``stts`` or ``ctts``, one for each of ``count`` samples; version 1 of ``ctts`` is signed.

    Raises:
        MalformedImage: there are fewer.
    """
    cursor = at.cursor(view)
    version, _ = flags_of(cursor)
    out: list[int] = []
    for _ in range(cursor.u32()):
        tally.add()
        repeat = cursor.u32()
        value = int.from_bytes(cursor.bytes(4), "big", signed=version == 1)
        out += [value] * min(repeat, count - len(out))
    if len(out) != count:
        raise malformed(at, f"times for {len(out)} samples, there are {count}")
    return out


def read_syncs(view: memoryview, stss: BoxAt, count: int, tally: Tally) -> list[int]:
    """Numbers of the samples at which decoding can start, 1 to ``count``, in order."""
    cursor = stss.cursor(view)
    cursor.skip(4)
    listed = cursor.u32()
    tally.add(listed)
    return sorted({number for number in (cursor.u32() for _ in range(listed)) if 1 <= number <= count})


def read_places(view: memoryview, stsc: BoxAt, offsets: BoxAt, sizes: list[int], tally: Tally) -> Ranges:
    """Where each sample lies: runs of chunks in ``stsc``, their offsets in ``stco`` or ``co64`` (8.7).

    Args:
        view: the file.
        stsc: the sample-to-chunk box.
        offsets: the ``co64`` or ``stco`` box.
        sizes: bytes of each sample.
        tally: counts the chunks and their runs.

    Raises:
        MalformedImage: samples have no place, or one outside the file.
        UnsupportedFeature: chunks of several sample entries.
    """
    chunks = offsets.cursor(view)
    chunks.skip(4)
    per_chunk = _ChunkRuns(view, stsc, tally)
    out: list[tuple[int, int]] = []
    room = 2 * len(view)
    for chunk in range(1, chunks.u32() + 1):
        tally.add()
        count = per_chunk.samples(chunk)
        at = chunks.u64() if offsets.type == b"co64" else chunks.u32()
        for size in sizes[len(out) : len(out) + count]:
            out.append((at, at + size))
            at += size
            room -= size
        if at > len(view) or room < 0:
            raise malformed(offsets, f"samples of chunk {chunk} end at byte {at} of a file of {len(view)} bytes")
    if len(out) != len(sizes):
        raise malformed(stsc, f"chunks with {len(out)} samples, there are {len(sizes)}")
    return tuple(out)


class _ChunkRuns:
    """Samples per chunk: each run of ``stsc`` holds up to the first chunk of the next one (8.7.4)."""

    def __init__(self, view: memoryview, stsc: BoxAt, tally: Tally) -> None:
        self.stsc = stsc
        self.tally = tally
        self.cursor = stsc.cursor(view)
        self.cursor.skip(4)
        self.remaining = self.cursor.u32()
        self.next_first = 1  # chunk at which the next run begins; the first one begins at chunk 1 whatever it says
        self.cursor.skip(4 if self.remaining else 0)
        self.per_chunk = 0

    def samples(self, chunk: int) -> int:
        """How many ``chunk`` has; asked in order."""
        while self.remaining and self.next_first <= chunk:
            self.tally.add()
            self.per_chunk, entry = self.cursor.u32(), self.cursor.u32()
            if entry != 1:
                raise unsupported(self.stsc, f"chunks of sample entry {entry}, a sequence with one entry is required")
            self.remaining -= 1
            self.next_first = self.cursor.u32() if self.remaining else 0
        return self.per_chunk
