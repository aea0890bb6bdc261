from __future__ import annotations

import pickle
import time

import pytest

from orchestra_nb.definitions.condition import parse_condition
from orchestra_nb.definitions.condition_evaluation import MOST_JOINED, MOST_STEPS
from orchestra_nb.definitions.condition_syntax import DEEPEST, MOST_NODES, MOST_TEXT
from orchestra_nb.definitions.condition_tokens import LONGEST_NUMBER
from orchestra_nb.errors import ConditionError, OrchestraError

BAD = [
    # unfinished or superfluous
    ("", 1, "found the end, expected a value"),
    ("  \n ", 5, "found the end, expected a value"),
    ("a &&", 5, "found the end, expected a value"),
    ("a.", 3, "found the end, expected the name of a member"),
    ("a[", 3, "found the end, expected a value"),
    ("a[]", 3, "found ']', expected a value"),
    ("a[1", 4, "found the end, expected ']'"),
    ("(a", 3, "found the end, expected ')'"),
    ("()", 2, "found ')', expected a value"),
    ("(a, b)", 3, "found ',', expected ')'"),
    ("a)", 2, "found ')', expected an operator or the end"),
    ("a]", 2, "found ']', expected an operator or the end"),
    ("a b", 3, "found 'b', expected an operator or the end"),
    ("a 'b'", 3, "found \"'b'\", expected an operator or the end"),
    ("1 2", 3, "found '2', expected an operator or the end"),
    ("[1 2]", 4, "found '2', expected ',' or ']'"),
    ("[,]", 2, "found ',', expected a value"),
    ("a ? b", 6, "found the end, expected ':'"),
    ("a ? : b", 5, "found ':', expected a value"),
    ("a ?? ", 6, "found the end, expected a value"),
    ("a..b", 3, "found '.', expected the name of a member"),
    ("a.'b'", 3, "found \"'b'\", expected the name of a member"),
    ("a.1", 2, "found '.1', expected an operator or the end"),
    ("* 2", 1, "found '*', expected a value"),
    ("a === === b", 7, "found '===', expected a value"),
    ("a; b", 2, "found ';'"),
    # from other languages
    ("a and b", 3, "found 'and', expected an operator or the end; write &&"),
    ("a or b", 3, "found 'or', expected an operator or the end; write ||"),
    ("not a", 1, "found 'not', expected a value such as a name, a number or a text; write !"),
    ("a === True", 7, "found 'True', expected a value such as a name, a number or a text; write true"),
    ("a === False", 7, "write false"),
    ("a === None", 7, "write null"),
    ("a is None", 3, "write ==="),
    ("'x' in a", 5, "write .includes(…)"),
    ("b if a else c", 3, "write … ? … : …"),
    ("lambda p: p", 1, "write p => …"),
    ("a.some(function (p) { return p })", 8, "expected a function such as p => p.kind === 'api'; write p => …"),
    ("a = b", 3, "found '=', expected an operator or the end; write ==="),
    ("a <> b", 3, "write !=="),
    ("a & b", 3, "write &&"),
    ("a | b", 3, "write ||"),
    ("a => 3", 3, "write >="),
    ("a =< 3", 3, "write ==="),
    ("a ** 2", 3, "write a * a"),
    ("a++", 4, "found the end, expected a value"),
    ("typeof a", 1, "found 'typeof', expected a value"),
    ("a instanceof b", 3, "found 'instanceof', expected an operator"),
    ("new Date", 1, "found 'new', expected a value"),
    ("this.a", 1, "found 'this', expected a value"),
    ("{a: 1}", 1, "found '{', expected a value or an operator"),
    ("`a`", 1, "found '`', expected a value or an operator; write '"),
    ("a // b", 4, "found '/', expected a value"),
    ("a # b", 3, "found '#', expected a value or an operator"),
    ("~a", 1, "found '~'"),
    ("a ^ b", 3, "found '^'"),
    ("a > \u2018x\u2019", 5, "write '"),
    ("a > \u201cx\u201d", 5, 'write "'),
    ("a \u2265 3", 3, "write >="),
    ("a \u2260 3", 3, "write !=="),
    ("a \u2212 3", 3, "write -"),
    ("a\u00a0> 3", 2, "write an ordinary space"),
    ("a\u200b > 3", 2, "remove the character U+200B"),
    ("a\x00", 2, "remove the character U+0000"),
    ("\ud800", 1, "remove the character U+D800"),
    # calls
    ("x.incldes('crypto')", 3, "found 'incldes', expected a method that can be called; did you mean 'includes'?"),
    ("x.startWith('a')", 3, "did you mean 'startsWith'?"),
    ("x.endswith('a')", 3, "write .endsWith(…)"),
    ("x.evry(p => p)", 3, "did you mean 'every'?"),
    ("x.indexOf('a') > 0", 3, "write .includes(…)"),
    ("x.contains('a')", 3, "write .includes(…)"),
    ("x.find(p => p)", 3, "write .some(…)"),
    ("x.length() > 0", 3, "write .length"),
    ("x.toString()", 3, "found 'toString', expected a method that can be called; known: endsWith, every, filter, inc"),
    ("len(x) > 0", 4, "found '(', expected an operator or the end; write .length"),
    ("any(x)", 4, "write .some(…)"),
    ("foo(1)", 4, "only the methods every, filter, some, endsWith, includes, startsWith can be called"),
    ("x['includes']('a')", 14, "can be called"),
    ("x.includes?.('a')", 13, "found '(', expected the name of a member"),
    ("(x.includes)('a')", 13, "can be called"),
    ("x.includes('a')('b')", 16, "can be called"),
    ("'a'('b')", 4, "can be called"),
    ("x.includes()", 12, "found ')', expected a value"),
    ("x.includes('a', 1)", 15, "found ',', expected ')', because a method takes one argument"),
    ("x.includes(p => p)", 14, "found '=>', expected ')'"),
    ("x.some('a')", 8, "expected a function such as p => p.kind === 'api'"),
    ("x.some(p)", 9, "found ')', expected a function such as p => p.kind === 'api'"),
    ("x.some()", 8, "found ')', expected a function"),
    ("x.some(() => true)", 9, "found ')', expected a function"),
    ("x.some((p, i, all) => p)", 13, "found ',', expected a function"),
    ("x.some((p, p) => p)", 12, "found 'p', expected a function"),
    ("x.some((p => p))", 11, "found '=>', expected a function"),
    ("x.some(null => 1)", 8, "found 'null', expected a function"),
    ("x.some(p => {})", 13, "found '{'"),
    ("x.some(p => p, 1)", 14, "because a method takes one argument"),
    ("p => p", 3, "found '=>', expected an operator or the end"),
    # what begins with _
    ("_a", 1, "found '_a', expected a name that does not begin with '_'; what begins with '_' is never read"),
    ("a._b", 3, "what begins with '_' is never read"),
    ("a?.__class__", 4, "what begins with '_' is never read"),
    ("a['__class__']", 3, "found the key '__class__'; what begins with '_' is never read"),
    ("a[('_b')]", 4, "what begins with '_' is never read"),
    (r"a['\x5f_class__']", 3, "what begins with '_' is never read"),
    ("a['\uff3f_b']", 3, "what begins with '_' is never read"),
    ("x.some(_ => true)", 8, "what begins with '_' is never read"),
    ("a.\uff3f\uff3fclass", 3, "what begins with '_' is never read"),
    ("a.\ufe33b", 3, "what begins with '_' is never read"),
    ("\uff41 > 1", 1, "expected a name in its plain form; write 'a'"),
    ("a.\ufb01le", 3, "expected a name in its plain form; write 'file'"),
    # numbers and texts
    ("0x10", 1, "found '0x', expected a decimal number such as 12 or 0.5"),
    ("10n", 1, "found '10n', expected a decimal number"),
    ("1_000", 1, "found '1_', expected a decimal number"),
    ("1.2.3", 1, "found '1.2.', expected a decimal number"),
    ("1e", 1, "found '1e', expected a decimal number"),
    ("3px", 1, "found '3p', expected a decimal number"),
    ("1.length", 1, "found '1.l', expected a decimal number"),
    ("a > 007", 5, "found '007', expected a number without leading zeros"),
    ("1" * (LONGEST_NUMBER + 1), 1, f"expected a number of at most {LONGEST_NUMBER} characters"),
    ("a === 'b", 7, "found a text without its end, expected ' before the end of the line"),
    ('a === "b', 7, 'found a text without its end, expected " before the end of the line'),
    ("'a\nb'", 1, "found a text without its end"),
    ("'a\\", 1, "found a text without its end"),
    (r"'a\d'", 3, r"found the escape \d, expected one such as \n"),
    (r"'\u12'", 2, r"found the escape \u"),
    (r"'\u{110000}'", 2, r"found the escape \u{110000}"),
    # what reads differently than it looks
    ("1 < a < 10", 7, "found '<', expected one comparison at a time; write a < b && b < c"),
    ("a === b === c", 9, "expected one comparison at a time"),
    ("a != b == c", 8, "expected one comparison at a time"),
    ("a ?? b || c", 8, "found '||', expected parentheses around one of ?? and ||"),
    ("a || b ?? c", 8, "found '??', expected parentheses around one of || and ??"),
    ("a && b ?? c", 8, "found '??', expected parentheses around one of && and ??"),
    ("a ?? b && c", 8, "found '&&', expected parentheses around one of ?? and &&"),
    ("a || b && c ?? d", 13, "found '??', expected parentheses"),
    # limits
    ("(" * (DEEPEST + 1) + "1", DEEPEST + 1, f"nested more than {DEEPEST} deep; split the condition"),
    ("!" * (DEEPEST + 1) + "1", DEEPEST + 1, f"nested more than {DEEPEST} deep"),
    ("[" * (DEEPEST + 1), DEEPEST + 1, f"nested more than {DEEPEST} deep"),
    ("a ? b : " * (DEEPEST + 1) + "c", 8 * DEEPEST + 3, f"nested more than {DEEPEST} deep"),
    ("1+" * MOST_NODES + "1", 2 * MOST_NODES + 1, f"more than {MOST_NODES} parts; split the condition"),
    ("a" + ".a" * MOST_NODES, 2 * MOST_NODES, f"more than {MOST_NODES} parts"),
    (" " * MOST_TEXT + "1", MOST_TEXT + 1, f"the condition has more than {MOST_TEXT:,} characters; split it"),
]


