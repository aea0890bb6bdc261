"""What the tasks of tiled factorisations and of the Fourier transform do: numpy on tiles, none changed in place.

A kernel is named after its graph and its task. numpy is imported in them: graphs are made without it.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from orchestra_nb.errors import ConfigError

if TYPE_CHECKING:
    import numpy as np

    Array = np.ndarray[Any, np.dtype[Any]]


def tiles_of(name: str, tiles: int, matrix: Any) -> dict[tuple[int, int], Array]:
    """Cut a square matrix into tiles a side, as even as can be.

    Raises
    ------
    ConfigError
        It is not square, not of numbers, or has fewer rows than tiles.

    Examples
    --------
    >>> {place: tile.tolist() for place, tile in tiles_of("lu", 2, [[1, 2], [3, 4]]).items()}
    {(0, 0): [[1.0]], (0, 1): [[2.0]], (1, 0): [[3.0]], (1, 1): [[4.0]]}
    """
    import numpy as np

    try:
        given = np.asarray(matrix, dtype=float)
    except (TypeError, ValueError):
        raise ConfigError(f"{name}: the matrix must be an array of numbers, not {type(matrix).__name__}") from None
    if given.ndim != 2 or given.shape[0] != given.shape[1]:
        raise ConfigError(f"{name}: the matrix must be square, not of shape {given.shape}")
    if len(given) < tiles:
        raise ConfigError(f"{name}: a matrix of {len(given)} rows is too small for {tiles} tiles a side; ask for fewer")
    rows = np.array_split(given, tiles, axis=0)
    return {(i, j): tile for i, row in enumerate(rows) for j, tile in enumerate(np.array_split(row, tiles, axis=1))}


def cholesky_potrf(tile: Array) -> Array:
    """Factor a tile of the diagonal.

    Examples
    --------
    >>> cholesky_potrf([[4.0]]).tolist()
    [[2.0]]
    """
    import numpy as np

    return np.linalg.cholesky(tile)


def cholesky_trsm(tile: Array, diagonal: Array) -> Array:
    """Solve ``X L^T = A`` for the tile below a factored one.

    Examples
    --------
    >>> import numpy as np
    >>> cholesky_trsm(np.array([[6.0]]), np.array([[2.0]])).tolist()
    [[3.0]]
    """
    import numpy as np

    return np.linalg.solve(diagonal, tile.T).T


def cholesky_syrk(tile: Array, left: Array) -> Array:
    """Take off a tile of the diagonal what one step explains.

    Examples
    --------
    >>> import numpy as np
    >>> cholesky_syrk(np.array([[13.0]]), np.array([[3.0]])).tolist()
    [[4.0]]
    """
    made: Array = tile - left @ left.T
    return made


def cholesky_gemm(tile: Array, left: Array, right: Array) -> Array:
    """Take off any other tile what one step explains.

    Examples
    --------
    >>> import numpy as np
    >>> cholesky_gemm(np.array([[13.0]]), np.array([[3.0]]), np.array([[2.0]])).tolist()
    [[7.0]]
    """
    made: Array = tile - left @ right.T
    return made


def lower(*tiles: Array) -> Array:
    """Put the tiles of a lower triangle together, row by row.

    Examples
    --------
    >>> import numpy as np
    >>> lower(*(np.array([[float(i)]]) for i in (1, 2, 3))).tolist()
    [[1.0, 0.0], [2.0, 3.0]]
    """
    import numpy as np

    side = int((2 * len(tiles)) ** 0.5)
    rows = [tiles[i * (i + 1) // 2 : (i + 1) * (i + 2) // 2] for i in range(side)]
    blank = [
        [*row, *(np.zeros((len(row[0]), rows[j][j].shape[1])) for j in range(i + 1, side))]
        for i, row in enumerate(rows)
    ]
    return np.block(blank)


def lu_getrf(tile: Array) -> Array:
    """Factor a tile without pivoting: below the diagonal what is lower (its ones left out), the rest upper.

    Raises
    ------
    ZeroDivisionError
        A pivot is zero: this matrix needs pivoting.

    Examples
    --------
    >>> import numpy as np
    >>> lu_getrf(np.array([[2.0, 1.0], [4.0, 5.0]])).tolist()
    [[2.0, 1.0], [2.0, 3.0]]
    """
    import numpy as np

    made = np.array(tile)
    for k in range(len(made) - 1):
        if made[k, k] == 0:
            raise ZeroDivisionError("a pivot is zero; LU without pivoting needs a matrix whose diagonal dominates")
        made[k + 1 :, k] /= made[k, k]
        made[k + 1 :, k + 1 :] -= np.outer(made[k + 1 :, k], made[k, k + 1 :])
    return made


def lu_trsmu(tile: Array, diagonal: Array) -> Array:
    """Solve ``L X = A`` for a tile to the right of a factored one.

    Examples
    --------
    >>> import numpy as np
    >>> lu_trsmu(np.array([[6.0]]), np.array([[2.0]])).tolist()
    [[6.0]]
    """
    import numpy as np

    return np.linalg.solve(np.tril(diagonal, -1) + np.eye(len(diagonal)), tile)


def lu_trsml(tile: Array, diagonal: Array) -> Array:
    """Solve ``X U = A`` for a tile below a factored one.

    Examples
    --------
    >>> import numpy as np
    >>> lu_trsml(np.array([[6.0]]), np.array([[2.0]])).tolist()
    [[3.0]]
    """
    import numpy as np

    return np.linalg.solve(np.triu(diagonal).T, tile.T).T


def lu_gemm(tile: Array, left: Array, right: Array) -> Array:
    """Take off a tile what one step explains.

    Examples
    --------
    >>> import numpy as np
    >>> lu_gemm(np.array([[13.0]]), np.array([[3.0]]), np.array([[2.0]])).tolist()
    [[7.0]]
    """
    made: Array = tile - left @ right
    return made


def both(*tiles: Array) -> tuple[Array, Array]:
    """Put the tiles of an LU factorisation together, row by row: lower with ones on its diagonal, and upper.

    Examples
    --------
    >>> import numpy as np
    >>> [part.tolist() for part in both(np.array([[2.0, 1.0], [2.0, 3.0]]))]
    [[[1.0, 0.0], [2.0, 1.0]], [[2.0, 1.0], [0.0, 3.0]]]
    """
    import numpy as np

    side = int(len(tiles) ** 0.5)
    whole = np.block([list(tiles[i * side : (i + 1) * side]) for i in range(side)])
    return np.tril(whole, -1) + np.eye(len(whole)), np.triu(whole)


def fft_leaf(part: Array) -> Array:
    """Transform one interleaved part of a signal.

    Examples
    --------
    >>> fft_leaf([1.0, 1.0]).real.tolist()
    [2.0, 0.0]
    """
    import numpy as np

    return np.fft.fft(part)


def fft_butterfly(first: int, size: int, even: Array, odd: Array) -> Array:
    """Join a block of two half transforms: values from ``first`` on of a transform of ``size`` points.

    Examples
    --------
    >>> import numpy as np
    >>> fft_butterfly(1, 2, np.array([3.0]), np.array([1.0])).real.round(9).tolist()
    [2.0]
    """
    import numpy as np

    turns = np.exp(-2j * np.pi * np.arange(first, first + len(even)) / size)
    made: Array = even + turns * odd
    return made


def joined(*blocks: Array) -> Array:
    """Put blocks after one another.

    Examples
    --------
    >>> joined([1, 2], [3]).tolist()
    [1, 2, 3]
    """
    import numpy as np

    return np.concatenate(blocks)
