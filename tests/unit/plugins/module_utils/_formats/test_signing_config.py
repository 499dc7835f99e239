# Copyright (c) 2026, the supplychain.cosign authors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

from __future__ import annotations

import contextlib
import copy
import datetime
import importlib.resources
import json
import typing as t

import pytest
from hypothesis import given
from hypothesis import strategies as st
from sigstore.models import SigningConfig as TheirConfig
from sigstore_models.trustroot.v1 import SigningConfig as TheirModel

from ansible_collections.supplychain.cosign.plugins.module_utils._formats.moment import parse_moment, write_moment
from ansible_collections.supplychain.cosign.plugins.module_utils._formats.rejection import Rejection
from ansible_collections.supplychain.cosign.plugins.module_utils._formats.signing_config import (
    ANY,
    MAX_SERVICES,
    MEDIA_TYPE,
    Selector,
    Service,
    SigningConfig,
    choose,
    parse_selector,
    parse_signing_config,
    write_signing_config,
)

UTC = datetime.timezone.utc
NOW = datetime.datetime(2026, 11, 24, 12, tzinfo=UTC)


def days(count: float) -> datetime.datetime:
    return NOW + datetime.timedelta(days=count)


def service(name: str, version: int = 1, start: float = -10, end: float | None = None, operator: str = "a") -> Service:
    return Service(f"https://{name}.example", version, days(start), None if end is None else days(end), operator)


def names(found: t.Sequence[Service]) -> list[str]:
    return [one.url[len("https://") : -len(".example")] for one in found]


def document() -> dict[str, t.Any]:
    one = {
        "url": "https://one.example",
        "majorApiVersion": 1,
        "validFor": {"start": "2026-01-01T00:00:00Z", "end": "2027-01-01T00:00:00.5Z"},
        "operator": "a",
    }
    return {
        "mediaType": MEDIA_TYPE,
        "caUrls": [one],
        "oidcUrls": [one],
        "rekorTlogUrls": [one, {**one, "majorApiVersion": 2}],
        "rekorTlogConfig": {"selector": "EXACT", "count": 2},
        "tsaUrls": [one],
        "tsaConfig": {"selector": "ANY"},
    }


def parse(found: t.Any) -> SigningConfig:
    return parse_signing_config(json.dumps(found).encode(), "signing config")


def refusal(call: t.Callable[[], object]) -> Rejection:
    with pytest.raises(Rejection) as refused:
        call()
    assert refused.value.message[0].isupper() and refused.value.message.endswith(".")
    return refused.value


# Reading and writing -------------------------------------------------------------------------------------------------


def test_a_signing_config_is_read() -> None:
    found = parse(document())
    start, end = datetime.datetime(2026, 1, 1, tzinfo=UTC), datetime.datetime(2027, 1, 1, 0, 0, 0, 500000, tzinfo=UTC)
    one = Service("https://one.example", 1, start, end, "a")
    assert found.authorities == found.issuers == found.timestamp_authorities == (one,)
    assert [log.version for log in found.logs] == [1, 2]
    assert (found.log_selector, found.tsa_selector) == (Selector("EXACT", 2), ANY)


@pytest.mark.parametrize("host", ["sigstore", "sigstage"])
def test_what_the_public_instances_give_is_read(host: str) -> None:
    folder = importlib.resources.files("sigstore._store") / f"https%3A%2F%2Ftuf-repo-cdn.{host}.dev"
    found = parse_signing_config((folder / "signing_config.v0.2.json").read_bytes(), "signing config")
    assert [one.url for one in choose(found.authorities, ANY, (1,), NOW, "x")] == [f"https://fulcio.{host}.dev"]
    (log,) = choose(found.logs, found.log_selector, (1, 2), NOW, "x")
    assert log.version == {"sigstore": 1, "sigstage": 2}[host]


def test_what_is_missing_or_null_is_empty() -> None:
    # cosign writes a selector that says nothing where there are no services.
    found = parse({"mediaType": MEDIA_TYPE, "caUrls": None, "tsaConfig": {}, "rekorTlogConfig": None})
    assert found == SigningConfig(log_selector=Selector(""), tsa_selector=Selector(""))


SERVICES = st.lists(
    st.builds(
        Service,
        st.sampled_from(["https://a.example", "http://127.0.0.1:5000/x/y?z"]),
        st.integers(0, 3),
        st.datetimes(datetime.datetime(1, 1, 2), datetime.datetime(2020, 1, 1), timezones=st.just(UTC)),
        st.none() | st.datetimes(datetime.datetime(2020, 1, 1), timezones=st.just(UTC)),
        st.text(st.characters(exclude_categories=["Cs"]), max_size=5),
    ),
    max_size=3,
).map(tuple)
SELECTORS = st.sampled_from([Selector("ANY"), Selector("ALL"), Selector("EXACT", 2), Selector("")])


@given(st.builds(SigningConfig, SERVICES, SERVICES, SERVICES, SELECTORS, SERVICES, SELECTORS))
def test_what_is_written_is_read(config: SigningConfig) -> None:
    assert parse_signing_config(write_signing_config(config), "signing config") == config


