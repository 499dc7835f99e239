# Copyright (c) 2026, the supplychain.cosign authors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""A whole Sigstore in memory, with a clock of its own: valid signatures in every format, and such of which one thing
is wrong. It shares no code with the verifier."""

from __future__ import annotations

import base64
import hashlib
import json
import typing as t
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta

from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec, ed25519, padding, rsa

from tests.support.sigstore.ca import CertificateAuthority
from tests.support.sigstore.ct import CtLog
from tests.support.sigstore.rekor import Json, RekorV1, RekorV2
from tests.support.sigstore.tsa import TimestampAuthority
from tests.support.sigstore.x509 import pem

AT = datetime(2026, 11, 20, 9, 30, tzinfo=UTC)
"""When everything is signed, unless said otherwise."""

IDENTITY = "https://github.com/chainguard-images/images/.github/workflows/release.yaml@refs/heads/main"
ISSUER = "https://token.actions.githubusercontent.com"
SIGN_TYPE = "https://sigstore.dev/cosign/sign/v1"
IN_TOTO = "application/vnd.in-toto+json"
BUNDLE_TYPE = "application/vnd.dev.sigstore.bundle.v0.3+json"
CLAIMS = {
    "github_workflow_trigger": "push",
    "github_workflow_sha": "3d4f1c0e5b0f4e0f9a2b6a7c8d9e0f1a2b3c4d5e",
    "github_workflow_name": "release",
    "github_workflow_repository": "chainguard-images/images",
    "github_workflow_ref": "refs/heads/main",
}


def b64(data: bytes) -> str:
    return base64.b64encode(data).decode("ascii")


def pae(payload: bytes, kind: str = IN_TOTO) -> bytes:
    return b"DSSEv1 %d %b %d %b" % (len(kind.encode()), kind.encode(), len(payload), payload)


def statement(digest: str, annotations: t.Mapping[str, str] | None = None, **changes: t.Any) -> bytes:
    """What a bundle signs about an image."""
    algorithm, value = digest.split(":")
    subject = {"digest": {algorithm: value}, "annotations": dict(annotations or {})}
    found = {
        "_type": "https://in-toto.io/Statement/v1",
        "subject": [subject],
        "predicateType": SIGN_TYPE,
        "predicate": {},
    }
    return json.dumps({**found, **changes}).encode()


def claims(digest: str, annotations: t.Mapping[str, str] | None = None, reference: str = "registry.test/app") -> bytes:
    """What a legacy signature signs about an image."""
    critical = {
        "identity": {"docker-reference": reference},
        "image": {"docker-manifest-digest": digest},
        "type": "cosign container image signature",
    }
    return json.dumps({"critical": critical, "optional": dict(annotations or {}) or None}).encode()


@dataclass
class Made:
    """A signature as it goes over the wire: a bundle, or the payload and annotations of a legacy layer; and what it was
    made of, to put parts of one into another."""

    bundle: Json = field(default_factory=dict)
    payload: bytes = b""
    annotations: dict[str, str] = field(default_factory=dict)
    signature: bytes = b""
    certificate: bytes = b""
    entries: list[Json] = field(default_factory=list)
    timestamps: list[bytes] = field(default_factory=list)

    @property
    def is_bundle(self) -> bool:
        return bool(self.bundle)

    @property
    def material(self) -> Json:
        return t.cast(Json, self.bundle["verificationMaterial"])

    @property
    def data(self) -> bytes:
        return json.dumps(self.bundle).encode()


class VirtualSigstore:
    """One instance: CA with two intermediates of one name, CT log, Rekor v1 and v2, timestamp authority."""

    def __init__(self, at: datetime = AT, *, host: str = "sigstore.test", v2: str = "ed25519") -> None:
        self.at = at
        self.ca = CertificateAuthority(at, intermediates=2, same_subject=True, organization=host)
        self.ct = CtLog(f"https://ctlog.{host}/2026")
        self.rekor = RekorV1(seed=f"rekor {host}", url=f"https://rekor.{host}")
        self.rekor2 = RekorV2(seed=f"log {host}", url=f"https://log.{host}", origin=f"log.{host}", kind=v2)
        self.tsa = TimestampAuthority(name=f"tsa.{host}")
        self.host = host

    def trusted_root(self, **changes: t.Any) -> Json:
        """trusted_root.json; `changes` replace its lists."""
        start = self.at - timedelta(days=365)
        found = {
            "mediaType": "application/vnd.dev.sigstore.trustedroot+json;version=0.1",
            "tlogs": [self.rekor.trusted(start), self.rekor2.trusted(start)],
            "certificateAuthorities": [self.ca.trusted(start=start)],
            "ctlogs": [self.ct.trusted(start)],
            "timestampAuthorities": [self.trusted_tsa(start)],
        }
        return {**found, **changes}

    def trusted_tsa(self, start: datetime, end: datetime | None = None) -> Json:
        window = {"start": start, **({"end": end} if end else {})}
        return {
            "subject": {"organization": self.host, "commonName": "tsa"},
            "uri": f"https://timestamp.{self.host}/api/v1/timestamp",
            "certChain": {"certificates": [{"rawBytes": b64(one)} for one in self.tsa.chain_der()]},
            "validFor": {name: f"{one:%Y-%m-%dT%H:%M:%SZ}" for name, one in window.items()},
        }

    def sign(
        self,
        digest: str,
        form: str = "bundle",
        *,
        log: str | None = "v1",
        timestamp: bool | None = None,
        at: datetime | None = None,
        key: t.Any = None,
        hash_name: str = "sha256",
        keyless: bool = True,
        annotations: t.Mapping[str, str] | None = None,
        artifact: bytes | None = None,
        payload: bytes | None = None,
        signed: bytes | None = None,
        signature: bytes | None = None,
        certificate: bytes | None = None,
        issue: Json | None = None,
        logged: Json | None = None,
        entry: Json | None = None,
        stamp: Json | None = None,
        version: str = "0.3",
    ) -> Made:
        """Sign an image, or (form "file") an `artifact`. form: "bundle", "legacy", "file"; log: "v1", "v2", None;
        a timestamp comes with Rekor v2 and without a log, unless said otherwise.

        What is to be wrong: `payload`, `signed` (what the signature is over), `signature`, `certificate`, `issue` (for
        the CA), `logged` (arguments of the log's body), `entry` (for the log), `stamp` (for the authority).
        """
        at = at or self.at
        key = key or ec.generate_private_key(ec.SECP256R1())
        body = payload or (claims(digest, annotations) if form == "legacy" else statement(digest, annotations))
        data = {"bundle": pae(body), "legacy": body, "file": artifact or b""}[form] if signed is None else signed
        made = Made(payload=body, signature=raw_sign(key, data, hash_name) if signature is None else signature)
        if keyless and certificate is None:
            certificate = self.ca.issue(
                key.public_key(),
                at,
                **{"san": IDENTITY, "issuer": ISSUER, "claims": CLAIMS, "ct": self.ct, **(issue or {})},
            )
        made.certificate = certificate or b""
        verifier = pem(certificate) if certificate else public_pem(key)
        envelope = {
            "payload": b64(body),
            "payloadType": IN_TOTO,
            "signatures": [{"sig": b64(made.signature)}],
        }
        if log:
            made.entries = [
                self._log(form, log, made, verifier, data, envelope, key, hash_name, at, logged or {}, entry or {})
            ]
        if timestamp or (timestamp is None and log != "v1" and keyless):
            made.timestamps = [self.tsa.timestamp(made.signature, at, **(stamp or {}))]
        if form == "legacy":
            made.annotations = legacy_annotations(made, self.ca.chain_pem)
        else:
            made.bundle = self._bundle(form, made, key, envelope, data, hash_name, version)
        return made

    def _log(
        self,
        form: str,
        log: str,
        made: Made,
        verifier: bytes,
        data: bytes,
        envelope: Json,
        key: t.Any,
        hash_name: str,
        at: datetime,
        logged: Json,
        entry: Json,
    ) -> Json:
        if log == "v2":
            body = self.rekor2.hashedrekord(
                **{
                    "signature": made.signature,
                    "verifier": verifier,
                    "data": data,
                    "algorithm": hash_name,
                    "details": key_details(key, hash_name),
                    **logged,
                }
            )
            return self.rekor2.log(body, **entry)
        if form == "bundle":
            wanted: Json = {"payload": made.payload, "envelope": json.dumps(envelope).encode()}
            body = self.rekor.dsse(**{"signature": made.signature, "verifier": verifier, **wanted, **logged})
        else:
            of_data: Json = {"data": data, "algorithm": hash_name}
            body = self.rekor.hashedrekord(**{"signature": made.signature, "verifier": verifier, **of_data, **logged})
        return self.rekor.log(body, **{"at": at, **entry})

    def _bundle(
        self, form: str, made: Made, key: t.Any, envelope: Json, data: bytes, hash_name: str, version: str
    ) -> Json:
        material: Json = {}
        if not made.certificate:
            material["publicKey"] = {"hint": b64(hashlib.sha256(spki(key)).digest())}
        elif version == "0.3":
            material["certificate"] = {"rawBytes": b64(made.certificate)}
        else:
            material["x509CertificateChain"] = {"certificates": [{"rawBytes": b64(made.certificate)}]}
        material["tlogEntries"] = made.entries
        if made.timestamps:
            stamps = [{"signedTimestamp": b64(one)} for one in made.timestamps]
            material["timestampVerificationData"] = {"rfc3161Timestamps": stamps}
        kind = BUNDLE_TYPE if version == "0.3" else f"application/vnd.dev.sigstore.bundle+json;version={version}"
        found: Json = {"mediaType": kind, "verificationMaterial": material}
        if form == "file":
            digest = {"algorithm": f"SHA2_{hash_name[3:]}", "digest": b64(hashlib.new(hash_name, data).digest())}
            return {**found, "messageSignature": {"messageDigest": digest, "signature": b64(made.signature)}}
        return {**found, "dsseEnvelope": envelope}


def legacy_annotations(made: Made, chain: bytes) -> dict[str, str]:
    """The annotations of a legacy layer, as cosign 2 writes them."""
    found = {"dev.cosignproject.cosign/signature": b64(made.signature)}
    if made.certificate:
        found["dev.sigstore.cosign/certificate"] = pem(made.certificate).decode()
        found["dev.sigstore.cosign/chain"] = chain.decode()
    for entry in made.entries:
        found["dev.sigstore.cosign/bundle"] = RekorV1.legacy_bundle(entry)
    for one in made.timestamps:
        found["dev.sigstore.cosign/rfc3161timestamp"] = json.dumps({"SignedRFC3161Timestamp": b64(one)})
    return found


def raw_sign(key: t.Any, data: bytes, hash_name: str = "sha256") -> bytes:
    if isinstance(key, ed25519.Ed25519PrivateKey):
        return key.sign(data)
    algorithm = {"sha256": hashes.SHA256(), "sha384": hashes.SHA384(), "sha512": hashes.SHA512()}[hash_name]
    if isinstance(key, rsa.RSAPrivateKey):
        return key.sign(data, padding.PKCS1v15(), algorithm)
    return t.cast(bytes, key.sign(data, ec.ECDSA(algorithm)))


def spki(key: t.Any) -> bytes:
    return t.cast(
        bytes,
        key.public_key().public_bytes(serialization.Encoding.DER, serialization.PublicFormat.SubjectPublicKeyInfo),
    )


def public_pem(key: t.Any) -> bytes:
    return t.cast(
        bytes,
        key.public_key().public_bytes(serialization.Encoding.PEM, serialization.PublicFormat.SubjectPublicKeyInfo),
    )


def key_details(key: t.Any, hash_name: str = "sha256") -> str:
    """The name of a key's algorithm in protobuf-specs (PublicKeyDetails)."""
    number = hash_name[3:]
    if isinstance(key, ed25519.Ed25519PrivateKey):
        return "PKIX_ED25519"
    if isinstance(key, rsa.RSAPrivateKey):
        return f"PKIX_RSA_PKCS1V15_{key.key_size}_SHA{number}"
    return f"PKIX_ECDSA_P{key.curve.key_size}_SHA_{number}"
