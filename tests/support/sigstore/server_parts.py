# Copyright (c) 2026, the supplychain.cosign authors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""What the virtual services share: the instance that they serve, what is to be wrong, and how they answer."""

from __future__ import annotations

import json
import threading
import typing as t
from dataclasses import dataclass, field
from datetime import datetime

from cryptography import x509
from cryptography.exceptions import InvalidSignature
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec, ed25519, padding, rsa, utils

from tests.support.http_server import Response
from tests.support.sigstore.issuer import Issuer
from tests.support.sigstore.virtual import VirtualSigstore

Json = dict[str, t.Any]
Headers = t.Optional[t.Mapping[str, str]]
HASHES: t.Mapping[str, t.Callable[[], hashes.HashAlgorithm]]
HASHES = {"sha256": hashes.SHA256, "sha384": hashes.SHA384, "sha512": hashes.SHA512}


@dataclass
class Wrong:
    """What is to be wrong in the answers: arguments for `ca.issue`, for the makers of the logs' bodies, for the logs'
    `entry`, and for `tsa.timestamp`. Empty: nothing is."""

    issue: Json = field(default_factory=dict)
    logged: Json = field(default_factory=dict)
    entry: Json = field(default_factory=dict)
    stamp: Json = field(default_factory=dict)


@dataclass
class Instance:
    """What the services serve. `lock` is held while one of them answers."""

    world: VirtualSigstore
    issuer: Issuer
    clock: t.Callable[[], datetime]
    wrong: Wrong = field(default_factory=Wrong)
    lock: threading.Lock = field(default_factory=threading.Lock)


def answer(document: t.Any, status: int = 200, headers: Headers = None) -> Response:
    return Response(
        status,
        {"Content-Type": "application/json", **(headers or {})},
        json.dumps(document, separators=(",", ":")).encode(),
    )


def grpc_problem(status: int, code: int, message: str, headers: Headers = None) -> Response:
    """An error as Fulcio and Rekor v2 tell it: `code` is gRPC's."""
    return answer({"code": code, "message": message, "details": []}, status, headers)


def problem(status: int, message: str, code: int | None = None, headers: Headers = None) -> Response:
    """An error as Rekor v1 and the timestamp authority tell it."""
    return answer({"code": code or status, "message": message}, status, headers)


def invalid_character(text: str) -> str:
    """What Go says of a text that is no JSON from the start."""
    return f"invalid character '{text[:1]}' looking for beginning of value"


def key_of(verifier: bytes) -> t.Any:
    """The public key in PEM, or that of a certificate; raises ValueError."""
    if b"CERTIFICATE" in verifier:
        return x509.load_pem_x509_certificate(verifier).public_key()
    return serialization.load_pem_public_key(verifier)


def is_signature(key: t.Any, signature: bytes, digest: bytes, hash_name: str) -> bool:
    """Whether the key signed what has this digest."""
    hash_ = utils.Prehashed(HASHES[hash_name]())
    try:
        if isinstance(key, rsa.RSAPublicKey):
            key.verify(signature, digest, padding.PKCS1v15(), hash_)
        else:
            key.verify(signature, digest, ec.ECDSA(hash_))
    except (InvalidSignature, TypeError):
        return False
    return True


def is_pure_signature(key: t.Any, signature: bytes, data: bytes) -> bool:
    """Whether the key signed the data, with SHA-256 where it hashes."""
    if not isinstance(key, ed25519.Ed25519PublicKey):
        digest = hashes.Hash(hashes.SHA256())
        digest.update(data)
        return is_signature(key, signature, digest.finalize(), "sha256")
    try:
        key.verify(signature, data)
    except InvalidSignature:
        return False
    return True
