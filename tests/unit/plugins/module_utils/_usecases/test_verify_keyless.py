# Copyright (c) 2026, the supplychain.cosign authors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""cosign_verify with certificates, from a registry, against the virtual Sigstore."""

from __future__ import annotations

import json
import socket
import typing as t
from pathlib import Path

import pytest
import yaml

from ansible_collections.supplychain.cosign.plugins.module_utils._ansible.cosign_sign import TASK as SIGN
from ansible_collections.supplychain.cosign.plugins.module_utils._ansible.cosign_verify import TASK as VERIFY
from ansible_collections.supplychain.cosign.plugins.module_utils._usecases import attached
from ansible_collections.supplychain.cosign.plugins.plugin_utils._cache import RunCache
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


@pytest.fixture
def asked(monkeypatch: pytest.MonkeyPatch) -> list[str]:
    """Names of hosts that something tried to reach; none answers."""
    hosts: list[str] = []

    def look_up(host: str, *_arguments: t.Any, **_options: t.Any) -> t.NoReturn:
        hosts.append(host)
        raise socket.gaierror("blocked")

    monkeypatch.setattr(socket, "getaddrinfo", look_up)
    return hosts


KEY_URL = "https://keys.example.test/k.pub"


@pytest.mark.parametrize(
    ("options", "variables", "named"),
    [
        ({"key": KEY_URL}, {}, "the option key "),
        ({"keys": ["ours.pub", KEY_URL]}, {}, "the option keys[1] "),
        ({"signers": [OPTIONS, {"key": KEY_URL}]}, {}, "the option signers[1].key "),
        ({}, {"COSIGN_KEY": KEY_URL}, "the variable COSIGN_KEY "),
    ],
    ids=["key", "keys", "signers", "variable"],
)
def test_offline_fetches_no_key(
    keyless: Runner, pushed: str, asked: list[str], options: t.Any, variables: dict[str, str], named: str
) -> None:
    keyless.environ.update(variables)
    result = keyless(VERIFY, image=pushed, **options)
    assert code(result) == "POLICY_UNSUPPORTED" and named in result["msg"] and "offline" in result["msg"]
    assert asked == []
    keyless(VERIFY, image=pushed, **options, offline=False, registry_timeout=1)
    assert set(asked) == {"keys.example.test"}, "the guard sees what is tried"


@pytest.mark.parametrize(
    "options",
    [
        {"required_signatures": 0},
        {"required_signatures": 2},
        {"keys": [KEY_URL, KEY_URL], "required_signatures": 2},
        {"required_logs": 0},
        {"check_claims": False, "annotations": {"a": "b"}},
        {"signers": [{"key": KEY_URL}, {}]},
        {"signers": [{"key": KEY_URL}, {"key": "", **OPTIONS}]},
        {"signers": [{"key": KEY_URL}, {"certificate_identity": IDENTITY}]},
        {"signers": [{"key": KEY_URL}, OPTIONS], "sct": "detached.json", "insecure_ignore_sct": True},
        {"annotations": {"version": 1.1}},
        {"max_attachment_size": "lots"},
        {"max_workers": 0},
        {"registry_timeout": 0},
        {"image": "sha256:" + "0" * 64},
        {"certificate": "there.pem"},
    ],
    ids=str,
)
def test_nothing_is_fetched_for_what_could_not_be_meant(keyless: Runner, asked: list[str], options: t.Any) -> None:
    (keyless.folder / "detached.json").write_text(
        json.dumps({"sct_version": 0, "id": "A" * 43 + "=", "timestamp": 1, "extensions": "", "signature": "BAMAAA=="})
    )
    key = {} if {"keys", "signers"} & set(options) else {"key": KEY_URL}
    result = keyless(VERIFY, **{"image": "registry.example.test/app:1", "offline": False, **key, **options})
    assert code(result) in ("POLICY_UNSUPPORTED", "LIMIT_EXCEEDED", "MALFORMED"), result
    assert asked == []


