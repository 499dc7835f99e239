# Copyright (c) 2026, the supplychain.cosign authors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

from __future__ import annotations

import contextlib
import hashlib
import json
import os
import stat
import typing as t
from datetime import datetime, timedelta, timezone
from pathlib import Path

import pytest
from sigstore.models import TrustedRoot as TheirRoot

from ansible_collections.supplychain.cosign.plugins.module_utils._ansible import cosign_trusted_root as module
from ansible_collections.supplychain.cosign.plugins.module_utils._ansible.cosign_trusted_root import TASK, hand_over
from ansible_collections.supplychain.cosign.plugins.module_utils._ansible.task import Context, Result
from ansible_collections.supplychain.cosign.plugins.module_utils._evidence.trusted_root import parse_trusted_root
from ansible_collections.supplychain.cosign.plugins.module_utils._formats.rejection import Rejection
from ansible_collections.supplychain.cosign.plugins.module_utils._formats.signing_config import parse_signing_config
from ansible_collections.supplychain.cosign.plugins.module_utils._services.tuf import PUBLIC_GOOD, STAGING
from tests.support.keys import private_key
from tests.support.sigstore.tuf_repository import TufRepository
from tests.support.sigstore.virtual import VirtualSigstore
from tests.support.tasks import FolderFiles, Runner

START = "2026-01-31T12:00:00Z"
SERVICES = {
    "mediaType": "application/vnd.dev.sigstore.signingconfig.v0.2+json",
    "caUrls": [
        {
            "url": "https://fulcio.default.test",
            "majorApiVersion": 1,
            "validFor": {"start": START},
            "operator": "default.test",
        }
    ],
    "rekorTlogUrls": [
        {
            "url": "https://rekor.default.test",
            "majorApiVersion": 1,
            "validFor": {"start": START},
            "operator": "default.test",
        }
    ],
    "rekorTlogConfig": {"selector": "ALL"},
}


@pytest.fixture(scope="module")
def sigstore() -> VirtualSigstore:
    return VirtualSigstore()


@pytest.fixture(scope="module")
def other() -> VirtualSigstore:
    """What the TUF repository distributes."""
    return VirtualSigstore(host="default.test")


@pytest.fixture
def repository(other: VirtualSigstore) -> TufRepository:
    root = json.dumps(other.trusted_root(), indent=1).encode()
    return TufRepository({"trusted_root.json": root, "signing_config.v0.2.json": json.dumps(SERVICES).encode()})


@pytest.fixture
def run(tmp_path: Path, repository: TufRepository, sigstore: VirtualSigstore) -> t.Iterator[Runner]:
    """Tasks in a folder with the files of the services; the repository is on a port."""
    (tmp_path / "fulcio.pem").write_bytes(sigstore.ca.chain_pem)
    (tmp_path / "tsa.pem").write_bytes(sigstore.tsa.chain_pem())
    for name, pem in (
        ("ct", sigstore.ct.pem),
        ("rekor", sigstore.rekor.public_pem),
        ("rekor2", sigstore.rekor2.public_pem),
    ):
        (tmp_path / f"{name}.pub").write_bytes(pem)
    (tmp_path / "root.json").write_bytes(repository.first_root)
    with contextlib.closing(repository.serve()) as server:
        environ = {
            "TUF_MIRROR": f"http://127.0.0.1:{server.port}",
            "TUF_ROOT_JSON": str(tmp_path / "root.json"),
            "TUF_ROOT": str(tmp_path / "tuf"),
        }
        yield Runner(tmp_path, environ)


def given(sigstore: VirtualSigstore) -> dict[str, t.Any]:
    """The options for all services of an instance."""
    run_by = {"operator": "sigstore.test"}
    return {
        "fulcio": [
            {"url": "https://fulcio.sigstore.test", "certificate_chain": "fulcio.pem", "api_version": 1, **run_by}
        ],
        "rekor": [
            {"url": sigstore.rekor.url, "public_key": "rekor.pub", "start_time": START, "api_version": 1, **run_by},
            {
                "url": sigstore.rekor2.url,
                "public_key": "rekor2.pub",
                "start_time": START,
                "origin": sigstore.rekor2.origin,
                "api_version": 2,
                "end_time": "2027-01-31T12:00:00Z",
                **run_by,
            },
        ],
        "rekor_config": "ANY",
        "ctfe": [{"url": sigstore.ct.url, "public_key": "ct.pub", "start_time": START}],
        "tsa": [{"url": "https://tsa.sigstore.test/api", "certificate_chain": "tsa.pem", "api_version": 1, **run_by}],
        "tsa_config": "EXACT:1",
        "oidc_provider": [{"url": "https://issuer.sigstore.test", "start_time": START, "api_version": 1, **run_by}],
    }


