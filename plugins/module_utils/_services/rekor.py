# Copyright (c) 2026, the supplychain.cosign authors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

# This module util is **PRIVATE** to the collection. It can change at any time.
from __future__ import annotations

import contextlib
import re
import typing as t

from ansible_collections.supplychain.cosign.plugins.module_utils._formats.bundle import LogEntry
from ansible_collections.supplychain.cosign.plugins.module_utils._formats.log_body import parse_log_body
from ansible_collections.supplychain.cosign.plugins.module_utils._formats.log_request import (
    parse_v1_answer,
    parse_v2_answer,
    requested_body,
)
from ansible_collections.supplychain.cosign.plugins.module_utils._formats.rejection import Rejection
from ansible_collections.supplychain.cosign.plugins.module_utils._http.request import Reply
from ansible_collections.supplychain.cosign.plugins.module_utils._services.client import Client
from ansible_collections.supplychain.cosign.plugins.module_utils._services.refusal import read_from, refusal
from ansible_collections.supplychain.cosign.plugins.module_utils._services.tiles import read_entry

_V1, _V2 = "/api/v1/log/entries", "/api/v2/log/entries"
_HEADERS = {"Content-Type": "application/json", "Accept": "application/json"}
_KNOWN = dict.fromkeys((400, 422), ("POLICY_UNSUPPORTED", "Sign with a key of a kind that it takes."))
_IDENTIFIER = re.compile(r"/([0-9a-f]{64}|[0-9a-f]{80})\Z")
_INDEX = re.compile(r"(?:0|[1-9][0-9]{0,17})\Z")

LogIds = t.Callable[[], t.Iterable[bytes]]


def add_entry(client: Client, version: int, request: bytes, log_ids: LogIds = tuple) -> LogEntry:
    """Have a log of Rekor's API `version` hold what `request` asks for (_formats.log_request): its entry, new or, where
    the log holds just that already, the one that is there. Its content is what was asked for; that the log vouches
    for it is the caller's to verify.

    `log_ids` says which logs are known: where an entry is read from the tiles of a log of v2, nothing else tells its
    full id. Raises TLOG_MISMATCH (an entry for something else), POLICY_UNSUPPORTED (the log does not take it),
    TRUST_ROOT, INCLUSION_INVALID, AUTH_REFUSED, UNREACHABLE, MALFORMED, NON_CANONICAL, DUPLICATE_KEY, LIMIT_EXCEEDED,
    and what the transport raises.
    """
    entry, is_new = _add_v1(client, request) if version == 1 else _add_v2(client, request, log_ids)
    with _told(is_new):
        with read_from(client):
            logged = parse_log_body(entry.body)
        if logged != requested_body(request):
            raise Rejection(
                "TLOG_MISMATCH",
                f"{client.what} at {client.url} answered with an entry that was made for something else; nothing of it "
                "was used. Ask its operator.",
            )
    return entry


@contextlib.contextmanager
def _told(is_new: bool) -> t.Iterator[None]:
    """A refusal in here says that an entry was made."""
    try:
        yield
    except Rejection as rejection:
        rejection.changed = rejection.changed or is_new
        raise


def _add_v1(client: Client, request: bytes) -> tuple[LogEntry, bool]:
    """The entry, and whether it was made just now."""
    reply = client.send("POST", _V1, request, _HEADERS)
    is_new = reply.status != 409
    if not is_new:
        identifier = _identifier(client, reply)
        reply = client.send("GET", f"{_V1}/{identifier}", headers={"Accept": "application/json"})
        if reply.status != 200:
            raise refusal(client, reply, "the question for an entry that it has", {404: _NOT_YET})
    elif reply.status not in (200, 201):
        raise _refused(client, reply)
    with _told(is_new), read_from(client):
        return parse_v1_answer(reply.body), is_new


_NOT_YET = ("UNREACHABLE", "Try again in a minute.")


def _identifier(client: Client, reply: Reply) -> str:
    """Of the entry that is there already: of where it is said to be nothing else is used, no host and no path."""
    match = _IDENTIFIER.search(re.split("[?#]", reply.headers.get("location", ""), maxsplit=1)[0])
    if match is None:
        raise _unnamed(client)
    return match.group(1)


def _add_v2(client: Client, request: bytes, log_ids: LogIds) -> tuple[LogEntry, bool]:
    # It answers when the entry is in the tree, which takes seconds.
    reply = client.send("POST", _V2, request, _HEADERS)
    if reply.status == 409:
        index = reply.headers.get("x-log-index", "")
        if not _INDEX.match(index):
            raise _unnamed(client)
        return read_entry(client, int(index), log_ids), False
    if reply.status not in (200, 201):
        raise _refused(client, reply)
    with _told(True), read_from(client):
        return parse_v2_answer(reply.body), True


def _refused(client: Client, reply: Reply) -> Rejection:
    return refusal(client, reply, "the entry that was sent", _KNOWN)


def _unnamed(client: Client) -> Rejection:
    return Rejection(
        "MALFORMED", f"{client.what} at {client.url} has this entry already, but does not say where; ask its operator."
    )
