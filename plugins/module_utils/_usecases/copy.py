# Copyright (c) 2026, the supplychain.cosign authors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

# This module util is **PRIVATE** to the collection. It can change at any time.
from __future__ import annotations

import typing as t
from dataclasses import dataclass, field

from ansible_collections.supplychain.cosign.plugins.module_utils._formats.legacy import (
    append_layer,
    att_tag,
    sig_tag,
)
from ansible_collections.supplychain.cosign.plugins.module_utils._formats.oci import (
    DOCKER_LIST,
    OCI_INDEX,
    Descriptor,
    Manifest,
)
from ansible_collections.supplychain.cosign.plugins.module_utils._formats.rejection import Rejection
from ansible_collections.supplychain.cosign.plugins.module_utils._registry.place import Place
from ansible_collections.supplychain.cosign.plugins.module_utils._usecases.attached import MAX_ATTACHMENT_BYTES
from ansible_collections.supplychain.cosign.plugins.module_utils._usecases.parallel import in_parallel
from ansible_collections.supplychain.cosign.plugins.module_utils._usecases.session import Image, Session, need_manifest
from ansible_collections.supplychain.cosign.plugins.module_utils._usecases.sign import in_memory, told

_WORKERS = 8
_MAX_NESTING = 4


@dataclass(frozen=True)
class CopyRequest:
    source: Image
    destination: Image
    platform: str | None = None
    """`os/architecture[/variant]`: only this image of an index; None: all of it."""
    signatures: bool = True
    check_mode: bool = False


@dataclass
class Copied:
    """What was (or would be) copied; `attached` counts signatures and other attachments, manifest by manifest."""

    digest: str
    image_changed: bool = False
    blobs_sent: int = 0
    attached: list[str] = field(default_factory=list)

    @property
    def changed(self) -> bool:
        return self.image_changed or bool(self.attached)


def copy_image(source_session: Session, session: Session, request: CopyRequest) -> Copied:
    """Make the destination hold the image of the source, byte for byte, and what is attached to it.

    Blobs go first, then children, then what is attached, then the tag: nothing half-done is ever visible. Raises
    DIGEST_MISMATCH where the destination names another digest than the source has.
    """
    source, place = source_session.place(request.source), session.place(request.destination)
    image = _chosen(source, need_manifest(source, request.source), request.platform)
    reference = request.destination.reference
    wanted = reference.digest if reference else None
    if wanted and wanted != image.digest:
        raise Rejection(
            "DIGEST_MISMATCH",
            f"The source is {image.digest}, and the destination is to be {wanted}; correct one of them.",
        )
    copier = _Copier(source, place, request)
    result = Copied(image.digest)
    tag = reference.tag if reference and wanted else request.destination.identifier
    existing = place.get_manifest(tag or image.digest)
    if existing is None or existing.digest != image.digest:
        result.image_changed = True
        if not request.check_mode:
            # In a registry the tag comes last: whoever sees it finds the signatures too.
            result.blobs_sent += copier.manifest(image, None if reference else tag)
    if request.signatures:
        attached_from, attached_to = (
            source_session.attachments(request.source),
            session.attachments(request.destination),
        )
        carrier = _Copier(attached_from, attached_to, request)
        for digest in [image.digest, *copier.below(image)]:
            with told(result.changed and not request.check_mode):
                result.attached += carrier.attachments(digest)
    if result.image_changed and reference and tag and not request.check_mode:
        with told(True):
            place.put_manifest(image, tag)
    return result


