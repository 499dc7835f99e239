# Copyright (c) 2026, the supplychain.cosign authors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

# This module util is **PRIVATE** to the collection. It can change at any time.
"""Logging in to one registry: Basic, and Bearer tokens for the scopes that a request needs and no others."""

from __future__ import annotations

import re
import threading
import time
import urllib.parse
from dataclasses import dataclass, field

from ansible_collections.supplychain.cosign.plugins.module_utils._formats.rejection import Rejection
from ansible_collections.supplychain.cosign.plugins.module_utils._formats.strict import encode_base64, parse_object
from ansible_collections.supplychain.cosign.plugins.module_utils._http.request import (
    MAX_ERROR_BYTES,
    Reply,
    Request,
)
from ansible_collections.supplychain.cosign.plugins.module_utils._http.transport import Transport
from ansible_collections.supplychain.cosign.plugins.module_utils._http.url import Origin, Url, parse_url
from ansible_collections.supplychain.cosign.plugins.module_utils._http.wire import Deadline, TooLong
from ansible_collections.supplychain.cosign.plugins.module_utils._registry.challenge import (
    Challenge,
    check_realm,
    is_related,
    parse_challenge,
)
from ansible_collections.supplychain.cosign.plugins.module_utils._registry.credentials import Credential

MAX_REFRESHES = 2
_CLIENT_ID = "supplychain.cosign"
_DEFAULT_LIFE = 60.0
_PRINTABLE = re.compile(r"[\x21-\x7e]+\Z")

Scopes = frozenset[str]
"""Such as {"repository:acme/app:pull"} (distribution, "Token Authentication")."""


@dataclass
class _Grant:
    """A token for one scope set; or why there is none, for all threads that waited for it."""

    lock: threading.Lock = field(default_factory=threading.Lock)
    header: str | None = field(default=None, repr=False)
    ends: float = 0.0
    failures: int = 0
    failure: Rejection | None = None

    def fail(self, failure: Rejection) -> None:
        self.failures += 1
        self.failure = failure

    def check(self, seen: int) -> None:
        """Credentials that were refused are never tried again; another failure counts for who was waiting then."""
        failure = self.failure
        if failure and (self.failures != seen or failure.code in ("AUTH_REFUSED", "REALM_REFUSED")):
            raise Rejection(failure.code, failure.message)


