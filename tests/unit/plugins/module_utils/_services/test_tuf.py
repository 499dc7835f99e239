# Copyright (c) 2026, the supplychain.cosign authors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

from __future__ import annotations

import json
import os
import shutil
import stat
import subprocess
import sys
import threading
import typing as t
import urllib.request
from concurrent.futures import ThreadPoolExecutor
from datetime import datetime, timedelta, timezone
from multiprocessing import get_context
from pathlib import Path

import pytest
from securesystemslib.signer import CryptoSigner  # type: ignore[attr-defined]

from ansible_collections.supplychain.cosign.plugins.module_utils._formats.rejection import Rejection
from ansible_collections.supplychain.cosign.plugins.module_utils._services import tuf, tuf_kept
from ansible_collections.supplychain.cosign.plugins.module_utils._services.tuf import (
    PUBLIC_GOOD,
    SIGNING_CONFIG,
    STAGING,
    TRUSTED_ROOT,
    Document,
    Repository,
    fetch,
    kept_document,
    shipped,
)
from tests.support.sigstore.tuf_repository import BASE, TufRepository

FIRST, SECOND = b'{"first": "root"}', b'{"second": "root"}'
SERVICES, OTHERS = b'{"first": "services"}', b'{"other": "services"}'
HOUR = timedelta(hours=1)


class Client:
    """One user of the repository, whose clock can be moved; TUF's own clock cannot."""

    def __init__(self, repository: TufRepository, folder: Path) -> None:
        self.repository = repository
        self.folder = folder
        self.now = datetime.now(timezone.utc)
        self.start: bytes | None = repository.first_root
        self.url = BASE
        self.spare = ""
        self.target = TRUSTED_ROOT

    def __call__(self, later: timedelta = timedelta()) -> Document:
        source = Repository(self.url, str(self.folder), self.start, self.spare)
        return fetch(source, self.target, self.repository.get, lambda: self.now + later)

    def refused(self, later: timedelta = timedelta()) -> str:
        with pytest.raises(Rejection) as caught:
            self(later)
        assert caught.value.code == "TRUST_ROOT"
        assert "trusted_root" in caught.value.message and "offline" not in caught.value.message
        return caught.value.message

    @property
    def expires(self) -> float:
        return self.repository.timestamp.expires.timestamp()

    def requests(self) -> list[str]:
        """What was asked since this was asked last."""
        asked = list(self.repository.asked)
        self.repository.asked.clear()
        return asked


@pytest.fixture
def repository() -> TufRepository:
    return TufRepository({"trusted_root.json": FIRST})


@pytest.fixture
def client(repository: TufRepository, tmp_path: Path) -> Client:
    return Client(repository, tmp_path / "cache" / "tuf")


@pytest.fixture
def warm(client: Client) -> Client:
    """A client that has fetched the root an hour ago."""
    client.now -= HOUR
    client()
    client.now += HOUR
    client.requests()
    return client


def kept_of(client: Client) -> dict[str, t.Any]:
    found: dict[str, t.Any] = json.loads((client.folder / "kept.json").read_bytes())
    return found


def keep(client: Client, **changed: t.Any) -> None:
    (client.folder / "kept.json").write_text(json.dumps({**kept_of(client), **changed}))


def test_the_root_is_fetched_and_named(client: Client) -> None:
    assert client() == Document(FIRST, f"trusted root of {BASE}", "", client.expires)
    assert client.requests()[-1].startswith("targets/")


def test_what_is_kept_serves_a_day_without_a_request(warm: Client) -> None:
    warm.repository.contents["trusted_root.json"] = SECOND
    warm.repository.publish()
    assert warm().data == FIRST and warm(22 * HOUR).data == FIRST
    assert warm.requests() == []
    assert warm(23 * HOUR).data == SECOND
    assert warm.requests() != []


def test_only_what_changed_is_fetched_again(warm: Client) -> None:
    assert warm(24 * HOUR).data == FIRST
    assert warm.requests() == ["2.root.json", "timestamp.json"]


def test_what_is_kept_serves_no_longer_than_its_metadata(client: Client) -> None:
    client.repository.timestamp.expires = client.now.replace(microsecond=0) + 2 * HOUR
    client.repository.publish_timestamp()
    client()
    client.requests()
    client(HOUR)
    assert client.requests() == []
    client(3 * HOUR)
    assert client.requests() != []


def test_a_clock_that_went_back_asks_again(warm: Client) -> None:
    warm(-2 * HOUR)
    assert warm.requests() != []


