# Copyright (c) 2026, the supplychain.cosign authors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

# This module util is **PRIVATE** to the collection. It can change at any time.
from __future__ import annotations

import re
import typing as t
from dataclasses import dataclass

from ansible_collections.supplychain.cosign.plugins.module_utils._evidence.general_name import (
    DIRECTORY,
    DNS,
    EMAIL,
    IP,
    URI,
    GeneralName,
    read_distinguished_name,
)
from ansible_collections.supplychain.cosign.plugins.module_utils._formats.der import Reader, constructed
from ansible_collections.supplychain.cosign.plugins.module_utils._formats.rejection import Rejection

MAX_SUBTREES = 256
_HOST = re.compile(rb"(?:\.?[A-Za-z0-9_-]+(?:\.[A-Za-z0-9_-]+)*\.?)?\Z")
_URI_HOST = re.compile(r"[A-Za-z][A-Za-z0-9+.-]*://(?:[^/?#@]*@)?(\[[^\]/?#]*\]|[^/?#:@\[\]]*)(?::[0-9]*)?(?:[/?#]|\Z)")


@dataclass(frozen=True)
class NameConstraints:
    """Which names a CA may certify (RFC 5280 §4.2.1.10): subtrees as general names."""

    permitted: tuple[GeneralName, ...]
    excluded: tuple[GeneralName, ...]

    def refuses(self, name: GeneralName) -> bool:
        """Whether `name` may not stand in a certificate below this CA. A kind of name that is constrained and that
        we cannot compare is refused. Raises as Reader does where a constraint itself cannot be read."""
        permitted = [base for base in self.permitted if base.tag == name.tag]
        excluded = [base for base in self.excluded if base.tag == name.tag]
        if not permitted and not excluded:
            return False
        within = _WITHIN.get(name.tag)
        if within is None:
            return True
        found = [within(name.contents, base.contents) for base in excluded]
        if any(one is not False for one in found):
            return True
        return bool(permitted) and not any(within(name.contents, base.contents) for base in permitted)


def read_name_constraints(value: bytes, what: str) -> NameConstraints:
    """Raises as Reader does; minimum and maximum, which RFC 5280 does not use, are refused."""
    outer = Reader(value, what)
    reader = outer.sequence()
    outer.end()
    trees = []
    for number in (0, 1):
        trees.append(_subtrees(reader.enter(constructed(number)), what) if reader.next_is(constructed(number)) else ())
    reader.end()
    return NameConstraints(*trees)


def _subtrees(reader: Reader, what: str) -> tuple[GeneralName, ...]:
    found: list[GeneralName] = []
    while reader.more():
        if len(found) == MAX_SUBTREES:
            raise Rejection("LIMIT_EXCEEDED", f"The {what} are more than {MAX_SUBTREES}.")
        subtree = reader.sequence()
        found.append(GeneralName(*subtree.any()[:2]))
        subtree.end()
    return tuple(found)


# Each says whether a name lies in a subtree; None where that cannot be said, which neither permits nor clears it.


def _dns_within(name: bytes, base: bytes) -> bool | None:
    host, domain = _host(name), _host(base)
    if host is None or domain is None:
        return None
    return _host_within(host, domain) or bool(domain) and host.endswith("." + domain)


def _email_within(name: bytes, base: bytes) -> bool | None:
    local, at, domain = name.rpartition(b"@")
    wanted_local, wanted_at, wanted = base.rpartition(b"@")
    host, within = _host(domain), _host(wanted)
    if not at or host is None or within is None:
        return None
    if wanted_at and not wanted_local:
        return None
    if wanted_at:
        return local == wanted_local and host == within
    return _host_within(host, within)


def _uri_within(name: bytes, base: bytes) -> bool | None:
    match = _URI_HOST.match(name.decode("latin-1"))
    host, domain = _host(match.group(1).encode("latin-1")) if match else None, _host(base)
    if not host or domain is None or host.rpartition(".")[2].isdigit():
        return None
    return _host_within(host, domain)


def _ip_within(name: bytes, base: bytes) -> bool | None:
    if len(base) not in (8, 32):
        return None
    if len(base) != 2 * len(name):
        return False
    mask = base[len(name) :]
    return all(one & bits == net & bits for one, net, bits in zip(name, base, mask))


def _directory_within(name: bytes, base: bytes) -> bool | None:
    found = read_distinguished_name(name, "directory name")
    wanted = read_distinguished_name(base, "name constraint")
    return found[: len(wanted)] == wanted


def _host(name: bytes) -> str | None:
    """A plain host name in lower case, without the root's dot; None for wildcards and whatever else is written."""
    return name.decode("ascii").lower().rstrip(".") if _HOST.match(name) else None


def _host_within(host: str, base: str) -> bool:
    """An empty base holds every host, ".domain" all below it, "domain" only itself."""
    return not base or (host.endswith(base) and len(host) > len(base) if base.startswith(".") else host == base)


_WITHIN: dict[int, t.Callable[[bytes, bytes], bool | None]] = {
    DNS: _dns_within,
    EMAIL: _email_within,
    URI: _uri_within,
    IP: _ip_within,
    DIRECTORY: _directory_within,
}
