"""Three by three matrices: all the linear algebra that colour needs, without a library for it."""

from __future__ import annotations

from operator import mul
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Sequence

__all__ = ["Matrix", "Vector", "apply", "determinant", "from_columns", "from_rows", "inverse", "multiply", "transpose"]

Vector = tuple[float, float, float]
Matrix = tuple[Vector, Vector, Vector]  # rows


def from_rows(numbers: Sequence[float]) -> Matrix:
    """The matrix of nine numbers, row by row."""
    a, b, c, d, e, f, g, h, i = numbers
    return (a, b, c), (d, e, f), (g, h, i)


def from_columns(columns: Sequence[Sequence[float]]) -> Matrix:
    """The matrix of three columns."""
    return transpose(from_rows([number for column in columns for number in column]))


def transpose(matrix: Matrix) -> Matrix:
    """Rows as columns."""
    first, second, third = zip(*matrix, strict=True)
    return first, second, third


def apply(matrix: Matrix, vector: Sequence[float]) -> Vector:
    """The product of a matrix and a column."""
    x, y, z = (sum(map(mul, row, vector)) for row in matrix)
    return x, y, z


def multiply(left: Matrix, right: Matrix) -> Matrix:
    """The product of two matrices."""
    return from_columns([apply(left, column) for column in transpose(right)])


def determinant(matrix: Matrix) -> float:
    """The volume that the matrix gives a unit cube."""
    (a, b, c), (d, e, f) = matrix[0], _cross(matrix[1], matrix[2])
    return a * d + b * e + c * f


def inverse(matrix: Matrix) -> Matrix:
    """The matrix that takes it back.

    Raises:
        ZeroDivisionError: there is none.
    """
    first, second, third = matrix
    scale = 1 / determinant(matrix)
    columns = _cross(second, third), _cross(third, first), _cross(first, second)
    return from_columns([[number * scale for number in column] for column in columns])


def _cross(left: Vector, right: Vector) -> Vector:
    (a, b, c), (d, e, f) = left, right
    return b * f - c * e, c * d - a * f, a * e - b * d
