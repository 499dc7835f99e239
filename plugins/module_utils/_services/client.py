# Copyright (c) 2026, the supplychain.cosign authors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

# This module util is **PRIVATE** to the collection. It can change at any time.
from __future__ import annotations

import typing as t

from ansible_collections.supplychain.cosign.plugins.module_utils._formats.rejection import Rejection
from ansible_collections.supplychain.cosign.plugins.module_utils._http.request import Reply, Request
from ansible_collections.supplychain.cosign.plugins.module_utils._http.transport import Transport
from ansible_collections.supplychain.cosign.plugins.module_utils._http.url import Url, is_loopback, parse_url
from ansible_collections.supplychain.cosign.plugins.module_utils._http.wire import Deadline, TooLong

MAX_ANSWER_BYTES = 4 * 2**20


class Client:
    """Requests to one service that the user named, and to nobody else: a redirect to another server is refused.

    `what` is what messages call it: "Fulcio", "the log". `keeps_secrets`: it is sent tokens, which go over plain http
    only to this machine. Raises POLICY_UNSUPPORTED where they would go further, MALFORMED for what is no URL.
    """

    def __init__(self, transport: Transport, url: str, what: str, keeps_secrets: bool = False) -> None:
        self._transport = transport
        self.what = what
        self.url = parse_url(url)
        origin = self.url.origin
        if keeps_secrets and origin.scheme != "https" and not is_loopback(origin.host):
            raise Rejection(
                "POLICY_UNSUPPORTED",
                f"{what} at {self.url} would be sent a token over plain http, where anybody may read it; give an "
                "https:// address.",
            )

    def deadline(self) -> Deadline:
        """Until when requests that begin now may take."""
        return self._transport.deadline()

    def send(
        self,
        method: str,
        path: str,
        body: bytes | None = None,
        headers: t.Mapping[str, str] | None = None,
        authorization: str | None = None,
        deadline: Deadline | None = None,
    ) -> Reply:
        """Ask for `path` below the service's URL (empty: that itself), again where that may help: so a request may
        arrive twice. Several requests may share one `deadline`.

        Any status but the retried ones (408, 429, 500, 502, 503, 504) is returned. Raises LIMIT_EXCEEDED past 4 MiB,
        and what the transport raises: UNREACHABLE, RATE_LIMITED, TLS_REFUSED, REDIRECT_REFUSED.
        """
        base = self.url.target
        if path and "?" in base:
            raise Rejection("MALFORMED", f"The address of {self.what} at {self.url} has a query; give it without one.")
        target = Url(self.url.origin, base.rstrip("/") + path if path else base)
        request = Request(
            method,
            target,
            target.origin,
            headers=headers or {},
            authorization=authorization,
            body=body,
            leaves_origin=False,
        )
        try:
            return self._transport.send(request, deadline or self.deadline(), MAX_ANSWER_BYTES)
        except TooLong:
            raise Rejection(
                "LIMIT_EXCEEDED", f"{self.what} answered {target} with more than {MAX_ANSWER_BYTES} bytes."
            ) from None
