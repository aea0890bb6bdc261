"""The engine: one entry point, which wires the parts and does nothing else.

::

    run · execute ──► Pipeline ──► ParallelScheduler, one for each run
                                     │ what nodes use    │ their circuits  │ what they reached  │ what agents put out
    acquire_lock ────────────► ResourceManager           │                 │                    │
    execute_saga ──────────────────────────────► RecoveryManager           │                    │
    resume_from_checkpoint ──────────────────────────────────────────► Checkpoints              │
    get_cache_metrics ──────────────────────────────────────────────────────────────────► ContextManager

    on("cache:*", fn) ◄── EventBus ◄── all of these; and so ProgressTracker ──► set_todo_write_api, get_progress_stats

* **The same locks.** What a node ``uses`` and what :meth:`OrchestrationEngine.acquire_lock` takes are one lock of one
  table (:mod:`orchestra_nb.resources.joint`), and a node is one owner with its body. Apart from it are: the limits of a
  command's phases and the budgets of a run (``"50000/run"``), which belong to the run alone; tasks and threads that a
  body starts, which are owners of their own; and bodies in other processes, which have no engine.
* **How much there is** says who registered it, else the settings of the run, else its command; else there is one.
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
