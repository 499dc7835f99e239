# Copyright (c) 2026, the supplychain.cosign authors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""cosign_sign with certificates, logs and timestamps, on the virtual services."""

from __future__ import annotations

import datetime
import json
import typing as t
from pathlib import Path

import pytest

from ansible_collections.supplychain.cosign.plugins.module_utils._ansible import signing
from ansible_collections.supplychain.cosign.plugins.module_utils._ansible.cosign_sign import TASK as SIGN
from ansible_collections.supplychain.cosign.plugins.module_utils._ansible.cosign_verify import TASK as VERIFY
from ansible_collections.supplychain.cosign.plugins.module_utils._keys.keyfile import encrypt_key, generate_key
from ansible_collections.supplychain.cosign.plugins.module_utils._registry import manifests
from ansible_collections.supplychain.cosign.plugins.module_utils._services import ambient
from ansible_collections.supplychain.cosign.plugins.module_utils._usecases import signatory
from tests.support import faults
from tests.support.registry import EmbeddedRegistry
from tests.support.sigstore.rekor import RekorV1
from tests.support.sigstore.server import ANYBODY, VirtualServices, Wrong
from tests.support.tasks import Runner

Options = dict[str, t.Any]
HOUR = datetime.timedelta(hours=1)


@pytest.fixture(scope="module")
def virtual() -> t.Iterator[VirtualServices]:
    with VirtualServices() as services:
        yield services


@pytest.fixture
def services(virtual: VirtualServices) -> VirtualServices:
    virtual.clear_faults()
    virtual.reset_requests()
    return virtual


@pytest.fixture
def keyless(run: Runner, services: VirtualServices) -> Runner:
    """Tasks that trust the virtual services and know no other; they are `ANYBODY`."""
    (run.folder / "trusted_root.json").write_text(json.dumps(services.trusted_root()))
    for version in (1, 2):
        (run.folder / f"signing_config_v{version}.json").write_text(json.dumps(services.signing_config(version)))
    run.environ = {"SIGSTORE_ID_TOKEN": services.token(), "COSIGN_PASSWORD": "correct horse"}
    run.defaults = {
        "allow_http_registry": True,
        "trusted_root": "trusted_root.json",
        "signing_config": "signing_config_v1.json",
    }
    return run


@pytest.fixture
def who(services: VirtualServices) -> Options:
    """The options that say as whom the tasks sign, and who must have signed."""
    return {"certificate_identity": ANYBODY, "certificate_oidc_issuer": services.urls.issuer}


def code(result: Options) -> str:
    assert result["failed"] and not result.get("verified"), result
    return str(result["rejection"]["code"])


WAYS = [("bundle", 1), ("bundle", 2), ("legacy", 1), ("both", 1)]


@pytest.mark.parametrize(("form", "version"), WAYS)
@pytest.mark.parametrize("key", [None, "ours.key"], ids=["keyless", "key"])
def test_sign_verify_and_sign_again(
    keyless: Runner,
    services: VirtualServices,
    registry: EmbeddedRegistry,
    pushed: str,
    who: Options,
    form: str,
    version: int,
    key: str | None,
) -> None:
    signer: Options = {"key": key} if key else who
    options: Options = {
        "image": pushed,
        "signature_format": form,
        "signing_config": f"signing_config_v{version}.json",
        "annotations": {"sha": "1"},
        **signer,
    }
    signed = keyless(SIGN, **options)
    assert signed["changed"] and signed["verified"], signed
    forms = ["bundle", "legacy"] if form == "both" else [form]
    assert [one["format"] for one in signed["signatures"]] == forms
    for one in signed["signatures"]:
        assert ("key_id" in one) == bool(key)
        assert key or (one["certificate"]["subject"], one["certificate"]["issuer"]) == tuple(who.values())
        assert [log["log_url"] for log in one["logged"]] == [getattr(services.urls, f"rekor{version}")]
        assert [stamp["authority"] for stamp in one["timestamps"]] == ([services.urls.tsa] if version == 2 else [])
    counts = [services.count(name) for name in ("fulcio", "rekor", "tsa")]
    assert counts == [0 if key else 1, len(forms), len(forms) if version == 2 else 0]
    verified = keyless(VERIFY, image=pushed, signatures="all", **({"key": "ours.pub"} if key else who))
    assert len(verified["signatures"]) == len(forms), verified

    services.reset_requests()
    registry.reset_requests()
    again = keyless(SIGN, **options)
    assert (again["changed"], again["verified"]) == (False, True), again
    assert services.requests == [] and registry.writes() == []
    if form == "bundle":
        gets = [one for one in registry.requests if one.path != "/v2/"]
        assert len(gets) == (3 if registry.settings.referrers else 4), [one.path for one in gets]


