# Copyright (c) 2026, the supplychain.cosign authors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

# This module util is **PRIVATE** to the collection. It can change at any time.
from __future__ import annotations

import typing as t

from ansible_collections.supplychain.cosign.plugins.module_utils._formats.oci import Descriptor, Manifest

Chunks = t.Iterable[bytes]


class Place(t.Protocol):
    """One repository's content, wherever it is kept: a registry, an OCI layout, an archive.

    All reads check size and digest before anything is returned. `None`/`False` mean "looked, is not there"; whatever
    kept us from looking is a Rejection. All methods may be called from several threads.
    """

    name: str
    """For messages: `registry/repository`, `oci:DIR`, ..."""

    def get_manifest(self, reference: str) -> Manifest | None:
        """The manifest or index of a tag, or of a digest (then the bytes hash to it)."""

    def get_blob(self, descriptor: Descriptor, limit: int) -> bytes:
        """A small blob, whole. Larger than `limit` bytes is LIMIT_EXCEEDED, before it is fetched."""

    def open_blob(self, descriptor: Descriptor) -> t.ContextManager[Chunks]:
        """A blob of any size in chunks; the last chunk comes only after size and digest were right."""

    def has_blob(self, digest: str) -> bool:
        """Whether it is there; asked, not fetched."""

    def put_blob(
        self, descriptor: Descriptor, source: t.Callable[[], t.ContextManager[Chunks]], mount_from: str | None = None
    ) -> bool:
        """Put a blob there unless it is there; True when bytes were sent. `source` can be opened again for a retry.

        `mount_from`: a repository of the same registry that has the blob (distribution-spec, mount)."""

    def put_manifest(self, manifest: Manifest, tag: str | None = None) -> None:
        """Put it under its digest, or under `tag`; the blobs and children are there already. Read back under a tag."""

    def update_tag(self, tag: str, merge: t.Callable[[Manifest | None], Manifest | None]) -> Manifest | None:
        """Read, merge, write, read again (If-Match where the place has it), until what `merge` wants stands.

        `merge` gets what stands there (None: nothing) and returns what should stand; returning what it got means
        "right as it is"; None deletes the tag's manifest. Returns what stands at the end. CONFLICT when others win."""

    def referrers(self, digest: str) -> list[Descriptor]:
        """All manifests whose subject is `digest`: the API where there is one, else the fallback tag
        (distribution-spec, "Listing Referrers"). Neither filtered nor ordered."""

    def add_referrer(self, manifest: Manifest) -> None:
        """Put a manifest that has a `subject` under its digest, and into the fallback index where there is no API."""

    def remove_referrer(self, digest: str, subject: str) -> None:
        """Delete that manifest and take it out of the fallback index of `subject`."""

    def delete_manifest(self, digest: str) -> None:
        """Delete by digest; a place that refuses is POLICY_UNSUPPORTED."""