def refused(result: Result, code: str = "POLICY_UNSUPPORTED") -> str:
    assert result.get("failed"), result
    assert result["rejection"]["code"] == code, result["msg"]
    assert result["msg"][0].isupper() or result["msg"].startswith("http://")
    assert result["msg"].endswith(".")
    return str(result["msg"])


def read(run: Runner, name: str = "out.json") -> t.Any:
    return json.loads((run.folder / name).read_bytes())


# By TUF --------------------------------------------------------------------------------------------------------------


def test_what_is_distributed_is_written_as_it_is(run: Runner, repository: TufRepository) -> None:
    result = run(TASK, path="out.json", signing_config_path="services.json")
    assert not result.get("failed"), result
    assert result["changed"] and run.warnings == []
    assert (run.folder / "out.json").read_bytes() == repository.contents["trusted_root.json"]
    assert read(run, "services.json") == SERVICES
    assert stat.S_IMODE((run.folder / "out.json").stat().st_mode) == 0o644
    assert result["path"] == str(run.folder / "out.json")
    assert result["expires"] == f"{repository.timestamp.expires:%Y-%m-%dT%H:%M:%SZ}"
    assert [one["url"] for one in result["signing_config"]["logs"]] == ["https://rekor.default.test"]
    assert result["signing_config"]["rekor_config"] == "ALL"
    assert len(result["trusted_root"]["logs"]) == 2


def test_a_second_run_changes_and_asks_nothing(run: Runner, repository: TufRepository) -> None:
    run(TASK, path="out.json")
    before = (run.folder / "out.json").stat()
    repository.requests.clear()
    result = run(TASK, path="out.json")
    assert not result["changed"] and repository.requests == []
    assert (run.folder / "out.json").stat().st_mtime_ns == before.st_mtime_ns


def test_what_was_fetched_serves_for_a_quarter_of_an_hour(
    run: Runner, repository: TufRepository, monkeypatch: pytest.MonkeyPatch
) -> None:
    run(TASK, path="out.json")
    repository.requests.clear()
    later = datetime.now(timezone.utc) + timedelta(minutes=16)
    monkeypatch.setattr(
        "ansible_collections.supplychain.cosign.plugins.module_utils._usecases.trust._now", lambda: later
    )
    run(TASK, path="out.json")
    assert repository.requests != []


def test_another_spelling_is_the_same(run: Runner) -> None:
    run(TASK, path="out.json")
    (run.folder / "out.json").write_text(json.dumps(read(run)))
    before = (run.folder / "out.json").read_bytes()
    assert not run(TASK, path="out.json")["changed"]
    assert (run.folder / "out.json").read_bytes() == before


@pytest.mark.parametrize("there", [b"", b"{", b'{"mediaType": "x"}', b"[" * 1000, b"\xff", b" " * (2**22 + 2)])
def test_what_is_something_else_is_replaced(run: Runner, repository: TufRepository, there: bytes) -> None:
    (run.folder / "out.json").write_bytes(there)
    result = run(TASK, path="out.json")
    assert result["changed"]
    assert (run.folder / "out.json").read_bytes() == repository.contents["trusted_root.json"]
    assert "unreadable" in result["diff"][0]["before"]


def test_a_mode_that_is_another_is_changed(run: Runner) -> None:
    run(TASK, path="out.json")
    data = (run.folder / "out.json").read_bytes()
    for mode, want in (("0600", 0o600), (0o640, 0o640), ("644", 0o644), ("0o600", 0o600)):
        assert run(TASK, check=True, path="out.json", mode=mode)["changed"]
        assert run(TASK, path="out.json", mode=mode)["changed"]
        assert not run(TASK, path="out.json", mode=mode)["changed"]
        assert stat.S_IMODE((run.folder / "out.json").stat().st_mode) == want
    assert (run.folder / "out.json").read_bytes() == data


