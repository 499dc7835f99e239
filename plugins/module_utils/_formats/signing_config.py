# Copyright (c) 2026, the supplychain.cosign authors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

# This module util is **PRIVATE** to the collection. It can change at any time.
"""Which services sign: SigningConfig of sigstore_trustroot.proto, in protojson."""

from __future__ import annotations

import datetime
import json
import re
import typing as t
from dataclasses import dataclass

from ansible_collections.supplychain.cosign.plugins.module_utils._formats.moment import parse_moment, write_moment
from ansible_collections.supplychain.cosign.plugins.module_utils._formats.rejection import Rejection
from ansible_collections.supplychain.cosign.plugins.module_utils._formats.strict import FEW_VALUES, Fields, parse_object

MEDIA_TYPE = "application/vnd.dev.sigstore.signingconfig.v0.2+json"
OLD_MEDIA_TYPE = "application/vnd.dev.sigstore.signingconfig.v0.1+json"
MAX_BYTES = 2**20
MAX_SERVICES = 256
MAX_VERSION = 2**32 - 1
MODES = ("ANY", "ALL", "EXACT")
_URL = re.compile(r"https?://[^\s/?#@\\]+(?:[/?][^\s#]*)?\Z")


@dataclass(frozen=True)
class Selector:
    """How many of the services to ask: `mode` is one of MODES, of which EXACT has a `count`; empty: it was not said."""

    mode: str
    count: int = 0

    def __str__(self) -> str:
        return f"{self.mode}:{self.count}" if self.mode == "EXACT" else self.mode


ANY = Selector("ANY")


@dataclass(frozen=True)
class Service:
    """A service, and when it may be asked: a closed interval of aware times, open to the right without an `end`.
    `version` is that of its API; 0 is one that is not released."""

    url: str
    version: int
    start: datetime.datetime
    end: datetime.datetime | None = None
    operator: str = ""

    def holds(self, moment: datetime.datetime) -> bool:
        return self.start <= moment and (self.end is None or moment <= self.end)


@dataclass(frozen=True)
class SigningConfig:
    """All services that there are: certificate authorities (Fulcio), issuers of identity tokens, transparency logs
    (Rekor) and timestamp authorities (whose URLs are the full ones), the newest first."""

    authorities: tuple[Service, ...] = ()
    issuers: tuple[Service, ...] = ()
    logs: tuple[Service, ...] = ()
    log_selector: Selector = ANY
    timestamp_authorities: tuple[Service, ...] = ()
    tsa_selector: Selector = ANY


def parse_signing_config(data: bytes, name: str) -> SigningConfig:
    """Read a signing config of version 0.2. `name` stands after "the" in messages.

    Raises POLICY_UNSUPPORTED for another version, MALFORMED (another structure, an unknown field), DUPLICATE_KEY,
    LIMIT_EXCEEDED.
    """
    if len(data) > MAX_BYTES:
        raise Rejection("LIMIT_EXCEEDED", f"The {name} is larger than {MAX_BYTES} bytes; name the right file.")
    config = _fields(parse_object(data, name, FEW_VALUES), f"The {name}")
    kind = config.text("mediaType", "")
    if kind != MEDIA_TYPE:
        what = "of version 0.1" if kind == OLD_MEDIA_TYPE else f"of the media type {kind[:80]!r}"
        raise Rejection("POLICY_UNSUPPORTED", f"The {name} is {what}; give a signing config of version 0.2.")
    config.only("mediaType", "caUrls", "oidcUrls", "rekorTlogUrls", "rekorTlogConfig", "tsaUrls", "tsaConfig")
    return SigningConfig(
        authorities=_services(config, "caUrls"),
        issuers=_services(config, "oidcUrls"),
        logs=_services(config, "rekorTlogUrls"),
        log_selector=_selector(config, "rekorTlogConfig"),
        timestamp_authorities=_services(config, "tsaUrls"),
        tsa_selector=_selector(config, "tsaConfig"),
    )


def write_signing_config(config: SigningConfig) -> bytes:
    """The same as a file for people and programs, in cosign's order of fields. Empty lists are there for readers that
    want them; to others they say nothing."""
    found = {
        "mediaType": MEDIA_TYPE,
        "caUrls": _written(config.authorities),
        "oidcUrls": _written(config.issuers),
        "rekorTlogUrls": _written(config.logs),
        "rekorTlogConfig": _written_selector(config.log_selector),
        "tsaUrls": _written(config.timestamp_authorities),
        "tsaConfig": _written_selector(config.tsa_selector),
    }
    return json.dumps({key: value for key, value in found.items() if value != {}}, indent=2).encode("ascii") + b"\n"


def parse_selector(text: str, what: str) -> Selector:
    """`ANY`, `ALL` or `EXACT:2`, as cosign's options have it. Raises POLICY_UNSUPPORTED."""
    mode, _colon, count = text.partition(":")
    if mode.upper() in ("ANY", "ALL") and not _colon:
        return Selector(mode.upper())
    if mode.upper() == "EXACT" and re.fullmatch("0*[1-9][0-9]{0,8}", count):
        return Selector("EXACT", int(count))
    raise Rejection("POLICY_UNSUPPORTED", f"{what} is {text[:40]!r}; write ANY, ALL or, for two of them, EXACT:2.")


