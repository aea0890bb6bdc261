"""What a cell in a worker process must find as it is here: the working directory, the environment, the module path.

Worker processes outlive runs, and the user may have changed directory or set a variable since they were made. So each
task carries the three along and puts them in place before the body runs. Variables that only the worker has (joblib's
own) are left to it.
"""

from __future__ import annotations

import os
import sys
from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class Surroundings:
    """The directory, environment and module path of a process.

    Parameters
    ----------
    folder
        Absolute; empty when it has been deleted, and the worker then stays where it is.
    environment, path
        As they were.
    """

    folder: str
    environment: tuple[tuple[str, str], ...]
    path: tuple[str, ...]

    @classmethod
    def here(cls) -> Surroundings:
        """Look at this process."""
        try:
            folder = os.getcwd()
        except FileNotFoundError:
            folder = ""
        return cls(folder, tuple(os.environ.items()), tuple(sys.path))

    def enter(self) -> None:
        """Put this process into them.

        Examples
        --------
        >>> place = Surroundings.here()
        >>> place.enter()
        >>> Surroundings.here() == place
        True
        """
        if self.folder and self.folder != Surroundings.here().folder:
            os.chdir(self.folder)
        for name, value in self.environment:
            if os.environ.get(name) != value:
                os.environ[name] = value
        sys.path[:] = self.path
