# Copyright (c) 2026, the supplychain.cosign authors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

# This module util is **PRIVATE** to the collection. It can change at any time.
from __future__ import annotations

import contextlib
import datetime
import typing as t
from dataclasses import dataclass, field

from ansible_collections.supplychain.cosign.plugins.module_utils._evidence.model import (
    BUNDLE,
    LEGACY,
    Evidence,
    Location,
)
from ansible_collections.supplychain.cosign.plugins.module_utils._evidence.policy import KeyRule, Policy
from ansible_collections.supplychain.cosign.plugins.module_utils._evidence.read import from_bundle, from_legacy
from ansible_collections.supplychain.cosign.plugins.module_utils._evidence.verdict import Accepted, exact_annotations
from ansible_collections.supplychain.cosign.plugins.module_utils._evidence.verify import verify
from ansible_collections.supplychain.cosign.plugins.module_utils._formats.bundle import key_bundle, referrer_manifest
from ansible_collections.supplychain.cosign.plugins.module_utils._formats.dsse import IN_TOTO, Envelope, pae
from ansible_collections.supplychain.cosign.plugins.module_utils._formats.legacy import (
    append_signature,
    parse_signatures,
    remove_layers,
    sig_tag,
)
from ansible_collections.supplychain.cosign.plugins.module_utils._formats.oci import Descriptor, Manifest, digest_of
from ansible_collections.supplychain.cosign.plugins.module_utils._formats.payload import simple_signing_payload
from ansible_collections.supplychain.cosign.plugins.module_utils._formats.public_key import PublicKey
from ansible_collections.supplychain.cosign.plugins.module_utils._formats.rejection import Rejection
from ansible_collections.supplychain.cosign.plugins.module_utils._formats.statement import (
    SIGN_PREDICATE,
    sign_statement,
)
from ansible_collections.supplychain.cosign.plugins.module_utils._formats.strict import encode_base64
from ansible_collections.supplychain.cosign.plugins.module_utils._keys.signer import Signer
from ansible_collections.supplychain.cosign.plugins.module_utils._registry.place import Chunks, Place
from ansible_collections.supplychain.cosign.plugins.module_utils._usecases.attached import (
    MAX_ATTACHMENT_BYTES,
    find_bundles,
    find_legacy,
)
from ansible_collections.supplychain.cosign.plugins.module_utils._usecases.session import Image, Session, need_manifest
from ansible_collections.supplychain.cosign.plugins.module_utils._usecases.verify import descendants


@dataclass(frozen=True)
class SignRequest:
    """What should be there. `formats`: BUNDLE, LEGACY or both. `identities`: docker-references that a legacy signature
    is to carry instead of the image's own, one signature each. `annotations` None: none when signing, any when
    removing. `key` is whose signatures are ours; None: it is only predicted (check mode), so nothing can be found.
    `signer` signs with it; removing needs none."""

    key: PublicKey | None
    signer: Signer | None
    formats: tuple[str, ...] = (BUNDLE,)
    annotations: t.Mapping[str, str] | None = None
    identities: tuple[str, ...] = ()
    recursive: bool = False
    present: bool = True
    check_mode: bool = False
    limit: int = MAX_ATTACHMENT_BYTES
    lock: t.Callable[[str], t.ContextManager[t.Any]] = field(default=lambda name: contextlib.nullcontext())
    """Held while one digest is looked at and changed, so that other tasks of this run do not sign it as well."""


@dataclass
class Signed:
    """What became of one digest: signatures that were ours already, those that were (or would be) added or removed."""

    image: Image
    digest: str
    kept: list[Accepted] = field(default_factory=list)
    added: list[Accepted] = field(default_factory=list)
    removed: list[Accepted] = field(default_factory=list)
    predicted: list[dict[str, t.Any]] = field(default_factory=list)
    before: list[Evidence] = field(default_factory=list)
    children: list[Signed] = field(default_factory=list)
    warnings: list[str] = field(default_factory=list)

    @property
    def changed(self) -> bool:
        return bool(self.added or self.removed or self.predicted) or any(child.changed for child in self.children)


