# Copyright (c) 2026, the supplychain.cosign authors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

# This module util is **PRIVATE** to the collection. It can change at any time.
"""Patterns for names: the subset of regular expressions that RE2 (cosign's engine) and Python read alike.

Matching is by sets of states, as RE2 does it, and not by `re`: that one tries the ways one after another, and an
everyday pattern such as `https://gitlab\\.com/.*/.*/.*@x` takes seconds on a name of 2 KiB that is full of slashes,
which an attacker chooses; with one `.*` more it takes minutes, and nothing can stop it. Here the time grows with the
length of the name only, whatever the pattern.
"""

from __future__ import annotations

from dataclasses import dataclass, field

from ansible_collections.supplychain.cosign.plugins.module_utils._evidence.pattern_syntax import (
    BOUNDARY,
    END,
    INSIDE,
    LONGEST,
    START,
    WORD,
    Chars,
    Node,
    parse_syntax,
    size,
)
from ansible_collections.supplychain.cosign.plugins.module_utils._formats.rejection import Rejection

MOST_STATES = 2100

_NAMES_OF_NOBODY = ("q7.z9@k-3.invalid", "https://k8-x.invalid/~v/W_3?j=5%20#e", "Zx0.k2-y.invalid")
"""Unlike each other in all but being names: a pattern that fits them all says nothing."""


@dataclass(frozen=True)
class Pattern:
    """A pattern as `parse_pattern` made it. Values are compared as they are: code point for code point, case too."""

    text: str
    _program: _Program = field(compare=False, repr=False)

    def matches(self, value: str) -> bool:
        """Whether all of `value` fits. LIMIT_EXCEEDED where that is longer than LONGEST, as in `search`."""
        return self._program.run(value)

    def search(self, value: str) -> bool:
        """Whether something in `value` fits, as RE2's MatchString says: only `^` and `$` bind it to the ends."""
        return self._program.run(value, start=False, end=False)

    def near_miss(self, value: str) -> str | None:
        """How to write the pattern where only a part of `value` fits, which is enough for cosign; else None. A piece
        of a sentence."""
        if self.matches(value) or not self.search(value):
            return None
        if self._program.run(value, end=False):
            where, add = "the beginning", "add .* at its end"
        elif self._program.run(value, start=False):
            where, add = "the end", "add .* at its beginning"
        else:
            where, add = "a part", "add .* at both its ends"
        group = "put it in (?: ) and " if "|" in self.text else ""
        return (
            f"the pattern fits only {where}, and here it must fit all, unlike in cosign: where anything may stand in "
            f"the rest, {group}{add}"
        )


def parse_pattern(text: str, what: str) -> Pattern:
    """The pattern `text`, of the option `what`. Whatever RE2 and Python would read differently is refused with how
    to write it instead, and so are an empty pattern and one that fits every name (POLICY_UNSUPPORTED)."""
    pattern = Pattern(text, _Program(parse_syntax(text, what), what))
    if all(map(pattern.matches, _NAMES_OF_NOBODY)):
        raise Rejection(
            "POLICY_UNSUPPORTED",
            f"The pattern {what} ({text[:200]!a}) fits any name at all; say who may sign, as in .*@acme\\.com",
        )
    return pattern


