# Copyright (c) 2026, the supplychain.cosign authors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""cosign_sign in several processes or threads that sign one image at once."""

from __future__ import annotations

import json
import os
import signal
import threading
import typing as t
from dataclasses import replace
from pathlib import Path

import pytest

from tests.support import processes
from tests.support.http_server import Exchange, Response
from tests.support.processes import Job
from tests.support.signing_place import NAME, Options, SigningPlace

FIRST_DELAY = 0.004
"""Seconds until a writer looks whether its own still stands: a fifth of what it is in earnest."""

COUNTS = [2, 4, 8]
WAYS = [(form, count) for form in ("bundle", "legacy") for count in COUNTS]


@pytest.fixture(scope="module")
def every_race(tmp_path_factory: pytest.TempPathFactory) -> t.Iterator[SigningPlace]:
    """Where the fallback tag lists the stranger's signature, which the referrers API would list as well."""
    with SigningPlace(tmp_path_factory.mktemp("place"), referrers=False) as place:
        yield place


@pytest.fixture
def place(every_race: SigningPlace) -> SigningPlace:
    every_race.reset()
    every_race.registry.settings.referrers, every_race.registry.settings.etag = True, False
    return every_race


def person(number: int) -> str:
    return f"person{number}@mail.example"


def job_of(place: SigningPlace, home: Path, name: str, **more: t.Any) -> Job:
    options = {**place.options(), "certificate_identity": name, **more}
    return Job(place.runner(place.services.token(name)), home, options, first_delay=FIRST_DELAY)


def at_once(place: SigningPlace, home: Path, who: t.Sequence[str], **more: t.Any) -> list[Options]:
    """What tasks of these persons answer that begin at one moment, each in a process and a run of its own."""
    children = []
    for number, name in enumerate(who):
        (folder := home / str(number)).mkdir(exist_ok=True)
        children.append(processes.start(job_of(place, folder, name, **more)))
    for child in children:
        child.go()
    return [t.cast(Options, child.result()) for child in children]


def signers(place: SigningPlace) -> list[str]:
    """Who has signed, by what cosign_verify finds; one who signed several times, several times."""
    everybody = place.verified(certificate_identity=None, certificate_identity_regexp="person[0-9]+@mail[.]example")
    return sorted(one["certificate"]["subject"] for one in everybody)


def failed(results: t.Sequence[Options]) -> list[str]:
    """Whose tasks failed: each because of the others, and says that it has written; all others have signed."""
    for one in results:
        if one.get("failed"):
            assert (one["rejection"]["code"], one["changed"]) == ("CONFLICT", True), one
        else:
            assert one["verified"], one
    return [person(number) for number, one in enumerate(results) if one.get("failed")]


@pytest.mark.parametrize("count", COUNTS)
@pytest.mark.attack("F-12", "AT-43")
def test_F_12_by_the_referrers_api_all_are_there(place: SigningPlace, tmp_path: Path, count: int) -> None:
    everybody = [person(number) for number in range(count)]
    before = place.visible()
    results = at_once(place, tmp_path, everybody)
    assert all(one["changed"] and one["verified"] for one in results), results
    assert signers(place) == everybody
    assert before <= place.visible()
    assert not any(one["changed"] for one in at_once(place, tmp_path, everybody))


@pytest.mark.parametrize(("form", "count"), WAYS)
@pytest.mark.attack("F-12", "AT-43")
def test_F_12_with_if_match_none_is_lost_silently(place: SigningPlace, tmp_path: Path, form: str, count: int) -> None:
    """In a fallback index, and in a `.sig` tag."""
    place.registry.settings.referrers, place.registry.settings.etag = False, True
    everybody = [person(number) for number in range(count)]
    before = place.visible()
    losers = failed(at_once(place, tmp_path, everybody, signature_format=form))
    tag = place.digest.replace(":", "-")
    writes = [one for one in place.registry.writes() if f"/manifests/{tag}" in one.path]
    assert writes and all("if-match" in one.headers for one in writes)
    assert signers(place) == sorted({*everybody} - {*losers})
    assert before <= place.visible()
    for loser in losers:
        # Who was told so runs it again.
        assert at_once(place, tmp_path, [loser], signature_format=form)[0]["changed"]
    assert signers(place) == everybody


@pytest.mark.parametrize("form", ["bundle", "legacy"])
@pytest.mark.parametrize("api", [True, False], ids=["referrers-api", "if-match"])
@pytest.mark.attack("F-12", "F-18", "AT-43")
def test_AT_43_one_signer_on_several_controllers(place: SigningPlace, tmp_path: Path, api: bool, form: str) -> None:
    """They know nothing of each other: each says truthfully whether it signed, and after that nobody signs again."""
    place.registry.settings.referrers, place.registry.settings.etag = api, True
    results = at_once(place, tmp_path, [person(0)] * 4, signature_format=form)
    failed(results)
    made = [one for one in results if one["changed"] and not one.get("failed")]
    assert made and signers(place) == [person(0)] * len(made)
    place.forget()
    again = at_once(place, tmp_path, [person(0)] * 4, signature_format=form)
    assert [(one["changed"], one["verified"]) for one in again] == [(False, True)] * 4, again
    assert place.services.requests == [] and place.registry.writes() == []