def test_the_folder_is_for_its_user_alone(client: Client) -> None:
    client()
    assert stat.S_IMODE(client.folder.stat().st_mode) == 0o700
    assert sorted(path.name for path in client.folder.iterdir()) == ["kept.json", "lock"]


def test_a_new_root_is_followed_through_every_version(warm: Client) -> None:
    for _dummy in range(3):
        warm.repository.rotate_root()
    warm.repository.contents["trusted_root.json"] = SECOND
    warm.repository.publish()
    assert warm(24 * HOUR).data == SECOND


def test_an_expired_bootstrap_root_is_only_where_the_walk_starts(client: Client) -> None:
    repository = client.repository
    repository.root.expires = client.now - HOUR
    repository.publish_root()
    client.start = repository.files["2.root.json"]
    repository.root.expires = client.now + HOUR
    repository.publish_root()
    assert client().data == FIRST


# Two targets ---------------------------------------------------------------------------------------------------------


@pytest.fixture
def both(client: Client) -> Client:
    """A client of a repository that has a signing config too."""
    client.repository.contents[SIGNING_CONFIG] = SERVICES
    client.repository.publish()
    return client


def services(client: Client, later: timedelta = timedelta()) -> Document:
    client.target = SIGNING_CONFIG
    try:
        return client(later)
    finally:
        client.target = TRUSTED_ROOT


def test_a_signing_config_is_fetched_where_it_is_asked_for(both: Client) -> None:
    assert both().data == FIRST
    assert not [one for one in both.requests() if "signing_config" in one]
    assert services(both) == Document(SERVICES, f"signing config of {BASE}", "", both.expires)
    # The walk begins where it ended, and the trusted root is not fetched again.
    assert [one.partition(".")[2] for one in both.requests() if one.startswith("targets/")] == [SIGNING_CONFIG]
    assert (both().data, services(both).data) == (FIRST, SERVICES)
    assert both.requests() == []


def test_what_one_target_became_does_not_serve_for_the_other(both: Client) -> None:
    both(), services(both)
    both.repository.contents = {TRUSTED_ROOT: SECOND, SIGNING_CONFIG: OTHERS}
    both.repository.publish()
    assert both(25 * HOUR).data == SECOND
    assert services(both, 25 * HOUR).data == OTHERS
    assert both(25 * HOUR).data == SECOND


@pytest.mark.attack("AT-34")
def test_at_34_a_mirror_that_lacks_one_target_still_gives_the_other(both: Client) -> None:
    rewrite(SIGNING_CONFIG, b"{}")(both.repository)
    assert both().data == FIRST
    both.target = SIGNING_CONFIG
    with pytest.raises(Rejection, match=r"The signing config could not be fetched.*give signing_config") as caught:
        both()
    assert caught.value.code == "TRUST_ROOT"
    both.target = TRUSTED_ROOT
    assert both().data == FIRST


def test_a_repository_without_a_signing_config_says_so(client: Client) -> None:
    client()
    with pytest.raises(Rejection, match=f"It has no {SIGNING_CONFIG}.*give signing_config"):
        services(client)
    client.requests()
    with pytest.raises(Rejection, match=f"It has no {SIGNING_CONFIG}"):
        services(client)
    assert client.requests() == [], "nobody asks again in the same seconds"
    assert client().data == FIRST


def test_a_signing_config_that_was_taken_back_serves_no_more(both: Client) -> None:
    services(both)
    del both.repository.contents[SIGNING_CONFIG]
    both.repository.publish()
    with pytest.raises(Rejection, match=f"It has no {SIGNING_CONFIG}"):
        services(both, 25 * HOUR)


def test_the_refusal_of_one_target_is_not_told_of_the_other(both: Client) -> None:
    both.repository.refusal = Rejection("UNREACHABLE", "The server is not there.")
    both.refused()
    with pytest.raises(Rejection, match="The signing config could not"):
        services(both)


@pytest.mark.attack("AT-34", "F-14")
def test_at_34_without_an_answer_the_kept_signing_config_serves_while_it_is_valid(both: Client) -> None:
    services(both)
    both.repository.refusal = 500
    document = services(both, 25 * HOUR)
    assert document.data == SERVICES and "signing config that was fetched before" in document.warning
    assert "of the trusted root" not in document.warning
    with pytest.raises(Rejection, match="serves no more"):
        both(25 * HOUR)


