# Copyright (c) 2026, the supplychain.cosign authors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

# This module util is **PRIVATE** to the collection. It can change at any time.
from __future__ import annotations

import typing as t

CODES = frozenset(
    """
    NO_SIGNATURE NO_MATCHING_SIGNATURE DIGEST_MISMATCH SIZE_MISMATCH MEDIA_TYPE AMBIGUOUS_MANIFEST LIMIT_EXCEEDED
    MALFORMED NON_CANONICAL DUPLICATE_KEY SIG_INVALID KEY_MISMATCH IDENTITY_MISMATCH ISSUER_MISMATCH CHAIN_INVALID
    CERT_TIME SCT_INVALID NO_TRUSTED_TIME TSA_INVALID TLOG_MISSING TLOG_MISMATCH SET_INVALID INCLUSION_INVALID
    CHECKPOINT_INVALID THRESHOLD PAYLOAD_TYPE PREDICATE_TYPE SUBJECT_MISMATCH REFERENCE_MISMATCH ANNOTATION_MISMATCH
    TRUST_ROOT POLICY_UNSUPPORTED FORMAT_DOWNGRADE AUTH_REFUSED REALM_REFUSED REDIRECT_REFUSED TLS_REFUSED UNREACHABLE
    RATE_LIMITED CONFLICT
    """.split()
)
"""Every code that a rejection may carry: the closed list that users may branch on."""

COULD_NOT_LOOK = frozenset(
    "AUTH_REFUSED REALM_REFUSED REDIRECT_REFUSED TLS_REFUSED UNREACHABLE RATE_LIMITED CONFLICT TRUST_ROOT".split()
)
"""Codes that say nothing about the image: they are never "unsigned", and no verdict may be kept of them."""


class Rejection(Exception):
    """The one exception of this collection: what was refused, as a code of CODES and a sentence for a person.

    The message says what was tried and what to do; it never holds a secret. `rejected` lists, for a refused image,
    each signature that was looked at as {"code", "message", ...facts}.
    """

    changed = False
    """Something had been written before this ended the work: told to the user, who would not look for it."""

    def __init__(self, code: str, message: str, *, rejected: t.Sequence[t.Mapping[str, t.Any]] = ()) -> None:
        if code not in CODES:
            raise ValueError(f"{code} is no rejection code")
        super().__init__(message)
        self.code = code
        self.message = message
        self.rejected = list(rejected)

    def as_dict(self) -> dict[str, t.Any]:
        return {"code": self.code, "message": self.message, "rejected": self.rejected}