class _Copier:
    def __init__(self, source: Place, place: Place, request: CopyRequest) -> None:
        self.source = source
        self.place = place
        self.check_mode = request.check_mode
        near, far = request.source.reference, request.destination.reference
        self.mount_from = near.repository if near and far and near.host == far.host else None

    def manifest(self, manifest: Manifest, tag: str | None, level: int = 0) -> int:
        """Copy a manifest or index with all that it names; how many blobs were sent."""
        if level > _MAX_NESTING:
            raise Rejection("LIMIT_EXCEEDED", f"{manifest.digest} nests indexes deeper than {_MAX_NESTING} levels.")
        sent = self._content(manifest, level)
        self.place.put_manifest(manifest, tag)
        return sent

    def _content(self, manifest: Manifest, level: int = 0) -> int:
        """What a manifest names: children, or blobs."""
        sent = 0
        if manifest.is_index:
            for child in manifest.manifests:
                if self.place.get_manifest(child.digest) is None:
                    sent += self.manifest(self._get(child.digest), None, level + 1)
        else:
            blobs = {one.digest: one for one in (manifest.config, *manifest.layers)}
            for outcome in in_parallel(self._blob, list(blobs.values()), _WORKERS):
                if isinstance(outcome, Rejection):
                    raise outcome
                sent += outcome
        return sent

    def below(self, manifest: Manifest, level: int = 0) -> list[str]:
        """The digests of everything below an index."""
        if level > _MAX_NESTING:
            raise Rejection("LIMIT_EXCEEDED", f"{manifest.digest} nests indexes deeper than {_MAX_NESTING} levels.")
        found = []
        for child in manifest.manifests if manifest.is_index else []:
            found.append(child.digest)
            if child.media_type in (OCI_INDEX, DOCKER_LIST):
                found += self.below(self._get(child.digest), level + 1)
        return list(dict.fromkeys(found))

    def attachments(self, digest: str) -> list[str]:
        """Copy what is attached to a digest: referrers, and cosign's tags, added to what the destination has."""
        there = {one.digest for one in self.place.referrers(digest)}
        copied = []
        for descriptor in self.source.referrers(digest):
            if descriptor.digest in there:
                continue
            copied.append(descriptor.digest)
            if not self.check_mode:
                referrer = self._get(descriptor.digest)
                self._content(referrer)
                self.place.add_referrer(referrer)
        for tag in (sig_tag(digest), att_tag(digest), sig_tag(digest)[: -len("sig")] + "sbom"):
            copied += self._tag(tag)
        return copied

    def _tag(self, tag: str) -> list[str]:
        manifest = self.source.get_manifest(tag)
        if manifest is None:
            return []
        existing = self.place.get_manifest(tag)
        missing = _missing_layers(existing, manifest)
        if existing is not None and not missing:
            return []
        if not self.check_mode:
            for blob in (manifest.config, *manifest.layers):
                self._blob(blob)
            self.place.update_tag(tag, lambda found: self._merged(found, manifest))
        return [tag]

    def _merged(self, existing: Manifest | None, manifest: Manifest) -> Manifest:
        if existing is None:
            return manifest
        merged = existing
        config = b""
        for layer in _missing_layers(existing, manifest):
            config = config or self.place.get_blob(existing.config, MAX_ATTACHMENT_BYTES)
            merged, config = append_layer(merged, config, layer)
        if config:
            self.place.put_blob(merged.config, in_memory(config))
        return merged

    def _get(self, digest: str) -> Manifest:
        manifest = self.source.get_manifest(digest)
        if manifest is None:
            raise Rejection(
                "UNREACHABLE", f"{self.source.name} does not have {digest}, which it lists; copy it there again."
            )
        return manifest

    def _blob(self, descriptor: Descriptor) -> bool:
        return self.place.put_blob(descriptor, lambda: self.source.open_blob(descriptor), self.mount_from)


def _missing_layers(existing: Manifest | None, manifest: Manifest) -> list[Descriptor]:
    there = [(one.digest, dict(one.annotations)) for one in existing.layers] if existing else []
    return [one for one in manifest.layers if (one.digest, dict(one.annotations)) not in there]


def _chosen(source: Place, manifest: Manifest, platform: str | None) -> Manifest:
    if platform is None:
        return manifest
    if not manifest.is_index:
        raise Rejection("POLICY_UNSUPPORTED", f"{manifest.digest} is one image, not an index; leave platform out.")
    exact = [one for one in manifest.manifests if _platform(one.platform).rstrip("/") == platform]
    # a platform without variant means the only one there is
    found = exact or [one for one in manifest.manifests if _platform(one.platform).startswith(f"{platform}/")]
    names = sorted({_platform(one.platform).rstrip("/") for one in manifest.manifests})
    if len(found) > 1:
        raise Rejection("AMBIGUOUS_MANIFEST", f"{manifest.digest} has several images for {platform}; name a digest.")
    if not found:
        raise Rejection("UNREACHABLE", f"{manifest.digest} has no image for {platform}; it has {', '.join(names)}.")
    chosen = source.get_manifest(found[0].digest)
    if chosen is None:
        raise Rejection("UNREACHABLE", f"{source.name} does not have {found[0].digest}, which its index lists.")
    return chosen


def _platform(platform: t.Mapping[str, t.Any] | None) -> str:
    parts = platform or {}
    return f"{parts.get('os', '')}/{parts.get('architecture', '')}/{parts.get('variant', '')}"
