# Copyright (c) 2026, the supplychain.cosign authors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""Signatures by key for tests, in both formats, with anything in them that a test wants to be wrong."""

from __future__ import annotations

import typing as t

from ansible_collections.supplychain.cosign.plugins.module_utils._evidence.model import Evidence, Location
from ansible_collections.supplychain.cosign.plugins.module_utils._evidence.read import from_bundle, from_legacy
from ansible_collections.supplychain.cosign.plugins.module_utils._formats.bundle import write_bundle
from ansible_collections.supplychain.cosign.plugins.module_utils._formats.dsse import IN_TOTO, Envelope, pae
from ansible_collections.supplychain.cosign.plugins.module_utils._formats.legacy import (
    append_signature,
    parse_signatures,
    sig_tag,
)
from ansible_collections.supplychain.cosign.plugins.module_utils._formats.oci import digest_of
from ansible_collections.supplychain.cosign.plugins.module_utils._formats.payload import simple_signing_payload
from ansible_collections.supplychain.cosign.plugins.module_utils._formats.public_key import PURE
from ansible_collections.supplychain.cosign.plugins.module_utils._formats.statement import sign_statement
from ansible_collections.supplychain.cosign.plugins.module_utils._keys.signer import FileSigner
from tests.support.keys import private_key

IMAGE = digest_of(b"an image")
OTHER_IMAGE = digest_of(b"another image")
BUNDLE_AT = Location(digest_of(b"a manifest of a bundle"))
LEGACY_AT = Location(digest_of(b"a manifest of signatures"), sig_tag(IMAGE), 0)


def signer(kind: str = "ecdsa-p256", owner: str = "ours", hash_name: str = "sha256") -> FileSigner:
    return FileSigner(private_key(kind, owner), PURE if kind == "ed25519" else hash_name)


def bundle(
    by: FileSigner | None = None,
    statement: bytes | None = None,
    hint: str | None = None,
    annotations: t.Mapping[str, str] | None = None,
) -> bytes:
    """A bundle over ``statement`` (default: that IMAGE is signed, with ``annotations``)."""
    by = by or signer()
    body = sign_statement(IMAGE, annotations) if statement is None else statement
    envelope = Envelope(IN_TOTO, body, by.sign(pae(IN_TOTO, body)))
    return write_bundle(envelope, key_id=by.public_key.key_id if hint is None else hint)


def bundle_evidence(*arguments: t.Any, **options: t.Any) -> Evidence:
    return from_bundle(bundle(*arguments, **options), BUNDLE_AT)


def legacy_evidence(
    by: FileSigner | None = None,
    payload: bytes | None = None,
    signature: bytes | None = None,
    annotations: t.Mapping[str, str] | None = None,
    reference: str = "registry.example/app",
    notes: t.Mapping[str, str] | None = None,
) -> Evidence:
    """The evidence of a `.sig` layer with ``payload`` (default: IMAGE); ``notes`` are further layer annotations."""
    text = simple_signing_payload(reference, IMAGE, annotations) if payload is None else payload
    made = (by or signer()).sign(text) if signature is None else signature
    manifest, dummy = append_signature(None, None, text, made, notes)
    return from_legacy(parse_signatures(manifest)[0], text, LEGACY_AT)