def test_for_how_long_what_is_kept_serves_can_be_said(warm: Client) -> None:
    source = Repository(warm.url, str(warm.folder), warm.start, seconds=900)
    assert fetch(source, TRUSTED_ROOT, warm.repository.get, lambda: warm.now).data == FIRST
    assert warm.requests() != []
    fetch(source, TRUSTED_ROOT, warm.repository.get, lambda: warm.now + timedelta(minutes=14))
    assert warm.requests() == []


@pytest.mark.parametrize("url", [PUBLIC_GOOD, STAGING])
@pytest.mark.parametrize("target", [TRUSTED_ROOT, SIGNING_CONFIG])
def test_both_targets_of_both_instances_are_shipped(url: str, target: str) -> None:
    document = shipped(url, target)
    assert b"mediaType" in document.data
    assert "offline: true" in document.warning and document.warning.count("20") >= 1


# Attacks on the repository -------------------------------------------------------------------------------------------

Attack = t.Callable[[TufRepository], object]


def expire(role: str) -> Attack:
    def attack(repository: TufRepository) -> None:
        getattr(repository, role).expires = datetime.now(timezone.utc).replace(microsecond=0) - HOUR
        if role == "root":
            repository.publish_root()
        repository.publish()

    return attack


def unsigned(role: str) -> Attack:
    """Signed with a key that the root does not name."""

    def attack(repository: TufRepository) -> None:
        repository.signers[role] = [CryptoSigner.generate_ed25519()]
        repository.publish_root() if role == "root" else repository.publish()

    return attack


def threshold(role: str) -> Attack:
    """Two signatures are wanted; one is there, twice."""

    def attack(repository: TufRepository) -> None:
        repository.root.add_key(CryptoSigner.generate_ed25519().public_key, role)
        repository.root.roles[role].threshold = 2
        repository.publish_root()
        repository.publish()

    return attack


def edit(name: str, how: t.Callable[[t.Any], object]) -> Attack:
    """Change metadata and sign nothing anew."""

    def attack(repository: TufRepository) -> None:
        found = json.loads(repository.files[name])
        how(found)
        repository.files[name] = json.dumps(found).encode()

    return attack


def rewrite(ending: str, data: bytes | None) -> Attack:
    def attack(repository: TufRepository) -> None:
        for name in list(repository.files):
            if name.endswith(ending):
                repository.files[name] = repository.files[name] + b" " if data is None else data

    return attack


def no_target(repository: TufRepository) -> None:
    repository.contents = {"../../.ssh/authorized_keys": b"ours", "other.json": FIRST}
    repository.publish()


def threshold_of(value: int) -> Attack:
    def attack(repository: TufRepository) -> None:
        found = json.loads(repository.files["1.root.json"])
        found["signed"]["version"] = 2
        found["signed"]["roles"]["timestamp"]["threshold"] = value
        repository.files["2.root.json"] = json.dumps(found).encode()

    return attack


ATTACKS: dict[str, Attack] = {
    **{f"{role} expired": expire(role) for role in ("root", "timestamp", "snapshot", "targets")},
    **{f"{role} by another key": unsigned(role) for role in ("root", "timestamp", "snapshot", "targets")},
    **{f"{role} below its threshold": threshold(role) for role in ("root", "timestamp", "snapshot", "targets")},
    "threshold 0": threshold_of(0),
    "threshold -1": threshold_of(-1),
    "timestamp edited": edit("timestamp.json", lambda d: d["signed"].update(version=9)),
    "snapshot edited": edit("1.snapshot.json", lambda d: d["signed"].update(spec_version="1.0.1")),
    "targets edited": edit("1.targets.json", lambda d: d["signed"].update(version=2)),
    "timestamp without signatures": edit("timestamp.json", lambda d: d.update(signatures=[])),
    "another role's type": edit("timestamp.json", lambda d: d["signed"].update(_type="root")),
    "target of another content": rewrite("trusted_root.json", b'{"evil": "root!'),
    "target longer than it is": rewrite("trusted_root.json", None),
    "no such target": no_target,
    "no JSON": rewrite("timestamp.json", b"<html>log in here</html>"),
    "JSON of another shape": rewrite("timestamp.json", b'{"signed": [], "signatures": {}}'),
    "JSON without end": rewrite("timestamp.json", b"[" * 16000),
    "timestamp too long": rewrite("timestamp.json", b" " * 20000),
}


@pytest.mark.attack("AT-34")
@pytest.mark.parametrize("name", ATTACKS)
def test_at_34_a_repository_that_lies_is_refused(client: Client, name: str) -> None:
    ATTACKS[name](client.repository)
    message = client.refused()
    assert BASE in message
    assert ("clock" in message) == ("expired" in name)
    assert kept_of(client)["files"] == {}


