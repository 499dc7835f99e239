# Copyright (c) 2026, the supplychain.cosign authors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

# This module util is **PRIVATE** to the collection. It can change at any time.
from __future__ import annotations

import contextlib
import dataclasses
import datetime
import typing as t
from dataclasses import dataclass, field

from ansible_collections.supplychain.cosign.plugins.module_utils._evidence.model import (
    BUNDLE,
    LEGACY,
    Evidence,
    Location,
)
from ansible_collections.supplychain.cosign.plugins.module_utils._evidence.policy import KeyRule, Policy, SignerRule
from ansible_collections.supplychain.cosign.plugins.module_utils._evidence.read import from_bundle, from_legacy
from ansible_collections.supplychain.cosign.plugins.module_utils._evidence.verdict import (
    Accepted,
    Verdict,
    exact_annotations,
)
from ansible_collections.supplychain.cosign.plugins.module_utils._evidence.verify import needs_trust, verify
from ansible_collections.supplychain.cosign.plugins.module_utils._formats.bundle import referrer_manifest
from ansible_collections.supplychain.cosign.plugins.module_utils._formats.legacy import (
    SIGNATURE,
    SIMPLE_SIGNING,
    append_layer,
    append_signature,
    parse_signatures,
    remove_layers,
    sig_tag,
)
from ansible_collections.supplychain.cosign.plugins.module_utils._formats.oci import Descriptor, Manifest, digest_of
from ansible_collections.supplychain.cosign.plugins.module_utils._formats.payload import simple_signing_payload
from ansible_collections.supplychain.cosign.plugins.module_utils._formats.rejection import Rejection
from ansible_collections.supplychain.cosign.plugins.module_utils._formats.statement import (
    SIGN_PREDICATE,
    sign_statement,
)
from ansible_collections.supplychain.cosign.plugins.module_utils._formats.strict import encode_base64
from ansible_collections.supplychain.cosign.plugins.module_utils._registry.place import Chunks, Place
from ansible_collections.supplychain.cosign.plugins.module_utils._usecases.attached import (
    MAX_ATTACHMENT_BYTES,
    find_bundles,
    find_legacy,
)
from ansible_collections.supplychain.cosign.plugins.module_utils._usecases.making import Maker
from ansible_collections.supplychain.cosign.plugins.module_utils._usecases.services import OpenServices
from ansible_collections.supplychain.cosign.plugins.module_utils._usecases.session import Image, Session, need_manifest
from ansible_collections.supplychain.cosign.plugins.module_utils._usecases.signatory import Signatory, Who
from ansible_collections.supplychain.cosign.plugins.module_utils._usecases.trust import Trust
from ansible_collections.supplychain.cosign.plugins.module_utils._usecases.verify import descendants


@dataclass(frozen=True)
class SignRequest:
    """What should be there. `formats`: BUNDLE, LEGACY or both. `identities`: docker-references that a legacy signature
    is to carry instead of the image's own, one signature each. `annotations` None: none when signing, any when
    removing. `who` signs, and says whose signatures are ours; `services` are asked. A signature of ours counts as there
    when it is in as many logs, and has a timestamp, as one that would be made now. `ignore_sct`: certificates are of an
    authority that uses no certificate log."""

    who: Who
    services: OpenServices
    trust: Trust
    ignore_sct: bool = False
    formats: tuple[str, ...] = (BUNDLE,)
    annotations: t.Mapping[str, str] | None = None
    identities: tuple[str, ...] = ()
    recursive: bool = False
    present: bool = True
    check_mode: bool = False
    limit: int = MAX_ATTACHMENT_BYTES
    lock: t.Callable[[str, str], t.ContextManager[t.Any]] = field(
        default=lambda place, digest: contextlib.nullcontext()
    )
    """Held while one digest is looked at and changed in one place of attachments, so that other tasks of this run do
    not sign it as well."""


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
    # Before anything is logged: an index that is not whole is refused as it is.
    children = descendants(place, manifest) if request.recursive and manifest is not None else []
    name = session.attachments(image).name
    with request.lock(name, known):
        result = _settle(session, image, known, manifest, request)
    for child in children:
        with told(result.changed and not request.check_mode), request.lock(name, child.digest):
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
    rule = request.who.rule()
    if rule is None and request.check_mode:
        result.predicted = [
            _wish(request, one, name) for one in request.formats for name in _names(image, request, one)
        ]
        result.warnings.append(request.who.unknown())
        return result
    _look(attachments, digest, request, result)
    if not request.present:
        result.removed = _ours(digest, request, t.cast(SignerRule, rule), result)
        if not request.check_mode:
            _remove(attachments, digest, result.removed)
        return result
    missing = _missing(image, digest, request, rule, result)
    if missing and request.check_mode:
        result.predicted = [_wish(request, wanted, name) for wanted, name in missing]
        if manifest is None and session.place(image).get_manifest(digest) is None:
            result.warnings.append(f"{image.text} is not in the registry yet; it would be signed once it is pushed.")
    elif missing:
        subject = (manifest or need_manifest(session.place(image), image, digest)).descriptor
        signatory = request.who.signatory()
        if signatory.rule != rule:
            # Now it is known as whom this signs, and such a signature may be there.
            missing = _missing(image, digest, request, signatory.rule, result)
        for wanted, name in missing:
            with told(bool(result.added)):
                if result.added:
                    # A certificate may end before the last of many.
                    signatory = request.who.signatory()
                result.added.append(_add(attachments, subject, request, signatory, wanted, name))
    return result


