# Copyright (c) 2026, the supplychain.cosign authors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

from __future__ import annotations

import pytest

from ansible_collections.supplychain.cosign.plugins.module_utils._formats.public_key import PURE
from ansible_collections.supplychain.cosign.plugins.module_utils._formats.rejection import Rejection
from ansible_collections.supplychain.cosign.plugins.module_utils._keys.signer import FileSigner, Signer, check_signing
from tests.support.keys import KINDS, private_key, public_key

RSA = ("rsa-2048", "rsa-3072", "rsa-4096")
NO = "refused"
# key: bundle with no log, Rekor v1, Rekor v2; legacy with no log, Rekor v1, Rekor v2
TABLE = {
    "ecdsa-p256": ("sha256", "sha256", "sha256", "sha256", "sha256", NO),
    **dict.fromkeys(RSA, ("sha256", "sha256", "sha256", "sha256", "sha256", NO)),
    "ecdsa-p384": ("sha256", "sha256", "sha384", "sha256", NO, NO),
    "ecdsa-p521": ("sha256", "sha256", "sha512", "sha256", NO, NO),
    "ed25519": (PURE, PURE, NO, PURE, NO, NO),
}
COLUMNS = [(form, log) for form in ("bundle", "legacy") for log in (None, "rekor-v1", "rekor-v2")]


@pytest.mark.parametrize(
    ("kind", "form", "log", "hash_name"),
    [(kind, *column, cell) for kind, row in TABLE.items() for column, cell in zip(COLUMNS, row, strict=True)],
)
def test_AT_37_d_which_key_signs_what_with_which_hash(kind: str, form: str, log: str | None, hash_name: str) -> None:
    if hash_name == NO:
        with pytest.raises(Rejection) as refused:
            check_signing(kind, form, log)
        assert refused.value.code == "POLICY_UNSUPPORTED"
        return
    assert check_signing(kind, form, log) == hash_name
    signer: Signer = FileSigner(private_key(kind), hash_name)
    assert signer.public_key.verify(signer.sign(b"data"), b"data") == hash_name
    assert signer.public_key.spki == public_key(kind).spki


def test_the_table_knows_every_kind() -> None:
    assert set(TABLE) == set(KINDS)
