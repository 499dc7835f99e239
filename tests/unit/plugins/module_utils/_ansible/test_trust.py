# Copyright (c) 2026, the supplychain.cosign authors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

from __future__ import annotations

import json
import typing as t
from datetime import date, datetime, timezone
from pathlib import Path

import pytest
import yaml

from ansible_collections.supplychain.cosign.plugins.doc_fragments._trust import ModuleDocFragment
from ansible_collections.supplychain.cosign.plugins.module_utils._ansible import trust as module
from ansible_collections.supplychain.cosign.plugins.module_utils._ansible.task import Context
from ansible_collections.supplychain.cosign.plugins.module_utils._ansible.trust import (
    TRUST,
    handed_over,
    signing_config_of,
    trust_of,
)
from ansible_collections.supplychain.cosign.plugins.module_utils._formats.rejection import Rejection
from ansible_collections.supplychain.cosign.plugins.module_utils._services.tuf import Document
from ansible_collections.supplychain.cosign.plugins.module_utils._usecases import trust as usecase
from tests.support.keys import public_key
from tests.support.sigstore.ca import CertificateAuthority
from tests.support.sigstore.ct import CtLog
from tests.support.tasks import FolderFiles

AT = datetime(2026, 3, 1, 12, tzinfo=timezone.utc)
ROOT = {
    "mediaType": "application/vnd.dev.sigstore.trustedroot+json;version=0.1",
    "ctlogs": [CtLog("https://mine.test").trusted(AT)],
}
DEFAULT = Document(json.dumps({**ROOT, "ctlogs": []}).encode(), "default root", "It is old.")
SERVICES = {
    "mediaType": "application/vnd.dev.sigstore.signingconfig.v0.2+json",
    "tsaUrls": [
        {
            "url": "https://mine.test/",
            "majorApiVersion": 1,
            "validFor": {"start": "2026-03-01T12:00:00Z"},
            "operator": "mine.test",
        }
    ],
}
DEFAULT_SERVICES = Document(json.dumps({**SERVICES, "tsaUrls": []}).encode(), "default services", "They are old.")


@pytest.fixture(autouse=True)
def fetched(monkeypatch: pytest.MonkeyPatch) -> list[usecase.Source]:
    """Every time that the default is asked for; nothing is fetched."""
    asked: list[usecase.Source] = []

    def default(source: usecase.Source) -> Document:
        asked.append(source)
        return DEFAULT

    monkeypatch.setattr(usecase, "default_document", default)
    monkeypatch.setattr(module, "default_document", default)
    monkeypatch.setattr(module, "document_at_hand", lambda source: None)
    return asked


@pytest.fixture(autouse=True)
def services_fetched(monkeypatch: pytest.MonkeyPatch) -> list[usecase.Source]:
    """The same for the default signing config."""
    asked: list[usecase.Source] = []

    def default(source: usecase.Source) -> Document:
        asked.append(source)
        return DEFAULT_SERVICES

    monkeypatch.setattr(module, "default_signing_config", default)
    return asked


def context_of(
    folder: Path, environ: t.Mapping[str, str] | None = None, from_task: t.Iterable[str] = (), **params: t.Any
) -> Context:
    given = {name: params.pop(name, option.get("default")) for name, option in TRUST.options.items()}
    return Context(
        params={**given, **params}, environ=environ or {}, files=FolderFiles(folder), from_task=frozenset(from_task)
    )


def refusal(call: t.Callable[[], object]) -> Rejection:
    with pytest.raises(Rejection) as caught:
        call()
    return caught.value


def inline(text: str) -> t.Any:
    return {"text": text, "dict": json.loads(text), "padded": f"\n  {text}\n"}


@pytest.mark.parametrize("how", ["path", "text", "dict", "padded"])
def test_a_trusted_root_is_a_path_or_the_document(tmp_path: Path, how: str, fetched: list[t.Any]) -> None:
    (tmp_path / "root.json").write_text(json.dumps(ROOT))
    given = "root.json" if how == "path" else inline(json.dumps(ROOT))[how]
    context = context_of(tmp_path, {"SIGSTORE_ROOT_FILE": "/none"}, trusted_root=given)
    root = trust_of(context).root()
    assert [log.url for log in root.ct_logs] == ["https://mine.test"] and not root.certificate_authorities
    assert fetched == [] and context.warnings == []


def test_a_trusted_root_of_yaml_may_have_times(tmp_path: Path) -> None:
    written = yaml.safe_load(yaml.safe_dump(ROOT).replace("'2026", "2026").replace("Z'", "Z"))
    assert isinstance(written["ctlogs"][0]["publicKey"]["validFor"]["start"], datetime)
    root = trust_of(context_of(tmp_path, trusted_root=written)).root()
    assert root.ct_logs[0].window.start == AT


