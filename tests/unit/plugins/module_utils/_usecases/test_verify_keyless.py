# Copyright (c) 2026, the supplychain.cosign authors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""cosign_verify with certificates, from a registry, against the virtual Sigstore."""

from __future__ import annotations

import json
import typing as t

import pytest

from ansible_collections.supplychain.cosign.plugins.module_utils._ansible.cosign_verify import TASK as VERIFY
from tests.support.keys import private_key
from tests.support.registry import EmbeddedRegistry
from tests.support.sigstore.attach import Attacher
from tests.support.sigstore.virtual import IDENTITY, ISSUER, VirtualSigstore, public_pem
from tests.support.tasks import Runner

VARIABLES = {"COSIGN_CERTIFICATE_IDENTITY": IDENTITY, "COSIGN_CERTIFICATE_OIDC_ISSUER": ISSUER}
OPTIONS: dict[str, t.Any] = {"certificate_identity": IDENTITY, "certificate_oidc_issuer": ISSUER}


@pytest.fixture(scope="module")
def sigstore() -> VirtualSigstore:
    return VirtualSigstore()


@pytest.fixture
def keyless(run: Runner, sigstore: VirtualSigstore) -> Runner:
    """Tasks that trust the virtual Sigstore."""
    (run.folder / "trusted_root.json").write_text(json.dumps(sigstore.trusted_root()))
    run.defaults = {"allow_http_registry": True, "trusted_root": "trusted_root.json", "offline": True}
    return run


@pytest.fixture
def attach(registry: EmbeddedRegistry, sigstore: VirtualSigstore, pushed: str) -> t.Callable[..., str]:
    def attach(*arguments: t.Any, **options: t.Any) -> str:
        digest = pushed.split("@")[1]
        return Attacher(registry.host, "acme/app").attach(digest, sigstore.sign(digest, *arguments, **options))

    return attach


def code(result: dict[str, t.Any]) -> str:
    assert result["failed"] and not result.get("verified"), result
    return str(result["rejection"]["code"])


@pytest.mark.parametrize(
    ("form", "log"), [("bundle", "v1"), ("bundle", "v2"), ("legacy", "v1")], ids=["bundle-v1", "bundle-v2", "legacy"]
)
def test_identity_and_issuer_of_the_environment(
    keyless: Runner, attach: t.Callable[..., str], pushed: str, form: str, log: str
) -> None:
    attach(form, log=log, annotations={"sha": "abc"})
    keyless.environ.update(VARIABLES)
    result = keyless(VERIFY, image=pushed, annotations={"sha": "abc"})
    assert (result["verified"], result["pinned"]) == (True, pushed), result
    (only,) = result["signatures"]
    assert only["format"] == form and "key_id" not in only
    assert only["certificate"]["subject"] == IDENTITY and only["certificate"]["issuer"] == ISSUER
    assert only["certificate"]["github_workflow_repository"] == "chainguard-images/images"
    (entry,) = only["logged"]
    assert entry["log_url"] == f"https://{'rekor' if log == 'v1' else 'log'}.sigstore.test"
    assert entry["time"] == ("2026-11-20T09:30:00Z" if log == "v1" else None)
    assert [one["time"] for one in only["timestamps"]] == (["2026-11-20T09:30:00Z"] if log == "v2" else [])
    image = result["images"][0]
    assert image["signer"] == f"{IDENTITY} ({ISSUER})"
    assert (
        "The code-signing certificate was verified using trusted certificate authority certificates" in image["checks"]
    )


