"""The traits of ``%config Orchestrate``: the knobs of runs, as a notebook or a profile sets them.

A knob that is ``None`` is left to ``[tool.orchestra_nb]`` in pyproject.toml, and then to the built-in default. Failure:
what no run can be meant to have is refused when it is set, whichever way that is done, and nothing has changed then.
"""

from __future__ import annotations

from argparse import Namespace
from collections.abc import Iterable
from dataclasses import replace
from typing import Any, get_args

from IPython.core.magic import Magics
from traitlets import Bool, Dict, Enum, Float, Int, TraitError, Unicode, Union, validate

from orchestra_nb.config import Checkpointing, Loop, Policy, RunConfig, Schedule
from orchestra_nb.errors import CommandError, ConfigError, nearest
from orchestra_nb.grammar import RUN_KNOBS, options_to_config
from orchestra_nb.project_config import project_config


class RunTraits(Magics):
    """Magics with the knobs of a run as traits."""

    jobs = Int(None, allow_none=True, help="nodes at once; -1 for one per core").tag(config=True)
    backend = Unicode(None, allow_none=True, help="a joblib backend").tag(config=True)
    schedule = Enum(get_args(Schedule), None, allow_none=True, help="eager, or a barrier after each level").tag(
        config=True
    )
    policy = Enum(get_args(Policy), None, allow_none=True, help="which ready node goes first").tag(config=True)
    keep_going = Bool(None, allow_none=True, help="run what needs no failed node").tag(config=True)
    timeout = Float(None, allow_none=True, help="seconds for a whole run").tag(config=True)
    seed = Int(None, allow_none=True, help="seed of what is random").tag(config=True)
    async_jobs = Int(None, allow_none=True, help="how many nodes may await at once").tag(config=True)
    resources = Dict(None, allow_none=True, help="how much there is of what nodes use").tag(config=True)
    cluster = Unicode(None, allow_none=True, help="address of the dask scheduler to use").tag(config=True)
    cache = Union([Bool(), Unicode()], default_value=None, allow_none=True, help="whether, or where, results are kept")
    cache.tag(config=True)
    checkpoint = Enum(get_args(Checkpointing), None, allow_none=True, help="what survives a crash, for resume")
    checkpoint.tag(config=True)
    loop = Enum(get_args(Loop), None, allow_none=True, help="background, or the notebook's own").tag(config=True)
    history = Bool(None, allow_none=True, help="whether earlier runs say what to expect, and this one is remembered")
    history.tag(config=True)
    guard = Float(None, allow_none=True, help="share of a cell's time for noticing changes that no code showed").tag(
        config=True
    )
    plan_cache = Bool(None, allow_none=True, help="whether the plan of a file is kept on disk").tag(config=True)
    undo = Bool(None, allow_none=True, help="whether a failed run is compensated").tag(config=True)

    log = Unicode(None, allow_none=True, help="a file to which everything that happens is appended").tag(config=True)
    tracebacks = Enum(("short", "full"), "short", help="how an error of a magic is shown: in short, or in full")
    tracebacks.tag(config=True)

    @validate(*RUN_KNOBS)
    def _possible(self, proposal: Any) -> Any:
        """Refuse at once what no run can be meant to have."""
        knob, value = proposal["trait"].name, proposal["value"]
        try:
            options_to_config(Namespace(**{knob: value}), RunConfig())
        except ConfigError as error:
            raise TraitError(f"Orchestrate.{knob}: {error}") from None
        return value

    def defaults(self) -> RunConfig:
        """The config of a run that nobody changed."""
        given = {knob: getattr(self, knob) for knob in RUN_KNOBS}
        return replace(project_config(), **{knob: value for knob, value in given.items() if value is not None})

    def assign(self, assignments: Iterable[str]) -> None:
        """Set knobs, each given as ``KNOB=VALUE``.

        Raises
        ------
        CommandError
            It says no knob, or what the knob cannot be; those before it are set.
        """
        for assignment in assignments:
            knob, equals, text = assignment.partition("=")
            if not equals:
                raise CommandError(f"%orchestrate config: {assignment!r} is no KNOB=VALUE")
            if knob not in RUN_KNOBS:
                raise CommandError(f"%orchestrate config: no knob {knob!r}; {nearest(knob, RUN_KNOBS)}")
            trait = self.traits()[knob]
            try:
                value = trait.from_string(text)
                options_to_config(Namespace(**{knob: value}), self.defaults())
                setattr(self, knob, value)
            except (TraitError, ValueError):
                raise CommandError(
                    f"%orchestrate config: {knob}={text!r} cannot be meant; it is {trait.help}"
                ) from None