def _loop() -> dict[str, t.Any]:
    made: dict[str, t.Any] = {}
    made["a"] = made
    return made


def _deep(levels: int) -> dict[str, t.Any]:
    made: dict[str, t.Any] = {}
    for _dummy in range(levels):
        made = {"a": made}
    return made


@pytest.mark.parametrize(
    "given",
    [
        7,
        True,
        "",
        " ",
        ["root.json"],
        {"mediaType": {1, 2}},
        {"a": float("nan")},
        "{",
        '{"\udcff"',
        {date(2026, 1, 1): 1},
        {1: 1, "a": 2},
        _loop(),
        _deep(900),
        _deep(100_000),
        {"mediaType": date(2026, 1, 1)},
        {"a": "x\0"},
    ],
)
def test_a_trusted_root_that_is_none_is_refused_at_once(tmp_path: Path, given: t.Any) -> None:
    """Even if only keys are named, and nothing needs it."""
    code = refusal(lambda: trust_of(context_of(tmp_path, trusted_root=given))).code
    assert code in ("POLICY_UNSUPPORTED", "MALFORMED", "TRUST_ROOT", "LIMIT_EXCEEDED")


@pytest.mark.parametrize("name", ["trusted_root", "certificate_chain", "ca_roots"])
def test_a_file_of_an_option_is_read_at_once_and_named(tmp_path: Path, name: str) -> None:
    (tmp_path / "junk").write_bytes(b"junk")
    for file in ("none", "junk", "."):
        given: dict[str, t.Any] = {name: file}
        rejection = refusal(lambda given=given: trust_of(context_of(tmp_path, **given)))  # type: ignore[misc]
        assert file != "none" or name in rejection.message


@pytest.mark.parametrize(
    "options",
    [
        {"trusted_root": "x", "certificate_chain": "x"},
        {"trusted_root": "x", "ca_roots": "x"},
        {"trusted_root": "x", "ca_roots": "x", "ca_intermediates": "x"},
        {"certificate_chain": "x", "ca_roots": "x"},
        {"certificate_chain": "x", "ca_intermediates": "x"},
        {"ca_intermediates": "x"},
    ],
)
def test_options_that_contradict_each_other_are_refused(options: dict[str, t.Any]) -> None:
    assert refusal(lambda: TRUST.check(options)).code == "POLICY_UNSUPPORTED"


def test_options_that_fit_are_taken() -> None:
    for options in ({}, {"trusted_root": "x"}, {"ca_roots": "x", "ca_intermediates": "x"}, {"certificate_chain": "x"}):
        TRUST.check({**options, "offline": True})


def test_single_files_are_all_that_is_trusted(tmp_path: Path, fetched: list[t.Any]) -> None:
    authority = CertificateAuthority(AT)
    (tmp_path / "chain.pem").write_bytes(authority.chain_pem)
    (tmp_path / "rekor.pub").write_bytes(public_key().pem)
    environ = {"SIGSTORE_REKOR_PUBLIC_KEY": "rekor.pub", "SIGSTORE_ROOT_FILE": "rekor.pub", "SIGSTORE_ID_TOKEN": "x"}
    trust = trust_of(context_of(tmp_path, environ, certificate_chain="chain.pem"))
    root = trust.root()
    assert [one.der for one in root.certificate_authorities[0].anchors] == [authority.root.der]
    assert [log.key.spki for log in root.logs] == [public_key().spki]
    assert not root.ct_logs and not root.timestamp_authorities and fetched == []
    assert trust.fingerprint != trust_of(context_of(tmp_path, environ)).fingerprint


def test_a_variable_that_names_nothing_is_told_to_who_needs_it(tmp_path: Path, fetched: list[t.Any]) -> None:
    trust = trust_of(context_of(tmp_path, {"SIGSTORE_TSA_CERTIFICATE_FILE": "none.pem"}))
    rejection = refusal(trust.root)
    assert rejection.code == "TRUST_ROOT" and "SIGSTORE_TSA_CERTIFICATE_FILE" in rejection.message and fetched == []


def test_an_empty_variable_is_as_good_as_none(tmp_path: Path, fetched: list[t.Any]) -> None:
    assert trust_of(context_of(tmp_path, {"SIGSTORE_ROOT_FILE": ""})).root().name == "default root"
    assert len(fetched) == 1


