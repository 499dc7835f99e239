# Copyright (c) 2026, the supplychain.cosign authors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""The catalogue: signatures that are right, in every form, and such of which exactly one thing is wrong, each with the
answer that it must get. Shares no code with the verifier."""

from __future__ import annotations

from tests.support.sigstore import wrong_claims, wrong_log, wrong_more, wrong_trust, wrong_who
from tests.support.sigstore.case import Case

CASES: list[Case] = [*wrong_claims.CASES, *wrong_log.CASES, *wrong_trust.CASES, *wrong_who.CASES, *wrong_more.CASES]
