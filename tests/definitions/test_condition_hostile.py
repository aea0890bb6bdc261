"""Expressions that mean harm, on values that notice any touch."""

from __future__ import annotations

import builtins
import types
from dataclasses import dataclass
from itertools import product

import pytest

from orchestra_nb.definitions.condition import parse_condition
from orchestra_nb.errors import ConditionError

TOUCHED: list[str] = []


def _tripwire(name):
    def touched(*_args, **_kwargs):
        TOUCHED.append(name)
        raise AssertionError(name)

    return touched


_OWN = {"__new__", "__init__", "__init_subclass__", "__class__", "__dict__", "__weakref__", "__del__", "__doc__"}
_KNOWN = [*vars(builtins).values(), *vars(types).values()]
_DUNDERS = {
    name
    for kind in (kind for kind in _KNOWN if isinstance(kind, type))
    for name in dir(kind)
    if name.startswith("__") and callable(getattr(kind, name, None))
} | {
    "__get__",
    "__set__",
    "__delete__",
    "__getattr__",
    "__index__",
    "__matmul__",
    "__fspath__",
    "__array__",
    "__bool__",
}
_TRIPWIRES = {name: _tripwire(name) for name in sorted(_DUNDERS - _OWN)}


def classes():
    """Classes that trip, made while nothing trips yet; kept in a dictionary, where nobody inspects them."""
    meta = type("Meta", (type,), {})
    made = {
        base: meta(f"Trip{base.__name__}", (base,), {**_TRIPWIRES, "get": _tripwire("get"), "keys": _tripwire("keys")})
        for base in (object, dict, str, list, int)
    }
    for name in ("__hash__", "__eq__", "__getattribute__", "__call__", "__instancecheck__", "__bool__", "__repr__"):
        setattr(meta, name, _tripwire(f"meta {name}"))
    return made


CLASSES = classes()


class Poison:
    """A key with the hash of a text: any dictionary that is asked for the text compares with it."""

    armed = False

    def __init__(self, text):
        self.hash = hash(text)

    def __hash__(self):
        return self.hash

    def __eq__(self, other):
        if not Poison.armed:
            return self is other
        TOUCHED.append("key __eq__")
        raise AssertionError


@dataclass
class Record:
    field: object

    @property
    def trap(self):
        TOUCHED.append("property")
        raise AssertionError

    def __getattribute__(self, name):
        TOUCHED.append(f"getattribute {name}")
        raise AssertionError


def make(base, *args):
    return base.__new__(CLASSES[base], *args)


def context():
    """Values of every kind, with tripwires in all places."""
    wire = make(object)
    record = object.__new__(Record)
    object.__setattr__(record, "field", wire)
    Poison.armed = False
    poisoned = {Poison("a"): 1, Poison("constructor"): 2, "b": 3, Poison("b"): 4}
    Poison.armed = True
    return {
        "a": {"b": {"c": [1, "x", None, wire]}, "wire": wire, "name": "Ada", "n": 3},
        "b": [wire, {"k": wire}, "text", 2],
        "s": "a text of characters",
        "n": 7,
        "w": wire,
        "m": make(dict),
        "t": make(str, "text"),
        "l": make(list),
        "i": make(int, 3),
        "r": record,
        "p": poisoned,
        "v": types.MappingProxyType({"w": wire, "m": make(dict)}),
        "u": (wire, wire),
        "f": len,
        "c": CLASSES[object],
        "M": type,
        "mod": builtins,
    }


def frozen(value):
    """A picture of plain values, by identity where somebody's code would run."""
    kind = type(value)
    if kind is dict:
        return tuple((key if type(key) is str else id(key), frozen(item)) for key, item in value.items())
    if kind is list or kind is tuple:
        return tuple(frozen(item) for item in value)
    return value if kind is str or kind is int or value is None else id(value)


VALUES = context()
PICTURE = frozen(VALUES)

TARGETS = ["a", "w", "m", "t", "l", "i", "r", "p", "v", "u", "f", "c", "M", "mod", "s", "n", "b[0]", "''", "[]", "1"]

