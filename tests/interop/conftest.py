# Copyright (c) 2026, the supplychain.cosign authors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""The real parts as fixtures. What cannot be had here skips the test with the reason; under CI it fails."""

from __future__ import annotations

import contextlib
import os
import typing as t
from pathlib import Path

import pytest

from tests.interop import servers, services
from tests.interop.peers import Peers, Signatures, WhoSigns
from tests.interop.ways import WAYS, Party, Signed, Way
from tests.support import parts


def _without(reason: parts.Missing) -> t.NoReturn:
    if os.environ.get("CI"):
        pytest.fail(f"Not to be had, and CI is set: {reason}")
    pytest.skip(f"not to be had here: {reason}")


def _program(name: str) -> Path:
    try:
        return parts.program(name)
    except parts.Missing as reason:
        _without(reason)


_T = t.TypeVar("_T")


def _server(start: t.Callable[[Path], t.ContextManager[_T]], factory: pytest.TempPathFactory) -> t.Iterator[_T]:
    with contextlib.ExitStack() as stack:
        try:
            server = stack.enter_context(start(factory.mktemp("server")))
        except parts.Missing as reason:
            _without(reason)
        yield server


@pytest.fixture(scope="session")
def cosign2() -> Path:
    """cosign 2.5."""
    return _program("cosign2")


@pytest.fixture(scope="session")
def cosign3() -> Path:
    """cosign 3.1."""
    return _program("cosign3")


@pytest.fixture(scope="session")
def crane() -> Path:
    return _program("crane")


@pytest.fixture(scope="session")
def oras() -> Path:
    return _program("oras")


@pytest.fixture(scope="session")
def regctl() -> Path:
    return _program("regctl")


@pytest.fixture(scope="session")
def policy_evaluator() -> Path:
    """What podman, skopeo and CRI-O think: ``policy POLICY.json REGISTRIES.D IMAGE``, see its source."""
    return _program("policy")


@pytest.fixture(scope="session")
def registry_ggcr(tmp_path_factory: pytest.TempPathFactory) -> t.Iterator[servers.Registry]:
    """A registry with the referrers API."""
    yield from _server(servers.registry_ggcr, tmp_path_factory)


@pytest.fixture(scope="session")
def registry_docker(tmp_path_factory: pytest.TempPathFactory) -> t.Iterator[servers.Registry]:
    """A registry without the referrers API."""
    yield from _server(servers.registry_docker, tmp_path_factory)


@pytest.fixture(scope="session")
def registry_docker_tls_token(tmp_path_factory: pytest.TempPathFactory) -> t.Iterator[servers.Registry]:
    """A registry without the referrers API, over TLS, with tokens."""
    yield from _server(servers.registry_docker_tls_token, tmp_path_factory)


@pytest.fixture(scope="session")
def sshd(tmp_path_factory: pytest.TempPathFactory) -> t.Iterator[servers.Host]:
    """A host to log in to."""
    yield from _server(servers.sshd, tmp_path_factory)


@pytest.fixture(scope="session")
def sigstore(tmp_path_factory: pytest.TempPathFactory) -> t.Iterator[services.Sigstore]:
    """Fulcio, CT log, Rekor v1 and v2, TSA and an issuer of identity tokens."""
    yield from _server(services.sigstore, tmp_path_factory)


@pytest.fixture(scope="session")
def javascript() -> Path:
    """What signs and verifies with the libraries of @sigstore, see its source."""
    return _program("javascript")


@pytest.fixture(scope="session")
def peers(
    sigstore: services.Sigstore,
    cosign2: Path,
    cosign3: Path,
    oras: Path,
    javascript: Path,
    policy_evaluator: Path,
    tmp_path_factory: pytest.TempPathFactory,
) -> Peers:
    """Those that sign and verify on the services."""
    folder = tmp_path_factory.mktemp("peers")
    return Peers(sigstore, cosign2, cosign3, oras, javascript, folder, policy_evaluator)


@pytest.fixture(scope="session")
def signatures(peers: Peers) -> Signatures:
    """What they signed."""
    return Signatures(peers)


@pytest.fixture(scope="session", params=["registry_ggcr", "registry_docker"])
def keyless_registry(request: pytest.FixtureRequest) -> servers.Registry:
    """Registries with and without the referrers API."""
    return t.cast(servers.Registry, request.getfixturevalue(request.param))


@pytest.fixture(scope="session")
def first_entries(signatures: Signatures, registry_ggcr: servers.Registry) -> list[Signed]:
    """Images whose signatures are the first entry of their log, which sigstore-python reads in no bundle."""
    ways = (
        Way("cosign3", "bundle", 1, "dsse"),
        Way("cosign3", "bundle", 2, "hashedrekord", tsa=True),
        Way("javascript", "bundle", 2, "dsse", tsa=True),
    )
    return [signatures.of(way, registry_ggcr, "URI", "first") for way in ways]


_SIGNERS: dict[Party, WhoSigns] = {"cosign2": "e-mail", "cosign3": "URI", "python": "e-mail", "javascript": "URI"}


@pytest.fixture(scope="session", params=WAYS, ids=str)
def keyless(
    request: pytest.FixtureRequest,
    signatures: Signatures,
    keyless_registry: servers.Registry,
    first_entries: object,
) -> Signed:
    """An image that was signed keylessly, once in each way on each registry."""
    way: Way = request.param
    return signatures.of(way, keyless_registry, _SIGNERS[way.peer])
