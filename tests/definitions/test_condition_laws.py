from __future__ import annotations

import math
import sys

from hypothesis import given, settings
from hypothesis import strategies as st

from orchestra_nb.definitions.condition import Condition, parse_condition
from orchestra_nb.errors import ConditionError

NAMES = {"a": 3, "b": -0.5, "c": "crypto", "d": "", "e": True, "f": None}
CONTEXT = {**NAMES, "list": [1, "x", None, {"kind": "api"}], "map": {"kind": "api", "n": 2, "_no": 1}, "o": object()}

SOUP = [
    *("a", "b", "c", "list", "map", "o", "p", "zzz", "true", "false", "null", "undefined", "and", "not", "_x", "größe"),
    *("0", "1", "2.5", ".5", "1e3", "1e", "0x1", "'x'", '"kind"', "'", r"'\n'", r"'\q'", "'_no'", "''"),
    *("===", "!==", "==", "!=", "<", "<=", ">", ">=", "+", "-", "*", "/", "%", "!", "&&", "||", "??", "?", ":", "?."),
    *(".", ",", "(", ")", "[", "]", "=>", "=", "{", "}", "`", ";", "**", "\uff3f", "\u200b", "\x00", "\ud800"),
    *(".length", ".kind", ".some(p =>", ".filter((p, i) =>", ".every(", ".includes(", ".startsWith(", "__class__"),
]


def outcome(act):
    """What an act gives, or the column of its fault."""
    try:
        return act()
    except ConditionError as error:
        return error.column


def survives(text):
    condition = outcome(lambda: parse_condition(text))
    if type(condition) is int:
        assert 1 <= condition <= len(text) + 1
        return
    assert type(condition) is Condition
    assert {path[0] for path in condition.paths} == set(condition.names)
    assert not any(part.startswith("_") for path in condition.paths for part in path)
    decided = outcome(lambda: condition.evaluate(CONTEXT))
    assert type(decided) is bool or 1 <= decided <= len(text)


@settings(max_examples=1_000)
@given(st.text(st.characters(codec=None), max_size=60))
def test_any_text_is_a_condition_or_a_condition_error(text):
    survives(text)


@settings(max_examples=2_000)
@given(st.lists(st.sampled_from(SOUP), max_size=25), st.sampled_from(["", " "]))
def test_any_soup_of_tokens_is_a_condition_or_a_condition_error(tokens, space):
    survives(space.join(tokens))


# Trees of expressions, written with only the parentheses that they need and decided by a second, direct evaluator.

LEVELS = {"?:": 0, "||": 1, "&&": 2, "===": 3, "!==": 3, "==": 3, "!=": 3, "<": 4, "<=": 4, ">": 4, ">=": 4}
LEVELS |= {"+": 5, "-": 5, "*": 6, "/": 6, "%": 6, "u": 7}

NUMBERS = st.sampled_from([0.0, 1.0, 2.0, 3.5, 7.0, 10.0, 1e308, 0.1])
LEAVES = st.one_of(
    NUMBERS.map(lambda n: ("value", n)),
    st.sampled_from(["", "a", "ab", "10", "crypto", "it's", "\n", "ü", "\\"]).map(lambda s: ("value", s)),
    st.sampled_from([True, False, None]).map(lambda v: ("value", v)),
    st.sampled_from(sorted(NAMES)).map(lambda n: ("name", n)),
)


def bigger(parts):
    return st.one_of(
        st.tuples(st.sampled_from([s for s in LEVELS if s not in ("?:", "u")]), parts, parts),
        st.tuples(st.just("?:"), parts, parts, parts),
        st.tuples(st.just("u"), st.sampled_from("!-+"), parts),
        st.tuples(st.just("length"), parts),
        st.tuples(st.just("includes"), st.lists(parts, max_size=3), parts),
    )


TREES = st.recursive(LEAVES, bigger, max_leaves=18)


def literal(value):
    if value is None or type(value) is bool:
        return {None: "null", True: "true", False: "false"}[value]
    if type(value) is float:
        return f"({value!r})" if value < 0 else repr(value)
    return "'" + value.replace("\\", r"\\").replace("'", r"\'").replace("\n", r"\n") + "'"


def written(tree, floor=0):
    kind = tree[0]
    if kind == "value":
        return literal(tree[1])
    if kind == "name":
        return tree[1]
    if kind == "length":
        inner = written(tree[1], 8)
        return f"({inner}).length"
    if kind == "includes":
        return f"[{', '.join(written(part) for part in tree[1])}].includes({written(tree[2])})"
    level = LEVELS[kind]
    if kind == "u":
        text = f"{tree[1]}{written(tree[2], 7)}" if tree[2][0] != "u" else f"{tree[1]} {written(tree[2], 7)}"
    elif kind == "?:":
        text = f"{written(tree[1], 1)} ? {written(tree[2])} : {written(tree[3])}"
    else:  # to the left its own level may stand bare, except that comparisons do not chain
        left = written(tree[1], level + 1 if level in (3, 4) else level)
        text = f"{left} {kind} {written(tree[2], level + 1)}"
    return f"({text})" if level < floor else text