def test_a_new_file_has_the_mode(run: Runner) -> None:
    run(TASK, path="out.json", mode="0606")
    assert stat.S_IMODE((run.folder / "out.json").stat().st_mode) == 0o606


@pytest.mark.parametrize("mode", ["u=rw", "9", "", "10644", -1, 0o1000, True, ["0644"], None])
def test_a_mode_that_is_none_is_refused(run: Runner, mode: t.Any) -> None:
    assert "mode" in refused(run(TASK, path="out.json", mode=mode))


@pytest.mark.attack("F-19")
def test_f_19_check_mode_predicts_and_writes_nothing(run: Runner) -> None:
    result = run(TASK, check=True, path="out.json", signing_config_path="no-folder/services.json")
    assert result["changed"] and result["trusted_root"]["logs"]
    assert not (run.folder / "out.json").exists() and not (run.folder / "no-folder").exists()
    run(TASK, path="out.json")
    assert not run(TASK, check=True, path="out.json")["changed"]


def test_the_diff_is_of_services_and_not_of_keys(run: Runner, sigstore: VirtualSigstore) -> None:
    run(TASK, path="out.json", **without(given(sigstore), "oidc_provider", "rekor_config", "tsa_config"))
    (diff,) = run(TASK, path="out.json")["diff"]
    assert diff["before"] != diff["after"] == run(TASK, path="out.json")["trusted_root"]
    assert diff["before_header"] == str(run.folder / "out.json")
    assert diff["before"]["logs"][1] == {
        "url": sigstore.rekor2.url,
        "log_id": sigstore.rekor2.log_id.hex(),
        "key_type": "ed25519",
        "start": START,
        "end": "2027-01-31T12:00:00Z",
    }
    assert "BEGIN" not in str(diff) and "rawBytes" not in str(diff)


@pytest.mark.attack("AT-34", "F-14")
@pytest.mark.parametrize("how", ["unreachable", "expired", "another key", "a lie", "no target"])
def test_at_34_what_cannot_be_had_leaves_the_files_as_they_were(
    run: Runner, repository: TufRepository, how: str
) -> None:
    for name in ("out.json", "services.json"):
        (run.folder / name).write_text(f"old {name}")
    if how == "unreachable":
        repository.refusal = 503
    elif how == "expired":
        repository.timestamp.expires = datetime.now(timezone.utc).replace(microsecond=0) - timedelta(hours=1)
        repository.publish()
    elif how == "another key":
        (run.folder / "root.json").write_bytes(TufRepository({}).first_root)
    elif how == "a lie":
        for name in repository.files:
            if name.endswith("signing_config.v0.2.json"):
                repository.files[name] += b" "
    else:
        del repository.contents["signing_config.v0.2.json"]
        repository.publish()
    message = refused(run(TASK, path="out.json", signing_config_path="services.json"), "TRUST_ROOT")
    assert "give the services themselves" in message and "give trusted_root" not in message
    for name in ("out.json", "services.json"):
        assert (run.folder / name).read_text() == f"old {name}"


@pytest.mark.attack("AT-34")
def test_at_34_a_rollback_leaves_the_file_as_it_was(
    run: Runner, repository: TufRepository, monkeypatch: pytest.MonkeyPatch
) -> None:
    old = dict(repository.files)
    repository.contents["trusted_root.json"] += b" "
    repository.publish()
    run(TASK, path="out.json")
    before = (run.folder / "out.json").read_bytes()
    repository.files = old
    later = datetime.now(timezone.utc) + timedelta(minutes=16)
    monkeypatch.setattr(
        "ansible_collections.supplychain.cosign.plugins.module_utils._usecases.trust._now", lambda: later
    )
    refused(run(TASK, path="out.json"), "TRUST_ROOT")
    assert (run.folder / "out.json").read_bytes() == before


