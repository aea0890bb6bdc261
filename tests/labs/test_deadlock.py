"""The deadlock lab tells of the lock table what is so: its verdicts are the detector's, its victims the cheapest."""

from unittest.mock import patch

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from orchestra_nb import ResourceManager, deadlock_lab
from orchestra_nb.labs.lock_course import MOST_TIMES, Course
from orchestra_nb.labs.lock_scenarios import SCENARIOS
from orchestra_nb.labs.lock_script import Act, read_script
from orchestra_nb.labs.victims import cost

OWNERS, RESOURCES = ("anna", "ben", "carla", "david"), ("db", "gpu", "disk")


@st.composite
def scripts(draw):
    """Give acts of some owners who take one to two resources at a time, now and then give one back, and capacities."""
    capacities = {name: draw(st.integers(1, 3)) for name in RESOURCES}
    held: dict[str, list[Act]] = {owner: [] for owner in OWNERS}
    acts = []
    for owner, gives, priority in draw(
        st.lists(
            st.tuples(st.sampled_from(OWNERS), st.integers(0, 3), st.sampled_from((0, 0, 0, 1))),
            min_size=3,
            max_size=14,
        )
    ):
        if gives == 3 and held[owner]:
            acts.append(Act(owner, "gives back", held[owner].pop().wants))
            continue
        if priority:
            acts.append(Act(owner, "has priority", (), float(draw(st.integers(-1, 1)))))
        names = draw(st.lists(st.sampled_from(RESOURCES), min_size=1, max_size=2, unique=True))
        wants = tuple((name, draw(st.integers(1, capacities[name]))) for name in names)
        acts.append(Act(owner, "takes", wants))
        held[owner].append(acts[-1])
    return acts, capacities


class Watched(Course):
    """A course beside which a resource manager looks at the same table after each event."""

    def __init__(self, *about):
        super().__init__(*about)
        self.verdicts = []
        self.manager = ResourceManager(resolve_deadlocks=False, clock=lambda: 0.0)
        self.manager._front.table = self.table

    def _note(self, *about, **more):
        moment = super()._note(*about, **more)
        self.verdicts.append(self.manager.detect_deadlock())
        return moment


@settings(max_examples=50, deadline=None)
@given(scripts(), st.sampled_from(["nobody", "begins again", "gives up"]))
def test_the_verdict_of_each_moment_is_the_detectors(made, afterwards):
    course = Watched(*made, afterwards)
    moments = course.play()
    for moment, verdict in zip(moments, course.verdicts, strict=True):
        assert bool(moment.stuck) == bool(verdict)
        assert {wait.owner for circle in verdict.circles for wait in circle} <= set(moment.stuck)
        finishing = [step.owner for step in moment.order]
        assert not set(finishing) & set(moment.stuck)
        if moment.kind == "deadlock" and moment.circle and afterwards != "nobody":
            assert verdict.victim == moment.victim


@settings(max_examples=50, deadline=None)
@given(scripts(), st.sampled_from(["begins again", "gives up"]))
def test_the_victim_is_the_cheapest_of_those_who_help_and_everybody_ends(made, afterwards):
    moments = Course(*made, afterwards).play()
    for moment in moments:
        if moment.kind == "deadlock":
            able = [each for each in moment.candidates if each.helps]
            assert moment.victim == min(able, key=cost).owner
            assert moment.victim in moment.stuck
    assert moments[-1].kind == "over"
    assert not moments[-1].holds


@settings(max_examples=40, deadline=None)
@given(scripts())
def test_no_more_is_held_than_there_is_and_nobody_waits_for_what_is_free(made):
    acts, capacities = made
    for moment in Course(acts, capacities, "begins again").play():
        for name, capacity in capacities.items():
            taken = sum(hold.amount for hold in moment.holds if hold.resource == name)
            assert taken <= capacity
            if not any(lack.senior for lack in moment.lacks):
                assert all(lack.need > capacity - taken for lack in moment.lacks if lack.resource == name)


@settings(max_examples=30, deadline=None)
@given(scripts())
def test_owners_who_take_all_at_once_never_wait_in_a_circle(made):
    acts, capacities = made
    first = {act.owner: act for act in reversed(acts) if act.verb == "takes"}
    lab = Course(list(first.values()), capacities, "nobody").play()
    assert not any(moment.stuck or moment.circle for moment in lab)


@pytest.mark.parametrize(
    ("name", "deadlocks", "victims"),
    [
        ("two locks in opposite order", 1, ("ben",)),
        ("dining philosophers", 1, ("emma",)),
        ("philosophers who take forks in order", 0, ()),
        ("a circle that is no deadlock", 0, ()),
        ("upgrade", 1, ("ben",)),
        ("priority and ageing", 0, ()),
        ("nodes take all at once", 0, ()),
    ],
)
def test_each_scenario_shows_its_idea(name, deadlocks, victims):
    lab = deadlock_lab(name)
    assert (lab.deadlocks, lab.victims, lab.moments[-1].kind) == (deadlocks, victims, "over")


