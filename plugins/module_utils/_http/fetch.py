# Copyright (c) 2026, the supplychain.cosign authors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

# This module util is **PRIVATE** to the collection. It can change at any time.
from __future__ import annotations

from ansible_collections.supplychain.cosign.plugins.module_utils._formats.rejection import Rejection
from ansible_collections.supplychain.cosign.plugins.module_utils._http.request import Request
from ansible_collections.supplychain.cosign.plugins.module_utils._http.transport import Transport, TransportOptions
from ansible_collections.supplychain.cosign.plugins.module_utils._http.url import parse_url
from ansible_collections.supplychain.cosign.plugins.module_utils._http.wire import TooLong

MAX_BYTES = 2**20


def fetch(options: TransportOptions, url: str) -> bytes:
    """A small file from an https URL, as nobody: with the proxies, authorities and deadline of `options`, but without
    a registry's client certificate and without its leave to skip verification.

    Raises UNREACHABLE for any status but 200, LIMIT_EXCEEDED past 1 MiB, and what the transport raises.
    """
    target = parse_url(url)
    if target.origin.scheme != "https":
        raise Rejection(
            "POLICY_UNSUPPORTED", f"{target} is not fetched over http, where anyone may change it; use https."
        )
    plain = TransportOptions(
        ca_file=options.ca_file,
        ca_option=options.ca_option,
        proxies=options.proxies,
        total_timeout=options.total_timeout,
        retries=options.retries,
    )
    with Transport(plain) as transport:
        try:
            reply = transport.send(Request("GET", target, target.origin), transport.deadline(), MAX_BYTES)
        except TooLong:
            raise Rejection(
                "LIMIT_EXCEEDED", f"{target} is larger than {MAX_BYTES} bytes; name the right file."
            ) from None
    if reply.status != 200:
        raise Rejection("UNREACHABLE", f"{target} answered with status {reply.status}; check the URL.")
    return reply.body
