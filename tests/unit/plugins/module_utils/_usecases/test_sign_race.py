# Copyright (c) 2026, the supplychain.cosign authors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""cosign_sign in several processes or threads that sign one image at once."""

from __future__ import annotations

import json
import threading
import typing as t
from collections import defaultdict
from pathlib import Path

import pytest

from tests.support import processes
from tests.support.http_server import Exchange, Response
from tests.support.processes import Job
from tests.support.signing_place import Options, SigningPlace

FIRST_DELAY = 0.02
"""Seconds, as in earnest."""


@pytest.fixture(scope="module")
def every_race(tmp_path_factory: pytest.TempPathFactory) -> t.Iterator[SigningPlace]:
    with SigningPlace(tmp_path_factory.mktemp("place")) as place:
        yield place


@pytest.fixture
def place(every_race: SigningPlace) -> t.Iterator[SigningPlace]:
    every_race.reset()
    yield every_race
    every_race.registry.settings.referrers, every_race.registry.settings.etag = True, False


def person(number: int) -> str:
    return f"person{number}@mail.example"


def at_once(place: SigningPlace, home: Path, who: t.Sequence[str], run: Path | None = None, **more: t.Any) -> list[Options]:
    """What tasks of these persons answer that begin at one moment, each in a process."""
    children = []
    for name in who:
        options = {**place.options(), "certificate_identity": name, **more}
        job = Job(place.runner(place.services.token(name)), home, options, run, first_delay=FIRST_DELAY)
        children.append(processes.start(job))
    for child in children:
        child.go()
    return [t.cast(Options, child.result()) for child in children]


def signers(place: SigningPlace) -> list[str]:
    """Who has signed, by what cosign_verify finds; one who signed several times, several times."""
    everybody = place.verified(certificate_identity=None, certificate_identity_regexp="person[0-9]+@mail[.]example")
    return sorted(one["certificate"]["subject"] for one in everybody)


def refused(results: t.Sequence[Options]) -> dict[str, str]:
    """Of those that failed, whom and why."""
    return {person(number): one["rejection"]["code"] for number, one in enumerate(results) if one.get("failed")}


@pytest.mark.parametrize("count", [2, 4, 8])
@pytest.mark.attack("F-12", "AT-43")
def test_F_12_by_the_referrers_api_all_are_there(place: SigningPlace, tmp_path: Path, count: int) -> None:
    everybody = [person(number) for number in range(count)]
    before = place.visible()
    results = at_once(place, tmp_path, everybody)
    assert all(one["changed"] and one["verified"] for one in results), results
    assert signers(place) == everybody
    assert before <= place.visible()
    assert not any(one["changed"] for one in at_once(place, tmp_path, everybody))


WAYS = [("bundle", 2), ("bundle", 4), ("bundle", 8), ("legacy", 2), ("legacy", 4), ("legacy", 8)]


@pytest.mark.parametrize(("form", "count"), WAYS)
@pytest.mark.attack("F-12", "AT-43")
def test_F_12_with_if_match_none_is_lost_silently(place: SigningPlace, tmp_path: Path, form: str, count: int) -> None:
    """In a fallback index, and in a `.sig` tag."""
    place.registry.settings.referrers, place.registry.settings.etag = False, True
    everybody = [person(number) for number in range(count)]
    before = place.visible()
    results = at_once(place, tmp_path, everybody, signature_format=form)
    failed = refused(results)
    assert set(failed.values()) <= {"CONFLICT"}, failed
    assert set(signers(place)) >= {*everybody} - failed.keys()
    assert len(signers(place)) == len(set(signers(place)))
    assert before <= place.visible()
    if failed:
        # Who was told so runs it again.
        results = at_once(place, tmp_path, sorted(failed)[:1], signature_format=form)
        assert not results[0].get("failed"), results


class Watch:
    """What each client saw of a tag that all of them write, and what it wrote there, in order."""

    def __init__(self, place: SigningPlace, form: str) -> None:
        self._form = form
        self._lock = threading.Lock()
        self.seen: dict[str, set[str]] = defaultdict(set)
        self.last: dict[str, set[str]] = defaultdict(set)
        self.dropped: list[tuple[str, set[str]]] = []
        tag = place.digest.replace(":", "-") + (".sig" if form == "legacy" else "")
        place.registry.fault(("*", f"/manifests/{tag}$"), self)

    def __call__(self, exchange: Exchange) -> Response:
        request = exchange.request
        with self._lock:
            response = exchange.normal()
        who = request.headers["authorization"]
        written = request.method == "PUT"
        body = request.body if written else response.body
        found = json.loads(body) if response.status in (200, 201) else {}
        items = {json.dumps(one, sort_keys=True) for one in found.get("layers", found.get("manifests", ()))}
        with self._lock:
            if written and not self.seen[who] <= items:
                self.dropped.append((who, self.seen[who] - items))
            self.seen[who] |= items
            self.last[who] = items
        return response


@pytest.mark.parametrize(("form", "count"), WAYS)
@pytest.mark.attack("F-12", "AT-43")
def test_F_12_without_if_match_nobody_drops_what_it_saw(
    place: SigningPlace, tmp_path: Path, form: str, count: int
) -> None:
    """The best that can be done there: a writer puts back what it saw and somebody's write has lost, and says that it
    has signed only after it has seen its own signature stand."""
    place.registry.settings.referrers = False
    place.registry.settings.etag = False
    watch = Watch(place, form)
    everybody = [person(number) for number in range(count)]
    logins = [{"registry_username": name, "registry_password": "x"} for name in everybody]
    assert logins
    results = at_once(place, tmp_path, everybody, signature_format=form)
    assert watch.dropped == []
    assert results
