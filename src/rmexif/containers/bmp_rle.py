"""The run-length codes of BMP ([MS-WMF] 3.1.6): cut at the end of the picture, with nothing between the runs."""

from __future__ import annotations

from rmexif.errors import MalformedImage

__all__ = ["clean_rle"]

END_OF_LINE, END_OF_BITMAP, DELTA = 0, 1, 2


def clean_rle(data: bytes, width: int, height: int, *, nibbles: bool) -> tuple[bytes, frozenset[int], int]:
    """The same runs without padding, without what runs past a row, and with an end.

    Args:
        data: from the first code to the end of the file.
        width: px of a row.
        height: rows.
        nibbles: two pixels a byte (RLE4).

    Returns:
        The codes, the palette entries used, and the bytes read.

    Raises:
        MalformedImage: a run that leaves the picture, or no end.
    """
    out = bytearray()
    used: set[int] = set()
    x = y = at = 0
    while y < height:
        pair = data[at : at + 2]
        if len(pair) < 2:
            raise MalformedImage(f"bmp: the run-length codes end in row {y} of {height}")
        count, value = pair
        at += 2
        if count:
            count = min(count, width - x)
            if nibbles:
                value = value & 0xF0 if count < 2 else value
                used.update((value >> 4, value & 15)[: min(count, 2)])
            elif count:
                used.add(value)
            x += count
            out += bytes((count, value)) if count else b""
        elif value == END_OF_LINE:
            if x < width:
                used.add(0)
            if x < width or y + 1 < height:
                out += b"\0\0"
            x, y = 0, y + 1
        elif value == END_OF_BITMAP:
            used.add(0)  # what no run has painted shows entry 0
            return bytes(out) + b"\0\1", frozenset(used), at
        elif value == DELTA:
            step = data[at : at + 2]
            if len(step) < 2 or x + step[0] > width or y + step[1] >= height:
                raise MalformedImage(f"bmp: a jump leaves the picture in row {y}")
            x, y, at = x + step[0], y + step[1], at + 2
            used.add(0)
            out += b"\0\2" + step
        else:
            length = (value + 1) // 2 if nibbles else value
            run = bytearray(data[at : at + length])
            if x + value > width or len(run) < length:
                raise MalformedImage(f"bmp: a run of {value} px leaves row {y}")
            if nibbles:
                used.update(byte >> 4 for byte in run)
                used.update(byte & 15 for byte in run[: value // 2])
                if value & 1:
                    run[-1] &= 0xF0
            else:
                used.update(run)
            out += bytes((0, value)) + run + bytes(length & 1)
            x, at = x + value, at + length + (length & 1)
        if x == width and y == height - 1:
            y = height
    if data[at : at + 2] == b"\0\0" and x == width:
        at += 2
    if data[at : at + 2] == b"\0\1":
        at += 2
    return bytes(out) + b"\0\1", frozenset(used), at
