# Copyright (c) 2026, the supplychain.cosign authors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

# This module util is **PRIVATE** to the collection. It can change at any time.
from __future__ import annotations

import typing as t

from ansible_collections.supplychain.cosign.plugins.module_utils._evidence.model import Evidence, Location
from ansible_collections.supplychain.cosign.plugins.module_utils._evidence.read import (
    from_bundle,
    from_legacy,
    from_listing,
)
from ansible_collections.supplychain.cosign.plugins.module_utils._formats.bundle import (
    BUNDLE_PREFIX,
    PREDICATE_ANNOTATION,
)
from ansible_collections.supplychain.cosign.plugins.module_utils._formats.legacy import parse_signatures, sig_tag
from ansible_collections.supplychain.cosign.plugins.module_utils._formats.oci import OCI_EMPTY, Descriptor
from ansible_collections.supplychain.cosign.plugins.module_utils._formats.rejection import COULD_NOT_LOOK, Rejection
from ansible_collections.supplychain.cosign.plugins.module_utils._registry.place import Place

MAX_ATTACHMENT_BYTES = 4 * 1024 * 1024
MAX_ATTACHED_BYTES = 64 * 1024 * 1024
"""Of all that is attached to one image, in one format."""


class _Budget:
    """How much is downloaded of what is attached to one image: anybody may attach a thousand large ones."""

    def __init__(self, limit: int) -> None:
        self._limit = limit
        self._left = max(MAX_ATTACHED_BYTES, limit)

    @property
    def is_spent(self) -> bool:
        return self._left < 0

    def get(self, place: Place, layer: Descriptor) -> bytes:
        """The blob. Raises LIMIT_EXCEEDED for one that is too large by itself, or for all together (`is_spent`)."""
        if layer.size <= self._limit:
            self._left -= layer.size
        if self.is_spent:
            raise Rejection(
                "LIMIT_EXCEEDED",
                f"More than {max(MAX_ATTACHED_BYTES, self._limit)} bytes of signatures are attached in {place.name}; "
                "remove those that nobody needs.",
            )
        return place.get_blob(layer, self._limit)


def find_bundles(
    place: Place, digest: str, counts: t.Callable[[str], bool], limit: int = MAX_ATTACHMENT_BYTES
) -> t.Iterator[Evidence]:
    """The bundles attached to an image as referrers, each as evidence; `counts` says of which predicate types.

    A registry's word for a referrer's type is taken only to leave it out of the download where its manifest says that
    it is a bundle of another predicate type (which can only refuse). What is no bundle is passed over; a bundle that
    cannot be read is evidence with an error. Whatever keeps us from looking is raised.
    """
    budget = _Budget(limit)
    for descriptor in place.referrers(digest):
        if not _may_be_bundle(descriptor):
            continue
        claimed = descriptor.annotations.get(PREDICATE_ANNOTATION)
        if claimed is not None and not counts(claimed):
            yield from_listing(claimed, Location(descriptor.digest))
            continue
        evidence = _read_referrer(place, descriptor, digest, counts, budget)
        if evidence is not None:
            yield evidence


def _may_be_bundle(descriptor: Descriptor) -> bool:
    # Registries list a bundle under its manifest's artifactType, under its config's media type, or under nothing.
    kind = descriptor.artifact_type
    return kind is None or kind == OCI_EMPTY or kind.startswith(BUNDLE_PREFIX)


def _read_referrer(
    place: Place, descriptor: Descriptor, digest: str, counts: t.Callable[[str], bool], budget: _Budget
) -> Evidence | None:
    location = Location(descriptor.digest)
    try:
        manifest = place.get_manifest(descriptor.digest)
        if manifest is None:
            # Somebody deleted it and left it listed. The verdict decides whether it was needed.
            missing = (
                f"{place.name} lists {descriptor.digest} as attached to {digest} and does not have it; sign again."
            )
            return Evidence("bundle", location, error=Rejection("UNREACHABLE", missing))
        layers = [] if manifest.is_index else manifest.layers
        if not layers or not layers[0].media_type.startswith(BUNDLE_PREFIX):
            return None
        subject = manifest.subject
        if subject is None or subject.digest != digest:
            raise Rejection("SUBJECT_MISMATCH", f"The referrer {descriptor.digest} is attached to another image.")
        if len(layers) != 1:
            raise Rejection(
                "MALFORMED", f"The referrer {descriptor.digest} has {len(layers)} layers where a bundle has one."
            )
        claimed = manifest.annotations.get(PREDICATE_ANNOTATION)
        if claimed is not None and not counts(claimed):
            return from_listing(claimed, location)
        return from_bundle(budget.get(place, layers[0]), location)
    except Rejection as rejection:
        return _unread("bundle", location, rejection, budget)


def _unread(signature_format: str, location: Location, rejection: Rejection, budget: _Budget) -> Evidence:
    """One that is broken is evidence that it is; what kept us from looking is raised."""
    if rejection.code in COULD_NOT_LOOK or budget.is_spent:
        raise rejection
    return Evidence(signature_format, location, error=rejection)


def find_legacy(place: Place, digest: str, limit: int = MAX_ATTACHMENT_BYTES) -> t.Iterator[Evidence]:
    """The layers of the image's `.sig` tag, each as evidence; none where there is no such tag."""
    if not digest.startswith("sha256:"):
        return  # the tag of a longer digest would be longer than tags are
    manifest = place.get_manifest(sig_tag(digest))
    if manifest is None:
        return
    budget = _Budget(limit)
    payloads: dict[str, bytes] = {}  # who signs one image twice signs the same text
    for layer in parse_signatures(manifest):
        location = Location(manifest.digest, sig_tag(digest), layer.index)
        name = layer.descriptor.digest
        try:
            if name not in payloads:
                payloads[name] = budget.get(place, layer.descriptor)
            yield from_legacy(layer, payloads[name], location)
        except Rejection as rejection:
            yield _unread("legacy", location, rejection, budget)
