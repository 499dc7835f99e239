# Copyright (c) 2026, the supplychain.cosign authors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

# This module util is **PRIVATE** to the collection. It can change at any time.
"""The subset of regular expressions that RE2 (cosign's engine) and Python read alike, read into a tree."""

from __future__ import annotations

import re
import sys
import typing as t

from ansible_collections.supplychain.cosign.plugins.module_utils._formats.rejection import Rejection

LONGEST = 2048
"""Bytes of a pattern, and of a name that is compared with one."""

_NOT_PLAIN = re.compile("[\x00-\x1f\x7f-\x9f\ud800-\udfff]")

MOST_REPEATS = 1000
DEEPEST = 50

START, END, BOUNDARY, INSIDE = 1, 2, 4, 8
"""What an assertion (`^ $ \\b \\B`) asks of a position, and what a position is."""

Range = tuple[str, str]


class Chars(t.NamedTuple):
    """A set of characters: those of the ranges, or all others."""

    ranges: tuple[Range, ...]
    negated: bool = False

    def have(self, char: str) -> bool:
        return any(low <= char <= high for low, high in self.ranges) != self.negated


class Node(t.NamedTuple):
    """A piece of a pattern: `kind` is chars, assert, then, or, repeat (`high` None: without bound)."""

    kind: str
    parts: tuple[Node, ...] = ()
    chars: Chars = Chars(())
    condition: int = 0
    low: int = 0
    high: int | None = 0


def _others(ranges: tuple[Range, ...]) -> tuple[Range, ...]:
    """The ranges of what is in none of `ranges`, which are in order."""
    lows = ["\0", *(chr(ord(high) + 1) for dummy, high in ranges)]
    highs = [*(chr(ord(low) - 1) for low, dummy in ranges), chr(sys.maxunicode)]
    return tuple(zip(lows, highs))


_CLASSES = {
    "d": (("0", "9"),),
    "w": (("0", "9"), ("A", "Z"), ("_", "_"), ("a", "z")),
    "s": (("\t", "\n"), ("\f", "\r"), (" ", " ")),
}
_CLASSES.update({name.upper(): _others(ranges) for name, ranges in list(_CLASSES.items())})
WORD = Chars(_CLASSES["w"])
_ASSERTIONS = {"^": START, "$": END, "\\b": BOUNDARY, "\\B": INSIDE}
_QUANTIFIERS: dict[str, tuple[int, int | None]] = {"*": (0, None), "+": (1, None), "?": (0, 1)}

_GROUPS = (
    ("(?=", "looks ahead", "write out what may follow, with | between the choices"),
    ("(?!", "looks ahead", "write out what may follow, with | between the choices"),
    ("(?<=", "looks back", "write out what may stand before, with | between the choices"),
    ("(?<!", "looks back", "write out what may stand before, with | between the choices"),
    ("(?P=", "refers back to a group", "write out what that group may be"),
    ("(?P<", "names a group", "write (?: instead"),
    ("(?<", "names a group", "write (?: instead"),
    ("(?#", "has a comment", "leave it out"),
    ("(?", "sets a flag", "write both cases, as in [Aa], or (?: for a group"),
)
_ESCAPES = {
    **dict.fromkeys("123456789", ("refers back to a group", "write out what that group may be")),
    **dict.fromkeys("pP", ("names a Unicode class", "list the characters, as in [a-z]")),
    **dict.fromkeys("AzZ", ("marks an end with a letter", "write ^ or $, or nothing: options match in full")),
    **dict.fromkeys("QE", ("quotes a stretch of text", "put \\ before each special character")),
    "C": ("asks for one byte", "write . for one character"),
}


def parse_syntax(text: str, what: str) -> Node:
    """The pattern `text` of the option `what` as a tree. What RE2 and Python would read differently is refused with how
    to write it instead (POLICY_UNSUPPORTED), and so is repetition without bound within such a one."""
    return _Parser(text, what).parse()


