# Copyright (c) 2026, the supplychain.cosign authors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

# This module util is **PRIVATE** to the collection. It can change at any time.
"""Calls to one repository of one registry, with its login; and what its refusals mean."""

from __future__ import annotations

import contextlib
import re
import typing as t

from ansible_collections.supplychain.cosign.plugins.module_utils._formats.rejection import Rejection
from ansible_collections.supplychain.cosign.plugins.module_utils._formats.strict import parse_object
from ansible_collections.supplychain.cosign.plugins.module_utils._http.request import (
    MAX_ERROR_BYTES,
    Reply,
    Request,
    Source,
)
from ansible_collections.supplychain.cosign.plugins.module_utils._http.transport import Stream, Transport
from ansible_collections.supplychain.cosign.plugins.module_utils._http.url import Url
from ansible_collections.supplychain.cosign.plugins.module_utils._http.wire import Deadline, TooLong
from ansible_collections.supplychain.cosign.plugins.module_utils._registry.auth import MAX_REFRESHES, Scopes, Session
from ansible_collections.supplychain.cosign.plugins.module_utils._registry.credentials import Credential
from ansible_collections.supplychain.cosign.plugins.module_utils._registry.reference import Reference

PULL, PUSH, DELETE = "pull", "pull,push", "pull,push,delete"
_CODE = re.compile(r"[A-Z][A-Z_]{0,39}\Z")

LACKING = frozenset(("MANIFEST_BLOB_UNKNOWN", "BLOB_UNKNOWN"))

Headers = t.Mapping[str, str]


class Api:
    """`/v2/<repository>/…` of a registry."""

    def __init__(self, transport: Transport, reference: Reference, credential: Credential | None) -> None:
        self.transport = transport
        self.name = reference.name
        self.repository = reference.repository
        self.origin = transport.origin_for(reference.host, transport.deadline())
        self._session = Session.for_registry(transport, self.origin, credential)
        self._scopes = {
            actions: frozenset((f"repository:{reference.repository}:{actions}",)) for actions in (PULL, PUSH, DELETE)
        }

    def url(self, rest: str) -> Url:
        return Url(self.origin, f"/v2/{self.repository}/{rest}")

    def scopes(self, actions: str, mount_from: str | None = None) -> Scopes:
        scopes = self._scopes[actions]
        return scopes | {f"repository:{mount_from}:pull"} if mount_from else scopes

    def call(
        self,
        method: str,
        url: Url,
        scopes: Scopes,
        deadline: Deadline,
        headers: Headers | None = None,
        body: bytes | Source | None = None,
        size: int = 0,
        limit: int = MAX_ERROR_BYTES,
        repeatable: bool = True,
    ) -> Reply:
        """One request, logged in as it needs to be. Any status but 401 is returned. Raises TooLong and Rejection."""
        for _refresh in range(MAX_REFRESHES + 1):
            request = self._request(method, url, scopes, deadline, headers)
            request.body, request.size, request.repeatable = body, size, repeatable
            reply = self.transport.send(request, deadline, limit)
            if reply.status != 401:
                return reply
            self._session.answer(reply, request.authorization, scopes)
        raise _refused_after_all(self.name)

    @contextlib.contextmanager
    def open(self, url: Url, scopes: Scopes, deadline: Deadline) -> t.Iterator[Stream]:
        """The same for GET, the body left to be read."""
        for _refresh in range(MAX_REFRESHES + 1):
            request = self._request("GET", url, scopes, deadline, None)
            with self.transport.open(request, deadline) as stream:
                response = stream.response
                if response.status != 401:
                    yield stream
                    return
                body = response.read_start(MAX_ERROR_BYTES)
                reply = Reply(response.status, response.headers, body, stream.url, stream.left_origin)
            self._session.answer(reply, request.authorization, scopes)
        raise _refused_after_all(self.name)

    def _request(self, method: str, url: Url, scopes: Scopes, deadline: Deadline, headers: Headers | None) -> Request:
        # An upload may go on at another origin, to which no login of this registry belongs.
        authorization = self._session.authorization(scopes, deadline) if url.origin == self.origin else None
        return Request(method, url, self.origin, headers or {}, authorization)


def error_codes(reply: Reply) -> frozenset[str]:
    """The codes of an error body (distribution-spec, "Error Codes"); none where it is not one."""
    try:
        found = parse_object(reply.body, "error").get("errors")
    except Rejection:
        return frozenset()
    codes = [one.get("code") for one in found if isinstance(one, dict)] if isinstance(found, list) else []
    return frozenset(code for code in codes if isinstance(code, str) and _CODE.match(code))


def refusal(reply: Reply, what: str) -> Rejection:
    """What a status that nobody expected means. `what` says what was tried, as "push the manifest"."""
    codes = error_codes(reply)
    said = f"{reply.status}{''.join(f' {code}' for code in sorted(codes))}"
    tried = f"Could not {what}: {reply.url.origin} answered {said}."
    if codes & LACKING:
        return Rejection("UNREACHABLE", f"{tried} It lacks blobs that it said it has. Run it again.")
    if "TOOMANYREQUESTS" in codes:
        return Rejection("RATE_LIMITED", f"{tried} Try again later.")
    if reply.status in (401, 403) or codes & {"DENIED", "UNAUTHORIZED"}:
        return Rejection("AUTH_REFUSED", f"{tried} Check the credentials, and what they may do there.")
    if reply.status in (413, 507):
        return Rejection("LIMIT_EXCEEDED", f"{tried} It is larger than the registry takes, or there is no space left.")
    if reply.status in (409, 412) or "TAG_INVALID" in codes:
        return Rejection(
            "CONFLICT", f"{tried} The tag may be immutable there; signature_format bundle needs no such tag."
        )
    if reply.status in (405, 501) or "UNSUPPORTED" in codes:
        return Rejection(
            "POLICY_UNSUPPORTED", f"{tried} The registry does not offer this, or it is switched off there."
        )
    if reply.status == 400:
        return Rejection("MALFORMED", f"{tried} The registry does not take it as it is.")
    return Rejection("UNREACHABLE", f"{tried} Check that the name is right and that a registry runs there.")


def check_encoding(headers: t.Mapping[str, str], what: str) -> None:
    """Nothing is decoded: what is hashed is what was sent."""
    if headers.get("content-encoding", "identity").lower() != "identity":
        raise Rejection("MEDIA_TYPE", f"The {what} came compressed, though nobody asked for that; it was not used.")


def check_size(call: t.Callable[[], Reply], what: str) -> Reply:
    try:
        return call()
    except TooLong:
        raise Rejection("LIMIT_EXCEEDED", f"The {what} is larger than is read here; it was not used.") from None


def _refused_after_all(name: str) -> Rejection:
    return Rejection(
        "AUTH_REFUSED",
        f"The repository {name} refused every token that its own token server gave. Try again, or ask its owner.",
    )