def test_one_token_one_key_one_certificate_for_all_images(
    keyless: Runner, services: VirtualServices, pushed: str, who: Options
) -> None:
    result = keyless(SIGN, image=pushed, recursive=True, signature_format="both", **who)
    assert result["changed"] and len(result["images"][0].get("children", ())) == 2, result
    assert [services.count("fulcio"), services.count("rekor")] == [1, 6]


def test_a_certificate_that_ends_is_renewed(
    keyless: Runner, services: VirtualServices, pushed: str, who: Options
) -> None:
    now = datetime.datetime.now(datetime.timezone.utc)
    services.wrong = Wrong(issue={"not_after": now + datetime.timedelta(seconds=50)})
    assert keyless(SIGN, image=pushed, recursive=True, **who)["changed"]
    assert services.count("fulcio") == 3


def test_who_signs_is_learnt_from_one_certificate(keyless: Runner, services: VirtualServices, pushed: str) -> None:
    """Nobody but this Fulcio knows whom it names: it is asked, and a signature that is there is found by that."""
    assert keyless(SIGN, image=pushed)["changed"]
    services.reset_requests()
    again = keyless(SIGN, image=pushed)
    assert (again["changed"], again["verified"]) == (False, True), again
    assert [services.count(name) for name in ("fulcio", "rekor", "tsa")] == [1, 0, 0]


def test_another_identity_is_refused_before_anything_is_signed(
    keyless: Runner, services: VirtualServices, registry: EmbeddedRegistry, pushed: str, who: Options
) -> None:
    registry.reset_requests()
    result = keyless(SIGN, image=pushed, **{**who, "certificate_identity": "other@mail.example"})
    assert code(result) == "IDENTITY_MISMATCH" and not result["changed"], result
    assert services.count("rekor") == 0 and registry.writes() == []


@pytest.mark.parametrize("known", [True, False], ids=["known", "unknown"])
def test_F_19_check_mode_asks_no_service(
    keyless: Runner, services: VirtualServices, registry: EmbeddedRegistry, pushed: str, who: Options, known: bool
) -> None:
    registry.reset_requests()
    predicted = keyless(SIGN, check=True, image=pushed, **(who if known else {}))
    assert predicted["changed"] and not predicted["verified"], predicted
    assert services.requests == [] and registry.writes() == []
    after = predicted["diff"][0]["after"]["signatures"]
    assert (ANYBODY in str(after)) == known
    assert any("certificate_identity" in warning for warning in keyless.warnings) != known
    assert keyless(SIGN, image=pushed)["changed"]
    assert keyless(SIGN, check=True, image=pushed, **(who if known else {}))["changed"] != known


def test_a_signature_without_the_log_that_is_wanted_does_not_count(
    keyless: Runner, services: VirtualServices, pushed: str
) -> None:
    assert keyless(SIGN, image=pushed, key="ours.key", tlog_upload=False, signing_config=None)["changed"]
    assert services.requests == []
    assert keyless(SIGN, image=pushed, key="ours.key")["changed"]
    ways: list[Options] = [{}, {"tlog_upload": False, "signing_config": None}]
    for options in ways:
        assert not keyless(SIGN, image=pushed, key="ours.key", **options)["changed"]
    # A timestamp that is wanted has to be there too.
    assert keyless(SIGN, image=pushed, key="ours.key", signing_config="signing_config_v2.json")["changed"]


