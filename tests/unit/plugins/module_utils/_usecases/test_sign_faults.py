# Copyright (c) 2026, the supplychain.cosign authors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""cosign_sign with services that fail, are slow, or answer about something else."""

from __future__ import annotations

import time
import typing as t

import pytest

from ansible_collections.supplychain.cosign.plugins.module_utils._ansible.cosign_sign import TASK as SIGN
from ansible_collections.supplychain.cosign.plugins.module_utils._http import transport
from tests.support import faults
from tests.support.http_server import Exchange, Response
from tests.support.signing_place import Options, SigningPlace
from tests.support.sigstore.server import Name

REKORS: dict[int, Name] = {1: "rekor1", 2: "rekor2"}
POST = ("POST", "")


@pytest.fixture(scope="module")
def one_place(tmp_path_factory: pytest.TempPathFactory) -> t.Iterator[SigningPlace]:
    with SigningPlace(tmp_path_factory.mktemp("place"), kinds=("rsa-2048",)) as place:
        yield place


@pytest.fixture
def place(one_place: SigningPlace, monkeypatch: pytest.MonkeyPatch) -> SigningPlace:
    monkeypatch.setattr(transport, "BACKOFF", 0.01)
    one_place.reset()
    return one_place


def refused(place: SigningPlace, options: Options) -> tuple[str, str]:
    """Code and message of a task that has attached nothing, and shows nothing of its token."""
    result = place.runner()(SIGN, **options)
    assert result.get("failed") and not result["verified"], result
    assert place.registry.writes() == []
    assert not [part for part in place.token.split(".")[1:] if part[:40] in str(result)]
    return result["rejection"]["code"], result["msg"]


def signed(place: SigningPlace, options: Options, key: str | None, *, tries: int) -> None:
    """A task that ends with one signature and one entry, made in so many tries of the log."""
    result = place.runner()(SIGN, **options)
    assert result["changed"] and result["verified"], result
    assert (len(place.verified(key)), place.logged()) == (1, 1)
    posts = [one for one in place.services.requests if one.service in REKORS.values() and one.request.method == "POST"]
    assert len(posts) == tries


LOST = [faults.lost_answer, faults.reset_mid_body, faults.half_body, faults.half_body_chunked]


@pytest.mark.parametrize("fault", LOST, ids=lambda fault: fault.__name__)
@pytest.mark.parametrize("key", [None, "ecdsa-p256", "rsa-2048"])
@pytest.mark.parametrize("version", REKORS)
@pytest.mark.attack("F-03", "F-07")
def test_F_07_an_entry_whose_answer_is_lost_is_made_once(
    place: SigningPlace, version: int, key: str | None, fault: faults.Answer
) -> None:
    place.services.fault(REKORS[version], fault, match=POST, times=1)
    signed(place, place.options("bundle", version, key), key, tries=2)


@pytest.mark.parametrize("form", ["bundle", "legacy"])
@pytest.mark.attack("F-02", "F-07")
def test_F_07_an_error_after_the_entry_was_made(place: SigningPlace, form: str) -> None:
    place.services.fault("rekor1", done_and(faults.status(504)), match=POST, times=2)
    signed(place, place.options(form), None, tries=3)


@pytest.mark.parametrize("version", REKORS)
@pytest.mark.attack("F-02", "F-07", "F-08")
def test_F_07_a_log_that_never_says_that_it_made_the_entry(place: SigningPlace, version: int) -> None:
    """The next run with a key that always signs alike finds it."""
    options = place.options("bundle", version, "rsa-2048")
    fault = done_and(faults.status(502))
    place.services.fault(REKORS[version], fault, match=POST)
    assert refused(place, options)[0] == "UNREACHABLE"
    assert place.logged() == 1
    place.services.clear_faults()
    place.forget()
    signed(place, options, "rsa-2048", tries=1)


def done_and(answer: Response) -> faults.Answer:
    """What was asked for is done, and this is answered."""

    def fault(exchange: Exchange) -> Response:
        exchange.normal()
        return answer

    return fault


@pytest.mark.parametrize("version", REKORS)
@pytest.mark.attack("AT-29b", "AT-29c", "F-07")
def test_AT_29_b_an_entry_that_is_said_to_be_there_is_of_somebody_else(place: SigningPlace, version: int) -> None:
    options = place.options("bundle", version)
    assert place.runner()(SIGN, **{**options, "annotations": {"other": "yes"}})["changed"]
    place.forget()
    world = place.services.world
    log = world.rekor if version == 1 else world.rekor2
    (index,) = (number for number, leaf in enumerate(log.tree.leaves) if not leaf.startswith(b"entry of"))
    place_of = f"/api/v1/log/entries/{world.rekor.uuid(index)}" if version == 1 else ""
    where = {"Location": place_of, "X-Log-Index": str(index)}
    place.services.fault(REKORS[version], faults.status(409, where), match=POST)
    assert refused(place, options)[0] == "TLOG_MISMATCH"