def test_the_default_is_fetched_when_it_is_needed(tmp_path: Path, fetched: list[usecase.Source]) -> None:
    environ = {"TUF_MIRROR": "https://tuf.test"}
    context = context_of(tmp_path, environ, offline=True)
    trust = trust_of(context)
    assert fetched == [] and context.warnings == []
    assert trust.root().name == "default root" and trust.root() is trust.root()
    assert len(fetched) == 1 and fetched[0].offline and fetched[0].mirror == "https://tuf.test"
    assert context.warnings == ["It is old."]
    assert trust.fingerprint != trust_of(context_of(tmp_path, environ)).fingerprint


@pytest.mark.parametrize("name", ["COSIGN_OFFLINE", "OFFLINE"])
def test_offline_is_never_read_from_the_environment(tmp_path: Path, name: str, fetched: list[usecase.Source]) -> None:
    trust_of(context_of(tmp_path, {name: "true"})).root()
    assert not fetched[0].offline


# A managed host ------------------------------------------------------------------------------------------------------


def over_there(folder: Path, arguments: dict[str, t.Any], **params: t.Any) -> Context:
    """The host's side: what was handed over went there as JSON."""
    return context_of(folder, **params, **json.loads(json.dumps(arguments)))


def test_the_controllers_root_serves_the_host(tmp_path: Path, fetched: list[t.Any]) -> None:
    handed = handed_over(context_of(tmp_path))
    assert len(fetched) == 1
    context = over_there(tmp_path, handed)
    trust = trust_of(context)
    assert trust.root().name == "default root" and len(fetched) == 1
    assert context.warnings == ["It is old."]