def test_a_distributed_file_that_is_none_is_refused(run: Runner, repository: TufRepository) -> None:
    (run.folder / "out.json").write_text("old")
    repository.contents["trusted_root.json"] = b'{"mediaType": "x"}'
    repository.publish()
    refused(run(TASK, path="out.json"), "TRUST_ROOT")
    assert (run.folder / "out.json").read_text() == "old"


def test_options_take_the_place_of_variables(run: Runner, repository: TufRepository) -> None:
    mirror = run.environ.pop("TUF_MIRROR")
    assert run(TASK, path="out.json", mirror=mirror, root="root.json")["changed"]
    run.environ.update(TUF_MIRROR="https://nobody.test")
    assert not run(TASK, path="out.json", mirror=f"{mirror}/", root="root.json").get("failed")
    # The variable's root.json is of the variable's repository.
    assert "TUF_ROOT_JSON" not in refused(run(TASK, path="out.json", mirror=mirror), "TRUST_ROOT")


def test_a_first_root_of_another_repository_is_named_by_its_option(run: Runner) -> None:
    (run.folder / "other.json").write_bytes(TufRepository({}).first_root)
    message = refused(run(TASK, path="out.json", root="other.json"), "TRUST_ROOT")
    assert "set root to a root.json of this repository" in message and "TUF_ROOT_JSON" not in message


def test_a_mirror_may_be_a_folder(run: Runner, repository: TufRepository) -> None:
    for name, data in repository.files.items():
        path = run.folder / "mirror" / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_bytes(data)
    options: dict[str, t.Any] = {"mirror": f"file://{run.folder}/mirror", "root": "root.json", "offline": True}
    result = run(TASK, path="out.json", signing_config_path="services.json", **options)
    assert result["changed"] and repository.requests == []


def test_a_mirror_that_is_none_is_refused_by_its_option(run: Runner) -> None:
    message = refused(run(TASK, path="out.json", mirror="https://user:canary@tuf.test"), "TRUST_ROOT")
    assert "option mirror" in message and "canary" not in message


def test_a_first_root_is_what_its_checksum_says(run: Runner, repository: TufRepository) -> None:
    mirror, checksum = run.environ["TUF_MIRROR"], hashlib.sha256(repository.first_root).hexdigest()
    for right in (checksum, checksum.upper()):
        result = run(TASK, path="out.json", mirror=mirror, root="root.json", root_checksum=right)
        assert not result.get("failed"), result
    result = run(TASK, path="new.json", mirror=mirror, root="root.json", root_checksum="0" * 64)
    assert "root_checksum" in refused(result, "TRUST_ROOT")
    assert not (run.folder / "new.json").exists()


def test_a_first_root_may_be_fetched(run: Runner, repository: TufRepository, monkeypatch: pytest.MonkeyPatch) -> None:
    asked = []

    def fetch(options: t.Any, url: str) -> bytes:
        asked.append(url)
        return repository.first_root

    monkeypatch.setattr(module, "fetch", fetch)
    options: dict[str, t.Any] = {"mirror": run.environ["TUF_MIRROR"], "root": "https://keys.test/root.json"}
    checksum = hashlib.sha256(repository.first_root).hexdigest()
    assert run(TASK, path="out.json", root_checksum=checksum, **options)["changed"]
    assert asked == ["https://keys.test/root.json"]
    assert "root_checksum" in refused(run(TASK, path="out.json", **options))


@pytest.mark.parametrize(("instance", "url"), [("public_good", PUBLIC_GOOD), ("staging", STAGING)])
def test_an_instance_is_itself_whatever_variables_say(run: Runner, instance: str, url: str) -> None:
    result = run(TASK, path="out.json", signing_config_path="services.json", instance=instance, offline=True)
    assert result["changed"] and result["expires"] is None
    host = url.rpartition(".")[0].rpartition(".")[2]
    assert f"https://fulcio.{host}.dev" in [
        one["url"].rstrip("/") for one in result["trusted_root"]["certificate_authorities"]
    ]
    assert result["signing_config"]["certificate_authorities"][0]["url"] == f"https://fulcio.{host}.dev"
    assert len(run.warnings) == 2 and all("offline: true" in one for one in run.warnings)
    TheirRoot.from_file(str(run.folder / "out.json"))


