# Copyright (c) 2026, the supplychain.cosign authors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

# This module util is **PRIVATE** to the collection. It can change at any time.
from __future__ import annotations

import hashlib
import secrets

from ansible_collections.supplychain.cosign.plugins.module_utils._formats.rejection import Rejection
from ansible_collections.supplychain.cosign.plugins.module_utils._formats.rfc3161 import Imprint, parse_timestamp
from ansible_collections.supplychain.cosign.plugins.module_utils._formats.timestamp_request import timestamp_request
from ansible_collections.supplychain.cosign.plugins.module_utils._services.client import Client
from ansible_collections.supplychain.cosign.plugins.module_utils._services.refusal import read_from, refusal

_HEADERS = {"Content-Type": "application/timestamp-query", "Accept": "application/timestamp-reply"}
_REFUSED = ("TSA_INVALID", "Ask its operator why it stamps no SHA-256.")
_KNOWN = dict.fromkeys((400, 415, 422), _REFUSED)


def request_timestamp(client: Client, signature: bytes) -> bytes:
    """A timestamp over the raw octets of a signature: the whole TimeStampResp, DER (RFC 3161 §3.4). The client's URL is
    the address itself.

    Who signed it is the caller's to check. Raises TSA_INVALID (refused, or made for something else), AUTH_REFUSED,
    UNREACHABLE, MALFORMED, NON_CANONICAL, LIMIT_EXCEEDED, and what the transport raises.
    """
    nonce = 1 + secrets.randbits(64)
    path = "" if client.url.target.strip("/") else "/"
    reply = client.send("POST", path, timestamp_request(signature, nonce), _HEADERS)
    if reply.status not in (200, 201):
        raise refusal(client, reply, "the request for a timestamp", _KNOWN)
    with read_from(client):
        token = parse_timestamp(reply.body)
    info = token.info
    if token.has_changes:
        raise _invalid(client, "was granted with changes, which cosign does not accept")
    if info.nonce != nonce:
        raise _invalid(client, "answers another request (its nonce is not ours)")
    if info.imprint != Imprint("sha256", hashlib.sha256(signature).digest()):
        raise _invalid(client, "is over something else than the signature that was sent")
    return reply.body


def _invalid(client: Client, fault: str) -> Rejection:
    return Rejection(
        "TSA_INVALID", f"{client.what} at {client.url} gave a timestamp that {fault}; use another authority."
    )
