# Copyright (c) 2026, the supplychain.cosign authors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

# This module util is **PRIVATE** to the collection. It can change at any time.
from __future__ import annotations

import typing as t


def count_distinct(named: t.Iterable[t.Collection[t.Hashable]]) -> int:
    """How many different ones these are, each given by everything that it is known by: two that share a name are one,
    also by way of a third, in whatever order they come."""
    groups: list[set[t.Hashable]] = []
    for names in named:
        same = [group for group in groups if not group.isdisjoint(names)]
        groups = [group for group in groups if group.isdisjoint(names)]
        groups.append(set(names).union(*same))
    return len(groups)
