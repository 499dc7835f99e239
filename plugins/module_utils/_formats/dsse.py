# Copyright (c) 2026, the supplychain.cosign authors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

# This module util is **PRIVATE** to the collection. It can change at any time.
from __future__ import annotations

import typing as t
from dataclasses import dataclass

from ansible_collections.supplychain.cosign.plugins.module_utils._formats.rejection import Rejection
from ansible_collections.supplychain.cosign.plugins.module_utils._formats.strict import (
    Fields,
    JsonObject,
    decode_base64,
    encode_base64,
)

IN_TOTO = "application/vnd.in-toto+json"


def pae(payload_type: str, body: bytes) -> bytes:
    """What a DSSE signature signs (dsse, protocol.md, "Pre-Authentication Encoding"); lengths are in bytes."""
    kind = payload_type.encode("utf-8")
    return b"DSSEv1 %d %b %d %b" % (len(kind), kind, len(body), body)


@dataclass(frozen=True)
class Envelope:
    """A DSSE envelope with its one signature; `signed` are the bytes that the signature is over."""

    payload_type: str
    payload: bytes
    signature: bytes

    @property
    def signed(self) -> bytes:
        return pae(self.payload_type, self.payload)

    def as_json(self) -> JsonObject:
        """Keys in the order in which cosign 3 writes them."""
        return {
            "payload": encode_base64(self.payload),
            "payloadType": self.payload_type,
            "signatures": [{"sig": encode_base64(self.signature)}],
        }


def parse_envelope(found: t.Any, path: str) -> Envelope:
    """Read a DSSE envelope that holds an in-toto statement and exactly one signature; keyid decides nothing.

    Several signatures are MALFORMED: one check may look at one and the next at another. Another payload type is
    PAYLOAD_TYPE.
    """
    fields = Fields(found, path)
    fields.only("payload", "payloadType", "signatures")
    signatures = fields.array("signatures")
    if len(signatures) != 1:
        raise Rejection("MALFORMED", f"{path} has {len(signatures)} signatures; exactly one is read.")
    signature = Fields(signatures[0], f"{path}.signatures[0]")
    signature.only("sig", "keyid")
    signature.text("keyid", "")
    kind = fields.text("payloadType")
    if kind != IN_TOTO:
        raise Rejection("PAYLOAD_TYPE", f"{path} holds a {kind[:120]!r}; only {IN_TOTO} is read.")
    return Envelope(
        payload_type=kind,
        payload=decode_base64(fields.text("payload"), f"payload of {path}"),
        signature=decode_base64(signature.text("sig"), f"signature of {path}"),
    )
