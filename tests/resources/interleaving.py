"""Threads that run one at a time, in an order that a seed dictates: every line of the front may be where one goes on.

The actors are real threads, and a baton decides which one runs; all others stand still. It is handed on before traced
lines, by chance, and where an actor would wait: the lock of the front and the signals of those who sleep are stand-ins
that wait for the baton. Time is virtual and jumps when everybody sleeps; when nobody would ever wake, that is a fault.
Now and then a line raises, as an interrupt does. One seed is one interleaving, always the same.
"""

from __future__ import annotations

import random
import sys
import threading

from orchestra_nb import ResourceManager
from orchestra_nb.errors import DeadlockError, LockTimeout, ResourceError
from orchestra_nb.resources import front, grants, manager, placing, table

FILES = {each.__file__ for each in (front, grants, manager, placing, table)}
PATIENCE = 60


class Hit(BaseException):
    """What is raised in the middle of a line."""


class Actor(threading.Thread):
    def __init__(self, baton, work):
        super().__init__(daemon=True)
        self.baton, self.work = baton, work
        self.go = threading.Semaphore(0)
        self.ready = lambda: True
        self.until = None
        self.fault = None
        self.over = False

    def run(self):
        self.go.acquire()
        try:
            self.work()
        except BaseException as error:
            self.fault = error
        sys.settrace(None)
        self.over = True
        self.baton.hand_on()


class Baton:
    def __init__(self, seed, restless, deadly):
        self.draw = random.Random(seed)
        self.restless, self.deadly = restless, deadly
        self.now = 0.0
        self.actors = []
        self.running = None
        self.ended = threading.Event()
        self.stuck = False

    def clock(self):
        return self.now

    def play(self, *works):
        self.actors = [Actor(self, work) for work in works]
        for actor in self.actors:
            actor.start()
        self.hand_on()
        assert self.ended.wait(PATIENCE)
        for actor in self.actors:
            if actor.fault is not None:
                raise actor.fault
        assert not self.stuck, "everybody sleeps for ever"

    def hand_on(self):
        """Let somebody run who can; the one who calls goes on waiting for its turn elsewhere."""
        left = [actor for actor in self.actors if not actor.over]
        while left and not self.stuck:
            able = [actor for actor in left if actor.ready() or (actor.until is not None and actor.until <= self.now)]
            if able:
                self.running = self.draw.choice(able)
                self.running.go.release()
                return
            times = [actor.until for actor in left if actor.until is not None]
            self.stuck = not times
            self.now = min(times, default=self.now)
        self.ended.set()

    def wait(self, ready, until=None):
        """The running actor stands still until it can go on."""
        me = self.running
        me.ready, me.until = ready, until
        self.hand_on()
        me.go.acquire()
        me.ready, me.until = (lambda: True), None

    def trace(self, frame, event, arg):
        if frame.f_code.co_filename not in FILES:
            return None
        if event == "line":
            if self.draw.random() < self.restless:
                self.wait(lambda: True)
            if self.deadly and self.draw.random() < self.deadly:
                raise Hit
        return self.trace


class Mutex:
    """Stands in for the re-entrant lock of the front."""

    def __init__(self, baton):
        self.baton, self.owner, self.count = baton, None, 0

    def acquire(self, blocking=True):
        me = threading.get_ident()
        while self.owner not in (None, me):
            if not blocking:
                return False
            self.baton.wait(lambda: self.owner is None)
        self.owner = me
        self.count += 1
        return True

    def release(self):
        if self.owner != threading.get_ident():
            raise RuntimeError("not mine")
        self.count -= 1
        if not self.count:
            self.owner = None


class Signal:
    """Stands in for the signal of a thread that sleeps."""

    def __init__(self, baton):
        self.baton, self.told = baton, False

    def tell(self):
        self.told = True
        return True

    def wait(self, timeout):
        self.baton.wait(lambda: self.told, None if timeout is None else self.baton.now + timeout)
        self.told = False


class Play:
    """Some actors at one manager."""

    def __init__(self, seed):
        draw = random.Random(f"play {seed}")
        self.baton = Baton(seed, draw.choice((0.02, 0.1, 0.3)), draw.choice((0, 0, 0.001, 0.004)))
        self.sizes = {f"r{i}": draw.choice((1, 1, 2)) for i in range(draw.choice((1, 2, 2)))}
        self.manager = ResourceManager(clock=self.baton.clock)
        for name, size in self.sizes.items():
            self.manager.register_resource(name, max_concurrent=size)
        self.front = self.manager._front
        self.front._mutex = Mutex(self.baton)
        self.inside = dict.fromkeys(self.sizes, 0)
        self.scripts = [self.script(draw, number) for number in range(draw.choice((2, 3, 3)))]
        self.kinds = set()

    def script(self, draw, number):
        def act():
            names = draw.sample(list(self.sizes), draw.randint(1, len(self.sizes)))
            timeout, priority = draw.choice((None, None, 0, 1.0, 2.0)), draw.choice((0, 0, 3))
            return names, timeout, priority, draw.choice((None, 0.5)), draw.random()

        return f"o{number}", [act() for _ in range(draw.randint(1, 3))]

    def run(self):
        before = front.ThreadSignal
        front.ThreadSignal = lambda: Signal(self.baton)
        try:
            self.baton.play(*(lambda script=script: self.act(*script) for script in self.scripts))
        finally:
            front.ThreadSignal = before
        self.front.now()
        assert not self.front._sleepers, "somebody is left asleep"
        assert not self.front._orphans
        assert self.front._mutex.owner is None
        stats = self.manager.get_resource_stats()
        assert not stats.owners, "something is left"
        assert set(self.inside.values()) == {0}

    def act(self, owner, acts):
        for names, timeout, priority, nested, chance in acts:
            sys.settrace(self.baton.trace)
            try:
                self.one(owner, names, timeout, priority, nested, chance)
                self.kinds.add("granted")
            except (LockTimeout, DeadlockError, ResourceError, Hit) as error:
                self.kinds.add(type(error).__name__)
                error.__traceback__ = None
                del error
            sys.settrace(None)
            table = self.front.table
            self.baton.wait(lambda: not self.front._orphans)  # a guard that was destroyed left a note to who was inside
            assert not table.held_by(owner), "it holds what it does not know of"
            assert not table.waits_of(owner)

    def one(self, owner, names, timeout, priority, nested, chance):
        if chance < 0.1:
            self.manager.cancel_waits("o0")
        with self.manager.lock(*names, owner=owner, timeout=timeout, priority=priority), self.counted(names):
            if nested:
                with self.manager.lock(*self.sizes, owner=owner, timeout=nested), self.counted(self.sizes, names):
                    self.baton.wait(lambda: True)
            self.baton.wait(lambda: False, self.baton.now + chance)

    def counted(self, names, already=()):
        play = self

        class Counted:
            """The use of resources, as the world sees it; nothing in here is traced."""

            def __enter__(self):
                for name in set(names) - set(already):
                    play.inside[name] += 1
                    assert play.inside[name] <= play.sizes[name], "held too often"

            def __exit__(self, *exc):
                for name in set(names) - set(already):
                    play.inside[name] -= 1

        return Counted()