@pytest.mark.parametrize("logs", ["log and timestamp", "log", "timestamp"])
@pytest.mark.parametrize("form", ["bundle", "legacy"])
def test_addresses_of_services(
    keyless: Runner, services: VirtualServices, pushed: str, who: Options, logs: str, form: str
) -> None:
    urls: Options = {"fulcio_url": services.urls.fulcio}
    if "log" in logs:
        urls["rekor_url"] = services.urls.rekor1
    if "timestamp" in logs:
        urls["timestamp_server_url"] = services.urls.tsa
    options: Options = {
        "image": pushed,
        "signing_config": None,
        "tlog_upload": "log" in logs,
        "signature_format": form,
    }
    signed = keyless(SIGN, **options, **urls, **who)
    assert signed["changed"], signed
    (only,) = signed["signatures"]
    assert [len(only["logged"]), len(only["timestamps"])] == ["log" in logs, "timestamp" in logs]
    assert not keyless(SIGN, **options, **urls, **who)["changed"]
    assert keyless(SIGN, **options, **urls, **who, annotations={"a": "b"}, fulcio_version=1)["changed"]


def test_all_logs_that_are_wanted(keyless: Runner, services: VirtualServices, pushed: str, who: Options) -> None:
    with VirtualServices() as others:
        others.world.rekor = RekorV1(seed="another", url=others.urls.rekor1)
        logs = [services.service(services.urls.rekor1, 1, "one"), services.service(others.urls.rekor1, 1, "two")]
        config = services.signing_config(1, rekorTlogUrls=logs, rekorTlogConfig={"selector": "ALL"})
        root = services.trusted_root()
        both = {**root, "tlogs": [*root["tlogs"], *others.trusted_root()["tlogs"]]}
        options: Options = {"image": pushed, "signing_config": json.dumps(config), **who}
        refused = keyless(SIGN, **options)
        assert (code(refused), refused["changed"]) == ("TRUST_ROOT", True), refused
        signed = keyless(SIGN, **options, trusted_root=both)
        assert signed["changed"] and len(signed["signatures"][0]["logged"]) == 2, signed
        assert not keyless(SIGN, **options, trusted_root=both)["changed"]


WRONG: list[tuple[str, int, dict[str, t.Any], str]] = [
    ("fulcio", 1, {"issue": {"ct": None}}, "SCT_INVALID"),
    ("fulcio", 1, {"issue": {"san": "other@mail.example"}}, "IDENTITY_MISMATCH"),
    ("fulcio", 1, {"issue": {"issuer": "https://other.example"}}, "ISSUER_MISMATCH"),
    ("rekor", 1, {"logged": {"signature": b"another"}}, "TLOG_MISMATCH"),
    ("rekor", 1, {"entry": {"promise": b"none"}}, "SET_INVALID"),
    ("rekor", 1, {"entry": {"root": bytes(32)}}, "INCLUSION_INVALID"),
    ("rekor", 2, {"entry": {"note": {"signature": bytes(64)}}}, "CHECKPOINT_INVALID"),
    ("tsa", 2, {"stamp": {"imprint": bytes(32)}}, "TSA_INVALID"),
    ("tsa", 2, {"stamp": {"nonce": 1}}, "TSA_INVALID"),
    ("tsa", 2, {"stamp": {"status": 2}}, "TSA_INVALID"),
    ("tsa", 2, {"stamp": {"status": 1}}, "TSA_INVALID"),
    ("rekor", 2, {"entry": {"log_index": 7}}, "INCLUSION_INVALID"),
]


@pytest.mark.parametrize(("service", "version", "wrong", "expected"), WRONG, ids=[str(one[2]) for one in WRONG])
@pytest.mark.attack("AT-40a", "AT-40b", "AT-40c", "AT-40d", "AT-29c")
def test_AT_40_what_services_answer_is_verified_before_anything_is_attached(
    keyless: Runner,
    services: VirtualServices,
    registry: EmbeddedRegistry,
    pushed: str,
    who: Options,
    service: str,
    version: int,
    wrong: dict[str, t.Any],
    expected: str,
) -> None:
    services.wrong = Wrong(**wrong)
    registry.reset_requests()
    result = keyless(SIGN, image=pushed, signing_config=f"signing_config_v{version}.json", **who)
    assert code(result) == expected, result
    assert registry.writes() == []
    # An entry in a log stays there: that is a change.
    assert result["changed"] == (service == "rekor"), result
    if service == "fulcio":
        assert services.count("rekor") == 0