def test_what_the_controller_could_not_have_is_refused_where_it_is_needed(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def refuse(source: usecase.Source) -> Document:
        raise Rejection("TRUST_ROOT", "The mirror is gone.")

    monkeypatch.setattr(module, "default_document", refuse)
    trust = trust_of(over_there(tmp_path, handed_over(context_of(tmp_path))))
    rejection = refusal(trust.root)
    assert (rejection.code, rejection.message) == ("TRUST_ROOT", "The mirror is gone.")


KEYS: list[dict[str, t.Any]] = [
    {"key": "cosign.pub"},
    {"keys": ["cosign.pub"]},
    {"signers": [{"key": "a.pub", "certificate_identity": None}, {"key": "b.pub"}]},
]


@pytest.mark.parametrize("key", KEYS)
def test_keys_without_a_log_fetch_nothing_for_the_host(
    tmp_path: Path, key: t.Any, fetched: list[t.Any], monkeypatch: pytest.MonkeyPatch
) -> None:
    context = context_of(tmp_path, insecure_ignore_tlog=True, **key)
    rejection = refusal(trust_of(over_there(tmp_path, handed_over(context))).root)
    assert rejection.code == "TRUST_ROOT" and "timestamp" in rejection.message and "run_on" in rejection.message
    assert fetched == [], "a managed host fetches nothing itself"
    monkeypatch.setattr(module, "document_at_hand", lambda source: DEFAULT)
    assert trust_of(over_there(tmp_path, handed_over(context))).root().name == "default root"
    assert fetched == []


@pytest.mark.parametrize(
    "params",
    [
        *KEYS,
        {**KEYS[0], "insecure_ignore_tlog": True, "use_signed_timestamps": True},
        {"insecure_ignore_tlog": True},
        {"insecure_ignore_tlog": True, "signers": [{"key": "a.pub"}, {"key": None, "certificate_identity": "x"}]},
        {"insecure_ignore_tlog": True, "signers": []},
    ],
)
def test_what_may_be_needed_is_handed_over(tmp_path: Path, params: t.Any, fetched: list[t.Any]) -> None:
    assert handed_over(context_of(tmp_path, **params))["_trusted_root"]["data"] and len(fetched) == 1


def test_trust_that_the_task_gives_goes_before_what_is_handed_over(tmp_path: Path, fetched: list[t.Any]) -> None:
    assert handed_over(context_of(tmp_path, trusted_root="there.json")) == {}
    for context in (
        context_of(tmp_path, ca_roots="there.pem"),
        context_of(tmp_path, {"SIGSTORE_ROOT_FILE": "there.pem"}, ["SIGSTORE_ROOT_FILE"]),
    ):
        assert handed_over(context) == {"_trusted_root": {"files": {}, "refusal": ""}}
    assert fetched == []


def test_a_root_of_yaml_comes_over_as_it_is(tmp_path: Path, fetched: list[t.Any]) -> None:
    written = yaml.safe_load(yaml.safe_dump(ROOT).replace("'2026", "2026").replace("Z'", "Z"))
    there = over_there(tmp_path, handed_over(context_of(tmp_path, trusted_root=written)))
    assert trust_of(there).root().ct_logs[0].window.start == AT and fetched == []
    assert refusal(lambda: handed_over(context_of(tmp_path, trusted_root={date(2026, 1, 1): 1}))).code == "MALFORMED"


def test_files_of_the_controllers_variables_serve_the_host(tmp_path: Path, fetched: list[t.Any]) -> None:
    """The same task trusts the same on both, whoever set the variable."""
    here, there = tmp_path / "here", tmp_path / "there"
    for folder, authority in ((here, CertificateAuthority(AT)), (there, CertificateAuthority(AT))):
        folder.mkdir()
        (folder / "ca.pem").write_bytes(authority.chain_pem)
        (folder / "rekor.pub").write_bytes(public_key().pem)
    environ = {"SIGSTORE_ROOT_FILE": "ca.pem", "SIGSTORE_REKOR_PUBLIC_KEY": "rekor.pub"}
    controller = context_of(here, environ, ["SIGSTORE_REKOR_PUBLIC_KEY"])
    handed = json.loads(json.dumps(handed_over(controller)))
    assert set(handed["_trusted_root"]["files"]) == {"SIGSTORE_ROOT_FILE"}
    # The host has a variable of its own too, which the same task on the controller would know nothing of.
    host = {"SIGSTORE_REKOR_PUBLIC_KEY": "rekor.pub", "SIGSTORE_TSA_CERTIFICATE_FILE": "ca.pem"}
    trust = trust_of(context_of(there, host, ["SIGSTORE_REKOR_PUBLIC_KEY"], **handed))
    same = trust_of(controller)
    assert trust.fingerprint == same.fingerprint and trust.root().fingerprint == same.root().fingerprint
    assert trust.root().name == same.root().name and fetched == []


def test_a_variable_of_the_controller_that_names_nothing_is_told_over_there(
    tmp_path: Path, fetched: list[t.Any]
) -> None:
    for variable, path in (("SIGSTORE_ROOT_FILE", "none.pem"), ("SIGSTORE_REKOR_PUBLIC_KEY", "a\0b")):
        context = context_of(tmp_path, {variable: path})
        for trust in (trust_of(context), trust_of(over_there(tmp_path, handed_over(context)))):
            rejection = refusal(trust.root)
            assert rejection.code == "TRUST_ROOT" and variable in rejection.message
    assert fetched == []


def test_the_folder_of_the_run_is_where_the_default_may_be_kept(tmp_path: Path, fetched: list[usecase.Source]) -> None:
    context = context_of(tmp_path)
    context.cache.folder = "/run-folder"
    trust_of(context).root()
    handed_over(context)
    assert [source.spare for source in fetched] == ["/run-folder"] * 2


# Signing configs -----------------------------------------------------------------------------------------------------

SIGNS: dict[str, t.Any] = {
    "signing_config": None,
    "tlog_upload": True,
    "key": None,
    "issue_certificate": False,
    "state": "present",
}


@pytest.mark.parametrize("how", ["path", "text", "dict", "padded"])
def test_a_signing_config_is_a_path_or_the_document(tmp_path: Path, how: str, services_fetched: list[t.Any]) -> None:
    text = json.dumps(SERVICES)
    (tmp_path / "services.json").write_text(text)
    given = {**inline(text), "path": "services.json"}[how]
    config, document = signing_config_of(context_of(tmp_path, signing_config=given))
    assert config.timestamp_authorities[0].url == "https://mine.test/"
    assert document.name.startswith("signing config") and json.loads(document.data) == SERVICES
    assert services_fetched == []


def test_a_signing_config_of_yaml_may_have_times(tmp_path: Path) -> None:
    given = yaml.safe_load(yaml.safe_dump(SERVICES).replace("'2026", "2026").replace("Z'", "Z"))
    config, _document = signing_config_of(context_of(tmp_path, signing_config=given))
    assert config.timestamp_authorities[0].start == AT


@pytest.mark.parametrize(
    ("given", "code"),
    [
        ("", "POLICY_UNSUPPORTED"),
        (7, "POLICY_UNSUPPORTED"),
        ("none.json", "MALFORMED"),
        ("{", "MALFORMED"),
        (_loop(), "MALFORMED"),
        ({"mediaType": date(2026, 1, 1)}, "MALFORMED"),
        ({"mediaType": "application/vnd.dev.sigstore.signingconfig.v0.1+json"}, "POLICY_UNSUPPORTED"),
    ],
)
def test_a_signing_config_that_is_none_is_refused_and_named(tmp_path: Path, given: t.Any, code: str) -> None:
    rejection = refusal(lambda: signing_config_of(context_of(tmp_path, signing_config=given)))
    assert rejection.code == code
    assert "signing_config" in rejection.message or "signing config" in rejection.message
    assert "trusted" not in rejection.message


def test_without_one_the_default_is_fetched_and_warned_of(
    tmp_path: Path, services_fetched: list[usecase.Source]
) -> None:
    context = context_of(tmp_path, {"TUF_MIRROR": "https://tuf.mine.test"}, signing_config=None)
    config, document = signing_config_of(context)
    assert (config.timestamp_authorities, document) == ((), DEFAULT_SERVICES)
    assert context.warnings == ["They are old."]
    assert [source.mirror for source in services_fetched] == ["https://tuf.mine.test"]


def test_the_controllers_signing_config_serves_the_host(tmp_path: Path, services_fetched: list[t.Any]) -> None:
    there = over_there(tmp_path, handed_over(context_of(tmp_path, **SIGNS)))
    _config, document = signing_config_of(there)
    assert document == DEFAULT_SERVICES and len(services_fetched) == 1
    assert trust_of(there).root().name == "default root"


def test_a_signing_config_that_the_controller_could_not_have_is_refused_where_it_is_needed(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def refuse(source: usecase.Source) -> Document:
        raise Rejection("TRUST_ROOT", "It has none.")

    monkeypatch.setattr(module, "default_signing_config", refuse)
    there = over_there(tmp_path, handed_over(context_of(tmp_path, **SIGNS)))
    rejection = refusal(lambda: signing_config_of(there))
    assert (rejection.code, rejection.message) == ("TRUST_ROOT", "It has none.")
    assert trust_of(there).root().name == "default root"


@pytest.mark.parametrize(
    ("params", "handed"),
    [
        ({}, True),
        ({"key": "cosign.key"}, True),
        ({"key": "cosign.key", "tlog_upload": False, "issue_certificate": True}, True),
        ({"tlog_upload": False}, True),
        ({"key": "cosign.key", "tlog_upload": False}, False),
        ({"state": "absent"}, False),
        ({"signing_config": "there.json"}, False),
        *[({name: "https://mine.test"}, False) for name in ("fulcio_url", "rekor_url", "timestamp_server_url")],
    ],
)
def test_a_signing_config_is_handed_over_where_it_may_be_needed(
    tmp_path: Path, params: dict[str, t.Any], handed: bool, services_fetched: list[t.Any]
) -> None:
    arguments = handed_over(context_of(tmp_path, **{**SIGNS, **params}))
    assert ("signing_config" in arguments["_trusted_root"], len(services_fetched)) == (handed, int(handed))


def test_who_verifies_is_handed_no_signing_config(tmp_path: Path, services_fetched: list[t.Any]) -> None:
    assert "signing_config" not in handed_over(context_of(tmp_path, key=None))["_trusted_root"]
    assert services_fetched == []


def test_a_key_without_services_signs_without_a_trusted_root(tmp_path: Path, fetched: list[t.Any]) -> None:
    alone = {**SIGNS, "key": "cosign.key", "tlog_upload": False}
    assert "run_on" in handed_over(context_of(tmp_path, **alone))["_trusted_root"]["refusal"] and fetched == []
    handed_over(context_of(tmp_path, **alone, timestamp_server_url="https://mine.test"))
    assert len(fetched) == 1


def test_a_signing_config_of_yaml_comes_over_as_it_is(tmp_path: Path) -> None:
    written = yaml.safe_load(yaml.safe_dump(SERVICES).replace("'2026", "2026").replace("Z'", "Z"))
    given: list[dict[str, t.Any]] = [{}, {"trusted_root": "there.json"}, {"ca_roots": "there.pem"}]
    for more in given:
        handed = handed_over(context_of(tmp_path, **{**SIGNS, "signing_config": written}, **more))
        there = over_there(tmp_path, {"signing_config": handed["signing_config"]})
        assert signing_config_of(there)[0].timestamp_authorities[0].start == AT


# Documentation -------------------------------------------------------------------------------------------------------


def test_the_fragment_has_the_options_of_the_spec() -> None:
    documented = yaml.safe_load(ModuleDocFragment.DOCUMENTATION)["options"]
    assert set(documented) == set(TRUST.options)
    for name, option in TRUST.options.items():
        assert (documented[name]["type"], documented[name].get("default")) == (option["type"], option.get("default"))
