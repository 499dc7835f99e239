# Copyright (c) 2026, the supplychain.cosign authors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""The cells of the matrix, its holes and their reasons, and the table that is printed at the end of the run."""

from __future__ import annotations

import typing as t
from dataclasses import dataclass

import pytest

PAIRS = (
    ("ours", "cosign2"),
    ("ours", "cosign3"),
    ("ours", "policy"),
    ("cosign2", "ours"),
    ("cosign3", "ours"),
)
FORMATS = ("bundle", "legacy")
KEYS = ("ecdsa-p256", "ecdsa-p384", "rsa-3072", "ed25519")
SHAPES = ("image", "index")
REGISTRIES = {
    "registry_docker": ("no referrers API", KEYS),
    "registry_ggcr": ("referrers API", KEYS),
    "registry_docker_tls_token": ("TLS, tokens", KEYS[:1]),
}
NAMES = {"ours": "ours", "cosign2": "cosign 2", "cosign3": "cosign 3", "policy": "containers/image"}


class Cell(t.NamedTuple):
    signer: str
    verifier: str
    how: t.Any
    registry: str
    key: str
    shape: str

    def __str__(self) -> str:
        return f"{self.signer}>{self.verifier}-{self.how}-{self.registry[9:]}-{self.key}-{self.shape}"


@dataclass(frozen=True)
class Hole:
    """Why a cell is empty, and a pattern of what the verifier says, so that the reason is seen to hold."""

    reason: str
    says: str = ""
    can_be_tried: bool = True


def cells() -> list[Cell]:
    return [
        Cell(signer, verifier, how, registry, key, shape)
        for registry, (_title, kinds) in REGISTRIES.items()
        for key in kinds
        for shape in SHAPES
        for how in FORMATS
        for signer, verifier in PAIRS
    ]


def is_played(cell: Cell) -> bool:
    """Whether our side is a real `ansible-playbook`: once for each registry, the rest is the engine below it."""
    return (cell.how, cell.key, cell.shape) == ("bundle", KEYS[0], "index")


_NO_BUNDLES = Hole("cosign 2.5 attaches no bundles to images: it has no option for it", can_be_tried=False)
_SEES_NO_BUNDLES = Hole(
    "cosign 2.5 looks for legacy signatures only; signature_format: both serves it", "no signatures"
)
_PODMAN_SEES_NO_BUNDLES = Hole(
    "containers/image (podman, skopeo, CRI-O) looks for legacy signatures only; signature_format: both serves it",
    "no signature exists",
)
_PREHASHED = Hole(
    "cosign 3 signs with Ed25519ph, which no cosign verifies on images (it refuses its own); we refuse it by name",
    "Ed25519ph",
)


def hole_of(cell: Cell) -> Hole | None:
    if (cell.signer, cell.key) == ("cosign3", "ed25519"):
        return _PREHASHED
    if cell.how == "bundle":
        if cell.signer == "cosign2":
            return _NO_BUNDLES
        if cell.verifier == "cosign2":
            return _SEES_NO_BUNDLES
        if cell.verifier == "policy":
            return _PODMAN_SEES_NO_BUNDLES
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
        terminalreporter.section("who accepts whose signatures")
        for line in self.lines():
            terminalreporter.write_line(line)

    def lines(self) -> list[str]:
        """The table, a row for signer, verifier and format; the reasons of its holes below it."""
        reasons: dict[str, str] = {}
        places = [(registry, key) for registry, (_title, kinds) in REGISTRIES.items() for key in kinds]
        rows = [
            [
                f"{NAMES[signer]} → {NAMES[verifier]}",
                how,
                *(self._both(signer, verifier, how, *column, reasons) for column in places),
            ]
            for signer, verifier in PAIRS
            for how in FORMATS
        ]
        header = ["signed by → verified by", "format", *(key for _name, key in places)]
        shown = ["", "", *(REGISTRIES[name][0] if key == KEYS[0] else "" for name, key in places)]
        lines = [titles(shown, header, rows), *columns([header, *rows])]
        return [*lines, "", "yes: image and index", *(f"{mark}: {text}" for text, mark in reasons.items())]

    def _both(self, signer: str, verifier: str, how: str, registry: str, key: str, reasons: dict[str, str]) -> str:
        marks = [self._mark(Cell(signer, verifier, how, registry, key, shape), reasons) for shape in SHAPES]
        return marks[0] if len(set(marks)) == 1 else "/".join(marks)

    def _mark(self, cell: Cell, reasons: dict[str, str]) -> str:
        if cell not in self._cells:
            return "FAILED" if cell in self._started else "."
        hole = self._cells[cell]
        return "yes" if hole is None else reasons.setdefault(hole.reason, f"({chr(ord('a') + len(reasons))})")


def _widths(rows: t.Sequence[t.Sequence[str]]) -> list[int]:
    return [max(map(len, column)) for column in zip(*rows, strict=True)]


def columns(rows: t.Sequence[t.Sequence[str]]) -> list[str]:
    widths = _widths(rows)
    return ["  ".join(f"{text:{width}}" for text, width in zip(row, widths, strict=True)).rstrip() for row in rows]


def titles(shown: t.Sequence[str], header: t.Sequence[str], rows: t.Sequence[t.Sequence[str]]) -> str:
    """A line above the header in which each title starts above its first column."""
    line, start = "", 0
    for title, width in zip(shown, _widths([header, *rows]), strict=True):
        if title:
            line = f"{line:{start}}{title}"
        start += width + 2
    return line
