# Copyright (c) 2026, the supplychain.cosign authors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

from __future__ import annotations

import hashlib

import pytest

from ansible_collections.supplychain.cosign.plugins.module_utils._formats.timestamp_request import timestamp_request
from tests.support.sigstore import der
from tests.support.sigstore.tsa import HASH_OIDS

NULL = b"\x05\0"


@pytest.mark.parametrize("nonce", [1, 127, 128, 255, 256, 2**63, 2**64, 2**128 - 1])
def test_it_asks_for_what_cosign_asks(nonce: int) -> None:
    """RFC 3161 §2.4.1: version, imprint, nonce; no policy, and no wish for certificates."""
    algorithm = der.sequence(der.oid(HASH_OIDS["sha256"]), NULL)
    imprint = der.sequence(algorithm, der.octets(hashlib.sha256(b"signature").digest()))
    expected = der.sequence(der.integer(1), imprint, der.integer(nonce))
    assert timestamp_request(b"signature", nonce) == expected