def test_every_scenario_is_in_the_table_above():
    assert len(SCENARIOS) == 7


def test_a_circle_of_waits_that_is_no_deadlock_is_told_with_who_can_finish():
    (moment,) = [each for each in deadlock_lab("a circle that is no deadlock").moments if each.circle]
    assert [step.owner for step in moment.order] == ["carla", "ben", "anna"]
    assert "but no deadlock: carla can finish and gives back gpu" in moment.told[2]


def test_orders_that_can_deadlock_are_told_before_anybody_waits():
    first = deadlock_lab("two locks in opposite order")
    assert [issue.code for issue in first.warnings] == ["lock-order"]
    assert deadlock_lab("philosophers who take forks in order").warnings == ()
    luckily = [("anna", "takes", "db"), ("anna", "takes", "gpu"), ("anna", "gives back", "gpu"),
               ("anna", "gives back", "db"), ("ben", "takes", "gpu"), ("ben", "takes", "db")]  # fmt: skip
    lab = deadlock_lab(luckily)
    assert (lab.deadlocks, len(lab.warnings)) == (0, 1)


def test_with_nobody_who_looks_they_wait_for_ever():
    lab = deadlock_lab("dining philosophers", victim="nobody", owners=3)
    assert lab.moments[-1].told == ("nobody is left who could go on: anna, ben, carla wait for ever",)
    assert lab.moments[-2].told[-1].startswith("nobody looks for deadlocks here; else carla would give way: ")


def test_low_priority_gives_way_although_it_would_lose_more_work():
    lab = deadlock_lab(
        [("anna", "has priority", -1), ("anna", "takes", "db"), ("ben", "takes", "gpu"),
         ("anna", "takes", "gpu"), ("ben", "takes", "db")]
    )  # fmt: skip
    assert lab.victims == ("anna",)
    told = next(moment.told for moment in lab.moments if moment.kind == "deadlock")
    assert told[-1] == "anna gives way: its priority is the lowest (-1, the next has 0)"


def test_who_holds_too_little_to_help_is_passed_over():
    """carla holds the youngest lock; but ben needs both of what anna and carla hold, so only anna frees it."""
    lab = deadlock_lab(
        [("anna", "takes", "gpu:2"), ("ben", "takes", "db"), ("carla", "takes", "gpu"), ("carla", "takes", "db"),
         ("anna", "takes", "db"), ("ben", "takes", "gpu:2")],
        resources={"gpu": 3},
    )  # fmt: skip
    moment = next(moment for moment in lab.moments if moment.kind == "deadlock")
    assert [(each.owner, each.helps) for each in moment.candidates] == [("carla", False), ("ben", True), ("anna", True)]
    assert lab.victims == ("ben",)
    assert moment.told[-1].endswith("carla would be cheaper, but holds too little to help")


def test_a_victim_begins_again_only_so_often():
    acts, capacities = read_script([("anna", "takes", "db"), ("ben", "takes", "gpu"), ("ben", "takes", "db"),
                                    ("anna", "takes", "gpu")], None)  # fmt: skip
    course = Course(acts, capacities, "begins again")
    course._gave_way["ben"] = MOST_TIMES
    assert course.play()[-2].told[0] == "anna ends, and gives back gpu and db"
    assert any("ben gives up after 3 new beginnings" in told for moment in course.moments for told in moment.told)


@pytest.mark.parametrize("name", SCENARIOS)
def test_every_control_can_be_turned_from_end_to_end(name):
    story = deadlock_lab(name).story
    for control in story.controls:
        ends = getattr(control, "options", None) or (control.least, control.most)
        for value in ends:
            assert len(story.changed(control.name, value).frames) >= 2


def test_a_script_of_ones_own_can_be_turned_too_and_more_of_it_ends_the_deadlock():
    story = deadlock_lab(
        [("anna", "takes", "db"), ("ben", "takes", "gpu"), ("anna", "takes", "gpu"), ("ben", "takes", "db")]
    ).story
    assert [control.name for control in story.controls] == ["how many of db", "how many of gpu", "victim"]
    assert story.summary[0] == "1 deadlock came about; ben gave way"
    assert story.changed("how many of gpu", 2).summary[0] == "no deadlock came about"


def test_nothing_is_asked_of_a_clock_or_of_chance():
    with patch("time.monotonic", side_effect=AssertionError), patch("random.random", side_effect=AssertionError):
        assert deadlock_lab("upgrade") == deadlock_lab("upgrade")
