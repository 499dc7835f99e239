# Copyright (c) 2026, the supplychain.cosign authors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""What cosign 2.5 and 3.1, sigstore-python and @sigstore sign keylessly on the real services: each other's and ours."""

from __future__ import annotations

import dataclasses
import json
import typing as t
from pathlib import Path

import pytest

from tests.interop import ours
from tests.interop.peers import Peers, Signatures
from tests.interop.servers import Registry
from tests.interop.ways import BESIDE, PEERS, Party, Signed, Way

ANOTHER = "https://another.example"


@pytest.mark.parametrize("verifier", ["ours", *PEERS])
@pytest.mark.parametrize("way", BESIDE, ids=str)
def test_ways_beside_the_matrix(
    signatures: Signatures, first_entries: object, registry_ggcr: Registry, way: Way, verifier: Party
) -> None:
    """Accepted with the right identity and issuer only, so that what is accepted says something."""
    signed = signatures.of(way, registry_ggcr, "e-mail" if way.peer == "cosign2" else "URI")
    who = signed.identity
    demanded = [who, dataclasses.replace(who, name=ANOTHER), dataclasses.replace(who, issuer=ANOTHER)]
    hole = way.hole(verifier)
    if hole == "":
        return
    right, *wrong = signatures.peers.refusals(verifier, signed, demanded)
    assert right == "" if hole is None else hole in right
    assert all(wrong)


def _verify(signed: Signed, root: Path | None, environ: ours.Environ | None = None, **more: t.Any) -> ours.Result:
    options: dict[str, t.Any] = {
        "image": signed.image,
        "allow_http_registry": True,
        "certificate_identity": signed.identity.name,
        "certificate_oidc_issuer": signed.identity.issuer,
        **more,
    }
    if root:
        options["trusted_root"] = str(root)
    return ours.engine("cosign_verify", options, environ)


@pytest.mark.parametrize(
    ("part", "code"),
    [
        ("certificateAuthorities", "CHAIN_INVALID"),
        ("ctlogs", "SCT_INVALID"),
        ("tlogs", "TRUST_ROOT"),
        ("timestampAuthorities", "TSA_INVALID"),
    ],
)
def test_we_trust_no_other_service(
    peers: Peers, keyless: Signed, vectors: Path, tmp_path: Path, part: str, code: str
) -> None:
    root = json.loads(peers.sigstore.trusted_root.read_bytes())
    another = json.loads((vectors / "cosign/trusted_root_pgi.json").read_bytes())
    # That one has no TSA: a root may leave out a part.
    (tmp_path / "root.json").write_text(json.dumps({**root, part: another.get(part, [])}))
    result = _verify(keyless, tmp_path / "root.json")
    if code == "TSA_INVALID" and not keyless.way.tsa:
        assert result.get("verified") is True, result
    else:
        assert result["rejection"]["code"] == code, result


def test_we_accept_with_the_variables_for_single_keys(peers: Peers, keyless: Signed) -> None:
    """Rekor v2 cannot be trusted in this way: there is no variable for its key beside that of v1."""
    result = _verify(keyless, None, peers.sigstore.variables)
    if keyless.way.rekor == 1:
        assert result.get("verified") is True, result
    else:
        assert result["rejection"]["code"] == "TRUST_ROOT", result


def test_we_want_a_timestamp_when_told(peers: Peers, keyless: Signed) -> None:
    result = _verify(keyless, peers.sigstore.trusted_root, use_signed_timestamps=True)
    assert bool(result.get("verified")) is keyless.way.tsa, result


def test_we_accept_the_first_entry_of_a_log(peers: Peers, first_entries: list[Signed]) -> None:
    """Its index is zero, which protojson leaves out."""
    for signed in first_entries:
        assert _verify(signed, peers.sigstore.trusted_root).get("verified") is True, signed


def test_in_a_play_whose_environment_says_all(peers: Peers, first_entries: list[Signed]) -> None:
    signed = first_entries[0]
    environ = {
        **peers.sigstore.variables,
        "COSIGN_CERTIFICATE_IDENTITY": signed.identity.name,
        "COSIGN_CERTIFICATE_OIDC_ISSUER": signed.identity.issuer,
    }
    options = {"image": signed.image, "allow_http_registry": True}
    result = ours.playbook("cosign_verify", options, environ)
    assert result.get("verified") is True, result
    refused = ours.playbook("cosign_verify", options, {**environ, "COSIGN_CERTIFICATE_IDENTITY": ANOTHER})
    assert refused["rejection"]["code"] == "IDENTITY_MISMATCH", refused