@pytest.mark.parametrize(
    ("annotations", "named"),
    [
        ({1: "a", "1": "b"}, "1"),
        ({1: "a", "b": "c"}, "1"),
        (yaml.safe_load("version: 1.10"), "version"),
        (yaml.safe_load("on: push"), "True"),
        (yaml.safe_load("day: 2026-11-24"), "day"),
        ({"a": None}, "a"),
        ({"a": ["b"]}, "a"),
    ],
    ids=str,
)
@pytest.mark.parametrize("task", [VERIFY, SIGN], ids=["verify", "sign"])
def test_annotations_that_yaml_read_otherwise_are_refused(
    keyless: Runner, pushed: str, tmp_path: Path, task: t.Any, annotations: t.Any, named: str
) -> None:
    given = {"key": "ours.key", "tlog_upload": False} if task is SIGN else OPTIONS
    cache = RunCache(str(tmp_path), "task", False)
    result = keyless(task, image=pushed, annotations=annotations, cache=cache, **given)
    assert code(result) == "POLICY_UNSUPPORTED" and repr(named).strip("'") in result["msg"]
    assert "quote it" in result["msg"]


def test_whole_numbers_and_booleans_are_annotations(keyless: Runner, attach: t.Callable[..., str], pushed: str) -> None:
    attach("bundle", annotations={"run": str(2**70), "release": "true"})
    assert keyless(VERIFY, image=pushed, annotations={"run": 2**70, "release": True}, **OPTIONS)["verified"]


@pytest.mark.parametrize("option", ["certificate", "sct", "certificate_chain", "ca_roots"])
def test_options_of_certificates_are_refused_where_only_keys_may_sign(
    keyless: Runner, attach: t.Callable[..., str], pushed: str, option: str
) -> None:
    (keyless.folder / "virtual.pub").write_bytes(public_pem(private_key()))
    (keyless.folder / "junk.pem").write_bytes(b"junk")
    attach("bundle", keyless=False, key=private_key(), log=None)
    wanted: dict[str, t.Any] = {"image": pushed, "insecure_ignore_tlog": True, "trusted_root": None}
    named: list[dict[str, t.Any]] = [{"key": "virtual.pub"}, {"keys": ["virtual.pub"]}]
    for keys in (*named, {"signers": [{"key": "virtual.pub"}]}):
        result = keyless(VERIFY, **{**wanted, **keys, option: "junk.pem"})
        assert code(result) == "POLICY_UNSUPPORTED" and option in result["msg"]
    assert keyless(VERIFY, **wanted, key="virtual.pub", insecure_ignore_sct=True)["verified"]


def test_options_of_certificates_beside_keys_and_identities(
    keyless: Runner, sigstore: VirtualSigstore, attach: t.Callable[..., str], pushed: str
) -> None:
    (keyless.folder / "virtual.pub").write_bytes(public_pem(private_key()))
    (keyless.folder / "ca.pem").write_bytes(sigstore.ca.chain_pem)
    attach("bundle", keyless=False, key=private_key(), log=None)
    signers = [{"key": "virtual.pub"}, OPTIONS]
    given: dict[str, t.Any] = {"trusted_root": None, "certificate_chain": "ca.pem", "insecure_ignore_tlog": True}
    assert keyless(VERIFY, image=pushed, signers=signers, **given)["verified"]


@pytest.mark.parametrize(
    ("options", "named"),
    [
        ({"key": ""}, "key"),
        ({"keys": ["ours.pub", ""]}, "keys[1]"),
        ({"signers": [{"key": "", **OPTIONS}]}, "signers[0].key"),
        ({**OPTIONS, "certificate": ""}, "certificate"),
        ({**OPTIONS, "sct": ""}, "sct"),
        ({"keys": []}, "keys"),
        ({"signers": []}, "signers"),
    ],
    ids=str,
)
def test_what_is_empty_is_refused_by_name(keyless: Runner, pushed: str, options: t.Any, named: str) -> None:
    keyless.environ["COSIGN_KEY"] = "ours.pub"
    result = keyless(VERIFY, image=pushed, **options)
    assert code(result) == "POLICY_UNSUPPORTED" and f"{named} is empty" in result["msg"]