class Watch:
    """What each client saw of a tag that all of them write when it last looked, and whether it put that back. One that
    nothing goes wrong with has one connection."""

    def __init__(self, place: SigningPlace, form: str) -> None:
        self._lock = threading.Lock()
        self.seen: dict[int, set[str]] = {}
        self.own: dict[int, set[str]] = {}
        self.dropped: list[set[str]] = []
        tag = place.digest.replace(":", "-") + (".sig" if form == "legacy" else "")
        place.registry.fault(("*", f"/manifests/{tag}$"), self)

    def __call__(self, exchange: Exchange) -> Response:
        request = exchange.request
        client, written = request.connection, request.method == "PUT"
        with self._lock:
            response = exchange.normal()
            found = json.loads(request.body if written else response.body)
            items = {json.dumps(one, sort_keys=True) for one in found.get("layers") or found["manifests"]}
            seen = self.seen.get(client, set())
            if not written:
                self.seen[client] = items
            elif not seen <= items:
                self.dropped.append(seen - items)
            else:
                self.own.setdefault(client, items - seen)
        return response


@pytest.mark.parametrize(("form", "count"), WAYS)
@pytest.mark.attack("F-12", "AT-43")
def test_F_12_without_if_match_nobody_drops_what_it_saw(
    place: SigningPlace, tmp_path: Path, form: str, count: int
) -> None:
    """The best that can be done there: a writer puts back what it saw, and says that it has signed only after it has
    seen its own signature stand."""
    place.registry.settings.referrers = False
    before = place.visible()
    watch = Watch(place, form)
    results = at_once(place, tmp_path, [person(number) for number in range(count)], signature_format=form)
    losers = failed(results)
    assert watch.dropped == [] and before <= place.visible()
    assert len(watch.own) == count and all(len(own) == 1 for own in watch.own.values())
    stood = [client for client, own in watch.own.items() if own <= watch.seen[client]]
    assert len(stood) >= count - len(losers)
    assert len(signers(place)) == len({*signers(place)})


@pytest.mark.parametrize("form", ["bundle", "legacy"])
@pytest.mark.attack("F-12", "AT-43")
def test_F_12_what_a_rude_writer_drops_is_put_back(place: SigningPlace, tmp_path: Path, form: str) -> None:
    """Somebody overwrites the tag, and leaves out what we have seen there and what we have added."""
    place.registry.settings.referrers = False
    tag = place.digest.replace(":", "-") + (".sig" if form == "legacy" else "")
    before = place.visible()
    (rude,) = at_once(place, tmp_path, [person(1)], signature_format=form)
    assert rude["changed"], rude
    document = place.repository.manifests[place.repository.tags[tag]].content
    name = "layers" if form == "legacy" else "manifests"
    (theirs,) = place.visible() - before
    alone = [one for one in document[name] if theirs.endswith((json.dumps(one), f" {one['digest']}"))]
    assert len(alone) == 1 < len(document[name])

    def overwrite(exchange: Exchange) -> Response:
        response = exchange.normal()
        body = json.dumps({**document, name: alone}).encode()
        place.registry.put_manifest(NAME, tag, body, document["mediaType"])
        return response

    place.registry.fault(("PUT", f"/manifests/{tag}$"), overwrite, times=1)
    (ours,) = at_once(place, tmp_path, [person(0)], signature_format=form)
    assert ours["changed"] and ours["verified"], ours
    assert signers(place) == [person(0), person(1)]
    assert before <= place.visible()


@pytest.mark.parametrize("form", ["bundle", "legacy", "both"])
@pytest.mark.parametrize("api", [True, False], ids=["referrers-api", "fallback-tag"])
@pytest.mark.attack("AT-43", "F-12", "F-22")
def test_F_22_forks_of_one_run_sign_once(place: SigningPlace, tmp_path: Path, api: bool, form: str) -> None:
    """Eight hosts sign one image: one of their forks does it, and asks for one certificate."""
    place.registry.settings.referrers = api
    children = forks(place, tmp_path, 8, form)
    for child in children:
        child.go()
    results = [t.cast(Options, child.result()) for child in children]
    made = 2 if form == "both" else 1
    assert all(one["verified"] for one in results), results
    assert sorted(one["changed"] for one in results) == [False] * 7 + [True]
    assert signers(place) == [person(0)] * made
    assert [place.services.count(name) for name in ("fulcio", "rekor")] == [1, made]


@pytest.mark.parametrize("service", ["fulcio", "rekor1"])
@pytest.mark.attack("AT-43", "F-08", "F-22")
def test_F_22_a_fork_that_is_killed_leaves_no_lock(
    place: SigningPlace, tmp_path: Path, service: t.Literal["fulcio", "rekor1"]
) -> None:
    first, *others = forks(place, tmp_path, 4, "bundle")

    def kill(exchange: Exchange) -> Response:
        response = exchange.normal()
        for child in others:
            child.go()
        os.kill(first.pid, signal.SIGKILL)
        return response

    place.services.fault(service, kill, times=1)
    first.go()
    assert first.result() is None
    results = [t.cast(Options, child.result()) for child in others]
    assert sorted(one["changed"] for one in results) == [False, False, True], results
    assert signers(place) == [person(0)]
    assert [place.services.count(name) for name in ("fulcio", "rekor")] == [2, 2 if service == "rekor1" else 1]


def forks(place: SigningPlace, run: Path, count: int, form: str) -> list[processes.Child]:
    """Tasks of one signer, which wait for `go`."""
    job = replace(job_of(place, run, person(0), signature_format=form), run=run)
    return [processes.start(job) for _fork in range(count)]