class _Parser:
    """Reads a pattern from left to right; `at` is where."""

    def __init__(self, text: str, what: str) -> None:
        self.text, self.what, self.at, self.depth = text, what, 0, 0

    def refuse(self, found: str, instead: str) -> Rejection:
        shown = self.text if len(self.text) <= 200 else self.text[:200] + "…"
        return Rejection(
            "POLICY_UNSUPPORTED",
            f"The pattern {self.what} ({shown!a}) {found} at character {self.at + 1}; {instead}.",
        )

    def sees(self, *beginnings: str) -> bool:
        return self.text.startswith(beginnings, self.at)

    def take(self) -> str:
        self.at += 1
        return self.text[self.at - 1]

    def parse(self) -> Node:
        if not self.text:
            raise Rejection(
                "POLICY_UNSUPPORTED", f"The pattern {self.what} is empty; say who may sign, or leave it out."
            )
        if not is_plain(self.text):
            raise self.refuse("has a control character", "take it out (a block scalar in YAML ends with a newline)")
        if size(self.text) > LONGEST:
            raise self.refuse(f"is longer than {LONGEST} bytes", "give several shorter signers instead")
        node = self.choices()
        if self.at < len(self.text):
            raise self.refuse("closes a group that is not open", "write \\) for a parenthesis")
        return node

    def choices(self) -> Node:
        choices = [self.sequence()]
        while self.sees("|"):
            self.at += 1
            choices.append(self.sequence())
        return choices[0] if len(choices) == 1 else Node("or", tuple(choices))

    def sequence(self) -> Node:
        parts = []
        while self.at < len(self.text) and not self.sees("|", ")"):
            parts.append(self.quantified(self.atom()))
        return Node("then", tuple(parts))

    def atom(self) -> Node:
        for written, condition in _ASSERTIONS.items():
            if self.sees(written):
                self.at += len(written)
                return Node("assert", condition=condition)
        if self.sees("("):
            return self.group()
        if self.sees("["):
            return self.bracket()
        if self.sees("\\"):
            return Node("chars", chars=Chars(self.escape()))
        if self.sees("*", "+", "?", "{"):
            raise self.refuse("repeats nothing", f"write \\{self.text[self.at]} for the character itself")
        char = self.take()
        return Node("chars", chars=Chars((("\n", "\n"),), negated=True) if char == "." else Chars(((char, char),)))

    def group(self) -> Node:
        if self.sees("(?:"):
            self.at += 3
        else:
            for written, found, instead in _GROUPS:
                if self.sees(written):
                    raise self.refuse(found, instead)
            self.at += 1
        self.depth += 1
        if self.depth > DEEPEST:
            raise self.refuse(f"nests more than {DEEPEST} groups", "write it flatter")
        node = self.choices()
        if not self.sees(")"):
            raise self.refuse("ends within a group", "close it with ), or write \\( for a parenthesis")
        self.at += 1
        self.depth -= 1
        return node

    def escape(self) -> tuple[Range, ...]:
        name = self.text[self.at + 1 : self.at + 2]
        if name in _CLASSES:
            self.at += 2
            return _CLASSES[name]
        if name in _ESCAPES:
            raise self.refuse(*_ESCAPES[name])
        if not name or name.isalnum() or name > "~":
            raise self.refuse("escapes what RE2 and Python do not both escape", "write the character itself")
        self.at += 2
        return ((name, name),)

    def bracket(self) -> Node:
        self.at += 1
        negated = self.sees("^")
        self.at += negated
        ranges: list[Range] = []
        first = True
        while first or not self.sees("]"):
            if self.at >= len(self.text):
                raise self.refuse("ends within a class", "close it with ], or write \\[ for a bracket")
            ranges += self.member(first)
            first = False
        self.at += 1
        return Node("chars", chars=Chars(tuple(ranges), negated))

    def member(self, first: bool) -> tuple[Range, ...]:
        """One character, range or escape of a class."""
        if self.sees("[:", "[=", "[."):
            raise self.refuse("names a POSIX class", "list the characters, as in [A-Za-z] for [[:alpha:]]")
        if self.sees("["):
            raise self.refuse("has a bracket within a class", "write \\[ for a bracket")
        if self.sees("-") and not first and not self.sees("-]"):
            raise self.refuse("has a loose hyphen within a class", "write \\- for a hyphen")
        low = self.one()
        if not self.sees("-") or self.sees("-]"):
            return low
        self.at += 1
        high = self.one() if self.at < len(self.text) else ()
        if len(low) != 1 or len(high) != 1 or low[0][0] != low[0][1] or not low[0][0] <= high[0][0] == high[0][1]:
            raise self.refuse("has a range that is none within a class", "write \\- for a hyphen")
        return ((low[0][0], high[0][0]),)

    def one(self) -> tuple[Range, ...]:
        if self.sees("\\"):
            return self.escape()
        char = self.take()
        return ((char, char),)

    def quantified(self, node: Node) -> Node:
        bounds = self.bounds()
        if bounds is None:
            return node
        low, high = bounds
        if node.kind == "assert":
            raise self.refuse("repeats a mark of a place", "leave the repetition out")
        self.at += self.sees("?")
        if self.sees("*", "+", "?", "{"):
            raise self.refuse("repeats a repetition", "put one of them, or write (?: ) around the inner one")
        if high is None and _unbounded(node):
            raise self.refuse(
                "repeats without bound what is itself repeated without bound",
                "write one class for both, as in [a-z/]* for ([a-z]+/)*, or a bound, as in {0,9}",
            )
        whole = Node("repeat", (node,), low=low, high=high)
        if _repeats(whole) > MOST_REPEATS:
            raise self.refuse(f"repeats more than {MOST_REPEATS} times", "write + or * for any number")
        return whole

    def bounds(self) -> tuple[int, int | None] | None:
        if self.sees("*", "+", "?"):
            return _QUANTIFIERS[self.take()]
        if not self.sees("{"):
            return None
        inner, closed, dummy = self.text[self.at + 1 :].partition("}")
        low, comma, high = inner.partition(",")
        if not closed or not _is_count(low) or not (high == "" or _is_count(high)):
            raise self.refuse("has a { that begins no repetition", "write \\{ for a brace, or {n}, {n,}, {n,m}")
        if high and int(high) < int(low):
            raise self.refuse("repeats at most fewer times than at least", "put the smaller number first")
        self.at += len(inner) + 2
        return int(low), (int(high) if high else None) if comma else int(low)


def _is_count(digits: str) -> bool:
    return digits.isascii() and digits.isdigit() and len(digits) <= 4 and str(int(digits)) == digits


def _unbounded(node: Node) -> bool:
    return (node.kind == "repeat" and node.high is None) or any(map(_unbounded, node.parts))


def _repeats(node: Node) -> int:
    """How often the innermost piece is repeated at least, as RE2 counts it."""
    own = (node.low if node.high is None else node.high) if node.kind == "repeat" else 1
    return max(own, 1) * max(map(_repeats, node.parts), default=1)


def size(value: str) -> int:
    """The bytes of a text, which may have lone surrogates."""
    return len(value.encode("utf-8", "surrogatepass"))


def is_plain(value: str) -> bool:
    """Whether a text has neither control characters nor lone surrogates, as a name must not."""
    return _NOT_PLAIN.search(value) is None
