"""What frames and tables consist of: labels, columns in their order, types, and names.

A frame counts by its columns, each with its type, and not by the blocks that pandas keeps them in. A column of an
extension type counts by what can be seen of it: what a mask hides is zero, whatever lies there; and what arrow keeps is
read through arrow, so that offsets, chunks and padding do not count. Categories count in their order, unused ones too,
and so do the levels of a MultiIndex, for a program can list them. ``attrs``, names and the flag for duplicate labels
count; what pandas has computed and kept does not.

Nothing is imported that the value at hand has not brought along.
"""

from __future__ import annotations

import sys
from typing import Any

from orchestra_nb.context.code import class_content, name_of
from orchestra_nb.context.parts import Parts, Reader, reduced


def reader_of(cls: type) -> Reader | None:
    """Find who reads the values of a class; ``None``: nobody here."""
    pandas = sys.modules.get("pandas")
    if pandas is not None and hasattr(pandas, "DataFrame"):
        known: list[tuple[type, Reader]] = [
            (pandas.DataFrame, _frame),
            (pandas.Series, _series),
            (pandas.MultiIndex, _levels),
            (pandas.RangeIndex, _range),
            (pandas.Index, _index),
            (pandas.api.extensions.ExtensionArray, _column),
        ]
        for base, reader in known:
            if issubclass(cls, base):
                return reader
    package = cls.__module__.partition(".")[0]
    if package == "pyarrow":
        return {"Table": _arrow_table, "RecordBatch": _arrow_table}.get(cls.__name__) or _arrow_of(cls)
    if package == "polars":
        return {"DataFrame": _polars_frame, "Series": _polars_series}.get(cls.__name__)
    return None


def _own(value: Any) -> tuple[Any, ...]:
    """What a class derived from pandas' own says that it carries along."""
    return class_content(type(value)), tuple(getattr(value, name, None) for name in getattr(value, "_metadata", ()))


def _frame(value: Any) -> Parts:
    columns = tuple(column.array for _, column in value.items())
    about = (value.attrs, value.flags.allows_duplicate_labels, *_own(value))
    children = (value.columns, value.index, columns, *about)
    return Parts(name_of(type(value)), children, names=(".columns", ".index", "", ".attrs"))


def _series(value: Any) -> Parts:
    about = (value.attrs, value.flags.allows_duplicate_labels, *_own(value))
    children = (value.name, value.index, value.array, *about)
    return Parts(name_of(type(value)), children, names=(".name", ".index", "", ".attrs"))


def _index(value: Any) -> Parts:
    freq = getattr(value, "freqstr", None)
    return Parts(name_of(type(value)), (tuple(value.names), value.array, freq, class_content(type(value))), None, False)


def _range(value: Any) -> Parts:
    return Parts(name_of(type(value)), (value.name, value.start, value.stop, value.step), None, False)


def _levels(value: Any) -> Parts:
    return Parts(name_of(type(value)), (tuple(value.names), tuple(value.levels), tuple(value.codes)), None, False)


def _column(value: Any) -> Parts:
    """Read a column: its type, and arrays that anybody can read."""
    import pandas

    kind, dtype = type(value).__name__, value.dtype
    about: tuple[Any, ...]
    if kind in ("NumpyExtensionArray", "PandasArray"):
        about = (value.to_numpy(),)
    elif isinstance(dtype, pandas.CategoricalDtype):
        about = (value.codes, dtype.categories, dtype.ordered)
    elif kind in ("IntegerArray", "FloatingArray", "BooleanArray"):
        about = (value.isna(), value.to_numpy(dtype=dtype.numpy_dtype, na_value=0))
    elif kind in ("DatetimeArray", "TimedeltaArray", "PeriodArray"):
        about = (value.asi8, getattr(dtype, "tz", None))  # its unit or period stands in the type
    elif isinstance(dtype, pandas.IntervalDtype):
        about = (value.left, value.right, value.closed)
    elif isinstance(dtype, pandas.SparseDtype):
        about = (len(value), value.sp_index.indices, value.sp_values, value.fill_value)
    elif isinstance(dtype, pandas.StringDtype):
        about = (value.to_numpy(dtype=object, na_value=None),)
    elif isinstance(dtype, getattr(pandas, "ArrowDtype", ())):
        about = (value.__arrow_array__(),)
    else:
        return reduced(value)
    return Parts(name_of(type(value)), (repr(dtype), *about))


def _arrow_table(value: Any) -> Parts:
    columns = tuple(value.column(place) for place in range(value.num_columns))
    metadata = value.schema.metadata
    fields = tuple((field.name, str(field.type), field.nullable, _pairs(field.metadata)) for field in value.schema)
    return Parts(name_of(type(value)), (value.num_rows, fields, columns, _pairs(metadata)), None, False)


def _pairs(metadata: Any) -> tuple[tuple[bytes, bytes], ...] | None:
    return None if metadata is None else tuple(metadata.items())


def _arrow_of(cls: type) -> Reader | None:
    arrow = sys.modules["pyarrow"]
    if issubclass(cls, arrow.ChunkedArray | arrow.Array):
        return _arrow_column
    return None


def _arrow_column(value: Any) -> Parts:
    """A column of arrow: numbers as an array, with the missing ones zero; everything else as Python's own values."""
    pyarrow = sys.modules["pyarrow"]
    types = pyarrow.types

    kind = "pyarrow.ChunkedArray" if isinstance(value, pyarrow.ChunkedArray) else "pyarrow.Array"
    if types.is_integer(value.type) or types.is_floating(value.type):
        missing = value.is_null().to_numpy(**_copied(value)) if value.null_count else None
        filled = value.fill_null(0) if value.null_count else value
        return Parts(kind, (str(value.type), missing, filled.to_numpy(**_copied(value))), None, False)
    if types.is_temporal(value.type) and not types.is_interval(value.type):
        number = pyarrow.int32() if value.type.bit_width == 32 else pyarrow.int64()
        numbers = value.cast(number) if hasattr(value, "chunks") else value.view(number)
        return Parts(kind, (str(value.type), numbers), None, False)
    return Parts(kind, (str(value.type), tuple(value.to_pylist())), None, False)


def _copied(value: Any) -> dict[str, bool]:
    return {} if hasattr(value, "chunks") else {"zero_copy_only": False}


def _polars_frame(value: Any) -> Parts:
    return Parts("polars.DataFrame", (value.height, tuple(value.get_columns())))


def _polars_series(value: Any) -> Parts:
    """A column of polars: numbers as an array, with the missing ones zero; everything else as Python's own values."""
    about = (value.name, str(value.dtype), len(value))
    if value.dtype.is_numeric() and not value.dtype.is_decimal():
        missing = value.is_null().to_numpy() if value.null_count() else None
        return Parts("polars.Series", (*about, missing, value.fill_null(0).to_numpy()))
    return Parts("polars.Series", (*about, tuple(value.to_list())))