def choose(
    services: t.Sequence[Service],
    selector: Selector,
    versions: t.Collection[int],
    now: datetime.datetime,
    what: str,
) -> tuple[Service, ...]:
    """Those of the services that are to be asked, as sigstore_trustroot.proto has it: of those that hold now, of the
    highest of the `versions` alone, the newest of each operator; of these one, all or as many as the selector says.
    Always the same ones, the newest first. `what` names one of them in messages ("transparency log").

    Raises TRUST_ROOT where none holds now, POLICY_UNSUPPORTED where there are not enough.
    """
    if not services:
        raise _refused(f"names no {what}")
    valid = [one for one in services if one.holds(now)]
    if not valid:
        raise Rejection(
            "TRUST_ROOT",
            f"The signing config has no {what} that holds now, at {write_moment(now)} by this machine's clock "
            f"({', '.join(map(_shown, services))[:500]}); correct the clock, or give a signing config of today.",
        )
    version = max((one.version for one in valid if one.version in versions), default=None)
    if version is None:
        spoken = " or ".join(map(str, sorted(versions)))
        found = ", ".join(sorted({str(one.version) for one in valid}))
        raise _refused(f"has a {what} only of API version {found}, and {spoken} would be needed here")
    newest: dict[str, Service] = {}
    for one in sorted(valid, key=lambda one: one.start, reverse=True):
        if one.version == version:
            newest.setdefault(one.operator, one)
    chosen = tuple(newest.values())
    if selector.mode not in MODES:
        raise _refused(f"does not say how many of its {what} services to ask (ANY, ALL or EXACT)")
    if selector.mode == "ALL":
        return chosen
    count = selector.count if selector.mode == "EXACT" else 1
    if not 1 <= count <= len(chosen):
        raise _refused(
            f"asks for {count} of its {what} services, each of another operator, and {len(chosen)} of API version "
            f"{version} hold now"
        )
    return chosen[:count]


def _refused(text: str) -> Rejection:
    return Rejection("POLICY_UNSUPPORTED", f"The signing config {text}; give another signing config, or single URLs.")


def _shown(service: Service) -> str:
    return f"{service.url} from {write_moment(service.start)}" + (
        f" to {write_moment(service.end)}" if service.end else ""
    )


# protojson -----------------------------------------------------------------------------------------------------------


def _fields(found: t.Any, path: str) -> Fields:
    """An object without its nulls: in protojson they say that a field is not there."""
    fields = Fields(found, path)
    return Fields({key: value for key, value in fields.found.items() if value is not None}, path)


def _services(config: Fields, key: str) -> tuple[Service, ...]:
    found = config.array(key, [])
    if len(found) > MAX_SERVICES:
        raise Rejection("LIMIT_EXCEEDED", f"{config.path} has more than {MAX_SERVICES} {key}; leave out what is old.")
    return tuple(_service(_fields(one, f"{config.path}: {key}[{index}]")) for index, one in enumerate(found))


def _service(entry: Fields) -> Service:
    entry.only("url", "majorApiVersion", "validFor", "operator")
    valid = _fields(entry.found.get("validFor", {}), f"{entry.path}.validFor")
    valid.only("start", "end")
    start, end = _moment(valid, "start"), _moment(valid, "end")
    if start is None:
        raise Rejection("MALFORMED", f"{valid.path} has no start; say from when on the service is to be asked.")
    if end is not None and end < start:
        raise Rejection("MALFORMED", f"{valid.path} ends before it starts; correct it.")
    url, version = entry.text("url"), entry.integer("majorApiVersion", 0)
    if not is_service_url(url):
        raise Rejection("MALFORMED", f"{entry.path}.url is no http:// or https:// address; correct it.")
    if not 0 <= version <= MAX_VERSION:
        raise Rejection("MALFORMED", f"{entry.path}.majorApiVersion is no version; correct it.")
    return Service(url, version, start, end, entry.text("operator", ""))


def is_service_url(url: str) -> bool:
    """A whole address of a service, without a user or password: whoever reads a signing config sees it."""
    return len(url) <= 2048 and _URL.match(url) is not None


def _moment(valid: Fields, key: str) -> datetime.datetime | None:
    text = valid.text(key, "")
    try:
        return parse_moment(text) if text else None
    except ValueError:
        raise Rejection(
            "MALFORMED", f"{valid.path}.{key} is {text[:40]!r} and not a time such as 2026-01-31T12:00:00Z; correct it."
        ) from None


def _selector(config: Fields, key: str) -> Selector:
    found = _fields(config.found.get(key, {}), f"{config.path}: {key}")
    found.only("selector", "count")
    mode, count = found.text("selector", ""), found.integer("count", 0)
    if mode == "SERVICE_SELECTOR_UNDEFINED":
        mode = ""
    if mode and mode not in MODES:
        raise Rejection("MALFORMED", f"{found.path}.selector is {mode[:40]!r}; write ANY, ALL or EXACT.")
    return Selector(mode, count if mode == "EXACT" else 0)


def _written(services: t.Sequence[Service]) -> list[dict[str, t.Any]]:
    return [
        {
            "url": one.url,
            "majorApiVersion": one.version,
            "validFor": {
                "start": write_moment(one.start),
                **({"end": write_moment(one.end)} if one.end is not None else {}),
            },
            "operator": one.operator,
        }
        for one in services
    ]


def _written_selector(selector: Selector) -> dict[str, t.Any]:
    if not selector.mode:
        return {}
    return {"selector": selector.mode, **({"count": selector.count} if selector.mode == "EXACT" else {})}
