# Copyright (c) 2026, the supplychain.cosign authors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

# This module util is **PRIVATE** to the collection. It can change at any time.
from __future__ import annotations

import typing as t

Names = t.Collection[t.Hashable]


def distinct(named: t.Iterable[Names]) -> list[set[t.Hashable]]:
    """The different ones among these, each given by everything that it is known by: two that share a name are one,
    also by way of a third, in whatever order they come."""
    groups: list[set[t.Hashable]] = []
    for names in named:
        same = [group for group in groups if not group.isdisjoint(names)]
        groups = [group for group in groups if group.isdisjoint(names)]
        groups.append(set(names).union(*same))
    return groups


def count_places(candidates: t.Sequence[t.Collection[int]]) -> int:
    """How many places can be filled, each by a candidate of its own, where each candidate fits the places of these
    numbers (a maximum bipartite matching, by augmenting paths)."""
    holders: dict[int, int] = {}

    def seat(candidate: int, tried: set[int]) -> bool:
        for place in candidates[candidate]:
            if place not in tried:
                tried.add(place)
                if place not in holders or seat(holders[place], tried):
                    holders[place] = candidate
                    return True
        return False

    return sum(seat(candidate, set()) for candidate in range(len(candidates)))