@pytest.mark.parametrize(
    ("options", "named"),
    [
        ({"key": "none"}, "the option key "),
        ({"keys": ["ours.pub", "none"]}, "the option keys[1] "),
        ({"signers": [OPTIONS, {"key": "none"}]}, "the option signers[1].key "),
        ({**OPTIONS, "certificate": "none"}, "the option certificate "),
        ({**OPTIONS, "sct": "none"}, "the option sct "),
        ({"variable": "none"}, "the variable COSIGN_KEY "),
        ({"key": "user:canary@none"}, "'none' of the option key "),
    ],
    ids=str,
)
def test_a_file_that_is_missing_is_told_with_its_option(
    keyless: Runner, pushed: str, options: t.Any, named: str
) -> None:
    keyless.environ.update({"COSIGN_KEY": options["variable"]} if "variable" in options else {})
    result = keyless(VERIFY, image=pushed, **{name: one for name, one in options.items() if name != "variable"})
    assert code(result) == "MALFORMED" and named in result["msg"] and "canary" not in result["msg"]


@pytest.mark.parametrize(
    ("options", "more"),
    [
        ({"certificate_github_workflow_trigger": "push"}, {}),
        ({"certificate": "leaf.pem"}, {}),
        ({"ca_roots": "ca.pem", "trusted_root": None}, {"insecure_ignore_tlog": True, "insecure_ignore_sct": True}),
    ],
    ids=["claim", "certificate", "ca_roots"],
)
def test_a_key_in_a_variable_does_not_contradict_options_of_certificates(
    keyless: Runner, sigstore: VirtualSigstore, attach: t.Callable[..., str], pushed: str, options: t.Any, more: t.Any
) -> None:
    attach("bundle")
    (keyless.folder / "leaf.pem").write_text("junk")
    (keyless.folder / "ca.pem").write_bytes(sigstore.ca.chain_pem)
    keyless.environ.update(COSIGN_KEY="ours.pub")
    keyless.environ.update(VARIABLES)
    result = keyless(VERIFY, image=pushed, **options, **more)
    assert result.get("verified") or code(result) not in ("POLICY_UNSUPPORTED", "KEY_MISMATCH"), result


@pytest.mark.parametrize("name", ["TUF_ROOT", "TUF_ROOT_JSON", "SIGSTORE_ROOT_FILE", "HOME", "COSIGN_KEY"])
def test_a_nul_in_a_variable_is_refused(keyless: Runner, pushed: str, name: str) -> None:
    keyless.environ[name] = "a\0b"
    result = keyless(VERIFY, image=pushed, **OPTIONS, trusted_root=None, offline=False)
    assert code(result) == "MALFORMED" and name in result["msg"]
    del keyless.environ[name]
    result = keyless(VERIFY, image=pushed, signers=[{"key": "a\0b"}])
    assert code(result) == "MALFORMED" and "signers" in result["msg"]


def test_a_document_whose_keys_are_of_several_kinds(keyless: Runner, pushed: str, tmp_path: Path) -> None:
    cache = RunCache(str(tmp_path), "task", False)
    assert code(keyless(VERIFY, image=pushed, **OPTIONS, trusted_root={1: 1, "a": 2}, cache=cache))


@pytest.mark.attack("AT-13")
def test_AT_13_nothing_is_unsigned_where_there_is_no_image(
    keyless: Runner, registry: EmbeddedRegistry, pushed: str
) -> None:
    """The documented rescue signs what is unsigned, so a name that is mistyped must not read so."""
    digest = pushed.split("@")[1]
    for image in (f"{registry.host}/nope/app@{digest}", f"{registry.host}/acme/app@sha256:{'0' * 64}"):
        result = keyless(VERIFY, image=image, **OPTIONS)
        assert code(result) == "UNREACHABLE" and image.partition("@")[0] in result["msg"], result
    assert code(keyless(VERIFY, image=pushed, **OPTIONS)) == "NO_SIGNATURE"
    for options in ({"recursive": True}, {"attachment_repository": f"{registry.host}/nope/signatures"}):
        image = f"{registry.host}/nope/app@{digest}"
        assert code(keyless(VERIFY, image=image, **options, **OPTIONS)) == "UNREACHABLE"