@pytest.mark.attack("AT-34")
@pytest.mark.parametrize("name", ATTACKS)
def test_at_34_a_lie_never_replaces_what_is_kept(warm: Client, name: str) -> None:
    before = kept_of(warm)["files"]
    ATTACKS[name](warm.repository)
    if name.startswith("target "):
        # That one is there already, and is not asked for again.
        warm.repository.contents["trusted_root.json"] = SECOND
        warm.repository.publish()
        ATTACKS[name](warm.repository)
    if not name.endswith("edited") or name.startswith("timestamp"):
        warm.refused(24 * HOUR)
    assert kept_of(warm)["files"] == before
    assert not list(warm.folder.parent.parent.rglob("authorized_keys"))


@pytest.mark.attack("AT-34")
@pytest.mark.parametrize("role", ["timestamp", "snapshot", "targets"])
def test_at_34_a_rollback_is_refused(client: Client, role: str) -> None:
    repository = client.repository
    old = {name: data for name, data in repository.files.items() if role in name}
    repository.publish()
    client()
    part = getattr(repository, role)
    part.version -= 2
    if role == "timestamp":
        repository.files.update(old)
        client.refused(24 * HOUR)
        return
    {"snapshot": repository.publish_snapshot, "targets": repository.publish}[role]()
    client.refused(24 * HOUR)


@pytest.mark.attack("AT-34", "AT-33j")
def test_at_34_a_freeze_ends_with_the_timestamp_and_names_the_clock(client: Client) -> None:
    """A mirror that shows the same state for ever."""
    expire("timestamp")(client.repository)
    message = client.refused()
    assert "clock" in message and f"{client.now:%Y-%m-%d %H:%M} UTC" in message


@pytest.mark.attack("AT-33j")
def test_at_33j_tls_that_fails_names_the_clock(client: Client) -> None:
    """At a machine whose clock stands in 1970 every certificate is of the future."""
    client.repository.refusal = Rejection("TLS_REFUSED", "The certificate of tuf.sigstore.test is not yet valid.")
    client.now = datetime(1970, 1, 1, tzinfo=timezone.utc)
    message = client.refused()
    assert "not yet valid" in message and "clock where it is not 1970-01-01 00:00 UTC" in message


@pytest.mark.attack("AT-34")
def test_at_34_a_start_that_is_too_old_says_what_to_renew(client: Client, monkeypatch: pytest.MonkeyPatch) -> None:
    other = TufRepository({"trusted_root.json": FIRST})
    monkeypatch.setattr(tuf, "_shipped", lambda url, file: other.first_root if file == "root.json" else None)
    client.start = None
    client.repository.publish_root()
    message = client.refused()
    assert "Python package sigstore" in message and "version 1" in message and "TUF_ROOT_JSON" in message


@pytest.mark.parametrize("start", [b"", b"{}", b"\xff", b"[" * 100000, b"-----BEGIN CERTIFICATE-----\n"])
def test_a_start_that_is_none_is_refused_and_named(client: Client, start: bytes) -> None:
    client.start = start
    message = client.refused()
    assert "TUF_ROOT_JSON is none" in message and "correct TUF_ROOT_JSON" in message
    assert client.requests() == []


def test_a_start_of_another_repository_is_named(client: Client) -> None:
    client.start = TufRepository({}).first_root
    assert "set TUF_ROOT_JSON to a root.json of this repository" in client.refused()


def test_offline_is_advised_only_where_it_helps(client: Client) -> None:
    """Of a mirror of one's own nothing is shipped."""
    client.url = tuf.PUBLIC_GOOD
    client.repository.refusal = Rejection("UNREACHABLE", "The server is not there.")
    with pytest.raises(Rejection, match="or set offline: true"):
        client()


# A repository that does not answer -----------------------------------------------------------------------------------

SILENT: dict[str, t.Any] = {
    "429": Rejection("RATE_LIMITED", "GET was answered 429, too many requests."),
    "unreachable": Rejection("UNREACHABLE", "The server is not there."),
    "403": 403,
    "404": 404,
    "410": 410,
    "500": 500,
    "an error of the client": RuntimeError("boom"),
}


@pytest.mark.attack("AT-34", "AT-13")
@pytest.mark.parametrize("name", SILENT)
def test_at_34_without_an_answer_what_is_kept_serves_while_it_is_valid(warm: Client, name: str) -> None:
    warm.repository.refusal = SILENT[name]
    document = warm(24 * HOUR)
    assert document.data == FIRST
    assert "could not be refreshed" in document.warning
    if isinstance(SILENT[name], Rejection):
        assert SILENT[name].message in document.warning
    assert warm.requests() != []
    # For a while nobody tries again: each try may last until its deadline.
    assert warm(24 * HOUR + timedelta(minutes=10)) == document
    assert warm.requests() == []
    warm.repository.refusal = None
    assert warm(24 * HOUR + timedelta(minutes=20)).warning == ""


