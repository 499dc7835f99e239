# Copyright (c) 2026, the supplychain.cosign authors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

from __future__ import annotations

import pytest

from ansible_collections.supplychain.cosign.plugins.module_utils._formats.rejection import CODES
from tests.support.attacks import ADVISORY, CODE, MARK, MUST, ROOT, ROWS, coverage, marks, page
from tests.support.sigstore.wrong import CASES


def test_the_page_is_what_the_tests_say() -> None:
    written = (ROOT / "docs/attacks.md").read_text()
    assert written == page(), "make docs/attacks.md anew: python -m tests.support.attacks > docs/attacks.md"


@pytest.mark.parametrize("number", MUST)
def test_every_row_of_the_verifier_is_covered_by_cases_and_tests(number: str) -> None:
    row = coverage()[number]
    assert row.cases or number == "AT-34"
    assert row.tests


def test_every_mark_names_a_known_row() -> None:
    named = [(mark.test, one) for mark in marks() for one in mark.arguments]
    named += [(case.name, one) for case in CASES for one in case.rows]
    assert [(where, one) for where, one in named if not (MARK.match(one) or ADVISORY.match(one))] == []


def test_every_advisory_belongs_to_a_row() -> None:
    alone = [mark for mark in marks() if mark.arguments and not any(map(MARK.match, mark.arguments))]
    assert alone == []
    assert [case.name for case in CASES if case.rows and not any(map(MARK.match, case.rows))] == []


def test_every_code_is_one() -> None:
    words = {word for row in ROWS.values() for word in CODE.findall(row.codes)}
    assert words <= CODES
    assert {case.code for case in CASES if case.code} <= CODES
