"""What every test gets: no traces in the user's own folders, and properties that do not depend on speed."""

from __future__ import annotations

import signal
import sys
import threading
from collections.abc import Iterator
from pathlib import Path

import pytest
from hypothesis import HealthCheck, settings

from tests.library_settings import library_settings_kept

settings.register_profile("shared-machine", deadline=None, suppress_health_check=[HealthCheck.too_slow])
settings.load_profile("shared-machine")

# A shell that starts the tests in the background has them ignore the interrupt, and so would all that they start.
if threading.current_thread() is threading.main_thread() and signal.getsignal(signal.SIGINT) is signal.SIG_IGN:
    signal.signal(signal.SIGINT, signal.default_int_handler)

ROOT = Path(__file__).resolve().parent.parent
_LONG = (
    "test_every_interrupt_stops_its_run_and_the_kernel_goes_on",
    "test_every_backend_gives_what_the_linear_run_gives",
    "test_every_process_finds_the_same_digests",
    "test_a_deep_value_needs_no_stack",
    "test_benchmarks.py",
    "test_breaker_machine.py",
    "test_durable_kills.py",
    "test_faults.py",
    "test_linear_law.py",
    "test_lock_machine.py",
    "test_resume_after_kills.py",
    "test_undo_crashes.py",
    "notebook/test_notebook_loop.py",
    "test_versions_law.py",
)
"""Parts of the names of tests that take ten seconds and more each."""


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """Begin with what takes long: last in the random order, it would keep one worker busy while the rest are idle."""
    items.sort(key=lambda item: not any(part in item.nodeid for part in _LONG))


@pytest.fixture(scope="session", autouse=True)
def _private_surroundings(tmp_path_factory: pytest.TempPathFactory) -> Iterator[None]:
    """Kernels and IPython keep their files away from the user's, and say nothing about where they look for them."""
    home = tmp_path_factory.mktemp("surroundings")
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("IPYTHONDIR", str(home / "ipython"))
        patch.setenv("JUPYTER_RUNTIME_DIR", str(home / "runtime"))
        patch.setenv("JUPYTER_PLATFORM_DIRS", "1")
        patch.setenv("ORCHESTRA_NB_CACHE", str(home / "cache"))
        patch.setenv("PYDEVD_DISABLE_FILE_VALIDATION", "1")
        yield
    if "joblib.externals.loky" in sys.modules:  # workers that outlive the tests write their coverage too late
        from joblib.externals.loky import get_reusable_executor

        get_reusable_executor().shutdown(wait=True)


@pytest.fixture(autouse=True)
def _library_settings() -> Iterator[None]:
    with library_settings_kept():
        yield


@pytest.fixture(scope="session")
def root() -> Path:
    """The repository."""
    return ROOT


@pytest.fixture(scope="session")
def quickstart(root: Path) -> Path:
    """The ordinary notebook that the demo runs."""
    return root / "notebooks" / "01_quickstart.ipynb"
