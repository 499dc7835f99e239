# Copyright (c) 2026, the supplychain.cosign authors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

# This module util is **PRIVATE** to the collection. It can change at any time.
from __future__ import annotations

import typing as t

from ansible_collections.supplychain.cosign.plugins.module_utils._formats.oci import Descriptor, Manifest
from ansible_collections.supplychain.cosign.plugins.module_utils._formats.rejection import Rejection
from ansible_collections.supplychain.cosign.plugins.module_utils._http.request import Source
from ansible_collections.supplychain.cosign.plugins.module_utils._http.transport import Transport
from ansible_collections.supplychain.cosign.plugins.module_utils._http.wire import Deadline
from ansible_collections.supplychain.cosign.plugins.module_utils._registry import blobs, manifests, referrers
from ansible_collections.supplychain.cosign.plugins.module_utils._registry.api import Api, refusal
from ansible_collections.supplychain.cosign.plugins.module_utils._registry.auth import MAX_REFRESHES, Session
from ansible_collections.supplychain.cosign.plugins.module_utils._registry.credentials import Credential
from ansible_collections.supplychain.cosign.plugins.module_utils._registry.place import Chunks
from ansible_collections.supplychain.cosign.plugins.module_utils._registry.reference import Reference


def open_repository(transport: Transport, reference: Reference, credential: Credential | None) -> RegistryPlace:
    """The repository of an image. Logins are shared by all repositories that a transport opens with one credential."""
    return RegistryPlace(Api(transport, reference, credential))


class RegistryPlace:
    """A repository in a registry, as a Place. Beside what Place says, any method raises what keeps us from looking:
    UNREACHABLE, RATE_LIMITED, AUTH_REFUSED, REALM_REFUSED, REDIRECT_REFUSED, TLS_REFUSED."""

    def __init__(self, api: Api) -> None:
        self._api = api
        self.name = api.name
        self._there: dict[str, tuple[Descriptor, Source]] = {}

    def _deadline(self, size: int = 0) -> Deadline:
        return self._api.transport.deadline(size)

    def get_manifest(self, reference: str) -> Manifest | None:
        return manifests.read_manifest(self._api, reference, self._deadline()).manifest

    def get_blob(self, descriptor: Descriptor, limit: int) -> bytes:
        return blobs.read_blob(self._api, descriptor, limit)

    def open_blob(self, descriptor: Descriptor) -> t.ContextManager[Chunks]:
        return blobs.stream_blob(self._api, descriptor)

    def has_blob(self, digest: str) -> bool:
        return blobs.has_blob(self._api, digest, self._deadline())

    def put_blob(self, descriptor: Descriptor, source: Source, mount_from: str | None = None) -> bool:
        deadline = self._deadline(descriptor.size)
        if blobs.has_blob(self._api, descriptor.digest, deadline):
            self._there[descriptor.digest] = descriptor, source
            return False
        return blobs.upload_blob(self._api, descriptor, source, mount_from, deadline)

    def put_manifest(self, manifest: Manifest, tag: str | None = None) -> None:
        deadline = self._deadline()
        headers = self._put(manifest, tag or manifest.digest, deadline)
        if tag:
            manifests.await_tag(self._api, tag, manifest.digest, deadline)
            return
        # what it calls the manifest does not matter, if it has it under the right name
        if headers.get("docker-content-digest") != manifest.digest and self.get_manifest(manifest.digest) is None:
            raise Rejection(
                "UNREACHABLE", f"The repository {self.name} took {manifest.digest} and does not have it. Run it again."
            )

    def _put(self, manifest: Manifest, reference: str, deadline: Deadline) -> t.Mapping[str, str]:
        reply = manifests.write_manifest(self._api, manifest, reference, deadline, {})
        if manifests.misses_blobs(reply):
            # Some registries answer HEAD for blobs that they no longer have.
            of_manifest = (
                {one.digest for one in (manifest.config, *manifest.layers)} if not manifest.is_index else set()
            )
            for descriptor, source in [self._there[digest] for digest in of_manifest & self._there.keys()]:
                blobs.upload_blob(self._api, descriptor, source, None, self._deadline(descriptor.size))
            reply = manifests.write_manifest(self._api, manifest, reference, deadline, {})
            if manifests.misses_blobs(reply):
                raise refusal(reply, f"push {reference} to {self.name}")
        return reply.headers

    def update_tag(self, tag: str, merge: manifests.Merge) -> Manifest | None:
        return manifests.update_tag(self._api, tag, merge, self._deadline())

    def referrers(self, digest: str) -> list[Descriptor]:
        deadline = self._deadline()
        found = referrers.ask_api(self._api, digest, deadline)
        return referrers.ask_fallback(self._api, digest, deadline) if found is None else found

    def add_referrer(self, manifest: Manifest) -> None:
        subject = manifest.subject
        if subject is None:
            raise Rejection("MALFORMED", f"The manifest {manifest.digest} has no subject, so it refers to nothing.")
        deadline = self._deadline()
        headers = self._put(manifest, manifest.digest, deadline)
        # Some registries promise OCI-Subject without having the API, others have the API and do not say so.
        promised = headers.get("oci-subject") == subject.digest
        if referrers.await_listed(self._api, subject.digest, manifest.digest, promised, deadline):
            return
        edit = referrers.FallbackEdit(self.name, subject.digest, add=referrers.entry_for(manifest))
        manifests.update_tag(self._api, referrers.fallback_tag(subject.digest), edit, deadline)

    def remove_referrer(self, digest: str, subject: str) -> None:
        # Out of the index first: an index that lists what is gone would keep everybody from looking.
        deadline = self._deadline()
        tag = referrers.fallback_tag(subject)
        before = referrers.listed_in_fallback(self._api, subject, digest, deadline)
        manifests.update_tag(self._api, tag, referrers.FallbackEdit(self.name, subject, remove=digest), deadline)
        try:
            manifests.delete_manifest(self._api, digest, deadline)
        except Rejection:
            if before is not None:
                manifests.update_tag(self._api, tag, referrers.FallbackEdit(self.name, subject, add=before), deadline)
            raise

    def delete_manifest(self, digest: str) -> None:
        manifests.delete_manifest(self._api, digest, self._deadline())


def ping(transport: Transport, registry: str, credential: Credential | None) -> bool:
    """Show a credential to a registry (`HOST[:PORT]`); False when the registry asks nobody for one.

    Raises AUTH_REFUSED where it, or its token server, does not take the credential, and UNREACHABLE where there is no
    registry.
    """
    deadline = transport.deadline()
    home = transport.origin_for(Reference(registry, "").normalised.host, deadline)
    session = Session.for_registry(transport, home, credential)
    none: frozenset[str] = frozenset()
    for _refresh in range(MAX_REFRESHES + 1):
        sent = session.authorization(none, deadline)
        reply = session.ping(sent, deadline)
        if reply.status != 401:
            break
        session.answer(reply, sent, none)
    if reply.status != 200:
        raise refusal(reply, f"log in to {registry}")
    return sent is not None
