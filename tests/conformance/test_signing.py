# Copyright (c) 2026, the supplychain.cosign authors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""`sign-bundle` of the suite's protocol, on the virtual services."""

from __future__ import annotations

import hashlib
import json
import subprocess
import typing as t
from pathlib import Path

import pytest

from ansible_collections.supplychain.cosign.plugins.module_utils._formats.bundle import parse_bundle
from tests.conftest import ROOT
from tests.support.sigstore.server import ANYBODY, VirtualServices

CLIENT = ROOT / "tests/conformance/client"


@pytest.fixture(scope="module")
def services() -> t.Iterator[VirtualServices]:
    with VirtualServices() as services:
        yield services


@pytest.mark.parametrize("version", [1, 2])
@pytest.mark.parametrize("what", ["file", "statement"])
def test_what_is_signed_verifies(services: VirtualServices, tmp_path: Path, version: int, what: str) -> None:
    root, config, bundle = tmp_path / "root.json", tmp_path / "config.json", tmp_path / "bundle.json"
    root.write_text(json.dumps(services.trusted_root()))
    config.write_text(json.dumps(services.signing_config(version)))
    (tmp_path / "a.txt").write_text("a file")
    statement = {
        "_type": "https://in-toto.io/Statement/v1",
        "subject": [{"name": "a.txt", "digest": {"sha256": _sha256(tmp_path / "a.txt")}}],
        "predicateType": "https://predicate.example/v1",
        "predicate": {"a": [1, None]},
    }
    (tmp_path / "statement.json").write_text(json.dumps(statement))
    signed = "a.txt" if what == "file" else "statement.json"
    more = [] if what == "file" else ["--in-toto"]
    trust = ["--trusted-root", str(root)]
    made = client(
        "sign-bundle",
        *more,
        "--identity-token",
        services.token(),
        *trust,
        "--signing-config",
        str(config),
        "--bundle",
        str(bundle),
        str(tmp_path / signed),
    )
    assert made.returncode == 0, made.stderr
    # The suite's own question: no root, and no intermediate, goes into a bundle.
    assert len(parse_bundle(bundle.read_bytes()).certificates) == 1
    who = ["--certificate-identity", ANYBODY, "--certificate-oidc-issuer", services.urls.issuer]
    verify = ["verify-bundle", "--bundle", str(bundle), *who, *trust, str(tmp_path / "a.txt")]
    assert client(*verify).returncode == 0
    (tmp_path / "a.txt").write_text("another file")
    refused = client(*verify)
    assert refused.returncode == 1 and "_MISMATCH" in refused.stderr, refused.stderr


def test_nothing_is_written_where_signing_fails(services: VirtualServices, tmp_path: Path) -> None:
    root, config, bundle = tmp_path / "root.json", tmp_path / "config.json", tmp_path / "bundle.json"
    root.write_text(json.dumps(services.trusted_root(tlogs=[])))
    config.write_text(json.dumps(services.signing_config(1)))
    given = ["--identity-token", services.token(), "--trusted-root", str(root), "--signing-config", str(config)]
    made = client("sign-bundle", *given, "--bundle", str(bundle), str(root))
    assert made.returncode == 1 and "TRUST_ROOT" in made.stderr, made.stderr
    assert not bundle.exists()


def client(*arguments: str) -> subprocess.CompletedProcess[str]:
    return subprocess.run([CLIENT, *arguments], capture_output=True, text=True, timeout=60, check=False)


def _sha256(path: Path) -> str:
    return hashlib.sha256(path.read_bytes()).hexdigest()
