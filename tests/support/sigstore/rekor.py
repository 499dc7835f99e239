# Copyright (c) 2026, the supplychain.cosign authors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""Rekor of the virtual Sigstore, version 1 and 2: real trees, promises and checkpoints, with anything in them that a
test wants to be wrong. Shares nothing with the collection's readers.

    rekor = RekorV1()
    entry = rekor.log(rekor.hashedrekord(signature, verifier_pem, data), at=moment)      # a TransparencyLogEntry
    wrong = rekor.log(rekor.hashedrekord(signature, verifier_pem, data), at=moment, tree_size=9)
    root = {"tlogs": [rekor.trusted()], ...}                                              # of trusted_root.json
"""

from __future__ import annotations

import base64
import hashlib
import json
import typing as t
import urllib.parse
from datetime import UTC, datetime

from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec, ed25519

from tests.support.sigstore.tree import Tree

Json = dict[str, t.Any]
START = datetime(2024, 1, 1, tzinfo=UTC)
_TREE = 2605736670972794746
_ENUM = {"sha256": "SHA2_256", "sha384": "SHA2_384", "sha512": "SHA2_512"}


def b64(data: bytes) -> str:
    return base64.b64encode(data).decode()


def canonical(found: t.Any) -> bytes:
    """As RFC 8785 writes it, for what stands in logs (no floats, only ASCII keys)."""
    return json.dumps(found, sort_keys=True, separators=(",", ":"), ensure_ascii=False).encode()


def pem_to_der(pem: bytes) -> bytes:
    return base64.b64decode(b"".join(line for line in pem.splitlines() if b"-----" not in line))


class _Rekor:
    """What both versions share: a key, a tree, proofs, checkpoints."""

    url: str
    key: t.Any
    origin: str
    name: str
    log_id: bytes

    def __init__(self, before: int = 3, after: int = 2) -> None:
        self.tree = Tree()
        self.after = after
        self.fill(before)

    @property
    def spki(self) -> bytes:
        der: bytes = self.key.public_key().public_bytes(
            serialization.Encoding.DER, serialization.PublicFormat.SubjectPublicKeyInfo
        )
        return der

    @property
    def public_pem(self) -> bytes:
        pem: bytes = self.key.public_key().public_bytes(
            serialization.Encoding.PEM, serialization.PublicFormat.SubjectPublicKeyInfo
        )
        return pem

    def sign(self, data: bytes) -> bytes:
        if isinstance(self.key, ed25519.Ed25519PrivateKey):
            return self.key.sign(data)
        signature: bytes = self.key.sign(data, ec.ECDSA(hashes.SHA256()))
        return signature

    def trusted(self, start: datetime | None = START, end: datetime | None = None, **changed: t.Any) -> Json:
        """The log as an entry of `tlogs` in a trusted_root.json; `changed` replaces fields by name."""
        window = {"start": start, "end": end}
        ed = isinstance(self.key, ed25519.Ed25519PrivateKey)
        return {
            "baseUrl": self.url,
            "hashAlgorithm": "SHA2_256",
            "publicKey": {
                "rawBytes": b64(self.spki),
                "keyDetails": "PKIX_ED25519" if ed else "PKIX_ECDSA_P256_SHA_256",
                "validFor": {name: f"{at:%Y-%m-%dT%H:%M:%SZ}" for name, at in window.items() if at},
            },
            "logId": {"keyId": b64(self.log_id)},
            **changed,
        }

    def note(
        self,
        size: int,
        root: bytes,
        *,
        origin: str | None = None,
        name: str | None = None,
        hint: bytes | None = None,
        extension: t.Sequence[str] = (),
        text: str | None = None,
        signature: bytes | None = None,
        before: t.Sequence[str] = (),
        after: t.Sequence[str] = (),
    ) -> str:
        """A signed checkpoint. `text` replaces what is signed, `before` and `after` are further signature lines."""
        lines = [self.origin if origin is None else origin, str(size), b64(root), *extension]
        signed = "\n".join(lines) + "\n" if text is None else text
        made = self.sign(signed.encode()) if signature is None else signature
        ours = signature_line(self.name if name is None else name, self.log_id[:4] if hint is None else hint, made)
        return "\n".join([signed, *before, ours, *after]) + "\n"

    def fill(self, count: int) -> None:
        """Let others log this many entries."""
        for dummy in range(count):
            self.tree.add(b"entry of somebody else %d" % len(self.tree.leaves))

    def add(self, body: bytes) -> int:
        """Log it, and after it what others log."""
        index = self.tree.add(body)
        self.fill(self.after)
        return index

    def _proof(
        self,
        index: int,
        *,
        proof_index: int | None = None,
        tree_size: int | None = None,
        root: bytes | None = None,
        path: t.Sequence[bytes] | None = None,
        checkpoint: str | None = None,
        note: Json | None = None,
    ) -> Json:
        size, true_root = len(self.tree.leaves), self.tree.root()
        hashes_ = self.tree.path(index) if path is None else path
        # protojson leaves out zero.
        shown = index if proof_index is None else proof_index
        made = self.note(**{"size": size, "root": true_root, **(note or {})})
        return {
            **({"logIndex": str(shown)} if shown else {}),
            "rootHash": b64(true_root if root is None else root),
            "treeSize": str(size if tree_size is None else tree_size),
            "hashes": [b64(one) for one in hashes_],
            "checkpoint": {"envelope": made if checkpoint is None else checkpoint},
        }


def signature_line(name: str, hint: bytes, signature: bytes) -> str:
    return f"\u2014 {name} {b64(hint + signature)}"


def _body_of(body: Json | bytes, kind_version: tuple[str, str] | None) -> tuple[bytes, Json]:
    if isinstance(body, bytes):
        data, (kind, version) = body, kind_version or ("hashedrekord", "0.0.1")
    else:
        data, (kind, version) = canonical(body), kind_version or (body["kind"], body["apiVersion"])
    return data, {"kind": kind, "version": version}


class RekorV1(_Rekor):
    """Rekor v1: entries with a promise (SET) at a time. `offset` is how many entries its earlier shards hold."""

    def __init__(
        self, seed: str = "rekor 1", url: str = "https://rekor.virtual.test", offset: int = 1000, **tree: int
    ) -> None:
        number = int.from_bytes(hashlib.sha256(seed.encode()).digest(), "big") >> 1
        self.key = ec.derive_private_key(number, ec.SECP256R1())
        self.url, self.offset = url, offset
        self.log_id = hashlib.sha256(self.spki).digest()
        # Real ones write the name that they were started with, by default the machine's, and the tree's number.
        self.name = urllib.parse.urlsplit(url).hostname or ""
        self.origin = f"{self.name} - {_TREE}"
        self.times: dict[int, datetime] = {}
        super().__init__(**tree)

    def hashedrekord(
        self,
        signature: bytes,
        verifier: bytes,
        data: bytes = b"",
        algorithm: str = "sha256",
        digest: bytes | None = None,
    ) -> Json:
        """A body over `data`, or over what has this digest; `verifier` is the PEM of a certificate or key."""
        return _v1(
            "hashedrekord",
            {
                "data": {"hash": _hash(data, algorithm, digest)},
                "signature": {"content": b64(signature), "publicKey": {"content": b64(verifier)}},
            },
        )

    def dsse(self, signature: bytes, verifier: bytes, payload: bytes, envelope: bytes = b"{}") -> Json:
        """A body for a DSSE envelope, whose JSON was uploaded as `envelope`."""
        return _v1(
            "dsse",
            {
                "envelopeHash": _hash(envelope),
                "payloadHash": _hash(payload),
                "signatures": [{"signature": b64(signature), "verifier": b64(verifier)}],
            },
        )

    def intoto(
        self,
        signature: bytes,
        verifier: bytes,
        payload: bytes,
        envelope: bytes = b"{}",
        version: str = "0.0.2",
        payload_type: str = "application/vnd.in-toto+json",
        with_payload: bool = False,
    ) -> Json:
        """The same as old clients logged it. Version 0.0.1 names no signature; 0.0.2 encodes it twice."""
        content: Json = {"hash": _hash(envelope), "payloadHash": _hash(payload)}
        if version == "0.0.1":
            return _v1("intoto", {"content": content, "publicKey": b64(verifier)}, version)
        content["envelope"] = {
            "payloadType": payload_type,
            "signatures": [{"publicKey": b64(verifier), "sig": b64(b64(signature).encode())}],
            **({"payload": b64(b64(payload).encode())} if with_payload else {}),
        }
        return _v1("intoto", {"content": content}, version)

    def log(
        self,
        body: Json | bytes,
        *,
        at: datetime,
        kind_version: tuple[str, str] | None = None,
        **wrong: t.Any,
    ) -> Json:
        """Log it, and the TransparencyLogEntry as protojson; `wrong` as for `entry`."""
        data, kind = _body_of(body, kind_version)
        index = self.add(data)
        self.times[index] = at
        return self.entry(index, kind, **wrong)

    def uuid(self, index: int) -> str:
        """What the API calls an entry: the number of its tree and the hash of its leaf."""
        return f"{_TREE:016x}{self.tree.part(index, index + 1).hex()}"

    def entry(
        self,
        index: int,
        kind: Json,
        *,
        log_index: int | None = None,
        log_id: bytes | None = None,
        integrated_time: int | None = None,
        promise: bytes | None = None,
        promised: t.Mapping[str, t.Any] | None = None,
        with_promise: bool = True,
        with_proof: bool = True,
        with_checkpoint: bool = True,
        **proof: t.Any,
    ) -> Json:
        """An entry of `log`, proved in the tree as it is now.

        `promised` changes what the promise is over, `promise` is its signature; log_index, log_id and integrated_time
        change only what the entry says. `proof`: proof_index, tree_size, root, path, checkpoint (the text), note (what
        `note` takes).
        """
        data, at = self.tree.leaves[index], self.times[index]
        proof["note"] = {"extension": [f"Timestamp: {int(at.timestamp())}000000000"], **proof.get("note", {})}
        made = self._proof(index, **proof)
        if not with_checkpoint:
            del made["checkpoint"]
        over = {
            "body": b64(data),
            "integratedTime": int(at.timestamp()),
            "logIndex": index + self.offset,
            "logID": self.log_id.hex(),
            **(promised or {}),
        }
        signed = self.sign(canonical(over)) if promise is None else promise
        return {
            "logIndex": str(index + self.offset if log_index is None else log_index),
            "logId": {"keyId": b64(self.log_id if log_id is None else log_id)},
            "kindVersion": kind,
            "integratedTime": str(int(at.timestamp()) if integrated_time is None else integrated_time),
            **({"inclusionPromise": {"signedEntryTimestamp": b64(signed)}} if with_promise else {}),
            **({"inclusionProof": made} if with_proof else {}),
            "canonicalizedBody": b64(data),
        }

    @staticmethod
    def legacy_bundle(entry: Json, **changed: t.Any) -> str:
        """An entry as cosign wrote it into the annotation of a legacy layer; `changed` are fields of its Payload."""
        payload = {
            "body": entry["canonicalizedBody"],
            "integratedTime": int(entry["integratedTime"]),
            "logIndex": int(entry["logIndex"]),
            "logID": base64.b64decode(entry["logId"]["keyId"]).hex(),
            **changed,
        }
        promise = entry["inclusionPromise"]["signedEntryTimestamp"]
        return json.dumps({"SignedEntryTimestamp": promise, "Payload": payload}, separators=(",", ":"))


class RekorV2(_Rekor):
    """Rekor v2 (tiles): entries with a proof and no time. Its origin is the host of its URL; `kind` is that of its key,
    "ed25519" or "ecdsa"."""

    def __init__(
        self,
        seed: str = "rekor 2",
        url: str = "https://log2026-1.rekor.virtual.test",
        origin: str = "log2026-1.rekor.virtual.test",
        kind: str = "ed25519",
        **tree: int,
    ) -> None:
        secret = hashlib.sha256(seed.encode()).digest()
        self.url, self.origin, self.name = url, origin, origin
        if kind == "ed25519":
            self.key = ed25519.Ed25519PrivateKey.from_private_bytes(secret)
            raw = self.key.public_key().public_bytes(serialization.Encoding.Raw, serialization.PublicFormat.Raw)
            self.log_id = hashlib.sha256(origin.encode() + b"\n\x01" + raw).digest()
        else:
            self.key = ec.derive_private_key(int.from_bytes(secret, "big") >> 1, ec.SECP256R1())
            self.log_id = hashlib.sha256(self.spki).digest()
        super().__init__(**tree)

    def hashedrekord(
        self,
        signature: bytes,
        verifier: bytes,
        data: bytes = b"",
        algorithm: str = "sha256",
        details: str = "PKIX_ECDSA_P256_SHA_256",
        digest: bytes | None = None,
    ) -> Json:
        """As for RekorV1; `details` is what the algorithm of `verifier` is called."""
        spec = {"data": _hash_2(data, algorithm, digest), "signature": _signature_2(signature, verifier, details)}
        return {"apiVersion": "0.0.2", "kind": "hashedrekord", "spec": {"hashedRekordV002": spec}}

    def dsse(self, signature: bytes, verifier: bytes, payload: bytes, details: str = "PKIX_ECDSA_P256_SHA_256") -> Json:
        """A body for a DSSE envelope, as the first releases had it."""
        spec = {"payloadHash": _hash_2(payload), "signatures": [_signature_2(signature, verifier, details)]}
        return {"apiVersion": "0.0.2", "kind": "dsse", "spec": {"dsseV002": spec}}

    def log(self, body: Json | bytes, *, kind_version: tuple[str, str] | None = None, **wrong: t.Any) -> Json:
        """Log it, and the TransparencyLogEntry as protojson; `wrong` as for `entry`."""
        data, kind = _body_of(body, kind_version or (("hashedrekord", "0.0.2") if isinstance(body, bytes) else None))
        return self.entry(self.add(data), kind, **wrong)

    def entry(
        self,
        index: int,
        kind: Json,
        *,
        log_index: int | None = None,
        log_id: bytes | None = None,
        integrated_time: int = 0,
        promise: bytes | None = None,
        with_proof: bool = True,
        with_checkpoint: bool = True,
        **proof: t.Any,
    ) -> Json:
        """An entry, proved in the tree as it is now; the rest as for RekorV1."""
        made = self._proof(index, **proof)
        if not with_checkpoint:
            del made["checkpoint"]
        return {
            "logIndex": str(index if log_index is None else log_index),
            "logId": {"keyId": b64(self.log_id if log_id is None else log_id)},
            "kindVersion": kind,
            **({"integratedTime": str(integrated_time)} if integrated_time else {}),
            **({"inclusionPromise": {"signedEntryTimestamp": b64(promise)}} if promise else {}),
            **({"inclusionProof": made} if with_proof else {}),
            "canonicalizedBody": b64(self.tree.leaves[index]),
        }


def _v1(kind: str, spec: Json, version: str = "0.0.1") -> Json:
    return {"apiVersion": version, "kind": kind, "spec": spec}


def _hash(data: bytes, algorithm: str = "sha256", digest: bytes | None = None) -> Json:
    return {"algorithm": algorithm, "value": (digest or hashlib.new(algorithm, data).digest()).hex()}


def _hash_2(data: bytes, algorithm: str = "sha256", digest: bytes | None = None) -> Json:
    return {"algorithm": _ENUM[algorithm], "digest": b64(digest or hashlib.new(algorithm, data).digest())}


def _signature_2(signature: bytes, verifier: bytes, details: str) -> Json:
    kind = "x509Certificate" if b"CERTIFICATE" in verifier else "publicKey"
    raw = {"rawBytes": b64(pem_to_der(verifier))}
    return {"content": b64(signature), "verifier": {kind: raw, "keyDetails": details}}
