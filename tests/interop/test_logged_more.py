# Copyright (c) 2026, the supplychain.cosign authors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""What we sign on the real services beside the matrix: whole indexes, both formats at once, every kind of key, with
certificates of a company's own; and what cosign says of it."""

from __future__ import annotations

import base64
import datetime
import json
import typing as t
from dataclasses import replace
from pathlib import Path

import pytest

from tests.interop.clients import checked, run
from tests.interop.peers import Peers, Signatures
from tests.interop.servers import Registry
from tests.interop.ways import OURS_BUNDLE, OURS_LEGACY, KeyPair, Signed
from tests.support import images
from tests.support.keys import private_key
from tests.support.sigstore.ca import CertificateAuthority
from tests.support.sigstore.issuer import Identity
from tests.support.sigstore.x509 import pem

KINDS = ("ecdsa-p256", "ecdsa-p384", "ecdsa-p521", "rsa-2048", "rsa-3072", "ed25519")
FORMS: tuple[tuple[t.Literal["bundle", "legacy"], t.Literal[1, 2]], ...]
FORMS = (("bundle", 1), ("bundle", 2), ("legacy", 1))
REFUSED = {
    **dict.fromkeys(
        [(kind, "legacy", 1) for kind in ("ecdsa-p384", "ecdsa-p521", "ed25519")],
        "No cosign verifies a logged legacy signature by a key of the kind",
    ),
    ("ed25519", "bundle", 2): "only of API version 2, and 1 would be needed",
}
CURVES = {"ecdsa-p384": "sha384", "ecdsa-p521": "sha512"}


def test_an_index_with_all_its_images(
    peers: Peers, signatures: Signatures, keyless_registry: Registry, first_entries: object
) -> None:
    made, who = images.multi_arch("logged"), signatures.who["URI"]
    image = peers.push(made, keyless_registry, "logged/index")
    signed = Signed(image, keyless_registry, OURS_BUNDLE[1], who)
    result = peers.ours.sign(signed, shape={"recursive": True})
    assert len(result["images"][0]["children"]) == len(made.manifests) - 1 >= 2
    assert isinstance(who, Identity)
    for digest in made.manifests:
        one = replace(signed, image=f"{image.partition('@')[0]}@{digest}")
        assert peers.refusal("cosign3", one, who) == ""
        assert peers.refusal("cosign3", one, replace(who, name="https://another.example"))


def test_both_formats_serve_everybody(peers: Peers, signatures: Signatures, registry_docker: Registry) -> None:
    image, who = peers.push(images.image("both"), registry_docker, "logged/both"), signatures.who["e-mail"]
    result = peers.ours.attempt(image, "both", 1, who)
    assert result["changed"] and [one["format"] for one in result["signatures"]] == ["bundle", "legacy"], result
    for verifier, way in (
        ("cosign2", OURS_LEGACY),
        ("cosign3", OURS_LEGACY),
        ("policy", OURS_LEGACY),
        ("cosign3", OURS_BUNDLE[1]),
        ("python", OURS_BUNDLE[1]),
        ("javascript", OURS_BUNDLE[1]),
    ):
        assert peers.refusal(t.cast(t.Any, verifier), Signed(image, registry_docker, way, who), who) == "", verifier


@pytest.fixture(scope="module")
def key_pairs(peers: Peers) -> dict[str, KeyPair]:
    return {kind: peers.key_pair(kind) for kind in KINDS}


@pytest.mark.parametrize(("how", "rekor"), FORMS)
@pytest.mark.parametrize("kind", KINDS)
def test_kinds_of_keys(
    peers: Peers,
    registry_ggcr: Registry,
    key_pairs: dict[str, KeyPair],
    kind: str,
    how: t.Literal["bundle", "legacy"],
    rekor: t.Literal[1, 2],
) -> None:
    """Signed and logged as cosign verifies it, or refused: DESIGN's table of hashes and keys."""
    key = key_pairs[kind]
    image = peers.push(images.image(f"{kind} {how} {rekor}"), registry_ggcr, f"logged/{kind}-{how}-{rekor}")
    result = peers.ours.attempt(image, how, rekor, key)
    if says := REFUSED.get((kind, how, rekor)):
        assert result["rejection"]["code"] == "POLICY_UNSUPPORTED" and says in result["msg"], result
        assert not result["changed"]
        return
    assert result.get("verified") is True, result
    way = OURS_LEGACY if how == "legacy" else OURS_BUNDLE[rekor]
    signed = Signed(image, registry_ggcr, way, key)
    assert peers.refusal("ours", signed, key) == ""
    # By itself cosign tries SHA-256, whatever the curve.
    hashed = [f"--signature-digest-algorithm={CURVES[kind]}"] if kind in CURVES and rekor == 2 else []
    checked(peers.cosign3.verify(image, how, key, *hashed))
    if hashed:
        assert peers.cosign3.verify(image, how, key).returncode != 0
    if how == "legacy":
        assert peers.refusal("cosign2", signed, key) == ""
    assert peers.cosign3.verify(image, how, key_pairs["ecdsa-p256" if kind != "ecdsa-p256" else "rsa-2048"]).returncode


class OwnPki(t.NamedTuple):
    """A certificate for a key that is not Fulcio's, with the files in which cosign and we want its authorities."""

    key: KeyPair
    certificate: Path
    chain: Path
    root: Path
    intermediates: Path
    authority: CertificateAuthority