@pytest.mark.parametrize("part", ["tlogs", "certificateAuthorities", "ctlogs", "timestampAuthorities"])
def test_a_trusted_root_that_lacks_a_service(
    keyless: Runner, services: VirtualServices, registry: EmbeddedRegistry, pushed: str, who: Options, part: str
) -> None:
    """Found before the push, not by those who verify."""
    root = services.trusted_root(**{part: []})
    registry.reset_requests()
    result = keyless(SIGN, image=pushed, trusted_root=root, signing_config="signing_config_v2.json", **who)
    assert code(result) in ("TRUST_ROOT", "CHAIN_INVALID", "SCT_INVALID", "TSA_INVALID"), result
    assert registry.writes() == []


@pytest.mark.parametrize(
    ("token", "expected"),
    [
        ({"exp": 1}, "AUTH_REFUSED"),
        ({"aud": "other"}, "AUTH_REFUSED"),
        ({"iss": "https://unknown.example"}, "AUTH_REFUSED"),
    ],
    ids=["expired", "audience", "issuer"],
)
@pytest.mark.attack("AT-40e")
def test_AT_40_e_tokens(
    keyless: Runner, services: VirtualServices, pushed: str, who: Options, token: Options, expected: str
) -> None:
    keyless.environ.pop("SIGSTORE_ID_TOKEN")
    text = services.token(**token)
    result = keyless(SIGN, image=pushed, identity_token=text, **who)
    assert code(result) == expected, result
    assert text not in json.dumps(result)
    assert services.count("rekor") == 0


def test_tokens_in_files(keyless: Runner, services: VirtualServices, pushed: str) -> None:
    keyless.environ.pop("SIGSTORE_ID_TOKEN")
    (keyless.folder / "token").write_text(services.token() + "\n")
    assert keyless(SIGN, image=pushed, identity_token="token")["changed"]
    assert code(keyless(SIGN, image=pushed, identity_token="no such file")) == "MALFORMED"


def test_without_a_token_it_says_what_to_do(keyless: Runner, pushed: str, who: Options) -> None:
    keyless.environ.pop("SIGSTORE_ID_TOKEN")
    result = keyless(SIGN, image=pushed, **who)
    assert code(result) == "AUTH_REFUSED" and "identity_token" in result["msg"], result
    options: Options = {"oidc_disable_ambient_providers": True}
    assert code(keyless(SIGN, image=pushed, **options, **who)) == "AUTH_REFUSED"


REFUSED: list[Options] = [
    {"offline": True},
    {"offline": True, "key": "ours.key"},
    {"key": "ours.key", "identity_token": "a.b.c"},
    {"key": "ours.key", "certificate_identity": "a@b.example", "certificate_oidc_issuer": "https://b.example"},
    {"certificate": "a.pem"},
    {"issue_certificate": True},
    {"signing_config": "a.json", "rekor_url": "https://rekor.example"},
    {"signing_config": None},
    {"signing_config": None, "rekor_url": "https://rekor.example"},
    {"signing_config": None, "fulcio_url": "https://fulcio.example"},
    {"signing_config": None, "fulcio_url": "https://fulcio.example", "tlog_upload": False},
    {
        "signing_config": None,
        "fulcio_url": "https://fulcio.example",
        "rekor_url": "https://rekor.example",
        "rekor_version": 2,
    },
    {"signing_config": "signing_config_v2.json", "signature_format": "legacy"},
    {"signing_config": None, "rekor_version": 2},
    {"certificate_identity": "a@b.example"},
    {"tlog_upload": False},
    {"state": "absent"},
    {"identity_token": ""},
    {"oidc_provider": "spiffe", "oidc_disable_ambient_providers": True},
    {"signing_config": None, "key": "ours.key", "rekor_url": "https://rekor.example", "tlog_upload": False},
    {"key": "ours.key", "timestamp_client_cacert": "ca.pem"},
    {"state": "absent", "key": "ours.key", "issue_certificate": True},
    {
        "state": "absent",
        "key": "ours.key",
        "issue_certificate": True,
        "certificate_identity": "a@b.example",
        "certificate_oidc_issuer": "https://b.example",
    },
]


