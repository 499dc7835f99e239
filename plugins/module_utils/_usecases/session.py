# Copyright (c) 2026, the supplychain.cosign authors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

# This module util is **PRIVATE** to the collection. It can change at any time.
from __future__ import annotations

import contextlib
import os
import re
import threading
import typing as t
from dataclasses import dataclass, field

from ansible_collections.supplychain.cosign.plugins.module_utils._formats.oci import Manifest
from ansible_collections.supplychain.cosign.plugins.module_utils._formats.rejection import Rejection
from ansible_collections.supplychain.cosign.plugins.module_utils._http.transport import Transport, TransportOptions
from ansible_collections.supplychain.cosign.plugins.module_utils._registry.credentials import (
    Credential,
    CredentialOptions,
    find_credential,
)
from ansible_collections.supplychain.cosign.plugins.module_utils._registry.place import Place
from ansible_collections.supplychain.cosign.plugins.module_utils._registry.reference import Reference, parse_reference
from ansible_collections.supplychain.cosign.plugins.module_utils._registry.registry import open_repository

ON_DISK = ("oci", "oci-archive", "docker-archive")


@dataclass(frozen=True)
class Image:
    """An image as a task names it: a reference in a registry, or a place on disk and a name in it."""

    text: str
    reference: Reference | None
    kind: str = "registry"
    path: str = ""
    name: str = ""

    @property
    def name_for_matching(self) -> str:
        """The reference alone, as `match_reference` compares it."""
        return str(self.reference) if self.reference else self.text

    @property
    def identifier(self) -> str:
        """The tag or digest to ask the place for."""
        return self.reference.identifier if self.reference else self.name

    @property
    def docker_reference(self) -> str:
        """What cosign writes into a payload: the repository without tag or digest."""
        return self.reference.name if self.reference else self.name or os.path.basename(self.path)

    def pinned(self, digest: str) -> str:
        return str(self.reference.pinned(digest)) if self.reference else f"{self.kind}:{self.path}@{digest}"


def parse_image(text: str) -> Image:
    """`REGISTRY/REPO[:TAG][@DIGEST]` (or `docker://…`), `oci:DIR[:NAME]`, `oci-archive:FILE[:NAME]`,
    `docker-archive:FILE[:NAME]`, as skopeo and podman write places; a digest may stand for the name, after an `@`.

    Raises MALFORMED."""
    kind, colon, rest = text.partition(":")
    if not colon or kind not in ON_DISK:
        return Image(text, parse_reference(text))
    place, dummy, name = rest.partition(":")
    pinned = re.search(r"@(sha256:[0-9a-f]{64})\Z", rest)
    path, name = (rest[: pinned.start()].partition(":")[0], pinned[1]) if pinned else (place, name)
    if not path:
        raise Rejection("MALFORMED", f"The place {text!r} names no path; write {kind}:PATH[:NAME].")
    return Image(text, None, kind, path, name)


@dataclass(frozen=True)
class Access:
    """How a task reaches places: credentials, transport, and the environment that names credential files."""

    credentials: CredentialOptions = field(default_factory=CredentialOptions)
    transport: TransportOptions = field(default_factory=TransportOptions)
    environ: t.Mapping[str, str] = field(default_factory=dict)
    attachment_repository: str | None = None


class Session:
    """The places that one task works with, each opened once; closing it writes archives and closes connections."""

    def __init__(self, access: Access) -> None:
        self.access = access
        self._transport: Transport | None = None
        self._places: dict[tuple[str, str], Place] = {}
        self._stack = contextlib.ExitStack()
        self._credentials: dict[str, Credential | None] = {}
        self._lock = threading.RLock()

    def __enter__(self) -> Session:
        return self

    def __exit__(self, *exception: t.Any) -> None:
        self._stack.__exit__(*exception)

    def place(self, image: Image) -> Place:
        """Where the image itself is."""
        with self._lock:
            if image.reference is not None:
                return self._repository(image.reference)
            key = (image.kind, image.path)
            if key not in self._places:
                self._places[key] = self._stack.enter_context(_open_on_disk(image))
            return self._places[key]

    def attachments(self, image: Image) -> Place:
        """Where its signatures are: `attachment_repository` takes the place of the whole repository, as in cosign."""
        if not self.access.attachment_repository:
            return self.place(image)
        reference = parse_reference(self.access.attachment_repository)
        if reference.tag or reference.digest:
            raise Rejection(
                "MALFORMED",
                f"attachment_repository {self.access.attachment_repository!r} names a tag or digest; "
                "give the repository alone.",
            )
        with self._lock:
            return self._repository(reference)

    def credential(self, reference: Reference) -> Credential | None:
        """Who we are for this repository; looked for once."""
        with self._lock:
            if reference.name not in self._credentials:
                found = find_credential(reference, self.access.credentials, self.access.environ)
                self._credentials[reference.name] = found
            return self._credentials[reference.name]

    def transport(self) -> Transport:
        if self._transport is None:
            self._transport = self._stack.enter_context(Transport(self.access.transport))
        return self._transport

    def _repository(self, reference: Reference) -> Place:
        key = ("registry", reference.name)
        if key not in self._places:
            self._places[key] = open_repository(self.transport(), reference, self.credential(reference))
        return self._places[key]


def _open_on_disk(image: Image) -> t.Any:
    # A collection's files are compiled anew in every run; these are a sixth of all, and few tasks need them.
    from ansible_collections.supplychain.cosign.plugins.module_utils._registry.archive import (
        DockerArchive,
        open_oci_archive,
    )
    from ansible_collections.supplychain.cosign.plugins.module_utils._registry.layout import open_oci_layout

    opened = {"oci": open_oci_layout, "oci-archive": open_oci_archive, "docker-archive": DockerArchive}
    try:
        return opened[image.kind](image.path)
    except OSError as error:
        raise Rejection("UNREACHABLE", f"Could not open {image.path}: {error.strerror}. Check the path.") from None


def need_manifest(place: Place, image: Image, reference: str | None = None) -> Manifest:
    """The manifest that an image (or this tag or digest of it) names; that it is not there is an answer too, but no
    verdict: UNREACHABLE."""
    manifest = place.get_manifest(reference or image.identifier)
    if manifest is None:
        raise Rejection(
            "UNREACHABLE",
            f"There is no image {reference or image.identifier!r} in {place.name}; push it, or correct its name.",
        )
    return manifest