def sign_image(session: Session, image: Image, request: SignRequest) -> Signed:
    """Make sure that an image carries our signatures (or none of ours); a tag is resolved once, its digest signed."""
    place = session.place(image)
    known = image.reference.digest if image.reference else None
    manifest = None
    if known is None or request.recursive:
        manifest = place.get_manifest(known or image.identifier) if request.check_mode else need_manifest(place, image)
        if manifest is None:
            return _predicted(image, known or "", request)
        known = manifest.digest
    with request.lock(known):
        result = _settle(session, image, known, manifest, request)
    if request.recursive and manifest is not None:
        for child in descendants(place, manifest):
            with told(result.changed and not request.check_mode), request.lock(child.digest):
                result.children.append(_settle(session, image, child.digest, child, request))
    return result


def _predicted(image: Image, digest: str, request: SignRequest) -> Signed:
    """For an image that check mode does not find: it would have been pushed by an earlier task."""
    result = Signed(image, digest)
    if request.present:
        result.predicted = [
            _wish(request, one, name) for one in request.formats for name in _names(image, request, one)
        ]
        result.warnings.append(f"{image.text} is not in the registry yet; it would be signed once it is pushed.")
    return result


def _settle(session: Session, image: Image, digest: str, manifest: Manifest | None, request: SignRequest) -> Signed:
    attachments = session.attachments(image)
    result = Signed(image, digest)
    if request.key is None:
        result.predicted = [
            _wish(request, one, name) for one in request.formats for name in _names(image, request, one)
        ]
        result.warnings.append("The signing key is not there yet; the image would be signed once it is made.")
        return result
    ours = _ours(attachments, digest, request, result)
    if not request.present:
        result.removed = ours
        if not request.check_mode:
            _remove(attachments, digest, ours)
        return result
    missing = []
    for wanted in request.formats:
        for name in _names(image, request, wanted):
            match = next((one for one in ours if one.evidence.format == wanted and _is_for(one, name)), None)
            if match:
                result.kept.append(match)
            else:
                missing.append((wanted, name))
    if missing and request.check_mode:
        result.predicted = [_wish(request, wanted, name) for wanted, name in missing]
        if manifest is None and session.place(image).get_manifest(digest) is None:
            result.warnings.append(f"{image.text} is not in the registry yet; it would be signed once it is pushed.")
    elif missing:
        subject = (manifest or need_manifest(session.place(image), image, digest)).descriptor
        for wanted, name in missing:
            with told(bool(result.added)):
                evidence = _add(attachments, subject, request, wanted, name)
            result.added += verify(digest, [evidence], _policy(request), None, _now()).accepted
    return result


def _names(image: Image, request: SignRequest, signature_format: str) -> t.Sequence[str]:
    """The docker-references to sign for; a bundle has none, so it is one signature."""
    return (request.identities or (image.docker_reference,)) if signature_format == LEGACY else ("",)


def _is_for(one: Accepted, name: str) -> bool:
    return not name or one.evidence.docker_reference == name


def _wish(request: SignRequest, signature_format: str, name: str) -> dict[str, t.Any]:
    """A signature that check mode would make, as facts."""
    return {
        "format": signature_format,
        "annotations": dict(request.annotations or {}),
        "key_id": request.key.key_id if request.key else None,
        "signed_reference": name or None,
    }


def _policy(request: SignRequest) -> Policy:
    return Policy((KeyRule((t.cast(PublicKey, request.key),)),), ignore_tlog=True, ignore_timestamps=True)


def _ours(place: Place, digest: str, request: SignRequest, result: Signed) -> list[Accepted]:
    """What verifies with our key and carries exactly the annotations asked for, in the formats asked for."""
    policy = _policy(request)
    if BUNDLE in request.formats:
        result.before += find_bundles(place, digest, policy, request.limit)
    if LEGACY in request.formats:
        result.before += find_legacy(place, digest, request.limit)
    verdict = verify(digest, result.before, policy, None, _now())
    accepted = list(verdict.accepted)
    wanted = request.annotations
    if request.present:
        # A timestamp is not looked at here, and one that is wrong makes its signature worth nothing to a verifier.
        accepted = [one for one in accepted if not one.evidence.timestamps]
    elif wanted is None:
        return accepted
    return [one for one in accepted if exact_annotations(one, wanted or {})]


