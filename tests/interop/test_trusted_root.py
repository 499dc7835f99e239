# Copyright (c) 2026, the supplychain.cosign authors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""Our trusted roots and signing configs against those of cosign's own commands, and in the hands of others."""

from __future__ import annotations

import contextlib
import json
import subprocess
import typing as t
from pathlib import Path

import pytest
from cryptography.hazmat.primitives import serialization
from sigstore.models import SigningConfig, TrustedRoot
from sigstore_models.trustroot.v1 import SigningConfig as SigningConfigModel

from tests.interop.clients import checked, push_layout, run
from tests.interop.ours import engine
from tests.interop.servers import Registry
from tests.interop.services import Sigstore
from tests.support import images
from tests.support.keys import private_key
from tests.support.sigstore.tuf_repository import TufRepository
from tests.support.sigstore.virtual import VirtualSigstore

Options = dict[str, t.Any]
START, LATER, END = "2025-01-31T12:00:00Z", "2025-06-01T01:30:00.250+01:30", "2100-01-01T00:00:00Z"
KINDS = ("ecdsa-p256", "ecdsa-p384", "ecdsa-p521", "ed25519", "rsa-2048", "rsa-3072", "rsa-4096")


@pytest.fixture(scope="module")
def virtual(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A folder with the files of services: fulcio.pem, tsa.pem, tsa-long.pem, and a log's key of each kind."""
    folder = tmp_path_factory.mktemp("virtual")
    sigstore = VirtualSigstore()
    (folder / "fulcio.pem").write_bytes(sigstore.ca.chain_pem)
    (folder / "root.pem").write_bytes(sigstore.ca.chain_pem[sigstore.ca.chain_pem.rindex(b"-----BEGIN") :])
    (folder / "tsa.pem").write_bytes(sigstore.tsa.chain_pem())
    for kind in KINDS:
        pem = (
            private_key(kind)
            .public_key()
            .public_bytes(serialization.Encoding.PEM, serialization.PublicFormat.SubjectPublicKeyInfo)
        )
        (folder / f"{kind}.pub").write_bytes(pem)
    return folder


def flags(options: Options) -> list[str]:
    """The same services for cosign's command line."""
    words = []
    for name, value in options.items():
        flag = f"--{name.replace('_', '-')}"
        if isinstance(value, list):
            for one in value:
                pairs = (f"{key.replace('_', '-')}={text}" for key, text in one.items())
                words.append(f"{flag}={','.join(pairs)}")
        elif value is True:
            words.append(flag)
        elif value is not False:
            words.append(f"{flag}={value}")
    return words


def meant(found: t.Any) -> t.Any:
    """A protojson document without what says the same as nothing; times and numbers in one spelling."""
    if isinstance(found, list):
        return [meant(one) for one in found]
    if isinstance(found, dict):
        kept = {key: meant(value) for key, value in found.items()}
        return {key: value for key, value in kept.items() if value not in ("", {}, [])}
    return found


def both(
    cosign: Path, folder: Path, command: str, options: Options, environ: t.Mapping[str, str] | None = None
) -> tuple[t.Any, t.Any]:
    """What our module writes, and what cosign's command does, for the same services."""
    file = {"trusted-root": "path", "signing-config": "signing_config_path"}[command]
    result = engine("cosign_trusted_root", {file: str(folder / "ours.json"), **options}, environ)
    assert not result.get("failed"), result
    assert result["changed"]
    variables = [f"{name}={value}" for name, value in (environ or {}).items()]
    checked(
        run("env", *variables, cosign, command, "create", *flags(options), f"--out={folder}/theirs.json", folder=folder)
    )
    ours, theirs = (json.loads((folder / f"{name}.json").read_bytes()) for name in ("ours", "theirs"))
    return meant(ours), meant(theirs)


def log(folder: Path, kind: str, **more: str) -> Options:
    return {"url": f"https://{kind}.test", "public_key": str(folder / f"{kind}.pub"), "start_time": START, **more}


@pytest.mark.parametrize("kind", KINDS)
@pytest.mark.parametrize("option", ["rekor", "ctfe"])
def test_logs_are_written_as_cosign_writes_them(
    cosign3: Path, virtual: Path, tmp_path: Path, option: str, kind: str
) -> None:
    logs = [log(virtual, kind), log(virtual, kind, origin="name.test", start_time=LATER, end_time=END)]
    ours, theirs = both(cosign3, tmp_path, "trusted-root", {option: logs})
    assert ours == theirs
    # By an ECDSA key alone a log is told from others, so that the second is the first, under another address.
    assert len(ours["tlogs" if option == "rekor" else "ctlogs"]) == (1 if kind.startswith("ecdsa") else 2)


@pytest.mark.parametrize("option", ["fulcio", "tsa"])
def test_authorities_are_written_as_cosign_writes_them(
    cosign3: Path, virtual: Path, tmp_path: Path, option: str
) -> None:
    chain = str(virtual / f"{option}.pem")
    authorities = [
        {"url": "https://late.test", "certificate_chain": chain, "start_time": LATER, "end_time": END},
        {"url": "https://plain.test", "certificate_chain": chain},
    ]
    if option == "fulcio":
        authorities.append({"url": "https://root.test", "certificate_chain": str(virtual / "root.pem")})
    ours, theirs = both(cosign3, tmp_path, "trusted-root", {option: authorities})
    assert ours == theirs
    TrustedRoot.from_file(str(tmp_path / "ours.json"))


def service(name: str, **more: t.Any) -> Options:
    return {"url": f"https://{name}.test/x", "api_version": 1, "start_time": START, "operator": f"{name}.test", **more}


@pytest.mark.parametrize("selector", ["ANY", "ALL", "exact:2"])
def test_signing_configs_are_written_as_cosign_writes_them(
    cosign3: Path, virtual: Path, tmp_path: Path, selector: str
) -> None:
    def two() -> list[Options]:
        return [service("one"), service("two", api_version=2, start_time=LATER, end_time=END)]

    options = {
        "fulcio": [service("fulcio")],
        "rekor": two(),
        "rekor_config": selector,
        "tsa": [service("three"), service("four")],
        "tsa_config": selector,
        "oidc_provider": two(),
    }
    ours, theirs = both(cosign3, tmp_path, "signing-config", options)
    assert ours == theirs


def test_a_signing_config_without_a_log_differs_by_what_others_want(cosign3: Path, tmp_path: Path) -> None:
    """cosign leaves the selector out that nothing is selected with; sigstore-python reads no config without."""
    ours, theirs = both(cosign3, tmp_path, "signing-config", {"fulcio": [service("fulcio")]})
    assert ours.pop("rekorTlogConfig") == ours.pop("tsaConfig") == {"selector": "ANY"}
    assert ours == theirs
    SigningConfigModel.from_json((tmp_path / "ours.json").read_bytes())


@pytest.fixture(scope="module")
def distributed() -> t.Iterator[tuple[str, TufRepository]]:
    """A TUF repository on loopback, of another instance."""
    default = [
        {"url": "https://default.test", "majorApiVersion": 1, "validFor": {"start": START}, "operator": "d.test"}
    ]
    services = {
        "mediaType": "application/vnd.dev.sigstore.signingconfig.v0.2+json",
        "caUrls": default,
        "oidcUrls": default,
        "rekorTlogUrls": default,
        "rekorTlogConfig": {"selector": "EXACT", "count": 1},
        "tsaUrls": default,
        "tsaConfig": {"selector": "ANY"},
    }
    root = VirtualSigstore(host="default.test").trusted_root()
    repository = TufRepository(
        {"trusted_root.json": json.dumps(root).encode(), "signing_config.v0.2.json": json.dumps(services).encode()}
    )
    with contextlib.closing(repository.serve()) as server:
        yield f"http://127.0.0.1:{server.port}", repository


@pytest.fixture
def environ(cosign3: Path, distributed: tuple[str, TufRepository], tmp_path: Path) -> dict[str, str]:
    """Variables by which cosign and our module take their defaults from that repository."""
    mirror, repository = distributed
    (tmp_path / "root.json").write_bytes(repository.first_root)
    variables = {"TUF_ROOT": f"{tmp_path}/tuf", "TUF_MIRROR": mirror, "TUF_ROOT_JSON": f"{tmp_path}/root.json"}
    checked(
        run(
            "env",
            f"TUF_ROOT={tmp_path}/tuf",
            cosign3,
            "initialize",
            f"--mirror={mirror}",
            f"--root={tmp_path}/root.json",
            folder=tmp_path,
        )
    )
    return variables


@pytest.mark.parametrize("without", [None, "fulcio", "rekor", "ctfe", "tsa"])
def test_default_trusted_roots_are_added_to_as_cosign_does(
    cosign3: Path, virtual: Path, tmp_path: Path, environ: dict[str, str], without: str | None
) -> None:
    options: Options = {
        "rekor": [log(virtual, "ed25519", origin="ed25519.test")],
        "fulcio": [{"url": "https://fulcio.test", "certificate_chain": str(virtual / "fulcio.pem")}],
        "with_default_services": True,
    }
    if without:
        options[f"no_default_{without}"] = True
    ours, theirs = (plain(found) for found in both(cosign3, tmp_path, "trusted-root", options, environ))
    assert ours == theirs


def plain(root: t.Any) -> t.Any:
    """A trusted root without what cosign writes anew of an authority (its name, from the last certificate), and in an
    order of its own: cosign's has chance in it where two began at once."""

    def entry(one: t.Any) -> str:
        return json.dumps({key: value for key, value in one.items() if key != "subject"}, sort_keys=True)

    return {key: sorted(map(entry, value)) if isinstance(value, list) else value for key, value in root.items()}


@pytest.mark.parametrize("without", [None, "fulcio", "rekor", "oidc", "tsa"])
def test_default_signing_configs_are_added_to_as_cosign_does(
    cosign3: Path, tmp_path: Path, environ: dict[str, str], without: str | None
) -> None:
    options: Options = {"fulcio": [service("fulcio")], "tsa": [service("tsa")], "tsa_config": "ALL"}
    options["with_default_services"] = True
    if without:
        options[f"no_default_{without}"] = True
    ours, theirs = both(cosign3, tmp_path, "signing-config", options, environ)
    if without == "rekor":
        assert ours.pop("rekorTlogConfig") == {"selector": "ANY"}
    assert ours == theirs


@pytest.fixture(scope="module")
def assembled(sigstore: Sigstore, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A folder with our trusted root of the running services, and our signing configs for Rekor v1 and v2."""
    folder, keys = tmp_path_factory.mktemp("assembled"), sigstore.trusted_root.parent
    run_by = {"operator": "test", "start_time": START}
    fulcio = {"url": sigstore.fulcio, "certificate_chain": str(sigstore.root_file), "api_version": 1, **run_by}
    tsa = {"url": sigstore.tsa, "certificate_chain": str(sigstore.tsa_chain), "api_version": 1, **run_by}
    rekor1 = {"url": sigstore.rekor1, "public_key": str(sigstore.rekor_key), "api_version": 1, **run_by}
    rekor2 = {
        "url": sigstore.rekor2,
        "public_key": str(keys / "rekor2.pub"),
        "origin": "127.0.0.1",
        "api_version": 2,
        **run_by,
    }
    ct_log = json.loads(sigstore.trusted_root.read_bytes())["ctlogs"][0]["baseUrl"]
    issuer = {"url": f"{sigstore.issuer.url}/email", "api_version": 1, **run_by}
    common = {"fulcio": [fulcio], "oidc_provider": [issuer], "rekor_config": "ANY"}
    for name, more in (
        ("v1", {"rekor": [rekor1]}),
        ("v2", {"rekor": [rekor2], "tsa": [tsa], "tsa_config": "ANY"}),
    ):
        assert engine("cosign_trusted_root", {"signing_config_path": f"{folder}/{name}.json", **common, **more})[
            "changed"
        ]
    root = {
        "path": f"{folder}/root.json",
        "fulcio": [fulcio],
        "rekor": [rekor1, rekor2],
        "tsa": [tsa],
        "ctfe": [{"url": ct_log, "public_key": str(sigstore.ct_key), "start_time": START}],
    }
    assert engine("cosign_trusted_root", root)["changed"]
    assert not engine("cosign_trusted_root", root)["changed"]
    return folder


@pytest.mark.parametrize("version", ["v1", "v2"])
def test_others_sign_and_verify_with_what_is_written(
    version: str,
    assembled: Path,
    sigstore: Sigstore,
    cosign3: Path,
    oras: Path,
    registry_ggcr: Registry,
    tmp_path: Path,
) -> None:
    made = images.image(f"trusted root {version}")
    made.write_layout(tmp_path / "layout", "1")
    name = f"{registry_ggcr.address}/trusted/{version}"
    push_layout(oras, registry_ggcr, Path(f"{tmp_path}/layout:1"), f"{name}:1", tmp_path)
    image = f"{name}@{made.digest}"
    identity = sigstore.issuer.email("someone@mail.example")
    trusted = f"--trusted-root={assembled}/root.json"

    def cosign(*words: str) -> subprocess.CompletedProcess[str]:
        return run(cosign3, *words, "--allow-http-registry", trusted, image, folder=tmp_path)

    token = sigstore.issuer.token(identity)
    checked(cosign("sign", "--yes", f"--identity-token={token}", f"--signing-config={assembled}/{version}.json"))
    who = {"certificate_identity": identity.name, "certificate_oidc_issuer": identity.issuer}
    checked(cosign("verify", *flags(who)))
    options = {"trusted_root": f"{assembled}/root.json", "allow_http_registry": True, **who}
    result = engine("cosign_verify", {"image": image, **options})
    assert result["verified"], result
    # What is not in the trusted root is not believed.
    thin = json.loads((assembled / "root.json").read_bytes())
    thin["tlogs"] = [one for one in thin["tlogs"] if one["baseUrl"] not in (sigstore.rekor1, sigstore.rekor2)]
    assert engine("cosign_verify", {"image": image, **options, "trusted_root": json.dumps(thin)})["failed"]


def test_sigstore_python_reads_what_is_written(assembled: Path) -> None:
    TrustedRoot.from_file(f"{assembled}/root.json")
    for version in ("v1", "v2"):
        config = SigningConfig(SigningConfigModel.from_json((assembled / f"{version}.json").read_bytes()))
        assert len(config.get_tlogs()) == 1
