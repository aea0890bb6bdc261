"""Cells of a notebook: settings, directives, files; source to effects, effects to edges; results compared."""

import time

LOADED_AT = time.time()
"""Seconds since the epoch: files of this package that were changed later are not the code that runs here."""
