"""Attributes of modules that are numbers and texts: what holds one of these holds nothing that can be changed."""

from __future__ import annotations

CONSTANTS = frozenset(
    {
        *(f"numpy.{name}" for name in ("nan", "inf", "pi", "e", "euler_gamma", "newaxis", "NaN", "Inf")),
        *(f"math.{name}" for name in ("pi", "e", "tau", "inf", "nan")),
        *("pandas.NA", "pandas.NaT", "sys.maxsize", "os.sep", "os.linesep", "os.pathsep"),
        *(f"string.ascii_{name}" for name in ("letters", "lowercase", "uppercase")),
        *(f"string.{name}" for name in ("digits", "hexdigits", "octdigits", "punctuation", "printable", "whitespace")),
    }
)