def test_others_read_what_is_written() -> None:
    one, two = service("one", start=-5000), service("two", start=-5000, operator="b")
    config = SigningConfig((one,), (one,), (one, two), Selector("EXACT", 2), (one, two), ANY)
    theirs = TheirConfig(TheirModel.from_json(write_signing_config(config)))
    assert [log.url for log in theirs._tlogs] == [one.url, two.url]
    assert [tsa.url for tsa in theirs.get_tsas()] == [one.url]


# Refused -------------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("version", "word"),
    [("application/vnd.dev.sigstore.signingconfig.v0.1+json", "0.1"), ("application/json", "application/json")],
)
def test_another_version_is_refused_by_name(version: str, word: str) -> None:
    refused = refusal(lambda: parse({**document(), "mediaType": version}))
    assert refused.code == "POLICY_UNSUPPORTED"
    assert word in refused.message


def spoiled(path: str, value: t.Any) -> dict[str, t.Any]:
    found = copy.deepcopy(document())
    *folders, last = path.split(".")
    at: t.Any = found
    for one in folders:
        at = at[int(one)] if isinstance(at, list) else at[one]
    at[last] = value
    return found


@pytest.mark.parametrize(
    ("path", "value"),
    [
        ("more", 1),
        ("caUrl", "https://fulcio.example"),
        ("caUrls", {}),
        ("caUrls", ["https://fulcio.example"]),
        ("caUrls.0.more", 1),
        ("caUrls.0.url", None),
        ("caUrls.0.url", 1),
        ("caUrls.0.url", ""),
        ("caUrls.0.url", "fulcio.example"),
        ("caUrls.0.url", "file:///etc/passwd"),
        ("caUrls.0.url", "https://"),
        ("caUrls.0.url", "https://user:canary@fulcio.example"),
        ("caUrls.0.url", "https://fulcio.example/ x"),
        ("caUrls.0.url", "https://fulcio.example\n"),
        ("caUrls.0.majorApiVersion", "1"),
        ("caUrls.0.majorApiVersion", -1),
        ("caUrls.0.majorApiVersion", 2**32),
        ("caUrls.0.majorApiVersion", True),
        ("caUrls.0.validFor", None),
        ("caUrls.0.validFor", {}),
        ("caUrls.0.validFor", []),
        ("caUrls.0.validFor.more", 1),
        ("caUrls.0.validFor.start", "2026-01-01"),
        ("caUrls.0.validFor.start", "2026-02-30T00:00:00Z"),
        ("caUrls.0.validFor.start", "2028-01-01T00:00:00Z"),
        ("caUrls.0.validFor.end", "0001-01-01T00:00:00+23:59"),
        ("caUrls.0.operator", 1),
        ("rekorTlogConfig", "ANY"),
        ("rekorTlogConfig.selector", "SOME"),
        ("rekorTlogConfig.selector", 2),
        ("rekorTlogConfig.count", "2"),
        ("rekorTlogConfig.more", 1),
    ],
)
def test_what_is_no_signing_config_is_refused(path: str, value: t.Any) -> None:
    refused = refusal(lambda: parse(spoiled(path, value)))
    assert refused.code == "MALFORMED"
    assert "canary" not in refused.message


def test_limits() -> None:
    assert refusal(lambda: parse(spoiled("caUrls", [{}] * (MAX_SERVICES + 1)))).code == "LIMIT_EXCEEDED"
    assert refusal(lambda: parse_signing_config(b" " * (2**20 + 1), "x")).code == "LIMIT_EXCEEDED"
    assert refusal(lambda: parse_signing_config(b'{"a":1,"a":1}', "x")).code == "DUPLICATE_KEY"


JSON = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats(allow_nan=False) | st.text(max_size=3),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=3), inner, max_size=3),
    max_leaves=5,
)
PATHS = st.sampled_from(
    ["mediaType", "caUrls", "caUrls.0.url", "caUrls.0.validFor", "caUrls.0.validFor.start", "tsaConfig.selector"]
)


@given(PATHS, JSON)
def test_nothing_but_a_rejection_comes_of_bad_input(path: str, value: t.Any) -> None:
    with contextlib.suppress(Rejection):
        parse(spoiled(path, value))


# Which to ask --------------------------------------------------------------------------------------------------------


def test_the_newest_of_those_that_hold_is_asked() -> None:
    services = [service("old"), service("new", start=-1), service("later", start=1), service("gone", start=-2, end=-1)]
    assert names(choose(services, ANY, (1,), NOW, "log")) == ["new"]


@pytest.mark.parametrize(("start", "end"), [(0.0, None), (-1.0, 0.0), (0.0, 0.0)])
def test_the_ends_of_a_window_are_in_it(start: float, end: float | None) -> None:
    assert names(choose([service("one", start=start, end=end)], ANY, (1,), NOW, "log")) == ["one"]


def test_the_first_of_equals_is_asked() -> None:
    services = [service("first", operator="b"), service("second"), service("third", operator="b")]
    assert names(choose(services, ANY, (1,), NOW, "log")) == ["first"]
    assert names(choose(services, Selector("ALL"), (1,), NOW, "log")) == ["first", "second"]


