r"""The words of conditions: one token at a time, made when the parser asks for it.

So the first fault of a text is the one that is named, and nothing is built for a text that is refused early. Names are
letters of any alphabet, digits and ``$``, in the form that Unicode's compatibility rules leave alone (NFKC): two names
that look alike to Python are one, and the rest are refused. A name that begins with ``_`` does not exist anywhere.

A fault says what was found, what was expected, and what to write instead where the habit behind it is known: words of
Python, signs of other languages, methods under their other names, quotation marks of a text processor.
"""

from __future__ import annotations

import re
import unicodedata
from typing import NamedTuple, NoReturn

from orchestra_nb.definitions.condition_values import UNDERSCORES
from orchestra_nb.errors import ConditionError

LONGEST_NUMBER = 40
"""Characters of a number; a double has 17 digits."""

_LONGEST_SHOWN = 30
_INSTEAD = {
    **{"and": "&&", "or": "||", "not": "!", "is": "===", "True": "true", "False": "false", "None": "null"},
    **{"in": ".includes(…)", "if": "… ? … : …", "else": "… ? … : …", "lambda": "p => …", "function": "p => …"},
    **{"=": "===", "=>": ">=", "&": "&&", "|": "||", "<>": "!==", "**": "a * a", "`": "'"},
    **{"\u2018": "'", "\u2019": "'", "\u201c": '"', "\u201d": '"', "\u2212": "-", "\u2013": "-"},
    **{"\u2260": "!==", "\u2264": "<=", "\u2265": ">=", "\u00a0": "an ordinary space"},
}
_METHODS_INSTEAD = {
    **{"contains": ".includes(…)", "has": ".includes(…)", "indexOf": ".includes(…)", "find": ".some(…)"},
    **{"any": ".some(…)", "all": ".every(…)", "len": ".length", "length": ".length", "size": ".length"},
    **{"startswith": ".startsWith(…)", "endswith": ".endsWith(…)"},
}
_RESERVED = frozenset(
    {
        *("and", "as", "async", "await", "break", "case", "catch", "class", "const", "continue", "debugger", "def"),
        *("default", "del", "delete", "do", "elif", "else", "except", "export", "extends", "False", "finally", "for"),
        *("from", "function", "global", "if", "import", "in", "instanceof", "is", "lambda", "let", "new", "None"),
        *("nonlocal", "not", "or", "pass", "raise", "return", "super", "switch", "this", "throw", "True", "try"),
        *("typeof", "var", "void", "while", "with", "yield"),
    }
)
_TOKEN = re.compile(
    r"""[ \t\r\n]*+(?:
    (?P<number>(?:[0-9]++\.?[0-9]*+|\.[0-9]++)(?:[eE][+-]?[0-9]++)?)
  | (?P<text>'(?:[^'\\\r\n]|\\.)*+'|"(?:[^"\\\r\n]|\\.)*+")
  | (?P<name>(?:[^\W\d]|\$)[\w$]*+)
  | (?P<sign>===|!==|\*\*|=>|==|!=|<=|>=|<>|&&|\|\||\?\?|\?\.(?![0-9])|[-+*/%<>!?:.,()\[\]=&|])
  | (?P<end>\Z)
)""",
    re.VERBOSE,
)
_SPACE = re.compile(r"[ \t\r\n]*+")
_ESCAPE = re.compile(r"\\(?:u\{([0-9a-fA-F]{1,6})\}|u([0-9a-fA-F]{4})|x([0-9a-fA-F]{2})|(.))")
_ESCAPED = {"n": "\n", "t": "\t", "r": "\r", "b": "\b", "f": "\f", "v": "\v", **{c: c for c in "\\'\"/`"}}


class Token(NamedTuple):
    """A word: ``kind`` is number, text, name, sign or end; ``column`` counts from 1."""

    kind: str
    text: str
    column: int
    end: int


def next_token(text: str, start: int) -> Token:
    """Read the token that begins at an index, or after the white space there.

    Raises
    ------
    ConditionError
        For what is no token, a name that begins with ``_``, and a number that JavaScript would read differently.

    Examples
    --------
    >>> next_token("a >= 1", 1)
    Token(kind='sign', text='>=', column=3, end=4)
    """
    match = _TOKEN.match(text, start)
    if match is None or match.lastgroup is None:
        _no_token(text, start)
    kind = match.lastgroup
    token = Token(kind, match[kind], match.start(kind) + 1, match.end())
    if kind == "name":
        _check_name(token)
    elif kind == "number":
        _check_number(token, text[token.end : token.end + 1])
    return token


