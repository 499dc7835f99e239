# Copyright (c) 2026, the supplychain.cosign authors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""Those that sign keylessly sign on the virtual services, and accept each other's."""

from __future__ import annotations

import json
import typing as t
from pathlib import Path

import pytest

from tests.interop import services
from tests.interop.clients import push_layout
from tests.interop.peers import PEERS, WAYS, Peer, Peers, Signed, Way
from tests.interop.servers import Registry
from tests.support import images
from tests.support.sigstore.server import VirtualServices


@pytest.fixture(scope="module")
def virtual() -> t.Iterator[VirtualServices]:
    with VirtualServices() as running:
        yield running


@pytest.fixture(scope="module")
def virtual_peers(
    virtual: VirtualServices,
    cosign2: Path,
    cosign3: Path,
    oras: Path,
    javascript: Path,
    tmp_path_factory: pytest.TempPathFactory,
) -> Peers:
    folder = tmp_path_factory.mktemp("virtual")
    texts = {
        "trusted_root.json": json.dumps(virtual.trusted_root()),
        "signing_config_v1.json": json.dumps(virtual.signing_config(1)),
        "signing_config_v2.json": json.dumps(virtual.signing_config(2)),
        "fulcio.pem": virtual.world.ca.chain_pem.decode(),
        "ct.pub": virtual.world.ct.pem.decode(),
        "rekor.pub": virtual.world.rekor.public_pem.decode(),
        "tsa.pem": virtual.world.tsa.chain_pem().decode(),
    }
    for name, text in texts.items():
        (folder / name).write_text(text)
    paths = [folder / name for name in texts]
    urls = virtual.urls
    described = services.Sigstore(virtual.issuer, urls.fulcio, urls.rekor1, urls.rekor2, urls.rekor2, urls.tsa, *paths)
    return Peers(described, cosign2, cosign3, oras, javascript, folder)


# That kind of entry was taken out of Rekor v2, and out of these services.
SIGNING = [way for way in WAYS if (way.rekor, way.entry) != (2, "dsse") and way.entry != "intoto"]


@pytest.fixture(scope="module", params=SIGNING, ids=str)
def virtually_signed(request: pytest.FixtureRequest, virtual_peers: Peers, registry_ggcr: Registry) -> Signed:
    way: Way = request.param
    made = images.image(f"virtual services {way}")
    made.write_layout(virtual_peers.folder / str(way), "1")
    name = f"{registry_ggcr.address}/virtual/{way}"
    layout = Path(f"{virtual_peers.folder / str(way)}:1")
    push_layout(virtual_peers.oras, registry_ggcr, layout, f"{name}:1", virtual_peers.folder)
    issuer = virtual_peers.sigstore.issuer
    # sigstore-js proves the key with the token's subject, which Fulcio does not take for e-mail addresses.
    identity = {
        "cosign2": issuer.email("someone@mail.example"),
        "cosign3": issuer.workflow("example/app"),
        "python": issuer.email("someone@mail.example"),
        "javascript": issuer.uri("build/app"),
    }[way.peer]
    return virtual_peers.sign(way, registry_ggcr, f"{name}@{made.digest}", identity)


@pytest.mark.parametrize("peer", PEERS)
def test_peers_sign_on_the_virtual_services(virtual_peers: Peers, virtually_signed: Signed, peer: Peer) -> None:
    """And accept each other's, with the right identity and issuer only."""
    name, issuer = virtually_signed.identity.name, virtually_signed.identity.issuer
    hole = virtually_signed.way.hole(peer)
    if hole is not None:
        assert not hole or hole in virtual_peers.refusal(peer, virtually_signed, name, issuer)
        return
    assert virtual_peers.refusal(peer, virtually_signed, name, issuer) == ""
    assert virtual_peers.refusal(peer, virtually_signed, "https://another.example", issuer)
