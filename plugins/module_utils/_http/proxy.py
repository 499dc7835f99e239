# Copyright (c) 2026, the supplychain.cosign authors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

# This module util is **PRIVATE** to the collection. It can change at any time.
from __future__ import annotations

import ipaddress
import typing as t
import urllib.parse
from dataclasses import dataclass, field

from ansible_collections.supplychain.cosign.plugins.module_utils._formats.rejection import Rejection
from ansible_collections.supplychain.cosign.plugins.module_utils._formats.strict import encode_base64
from ansible_collections.supplychain.cosign.plugins.module_utils._http.url import Origin, is_loopback, origin_of


@dataclass(frozen=True)
class Proxy:
    """An http proxy: where it is, and what it is to be told about us."""

    origin: Origin
    authorization: str | None = field(default=None, repr=False)


@dataclass(frozen=True)
class Proxies:
    """Which proxy serves which origin: URLs as in HTTP_PROXY and HTTPS_PROXY, exceptions as in NO_PROXY."""

    http: str | None = field(default=None, repr=False)
    https: str | None = field(default=None, repr=False)
    bypass: str = ""

    def serving(self, origin: Origin) -> Proxy | None:
        """As Go's httpproxy decides, so that cosign's settings serve here too: this machine is never proxied."""
        text = self.https if origin.scheme == "https" else self.http
        if not text or is_loopback(origin.host) or any(_bypasses(entry, origin) for entry in self.bypass.split(",")):
            return None
        return _parse_proxy(text)


def proxies_from(environ: t.Mapping[str, str]) -> Proxies:
    """The proxies that variables name; the upper-case spelling goes first, as in Go."""

    def variable(name: str) -> str:
        return environ.get(name) or environ.get(name.lower()) or ""

    return Proxies(variable("HTTP_PROXY") or None, variable("HTTPS_PROXY") or None, variable("NO_PROXY"))


def _parse_proxy(text: str) -> Proxy:
    scheme, separator, rest = text.partition("://")
    if not separator:
        scheme, rest = "http", text
    if scheme.lower() != "http":
        raise Rejection("POLICY_UNSUPPORTED", "The proxy is not an http:// one; name one that is, or none.")
    user, at, host = rest.rstrip("/").rpartition("@")
    try:
        origin = origin_of("http", host)
    except Rejection:
        # the text may hold a password, so it is not shown
        raise Rejection("MALFORMED", "The proxy does not read as http://[USER:PASSWORD@]HOST[:PORT].") from None
    return Proxy(origin, f"Basic {encode_base64(urllib.parse.unquote_to_bytes(user))}" if at else None)


def _bypasses(entry: str, origin: Origin) -> bool:
    entry = entry.strip().lower()
    if entry == "*":
        return True
    host, colon, port = entry.rpartition(":")
    if colon and port.isdigit() and (":" not in host or host.endswith("]")):
        if int(port[:9]) != origin.port:
            return False
        entry = host
    entry = entry.strip("[]")
    if not entry:
        return False
    try:
        return ipaddress.ip_address(origin.host) in ipaddress.ip_network(entry, strict=False)
    except ValueError:
        pass
    domain = entry.lstrip("*").lstrip(".")
    if not domain:
        return False
    # ".example.com" means what is below example.com, "example.com" means itself too
    return origin.host.endswith(f".{domain}") or (origin.host == domain and not entry.startswith((".", "*")))