ESCAPES = [
    # ways out of a namespace
    *("{}.__class__", "{}.__class__.__bases__[0].__subclasses__()"),
    "{}.__class__.__mro__[1].__subclasses__()[40]('/etc/passwd').read()",
    *("{}.__init__.__globals__['os'].system('id')", "{}['__class__']", "{}['__cl' + 'ass__']"),
    *("{}['_' + '_class__']['_' + '_bases__']", r"{}['\x5f\x5fclass\x5f\x5f']", r"{}['\u005f_class__']"),
    *(r"{}['\u{5f}_dict__']", "{}[['__class__'][0]]", "{}[true ? '__class__' : '']", "{}['__class__' ?? 0]"),
    *("['_' + '_class__', 'b'].some(k => {}[k])", "{}?.__class__?.__bases__", "{}?.['__dict__']", "{}.__dict__.x"),
    *("{}.__getattribute__('x')", "getattr({}, '__class__')", "getattr({}, 'a')", "vars({})", "type({})"),
    *("__import__('os').system('id')", "__builtins__.eval('1')", "eval('{}')", "exec('{}')", "open('/etc/passwd')"),
    *("{}.mro()", "{}.gi_frame.f_back.f_globals", "{}.func_globals", "{}.cr_frame.f_builtins", "{}.tb_frame"),
    # prototypes and constructors
    *("{}.constructor", "{}.constructor.constructor('return process')()", "{}['constructor']['constructor']"),
    *("{}.some.constructor('return this')()", "{}.includes.call({}, 1)", "{}.includes.apply({}, [1])"),
    *("{}.filter.bind({})", "{}.__proto__", "{}.__proto__.polluted = 1", "{}['__proto__']['polluted']"),
    *("{}.prototype.x", "Object.keys({})", "Function('return 1')()", "Reflect.get({}, 'a')"),
    *("process.mainModule.require('child_process')", "globalThis.{}", "this.constructor", "(() => {}.a)()"),
    *("[].filter.constructor`x`()", "new {}()", "import('{}')", "(function() { return {} })()"),
    # formats and calls on texts
    *("'%1000000000d' % {}", "'{0.__class__}'.format({})", "{}.format({})", "{}.format_map({})", "`${{}}`"),
    *('f"{{}}"', "'x' * 1000000000", "{}.replace('a', 'b')", "{}.encode('utf-8')", "{}.join([1, 2])"),
    *("{}.toString()", "{}.valueOf()", "{}.toJSON()", "{} + '' + {}", "'' + {}"),
    # changes
    *("{} = 1", "{}.x = 1", "{} += 1", "{}++", "--{}", "delete {}.a", "{}.clear()", "{}.pop()", "{}.push(1)"),
    *("{}.sort()", "{}.update({})", "{}.setdefault('z', 1)", "({} := 1)", "[...{}]", "[x for x in {}]", "lambda: {}"),
    *("void {}", "yield {}", "await {}"),
    # touches through operators
    *("{} === {}", "{} == {}", "{} == null", "{} !== 1", "{} < {}", "{} >= 1", "{} + 1", "1 - {}", "{} * {}"),
    *("{} / {}", "{} % 2", "-{}", "+{}", "!{}", "!!{}", "{} && {}", "{} || 1", "{} ?? 1", "{} ? 1 : 2"),
    *("[{}].includes({})", "[1, {}, 'x'].includes('x')", "{}.includes({})", "{}.includes('x')", "{}.includes(1)"),
    *("'text'.includes({})", "'text'.startsWith({})", "{}.endsWith('x')", "{}.length", "{}['length']", "{}[0]"),
    *("{}[{}]", "[1, 2][{}]", "'ab'[{}]", "a[{}]", "{}.a", "{}.b", "{}.w", "{}.k", "{}.field", "{}.field.x"),
    *("{}.trap", "{}.some(p => p)", "{}.some(p => p === {})", "{}.every((p, i) => p > i)"),
    *("{}.filter(p => p.length).length", "[{}].some(p => p.a || p[0] || p + p)", "[{}, {}].filter(p => p)[1].x"),
    # what looks like an underscore, or like nothing
    *("{}.\uff3f\uff3fclass\uff3f\uff3f", "{}['\uff3f\uff3fclass__']", "{}.\ufe33\ufe33class"),
    *("{}['\ufe4d\ufe4eclass']", "{}.\u203f\u203fclass", "{}.\u2040class", "{}.\uff43lass"),
    *("{}.\U0001d41c\U0001d425\U0001d41a", "{}.\u200b__class__", "{}.\u202e__ssalc__", "{}.a\u0000b"),
    *("{}.\u00adclass", "\ufeff{}.__class__", "{}\u2028.a"),
    # bombs
    *("{}" + ".a" * 500, "(" * 500 + "{}" + ")" * 500, "!" * 900 + "{}", "[" * 900 + "{}", "{}" + "[0]" * 300),
    *("{}" + " + {}" * 400, "9" * 900 + " + {}", "1e999999999 * {}", "9 ** 9 ** 9 ** {}", "1 << 100000000 << {}"),
    *("{}" + " ? 1 : {}" * 60, "b.some(p => " * 30 + "{}" + ")" * 30),
]

