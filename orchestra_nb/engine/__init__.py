"""The engine: one entry point, which wires the parts and does nothing else.

::

    execute · run ──► Pipeline ──► ParallelScheduler ───────────────┐ one for each run
                                    │ circuits   │ uses     │ checkpoints
    execute_saga ──► RecoveryManager┘            │          └─ Checkpoints
    acquire_lock ──────────────────► ResourceManager
    set_todo_write_api ──► ProgressTracker       ContextManager ◄── outputs of agents that hold for a while
            ▲                                          │
            └────────────── EventBus ◄─────────────────┘  everything publishes here: on("cache:*", fn)

* **The same locks.** What a node ``uses`` and what :meth:`OrchestrationEngine.acquire_lock` takes are one lock of one
  table (:mod:`orchestra_nb.resources.joint`). What nobody registered is there once; the limits of a command's phases
  and budgets of a run (``"50000/run"``) belong to the run alone.
* **The same circuits.** A circuit that a node names, and one that is called through ``engine.recovery``, are one.
* **One run at a time.** A bus that carries two runs' events, and a progress of two, would say nothing about either; so
  another run is refused while one goes on, also from within its nodes. Engines are cheap.
* **Where a run runs.** :meth:`OrchestrationEngine.run` lends it the calling thread, from a script, a thread or a cell,
  and holds up whatever loop runs there, as any sync call does. :meth:`OrchestrationEngine.execute` gives it a thread of
  its own, and the loop stays free (:mod:`orchestra_nb.running.aside`).
* **What agents put out.** An output that says for how long it holds (``ttl``) is in ``engine.cache`` under its key for
  that long, once its run has ended. A later command that requires an input of that name, and is not given it, finds it
  there. That is all that a run takes from there: what an agent sees is otherwise its own run's, whatever a cache holds.
* **Failure.** Bad input raises before anything runs; a failed run is a result; an interrupt stops it and is raised.

Rejected: parts that find one another through globals; a second path for sync runs (nest_asyncio, a loop in a loop).
"""

from orchestra_nb.engine.config import EngineConfig
from orchestra_nb.engine.engine import OrchestrationEngine

__all__ = ["EngineConfig", "OrchestrationEngine"]