@pytest.mark.attack("AT-13")
def test_AT_13_where_signatures_were_looked_for_is_told(
    keyless: Runner, registry: EmbeddedRegistry, pushed: str
) -> None:
    where = f"{registry.host}/nope/signatures"
    result = keyless(VERIFY, image=pushed, attachment_repository=where, **OPTIONS)
    assert code(result) == "NO_SIGNATURE" and where in result["msg"] and "attachment_repository" in result["msg"]
    assert "attachment_repository" not in keyless(VERIFY, image=pushed, **OPTIONS)["msg"]


def test_what_a_look_for_the_image_costs(
    keyless: Runner, registry: EmbeddedRegistry, attach: t.Callable[..., str], pushed: str
) -> None:
    def gets(image: str) -> int:
        registry.reset_requests()
        keyless(VERIFY, image=image, **OPTIONS)
        return len([one for one in registry.requests if one.path.endswith(f"/manifests/{pushed.split('@')[1]}")])

    assert gets(pushed) == 1, "unsigned, by digest"
    assert gets(f"{pushed.split('@')[0]}:1.4") == 0, "unsigned, by tag: it has just been looked up"
    attach("bundle")
    assert gets(pushed) == 0


@pytest.mark.attack("AT-38e")
def test_what_others_attach_asks_for_no_trusted_root(
    keyless: Runner, registry: EmbeddedRegistry, sigstore: VirtualSigstore, pushed: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A copy of our signature with a timestamp is made by anybody; ours alone still satisfies, and no root is there."""
    (keyless.folder / "virtual.pub").write_bytes(public_pem(private_key()))
    keyless.defaults = {"allow_http_registry": True, "insecure_ignore_tlog": True, "key": "virtual.pub"}
    keyless.environ["TUF_MIRROR"] = "http://127.0.0.1:9"
    digest = pushed.split("@")[1]
    place = Attacher(registry.host, "acme/app")
    stamped = sigstore.sign(digest, keyless=False, key=private_key(), log=None, timestamp=True)
    place.attach(digest, stamped)
    assert code(keyless(VERIFY, image=pushed)) == "TRUST_ROOT"
    place.attach(digest, sigstore.sign(digest, "legacy", keyless=False, key=private_key(), log=None))
    result = keyless(VERIFY, image=pushed)
    assert result["verified"] and [one["format"] for one in result["signatures"]] == ["legacy"]


@pytest.mark.attack("AT-04")
def test_all_that_is_attached_together_is_bounded(
    keyless: Runner, attach: t.Callable[..., str], pushed: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    for dummy in range(3):
        attach("bundle", issue={"san": "somebody@sigstore.test"})
    monkeypatch.setattr(attached, "MAX_ATTACHED_BYTES", 6000)
    result = keyless(VERIFY, image=pushed, **OPTIONS, max_attachment_size="6000")
    assert code(result) == "LIMIT_EXCEEDED" and "remove those" in result["msg"]


@pytest.mark.parametrize("trust", ["document", "variables", "shipped"])
def test_offline_connects_to_the_registry_alone(
    keyless: Runner,
    registry: EmbeddedRegistry,
    sigstore: VirtualSigstore,
    attach: t.Callable[..., str],
    pushed: str,
    monkeypatch: pytest.MonkeyPatch,
    trust: str,
) -> None:
    attach("bundle")
    attach("legacy")
    if trust != "document":
        keyless.defaults = {"allow_http_registry": True, "offline": True}
    if trust == "variables":
        files = {
            "SIGSTORE_ROOT_FILE": sigstore.ca.chain_pem,
            "SIGSTORE_CT_LOG_PUBLIC_KEY_FILE": sigstore.ct.pem,
            "SIGSTORE_REKOR_PUBLIC_KEY": sigstore.rekor.public_pem,
        }
        for name, data in files.items():
            (keyless.folder / name).write_bytes(data)
            keyless.environ[name] = name
    connect, reached = socket.socket.connect, set()

    def watched(self: socket.socket, address: t.Any) -> None:
        reached.add(f"{address[0]}:{address[1]}")
        if reached != {registry.host}:
            raise OSError("blocked")
        connect(self, address)

    monkeypatch.setattr(socket.socket, "connect", watched)
    result = keyless(VERIFY, image=pushed, **OPTIONS, signatures="all")
    assert reached == {registry.host}
    assert result.get("verified") is (trust != "shipped"), result