@pytest.mark.parametrize("options", REFUSED, ids=str)
def test_what_could_not_be_meant_is_refused(
    keyless: Runner, services: VirtualServices, pushed: str, options: Options
) -> None:
    result = keyless(SIGN, image=pushed, **options)
    assert code(result) == "POLICY_UNSUPPORTED" and not result["changed"], result
    assert services.requests == []


def test_http_is_no_way_for_a_token(keyless: Runner, pushed: str, who: Options) -> None:
    urls: Options = {"fulcio_url": "http://fulcio.example", "rekor_url": "http://rekor.example"}
    result = keyless(SIGN, image=pushed, signing_config=None, **urls, **who)
    assert code(result) == "POLICY_UNSUPPORTED" and "https" in result["msg"], result


def test_a_key_that_is_certified(keyless: Runner, services: VirtualServices, pushed: str, who: Options) -> None:
    options: Options = {"image": pushed, "key": "ours.key", "issue_certificate": True}
    assert keyless(SIGN, **options)["signatures"][0]["certificate"]["subject"] == ANYBODY
    services.reset_requests()
    assert not keyless(SIGN, **options, **who)["changed"]
    assert services.requests == []


@pytest.mark.parametrize("form", ["bundle", "legacy"])
def test_a_certificate_of_our_own(
    keyless: Runner, services: VirtualServices, tmp_path: Path, pushed: str, form: str
) -> None:
    from ansible_collections.supplychain.cosign.plugins.module_utils._keys.keyfile import decrypt_key
    from tests.support.sigstore.x509 import pem

    public = decrypt_key((tmp_path / "ours.key").read_bytes(), b"correct horse").public_key()
    ca = services.world.ca
    now = datetime.datetime.now(datetime.timezone.utc)
    leaf = ca.issue(public, now, san="release@acme.example", issuer=None, not_after=now + 24 * HOUR)
    (tmp_path / "leaf.pem").write_bytes(pem(leaf))
    (tmp_path / "chain.pem").write_bytes(ca.chain_pem)
    options: Options = {
        "image": pushed,
        "key": "ours.key",
        "certificate": "leaf.pem",
        "certificate_chain": "chain.pem",
        "signature_format": form,
        "tlog_upload": False,
        "trusted_root": None,
        "signing_config": None,
    }
    signed = keyless(SIGN, **options)
    assert signed["changed"], signed
    assert not keyless(SIGN, **options)["changed"]
    verified = keyless(
        VERIFY,
        image=pushed,
        certificate_identity="release@acme.example",
        certificate_chain="chain.pem",
        trusted_root=None,
        insecure_ignore_tlog=True,
        insecure_ignore_sct=True,
    )
    assert verified.get("verified"), verified
    # One of another key, and one of another authority.
    (tmp_path / "other.pem").write_bytes(pem(ca.issue(_new_key().public_key(), now, issuer=None)))
    assert code(keyless(SIGN, **{**options, "certificate": "other.pem"})) == "KEY_MISMATCH"
    with VirtualServices() as others:
        (tmp_path / "chain.pem").write_bytes(others.world.ca.chain_pem)
        assert code(keyless(SIGN, **options)) == "CHAIN_INVALID"


def _new_key() -> t.Any:
    from tests.support.keys import private_key

    return private_key("ecdsa-p256")


