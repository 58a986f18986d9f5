"""Parquet: a row is a record, and one column holds its image.

What is written has a schema, key-value metadata and statistics of its own: pandas' index, comments of fields and the
smallest and largest values of columns that do not leave, do not leave there either.
"""

from __future__ import annotations

import io
from typing import TYPE_CHECKING, Any, BinaryIO

from rmexif.batch.manifest import require
from rmexif.batch.shards.shard import BrokenShard, Expansion, Member, Record, is_image, reading, too_large

if TYPE_CHECKING:
    from collections.abc import Iterator

    from rmexif.batch.shards.shard import Choice

__all__ = ["TableShard"]

ROWS = 16  # of a table that are in memory at once, beside those under way
IMAGE_FIELDS = ("bytes", "path")  # of Hugging Face's Image: what is left of the column where others are dropped


class TableShard:
    """Parquet with a column of bytes, or of ``{bytes, path}`` as Hugging Face's data sets have it.

    Raises:
        BrokenShard: it is no Parquet, or no column holds images.
    """

    keeps_names = True

    def __init__(self, file: BinaryIO, size: int, choice: Choice) -> None:
        self._pa, self._parquet = require()
        self._choice, self._expansion = choice, Expansion(size, choice.limits)
        with reading("parquet", lambda: "at its footer"):
            self._table = self._parquet.ParquetFile(file)
            schema = self._table.schema_arrow
        if len(set(schema.names)) < len(schema.names):
            raise BrokenShard("two columns have one name", structure="parquet")
        self._column = choice.column or self._find(schema)
        if self._column not in schema.names or not self._holds_bytes(schema.field(self._column).type):
            raise BrokenShard(f"column {self._column!a} holds no bytes", structure="parquet")
        self.without_images = f"column {self._column!a} holds no images"
        self._schema = self._written_schema(schema)
        self._others = [
            name for name in self._schema.names if name != self._column and self._may_hold(schema.field(name).type)
        ]
        self._sink = io.BytesIO()
        self._writer = self._parquet.ParquetWriter(self._sink, self._schema)
        self._rows: list[tuple[Any, bytes]] = []
        self._written = 0

    def records(self) -> Iterator[Record]:
        """Its rows."""
        number = 0
        with reading("parquet", lambda: f"at row {number}"):
            for batch in self._table.iter_batches(ROWS, columns=self._schema.names):
                batch.validate()
                images = batch.column(self._column)
                if self._pa.types.is_struct(images.type):
                    images = images.flatten()[images.type.get_field_index("bytes")]
                for index in range(batch.num_rows):
                    self._check_others(batch, index, number)
                    yield Record((self._member(str(number), images[index]),), batch.slice(index, 1))
                    number += 1

    def add(self, record: Record, images: list[tuple[str, bytes]]) -> list[str]:
        """A row with its image replaced; its path goes, unless columns are passed."""
        self._rows += [(record.row, data) for _, data in images]
        if len(self._rows) >= ROWS:
            self._flush()
        self._written += 1
        return [str(self._written - 1)]

    def finish(self) -> bytes:
        """The table."""
        self._flush()
        self._writer.close()
        return self._sink.getvalue()

    def _member(self, name: str, value: Any) -> Member:
        if not value.is_valid:
            return Member(name, b"")
        size = value.as_buffer().size
        self._expansion.take(size, f"row {name}")
        if size > self._choice.limits.max_bytes:
            return too_large(name, size)
        return Member(name, value.as_py())

    def _check_others(self, batch: Any, index: int, number: int) -> None:
        """Refuse to pass an image in another column: it would leave as it came.

        Raises:
            BrokenShard: there is one.
        """
        for name in self._others:
            if any(map(is_image, _bytes_in(batch.column(name)[index].as_py()))):
                raise BrokenShard(f"column {name!a} holds an image, too, at row {number}", structure="parquet")

    def _holds_bytes(self, kind: Any) -> bool:
        types = self._pa.types
        if types.is_struct(kind):
            return any(field.name == "bytes" and self._holds_bytes(field.type) for field in kind)
        return bool(types.is_binary(kind) or types.is_large_binary(kind) or types.is_binary_view(kind))

    def _may_hold(self, kind: Any) -> bool:
        """Whether values of a type hold bytes, however deep."""
        types = self._pa.types
        inner = [kind.field(index).type for index in range(kind.num_fields)]
        if types.is_dictionary(kind):
            inner = [kind.value_type]
        elif isinstance(kind, self._pa.BaseExtensionType):
            inner = [kind.storage_type]
        is_bytes = "binary" in str(kind)  # of any length: binary, large_binary, binary_view, fixed_size_binary
        return any(map(self._may_hold, inner)) or (not inner and is_bytes)

    def _find(self, schema: Any) -> str:
        found = [field.name for field in schema if self._holds_bytes(field.type)]
        if len(found) != 1:
            names = ", ".join(map(ascii, found)) or "none"
            raise BrokenShard(f"one column of images expected, found {names}: name it", structure="parquet")
        return str(found[0])

    def _written_schema(self, schema: Any) -> Any:
        """The columns that are written; field comments and key-value metadata go, but for Hugging Face's features."""
        if self._choice.passes:
            about = {key: value for key, value in (schema.metadata or {}).items() if key == b"huggingface"}
            return self._pa.schema(map(self._bare, schema), metadata=about)
        kind = schema.field(self._column).type
        if self._pa.types.is_struct(kind):
            kept = (self._bare(field) for field in kind if field.name in IMAGE_FIELDS)
            kind = self._pa.struct([field.with_nullable(True) for field in kept])
        return self._pa.schema([self._pa.field(self._column, kind)])

    def _bare(self, field: Any) -> Any:
        """A field without its comments, nor those of what it is made of."""
        pa, kind = self._pa, field.type
        if pa.types.is_struct(kind):
            kind = pa.struct([self._bare(inner) for inner in kind])
        elif pa.types.is_large_list(kind):
            kind = pa.large_list(self._bare(kind.value_field))
        elif pa.types.is_list(kind):
            kind = pa.list_(self._bare(kind.value_field))
        return pa.field(field.name, kind, field.nullable)

    def _flush(self) -> None:
        if not self._rows:
            return
        pa = self._pa
        columns = []
        with reading("parquet", lambda: "as a table that can be written again"):
            rows = pa.Table.from_batches([row for row, _ in self._rows]).combine_chunks()
            for field in self._schema:
                old = rows.column(field.name)
                columns.append(self._images(field.type, old) if field.name == self._column else self._only_used(old))
            self._writer.write_table(pa.Table.from_arrays(columns, schema=self._schema), row_group_size=ROWS)
        self._rows = []

    def _images(self, kind: Any, old: Any) -> Any:
        """The column of images of the rows that wait."""
        pa = self._pa
        new = [data for _, data in self._rows]
        if not pa.types.is_struct(kind):
            return pa.array(new, kind)
        parts = dict(zip((field.name for field in old.type), old.combine_chunks().flatten(), strict=True))
        columns = [
            pa.array(new, field.type)
            if field.name == "bytes"
            else parts[field.name]
            if self._choice.passes
            else pa.nulls(len(new), field.type)
            for field in kind
        ]
        return pa.StructArray.from_arrays(columns, fields=list(kind))

    def _only_used(self, old: Any) -> Any:
        """A column that is passed; a dictionary without the values of rows that were left out."""
        return self._pa.array(old.to_pylist(), old.type) if self._pa.types.is_dictionary(old.type) else old


def _bytes_in(value: Any) -> Iterator[bytes]:
    """All bytes in a value, however deep."""
    if isinstance(value, bytes):
        yield value
    elif isinstance(value, dict):
        for inner in value.values():
            yield from _bytes_in(inner)
    elif isinstance(value, (list, tuple)):
        for inner in value:
            yield from _bytes_in(inner)
