# Copyright (c) 2026, the supplychain.cosign authors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

# This module util is **PRIVATE** to the collection. It can change at any time.
from __future__ import annotations

import contextlib
import re
import typing as t

from ansible_collections.supplychain.cosign.plugins.module_utils._formats.rejection import Rejection
from ansible_collections.supplychain.cosign.plugins.module_utils._formats.strict import (
    FEW_VALUES,
    Fields,
    parse_object,
)
from ansible_collections.supplychain.cosign.plugins.module_utils._http.request import Reply
from ansible_collections.supplychain.cosign.plugins.module_utils._services.client import Client

MAX_SAID = 200
_LOOKED_AT = 2000
_ENOUGH = 16
"""So many characters of a secret in a row are taken for a part of it."""

_RUN = re.compile(rf"[A-Za-z0-9._~+/=-]{{{_ENOUGH},}}")
_BY_STATUS = {
    401: ("AUTH_REFUSED", "Ask its operator who may use it."),
    403: ("AUTH_REFUSED", "Ask its operator who may use it."),
    404: ("UNREACHABLE", "Check its URL."),
}


def refusal(
    client: Client, reply: Reply, tried: str, known: t.Mapping[int, tuple[str, str]], secret: str = ""
) -> Rejection:
    """What an answer means that is not the one that was hoped for. `known` has, by status, the code and what to do;
    no part of `secret` that the service sends back is told."""
    code, advice = {**_BY_STATUS, **known}.get(reply.status, ("UNREACHABLE", "Try again later, or ask its operator."))
    return Rejection(
        code, f"{client.what} at {client.url} answered {reply.status} to {tried}.{_said(reply, secret)} {advice}"
    )


@contextlib.contextmanager
def read_from(client: Client) -> t.Iterator[None]:
    """What is refused in here is refused of an answer of this service, which the message then names."""
    try:
        yield
    except Rejection as error:
        raise Rejection(
            error.code,
            f"{client.what} at {client.url} answered something that cannot be used: {error.message} Check its URL, or "
            "ask its operator.",
        ) from None


def _said(reply: Reply, secret: str) -> str:
    """The reason that the service gave, as a sentence."""
    try:
        text = Fields(parse_object(reply.body, "answer", FEW_VALUES), "answer").text("message")
    except Rejection:
        text = reply.body[:_LOOKED_AT].decode("utf-8", "replace")
    text = " ".join(text[:_LOOKED_AT].split())
    if not text or text.startswith("<"):
        return ""
    told = _RUN.sub(lambda run: "..." if _is_part(run.group(), secret) else run.group(), text)
    return f" It said: {told[:MAX_SAID]!r}."


def _is_part(run: str, secret: str) -> bool:
    return any(run[start : start + _ENOUGH] in secret for start in range(len(run) - _ENOUGH + 1))