@pytest.mark.parametrize("version", REKORS)
@pytest.mark.attack("F-07")
def test_F_07_an_entry_that_is_said_to_be_there_but_not_where(place: SigningPlace, version: int) -> None:
    place.services.fault(REKORS[version], faults.status(409), match=POST)
    code, message = refused(place, place.options("bundle", version))
    assert code == "MALFORMED" and "does not say where" in message


@pytest.mark.attack("AT-29b", "F-07")
def test_AT_29_b_an_entry_is_read_from_this_log_whatever_host_is_named(place: SigningPlace) -> None:
    def elsewhere(response: Response) -> None:
        if response.status == 409:
            response.headers["Location"] = place.registry.url + response.headers["Location"]

    options = place.options("bundle", 1, "rsa-2048")
    place.services.fault("rekor1", faults.edited(elsewhere), match=POST)
    place.services.fault("rekor1", faults.lost_answer, match=POST, times=1)
    signed(place, options, "rsa-2048", tries=2)
    assert not [one for one in place.registry.requests if "/log/" in one.path]


STATUSES = {400: "AUTH_REFUSED", 401: "AUTH_REFUSED", 403: "AUTH_REFUSED", 429: "RATE_LIMITED", 500: "UNREACHABLE"}


@pytest.mark.parametrize("status", STATUSES)
@pytest.mark.attack("F-01", "F-02", "AT-40e")
def test_F_02_a_fulcio_that_refuses(place: SigningPlace, status: int) -> None:
    """It repeats the token that it was sent; nothing is logged."""
    said = place.token.encode()
    place.services.fault("fulcio", faults.status(status, body=b'{"code": 3, "message": "no: %s"}' % said))
    assert refused(place, place.options())[0] == STATUSES[status]
    assert place.services.count("rekor") == 0
    assert place.services.count("fulcio") == (5 if status in (429, 500) else 1)


SERVICES: list[Name] = ["fulcio", "rekor1", "rekor2", "tsa"]


def options_for(place: SigningPlace, service: Name, **more: t.Any) -> Options:
    return place.options("bundle", 1 if service == "rekor1" else 2, **more)


@pytest.mark.parametrize("service", SERVICES)
@pytest.mark.attack("F-01")
def test_F_01_as_long_as_it_asks_for_or_not_at_all(place: SigningPlace, service: Name) -> None:
    place.services.fault(service, faults.too_many_requests("1"), times=1)
    begun = time.monotonic()
    assert place.runner()(SIGN, **options_for(place, service))["changed"]
    assert time.monotonic() - begun >= 1
    place.reset()
    place.services.fault(service, faults.too_many_requests("99999"))
    code, message = refused(place, options_for(place, service))
    assert code == "RATE_LIMITED" and "99999" in message
    assert place.services.count(service) == 1


SLOW: list[faults.Answer] = [faults.silence, faults.drip(1), faults.drip(1, headers=True), faults.endless_body]


@pytest.mark.parametrize("fault", SLOW, ids=["silence", "drip of body", "drip", "endless"])
@pytest.mark.parametrize("service", SERVICES)
@pytest.mark.attack("F-05", "F-07")
def test_F_05_a_service_that_does_not_end(place: SigningPlace, service: Name, fault: faults.Answer) -> None:
    place.services.fault(service, fault)
    begun = time.monotonic()
    code, _message = refused(place, options_for(place, service, services_timeout=1))
    assert code == ("LIMIT_EXCEEDED" if fault is faults.endless_body else "UNREACHABLE")
    assert time.monotonic() - begun < 10


@pytest.mark.parametrize("fault", [faults.too_many_requests("0"), faults.reset, faults.lost_answer])
@pytest.mark.attack("F-01", "F-03", "F-22")
def test_F_22_threads_of_one_task_ask_for_one_certificate(place: SigningPlace, fault: faults.Answer) -> None:
    """Also where Fulcio fails at first: no thread asks on its own."""
    place.services.fault("fulcio", fault, times=1)
    name = place.image.partition("@")[0]
    images = [f"{name}@{one['digest']}" for one in place.repository.manifests[place.digest].content["manifests"]]
    options = {**place.options(), "images": [place.image, *images]}
    del options["image"]
    result = place.runner()(SIGN, **options)
    assert result["changed"] and len(result["images"]) == 3, result
    assert [place.services.count("fulcio"), place.services.count("rekor")] == [2, 3]
