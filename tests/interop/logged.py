# Copyright (c) 2026, the supplychain.cosign authors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""The cells of the matrix on Sigstore's services, its holes and their reasons, and the table that is printed."""

from __future__ import annotations

import typing as t
from dataclasses import dataclass

import pytest

from tests.interop.matrix import columns, titles
from tests.interop.peers import WhoSigns
from tests.interop.ways import IN_MATRIX, Party, Way

SIGNERS: tuple[Party, ...] = ("ours", "cosign2", "cosign3", "python", "javascript")
VERIFIERS: tuple[Party, ...] = (*SIGNERS, "policy")
NAMES = {
    "ours": "ours",
    "cosign2": "cosign 2.5",
    "cosign3": "cosign 3.1",
    "python": "sigstore-python",
    "javascript": "@sigstore",
    "policy": "containers/image",
}
REKORS: tuple[t.Literal[1, 2], ...] = (1, 2)
Place = t.Literal["referrers", "fallback tag", "legacy"]
PLACES: dict[Place, str] = {
    "referrers": "registry_ggcr",
    "fallback tag": "registry_docker",
    "legacy": "registry_docker",
}
WHO: tuple[WhoSigns, ...] = t.get_args(WhoSigns)


class Cell(t.NamedTuple):
    signer: Party
    verifier: Party
    rekor: t.Literal[1, 2]
    place: Place
    who: WhoSigns

    def __str__(self) -> str:
        return f"{self.signer}>{self.verifier}-rekor{self.rekor}-{self.place.replace(' ', '_')}-{self.who}"

    @property
    def format(self) -> t.Literal["bundle", "legacy"]:
        return "legacy" if self.place == "legacy" else "bundle"

    @property
    def way(self) -> Way:
        (way,) = (
            way for way in IN_MATRIX if (way.peer, way.format, way.rekor) == (self.signer, self.format, self.rekor)
        )
        return way


def cells() -> list[Cell]:
    return [
        Cell(signer, verifier, rekor, place, who)
        for rekor in REKORS
        for place in PLACES
        for who in WHO
        for signer in SIGNERS
        for verifier in VERIFIERS
    ]


def is_played(cell: Cell) -> bool:
    """Whether we sign and verify in a real `ansible-playbook`: once for each registry."""
    return (cell.signer, cell.rekor, cell.who) == ("ours", 1, "URI") and cell.place != "legacy"


@dataclass(frozen=True)
class Hole:
    """Why a cell is empty, and a pattern of what is said to whoever tries it; nothing where it cannot be tried."""

    reason: str
    says: str = ""


_NO_ROOM = "a legacy signature has no place for an entry of Rekor v2"
_UNSIGNED = {
    "ours legacy 2": Hole(f"{_NO_ROOM}: we refuse it", "only of API version 2, and 1 would be needed"),
    "cosign3 legacy 2": Hole("cosign 3.1 makes legacy signatures with Rekor v1 only", r"/api/v1/log/entries\]\[404\]"),
    "cosign2 legacy 2": Hole("cosign 2.5 speaks to Rekor v1 only", r"/api/v1/log/entries\]\[404\]"),
}
_NO_BUNDLES = Hole("cosign 2.5 attaches no bundles to images: it has no option for it")
_BUNDLES_ONLY = Hole("sigstore-python and @sigstore know bundles only, no legacy signatures: there is nothing to ask")
_NO_KEYS = Hole("sigstore-python signs with Fulcio's certificates only: it takes no key")
_KEYS_AS_CERTIFICATES = Hole(
    "@sigstore calls every key a certificate in what it sends to Rekor v2", "invalid dsse request"
)

_LEGACY_ONLY = "looks for legacy signatures only; signature_format: both serves it"
_SEES_NO_BUNDLES = Hole(f"cosign 2.5 {_LEGACY_ONLY}", "no signatures found")
_PODMAN_SEES_NO_BUNDLES = Hole(f"containers/image (podman, skopeo, CRI-O) {_LEGACY_ONLY}", "no signature exists")
_PODMAN_KNOWS_MAIL = Hole("containers/image knows e-mail addresses only as names in certificates", "Required email")
_PYTHON_KNOWS_NO_KEYS = Hole(
    "sigstore-python verifies certificates only: it takes no key", r"expected certificate in bundle|publicKey\.hint"
)
_OLD_ENTRIES = "@sigstore logs in Rekor v2 as kind dsse, which was taken out of it since; {} read no such entry"


