"""Runs played again from their logs: what was known at any moment."""

from orchestra_nb.replay.replay import Replay, RunReplay, moment
from orchestra_nb.replay.state import NodeState, ReplayState

__all__ = ["NodeState", "Replay", "ReplayState", "RunReplay", "moment"]
