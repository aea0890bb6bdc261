"""Notebook files without a front end: run one, and prove that it means the same in parallel."""

from orchestra_nb.notebook.file_run import HeadlessRun, run_file
from orchestra_nb.notebook.verification import record_of, verify_file

__all__ = ["HeadlessRun", "record_of", "run_file", "verify_file"]
