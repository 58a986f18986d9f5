"""Walks over coded data, compiled where a C compiler was at hand, else in Python with the same results.

The C sources are in ``c/``: no allocation, no global state, no functions of libc but memcpy and memset; the caller owns
every buffer and passes its size. They are compiled into one library beside this file and called through ctypes, which
releases the GIL.

One pattern for every format. ``c/lzw.h`` declares ``rmexif_lzw_decode``; ``prototypes.py`` lists it; ``lzw.py`` holds::

    def _decode(core: ctypes.CDLL, data: Buffer, ...) -> Decoded:
        status = core.rmexif_lzw_decode(data, len(data), out, len(out), ...)
        return Decoded(Status(status), ...)

    @twin(_decode)
    def decode(data: Buffer, ...) -> Decoded:
        '''What it does.'''
        ...  # in Python: the specification

``lzw.decode(...)`` runs the implementation in use, ``lzw.decode.python(...)`` and ``lzw.decode.native(...)`` the named
one: tests compare them (``tests/native``). Both return the same statuses and positions for every input and raise
nothing for bytes that make no sense.
"""

from rmexif.native.library import Engine, engine, use
from rmexif.native.status import Status

__all__ = ["Engine", "Status", "engine", "use"]