# Given services ------------------------------------------------------------------------------------------------------


def without(options: dict[str, t.Any], *names: str) -> dict[str, t.Any]:
    return {name: value for name, value in options.items() if name not in names}


def test_given_services_become_a_trusted_root(
    run: Runner, sigstore: VirtualSigstore, repository: TufRepository
) -> None:
    result = run(TASK, path="out.json", signing_config_path="services.json", **given(sigstore))
    assert not result.get("failed"), result
    assert result["changed"] and result["expires"] is None and repository.requests == []
    ours = parse_trusted_root((run.folder / "out.json").read_bytes(), "x")
    theirs = parse_trusted_root(json.dumps(sigstore.trusted_root()).encode(), "x")
    for kind in ("logs", "ct_logs"):
        assert sorted((one.log_id, one.key.spki, one.url) for one in getattr(ours, kind)) == sorted(
            (one.log_id, one.key.spki, one.url) for one in getattr(theirs, kind)
        )
    for kind in ("certificate_authorities", "timestamp_authorities"):
        chains = [
            [[one.der for one in (*authority.intermediates, *authority.anchors)] for authority in getattr(root, kind)]
            for root in (ours, theirs)
        ]
        assert chains[0] == chains[1] != []
    assert [one.window.end for one in ours.logs] == [None, datetime(2027, 1, 31, 12, tzinfo=timezone.utc)]
    TheirRoot.from_file(str(run.folder / "out.json"))


def test_given_services_become_a_signing_config(run: Runner, sigstore: VirtualSigstore) -> None:
    run(TASK, path="out.json", signing_config_path="services.json", **given(sigstore))
    config = parse_signing_config((run.folder / "services.json").read_bytes(), "x")
    assert [(log.url, log.version, log.operator) for log in config.logs] == [
        (sigstore.rekor.url, 1, "sigstore.test"),
        (sigstore.rekor2.url, 2, "sigstore.test"),
    ]
    assert (str(config.log_selector), str(config.tsa_selector)) == ("ANY", "EXACT:1")
    assert [one.url for one in config.issuers] == ["https://issuer.sigstore.test"]
    root = read(run)
    # Where nobody says when they began, they began with what is trusted of them.
    assert read(run, "services.json")["caUrls"][0]["validFor"] == root["certificateAuthorities"][0]["validFor"]
    assert read(run, "services.json")["tsaUrls"][0]["validFor"] == root["timestampAuthorities"][0]["validFor"]
    again = run(TASK, path="out.json", signing_config_path="services.json", **given(sigstore))
    assert not again["changed"]


def test_keys_and_chains_may_be_texts_and_addresses(
    run: Runner, sigstore: VirtualSigstore, monkeypatch: pytest.MonkeyPatch
) -> None:
    options = without(given(sigstore), "oidc_provider", "rekor_config", "tsa_config")
    run(TASK, path="out.json", **options)
    monkeypatch.setattr(module, "fetch", lambda _options, url: (run.folder / url.rpartition("/")[2]).read_bytes())
    options["fulcio"][0]["certificate_chain"] = sigstore.ca.chain_pem.decode()
    options["rekor"][0]["public_key"] = "https://keys.test/rekor.pub"
    assert not run(TASK, path="out.json", **options)["changed"]
    assert "public_key of rekor 1" in refused(run(TASK, path="out.json", offline=True, **options))


def test_a_log_that_is_given_twice_is_there_once(run: Runner, sigstore: VirtualSigstore) -> None:
    log = given(sigstore)["rekor"][0]
    run(TASK, path="out.json", rekor=[log, {**log, "url": "https://last.test"}])
    assert [one["baseUrl"] for one in read(run)["tlogs"]] == ["https://last.test"]


def test_lists_begin_with_the_oldest(run: Runner, sigstore: VirtualSigstore) -> None:
    one, two = given(sigstore)["rekor"]
    run(TASK, path="out.json", rekor=[{**one, "start_time": "2026-05-01T00:00:00Z"}, two])
    assert [log["baseUrl"] for log in read(run)["tlogs"]] == [two["url"], one["url"]]