@pytest.mark.parametrize(("text", "column", "wording"), BAD)
def test_a_fault_is_named_with_its_column_what_was_found_and_what_was_expected(text, column, wording):
    with pytest.raises(ConditionError) as caught:
        parse_condition(text)
    assert caught.value.column == column
    assert wording in str(caught.value)
    assert str(caught.value) == f"column {column}: {caught.value.message}"
    assert len(str(caught.value)) < 250


def test_the_table_is_large():
    assert len({text for text, _, _ in BAD}) == len(BAD) >= 60


@pytest.mark.parametrize("value", [None, True, 1, b"a", ["a"], object()])
def test_only_a_text_is_a_condition(value):
    with pytest.raises(ConditionError, match=rf"found a value of type {type(value).__name__}, expected a text"):
        parse_condition(value)


@pytest.mark.parametrize(
    "text",
    [
        "(" * DEEPEST + "1" + ")" * DEEPEST,
        "!" * DEEPEST + "1",
        "[" * DEEPEST + "]" * DEEPEST,
        "a.some(p => " * DEEPEST + "1" + ")" * DEEPEST,
        "1+" * (MOST_NODES - 1) + "1",
        "a" + ".a" * (MOST_NODES - 1),
        "1" + " " * (MOST_TEXT - 1),
        "1" * LONGEST_NUMBER,
    ],
)
def test_what_just_keeps_to_a_limit_is_read_and_decided(text):
    assert type(parse_condition(text).evaluate({"a": []})) is bool