class _Program:
    """A pattern as states, numbered from 0, which is the end of the pattern; sets of states are the bits of an int.

    A state eats a character that is in `chars` and then goes to its one target, or it eats nothing and goes to all of
    its targets, if it has a `condition` only where that holds.
    """

    def __init__(self, node: Node, what: str) -> None:
        self.what = what
        self.targets: list[tuple[int, ...]] = []
        self.conditions: list[int] = []
        self.eats: dict[Chars, int] = {}
        self.asked = 0
        self.state()
        self.start = self.compile(node, 0)
        self.literals = {c.ranges[0][0]: bits for c, bits in self.eats.items() if _is_literal(c)}
        self.classes = [(c, bits) for c, bits in self.eats.items() if not _is_literal(c)]
        self.eating = 1 | sum(self.eats.values())
        self._arrivals: dict[int, list[int]] = {}

    def state(self, *targets: int, condition: int = 0) -> int:
        if len(self.targets) == MOST_STATES:
            raise Rejection(
                "POLICY_UNSUPPORTED",
                f"The pattern {self.what} is too large with its repetitions written out; write + or * for any number.",
            )
        self.targets.append(targets)
        self.conditions.append(condition)
        self.asked |= condition
        return len(self.targets) - 1

    def compile(self, node: Node, after: int) -> int:
        """The state in which `node` begins, if `after` is the one in which what follows it begins."""
        if node.kind == "chars":
            state = self.state(after)
            self.eats[node.chars] = self.eats.get(node.chars, 0) | 1 << state
            return state
        if node.kind == "assert":
            return self.state(after, condition=node.condition)
        if node.kind == "or":
            return self.state(*[self.compile(part, after) for part in node.parts])
        if node.kind == "then":
            for part in reversed(node.parts):
                after = self.compile(part, after)
            return after
        part = node.parts[0]
        if node.high is None:
            loop = self.state()
            self.targets[loop] = (self.compile(part, loop), after)
            first = loop
        else:
            first = after
            for dummy in range(node.high - node.low):
                first = self.state(self.compile(part, first), after)
        for dummy in range(node.low):
            first = self.compile(part, first)
        return first

    def arrivals(self, place: int) -> list[int]:
        """For each state, those that are reached from it at such a place before anything is eaten."""
        if place not in self._arrivals:
            found = [self.eating & 1 << state for state in range(len(self.targets))]
            waiting = [s for s, asks in enumerate(self.conditions) if not found[s] and asks & place == asks]
            grown = True
            while grown:
                grown = False
                for state in waiting:
                    bits = found[state]
                    for target in self.targets[state]:
                        bits |= found[target]
                    grown |= bits != found[state]
                    found[state] = bits
            self._arrivals[place] = found
        return self._arrivals[place]

    def place(self, value: str, at: int) -> int:
        """What the place before the character `at` of `value` is, as far as this pattern asks."""
        if not self.asked:
            return 0
        before, after = at > 0 and WORD.have(value[at - 1]), at < len(value) and WORD.have(value[at])
        place = START * (at == 0) | END * (at == len(value)) | (BOUNDARY if before != after else INSIDE)
        return place & self.asked

    def eaters(self, char: str) -> int:
        bits = self.literals.get(char, 0)
        for chars, those in self.classes:
            if chars.have(char):
                bits |= those
        return bits

    def run(self, value: str, start: bool = True, end: bool = True) -> bool:
        """Whether `value` fits from its start, or from anywhere, up to its end, or up to anywhere."""
        if size(value) > LONGEST:
            raise Rejection(
                "LIMIT_EXCEEDED",
                f"A name of more than {LONGEST} bytes is compared with no pattern; do not trust its signer.",
            )
        known: dict[str, int] = {}
        here = self.arrivals(self.place(value, 0))[self.start]
        for at, char in enumerate(value, 1):
            if not end and here & 1:
                return True
            if char not in known:
                known[char] = self.eaters(char)
            arrivals = self.arrivals(self.place(value, at))
            fed = here & known[char]
            here = 0 if start else arrivals[self.start]
            for number, byte in enumerate(fed.to_bytes((fed.bit_length() + 7) // 8, "little")):
                for bit in _BITS[byte]:
                    here |= arrivals[self.targets[number * 8 + bit][0]]
            if start and not here:
                return False
        return bool(here & 1)


_BITS = [[bit for bit in range(8) if byte >> bit & 1] for byte in range(256)]


def _is_literal(chars: Chars) -> bool:
    return not chars.negated and len(chars.ranges) == 1 and chars.ranges[0][0] == chars.ranges[0][1]