@pytest.mark.parametrize(
    ("time", "written"),
    [
        ("2026-01-31 12:00:00+00:00", START),
        (datetime(2026, 1, 31, 12, tzinfo=timezone.utc), START),
        ("2026-01-31T13:00:00+01:00", START),
    ],
)
def test_a_time_may_be_what_yaml_makes_of_it(run: Runner, sigstore: VirtualSigstore, time: t.Any, written: str) -> None:
    run(TASK, path="out.json", rekor=[{**given(sigstore)["rekor"][0], "start_time": time}])
    assert read(run)["tlogs"][0]["publicKey"]["validFor"] == {"start": written}


def test_default_services_are_added_to(run: Runner, sigstore: VirtualSigstore, other: VirtualSigstore) -> None:
    options = {**given(sigstore), "with_default_services": True, "no_default_rekor": True}
    result = run(TASK, path="out.json", signing_config_path="services.json", **options)
    assert not result.get("failed"), result
    facts = result["trusted_root"]
    assert [one["url"] for one in facts["logs"]] == [sigstore.rekor.url, sigstore.rekor2.url]
    assert {one["url"] for one in facts["ct_logs"]} == {sigstore.ct.url, other.ct.url}
    assert len(facts["certificate_authorities"]) == len(facts["timestamp_authorities"]) == 2
    services = result["signing_config"]
    assert [one["operator"] for one in services["certificate_authorities"]] == ["default.test", "sigstore.test"]
    assert [one["operator"] for one in services["logs"]] == ["sigstore.test"] * 2
    assert (services["rekor_config"], services["tsa_config"]) == ("ANY", "EXACT:1")
    assert result["expires"]


def test_default_services_alone_may_be_thinned_out(run: Runner, repository: TufRepository) -> None:
    without_log = {"no_default_rekor": True, "no_default_oidc": True, "with_default_services": True}
    result = run(TASK, path="out.json", signing_config_path="services.json", **without_log)
    found = json.loads(repository.contents["trusted_root.json"])
    assert read(run) == {**found, "tlogs": []}
    assert result["signing_config"]["logs"] == [] and result["signing_config"]["rekor_config"] == "ANY"
    run(TASK, path="all.json", signing_config_path="services.json", with_default_services=True)
    assert read(run, "all.json") == {
        **found,
        **{key: sorted_by_start(found[key]) for key in found if key != "mediaType"},
    }
    assert (
        run(TASK, signing_config_path="services.json", with_default_services=True)["signing_config"]["rekor_config"]
        == "ALL"
    )


def sorted_by_start(entries: t.Any) -> t.Any:
    return sorted(entries, key=lambda one: (one.get("validFor") or one["publicKey"]["validFor"])["start"])


def test_a_log_takes_the_place_of_the_same_log(run: Runner, other: VirtualSigstore) -> None:
    log = {"url": "https://moved.test", "public_key": other.rekor.public_pem.decode(), "start_time": START}
    result = run(TASK, path="out.json", with_default_services=True, rekor=[log])
    assert {one["url"] for one in result["trusted_root"]["logs"]} == {"https://moved.test", other.rekor2.url}


def fulcio(**changed: t.Any) -> dict[str, t.Any]:
    return {"fulcio": [{"url": "https://fulcio.test", "certificate_chain": "fulcio.pem", **changed}]}


def rekor(**changed: t.Any) -> dict[str, t.Any]:
    found = {"url": "https://rekor.test", "public_key": "rekor.pub", "start_time": START, **changed}
    return {"rekor": [{name: value for name, value in found.items() if value is not None}]}