@pytest.mark.parametrize(
    ("options", "wanted"),
    [
        ({"certificate_identity": IDENTITY + "x", "certificate_oidc_issuer": ISSUER}, "IDENTITY_MISMATCH"),
        ({"certificate_identity": IDENTITY, "certificate_oidc_issuer": ISSUER + "/"}, "ISSUER_MISMATCH"),
        (
            {"certificate_identity_regexp": r"https://github\.com/.*/images", "certificate_oidc_issuer": ISSUER},
            "IDENTITY_MISMATCH",
        ),
        ({**OPTIONS, "certificate_github_workflow_trigger": "schedule"}, "IDENTITY_MISMATCH"),
        ({**OPTIONS, "use_signed_timestamps": True}, "NO_TRUSTED_TIME"),
        ({**OPTIONS, "insecure_ignore_tlog": True}, "NO_TRUSTED_TIME"),
        ({**OPTIONS, "insecure_ignore_tlog": True, "insecure_ignore_sct": True}, "NO_TRUSTED_TIME"),
        ({**OPTIONS, "required_logs": 2}, "THRESHOLD"),
        ({**OPTIONS, "required_signatures": 2}, "POLICY_UNSUPPORTED"),
        (
            {
                "certificate_identity_regexp": r"https://github\.com/.+",
                "certificate_oidc_issuer": ISSUER,
                "required_signatures": 2,
            },
            "THRESHOLD",
        ),
        ({**OPTIONS, "annotations": {"sha": "xyz"}}, "ANNOTATION_MISMATCH"),
        ({"certificate_identity": IDENTITY}, "POLICY_UNSUPPORTED"),
        ({"certificate_oidc_issuer": ISSUER}, "POLICY_UNSUPPORTED"),
        ({**OPTIONS, "key": "ours.pub"}, "POLICY_UNSUPPORTED"),
        ({**OPTIONS, "certificate_identity_regexp": "x"}, "POLICY_UNSUPPORTED"),
        ({"certificate_identity_regexp": ".*", "certificate_oidc_issuer": ISSUER}, "POLICY_UNSUPPORTED"),
        ({"signers": [{}]}, "POLICY_UNSUPPORTED"),
        ({"signers": [{"key": "ours.pub", **OPTIONS}]}, "POLICY_UNSUPPORTED"),
        ({"signers": []}, "POLICY_UNSUPPORTED"),
        ({}, "POLICY_UNSUPPORTED"),
        ({"key": "ours.pub"}, "KEY_MISMATCH"),
    ],
    ids=str,
)
def test_refusals(
    keyless: Runner, registry: EmbeddedRegistry, attach: t.Callable[..., str], pushed: str, options: t.Any, wanted: str
) -> None:
    attach("bundle", annotations={"sha": "abc"})
    registry.reset_requests()
    result = keyless(VERIFY, image=pushed, **options)
    assert code(result) == wanted, result
    assert bool(registry.requests) == (wanted != "POLICY_UNSUPPORTED"), "a contradiction is refused before any request"


def test_several_signers_of_several_kinds(
    keyless: Runner, sigstore: VirtualSigstore, attach: t.Callable[..., str], pushed: str
) -> None:
    key = private_key()
    (keyless.folder / "virtual.pub").write_bytes(public_pem(key))
    signers = [
        OPTIONS,
        {"certificate_identity": "alice@sigstore.test", "certificate_oidc_issuer": ISSUER},
        {"key": "virtual.pub"},
    ]
    wanted: dict[str, t.Any] = {"image": pushed, "signers": signers}
    attach("bundle")
    attach("bundle", log="v2")
    assert code(keyless(VERIFY, **wanted, required_signatures=2)) == "THRESHOLD", "one signer twice is one"
    attach("legacy", issue={"san": "alice@sigstore.test"})
    assert keyless(VERIFY, **wanted, required_signatures=2)["verified"]
    attach("bundle", keyless=False, key=key)
    result = keyless(VERIFY, **wanted, required_signatures=3, signatures="all")
    assert result["verified"] and len(result["signatures"]) == 4, result


def test_a_signer_with_several_names_is_one_signer(
    keyless: Runner, sigstore: VirtualSigstore, attach: t.Callable[..., str], pushed: str
) -> None:
    """A CA of one's own may give several names; which others stand there does not make two of one."""
    options = {**OPTIONS, "certificate_identity": "alice@sigstore.test", "insecure_ignore_sct": True}
    attach("bundle", issue={"san": ["alice@sigstore.test", "one@sigstore.test"]})
    attach("bundle", issue={"san": ["two@sigstore.test", "alice@sigstore.test"]})
    result = keyless(VERIFY, image=pushed, **options)
    assert {one["certificate"]["subject"] for one in result["signatures"]} == {"alice@sigstore.test"}
    either = {**options, "certificate_identity": None, "certificate_identity_regexp": r"alice@.*"}
    assert code(keyless(VERIFY, image=pushed, **either, required_signatures=2)) == "THRESHOLD"
    assert code(keyless(VERIFY, image=pushed, **{**options, "insecure_ignore_sct": False})) == "IDENTITY_MISMATCH"


def test_trust_in_another_instance(keyless: Runner, attach: t.Callable[..., str], pushed: str) -> None:
    attach("bundle")
    other = VirtualSigstore(host="other.test").trusted_root()
    assert code(keyless(VERIFY, image=pushed, **OPTIONS, trusted_root=other)) == "TRUST_ROOT"


def test_a_key_without_a_log_needs_no_trusted_root(keyless: Runner, attach: t.Callable[..., str], pushed: str) -> None:
    (keyless.folder / "virtual.pub").write_bytes(public_pem(private_key()))
    attach("bundle", keyless=False, key=private_key(), log=None)
    wanted: dict[str, t.Any] = {"image": pushed, "key": "virtual.pub", "trusted_root": None}
    assert keyless(VERIFY, **wanted, insecure_ignore_tlog=True)["verified"]
    assert code(keyless(VERIFY, **wanted)) == "TLOG_MISSING"