@pytest.mark.attack("AT-34", "AT-13")
@pytest.mark.parametrize("name", SILENT)
def test_at_34_without_an_answer_and_anything_kept_it_is_refused(client: Client, name: str) -> None:
    client.repository.refusal = SILENT[name]
    message = client.refused()
    if isinstance(SILENT[name], Rejection):
        assert SILENT[name].message.rstrip(".") in message
    client.requests()
    assert client.refused() == message and client.requests() == [], "nobody asks again in the same seconds"
    client.repository.refusal = None
    assert client(timedelta(seconds=11)).data == FIRST


def age(client: Client, role: str) -> None:
    """Let what is kept have expired by now: made at the repository, valid when it was fetched."""
    repository, files = client.repository, kept_of(client)["files"]
    getattr(repository, role).expires = datetime.now(timezone.utc).replace(microsecond=0) - HOUR
    if role == "root":
        repository.publish_root()
        files["root_history/2.root.json"] = repository.files["2.root.json"].decode()
    else:
        repository.publish()
        for name in ("timestamp", "snapshot", "targets"):
            version = "" if name == "timestamp" else f"{getattr(repository, name).version}."
            files[f"{name}.json"] = repository.files[f"{version}{name}.json"].decode()
    keep(client, files=files)


@pytest.mark.attack("AT-34")
@pytest.mark.parametrize("role", ["root", "timestamp", "snapshot", "targets"])
def test_at_34_what_is_kept_and_expired_serves_nobody(warm: Client, role: str) -> None:
    age(warm, role)
    warm.repository.refusal = Rejection("RATE_LIMITED", "GET was answered 429.")
    message = warm.refused(24 * HOUR)
    assert "429" in message and "expire" in message and "clock" in message


@pytest.mark.attack("AT-34")
@pytest.mark.parametrize("name", ["timestamp.json", "snapshot.json", "targets.json", "targets/trusted_root.json"])
@pytest.mark.parametrize("how", ["cut", "flipped", "gone", "another"])
def test_at_34_what_is_kept_and_damaged_serves_nobody(warm: Client, name: str, how: str) -> None:
    files = kept_of(warm)["files"]
    data = files.pop(name)
    if how != "gone":
        files[name] = {"cut": data[:-5], "flipped": data.replace("r", "s", 1), "another": SECOND.decode()}[how]
    keep(warm, files=files)
    warm.repository.refusal = Rejection("UNREACHABLE", "The server is not there.")
    assert "serves no more" in warm.refused(24 * HOUR)
    warm.repository.refusal = None
    assert warm(25 * HOUR).data == FIRST, "what is damaged is fetched anew"


@pytest.mark.attack("AT-34")
@pytest.mark.parametrize(
    "made",
    [
        b"",
        b"[]",
        b"[" * 100000,
        b'{"url": "https://tuf.sigstore.test"}',
        {"files": []},
        {"files": {"timestamp.json": 7}},
        {"files": {"timestamp.json": "\udcff"}},
        {"files": {"../../evil.json": "x", "a\0.json": "x", "targets/..": "x"}},
        {"since": None},
        {"since": float("nan")},
        {"since": 4e9},
        {"since": 10**400},
        {"tried": None},
        {"url": "https://other.test"},
    ],
)
def test_at_34_a_damaged_note_of_what_is_kept_is_fetched_anew(warm: Client, made: t.Any) -> None:
    if isinstance(made, bytes):
        (warm.folder / "kept.json").write_bytes(made)
    else:
        keep(warm, **made)
    assert warm().data == FIRST and warm.requests() != []
    assert not list(warm.folder.parent.parent.rglob("evil.json"))
    assert warm().data == FIRST and warm.requests() == []


@pytest.mark.attack("AT-34")
def test_at_34_what_somebody_else_signed_serves_nobody(warm: Client, tmp_path: Path) -> None:
    """A restored cache, or two folders that were swapped: another repository's file at the place of this one's."""
    other = Client(TufRepository({"trusted_root.json": SECOND}), tmp_path / "cache" / "other")
    assert other().data == SECOND
    shutil.copy(other.folder / "kept.json", warm.folder / "kept.json")
    assert warm().data == FIRST and warm.requests() != []
    keep(warm, files=kept_of(other)["files"])
    warm.repository.refusal = Rejection("UNREACHABLE", "The server is not there.")
    assert "serves no more" in warm.refused()