def unquoted(token: Token) -> str:
    r"""Give the value of a text, its escapes replaced.

    Examples
    --------
    >>> unquoted(next_token(r"'it\'s \u00e9'", 0))
    "it's é"
    """
    body = token.text[1:-1]
    if "\\" not in body:
        return body

    def replaced(match: re.Match[str]) -> str:
        digits = match[1] or match[2] or match[3]
        known = chr(int(digits, 16)) if digits and int(digits, 16) < 0x110000 else _ESCAPED.get(match[4] or "")
        if known is None:
            column = token.column + 1 + match.start()
            raise ConditionError(
                rf"found the escape {match[0]}, expected one such as \n, \' or \u00e9; write \\ for a backslash", column
            )
        return known

    plain = _ESCAPE.sub(replaced, body)
    return plain.encode("utf-16", "surrogatepass").decode("utf-16", "surrogatepass")  # joins pairs of \ud83d\ude00


def fault(token: Token, expected: str, hint: str = "") -> NoReturn:
    """Raise for a token in a place where something else belongs.

    Examples
    --------
    >>> fault(next_token("a and b", 1), "an operator or the end")
    Traceback (most recent call last):
    orchestra_nb.errors.ConditionError: column 3: found 'and', expected an operator or the end; write &&
    """
    found = "the end" if token.kind == "end" else shown(token.text)
    if not hint and token.text in _INSTEAD:
        hint = f"write {_INSTEAD[token.text]}"
    raise ConditionError(f"found {found}, expected {expected}" + (f"; {hint}" if hint else ""), token.column)


def other_name(method: str) -> str:
    """Say what stands in place of a method or function of another language; empty when nothing is known.

    Examples
    --------
    >>> other_name("indexOf"), other_name("toString")
    ('write .includes(…)', '')
    """
    return f"write {_METHODS_INSTEAD[method]}" if method in _METHODS_INSTEAD else ""


def shown(text: str) -> str:
    """Quote a text for a message, shortened when it is long.

    Examples
    --------
    >>> shown("a" * 40)
    "'aaaaaaaaaaaaaaaaaaaaaaaaaaaaa…'"
    """
    return repr(text if len(text) <= _LONGEST_SHOWN else f"{text[: _LONGEST_SHOWN - 1]}…")


def is_reserved(name: str) -> bool:
    """Whether a name is a word of Python or JavaScript that cannot be meant as a name.

    Examples
    --------
    >>> is_reserved("and"), is_reserved("plan")
    (True, False)
    """
    return name in _RESERVED


def _check_name(token: Token) -> None:
    if token.text[0] == "_":
        fault(token, "a name that does not begin with '_'", "what begins with '_' is never read")
    if not token.text.isascii() and unicodedata.normalize("NFKC", token.text) != token.text:
        fault(token, "a name in its plain form", f"write {shown(unicodedata.normalize('NFKC', token.text))}")


def _check_number(token: Token, after: str) -> None:
    if len(token.text) > LONGEST_NUMBER:
        fault(token, f"a number of at most {LONGEST_NUMBER} characters")
    if after and (after.isalnum() or after in "_$."):
        fault(token._replace(text=token.text + after), "a decimal number such as 12 or 0.5")
    if token.text[0] == "0" and token.text[1:2].isdigit():
        fault(token, "a number without leading zeros")


def _no_token(text: str, start: int) -> NoReturn:
    space = _SPACE.match(text, start)
    at = space.end() if space else start
    sign = text[at]
    token = Token("sign", sign, at + 1, at + 1)
    if sign in "'\"":
        raise ConditionError(f"found a text without its end, expected {sign} before the end of the line", at + 1)
    if sign in UNDERSCORES:
        fault(token, "a name that does not begin with '_'", "what begins with '_' is never read")
    if sign in _INSTEAD or 0x20 < ord(sign) < 0x7F:
        fault(token, "a value or an operator")
    fault(token, "a value or an operator", f"remove the character U+{ord(sign):04X}")
