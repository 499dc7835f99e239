# Copyright (c) 2026, the supplychain.cosign authors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""The reviewed list of disagreements (differences.yml); `python -m tests.interop.differences` prints
docs/differences.md."""

from __future__ import annotations

import fnmatch
import typing as t
from dataclasses import dataclass
from pathlib import Path

import yaml

from tests.support.sigstore.wrong import CASES

COSIGN, PYTHON = PEERS = ("cosign 3.1", "sigstore-python")

HEAD = """\
<!--
Copyright (c) 2026, the supplychain.cosign authors
GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
SPDX-License-Identifier: GPL-3.0-or-later
-->
# Where our verdict is not that of cosign or sigstore-python

Made by `python -m tests.interop.differences` from `tests/interop/differences.yml`; do not edit. `make interop` lets
real cosign 3.1 and sigstore-python judge every signature of the test catalogue that they can be asked about, right ones
and such of which one thing is wrong, and compares. This is every disagreement: one more or one less fails the run.
Nothing of the catalogue that is wrong is refused by cosign and accepted here.
"""


@dataclass(frozen=True)
class Difference:
    """`peers` judge the cases with these names otherwise than we; `why` says what we demand, or take. `better` is whose
    verdict it is. `varies`: theirs is another from one signature to the next."""

    why: str
    better: str
    peers: tuple[str, ...]
    names: tuple[str, ...]
    varies: bool

    @classmethod
    def read(cls, found: t.Mapping[str, t.Any]) -> Difference:
        assert found["better"] in ("ours", "theirs", "either"), found
        assert set(found["peers"]) <= set(PEERS), found
        unknown = [one for one in found["cases"] if not fnmatch.filter(_NAMES, one)]
        assert not unknown, f"there is no such case: {unknown}"
        names = [name for name in _NAMES if any(fnmatch.fnmatchcase(name, one) for one in found["cases"])]
        return cls(found["why"], found["better"], tuple(found["peers"]), tuple(names), found.get("varies", False))


_NAMES = [case.name for case in CASES]
_LISTED = yaml.safe_load(Path(__file__).with_suffix(".yml").read_text())
WE_REFUSE, WE_ACCEPT = ([Difference.read(one) for one in _LISTED[which]] for which in ("we refuse", "we accept"))


def page() -> str:
    """docs/differences.md."""
    lines = [HEAD]
    for title, listed in (("We refuse, they accept", WE_REFUSE), ("We accept, they refuse", WE_ACCEPT)):
        lines += [f"## {title}", "", "| why | better | than | cases |", "| --- | --- | --- | --- |"]
        lines += [f"| {one.why} | {one.better} | {', '.join(one.peers)} | {_shown(one)} |" for one in listed]
        lines.append("")
    return "\n".join(lines).rstrip() + "\n"


def _shown(one: Difference) -> str:
    shown = one.names if len(one.names) <= 4 else one.names[:3]
    more = f" and {len(one.names) - len(shown)} more" if len(shown) < len(one.names) else ""
    return "; ".join(shown).replace("|", "\\|").replace("*", "\\*") + more + (" (at times)" if one.varies else "")


if __name__ == "__main__":
    print(page(), end="")