def test_absent_needs_no_token_and_removes_ours_alone(
    keyless: Runner, services: VirtualServices, registry: EmbeddedRegistry, pushed: str, who: Options
) -> None:
    assert keyless(SIGN, image=pushed, signature_format="both", **who)["changed"]
    assert keyless(SIGN, image=pushed, key="ours.key")["changed"]
    keyless.environ["SIGSTORE_ID_TOKEN"] = services.token("other@mail.example")
    assert keyless(SIGN, image=pushed, signature_format="both")["changed"]
    keyless.environ.pop("SIGSTORE_ID_TOKEN")
    services.reset_requests()
    predicted = keyless(SIGN, check=True, image=pushed, state="absent", **who)
    assert predicted["changed"] and registry.writes(), predicted
    removed = keyless(SIGN, image=pushed, state="absent", **who)
    assert removed["changed"] and services.requests == [], removed
    assert code(keyless(VERIFY, image=pushed, **who)) != ""
    other = {**who, "certificate_identity": "other@mail.example"}
    assert len(keyless(VERIFY, image=pushed, signatures="all", **other)["signatures"]) == 2
    assert keyless(VERIFY, image=pushed, key="ours.pub")["verified"]
    assert not keyless(SIGN, image=pushed, state="absent", **who)["changed"]


@pytest.mark.parametrize("service", ["fulcio", "rekor1", "tsa"])
@pytest.mark.parametrize("fault", [faults.too_many_requests("0"), faults.status(503), faults.reset, faults.lost_answer])
@pytest.mark.attack("F-01", "F-02", "F-03", "F-07")
def test_F_07_services_that_fail_once(
    keyless: Runner,
    services: VirtualServices,
    registry: EmbeddedRegistry,
    pushed: str,
    who: Options,
    service: t.Any,
    fault: t.Any,
) -> None:
    services.fault(service, fault, times=1)
    config = json.dumps(services.signing_config(1, tsa=True))
    result = keyless(SIGN, image=pushed, signing_config=config, **who)
    assert result["changed"], result
    found = keyless(VERIFY, image=pushed, signatures="all", **who)
    assert len(found["signatures"]) == 1 and len(found["signatures"][0]["logged"]) == 1


@pytest.mark.parametrize("ahead", [HOUR, -HOUR], ids=["ahead", "behind"])
@pytest.mark.attack("F-21")
def test_F_21_a_clock_that_is_wrong(
    keyless: Runner, registry: EmbeddedRegistry, pushed: str, ahead: datetime.timedelta
) -> None:
    """The services are an hour ahead of this machine, or behind it."""
    with VirtualServices(clock=lambda: datetime.datetime.now(datetime.timezone.utc) + ahead) as services:
        keyless.environ["SIGSTORE_ID_TOKEN"] = services.token(exp=9_999_999_999, iat=1, nbf=1)
        config = json.dumps(services.signing_config(1))
        registry.reset_requests()
        result = keyless(SIGN, image=pushed, trusted_root=services.trusted_root(), signing_config=config)
    assert code(result) in ("CERT_TIME", "TRUST_ROOT") and "clock" in result["msg"], result
    assert registry.writes() == []


def test_the_examples_of_trust_of_ones_own_ask_nobody_else(keyless: Runner, pushed: str) -> None:
    """With single files of one's own as trust, the public instance is not asked either."""
    (keyless.folder / "log.pub").write_bytes(b"")
    keyless.environ["SIGSTORE_REKOR_PUBLIC_KEY"] = "log.pub"
    result = keyless(SIGN, image=pushed, trusted_root=None, signing_config=None)
    assert code(result) == "POLICY_UNSUPPORTED", result


def test_what_is_no_token_and_no_file_is_not_shown(keyless: Runner, services: VirtualServices, pushed: str) -> None:
    """Half a token, one of another kind: it may be good somewhere."""
    token = services.token()
    for text in (
        token.rpartition(".")[0],
        f"{token}.x.y",
        f"ya29.{token[3:]}",
        f"{token[:40]}/{token[40:]}",
        token[3:],
    ):
        result = keyless(SIGN, image=pushed, identity_token=text)
        assert code(result) in ("MALFORMED", "NON_CANONICAL"), result
        assert text[:60] not in json.dumps(result) and text[-60:] not in json.dumps(result), result["msg"]