class Session:
    """One credential at one registry, for all threads. `for_registry` gives the one of a transport."""

    def __init__(self, transport: Transport, home: Origin, credential: Credential | None) -> None:
        self._transport = transport
        self._home = home
        self._credential = credential
        self._lock = threading.Lock()
        self._challenge: Challenge | None = None
        self._asked = False
        self._failure: Rejection | None = None
        self._grants: dict[Scopes, _Grant] = {}

    @classmethod
    def for_registry(cls, transport: Transport, home: Origin, credential: Credential | None) -> Session:
        return transport.shared((cls, home, credential), lambda: cls(transport, home, credential))

    @property
    def challenge(self) -> Challenge | None:
        """What the registry has asked for so far."""
        return self._challenge

    def authorization(self, scopes: Scopes, deadline: Deadline) -> str | None:
        """The Authorization header for a request. Raises AUTH_REFUSED, REALM_REFUSED and what Transport.send does."""
        if self._credential is None and self._challenge is None:
            return None
        if self._credential and self._credential.registry_token:
            return f"Bearer {self._credential.registry_token}"
        self._ask(deadline)
        if self._failure:
            raise Rejection(self._failure.code, self._failure.message)
        if self._challenge is None:
            return None
        if self._challenge.scheme == "basic":
            return self._basic()
        return self._bearer(self._challenge, scopes, deadline)

    def answer(self, reply: Reply, sent: str | None, scopes: Scopes) -> None:
        """Learn from a 401 of the registry itself. Returns when another try makes sense, else raises AUTH_REFUSED."""
        header = reply.headers.get("www-authenticate")
        if reply.left_origin or header is None:
            raise self._refused()
        challenge = parse_challenge(header)
        with self._lock:
            self._challenge, self._asked = challenge, True
        if self._credential and self._credential.registry_token:
            raise self._refused()
        if challenge.scheme == "basic":
            if sent is not None or self._credential is None:
                raise self._refused()
            return
        if sent is not None and challenge.error == "insufficient_scope":
            raise self._refused()
        grant = self._grant(scopes)
        with grant.lock:
            if grant.header == sent:
                grant.header = None

    def _ask(self, deadline: Deadline) -> None:
        """Find out once what the registry wants, and whether it takes a password: not with every thread anew."""
        with self._lock:
            if self._asked:
                return
            self._asked = True  # if it fails, the request itself will say so
            reply = self.ping(None, deadline)
            if reply.status == 401 and "www-authenticate" in reply.headers and not reply.left_origin:
                self._challenge = parse_challenge(reply.headers["www-authenticate"])
                basic = self._basic() if self._challenge.scheme == "basic" else None
                if basic and self.ping(basic, deadline).status == 401:
                    self._failure = self._refused()

    def ping(self, authorization: str | None, deadline: Deadline) -> Reply:
        request = Request("GET", Url(self._home, "/v2/"), self._home, {}, authorization)
        try:
            return self._transport.send(request, deadline)
        except TooLong:
            raise Rejection(
                "UNREACHABLE", f"The registry {self._home} does not answer as a registry does. Check its name."
            ) from None

    def _basic(self) -> str | None:
        found = self._credential
        if found is None or found.identity_token or not (found.username or found.password):
            return None
        return _basic(found)

    def _grant(self, scopes: Scopes) -> _Grant:
        with self._lock:
            return self._grants.setdefault(scopes, _Grant())

    def _bearer(self, challenge: Challenge, scopes: Scopes, deadline: Deadline) -> str:
        grant = self._grant(scopes)
        seen = grant.failures
        with grant.lock:
            grant.check(seen)
            if grant.header is None or time.monotonic() >= grant.ends:
                started = time.monotonic()
                try:
                    token, life = self._fetch_token(challenge, scopes, deadline)
                except Rejection as error:
                    grant.fail(error)
                    raise
                grant.header, grant.ends = f"Bearer {token}", started + life * 0.9
            return grant.header

    def _fetch_token(self, challenge: Challenge, scopes: Scopes, deadline: Deadline) -> tuple[str, float]:
        origin = parse_url(challenge.realm).origin
        trusted = self._transport.is_trusted(origin)
        url = check_realm(challenge.realm, self._home, trusted, self._credential is not None)
        # Only a token server on the registry's own host is trusted as the registry is (allow_insecure).
        home = origin if origin.host == self._home.host else self._home
        request = self._token_request(url, home, challenge.service, scopes)
        if is_related(origin.host, self._home.host):
            request.may_be_private = self._transport.is_private(self._home, deadline)
        try:
            reply = self._transport.send(request, deadline)
        except Rejection as error:
            raise Rejection("REALM_REFUSED", error.message) if error.code == "REDIRECT_REFUSED" else error from None
        except TooLong:
            raise Rejection(
                "LIMIT_EXCEEDED", f"The token server {origin} sent more than {MAX_ERROR_BYTES} bytes; it is not used."
            ) from None
        if reply.status != 200:
            raise self._token_refused(reply, origin)
        return _read_token(reply.body, origin)

    def _token_request(self, url: Url, home: Origin, service: str, scopes: Scopes) -> Request:
        fields = [("service", service)] if service else []
        fields += [("scope", scope) for scope in sorted(scopes)]
        found = self._credential
        if found and found.identity_token:
            form = [
                ("grant_type", "refresh_token"),
                *([("service", service)] if service else []),
                ("client_id", _CLIENT_ID),
                ("scope", " ".join(sorted(scopes))),
                ("refresh_token", found.identity_token),
            ]
            headers = {"Content-Type": "application/x-www-form-urlencoded"}
            body = urllib.parse.urlencode(form).encode("ascii")
            return Request("POST", url, home, headers, body=body, leaves_origin=False)
        if found:
            fields.insert(0, ("account", found.username))
        separator = "&" if "?" in url.target else "?"
        target = url.target + (separator + urllib.parse.urlencode(fields) if fields else "")
        return Request("GET", Url(url.origin, target), home, {}, _basic(found) if found else None, leaves_origin=False)

    def _token_refused(self, reply: Reply, origin: Origin) -> Rejection:
        if reply.status in (400, 401, 403):
            return self._refused(f"; the token server {origin} answered {reply.status}")
        return Rejection(
            "UNREACHABLE", f"The token server {origin} answered {reply.status}. Check that the registry is set up well."
        )

    def _refused(self, detail: str = "") -> Rejection:
        if self._credential is None:
            return Rejection(
                "AUTH_REFUSED",
                f"The registry {self._home} wants credentials, and there are none for it{detail}. Log in.",
            )
        return Rejection(
            "AUTH_REFUSED",
            f"The registry {self._home} refused the credentials from {self._credential.origin_of}{detail}. "
            "Check them, and what they may do there.",
        )


def _basic(credential: Credential) -> str:
    return "Basic " + encode_base64(f"{credential.username}:{credential.password}".encode("utf-8", "surrogateescape"))


def _read_token(body: bytes, origin: Origin) -> tuple[str, float]:
    """(token, seconds that it lives). A refresh token that comes along is not kept."""
    try:
        found = parse_object(body, "token")
    except Rejection:
        found = {}
    token = found.get("token") or found.get("access_token")
    life = found.get("expires_in")
    if not isinstance(token, str) or _PRINTABLE.match(token) is None:
        raise Rejection(
            "MALFORMED", f"The token server {origin} sent no token. Check that the registry is set up well."
        )
    return token, float(life) if isinstance(life, (int, float)) and life > 0 else _DEFAULT_LIFE