@pytest.mark.parametrize(
    ("options", "word"),
    [
        ({"path": None}, "ne of the following is required"),
        ({"signing_config_path": "out.json"}, "two paths"),
        ({"mirror": "https://tuf.test", "instance": "staging"}, "mutually exclusive"),
        ({"root_checksum": "0" * 64}, "root"),
        ({"root": "root.json", "root_checksum": "xyz"}, "root_checksum"),
        ({"root": "https://keys.test/root.json", "root_checksum": "0" * 64, "offline": True}, "offline"),
        ({"mirror": "https://tuf.test", **rekor()}, "with_default_services"),
        ({"instance": "staging", "root": "root.json", **rekor()}, "instance and root"),
        ({"no_default_tsa": True}, "no_default_tsa"),
        ({"no_default_oidc": True, **rekor()}, "with_default_services"),
        ({"rekor": [], "ctfe": []}, "No service"),
        ({"rekor_config": "ANY"}, "signing_config_path"),
        ({"oidc_provider": [{"url": "https://issuer.test"}]}, "signing_config_path"),
        ({"path": None, "signing_config_path": "s.json", "ctfe": [{"url": "https://ct.test"}]}, "path"),
        ({"signing_config_path": "s.json", **rekor()}, "rekor_config"),
        ({"signing_config_path": "s.json", "rekor_config": "SOME", **rekor()}, "rekor_config"),
        ({"signing_config_path": "s.json", "rekor_config": "ANY", **rekor()}, "api_version"),
        ({"signing_config_path": "s.json", "rekor_config": "ANY", **rekor(api_version=1)}, "operator"),
        (
            {"path": None, "signing_config_path": "s.json", **fulcio(certificate_chain=None, api_version=1)},
            "start_time",
        ),
        (rekor(start_time=None), "start_time"),
        (rekor(public_key=None), "public_key"),
        (rekor(start_time="yesterday"), "start_time"),
        (rekor(start_time="2026-01-31T12:00:00"), "zone"),
        (rekor(url="rekor.test"), "url"),
        (rekor(url="https://u:canary@rekor.test"), "url"),
        (rekor(origin="a b"), "origin"),
        (rekor(origin=""), "origin"),
        (rekor(api_version=-1), "api_version"),
        (fulcio(certificate_chain=None), "certificate_chain"),
    ],
)
def test_what_could_not_be_meant_is_refused(run: Runner, options: dict[str, t.Any], word: str) -> None:
    message = refused(run(TASK, **{"path": "out.json", **options}))
    assert word in message and "canary" not in message
    assert not (run.folder / "out.json").exists()


@pytest.mark.parametrize(
    ("options", "code", "word"),
    [
        (rekor(public_key="none.pub"), "MALFORMED", "public_key of rekor 1"),
        (rekor(public_key="fulcio.pem"), "MALFORMED", "public_key of rekor 1"),
        (rekor(public_key="http://keys.test/rekor.pub"), "POLICY_UNSUPPORTED", "http"),
        (
            rekor(public_key="-----BEGIN PRIVATE KEY-----\ncanary\n-----END PRIVATE KEY-----\n"),
            "NON_CANONICAL",
            "public_key",
        ),
        (rekor(end_time="2025-01-01T00:00:00Z"), "TRUST_ROOT", "ends before"),
        (fulcio(certificate_chain="rekor.pub"), "MALFORMED", "something else"),
        (fulcio(certificate_chain="tsa.pem"), "MALFORMED", "leave that one out"),
        (fulcio(certificate_chain="turned.pem"), "MALFORMED", "none that comes after it"),
        ({"tsa": [{"url": "https://tsa.test", "certificate_chain": "fulcio.pem"}]}, "MALFORMED", "signs timestamps"),
    ],
)
def test_keys_and_chains_that_are_none_are_refused(
    run: Runner, sigstore: VirtualSigstore, options: dict[str, t.Any], code: str, word: str
) -> None:
    blocks = sigstore.ca.chain_pem.decode().split("-----BEGIN ")[1:]
    (run.folder / "turned.pem").write_text("".join(f"-----BEGIN {one}" for one in reversed(blocks)))
    message = refused(run(TASK, path="out.json", **options), code)
    assert word in message and "canary" not in message
    assert not (run.folder / "out.json").exists()


@pytest.mark.parametrize("kind", ["ecdsa-p256", "ecdsa-p384", "ecdsa-p521", "ed25519", "rsa-2048", "rsa-4096"])
@pytest.mark.parametrize("origin", [None, "rekor.test"])
def test_logs_have_keys_of_all_kinds(run: Runner, kind: str, origin: str | None) -> None:
    from cryptography.hazmat.primitives import serialization

    pem = (
        private_key(kind)
        .public_key()
        .public_bytes(serialization.Encoding.PEM, serialization.PublicFormat.SubjectPublicKeyInfo)
    )
    result = run(TASK, path="out.json", **rekor(public_key=pem.decode(), origin=origin))
    assert result["trusted_root"]["logs"][0]["key_type"] == kind