def test_only_the_highest_version_that_is_spoken_is_asked() -> None:
    """SigningConfig: never services of several versions, not of several operators either."""
    services = [service("one", 1), service("two", 2, operator="b"), service("three", 3, operator="c")]
    assert names(choose(services, Selector("ALL"), (1, 2), NOW, "log")) == ["two"]
    assert names(choose(services, Selector("ALL"), (1,), NOW, "log")) == ["one"]


def test_a_version_that_holds_goes_before_a_higher_one_that_does_not() -> None:
    services = [service("one", 1), service("two", 2, end=-1)]
    assert names(choose(services, ANY, (1, 2), NOW, "log")) == ["one"]


def test_of_each_operator_one_is_asked() -> None:
    services = [service("a1"), service("a2", start=-1), service("b1", operator="b"), service("c1", operator="c")]
    assert names(choose(services, Selector("ALL"), (1,), NOW, "log")) == ["a2", "b1", "c1"]
    assert names(choose(services, Selector("EXACT", 2), (1,), NOW, "log")) == ["a2", "b1"]
    assert names(choose(services, ANY, (1,), NOW, "log")) == ["a2"]


TWO_OF_ONE = [service("a1"), service("a2", start=-1)]


@pytest.mark.parametrize(
    ("services", "selector", "code", "words"),
    [
        ([], ANY, "POLICY_UNSUPPORTED", ["names no log"]),
        ([service("x", end=-1)], ANY, "TRUST_ROOT", ["clock", "2026-11-24T12:00:00Z", "to 2026-11-23T12:00:00Z"]),
        ([service("x", start=1)], ANY, "TRUST_ROOT", ["clock", "from 2026-11-25T12:00:00Z"]),
        ([service("x", 3), service("y", 0)], ANY, "POLICY_UNSUPPORTED", ["version 0, 3", "1 or 2"]),
        ([service("x", 3), service("y", end=-1)], ANY, "POLICY_UNSUPPORTED", ["version 3"]),
        (TWO_OF_ONE, Selector("EXACT", 2), "POLICY_UNSUPPORTED", ["asks for 2", "another operator", "and 1 of"]),
        (TWO_OF_ONE, Selector("EXACT", 0), "POLICY_UNSUPPORTED", ["asks for 0"]),
        (TWO_OF_ONE, Selector(""), "POLICY_UNSUPPORTED", ["how many"]),
    ],
)
def test_not_enough_is_refused_with_the_reason(
    services: list[Service], selector: Selector, code: str, words: list[str]
) -> None:
    refused = refusal(lambda: choose(services, selector, (1, 2), NOW, "log"))
    assert refused.code == code
    assert [word for word in words if word not in refused.message] == []


@pytest.mark.parametrize(
    ("text", "selector"),
    [("ANY", ANY), ("any", ANY), ("All", Selector("ALL")), ("EXACT:2", Selector("EXACT", 2))],
)
def test_a_selector_is_read_as_cosign_reads_it(text: str, selector: Selector) -> None:
    assert parse_selector(text, "The option rekor_config") == selector
    assert parse_selector(str(selector), "x") == selector


@pytest.mark.parametrize(
    "text", ["", "SOME", "ANY:1", "ALL:", "EXACT", "EXACT:", "EXACT:0", "EXACT:x", "EXACT:-1", "2"]
)
def test_what_is_no_selector_is_refused(text: str) -> None:
    refused = refusal(lambda: parse_selector(text, "The option rekor_config"))
    assert refused.code == "POLICY_UNSUPPORTED"
    assert refused.message.startswith("The option rekor_config")


# Times ---------------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("text", "written"),
    [
        ("2026-01-01T00:00:00Z", "2026-01-01T00:00:00Z"),
        ("2026-01-01T01:30:00+01:30", "2026-01-01T00:00:00Z"),
        ("2025-12-31T23:00:00-01:00", "2026-01-01T00:00:00Z"),
        ("2026-01-01T00:00:00.000Z", "2026-01-01T00:00:00Z"),
        ("2026-01-01T00:00:00.12Z", "2026-01-01T00:00:00.120Z"),
        ("2026-01-01T00:00:00.1234567Z", "2026-01-01T00:00:00.123456Z"),
    ],
)
def test_times_are_read_and_written_in_utc(text: str, written: str) -> None:
    moment = parse_moment(text)
    assert moment.utcoffset() == datetime.timedelta()
    assert write_moment(moment) == written


@pytest.mark.parametrize(
    "text",
    [
        "",
        "now",
        "2026-01-01",
        "2026-01-01 00:00:00Z",
        "2026-01-01T00:00:00",
        "2026-13-01T00:00:00Z",
        "0001-01-01T00:00:00+01:00",
        "9999-12-31T23:59:59-01:00",
        "2026-01-01T00:00:00Z\n",
        "2026-01-01T00:00:00+99:00",
    ],
)
def test_what_is_no_time_is_no_time(text: str) -> None:
    with pytest.raises(ValueError, match=r"."):
        parse_moment(text)
