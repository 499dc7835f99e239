# Copyright (c) 2026, the supplychain.cosign authors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

from __future__ import annotations

import os
import sys
from pathlib import Path

import pytest
from hypothesis import settings

ROOT = Path(__file__).resolve().parents[1]
COLLECTIONS = ROOT.parents[2]
if (ROOT.parent.name, COLLECTIONS.joinpath("ansible_collections").is_dir()) != ("supplychain", True):
    raise pytest.UsageError("The tests run from the staged tree …/ansible_collections/supplychain/cosign: make test")
for path in (str(COLLECTIONS), str(ROOT)):
    if path not in sys.path:
        sys.path.insert(0, path)

# A test that is slow because the machine is busy is not wrong.
settings.register_profile("patient", deadline=None)
settings.load_profile("patient")


@pytest.fixture(scope="session")
def vectors() -> Path:
    """The folder of vectors made by others; it is not part of this project."""
    folder = Path(os.environ.get("COSIGN_VECTORS", ""))
    if not os.environ.get("COSIGN_VECTORS") or not folder.is_dir():
        pytest.skip("no folder of vectors: set COSIGN_VECTORS to it")
    return folder


def pytest_make_parametrize_id(val: object, argname: str) -> str | None:
    """Bytes name their test by number: signatures differ from run to run, and so would the names in two workers."""
    return argname if isinstance(val, bytes) else None