def _add(place: Place, subject: Descriptor, request: SignRequest, wanted: str, name: str) -> Evidence:
    """Sign, attach, and hand back what was attached as evidence, so that it is judged like anybody's."""
    if wanted == BUNDLE:
        return _add_bundle(place, subject, request)
    return _add_legacy(place, subject, request, name)


def _add_bundle(place: Place, subject: Descriptor, request: SignRequest) -> Evidence:
    signer = t.cast(Signer, request.signer)
    statement = sign_statement(subject.digest, request.annotations)
    envelope = Envelope(IN_TOTO, statement, signer.sign(pae(IN_TOTO, statement)))
    bundle = key_bundle(envelope, signer.public_key.key_id)
    manifest, blobs = referrer_manifest(bundle, subject, SIGN_PREDICATE, _now())
    for descriptor in (manifest.config, *manifest.layers):
        place.put_blob(descriptor, in_memory(blobs[descriptor.digest]))
    place.add_referrer(manifest)
    return from_bundle(bundle, Location(manifest.digest))


def _add_legacy(place: Place, subject: Descriptor, request: SignRequest, name: str) -> Evidence:
    signer = t.cast(Signer, request.signer)
    payload = simple_signing_payload(name, subject.digest, request.annotations)
    signature = signer.sign(payload)
    layer_digest = digest_of(payload)
    tag = sig_tag(subject.digest)
    put_bytes(place, payload, "application/vnd.dev.cosign.simplesigning.v1+json")

    def merge(existing: Manifest | None) -> Manifest:
        if existing is not None and _holds(existing, layer_digest, signature):
            return existing
        old = place.get_blob(existing.config, request.limit) if existing else None
        manifest, config = append_signature(existing, old, payload, signature)
        place.put_blob(manifest.config, in_memory(config))
        return manifest

    manifest = t.cast(Manifest, place.update_tag(tag, merge))
    layer = next(one for one in reversed(parse_signatures(manifest)) if one.descriptor.digest == layer_digest)
    return from_legacy(layer, payload, Location(manifest.digest, tag, layer.index))


def _holds(manifest: Manifest, layer_digest: str, signature: bytes) -> bool:
    text = encode_base64(signature)
    return any(
        layer.descriptor.digest == layer_digest and layer.signature == text for layer in parse_signatures(manifest)
    )


def _remove(place: Place, digest: str, ours: t.Sequence[Accepted]) -> None:
    """Bundles first: a registry that does not delete says so before anything was taken away."""
    removed = False
    for one in ours:
        if one.evidence.format == BUNDLE:
            with told(removed):
                place.remove_referrer(one.evidence.location.manifest, digest)
            removed = True
    gone = {
        (digest_of(one.evidence.payload), encode_base64(one.evidence.signature))
        for one in ours
        if one.evidence.format == LEGACY
    }
    if not gone:
        return

    def merge(existing: Manifest | None) -> Manifest | None:
        if existing is None:
            return None
        layers = [
            layer.index for layer in parse_signatures(existing) if (layer.descriptor.digest, layer.signature) in gone
        ]
        if not layers:
            return existing
        rest = remove_layers(existing, place.get_blob(existing.config, MAX_ATTACHMENT_BYTES), layers)
        if rest is None:
            return None
        manifest, config = rest
        place.put_blob(manifest.config, in_memory(config))
        return manifest

    with told(removed):
        place.update_tag(sig_tag(digest), merge)


@contextlib.contextmanager
def told(written: bool) -> t.Iterator[None]:
    """A refusal in here says that something had been written before."""
    try:
        yield
    except Rejection as rejection:
        rejection.changed = rejection.changed or written
        raise


def in_memory(data: bytes) -> t.Callable[[], t.ContextManager[Chunks]]:
    """A source for `Place.put_blob` of bytes that are in memory."""
    return lambda: contextlib.nullcontext([data])


def put_bytes(place: Place, data: bytes, media_type: str) -> None:
    place.put_blob(Descriptor(media_type, digest_of(data), len(data)), in_memory(data))


def _now() -> datetime.datetime:
    return datetime.datetime.now(datetime.timezone.utc)