# Files ---------------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("what", ["folder", "fifo"])
def test_what_is_no_file_is_refused(run: Runner, what: str) -> None:
    (run.folder / "out.json").mkdir() if what == "folder" else os.mkfifo(run.folder / "out.json")
    refused(run(TASK, path="out.json"), "MALFORMED")


def test_a_folder_that_is_not_there_is_named(run: Runner) -> None:
    assert "no-folder" in refused(run(TASK, path="no-folder/out.json"), "UNREACHABLE")


def test_a_link_is_replaced_and_not_followed(run: Runner) -> None:
    (run.folder / "elsewhere").write_text("{}")
    (run.folder / "out.json").symlink_to("elsewhere")
    assert run(TASK, path="out.json")["changed"]
    assert (run.folder / "elsewhere").read_text() == "{}" and not (run.folder / "out.json").is_symlink()


def test_what_was_written_before_a_failure_is_told(run: Runner) -> None:
    result = run(TASK, path="out.json", signing_config_path="no-folder/services.json")
    refused(result, "UNREACHABLE")
    assert result["changed"] and (run.folder / "out.json").exists()
    again = run(TASK, path="out.json", signing_config_path="no-folder/services.json")
    assert again["failed"] and not again["changed"]


@pytest.mark.attack("F-20")
def test_f_20_a_write_that_fails_leaves_the_old_file(run: Runner, monkeypatch: pytest.MonkeyPatch) -> None:
    (run.folder / "out.json").write_text("old")

    def full(*_arguments: t.Any, **_options: t.Any) -> None:
        raise OSError(28, "No space left on device")

    monkeypatch.setattr(os, "replace", full)
    assert "No space" in refused(run(TASK, path="out.json", **rekor()), "UNREACHABLE")
    assert (run.folder / "out.json").read_text() == "old"
    assert [path.name for path in run.folder.iterdir() if path.name.startswith(".")] == []


# A managed host ------------------------------------------------------------------------------------------------------


def context_of(run: Runner, **params: t.Any) -> Context:
    defaults = {name: option.get("default") for name, option in TASK.spec.options.items()}
    return Context(params={**defaults, **params}, environ=run.environ, files=FolderFiles(run.folder))


def test_the_controller_fetches_for_the_host(run: Runner, repository: TufRepository) -> None:
    options: dict[str, t.Any] = {"path": "out.json", "signing_config_path": "services.json"}
    handed = json.loads(json.dumps(hand_over(context_of(run, **options))))
    repository.requests.clear()
    host = Runner(run.folder / "host")
    host.folder.mkdir()
    result = host(TASK, **options, **handed)
    assert result["changed"] and result["expires"] and repository.requests == []
    assert read(host, "services.json") == SERVICES
    only = hand_over(context_of(run, path="out.json", with_default_services=True, **rekor()))
    assert list(only["_trusted_root"]) == ["trusted_root"]


def test_what_the_controller_could_not_fetch_is_told_by_the_host(run: Runner, repository: TufRepository) -> None:
    repository.refusal = 404
    handed = hand_over(context_of(run, path="out.json"))
    assert "could not be fetched" in refused(run(TASK, path="out.json", **handed), "TRUST_ROOT")


def test_nothing_is_fetched_for_the_host_where_all_is_given(run: Runner, repository: TufRepository) -> None:
    assert hand_over(context_of(run, path="out.json", **rekor())) == {}
    assert repository.requests == []
    with pytest.raises(Rejection, match="root_checksum"):
        hand_over(context_of(run, path="out.json", root="root.json", root_checksum="0" * 64))


def test_whose_files_are_meant_has_to_be_said() -> None:
    assert TASK.places({"path": "a", "signing_config_path": None}) == ["path"]
    assert TASK.places({"path": "a", "signing_config_path": "b"}) == ["path", "signing_config_path"]
