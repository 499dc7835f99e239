# Copyright (c) 2026, the supplychain.cosign authors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""A certificate transparency log (RFC 6962) that promises whatever it is told to promise."""

from __future__ import annotations

import base64
import hashlib
import json
import typing as t
from datetime import UTC, datetime

from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec, padding, rsa

_KEY_DETAILS = {
    "secp256r1": "PKIX_ECDSA_P256_SHA_256",
    "secp384r1": "PKIX_ECDSA_P384_SHA_384",
    "secp521r1": "PKIX_ECDSA_P521_SHA_512",
}
_HASHES: dict[str, t.Callable[[], hashes.HashAlgorithm]]
_HASHES = {"sha1": hashes.SHA1, "sha256": hashes.SHA256, "sha384": hashes.SHA384}
_TLS = {"sha1": 2, "sha256": 4, "sha384": 5, "rsa": 1, "ecdsa": 3}


def protojson_time(value: datetime) -> str:
    return value.astimezone(UTC).isoformat().replace("+00:00", "Z")


def valid_for(start: datetime | None, end: datetime | None) -> dict[str, str]:
    """TimeRange of protobuf-specs in JSON."""
    times = {"start": start, "end": end}
    return {name: protojson_time(value) for name, value in times.items() if value is not None}


def spki(key: t.Any) -> bytes:
    """SubjectPublicKeyInfo of a public or private key, in DER."""
    public = key.public_key() if hasattr(key, "public_key") else key
    found: bytes = public.public_bytes(serialization.Encoding.DER, serialization.PublicFormat.SubjectPublicKeyInfo)
    return found


class CtLog:
    """The log's key is its identity: P-256 unless one is given (RSA too)."""

    def __init__(self, url: str = "https://ctlog.sigstore.test/2026", key: t.Any = None) -> None:
        self.url = url
        self.key = key or ec.generate_private_key(ec.SECP256R1())
        self.log_id = hashlib.sha256(spki(self.key)).digest()

    @property
    def pem(self) -> bytes:
        found: bytes = self.key.public_key().public_bytes(
            serialization.Encoding.PEM, serialization.PublicFormat.SubjectPublicKeyInfo
        )
        return found

    def sct(
        self,
        at: datetime,
        *,
        tbs: bytes = b"",
        issuer_spki: bytes = b"",
        certificate: bytes = b"",
        version: int = 0,
        log_id: bytes | None = None,
        issuer_key_hash: bytes | None = None,
        extensions: bytes = b"",
        hash_name: str = "sha256",
        tls_hash: int | None = None,
        tls_signature: int | None = None,
        signature: bytes | None = None,
        trailing: bytes = b"",
    ) -> bytes:
        """One serialized SCT (RFC 6962 §3.2): over a precertificate's `tbs` below the issuer of `issuer_spki`, or over
        a whole `certificate`."""
        timestamp = int(at.timestamp() * 1000).to_bytes(8, "big")
        if certificate:
            entry = b"\x00\x00" + len(certificate).to_bytes(3, "big") + certificate
        else:
            key_hash = issuer_key_hash or hashlib.sha256(issuer_spki).digest()
            entry = b"\x00\x01" + key_hash + len(tbs).to_bytes(3, "big") + tbs
        signed = bytes([version, 0]) + timestamp + entry + _vector(extensions)
        algorithm = bytes(
            [
                _TLS[hash_name] if tls_hash is None else tls_hash,
                _TLS["rsa" if isinstance(self.key, rsa.RSAPrivateKey) else "ecdsa"]
                if tls_signature is None
                else tls_signature,
            ]
        )
        return (
            bytes([version])
            + (self.log_id if log_id is None else log_id)
            + timestamp
            + _vector(extensions)
            + algorithm
            + _vector(self._sign(signed, hash_name) if signature is None else signature)
            + trailing
        )

    def detached(self, certificate: bytes, at: datetime, **overrides: t.Any) -> bytes:
        """The JSON answer of add-chain (RFC 6962 §4.1) for a whole certificate, as cosign's --sct reads it."""
        sct = self.sct(at, certificate=certificate, **overrides)
        size = int.from_bytes(sct[41:43], "big")
        return json.dumps(
            {
                "sct_version": sct[0],
                "id": base64.b64encode(sct[1:33]).decode(),
                "timestamp": int.from_bytes(sct[33:41], "big"),
                "extensions": base64.b64encode(sct[43 : 43 + size]).decode(),
                "signature": base64.b64encode(sct[43 + size :]).decode(),
            }
        ).encode()

    def _sign(self, data: bytes, hash_name: str) -> bytes:
        hash_ = _HASHES[hash_name]()
        if isinstance(self.key, rsa.RSAPrivateKey):
            return self.key.sign(data, padding.PKCS1v15(), hash_)
        found: bytes = self.key.sign(data, ec.ECDSA(hash_))
        return found

    def trusted(self, start: datetime | None, end: datetime | None = None, **overrides: t.Any) -> dict[str, t.Any]:
        """An item of `ctlogs` in a trusted root."""
        details = (
            f"PKIX_RSA_PKCS1V15_{self.key.key_size}_SHA256"
            if isinstance(self.key, rsa.RSAPrivateKey)
            else _KEY_DETAILS[self.key.curve.name]
        )
        return {
            "baseUrl": self.url,
            "hashAlgorithm": "SHA2_256",
            "publicKey": {
                "rawBytes": base64.b64encode(spki(self.key)).decode(),
                "keyDetails": details,
                "validFor": valid_for(start, end),
            },
            "logId": {"keyId": base64.b64encode(self.log_id).decode()},
            **overrides,
        }


def sct_list(scts: t.Iterable[bytes]) -> bytes:
    """SignedCertificateTimestampList (RFC 6962 §3.3)."""
    return _vector(b"".join(_vector(one) for one in scts))


def _vector(data: bytes) -> bytes:
    return len(data).to_bytes(2, "big") + data
