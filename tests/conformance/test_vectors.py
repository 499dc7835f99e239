# Copyright (c) 2026, the supplychain.cosign authors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""The vectors of sigstore-conformance: not only that a wrong bundle is refused, but that it is for what is wrong."""

from __future__ import annotations

import hashlib
import os
import re
import socket
import subprocess
import sys
import typing as t
from pathlib import Path

import pytest

from ansible_collections.supplychain.cosign.plugins.module_utils._formats.rejection import Rejection
from tests.conformance import client
from tests.conftest import ROOT

IDENTITY = (
    "https://github.com/sigstore-conformance/extremely-dangerous-public-oidc-beacon/.github/workflows/"
    "extremely-dangerous-oidc-beacon.yml@refs/heads/main"
)
ISSUER = "https://token.actions.githubusercontent.com"

CODES = {
    "bundle-empty-certificate-chain_fail": "MALFORMED",
    "bundle-from-wrong-instance_fail": "TRUST_ROOT",
    "bundle-invalid-base64-signature_fail": "NON_CANONICAL",
    "bundle-malformed-json_fail": "MALFORMED",
    "bundle-negative-log-index_fail": "NON_CANONICAL",
    "bundle-unknown-version_fail": "MEDIA_TYPE",
    "bundle-with-root-cert_fail": "CHAIN_INVALID",
    "checkpoint-bad-keyhint_fail": "CHECKPOINT_INVALID",
    "checkpoint-wrong-roothash_fail": "CHECKPOINT_INVALID",
    "dsse-invalid-sig_fail": "SIG_INVALID",
    "dsse-mismatch-envelope_fail": "TLOG_MISMATCH",
    "dsse-mismatch-sig_fail": "TLOG_MISMATCH",
    "inclusion-proof-corrupted-hash_fail": "INCLUSION_INVALID",
    "incorrect-public-key_fail": "TLOG_MISMATCH",
    "integrated-time-in-future_fail": "CERT_TIME",
    "intoto-expired-certificate_fail": "CERT_TIME",
    "intoto-log-entry-mismatch_fail": "TLOG_MISMATCH",
    "intoto-missing-inclusion-proof_fail": "INCLUSION_INVALID",
    "intoto-set-outside-signing-cert-validity_fail": "CERT_TIME",
    "intoto-tsa-timestamp-outside-cert-validity_fail": "CERT_TIME",
    "invalid-checkpoint-signature_fail": "CHECKPOINT_INVALID",
    "invalid-ct-key_fail": "SCT_INVALID",
    "invalid-inclusion-proof_fail": "INCLUSION_INVALID",
    "managed-key-no-key_fail": "KEY_MISMATCH",
    "managed-key-wrong-key_fail": "NON_CANONICAL",
    "message-digest-mismatch_fail": "DIGEST_MISMATCH",
    "rekor2-checkpoint-missing-log-signature_fail": "CHECKPOINT_INVALID",
    "rekor2-checkpoint-missing-origin_fail": "CHECKPOINT_INVALID",
    "rekor2-checkpoint-missing-root-hash_fail": "CHECKPOINT_INVALID",
    "rekor2-checkpoint-missing-size_fail": "CHECKPOINT_INVALID",
    "rekor2-checkpoint-no-matching-signature_fail": "CHECKPOINT_INVALID",
    "rekor2-dsse-invalid-sig_fail": "SIG_INVALID",
    "rekor2-dsse-mismatch-envelope_fail": "TLOG_MISMATCH",
    "rekor2-dsse-mismatch-sig_fail": "TLOG_MISMATCH",
    "rekor2-no-inclusion-proof_fail": "INCLUSION_INVALID",
    "rekor2-no-timestamp_fail": "NO_TRUSTED_TIME",
    "rekor2-timestamp-outside-trust-root-tsa-validity_fail": "TSA_INVALID",
    "rekor2-timestamp-outside-tsa-cert-validity_fail": "TSA_INVALID",
    "rekor2-timestamp-payload-mismatch_fail": "TSA_INVALID",
    "rekor2-timestamp-untrusted-tsa-with-embedded-cert_fail": "TSA_INVALID",
    "rekor2-timestamp-untrusted-tsa-without-embedded-cert_fail": "TSA_INVALID",
    "rekor2-timestamp-with-incorrect-time_fail": "NON_CANONICAL",
    "set-invalid-signature_fail": "SET_INVALID",
    "signature-mismatch_fail": "SIG_INVALID",
    "trust-root-tlog-missing-validity-start_fail": "TRUST_ROOT",
    "wrong-hashedrekord-artifact_fail": "TLOG_MISMATCH",
    "wrong-hashedrekord-cert-and-sig_fail": "TLOG_MISMATCH",
    "wrong-hashedrekord-entry_fail": "TLOG_MISMATCH",
    "wrong-material_fail": "DIGEST_MISMATCH",
}
"""What is wrong with each, by its own README, in our words; but two are wrong in another way before that, which
`test_what_is_wrong_beneath_odd_base64` mends."""


