# Copyright (c) 2026, the supplychain.cosign authors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

# This module util is **PRIVATE** to the collection. It can change at any time.
from __future__ import annotations

import typing as t

try:
    from cryptography import x509
    from cryptography.hazmat.primitives import serialization
except ImportError:
    pass

from ansible_collections.supplychain.cosign.plugins.module_utils._formats.bundle import MAX_CERTIFICATES
from ansible_collections.supplychain.cosign.plugins.module_utils._formats.der import SEQUENCE, Reader, constructed
from ansible_collections.supplychain.cosign.plugins.module_utils._formats.pem import parse_pem
from ansible_collections.supplychain.cosign.plugins.module_utils._formats.public_key import (
    CURVE_HASHES,
    PublicKey,
    hash_algorithm,
    wrap_public_key,
)
from ansible_collections.supplychain.cosign.plugins.module_utils._formats.rejection import Rejection
from ansible_collections.supplychain.cosign.plugins.module_utils._formats.strict import (
    FEW_VALUES,
    Fields,
    encode_base64,
    go_json,
    parse_object,
)
from ansible_collections.supplychain.cosign.plugins.module_utils._http.request import Reply
from ansible_collections.supplychain.cosign.plugins.module_utils._services.client import Client
from ansible_collections.supplychain.cosign.plugins.module_utils._services.refusal import read_from, refusal

_CERTIFICATE = "certificate from Fulcio"
_REFUSED = ("AUTH_REFUSED", "Check that the identity token is of an issuer that it knows, valid, and for its audience.")
_KNOWN = dict.fromkeys((400, 401, 403), _REFUSED)


def request_certificate(client: Client, token: str, private_key: t.Any, version: int = 2) -> tuple[bytes, ...]:
    """A certificate for the key of `private_key` (of `cryptography`) and whoever the identity token names: DER, leaf
    first. The key is proved by a signed request (PKCS #10), so nobody need know the identity (Fulcio, fulcio.proto).

    Whom it names, its chain and its certificate timestamp are the caller's to check. Raises AUTH_REFUSED (with Fulcio's
    reason, never the token), KEY_MISMATCH (a certificate for another key), SCT_INVALID (a timestamp beside the
    certificate), UNREACHABLE, MALFORMED, NON_CANONICAL, LIMIT_EXCEEDED, and what the transport raises.
    """
    key = wrap_public_key(private_key.public_key(), "private key")
    request = {"certificateSigningRequest": encode_base64(_signing_request(private_key, key))}
    if version == 1:
        certificates = _ask_v1(client, request, token)
    else:
        certificates = _ask_v2(client, {"credentials": {"oidcIdentityToken": token}, **request}, token)
    with read_from(client):
        certified = _spki(certificates[0])
    if certified != key.spki:
        raise Rejection(
            "KEY_MISMATCH",
            f"{client.what} at {client.url} issued a certificate for another key than the one it was asked for; ask "
            "its operator.",
        )
    return certificates


def _signing_request(private_key: t.Any, key: PublicKey) -> bytes:
    """PEM, with the hash that Fulcio takes with this kind of key, and no subject, which it would not read."""
    name = None if key.kind == "ed25519" else CURVE_HASHES.get(key.kind, "sha256")
    builder = x509.CertificateSigningRequestBuilder().subject_name(x509.Name([]))
    made = builder.sign(private_key, t.cast(t.Any, hash_algorithm(name) if name else None))
    return made.public_bytes(serialization.Encoding.PEM)


def _ask_v1(client: Client, request: t.Mapping[str, t.Any], token: str) -> tuple[bytes, ...]:
    headers = {"Content-Type": "application/json", "Accept": "application/pem-certificate-chain"}
    reply = client.send("POST", "/api/v1/signingCert", go_json(request), headers, f"Bearer {token}")
    _check_status(client, reply, token)
    _check_not_detached(client, reply.headers.get("sct", ""))
    with read_from(client):
        return _certificates(reply.body)


def _ask_v2(client: Client, request: t.Mapping[str, t.Any], token: str) -> tuple[bytes, ...]:
    headers = {"Content-Type": "application/json", "Accept": "application/json"}
    reply = client.send("POST", "/api/v2/signingCert", go_json(request), headers)
    _check_status(client, reply, token)
    with read_from(client):
        timestamp, certificates = _read_v2(Fields(parse_object(reply.body, "answer", FEW_VALUES), "answer"))
    _check_not_detached(client, timestamp)
    return certificates


def _read_v2(answer: Fields) -> tuple[str, tuple[bytes, ...]]:
    """The timestamp beside the certificates, if there is one, and these."""
    issued = answer.optional_object("signedCertificateEmbeddedSct")
    # In the other form, with an empty timestamp, answers a Fulcio without a certificate log.
    issued = issued or answer.object("signedCertificateDetachedSct")
    found = issued.object("chain").array("certificates")
    if not all(isinstance(one, str) for one in found):
        raise Rejection("MALFORMED", f"{answer.path} has something else than certificates in its chain.")
    return issued.text("signedCertificateTimestamp", ""), _certificates("\n".join(found).encode("utf-8"))


def _check_status(client: Client, reply: Reply, token: str) -> None:
    if reply.status not in (200, 201):
        raise refusal(client, reply, "the request for a certificate", _KNOWN, token)


def _check_not_detached(client: Client, timestamp: str) -> None:
    if timestamp:
        raise Rejection(
            "SCT_INVALID",
            f"{client.what} at {client.url} answered the certificate's timestamp beside the certificate, where no "
            "signature can carry it. Have its operator use a signing authority for which Fulcio embeds it (the Google "
            "CA is none), or sign with a certificate of your own.",
        )


def _certificates(pem: bytes) -> tuple[bytes, ...]:
    blocks = parse_pem(pem, _CERTIFICATE)
    if any(block.label != "CERTIFICATE" for block in blocks):
        raise Rejection("MALFORMED", f"The {_CERTIFICATE} is something else.")
    if len(blocks) > MAX_CERTIFICATES:
        raise Rejection("LIMIT_EXCEEDED", f"There are {len(blocks)} certificates; up to {MAX_CERTIFICATES} are read.")
    return tuple(block.der for block in blocks)


def _spki(der: bytes) -> bytes:
    """The key of a certificate, as it stands there (RFC 5280 §4.1)."""
    tbs = Reader(der, _CERTIFICATE).sequence().sequence()
    tbs.optional(constructed(0))
    tbs.integer()
    for dummy in ("signature", "issuer", "validity", "subject"):
        tbs.take(SEQUENCE)
    return tbs.take(SEQUENCE).whole