def test_a_failed_fulcio_is_not_asked_again_for_every_image(
    keyless: Runner, services: VirtualServices, pushed: str, who: Options
) -> None:
    services.fault("fulcio", faults.status(400))
    images = [pushed.replace("/acme/app@", f"/acme/app{number}@") for number in range(5)]
    result = keyless(SIGN, images=[pushed, *images], **who)
    assert code(result) == "AUTH_REFUSED", result
    assert services.count("fulcio") == 1


def test_a_token_that_is_not_had_is_not_looked_for_again_for_every_image(
    keyless: Runner, pushed: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    asked: list[object] = []
    monkeypatch.setattr(signing, "find_token", lambda *given: asked.append(given))
    images = [pushed.replace("/acme/app@", f"/acme/app{number}@") for number in range(5)]
    assert code(keyless(SIGN, images=[pushed, *images])) == "AUTH_REFUSED"
    assert len(asked) == 1


def test_an_index_that_is_not_whole_is_refused_before_anything_is_logged(
    keyless: Runner, services: VirtualServices, registry: EmbeddedRegistry, pushed: str, who: Options
) -> None:
    stored = registry.repository("acme/app").manifests
    del stored[next(digest for digest in stored if digest not in pushed)]
    result = keyless(SIGN, image=pushed, recursive=True, **who)
    assert code(result) == "UNREACHABLE" and not result["changed"] and services.requests == [], result


def test_the_token_is_looked_for_once_and_only_where_it_is_needed(
    keyless: Runner, services: VirtualServices, pushed: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(signatory, "signer_of", lambda token: (ANYBODY, token.issuer))
    assert keyless(SIGN, image=pushed, recursive=True)["changed"]
    asked: list[object] = []

    def find(*given: t.Any) -> str | None:
        asked.append(given)
        return ambient.find_token(*given)

    monkeypatch.setattr(signing, "find_token", find)
    again = keyless(SIGN, image=pushed, recursive=True)
    assert (again["changed"], again["verified"], len(asked)) == (False, True, 1), again


def test_a_clock_that_is_behind_by_minutes_still_renews(
    keyless: Runner, pushed: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    """What counts is how long the certificate holds, not when it ends by this machine's clock."""
    ahead = datetime.timedelta(minutes=4)
    with VirtualServices(clock=lambda: datetime.datetime.now(datetime.timezone.utc) + ahead) as services:
        keyless.environ["SIGSTORE_ID_TOKEN"] = services.token(iat=1, nbf=1)
        end = datetime.datetime.now(datetime.timezone.utc) + ahead + datetime.timedelta(seconds=50)
        services.wrong = Wrong(issue={"not_after": end})
        options: Options = {"trusted_root": services.trusted_root(), "recursive": True}
        result = keyless(SIGN, image=pushed, signing_config=json.dumps(services.signing_config(1)), **options)
        assert result["changed"] and services.count("fulcio") == 3, result


def test_the_same_log_under_two_operators_is_refused(
    keyless: Runner, services: VirtualServices, pushed: str, who: Options
) -> None:
    logs = [services.service(services.urls.rekor1, 1, name) for name in ("one", "two")]
    config = services.signing_config(1, rekorTlogUrls=logs, rekorTlogConfig={"selector": "ALL"})
    result = keyless(SIGN, image=pushed, signing_config=json.dumps(config), **who)
    assert code(result) == "POLICY_UNSUPPORTED" and services.requests == [], result


def test_a_signing_config_serves_a_key_without_a_log_too(
    keyless: Runner, services: VirtualServices, pushed: str
) -> None:
    options: Options = {"image": pushed, "key": "ours.key", "tlog_upload": False}
    signed = keyless(SIGN, **options, signing_config="signing_config_v2.json")
    (only,) = signed["signatures"]
    assert [len(only["logged"]), len(only["timestamps"])] == [0, 1], signed
    assert code(keyless(SIGN, **options, signing_config="not there.json")) == "MALFORMED"


def test_a_signing_config_without_a_log_says_what_comes_of_it(
    keyless: Runner, services: VirtualServices, pushed: str
) -> None:
    config = json.dumps(services.signing_config(1, rekorTlogUrls=[]))
    assert keyless(SIGN, image=pushed, key="ours.key", signing_config=config)["changed"]
    assert any("insecure_ignore_tlog" in warning for warning in keyless.warnings)


@pytest.mark.parametrize("key", [None, "ours.key"], ids=["keyless", "key"])
def test_an_entry_without_the_promise_of_its_log_is_none(
    keyless: Runner, services: VirtualServices, registry: EmbeddedRegistry, pushed: str, who: Options, key: str | None
) -> None:
    """cosign 3.1 takes no entry of Rekor v1 without it, timestamp or not."""
    services.wrong = Wrong(entry={"promise": b""})
    config = json.dumps(services.signing_config(1, tsa=True))
    registry.reset_requests()
    result = keyless(SIGN, image=pushed, signing_config=config, **({"key": key} if key else who))
    assert result["failed"] and registry.writes() == [], result


@pytest.mark.attack("AT-40j", "AT-11")
def test_AT_40_j_a_registry_that_forgets_what_it_took(
    keyless: Runner, registry: EmbeddedRegistry, pushed: str, who: Options, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(manifests, "SETTLE_SECONDS", 0.2)
    monkeypatch.setattr(manifests, "FIRST_DELAY", 0.01)
    stored = registry.repository("acme/app").manifests

    def forget(exchange: t.Any) -> t.Any:
        response = exchange.normal()
        if response.status == 201:
            stored.pop(exchange.request.path.rpartition("/")[2], None)
        return response

    registry.fault(("PUT", r"/manifests/sha256:"), forget)
    result = keyless(SIGN, image=pushed, **who)
    if registry.settings.referrers:
        assert code(result) == "CONFLICT" and result["changed"], result


def test_on_a_host_nobody_else_is_asked_either(keyless: Runner, services: VirtualServices, pushed: str) -> None:
    """What files of the controller were handed over says that this is an instance of one's own."""
    handed = {"files": {"SIGSTORE_REKOR_PUBLIC_KEY": "bm8="}, "refusal": ""}
    result = keyless(SIGN, image=pushed, trusted_root=None, signing_config=None, _trusted_root=handed)
    assert code(result) == "POLICY_UNSUPPORTED", result
    # A variable of the host's own is not read there.
    keyless.environ["SIGSTORE_ROOT_FILE"] = "/nonexistent"
    root = {"data": json.dumps(services.trusted_root()), "name": "root", "warning": "", "expires": None}
    result = keyless(SIGN, image=pushed, trusted_root=None, signing_config=None, _trusted_root=root)
    assert code(result) == "TRUST_ROOT" and "signing_config" in result["msg"], result


def test_what_cosign_needs_for_a_larger_key_on_rekor_2_is_told(keyless: Runner, pushed: str, tmp_path: Path) -> None:
    key = encrypt_key(generate_key("ecdsa-p384"), b"correct horse", n=32768)
    (tmp_path / "p384.key").write_bytes(key)
    for version in (1, 2):
        assert keyless(SIGN, image=pushed, key="p384.key", signing_config=f"signing_config_v{version}.json")["changed"]
        told = any("--signature-digest-algorithm=sha384" in warning for warning in keyless.warnings)
        assert told == (version == 2)


def test_whether_a_key_can_sign_so_is_known_before_anybody_is_asked(
    keyless: Runner, services: VirtualServices, pushed: str, tmp_path: Path
) -> None:
    key = encrypt_key(generate_key("ecdsa-p384"), b"correct horse", n=32768)
    (tmp_path / "p384.key").write_bytes(key)
    for check in (True, False):
        options: Options = {"key": "p384.key", "issue_certificate": True, "signature_format": "legacy"}
        assert code(keyless(SIGN, check=check, image=pushed, **options)) == "POLICY_UNSUPPORTED"
    assert services.requests == []
