"""Scripts of a deadlock lab: what can be meant is read, what cannot is told, all of it and with its place."""

import pytest

from orchestra_nb import ConfigError, DefinitionError, deadlock_lab
from orchestra_nb.labs.lock_script import orders_of, read_script

TAKES = ("anna", "takes", "db")


@pytest.mark.parametrize(
    ("script", "resources", "says"),
    [
        ([("anna", "take", "db")], None, "step 1: 'take' is no verb of a script; did you mean 'takes'?"),
        ([("anna", ["takes"], "db")], None, "step 1: ['takes'] is no verb"),
        ([TAKES, ("anna", "gives back", "gpu")], None, "step 2: anna gives back gpu, and it has taken db"),
        ([("anna", "gives back", "db")], None, "step 1: anna gives back db, and it has taken nothing"),
        ([("anna", "takes", ["db", "gpu"]), ("anna", "gives back", "db")], None, "in one step is given back in one"),
        ([("anna", "takes", "gpu:2")], None, "step 1: anna takes 2 of gpu, and there is 1; make more of it"),
        ([("anna", "takes", "gpu:0")], None, "amounts begin at 1"),
        ([("anna", "takes", [])], None, "step 1: anna takes []; name resources"),
        ([("anna", "takes", 5)], None, "name resources"),
        ([("", "takes", "db")], None, "step 1: '' cannot be an owner"),
        ([("anna", "has priority", "high")], None, "priority 'high', which is no number; higher goes first"),
        ([("anna", "has priority", float("nan"))], None, "which is no number"),
        (["anna takes db"], None, "step 1: 'anna takes db' is no step; write (owner, verb, what)"),
        ([("anna", "takes")], None, "is no step"),
        (5, None, "step 1: 5 is no step"),
        ([], None, "a script has from 1 to 1,000 steps"),
        ([TAKES] * 1001, None, "a script has from 1 to 1,000 steps"),
        ([TAKES], {"dbb": 2}, "resources: nobody takes 'dbb'; did you mean"),
        ([TAKES], {"db": 0}, "resources: there cannot be 0 of 'db'"),
        ([TAKES], {"db": True}, "there cannot be True of 'db'"),
    ],
)
def test_what_a_step_cannot_mean_is_told_with_its_place(script, resources, says):
    with pytest.raises(DefinitionError) as caught:
        deadlock_lab(script, resources=resources)
    assert says in str(caught.value)


def test_all_faults_are_told_at_once():
    with pytest.raises(DefinitionError) as caught:
        read_script([("anna", "steals", "db"), ("ben", "takes", ()), ("", "takes", "db")], {"db": -1})
    assert [issue.path for issue in caught.value.issues] == ["resources", "step 1", "step 2", "step 3"]


@pytest.mark.parametrize(
    ("given", "says"),
    [
        ({"script": "upgarde"}, "there is no scenario 'upgarde'; did you mean 'upgrade'?"),
        ({"victim": "begins agian"}, "did you mean 'begins again'?"),
        ({"owners": 1}, "owners=1 must be a whole number from 2 to 12"),
        ({"owners": 2.0}, "owners=2.0"),
    ],
)
def test_a_setting_that_is_none_is_told(given, says):
    with pytest.raises(ConfigError) as caught:
        deadlock_lab(**given)
    assert says in str(caught.value)


def test_what_is_taken_together_has_no_order_and_what_was_given_back_none_with_what_follows():
    acts, _ = read_script(
        [
            ("anna", "takes", ["db", "gpu"]),
            ("anna", "gives back", ["gpu", "db"]),
            ("anna", "takes", "disk"),
            ("anna", "takes", "db"),
        ],
        None,
    )
    assert orders_of(acts) == {("disk", "db"): {"anna"}}
