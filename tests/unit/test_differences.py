# Copyright (c) 2026, the supplychain.cosign authors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

from __future__ import annotations

from pathlib import Path

from tests.interop.differences import WE_ACCEPT, WE_REFUSE, page
from tests.support.sigstore.wrong import CASES

ALL = (*WE_REFUSE, *WE_ACCEPT)


def test_the_page_is_what_the_list_says() -> None:
    written = Path(__file__).resolve().parents[2].joinpath("docs/differences.md").read_text()
    assert written == page(), "make it anew: python -m tests.interop.differences > docs/differences.md"


def test_every_case_is_listed_once_for_a_peer() -> None:
    listed = [(peer, name) for one in ALL for peer in one.peers for name in one.names]
    assert sorted(listed) == sorted(set(listed))


def test_we_refuse_only_what_the_catalogue_calls_wrong() -> None:
    valid = {case.name for case in CASES if case.valid}
    assert [name for one in WE_REFUSE for name in one.names if name in valid] == []
    assert [name for one in WE_ACCEPT for name in one.names if name not in valid] == []