@pytest.mark.attack("AT-34")
@pytest.mark.parametrize("name", ["kept.json", "lock", "kept.json.new"])
@pytest.mark.parametrize("how", ["fifo", "folder", "link"])
def test_at_34_what_is_no_file_is_not_read(warm: Client, name: str, how: str, tmp_path: Path) -> None:
    path = warm.folder / name
    if path.exists():
        shutil.move(path, tmp_path / name)
    (tmp_path / name).touch()
    before = (tmp_path / name).read_bytes()
    if how == "fifo":
        os.mkfifo(path)
    elif how == "folder":
        path.mkdir()
    else:
        path.symlink_to(tmp_path / name)
    done: list[bytes] = []
    worker = threading.Thread(target=lambda: done.append(warm(24 * HOUR).data), daemon=True)
    worker.start()
    worker.join(20)
    assert done == [FIRST]
    assert (tmp_path / name).read_bytes() == before


@pytest.mark.attack("AT-34")
@pytest.mark.parametrize("data", [b"\xff\xfe{}", b'"\xed\xa0\x80"'])
def test_at_34_a_target_that_is_no_text_is_a_lie(client: Client, warm: Client, data: bytes) -> None:
    warm.repository.contents["trusted_root.json"] = data
    warm.repository.publish()
    assert "not UTF-8" in warm.refused(24 * HOUR)
    assert kept_of(warm)["files"]["targets/trusted_root.json"] == FIRST.decode()


@pytest.mark.attack("AT-34")
def test_at_34_what_is_kept_serves_without_any_request(warm: Client) -> None:
    source = Repository(BASE, str(warm.folder), warm.start)

    def at(later: timedelta) -> Document | None:
        return kept_document(source, warm.target, lambda: warm.now + later)

    assert at(timedelta()) == at(48 * HOUR) == Document(FIRST, f"trusted root of {BASE}", "", warm.expires)
    assert at(10 * 24 * HOUR) is None, "its metadata expires"
    keep(warm, files={})
    assert at(timedelta()) is None and warm.requests() == []


@pytest.mark.attack("AT-34")
def test_at_34_a_refresh_that_stops_half_way_leaves_what_is_kept(warm: Client) -> None:
    """The new timestamp came, the snapshot that it names did not."""
    warm.repository.contents["trusted_root.json"] = SECOND
    warm.repository.publish()
    del warm.repository.files["2.snapshot.json"]
    document = warm(24 * HOUR)
    assert document.data == FIRST and document.warning


# The folder ----------------------------------------------------------------------------------------------------------


@pytest.mark.attack("AT-34")
def test_at_34_a_folder_that_cannot_be_made_is_no_fault(client: Client, tmp_path: Path) -> None:
    client.folder = tmp_path / "file" / "cache"
    (tmp_path / "file").write_bytes(b"")
    assert client().data == FIRST and client().data == FIRST
    assert "timestamp.json" in client.requests()


@pytest.mark.attack("AT-34")
@pytest.mark.parametrize("level", ["parent", "name"])
def test_at_34_a_folder_that_others_write_is_not_used(warm: Client, level: str) -> None:
    before = kept_of(warm)
    folder = warm.folder.parent if level == "parent" else warm.folder
    folder.chmod(0o775)
    assert warm().data == FIRST and warm.requests() != []
    assert kept_of(warm) == before


@pytest.mark.skipif(os.geteuid() != 0, reason="gives a folder to somebody else")
@pytest.mark.attack("AT-34")
@pytest.mark.parametrize("level", ["parent", "name"])
def test_at_34_a_folder_of_somebody_else_is_not_used(warm: Client, level: str) -> None:
    folder = warm.folder.parent if level == "parent" else warm.folder
    os.chown(folder, 65534, 65534)
    assert warm().data == FIRST and warm.requests() != []