@pytest.mark.parametrize(
    ("text", "values", "column", "wording"),
    [
        ("1 < 2 && contxt.a", {"context": 1}, 10, "found the unknown name 'contxt'; did you mean 'context'?"),
        ("ture", {"context": 1}, 1, "found the unknown name 'ture'; did you mean 'true'?"),
        ("zzz", {"context": 1}, 1, "found the unknown name 'zzz'; known: context"),
        ("a", {}, 1, "found the unknown name 'a'"),
        ("true || zzz", {"context": 1}, 9, "found the unknown name 'zzz'"),
        ("a.some(p => p) || p", {"a": []}, 19, "found the unknown name 'p'"),
        ("a", {1: 2, "b": 3}, 1, "found the unknown name 'a'; known: b"),
        ("1 && a", [1], 6, "the values are of type list, expected a plain dictionary"),
        ("a['_' + b]", {"a": {"_c": 1}, "b": "c"}, 2, "the key '_c' begins with '_', and such a key is never read"),
        ("null[b]", {"b": "__class__"}, 5, "the key '__class__' begins with '_'"),
        ("a.some(p => a[p])", {"a": ["\uff3f"]}, 14, "begins with '_'"),
        ("a + a", {"a": "x" * (MOST_JOINED // 2 + 1)}, 3, "+ joins more than 10,000 characters"),
        ("a.some(p => a.some(q => false))", {"a": [0] * 1000}, 25, "more than 5,000 steps; look into less"),
        ("a.includes(1)", {"a": [0] * 4 * (MOST_STEPS + 1)}, 3, "more than 5,000 steps"),
        ("a.b", {"a": {str(i): i for i in range(33 * MOST_STEPS)}}, 3, "more than 5,000 steps"),
        ("a.some(p => b.includes('y'))", {"a": [0] * 1000, "b": "x" * 100_000}, 15, "more than 5,000 steps"),
    ],
)
def test_what_cannot_be_decided_is_named_with_its_column(text, values, column, wording):
    with pytest.raises(ConditionError) as caught:
        parse_condition(text).evaluate(values)
    assert caught.value.column == column
    assert wording in str(caught.value)


@pytest.mark.parametrize("text", ["(" * 100_000, "a" * 1_000_000, "'" * 1_000_000, "(" * MOST_TEXT, "!" * MOST_TEXT])
def test_a_monster_is_refused_at_once(text):
    best = 1.0
    for _ in range(5):
        start = time.thread_time()  # what others do meanwhile is none of its cost
        with pytest.raises(ConditionError):
            parse_condition(text)
        best = min(best, time.thread_time() - start)
    assert best < 0.01


def test_a_fault_travels_between_processes():
    with pytest.raises(OrchestraError) as caught:
        parse_condition("a b")
    error = pickle.loads(pickle.dumps(caught.value))
    assert type(error) is ConditionError
    assert (str(error), error.column, error.message) == (str(caught.value), 3, caught.value.message)