TEMPLATES = [
    "{}",
    "!({})",
    "({}) === 1",
    "b.some(p => {})",
    "[{}].filter((p, i) => p)[0]",
    "true ? {} : null",
    "null ?? ({})",
]


def harmless(text):
    TOUCHED.clear()
    try:
        decided = parse_condition(text).evaluate(VALUES)
    except ConditionError:
        decided = False
    assert type(decided) is bool
    assert TOUCHED == [], text


def test_there_are_very_many():
    texts = {template.replace("{}", e.replace("{}", t)) for template, e, t in product(TEMPLATES, ESCAPES, TARGETS)}
    assert len(ESCAPES) >= 100
    assert len(texts) >= 10_000


@pytest.mark.parametrize("template", TEMPLATES)
def test_no_expression_gets_out_touches_a_value_or_changes_one(template):
    for escape, target in product(ESCAPES, TARGETS):
        harmless(template.replace("{}", escape.replace("{}", target)))
    assert frozen(VALUES) == PICTURE


def test_the_tripwires_work():
    wire = VALUES["w"]
    for touch in (bool, len, repr, hash, iter, lambda w: w == 1, lambda w: w + 1, lambda w: w.x, lambda w: w[0]):
        TOUCHED.clear()
        with pytest.raises(AssertionError):
            touch(wire)
        assert TOUCHED
    for touch in (hash, lambda c: c == 1, lambda c: c.x, lambda c: c in (1, 2)):
        TOUCHED.clear()
        with pytest.raises(AssertionError):
            touch(type(wire))
        assert TOUCHED
    TOUCHED.clear()
    with pytest.raises(AssertionError):
        VALUES["p"].get("a")
    assert TOUCHED == ["key __eq__"]
    TOUCHED.clear()


def test_a_poisoned_mapping_still_gives_its_plain_members():
    TOUCHED.clear()
    assert parse_condition("p.b === 3 && p.a === undefined && b === 1").evaluate({**VALUES, "b": 1})
    assert parse_condition("b === 3").evaluate(VALUES["p"])
    assert TOUCHED == []


def test_a_record_is_read_past_its_own_code():
    TOUCHED.clear()
    assert parse_condition("r.field === w && r.trap === undefined && !!r").evaluate(VALUES)
    assert TOUCHED == []


def test_a_class_namespace_with_poison_is_read_past_it():
    holder = type("Holder", (), {"__dataclass_fields__": {"a": None}, "__slots__": ("a",)})
    poisoned = type("Poisoned", (holder,), {Poison("__dataclass_fields__"): 1, Poison("a"): 1, "c": 1})
    value = object.__new__(poisoned)
    TOUCHED.clear()
    condition = parse_condition("o.a === undefined")
    assert condition.evaluate({"o": value})
    assert TOUCHED == []
