# Copyright (c) 2026, the supplychain.cosign authors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

# This module util is **PRIVATE** to the collection. It can change at any time.
"""URLs and addresses that others name. One strict reader, so that what was checked is what is connected to."""

from __future__ import annotations

import ipaddress
import re
import typing as t
from dataclasses import dataclass

from ansible_collections.supplychain.cosign.plugins.module_utils._formats.rejection import Rejection

_PORTS = {"http": 80, "https": 443}
_MAX_URL = 8192
_AUTHORITY = r"(?P<host>[A-Za-z0-9](?:[A-Za-z0-9._-]*[A-Za-z0-9])?|\[[0-9a-fA-F:.]+\])(?::(?P<port>[0-9]{1,5}))?"
# RFC 3986 without what parsers read differently: no userinfo, no `\`, no `%` in the host, no control, no non-ASCII.
_TARGET = r"[A-Za-z0-9._~!$&'()*+,;=:@%/?|{}^\[\]-]*"
_URL = re.compile(rf"(?P<scheme>https?)://{_AUTHORITY}(?P<target>(?:[/?]{_TARGET})?)(?:#.*)?\Z", re.IGNORECASE)
_HOST = re.compile(rf"{_AUTHORITY}\Z")


@dataclass(frozen=True)
class Origin:
    """Scheme, lower-case host (IPv6 without brackets) and port: what a credential belongs to."""

    scheme: str
    host: str
    port: int

    @property
    def authority(self) -> str:
        """Host and port as the Host header has them."""
        host = f"[{self.host}]" if ":" in self.host else self.host
        return host if self.port == _PORTS[self.scheme] else f"{host}:{self.port}"

    def __str__(self) -> str:
        return f"{self.scheme}://{self.authority}"


@dataclass(frozen=True)
class Url:
    origin: Origin
    target: str
    """Path and query as they go into the request line."""

    def __str__(self) -> str:
        """For messages: without the query, which may hold a signature or token."""
        return f"{self.origin}{self.target.partition('?')[0]}"


def origin_of(scheme: str, host: str) -> Origin:
    """The origin of `host` or `host:port`; MALFORMED."""
    match = _HOST.match(host)
    return _origin(scheme, match, host)


def parse_url(text: str) -> Url:
    """An absolute http or https URL; MALFORMED for anything that two parsers could read differently."""
    match = _URL.match(text) if len(text) <= _MAX_URL else None
    origin = _origin(match["scheme"].lower() if match else "", match, text)
    target = t.cast("re.Match[str]", match)["target"]
    return Url(origin, target if target.startswith("/") else f"/{target}")


def join(base: Url, location: str) -> Url:
    """A Location or Link as RFC 3986 §5 has it, without its dot segments (MALFORMED)."""
    if location.startswith("//"):
        return parse_url(f"{base.origin.scheme}:{location}")
    if re.match("[A-Za-z][A-Za-z0-9+.-]*:", location):
        return parse_url(location)
    path = base.target.partition("?")[0]
    if location.startswith("?"):
        location = path + location
    elif not location.startswith("/"):
        location = path[: path.rindex("/") + 1] + location
    return parse_url(f"{base.origin}{location}")


def is_loopback(host: str) -> bool:
    """Whether a host *names* this machine: `localhost` or a literal address; nothing is looked up."""
    if host == "localhost":
        return True
    try:
        return ipaddress.ip_address(host).is_loopback
    except ValueError:
        return False


def _networks(names: str) -> tuple[t.Any, ...]:
    return tuple(ipaddress.ip_network(name) for name in names.split())


# Listed here because Python's own is_global changed its mind between 3.9 and 3.13 (IANA special-purpose registries).
_REFUSED_V4 = _networks(
    """
    0.0.0.0/8 10.0.0.0/8 100.64.0.0/10 127.0.0.0/8 169.254.0.0/16 172.16.0.0/12 192.0.0.0/24 192.0.2.0/24
    192.88.99.0/24 192.168.0.0/16 198.18.0.0/15 198.51.100.0/24 203.0.113.0/24 224.0.0.0/3
    """
)
_GLOBAL_V6 = ipaddress.ip_network("2000::/3")
_REFUSED_V6 = _networks("2001::/23 2001:db8::/32 2002::/16 3fff::/20")
_NAT64 = ipaddress.ip_network("64:ff9b::/96")


def is_public(address: str) -> bool:
    """Whether an IP address (as getaddrinfo returns it) lies in the public internet, whatever IPv6 wraps around it."""
    found = ipaddress.ip_address(address.partition("%")[0])
    if isinstance(found, ipaddress.IPv6Address):
        inner = found.ipv4_mapped or (ipaddress.IPv4Address(int(found) & 0xFFFFFFFF) if found in _NAT64 else None)
        if inner is None:
            return found in _GLOBAL_V6 and not any(found in network for network in _REFUSED_V6)
        found = inner
    return not any(found in network for network in _REFUSED_V4)


def _origin(scheme: str, match: re.Match[str] | None, text: str) -> Origin:
    if match is None:
        raise Rejection(
            "MALFORMED", f"The address {_shown(text)} is no plain http or https address, so nothing was sent to it."
        )
    port = int(match["port"]) if match["port"] else _PORTS[scheme]
    host = match["host"].lower().strip("[]")
    if not 0 < port < 65536 or (":" in host and not _is_ipv6(host)):
        raise Rejection("MALFORMED", f"The address {_shown(text)} holds a port or address that does not exist.")
    return Origin(scheme, host, port)


def _shown(text: str) -> str:
    """For messages: where the host may be. A user and password are before an `@`, tokens behind a `?`."""
    return repr(text.rpartition("@")[2].partition("?")[0][:100])


def _is_ipv6(host: str) -> bool:
    try:
        return ipaddress.ip_address(host).version == 6
    except ValueError:
        return False
