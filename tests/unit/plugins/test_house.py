# Copyright (c) 2026, the supplychain.cosign authors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

from __future__ import annotations

import ast
import sys
import typing as t
from pathlib import Path

import pytest

PLUGINS = Path(__file__).resolve().parents[3] / "plugins"
OURS = "ansible_collections.supplychain.cosign.plugins."

# Which room may use which: the arrows of the house, all of them.
ARROWS = {
    "module_utils/_formats": {"module_utils/_formats"},
    "module_utils/_http": {"module_utils/_http", "module_utils/_formats"},
    "module_utils/_registry": {"module_utils/_registry", "module_utils/_http", "module_utils/_formats"},
    "module_utils/_keys": {"module_utils/_keys", "module_utils/_formats"},
    "module_utils/_evidence": {"module_utils/_evidence", "module_utils/_formats"},
    "module_utils/_services": {"module_utils/_services", "module_utils/_http", "module_utils/_formats"},
    "module_utils/_usecases": {
        "module_utils/_usecases",
        "module_utils/_registry",
        "module_utils/_http",
        "module_utils/_services",
        "module_utils/_keys",
        "module_utils/_evidence",
        "module_utils/_formats",
    },
}
ARROWS["module_utils/_ansible"] = {"module_utils/_ansible", *ARROWS["module_utils/_usecases"]}
ARROWS["modules"] = {"module_utils/_ansible"}
ARROWS["plugin_utils"] = {"plugin_utils", "module_utils/_ansible", "module_utils/_usecases", "module_utils/_formats"}
ARROWS["action"] = {"plugin_utils", "module_utils/_ansible"}
FILES = sorted(path for path in PLUGINS.rglob("*.py") if path.parent.name != "doc_fragments")
PURE = ("module_utils/_formats", "module_utils/_evidence")
DOES_IO = {"socket", "ssl", "subprocess", "tempfile", "urllib", "http", "os", "time", "pathlib"}


def room(path: Path) -> str:
    return path.parent.relative_to(PLUGINS).as_posix()


def imports(tree: ast.AST) -> t.Iterator[str]:
    for node in ast.walk(tree):
        if isinstance(node, ast.ImportFrom):
            assert node.level == 0, "imports are absolute"
            yield str(node.module)
        elif isinstance(node, ast.Import):
            yield from (one.name for one in node.names)


@pytest.mark.parametrize("path", FILES, ids=lambda path: path.relative_to(PLUGINS).as_posix())
def test_arrows_run_one_way(path: Path) -> None:
    here = room(path)
    for name in imports(ast.parse(path.read_text())):
        if name.startswith(OURS):
            target = PLUGINS.joinpath(*name[len(OURS) :].split("."))
            there = (target if target.is_dir() else target.parent).relative_to(PLUGINS).as_posix()
            assert there in ARROWS[here], f"{here} must not know {there}"
        elif name.split(".")[0] == "ansible":
            allowed = here in ("plugin_utils", "action") or (
                here == "module_utils/_ansible" and name.startswith("ansible.module_utils")
            )
            assert allowed, f"{here} must not know {name}"
        elif here in PURE:
            assert name.split(".")[0] not in DOES_IO, f"{here} is pure, and {name} is not"


@pytest.mark.parametrize("path", FILES, ids=lambda path: path.relative_to(PLUGINS).as_posix())
def test_what_may_be_missing_is_imported_with_care(path: Path) -> None:
    """An unguarded import that fails would end the whole run: the strategy imports actions before any task."""
    tree = ast.parse(path.read_text())
    for node in tree.body:
        if not isinstance(node, (ast.Import, ast.ImportFrom)):
            continue
        for name in imports(ast.Module([node], [])):
            top = name.split(".")[0]
            assert top in sys.stdlib_module_names or top in ("ansible", "ansible_collections"), f"{name} is not guarded"
