"""How the pages are built: ``make docs``, or ``sphinx-build -W --keep-going -n -b html docs build/docs``.

Policy: nothing is loaded from elsewhere, neither while building (no intersphinx) nor in the pages (no fonts, no
scripts of other hosts), so they can be read and built without a network. Every type in a signature is a link to a name
of ours or is known to be of another library; a dead one is a warning, and a warning ends the build.
"""

from __future__ import annotations

import sys
from pathlib import Path

HERE = Path(__file__).parent
sys.path.insert(0, str(HERE.parent / "tools"))
sys.path.insert(0, str(HERE.parent))

import cross_references  # noqa: E402
import reference  # noqa: E402

from orchestra_nb import __version__  # noqa: E402

reference.write(HERE / "reference")

project = "orchestra_nb"
author = "The orchestra_nb authors"
copyright = author
release = version = __version__
language = "en"

extensions = ["myst_parser", "sphinx.ext.autodoc", "numpydoc"]
exclude_patterns = ["_build"]
nitpicky = True
nitpick_ignore_regex = cross_references.OF_OTHERS
suppress_warnings = ["config.cache"]
add_module_names = False

autodoc_default_options = {"members": True, "member-order": "bysource"}
autodoc_typehints_format = "short"
autodoc_preserve_defaults = True
numpydoc_show_class_members = False
numpydoc_class_members_toctree = False
numpydoc_validation_checks = {
    *("GL01", "GL03", "GL05", "GL06", "GL07", "GL08", "GL09", "GL10", "SS01", "SS02", "SS04", "SS05", "SS06"),
    *("PR02", "PR05", "PR06", "PR07", "PR08", "PR09", "PR10", "RT02", "RT03", "RT04", "RT05", "YD01"),
}
"""What a section is called, where it stands, and that it speaks of what is there; types stand in signatures. What
belongs together is told together, so the order of parameters is not checked (PR03)."""

myst_enable_extensions = ["deflist"]
myst_heading_anchors = 4

html_theme = "furo"
html_title = "orchestra_nb"
html_show_sphinx = False
html_copy_source = False


def setup(app: object) -> None:
    """Add what makes our objects and types known."""
    cross_references.setup(app)