def is_true(value):
    return value not in (None, False, "", 0) and value == value


def known(tree):
    """The value of a tree; undefined is the empty tuple."""
    kind = tree[0]
    if kind == "value":
        return tree[1]
    if kind == "name":
        value = NAMES[tree[1]]
        return float(value) if type(value) is int else value
    if kind == "length":
        value = known(tree[1])
        return float(len(value)) if isinstance(value, str) else ()
    if kind == "includes":
        wanted = known(tree[2])
        nan = wanted != wanted
        return any(equal(v, wanted) or (nan and v != v) for v in map(known, tree[1]))
    if kind == "u":
        value = known(tree[2])
        return not_true(value) if tree[1] == "!" else calculated("*", value, -1.0 if tree[1] == "-" else 1.0)
    if kind == "?:":
        return known(tree[2]) if shown_true(known(tree[1])) else known(tree[3])
    left, right = known(tree[1]), known(tree[2])
    if kind == "&&":
        return right if shown_true(left) else left
    if kind == "||":
        return left if shown_true(left) else right
    if kind in ("===", "!=="):
        return equal(left, right) == (kind == "===")
    if kind in ("==", "!="):
        missing = left in (None, ()) and right in (None, ())
        return (missing or equal(left, right)) == (kind == "==")
    if kind[0] in "<>":
        alike = {type(left), type(right)} in ({float}, {str})
        return alike and (
            (kind[0] == "<" and left < right)
            or (kind[0] == ">" and left > right)
            or (kind[1:] == "=" and left == right)
        )
    return calculated(kind, left, right)


def shown_true(value):
    return value != () and is_true(value)


def not_true(value):
    return not shown_true(value)


def equal(left, right):
    return type(left) is type(right) and left == right


def calculated(sign, left, right):
    if sign == "+" and isinstance(left, str) and isinstance(right, str):
        return left + right
    if type(left) is not float or type(right) is not float:
        return math.nan
    try:
        if sign == "/":
            return left / right
        if sign == "%":
            return math.fmod(left, right)
    except ZeroDivisionError:
        sign_of = math.copysign(1, left) * math.copysign(1, right)
        return math.nan if left == 0 or left != left else sign_of * math.inf
    except ValueError:
        return math.nan
    return {"+": left + right, "-": left - right, "*": left * right}[sign]


def compared(text, value):
    """A condition that is true exactly when a text has a value."""
    if value == ():
        return f"({text}) === undefined"
    if value != value:
        return f"({text}) !== ({text})"
    if value in (math.inf, -math.inf) and type(value) is float:
        return f"({text}) === {int(math.copysign(1, value))} / 0".replace("=== -1", "=== (-1)")
    return f"({text}) === {literal(value)}"


@settings(max_examples=1_500)
@given(TREES)
def test_a_tree_has_the_value_that_a_second_evaluator_finds(tree):
    text, value = written(tree), known(tree)
    assert parse_condition(text).evaluate(NAMES) is shown_true(value)
    assert parse_condition(compared(text, value)).evaluate(NAMES)


@given(TREES)
def test_white_space_and_parentheses_around_the_whole_change_nothing(tree):
    text = written(tree)
    first, other = parse_condition(text), parse_condition(f"\n ( {text}\t)\r\n")
    assert first.evaluate(NAMES) is other.evaluate(NAMES)
    assert (first.names, first.paths) == (other.names, other.paths)


@given(TREES)
def test_its_names_are_enough_to_decide_it(tree):
    condition = parse_condition(written(tree))
    assert condition.evaluate({name: NAMES[name] for name in condition.names}) is condition.evaluate(NAMES)


def test_deciding_runs_no_code_but_that_of_conditions():
    condition = parse_condition(
        "list.some((p, i) => p.kind === 'api' && i > 2) && map.n / 2 <= a && !o.x && c.includes('y')"
    )
    called = set()

    def profile(frame, event, _argument):
        if event == "call":
            called.add(frame.f_globals["__name__"])

    before = sys.getprofile()
    sys.setprofile(profile)
    try:
        decided = condition.evaluate(CONTEXT)
    finally:
        sys.setprofile(before)
    assert decided
    own = "orchestra_nb.definitions.condition"
    assert called - {__name__} == {own, f"{own}_evaluation", f"{own}_values"}