def _missing(
    image: Image, digest: str, request: SignRequest, rule: SignerRule | None, result: Signed
) -> list[tuple[str, str]]:
    """Formats and names in which a signature of ours is still to be made; those that are there become `kept`."""
    ours = _ours(digest, request, rule, result) if rule else []
    missing, result.kept = [], []
    for wanted in request.formats:
        for name in _names(image, request, wanted):
            match = next((one for one in ours if one.evidence.format == wanted and _is_for(one, name)), None)
            if match:
                result.kept.append(match)
            else:
                missing.append((wanted, name))
    return missing


def _names(image: Image, request: SignRequest, signature_format: str) -> t.Sequence[str]:
    """The docker-references to sign for; a bundle has none, so it is one signature."""
    return (request.identities or (image.docker_reference,)) if signature_format == LEGACY else ("",)


def _is_for(one: Accepted, name: str) -> bool:
    return not name or one.evidence.docker_reference == name


def _wish(request: SignRequest, signature_format: str, name: str) -> dict[str, t.Any]:
    """A signature that check mode would make, as facts."""
    rule = request.who.rule()
    return {
        "format": signature_format,
        "annotations": dict(request.annotations or {}),
        "signer": _named(rule) if rule else None,
        "signed_reference": name or None,
        "logged": bool(request.services.named.logs),
    }


def _named(rule: SignerRule) -> str:
    """Who would sign, as a diff names who did."""
    if isinstance(rule, KeyRule):
        return f"key {rule.keys[0].key_id}"
    return f"{rule.identity} ({rule.issuer or 'no issuer'})"


def _policy(request: SignRequest, rule: SignerRule, ignore_tlog: bool) -> Policy:
    """By which a signature is ours."""
    stamped = request.present and bool(request.services.named.timestamp_authorities)
    return Policy(
        (rule,),
        ignore_tlog=ignore_tlog,
        # Keys without log and timestamp need no trusted root, and so no connection for it.
        ignore_timestamps=isinstance(rule, KeyRule) and ignore_tlog and not stamped,
        use_signed_timestamps=stamped,
        ignore_sct=request.ignore_sct,
    )


def _judge(digest: str, request: SignRequest, policy: Policy, evidence: t.Sequence[Evidence]) -> Verdict:
    root = request.trust.root() if any(needs_trust(one, policy) for one in evidence) else None
    return verify(digest, evidence, policy, root, _now())


def _look(place: Place, digest: str, request: SignRequest, result: Signed) -> None:
    if BUNDLE in request.formats:
        result.before += find_bundles(place, digest, lambda kind: kind == SIGN_PREDICATE, request.limit)
    if LEGACY in request.formats:
        result.before += find_legacy(place, digest, request.limit)


def _as_made_now(digest: str, request: SignRequest, rule: SignerRule, evidence: t.Sequence[Evidence]) -> Verdict:
    """Those of ours that are in as many logs, and stamped, as one that would be made now."""
    logs = len(request.services.named.logs)
    verdict = _judge(digest, request, _policy(request, rule, not logs), evidence)
    accepted = [
        one
        for one in verdict.accepted
        if _logs_of(one) >= logs
        # A timestamp that was not looked at may be a wrong one, with which no verifier accepts the signature.
        and len(one.timestamps) >= bool(one.evidence.timestamps)
    ]
    return dataclasses.replace(verdict, accepted=tuple(accepted))


def _logs_of(one: Accepted) -> int:
    """In how many logs it is, as every verifier counts: an entry of Rekor v1 by the log's promise, which is what tells
    its time."""
    return len({entry.log.log_id for entry in one.logged if entry.time or entry.kind in _KINDS_OF_V2})


_KINDS_OF_V2 = ("hashedrekord 0.0.2", "dsse 0.0.2")


