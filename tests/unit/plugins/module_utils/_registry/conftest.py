# Copyright (c) 2026, the supplychain.cosign authors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

from __future__ import annotations

import contextlib
import json
import re
import socket
import typing as t

import pytest

from ansible_collections.supplychain.cosign.plugins.module_utils._formats.oci import (
    OCI_MANIFEST,
    Descriptor,
    Manifest,
    digest_of,
    parse_manifest,
)
from ansible_collections.supplychain.cosign.plugins.module_utils._formats.rejection import Rejection
from ansible_collections.supplychain.cosign.plugins.module_utils._http import transport
from ansible_collections.supplychain.cosign.plugins.module_utils._http.transport import Transport, TransportOptions
from ansible_collections.supplychain.cosign.plugins.module_utils._registry import manifests
from ansible_collections.supplychain.cosign.plugins.module_utils._registry.credentials import Credential
from ansible_collections.supplychain.cosign.plugins.module_utils._registry.place import Place
from ansible_collections.supplychain.cosign.plugins.module_utils._registry.reference import parse_reference
from ansible_collections.supplychain.cosign.plugins.module_utils._registry.registry import (
    RegistryPlace,
    open_repository,
)
from tests.support.registry import EmbeddedRegistry

REPOSITORY = "acme/app"
LIMIT = 1024 * 1024
CANARY = "canary-S3cret"
USER = Credential("ci", CANARY, origin_of="a test")


@pytest.fixture(autouse=True)
def quick(monkeypatch: pytest.MonkeyPatch) -> None:
    """Waits that are ours to choose are short."""
    monkeypatch.setattr(transport, "BACKOFF", 0.01)
    monkeypatch.setattr(manifests, "SETTLE_SECONDS", 0.5)
    monkeypatch.setattr(manifests, "FIRST_DELAY", 0.002)


@pytest.fixture
def registry() -> t.Iterator[EmbeddedRegistry]:
    with EmbeddedRegistry() as one:
        yield one


class Opener:
    """Opens transports and places, and closes them after the test."""

    def __init__(self) -> None:
        self.transports: list[Transport] = []

    def transport(self, **options: t.Any) -> Transport:
        self.transports.append(Transport(TransportOptions(**{"allow_http": True, **options})))
        return self.transports[-1]

    def place(
        self,
        registry: EmbeddedRegistry,
        credential: Credential | None = None,
        repository: str = REPOSITORY,
        host: str | None = None,
        **options: t.Any,
    ) -> RegistryPlace:
        reference = parse_reference(f"{host or registry.host}/{repository}")
        return open_repository(self.transport(**options), reference, credential)


@pytest.fixture
def opener() -> t.Iterator[Opener]:
    one = Opener()
    yield one
    for each in one.transports:
        each.close()


class Content:
    """A manifest of one blob, in the store of a registry or not yet."""

    def __init__(self, text: str = "hello", subject: Manifest | None = None) -> None:
        self.blob = text.encode()
        self.descriptor = Descriptor("application/octet-stream", digest_of(self.blob), len(self.blob))
        self.config = Descriptor("application/vnd.oci.empty.v1+json", digest_of(b"{}"), 2)
        document: dict[str, t.Any] = {
            "schemaVersion": 2,
            "mediaType": OCI_MANIFEST,
            "config": self.config.as_json(),
            "layers": [self.descriptor.as_json()],
        }
        if subject:
            document["subject"] = subject.descriptor.as_json()
            document["artifactType"] = "application/vnd.example"
            document["annotations"] = {"of": text}
        self.manifest = parse_manifest(json.dumps(document).encode(), OCI_MANIFEST)

    def blobs_into(self, registry: EmbeddedRegistry, repository: str = REPOSITORY) -> Content:
        registry.put_blob(repository, self.blob)
        registry.put_blob(repository, b"{}")
        return self

    def into(self, registry: EmbeddedRegistry, tag: str | None = None, repository: str = REPOSITORY) -> Content:
        self.blobs_into(registry, repository)
        registry.put_manifest(repository, tag or self.manifest.digest, self.manifest.data, OCI_MANIFEST)
        return self


def code_of(act: t.Callable[[], object]) -> str:
    with pytest.raises(Rejection) as caught:
        act()
    assert CANARY not in str(caught.value)
    assert re.match(r"[A-Z].*[.!]\Z", caught.value.message, re.DOTALL), caught.value.message
    return caught.value.code


def put(place: Place, data: bytes, mount_from: str | None = None) -> bool:
    descriptor = Descriptor("application/octet-stream", digest_of(data), len(data))
    return place.put_blob(descriptor, lambda: contextlib.nullcontext([data]), mount_from)


def resolve_to(monkeypatch: pytest.MonkeyPatch, addresses: dict[str, list[str]]) -> None:
    real = socket.getaddrinfo

    def getaddrinfo(host: str, service: int, **more: t.Any) -> list[t.Any]:
        if host not in addresses:
            return real(host, service, **more)
        return [(socket.AF_INET, socket.SOCK_STREAM, 6, "", (one, service)) for one in addresses[host]]

    monkeypatch.setattr(socket, "getaddrinfo", getaddrinfo)