@pytest.mark.attack("AT-34")
def test_at_34_what_is_read_is_in_the_folder_that_was_looked_at(
    warm: Client, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Somebody else swaps the folder between the look at its owner and the reading."""
    theirs = tmp_path / "theirs"
    shutil.copytree(warm.folder, theirs)
    (theirs / "kept.json").write_bytes(b"theirs")
    real, seen = os.fstat, list[int]()

    def swapping(descriptor: int) -> os.stat_result:
        found = real(descriptor)
        if stat.S_ISDIR(found.st_mode) and found.st_ino == warm.folder.stat().st_ino and not seen:
            seen.append(1)
            warm.folder.rename(tmp_path / "away")
            theirs.rename(warm.folder)
        return found

    monkeypatch.setattr(os, "fstat", swapping)
    assert warm().data == FIRST and warm.requests() == [] and seen


@pytest.mark.attack("AT-34")
def test_at_34_every_level_that_is_made_is_for_its_user_alone(client: Client, tmp_path: Path) -> None:
    client.folder = tmp_path / "a" / "b" / "c" / "d"
    old = os.umask(0o002)
    try:
        assert client().data == FIRST
    finally:
        os.umask(old)
    levels = [client.folder, *list(client.folder.parents)[:3]]
    assert [stat.S_IMODE(level.stat().st_mode) for level in levels] == [0o700] * 4


@pytest.mark.attack("AT-34")
def test_at_34_a_folder_that_cannot_be_written_has_a_spare(client: Client, tmp_path: Path) -> None:
    """Six hosts would ask six times else."""
    client.folder = tmp_path / "file" / "cache" / "tuf"
    (tmp_path / "file").write_bytes(b"")
    (tmp_path / "run").mkdir(0o700)
    client.spare = str(tmp_path / "run" / "supplychain.cosign" / "tuf")
    with ThreadPoolExecutor(6) as pool:
        assert set(pool.map(lambda _dummy: client().data, range(6))) == {FIRST}
    assert client.requests().count("timestamp.json") == 1


@pytest.mark.attack("AT-34")
def test_at_34_a_folder_that_can_only_be_read_serves(warm: Client, tmp_path: Path) -> None:
    """An execution environment that brings what was fetched when it was built."""
    seen = kept_of(warm)
    warm.spare = str(tmp_path / "run" / "tuf")
    for path in warm.folder.iterdir():
        shutil.copy(path, tmp_path / path.name)
    (warm.folder / "lock").unlink()
    (warm.folder / "lock").mkdir()
    (warm.folder / "kept.json.new").mkdir()
    assert warm().data == FIRST and warm.requests() == []
    assert warm(24 * HOUR).data == FIRST and warm.requests() == ["2.root.json", "timestamp.json"]
    assert warm(25 * HOUR).data == FIRST and warm.requests() == []
    assert kept_of(warm) == seen


@pytest.mark.attack("AT-34")
def test_at_34_a_link_in_place_of_the_folder_is_not_followed(client: Client, tmp_path: Path) -> None:
    (tmp_path / "elsewhere").mkdir(0o777)
    client.folder.parent.mkdir()
    client.folder.symlink_to(tmp_path / "elsewhere")
    assert client().data == FIRST
    assert list((tmp_path / "elsewhere").iterdir()) == []


@pytest.mark.attack("AT-34")
def test_at_34_a_full_disk_costs_only_the_keeping(warm: Client, monkeypatch: pytest.MonkeyPatch) -> None:
    def full(*_arguments: t.Any) -> t.NoReturn:
        raise OSError(28, "No space left on device")

    before = kept_of(warm)
    monkeypatch.setattr(tuf_kept, "replace_file", full)
    assert warm(24 * HOUR).data == FIRST
    assert kept_of(warm) == before


def test_no_folder_at_all_is_told(client: Client, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (tmp_path / "file").write_bytes(b"")
    client.folder = tmp_path / "file" / "cache"
    monkeypatch.setattr("tempfile.tempdir", str(tmp_path / "file"))
    assert "TMPDIR" in client.refused()


@pytest.mark.attack("AT-34")
def test_at_34_threads_at_once_fetch_once(client: Client) -> None:
    with ThreadPoolExecutor(8) as pool:
        found = list(pool.map(lambda _dummy: client().data, range(16)))
    assert set(found) == {FIRST}
    assert client.requests().count("timestamp.json") == 1


def _get(port: int, url: str) -> tuple[int, bytes]:
    try:
        with urllib.request.urlopen(f"http://127.0.0.1:{port}{url[len(BASE) :]}", timeout=20) as answer:
            return answer.status, answer.read()
    except urllib.error.HTTPError as error:
        return error.code, b""


def _fetch_in_process(folder: str, start: bytes, port: int, answers: t.Any) -> None:
    try:
        source = Repository(BASE, folder, start)
        answers.put(fetch(source, TRUSTED_ROOT, lambda url: _get(port, url), lambda: datetime.now(timezone.utc)).data)
    except Rejection as rejection:
        answers.put(rejection.message)


@pytest.mark.attack("AT-34")
def test_at_34_forks_at_once_fetch_once(repository: TufRepository, tmp_path: Path) -> None:
    server = repository.serve()
    try:
        context = get_context("fork")
        answers: t.Any = context.Queue()
        arguments = (str(tmp_path / "cache"), repository.first_root, server.port, answers)
        workers = [context.Process(target=_fetch_in_process, args=arguments) for _dummy in range(4)]
        for worker in workers:
            worker.start()
        found = [answers.get(timeout=30) for _dummy in workers]
        for worker in workers:
            worker.join(30)
    finally:
        server.close()
    assert found == [FIRST] * 4
    assert repository.asked.count("timestamp.json") == 1
    assert not [one for one in repository.requests if "authorization" in {name.lower() for name in one.headers}]


@pytest.mark.attack("AT-34")
def test_at_34_who_waited_for_a_failure_does_not_try_again(client: Client) -> None:
    """Two hundred forks behind one lock, each waiting for a dead mirror until its own deadline, would be hours."""
    waiting, asked = threading.Event(), []

    def get(url: str) -> tuple[int, bytes]:
        asked.append(url)
        waiting.wait(20)
        raise Rejection("UNREACHABLE", "The server is not there.")

    source = Repository(BASE, str(client.folder), client.start)
    messages: list[str] = []

    def work() -> None:
        try:
            fetch(source, TRUSTED_ROOT, get, lambda: client.now)
        except Rejection as rejection:
            messages.append(rejection.message)

    threads = [threading.Thread(target=work) for _dummy in range(5)]
    for thread in threads:
        thread.start()
    # All of them have looked for an earlier failure before the first one fails.
    while len(asked) < 1 or sum("flock" in _where(one) for one in threads) < 4:
        pass
    waiting.set()
    for thread in threads:
        thread.join(20)
    assert len(asked) == 1 and len(set(messages)) == 1 and len(messages) == 5


def _where(thread: threading.Thread) -> str:
    frame = sys._current_frames().get(thread.ident or 0)
    names = []
    while frame is not None:
        names.append(f"{frame.f_code.co_name}:{frame.f_lineno}")
        frame = frame.f_back
    return "flock" if any(name.startswith("locked_folder:") for name in names) else ""


# The package ---------------------------------------------------------------------------------------------------------


def test_the_shipped_root_says_its_date() -> None:
    document = shipped(PUBLIC_GOOD, TRUSTED_ROOT)
    assert json.loads(document.data)["tlogs"]
    assert "sigstore" in document.name and "offline: true" in document.warning
    newest = max(
        (entry.get("publicKey") or entry)["validFor"]["start"]
        for key, entries in json.loads(document.data).items()
        if key != "mediaType"
        for entry in entries
    )
    assert newest[:10] in document.warning


def test_a_repository_of_which_nothing_is_shipped_is_refused() -> None:
    with pytest.raises(Rejection) as caught:
        shipped("https://tuf.example.test/../https%3A%2F%2Ftuf-repo-cdn.sigstore.dev", TRUSTED_ROOT)
    assert caught.value.code == "TRUST_ROOT" and "trusted_root" in caught.value.message


@pytest.mark.parametrize("gone", ["sigstore", "tuf"])
def test_a_missing_package_is_named(client: Client, gone: str, monkeypatch: pytest.MonkeyPatch) -> None:
    for name in [name for name in sys.modules if name.split(".")[0] == gone]:
        monkeypatch.delitem(sys.modules, name)
    monkeypatch.setitem(sys.modules, gone, None)
    calls: list[t.Callable[[], object]] = (
        [lambda: shipped(PUBLIC_GOOD, TRUSTED_ROOT)] if gone == "sigstore" else [client]
    )
    for call in calls:
        with pytest.raises(Rejection) as caught:
            call()
        assert caught.value.code == "TRUST_ROOT"
        assert "install sigstore" in caught.value.message and "trusted_root" in caught.value.message
    # A repository with a root of its own needs nothing of that package.
    assert gone == "tuf" or client().data == FIRST


def test_the_module_is_imported_without_the_packages() -> None:
    code = "import sys; import ansible_collections.supplychain.cosign.plugins.module_utils._services.tuf; "
    code += "sys.exit(bool({'tuf', 'sigstore', 'securesystemslib', 'urllib3', 'requests'} & set(sys.modules)))"
    path = os.pathsep.join(one for one in sys.path if one)
    subprocess.run([sys.executable, "-c", code], env={**os.environ, "PYTHONPATH": path}, check=True)