def _ours(digest: str, request: SignRequest, rule: SignerRule, result: Signed) -> list[Accepted]:
    """What is ours and carries exactly the annotations asked for, in the formats asked for."""
    wanted, certificates = request.annotations, request.who.certificates[:1]
    if request.present:
        found = [
            one
            for one in _as_made_now(digest, request, rule, result.before).accepted
            if not certificates or one.evidence.certificates[:1] == certificates
        ]
        return [one for one in found if exact_annotations(one, wanted or {})]
    # In a log or not: it is ours all the same. Only by its time in a log may a certificate be known to have been valid.
    ways = (True,) if isinstance(rule, KeyRule) else (False, True)
    judged = [_judge(digest, request, _policy(request, rule, ignore), result.before).accepted for ignore in ways]
    ours = {str(one.evidence.location): one for found in judged for one in found}.values()
    return [one for one in ours if wanted is None or exact_annotations(one, wanted)]


def _add(
    place: Place, subject: Descriptor, request: SignRequest, signatory: Signatory, wanted: str, name: str
) -> Accepted:
    """Sign, see that verifiers will accept it, and only then attach it."""
    maker = Maker(signatory, request.services)
    if wanted == BUNDLE:
        return _add_bundle(place, subject, request, signatory, maker)
    return _add_legacy(place, subject, request, signatory, maker, name)


def _add_bundle(
    place: Place, subject: Descriptor, request: SignRequest, signatory: Signatory, maker: Maker
) -> Accepted:
    bundle = maker.bundle(sign_statement(subject.digest, request.annotations))
    manifest, blobs = referrer_manifest(bundle, subject, SIGN_PREDICATE, _now())
    with told(bool(request.services.named.logs)):
        accepted = _check_made(subject.digest, request, signatory, from_bundle(bundle, Location(manifest.digest)))
        for descriptor in (manifest.config, *manifest.layers):
            place.put_blob(descriptor, in_memory(blobs[descriptor.digest]))
        place.add_referrer(manifest)
    return accepted


def _add_legacy(
    place: Place, subject: Descriptor, request: SignRequest, signatory: Signatory, maker: Maker, name: str
) -> Accepted:
    payload = simple_signing_payload(name, subject.digest, request.annotations)
    signature, notes = maker.legacy(payload)
    tag = sig_tag(subject.digest)
    made = parse_signatures(append_signature(None, None, payload, signature, notes)[0])[0]
    seen = {_key(made.descriptor): made.descriptor}

    def merge(existing: Manifest | None) -> Manifest:
        """With ours in it, and with what it saw and somebody's write has lost."""
        there = {_key(one): one for one in (existing.layers if existing else ())}
        lost = [one for key, one in seen.items() if key not in there]
        seen.update(there)
        if existing is not None and not lost:
            return existing
        config = place.get_blob(existing.config, request.limit) if existing else None
        for layer in lost:
            existing, config = append_layer(existing, config, layer)
        manifest = t.cast(Manifest, existing)
        place.put_blob(manifest.config, in_memory(t.cast(bytes, config)))
        return manifest

    with told(bool(request.services.named.logs)):
        accepted = _check_made(subject.digest, request, signatory, from_legacy(made, payload, Location("", tag, 0)))
        put_bytes(place, payload, SIMPLE_SIGNING)
        manifest = t.cast(Manifest, place.update_tag(tag, merge))
    layer = next(one for one in parse_signatures(manifest) if _key(one.descriptor) == _key(made.descriptor))
    evidence = dataclasses.replace(accepted.evidence, location=Location(manifest.digest, tag, layer.index))
    return dataclasses.replace(accepted, evidence=evidence)


def _key(layer: Descriptor) -> tuple[str, str | None]:
    """What tells the layers of a `.sig` tag apart: all who sign an image may sign the same text."""
    return layer.digest, layer.annotations.get(SIGNATURE)


def _check_made(digest: str, request: SignRequest, signatory: Signatory, made: Evidence) -> Accepted:
    """What was made just now, judged like anybody's, before anybody else sees it."""
    verdict = _as_made_now(digest, request, signatory.rule, [made])
    if verdict.accepted:
        return verdict.accepted[0]
    refusal = verdict.refusal or Rejection(
        "TRUST_ROOT",
        f"Not all that was asked for is vouched for by logs and timestamp authorities of the trusted root "
        f"({len(request.services.named.logs)} logs and {len(request.services.named.timestamp_authorities)} timestamp "
        "authorities were asked); give the trusted root that has them all.",
    )
    raise Rejection(
        refusal.code, f"The signature that was made does not verify, so it was not attached. {refusal.message}"
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