@pytest.fixture(scope="module")
def own_pki(peers: Peers, tmp_path_factory: pytest.TempPathFactory) -> OwnPki:
    folder = tmp_path_factory.mktemp("pki")
    now = datetime.datetime.now(datetime.timezone.utc).replace(microsecond=0)
    authority = CertificateAuthority(now, organization="acme.example")
    public = private_key("ecdsa-p256").public_key()
    day = datetime.timedelta(days=1)
    leaf = authority.issue(public, now - day, san="release@acme.example", issuer=None, not_after=now + day)
    texts = {
        "leaf.pem": pem(leaf),
        "chain.pem": authority.chain_pem,
        "root.pem": pem(authority.root.der),
        "intermediates.pem": b"".join(pem(one.der) for one in authority.intermediates),
    }
    for name, text in texts.items():
        (folder / name).write_bytes(text)
    leaf_file, chain, root, intermediates = (folder / name for name in texts)
    return OwnPki(peers.key_pair(), leaf_file, chain, root, intermediates, authority)


BY_NAME = ("--certificate-identity=release@acme.example", "--certificate-oidc-issuer-regexp=.*")
UNLOGGED = ("--insecure-ignore-sct=true", "--insecure-ignore-tlog=true", "--allow-http-registry")


def _unlogged(peers: Peers, pki: OwnPki, image: str, how: str, **authorities: Path) -> None:
    options = {"tlog_upload": False, "certificate": str(pki.certificate), "trusted_root": None, "signing_config": None}
    given = {name: str(path) for name, path in authorities.items()}
    result = peers.ours.attempt(image, how, 1, pki.key, {**options, **given})
    assert result.get("verified") is True, result


def test_a_certificate_of_our_own_without_a_log(
    peers: Peers, registry_ggcr: Registry, own_pki: OwnPki, tmp_path: Path
) -> None:
    image = peers.push(images.image("own pki"), registry_ggcr, "logged/pki-legacy")
    _unlogged(peers, own_pki, image, "legacy", certificate_chain=own_pki.chain)
    stranger = tmp_path / "stranger.pem"
    stranger.write_bytes(CertificateAuthority(own_pki.authority.at, organization="acme.example").chain_pem)
    for program, more in ((peers.cosign2.program, ()), (peers.cosign3.program, ("--new-bundle-format=false",))):
        verify: list[str | Path] = [program, "verify", *UNLOGGED, *BY_NAME, *more]
        roots = f"--ca-roots={own_pki.root}", f"--ca-intermediates={own_pki.intermediates}"
        checked(run(*verify, *roots, image, folder=tmp_path))
        checked(run(*verify, f"--certificate-chain={own_pki.chain}", image, folder=tmp_path))
        assert run(*verify, f"--certificate-chain={stranger}", image, folder=tmp_path).returncode != 0
        other = [str(word).replace("release@", "x@") for word in verify]
        assert run(*other, *roots, image, folder=tmp_path).returncode != 0


@pytest.mark.parametrize("rekor", [0, 1, 2])
@pytest.mark.parametrize("chain", [False, True], ids=["alone", "chain"])
def test_a_certificate_of_our_own_in_a_bundle(
    peers: Peers, registry_ggcr: Registry, own_pki: OwnPki, tmp_path: Path, rekor: int, chain: bool
) -> None:
    """cosign takes one in a bundle when a trusted root has its authorities, in a log or not. A bundle that brings more
    than the signer's own certificate cosign 3.1 does not read, and says no more than that there is no signature."""
    image = peers.push(images.image(f"own pki {rekor} {chain}"), registry_ggcr, f"logged/pki-{rekor}-{chain}".lower())
    root = json.loads(peers.sigstore.trusted_root.read_bytes())
    authorities = [{"rawBytes": base64.b64encode(der).decode()} for der in own_pki.authority.chain]
    mine = {"certChain": {"certificates": authorities}, "validFor": {"start": "2020-01-01T00:00:00Z"}}
    (tmp_path / "root.json").write_text(json.dumps({**root, "certificateAuthorities": [mine]}))
    if rekor:
        own = tmp_path / "own.pem"
        more = own_pki.intermediates.read_bytes() if chain else b""
        own.write_bytes(own_pki.certificate.read_bytes() + more)
        options = {"certificate": str(own), "trusted_root": str(tmp_path / "root.json"), "insecure_ignore_sct": True}
        result = peers.ours.attempt(image, "bundle", rekor, own_pki.key, options)
        assert result.get("verified") is True, result
    elif chain:
        _unlogged(peers, own_pki, image, "bundle", certificate_chain=own_pki.chain)
    else:
        _unlogged(peers, own_pki, image, "bundle", ca_roots=own_pki.root, ca_intermediates=own_pki.intermediates)
    words = ["--insecure-ignore-sct=true", "--allow-http-registry", f"--insecure-ignore-tlog={str(not rekor).lower()}"]
    verify: list[str | Path] = [peers.cosign3.program, "verify", *words, image]
    trusted = f"--trusted-root={tmp_path / 'root.json'}"
    if chain:
        assert "no signatures found" in run(*verify, trusted, *BY_NAME, folder=tmp_path).stderr
        return
    checked(run(*verify, trusted, *BY_NAME, folder=tmp_path))
    assert run(*verify, f"--trusted-root={peers.sigstore.trusted_root}", *BY_NAME, folder=tmp_path).returncode != 0
    other = "--certificate-identity=x@acme.example", BY_NAME[1]
    assert run(*verify, trusted, *other, folder=tmp_path).returncode != 0
