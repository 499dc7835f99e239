# Copyright (c) 2026, the supplychain.cosign authors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""What the documents show as YAML, for tests that run it."""

from __future__ import annotations

import re
import textwrap
import typing as t

import yaml

from tests.conftest import ROOT


def readme(chapter: str) -> list[t.Any]:
    """The YAML of a chapter of the README, a document for each block; `chapter` is its heading, with the marks."""
    text = (ROOT / "README.md").read_text().split(f"\n{chapter}\n")[1].split("\n## ")[0]
    return [yaml.safe_load(block) for block in re.findall(r"^```yaml\n(.*?)^```", text, re.MULTILINE | re.DOTALL)]


def guide(name: str) -> list[dict[str, t.Any]]:
    """The tasks of a guide, from the first block to the last."""
    text = (ROOT / "docs/docsite/rst" / name).read_text()
    blocks = re.findall(r"^\.\. code-block:: yaml\n\n((?:   .*\n|\n)+)", text, re.MULTILINE)
    return [task for block in blocks for task in yaml.safe_load(textwrap.dedent(block))]
