# Copyright (c) 2026, the supplychain.cosign authors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""cosign_sign that is killed at one of its requests, each in turn, and run again."""

from __future__ import annotations

import itertools
import os
import signal
import threading
import typing as t
from dataclasses import dataclass
from pathlib import Path

import pytest

from ansible_collections.supplychain.cosign.plugins.module_utils._ansible.cosign_sign import TASK as SIGN
from tests.support import processes
from tests.support.http_server import Exchange, Request, Response
from tests.support.processes import Job
from tests.support.signing_place import Options, SigningPlace

API, TAG = "referrers-api", "fallback-tag"
IMAGES = 3
"""Those that a recursive task signs."""


@pytest.fixture(scope="module")
def each_place(request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory) -> t.Iterator[SigningPlace]:
    """With the referrers API, or with a fallback tag in its place."""
    folder = tmp_path_factory.mktemp("place")
    with SigningPlace(folder, referrers=request.param == API, kinds=("rsa-2048", "ed25519")) as place:
        yield place


@pytest.fixture
def place(each_place: SigningPlace) -> SigningPlace:
    each_place.reset()
    return each_place


@pytest.fixture
def home(tmp_path: Path) -> Path:
    """HOME, TMPDIR and folder of the tasks that are killed."""
    return tmp_path


@dataclass(frozen=True)
class Case:
    """How a task signs. `stride`: only every so many requests is one to be killed at."""

    form: str
    version: int = 1
    key: str | None = None
    recursive: bool = False
    stride: int = 1
    registries: tuple[str, ...] = (API,)
    """Those where it makes a difference."""

    def options(self, place: SigningPlace) -> Options:
        return place.options(self.form, self.version, self.key, recursive=self.recursive)

    @property
    def signatures(self) -> int:
        """How many are made on one image."""
        return 2 if self.form == "both" else 1

    @property
    def entries(self) -> range:
        """How many may be in the log in the end: a key that always signs alike finds the entry of the killed task."""
        made = self.signatures * (IMAGES if self.recursive else 1)
        return range(made, made + (1 if self.key in ("rsa-2048", "ed25519") else 2))


CASES = {
    "keyless bundle": Case("bundle", registries=(API, TAG)),
    "keyless bundle with Rekor 2 and a timestamp": Case("bundle", 2),
    "keyless legacy": Case("legacy"),
    "keyless both, recursive": Case("both", recursive=True, stride=9, registries=(API, TAG)),
    "ECDSA": Case("bundle", key="ecdsa-p256"),
    "ECDSA with Rekor 2": Case("bundle", 2, key="ecdsa-p256"),
    "RSA": Case("bundle", key="rsa-2048"),
    "RSA legacy": Case("legacy", key="rsa-2048"),
    "RSA with Rekor 2": Case("bundle", 2, key="rsa-2048", registries=(API, TAG)),
    "Ed25519": Case("bundle", key="ed25519"),
}
PLACES = [
    pytest.param(registry, case, id=f"{registry}-{name}")
    for name, case in CASES.items()
    for registry in case.registries
]


@pytest.mark.parametrize(("each_place", "case"), PLACES, indirect=["each_place"])
@pytest.mark.attack("AT-43", "F-07", "F-08", "F-09", "F-10", "F-11")
def test_F_08_killed_after_any_request(place: SigningPlace, home: Path, case: Case) -> None:
    """Before the next one is as after this: in between nothing leaves the process."""
    options = case.options(place)
    reached = 0
    for number in itertools.count(1, case.stride):
        place.reset()
        job = Job(place.runner(), home, options, after=number)
        if processes.run(job) is not None:
            break
        check_next_runs(place, home, case, options)
        reached += 1
    assert reached * case.stride > 9 * case.signatures, reached


@pytest.mark.parametrize(
    ("each_place", "number"),
    [(API, signal.SIGTERM), (API, signal.SIGINT), (TAG, signal.SIGTERM)],
    indirect=["each_place"],
    ids=str,
)
@pytest.mark.attack("F-20", "AT-43")
def test_F_20_stopped_at_any_write(place: SigningPlace, home: Path, number: signal.Signals) -> None:
    """As when a job is cancelled: whoever was asked to write does it, and nobody hears the answer."""
    case = Case("both")
    options = case.options(place)
    for skipped in itertools.count():
        place.reset()
        child = processes.start(Job(place.runner(), home, options))
        stop = Stop(child, number, skipped)
        place.registry.fault(stop.is_now, stop)
        for service in ("fulcio", "rekor1"):
            place.services.fault(service, stop, match=stop.is_now)
        child.go()
        if child.result() is not None:
            break
        stop.await_written()
        check_next_runs(place, home, case, options)
    assert skipped > 8


class Stop:
    """Stops a task with a signal when one of its requests to write has come, and does what it asks all the same."""

    def __init__(self, child: processes.Child, number: signal.Signals, skipped: int) -> None:
        self._child, self._number, self._left = child, number, skipped
        self._written = threading.Event()

    def is_now(self, request: Request) -> bool:
        if request.method in ("GET", "HEAD"):
            return False
        self._left -= 1
        return self._left == -1

    def __call__(self, exchange: Exchange) -> Response:
        os.kill(self._child.pid, self._number)
        self._child.await_end()
        response = exchange.normal()
        self._written.set()
        return response

    def await_written(self) -> None:
        assert self._written.wait(processes.PATIENCE)


def check_next_runs(place: SigningPlace, home: Path, case: Case, options: Options) -> None:
    """After a task that was killed: the next one completes it, and the one after that has nothing to do."""
    check_no_secrets(place, home)
    strangers = place.start_visible
    before = place.visible()
    assert strangers <= before
    second = processes.run(Job(place.runner(), home, options))
    after = place.visible()
    assert second is not None and second.get("verified"), second
    assert (second["changed"], before <= after) == (before != after, True)
    assert len(place.verified(case.key)) == case.signatures
    assert len(after - strangers) == case.signatures * (IMAGES if case.recursive else 1)
    assert place.logged() in case.entries
    place.forget()
    third = place.runner()(SIGN, **options)
    assert (third["changed"], third["verified"]) == (False, True), third
    assert place.services.requests == [] and place.registry.writes() == []


def check_no_secrets(place: SigningPlace, home: Path) -> None:
    secrets = [part.encode() for part in place.token.split(".")[1:]] + [b"PRIVATE KEY"]
    for path in home.rglob("*"):
        data = path.read_bytes() if path.is_file() else b""
        assert not [secret for secret in secrets if secret in data], path
    assert set(place.folder.iterdir()) == place.files
