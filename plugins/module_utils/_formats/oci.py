# Copyright (c) 2026, the supplychain.cosign authors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

# This module util is **PRIVATE** to the collection. It can change at any time.
from __future__ import annotations

import hashlib
import typing as t
from dataclasses import dataclass, field

from ansible_collections.supplychain.cosign.plugins.module_utils._formats.rejection import Rejection
from ansible_collections.supplychain.cosign.plugins.module_utils._formats.strict import (
    Fields,
    JsonObject,
    check_digest,
    parse_object,
)

OCI_MANIFEST = "application/vnd.oci.image.manifest.v1+json"
OCI_INDEX = "application/vnd.oci.image.index.v1+json"
OCI_CONFIG = "application/vnd.oci.image.config.v1+json"
OCI_EMPTY = "application/vnd.oci.empty.v1+json"
DOCKER_MANIFEST = "application/vnd.docker.distribution.manifest.v2+json"
DOCKER_LIST = "application/vnd.docker.distribution.manifest.list.v2+json"
MANIFEST_TYPES = (OCI_MANIFEST, OCI_INDEX, DOCKER_MANIFEST, DOCKER_LIST)

MAX_MANIFEST_BYTES = 4 * 1024 * 1024
MAX_DESCRIPTORS = 1000
"""Layers of a `.sig`, referrers of an image, children of an index that are listed; one more is LIMIT_EXCEEDED."""


def digest_of(data: bytes, algorithm: str = "sha256") -> str:
    return f"{algorithm}:{hashlib.new(algorithm, data).hexdigest()}"


@dataclass(frozen=True)
class Descriptor:
    """What names content in OCI: media type, digest, size in bytes (image-spec, descriptor.md)."""

    media_type: str
    digest: str
    size: int
    annotations: t.Mapping[str, str] = field(default_factory=dict)
    artifact_type: str | None = None
    platform: t.Mapping[str, t.Any] | None = None

    def as_json(self) -> JsonObject:
        """Keys in the order in which go-containerregistry writes them."""
        found: JsonObject = {"mediaType": self.media_type, "size": self.size, "digest": self.digest}
        if self.annotations:
            found["annotations"] = dict(sorted(self.annotations.items()))
        if self.platform is not None:
            found["platform"] = dict(self.platform)
        if self.artifact_type is not None:
            found["artifactType"] = self.artifact_type
        return found


def parse_descriptor(found: t.Any, path: str) -> Descriptor:
    fields = Fields(found, path)
    size = fields.integer("size")
    if size < 0:
        raise Rejection("MALFORMED", f"{path}.size is negative.")
    platform = fields.optional_object("platform")
    return Descriptor(
        media_type=fields.text("mediaType"),
        digest=check_digest(fields.text("digest"), f"digest of {path}"),
        size=size,
        annotations=fields.texts("annotations"),
        artifact_type=fields.text("artifactType", None) or None,
        platform=platform.found if platform else None,
    )


@dataclass(frozen=True)
class Manifest:
    """The bytes of a manifest or index as they were received, their digest (computed by us) and what they say."""

    media_type: str
    data: bytes
    digest: str
    document: JsonObject = field(repr=False, compare=False)

    @property
    def descriptor(self) -> Descriptor:
        return Descriptor(self.media_type, self.digest, len(self.data), artifact_type=self.artifact_type)

    @property
    def is_index(self) -> bool:
        return self.media_type in (OCI_INDEX, DOCKER_LIST)

    @property
    def artifact_type(self) -> str | None:
        value = self.document.get("artifactType")
        return value if isinstance(value, str) and value else None

    @property
    def annotations(self) -> dict[str, str]:
        return Fields(self.document, "manifest").texts("annotations")

    @property
    def config(self) -> Descriptor:
        return parse_descriptor(self.document.get("config"), "manifest.config")

    @property
    def layers(self) -> list[Descriptor]:
        return _descriptors(self.document, "layers")

    @property
    def manifests(self) -> list[Descriptor]:
        return _descriptors(self.document, "manifests")

    @property
    def subject(self) -> Descriptor | None:
        found = self.document.get("subject")
        return None if found is None else parse_descriptor(found, "manifest.subject")


def _descriptors(document: JsonObject, key: str) -> list[Descriptor]:
    found = Fields(document, "manifest").array(key, [])
    if len(found) > MAX_DESCRIPTORS:
        raise Rejection(
            "LIMIT_EXCEEDED", f"The manifest lists {len(found)} {key}, more than the {MAX_DESCRIPTORS} that are read."
        )
    return [parse_descriptor(one, f"manifest.{key}[{index}]") for index, one in enumerate(found)]


def parse_manifest(data: bytes, media_type: str | None, digest: str | None = None) -> Manifest:
    """Read a manifest or index. `media_type` is what the transport or descriptor said, `digest` what was asked for.

    The bytes are hashed before they are read. Raises DIGEST_MISMATCH, LIMIT_EXCEEDED, MEDIA_TYPE, AMBIGUOUS_MANIFEST
    (both an image and an index, image-spec CVE-2021-41190) or what `parse_json` raises.
    """
    if len(data) > MAX_MANIFEST_BYTES:
        raise Rejection("LIMIT_EXCEEDED", f"The manifest is larger than {MAX_MANIFEST_BYTES} bytes.")
    computed = digest_of(data, (digest or "sha256:").split(":")[0])
    if digest is not None and computed != digest:
        raise Rejection(
            "DIGEST_MISMATCH", f"Asked for {digest}, got a manifest whose digest is {computed}. It was not used."
        )
    document = parse_object(data, "manifest")
    own = document.get("mediaType", media_type)
    if media_type is not None and own != media_type:
        raise Rejection("MEDIA_TYPE", f"The manifest is a {str(own)[:99]!r}, but it came as {media_type[:99]!r}.")
    if own not in MANIFEST_TYPES:
        raise Rejection("MEDIA_TYPE", f"The manifest is of the type {str(own)[:120]!r}, which is not read here.")
    is_index = own in (OCI_INDEX, DOCKER_LIST)
    if ("manifests" in document) != is_index or ("layers" in document or "config" in document) == is_index:
        raise Rejection("AMBIGUOUS_MANIFEST", "The manifest has the shape of both image and index, or of neither.")
    if document.get("schemaVersion") != 2:
        raise Rejection("MALFORMED", "The manifest has no schemaVersion 2.")
    return Manifest(t.cast(str, own), data, computed, document)
