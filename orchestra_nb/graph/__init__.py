"""The pure graph: checking it, and what follows from it."""

from orchestra_nb.graph.analysis import Bounds
from orchestra_nb.graph.dag import DAG
from orchestra_nb.graph.growth import grown
from orchestra_nb.graph.task import task
from orchestra_nb.graph.validation import ValidationResult, check

__all__ = ["DAG", "Bounds", "ValidationResult", "check", "grown", "task"]
