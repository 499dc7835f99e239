# Copyright (c) 2026, the supplychain.cosign authors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

# This module util is **PRIVATE** to the collection. It can change at any time.
"""What all providers of identity tokens need: where they run, and requests whose answers are secrets."""

from __future__ import annotations

import re
import typing as t
from dataclasses import dataclass, field

from ansible_collections.supplychain.cosign.plugins.module_utils._formats.rejection import Rejection
from ansible_collections.supplychain.cosign.plugins.module_utils._formats.strict import FEW_VALUES, parse_object
from ansible_collections.supplychain.cosign.plugins.module_utils._http.request import Reply, Request
from ansible_collections.supplychain.cosign.plugins.module_utils._http.transport import Transport
from ansible_collections.supplychain.cosign.plugins.module_utils._http.url import is_loopback, parse_url
from ansible_collections.supplychain.cosign.plugins.module_utils._http.wire import Deadline, TooLong

MAX_ANSWER = 128 * 1024
_PLAIN_SECRET = re.compile(r"[!-~]+\Z")


@dataclass(frozen=True)
class Place:
    """Where a task runs: its environment, how files are read there (OSError where that fails), whom it can ask, and
    for what audience a token is wanted."""

    environ: t.Mapping[str, str] = field(repr=False)
    read: t.Callable[[str], bytes]
    transport: Transport
    audience: str

    def text(self, path: str) -> str | None:
        """A small text file, without the white space around it; None where there is none. Raises AUTH_REFUSED."""
        try:
            return self.read(path).decode("utf-8").strip()
        except (FileNotFoundError, NotADirectoryError):
            return None
        except (OSError, ValueError) as error:
            reason = getattr(error, "strerror", None) or "it is no text"
            raise no_token(
                f"The file {path} cannot be read ({reason}); let the user who runs the task read it."
            ) from None


def no_token(message: str) -> Rejection:
    return Rejection("AUTH_REFUSED", message)


def plain_secret(text: str, name: str) -> str:
    """A secret that fits into a header as it is. Raises AUTH_REFUSED, which names the variable and not its value."""
    if not _PLAIN_SECRET.match(text):
        raise no_token(f"{name} holds what no header can carry, such as a line break; set it to the token alone.")
    return text


def ask(
    transport: Transport,
    method: str,
    url: str,
    *,
    headers: t.Mapping[str, str] | None = None,
    body: bytes | None = None,
    authorization: str | None = None,
    deadline: Deadline | None = None,
    in_clear: bool = False,
) -> Reply:
    """Ask for a token, at this server alone: redirects to others are refused, and plain http is for this machine, or
    where `in_clear`. Raises POLICY_UNSUPPORTED, MALFORMED, LIMIT_EXCEEDED, and what the transport raises."""
    target = parse_url(url)
    if target.origin.scheme != "https" and not in_clear and not is_loopback(target.origin.host):
        raise Rejection(
            "POLICY_UNSUPPORTED",
            f"{target} would be sent a secret over plain http, where anybody may read it; name an https:// address.",
        )
    sent = dict(headers or {})
    if body is not None:
        sent.setdefault("Content-Type", "application/json")
    request = Request(method, target, target.origin, sent, authorization=authorization, body=body, leaves_origin=False)
    try:
        return transport.send(request, deadline or transport.deadline(), MAX_ANSWER)
    except TooLong:
        raise Rejection("LIMIT_EXCEEDED", f"{target} answered with more than {MAX_ANSWER} bytes.") from None


def value_of(reply: Reply, key: str) -> str:
    """The text at `key` of a JSON answer of status 2xx. Nothing of another answer is shown: servers echo what they get.

    Raises AUTH_REFUSED, UNREACHABLE for a status of 5xx.
    """
    check_status(reply)
    value = parse_object(reply.body, f"answer of {reply.url}", FEW_VALUES).get(key)
    if not isinstance(value, str) or not value:
        raise no_token(f"{reply.url} answered without a token ({key}); look at what the platform says about it.")
    return value


def check_status(reply: Reply) -> None:
    if not 200 <= reply.status < 300:
        code = "UNREACHABLE" if reply.status >= 500 else "AUTH_REFUSED"
        raise Rejection(
            code,
            f"{reply.url} was answered with status {reply.status}; look whether this job may have identity tokens.",
        )