def unsigned(cell: Cell) -> Hole | None:
    """Why nobody can verify: the signer does not sign so."""
    if cell.place == "legacy" and cell.signer in ("python", "javascript"):
        return _BUNDLES_ONLY
    if cell.signer == "cosign2" and cell.place != "legacy":
        return _NO_BUNDLES
    if (cell.signer, cell.who) == ("python", "key"):
        return _NO_KEYS
    if (cell.signer, cell.rekor, cell.who) == ("javascript", 2, "key"):
        return _KEYS_AS_CERTIFICATES
    return _UNSIGNED.get(f"{cell.signer} {cell.format} {cell.rekor}")


def unverified(cell: Cell) -> Hole | None:
    """Why what was signed is not accepted by this verifier."""
    if cell.place == "legacy":
        if cell.verifier in ("python", "javascript"):
            return _BUNDLES_ONLY
        return _PODMAN_KNOWS_MAIL if (cell.verifier, cell.who) == ("policy", "URI") else None
    if cell.verifier in ("cosign2", "policy"):
        return _SEES_NO_BUNDLES if cell.verifier == "cosign2" else _PODMAN_SEES_NO_BUNDLES
    if (cell.verifier, cell.who) == ("python", "key"):
        return _PYTHON_KNOWS_NO_KEYS
    if cell.verifier in ("cosign3", "python") and (says := cell.way.hole(cell.verifier)):
        return Hole(_OLD_ENTRIES.format("cosign 3.1 and sigstore-python"), says)
    return None


class Table:
    """Collects what became of the cells, and prints it when pytest prints its summary."""

    def __init__(self) -> None:
        self._started: set[Cell] = set()
        self._cells: dict[Cell, Hole | None] = {}

    def start(self, cell: Cell) -> None:
        self._started.add(cell)

    def add(self, cell: Cell, hole: Hole | None) -> None:
        self._cells[cell] = hole

    def pytest_terminal_summary(self, terminalreporter: pytest.TerminalReporter) -> None:
        terminalreporter.section("who accepts whose signatures on Sigstore's services")
        for line in self.lines():
            terminalreporter.write_line(line)

    def lines(self) -> list[str]:
        """The table, a row for signer and verifier; the reasons of its holes below it."""
        reasons: dict[str, str] = {}
        rows = [
            [
                f"{NAMES[signer]} → {NAMES[verifier]}",
                *(self._three(signer, verifier, rekor, place, reasons) for rekor in REKORS for place in PLACES),
            ]
            for signer in SIGNERS
            for verifier in VERIFIERS
        ]
        header = ["signed by → verified by", *(place for _rekor in REKORS for place in PLACES)]
        shown = ["", "Rekor v1", "", "", "Rekor v2 + TSA", "", ""]
        lines = [titles(shown, header, rows), *columns([header, *rows])]
        legend = f"yes: {', '.join(WHO)}, each with another signer refused; where they differ, they stand in that order"
        return [*lines, "", legend, *(f"{mark}: {text}" for text, mark in reasons.items())]

    def _three(
        self, signer: Party, verifier: Party, rekor: t.Literal[1, 2], place: Place, reasons: dict[str, str]
    ) -> str:
        marks = [self._mark(Cell(signer, verifier, rekor, place, who), reasons) for who in WHO]
        return marks[0] if len(set(marks)) == 1 else " ".join(marks)

    def _mark(self, cell: Cell, reasons: dict[str, str]) -> str:
        if cell not in self._cells:
            return "FAILED" if cell in self._started else "."
        hole = self._cells[cell]
        return "yes" if hole is None else reasons.setdefault(hole.reason, f"({chr(ord('a') + len(reasons))})")
