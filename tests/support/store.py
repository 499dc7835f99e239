# Copyright (c) 2026, the supplychain.cosign authors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""The in-memory content of the embedded registry: repositories of blobs, manifests and tags."""

from __future__ import annotations

import hashlib
import json
import re
import typing as t
from dataclasses import dataclass, field

OCI_INDEX = "application/vnd.oci.image.index.v1+json"
OCI_MANIFEST = "application/vnd.oci.image.manifest.v1+json"
_DIGEST = re.compile(r"sha256:[0-9a-f]{64}|sha512:[0-9a-f]{128}")


def is_digest(text: str) -> bool:
    """Whether the text is a digest of an algorithm that the registry has."""
    return _DIGEST.fullmatch(text) is not None


def digest_of(data: bytes, algorithm: str = "sha256") -> str:
    """The digest of the bytes, with its algorithm in front."""
    return f"{algorithm}:{hashlib.new(algorithm, data).hexdigest()}"


def matches(data: bytes, digest: str) -> bool:
    """Whether the bytes have this digest."""
    return is_digest(digest) and digest_of(data, digest.partition(":")[0]) == digest


@dataclass(frozen=True)
class Manifest:
    """Manifest bytes as received, and what they say."""

    media_type: str
    body: bytes
    content: dict[str, t.Any]

    @classmethod
    def parse(cls, media_type: str, body: bytes) -> Manifest:
        """Raises ValueError when the body is no JSON object or its own mediaType is another."""
        content = json.loads(body)
        if not isinstance(content, dict):
            raise ValueError("a manifest is a JSON object")
        if content.get("mediaType", media_type) != media_type:
            raise ValueError("mediaType differs from Content-Type")
        return cls(media_type, body, content)

    def blobs(self) -> t.Iterator[str]:
        """Digests of the blobs that must be there; layers kept elsewhere (with urls) need not."""
        descriptors = [self.content["config"]] if "config" in self.content else []
        descriptors += [layer for layer in self.content.get("layers", []) if not layer.get("urls")]
        return (descriptor["digest"] for descriptor in descriptors)

    def children(self) -> t.Iterator[str]:
        """Digests of the manifests that an index lists."""
        return (descriptor["digest"] for descriptor in self.content.get("manifests", []))

    @property
    def subject(self) -> str | None:
        """Digest of the subject, if the manifest has one."""
        return t.cast("str | None", (self.content.get("subject") or {}).get("digest"))

    def descriptor(self, digest: str) -> dict[str, t.Any]:
        """The descriptor that the referrers API lists (OCI distribution specification, "Listing Referrers")."""
        descriptor: dict[str, t.Any] = {"mediaType": self.media_type, "digest": digest, "size": len(self.body)}
        artifact_type = self.content.get("artifactType") or (self.content.get("config") or {}).get("mediaType")
        if artifact_type:
            descriptor["artifactType"] = artifact_type
        if self.content.get("annotations"):
            descriptor["annotations"] = self.content["annotations"]
        return descriptor


@dataclass
class Repository:
    """One repository. Blobs and manifests by digest, tags to digests."""

    blobs: dict[str, bytes] = field(default_factory=dict)
    manifests: dict[str, Manifest] = field(default_factory=dict)
    tags: dict[str, str] = field(default_factory=dict)

    def resolve(self, reference: str) -> str | None:
        """The digest of a manifest that is here, from a tag or a digest."""
        digest = reference if is_digest(reference) else self.tags.get(reference)
        return digest if digest in self.manifests else None

    def missing(self, manifest: Manifest) -> str | None:
        """The first digest that the manifest needs and the repository lacks."""
        for digest in manifest.blobs():
            if digest not in self.blobs:
                return digest
        for digest in manifest.children():
            if digest not in self.manifests:
                return digest
        return None

    def put_blob(self, data: bytes, digest: str | None = None) -> str:
        """Store a blob and return its digest."""
        digest = digest or digest_of(data)
        self.blobs[digest] = data
        return digest

    def put_manifest(self, manifest: Manifest, reference: str) -> str:
        """Store a manifest under a tag or a digest and return its digest."""
        digest = reference if is_digest(reference) else digest_of(manifest.body)
        self.manifests[digest] = manifest
        if reference != digest:
            self.tags[reference] = digest
        return digest

    def delete_manifest(self, digest: str) -> None:
        """Remove a manifest and all tags that point to it."""
        del self.manifests[digest]
        self.tags = {tag: target for tag, target in self.tags.items() if target != digest}

    def referrers(self, subject: str) -> list[dict[str, t.Any]]:
        """Descriptors of the manifests whose subject this is, oldest first."""
        return [m.descriptor(digest) for digest, m in self.manifests.items() if m.subject == subject]