def _folders() -> list[Path]:
    folder = Path(os.environ.get("COSIGN_VECTORS", "")) / "sigstore-conformance"
    return sorted(one for one in folder.glob("*") if one.joinpath("bundle.sigstore.json").is_file())


FOLDERS = [pytest.param(folder, id=folder.name) for folder in _folders()] or [
    pytest.param(None, marks=pytest.mark.skip("no folder of vectors: set COSIGN_VECTORS to it"))
]


def command_line(folder: Path, by_digest: bool) -> list[str]:
    """As the suite's runner calls a client."""

    def text(name: str, default: str) -> str:
        path = folder / name
        return path.read_text(encoding="utf-8").strip() if path.exists() else default

    arguments = ["verify-bundle", "--bundle", str(folder / "bundle.sigstore.json")]
    if folder.joinpath("key.pub").exists():
        arguments += ["--key", str(folder / "key.pub")]
    else:
        arguments += ["--certificate-identity", text("identity", IDENTITY)]
        arguments += ["--certificate-oidc-issuer", text("issuer", ISSUER)]
    if folder.joinpath("trusted_root.json").exists():
        arguments += ["--trusted-root", str(folder / "trusted_root.json")]
    artifact = folder / "artifact"
    if not artifact.exists():
        artifact = folder.parent / "a.txt"
    digest = f"sha256:{hashlib.sha256(artifact.read_bytes()).hexdigest()}"
    return [*arguments, digest if by_digest else str(artifact)]


@pytest.mark.parametrize("by_digest", [False, True], ids=["path", "digest"])
@pytest.mark.parametrize("folder", FOLDERS)
@pytest.mark.attack("AT-25", "AT-26", "AT-27", "AT-30", "AT-31", "AT-32", "AT-33", "AT-37")
def test_verdict_and_code(folder: Path, by_digest: bool, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(socket, "socket", _no_socket)
    arguments = client.parse(command_line(folder, by_digest))
    try:
        refusal = client.verify_bundle(arguments).refusal
    except Rejection as rejection:
        refusal = rejection
    found = refusal.code if refusal else None
    if folder.name in CODES or not folder.name.endswith("_fail"):
        assert found == CODES.get(folder.name), refusal
    else:
        assert found is not None


@pytest.mark.parametrize(
    ("name", "file", "wanted"),
    [
        ("rekor2-timestamp-with-incorrect-time_fail", "bundle.sigstore.json", "CERT_TIME"),
        ("managed-key-wrong-key_fail", "key.pub", "MALFORMED"),
    ],
)
def test_what_is_wrong_beneath_odd_base64(vectors: Path, tmp_path: Path, name: str, file: str, wanted: str) -> None:
    """One has line breaks within base64, the other base64 that no encoder writes (and beneath it no point of the
    curve): both are refused for that. Written properly, they are refused for what they are about."""
    folder = vectors / "sigstore-conformance" / name
    text = folder.joinpath(file).read_text(encoding="utf-8").replace("wrongkey==", "wrongkeQ==")
    text = re.sub(r'"signedTimestamp": "[^"]*"', lambda found: found[0].replace("\\n", ""), text)
    tmp_path.joinpath(file).write_text(text, encoding="utf-8")
    arguments = client.parse(
        [part.replace(str(folder / file), str(tmp_path / file)) for part in command_line(folder, by_digest=False)]
    )
    try:
        refusal = client.verify_bundle(arguments).refusal
    except Rejection as rejection:
        refusal = rejection
    assert refusal is not None and refusal.code == wanted, refusal


def _no_socket(*arguments: t.Any, **options: t.Any) -> t.NoReturn:
    raise AssertionError("The verifier opened a socket.")


@pytest.mark.parametrize(
    ("name", "status", "says"),
    [("happy-path-v0.3", 0, "accepted"), ("rekor2-no-timestamp_fail", 1, "NO_TRUSTED_TIME")],
)
def test_the_client_speaks_the_suites_protocol(vectors: Path, name: str, status: int, says: str) -> None:
    folder = vectors / "sigstore-conformance" / name
    done = subprocess.run(
        [ROOT / "tests/conformance/client", *command_line(folder, by_digest=False)],
        env={**os.environ, "PATH": f"{Path(sys.executable).parent}{os.pathsep}{os.environ['PATH']}"},
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.returncode == status, done.stderr
    assert says in done.stdout + done.stderr
