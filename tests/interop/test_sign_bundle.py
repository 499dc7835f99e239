# Copyright (c) 2026, the supplychain.cosign authors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""sign-bundle of our conformance client on the real services; what it makes is verified by us and by others."""

from __future__ import annotations

import base64
import hashlib
import json
import subprocess
import typing as t
from dataclasses import dataclass, replace
from pathlib import Path

import pytest
from cryptography import x509
from sigstore.errors import Error
from sigstore.models import Bundle, TrustedRoot
from sigstore.verify import Verifier, policy

from tests.conformance import client
from tests.conftest import ROOT
from tests.interop.clients import run
from tests.interop.services import Sigstore
from tests.support.sigstore.issuer import Identity

ARTIFACT = b"a file that is signed\n"
PREDICATE = "https://acme.example/built/v1"


@dataclass(frozen=True)
class Made:
    """A file, what was signed (itself, or a statement about it), and the bundle."""

    folder: Path
    is_statement: bool
    sigstore: Sigstore
    cosign: Path

    @property
    def bundle(self) -> Path:
        return self.folder / "bundle.sigstore.json"

    @property
    def artifact(self) -> Path:
        return self.folder / "artifact"

    def by_ours(self, who: Identity) -> bool:
        """By the file, and by its digest."""
        digest = f"sha256:{hashlib.sha256(ARTIFACT).hexdigest()}"
        words = ["verify-bundle", f"--bundle={self.bundle}", f"--certificate-identity={who.name}"]
        words += [f"--certificate-oidc-issuer={who.issuer}", f"--trusted-root={self.sigstore.trusted_root}"]
        asked = [client.parse([*words, named]) for named in (str(self.artifact), digest)]
        verdicts = {one.run(one).verified for one in asked}
        assert len(verdicts) == 1
        return verdicts == {True}

    def by_python(self, who: Identity) -> bool:
        verifier = Verifier(trusted_root=TrustedRoot.from_file(str(self.sigstore.trusted_root)))
        bundle = Bundle.from_json(self.bundle.read_bytes())
        demanded = policy.Identity(identity=who.name, issuer=who.issuer)
        try:
            if self.is_statement:
                _type, payload = verifier.verify_dsse(bundle, demanded)
                assert json.loads(payload)["predicateType"] == PREDICATE
            else:
                verifier.verify_artifact(ARTIFACT, bundle, demanded)
        except Error:
            return False
        return True

    def by_cosign(self, who: Identity) -> bool:
        command = ["verify-blob-attestation", f"--type={PREDICATE}"] if self.is_statement else ["verify-blob"]
        options = [f"--bundle={self.bundle}", f"--trusted-root={self.sigstore.trusted_root}"]
        options += [f"--certificate-identity={who.name}", f"--certificate-oidc-issuer={who.issuer}"]
        return run(self.cosign, *command, *options, self.artifact, folder=self.folder).returncode == 0


def _client(*words: str) -> subprocess.CompletedProcess[str]:
    command = [str(ROOT / "tests/conformance/client"), *words]
    return subprocess.run(command, capture_output=True, text=True, timeout=60, check=False)


@pytest.fixture(params=[1, 2], ids=["rekor1", "rekor2"])
def rekor(request: pytest.FixtureRequest) -> t.Literal[1, 2]:
    return t.cast(t.Literal[1, 2], request.param)


@pytest.mark.parametrize("is_statement", [False, True], ids=["file", "statement"])
def test_sign_bundle(
    sigstore: Sigstore, cosign3: Path, first_entries: object, tmp_path: Path, rekor: t.Literal[1, 2], is_statement: bool
) -> None:
    made = Made(tmp_path, is_statement, sigstore, cosign3)
    made.artifact.write_bytes(ARTIFACT)
    who = sigstore.issuer.workflow("example/app")
    signed, in_toto = made.artifact, []
    if is_statement:
        signed, in_toto = tmp_path / "statement.json", ["--in-toto"]
        subject = {"name": "artifact", "digest": {"sha256": hashlib.sha256(ARTIFACT).hexdigest()}}
        said = {"_type": "https://in-toto.io/Statement/v1", "subject": [subject], "predicateType": PREDICATE}
        signed.write_text(json.dumps({**said, "predicate": {"by": "us"}}))
    options = [f"--bundle={made.bundle}", f"--trusted-root={sigstore.trusted_root}"]
    options += [f"--signing-config={sigstore.signing_config(rekor)}"]
    token = f"--identity-token={sigstore.issuer.token(who)}"
    done = _client("sign-bundle", *in_toto, token, *options, str(signed))
    assert done.returncode == 0, done.stderr

    material = json.loads(made.bundle.read_bytes())["verificationMaterial"]
    # As the suite wants it: a certificate alone, no root beside it.
    assert set(material) & {"certificate", "x509CertificateChain", "publicKey"} == {"certificate"}
    certificate = x509.load_der_x509_certificate(base64.b64decode(material["certificate"]["rawBytes"]))
    assert certificate.issuer != certificate.subject
    assert len(material["tlogEntries"]) == 1
    assert bool(material.get("timestampVerificationData", {}).get("rfc3161Timestamps")) == (rekor == 2)
    others = [replace(who, name=f"{who.name}x"), replace(who, issuer=f"{who.issuer}x")]
    for accepts in (made.by_ours, made.by_python, made.by_cosign):
        assert accepts(who), accepts
        assert not any(map(accepts, others)), accepts
    made.artifact.write_bytes(b"another file")
    assert not made.by_cosign(who)


@pytest.mark.parametrize(
    ("changes", "says"), [({"aud": "another"}, "so it was not sent"), ({"exp": 1}, "by this machine's clock")]
)
def test_nothing_is_signed_with_a_bad_token(
    sigstore: Sigstore, tmp_path: Path, changes: dict[str, t.Any], says: str
) -> None:
    (tmp_path / "artifact").write_bytes(ARTIFACT)
    token = sigstore.issuer.token(sigstore.issuer.email("someone@mail.example"), **changes)
    options = [f"--bundle={tmp_path}/bundle.json", f"--trusted-root={sigstore.trusted_root}"]
    options += [f"--signing-config={sigstore.signing_config_v1}", f"--identity-token={token}"]
    done = _client("sign-bundle", *options, str(tmp_path / "artifact"))
    assert done.returncode == 1 and done.stderr.startswith("AUTH_REFUSED"), done.stderr
    # In our own words: Fulcio is not asked.
    assert says in done.stderr and token not in done.stderr + done.stdout
    assert not (tmp_path / "bundle.json").exists()
