"""An engine for each test."""

from __future__ import annotations

import pytest

from orchestra_nb import OrchestrationEngine

from .runs import QUICK


@pytest.fixture
def engine():
    with OrchestrationEngine(QUICK) as made:
        yield made
