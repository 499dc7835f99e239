# Copyright (c) 2026, the supplychain.cosign authors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

# This module util is **PRIVATE** to the collection. It can change at any time.
from __future__ import annotations

import hashlib
import typing as t

from ansible_collections.supplychain.cosign.plugins.module_utils._evidence.certificate import parse_certificate
from ansible_collections.supplychain.cosign.plugins.module_utils._evidence.log import key_details
from ansible_collections.supplychain.cosign.plugins.module_utils._evidence.model import BUNDLE, LEGACY
from ansible_collections.supplychain.cosign.plugins.module_utils._formats.bundle import MessageSignature, write_bundle
from ansible_collections.supplychain.cosign.plugins.module_utils._formats.dsse import IN_TOTO, Envelope, pae
from ansible_collections.supplychain.cosign.plugins.module_utils._formats.legacy import (
    CERTIFICATE,
    CHAIN,
    LOG_BUNDLE,
    TIMESTAMP,
    log_annotation,
    timestamp_annotation,
)
from ansible_collections.supplychain.cosign.plugins.module_utils._formats.log_request import (
    dsse_v1,
    hashedrekord_v1,
    hashedrekord_v2,
)
from ansible_collections.supplychain.cosign.plugins.module_utils._formats.pem import build_pem
from ansible_collections.supplychain.cosign.plugins.module_utils._formats.public_key import PURE
from ansible_collections.supplychain.cosign.plugins.module_utils._formats.rejection import Rejection
from ansible_collections.supplychain.cosign.plugins.module_utils._keys.signer import Signer
from ansible_collections.supplychain.cosign.plugins.module_utils._usecases.services import OpenServices
from ansible_collections.supplychain.cosign.plugins.module_utils._usecases.signatory import Signatory


class Maker:
    """Makes signatures: signs, has them stamped and logged, and puts all of it into a bundle or a layer's annotations.
    Nothing of it is verified here. Stamps come first, for what is logged stays."""

    def __init__(self, signatory: Signatory, services: OpenServices) -> None:
        self._signatory, self._services = signatory, services

    def bundle(self, statement: bytes) -> bytes:
        """A Sigstore bundle about an in-toto statement."""
        signer = self._signatory.signers[BUNDLE]
        signed = pae(IN_TOTO, statement)
        envelope = Envelope(IN_TOTO, statement, signer.sign(signed))

        def request(version: int) -> bytes:
            if version == 1:
                return dsse_v1(envelope, self._signatory.verifier_pem)
            return self._hashedrekord(version, signer, envelope.signature, signed)

        return self._bundle(envelope, envelope.signature, request)

    def file_bundle(self, artifact: bytes) -> bytes:
        """A Sigstore bundle about a file, whose content is `artifact`."""
        signer = self._signatory.signers[BUNDLE]
        signature = signer.sign(artifact)
        digest = hashlib.new(_hash_of(signer), artifact).digest()
        message = MessageSignature(f"SHA2_{_hash_of(signer)[3:]}", digest, signature)
        return self._bundle(
            message, signature, lambda version: self._hashedrekord(version, signer, signature, artifact)
        )

    def legacy(self, payload: bytes) -> tuple[bytes, dict[str, str]]:
        """The signature over a simple-signing payload, and what stands beside it in the annotations of its layer."""
        signer = self._signatory.signers[LEGACY]
        signature = signer.sign(payload)
        notes = {}
        leaf, *others = self._signatory.certificates or (None,)
        if leaf is not None:
            notes[CERTIFICATE] = build_pem("CERTIFICATE", leaf).decode("ascii")
            if others:
                notes[CHAIN] = b"".join(build_pem("CERTIFICATE", one) for one in others).decode("ascii")
        for token in self._services.timestamps(signature):
            notes[TIMESTAMP] = timestamp_annotation(token)
        for entry in self._services.log(lambda version: self._hashedrekord(version, signer, signature, payload)):
            notes[LOG_BUNDLE] = log_annotation(entry)
        return signature, notes

    def _bundle(
        self, content: Envelope | MessageSignature, signature: bytes, request: t.Callable[[int], bytes]
    ) -> bytes:
        timestamps = self._services.timestamps(signature)
        entries = self._services.log(request)
        signatory = self._signatory
        key_id = None if signatory.certificates else signatory.signers[BUNDLE].public_key.key_id
        certificates = signatory.certificates if signatory.own_ca else signatory.certificates[:1]
        # A bundle carries no root: verifiers have it, or do not trust it.
        bundled = [der for der in certificates if not _is_root(der)] or certificates
        return write_bundle(content, key_id=key_id, certificates=bundled, entries=entries, timestamps=timestamps)

    def _hashedrekord(self, version: int, signer: Signer, signature: bytes, signed: bytes) -> bytes:
        hash_name = _hash_of(signer)
        digest = hashlib.new(hash_name, signed).digest()
        if version == 1:
            return hashedrekord_v1(signature, self._signatory.verifier_pem, digest, hash_name)
        certificates = self._signatory.certificates
        verifier = certificates[0] if certificates else signer.public_key.spki
        details = key_details(signer.public_key.kind, signer.hash_name) or ""
        return hashedrekord_v2(signature, verifier, bool(certificates), details, digest)


def _is_root(der: bytes) -> bool:
    return parse_certificate(der, "certificate").is_self_issued


def _hash_of(signer: Signer) -> str:
    """The hash that stands in a log for what was signed; a pure signature is over none, and no log could check it."""
    if signer.hash_name == PURE:
        raise Rejection(
            "POLICY_UNSUPPORTED",
            "An Ed25519 signature over the data itself is in no log that holds only a hash of it; use an ECDSA P-256 "
            "key.",
        )
    return signer.hash_name
