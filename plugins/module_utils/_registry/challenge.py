# Copyright (c) 2026, the supplychain.cosign authors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

# This module util is **PRIVATE** to the collection. It can change at any time.
"""What a registry asks for in a 401, and which token server may be told a credential."""

from __future__ import annotations

import re
from dataclasses import dataclass

from ansible_collections.supplychain.cosign.plugins.module_utils._formats.rejection import Rejection
from ansible_collections.supplychain.cosign.plugins.module_utils._http.url import (
    Origin,
    Url,
    is_loopback,
    parse_url,
)

_MAX_CHALLENGE = 4096
_TOKEN = r"[!#$%&'*+.^_`|~0-9A-Za-z-]+"
_PARAMETER = re.compile(rf'({_TOKEN})[ \t]*=[ \t]*(?:({_TOKEN})|"((?:[^"\\]|\\.)*)")')
_SCHEME = re.compile(rf"({_TOKEN})(?:[ ]+|(?=,)|\Z)")
_BETWEEN = re.compile(r"[ \t]*(?:,[ \t]*)+|[ \t]*\Z")

_REALMS = {"registry-1.docker.io": "auth.docker.io"}
"""Token servers that are right whatever the rules below say."""

# Names under which anybody can have one: two hosts below them are not of one owner. There is no public suffix list in
# the standard library; a host that this is too strict for can be listed in trusted_realms.
_SHARED_SUFFIXES = frozenset(
    """
    amazonaws.com appspot.com azurecr.io azurewebsites.net cloudapp.net cloudfront.net core.windows.net duckdns.org
    dyndns.org firebaseapp.com fly.dev github.dev github.io gitlab.io googleapis.com herokuapp.com netlify.app ngrok.io
    ngrok-free.app nip.io onrender.com pages.dev pkg.dev r2.dev repl.co run.app sslip.io svc.id.goog trycloudflare.com
    vercel.app web.app windows.net workers.dev
    """.split()
)
_GENERIC_SECOND_LEVEL = frozenset("ac co com edu go gob gov gv id ltd me mil ne net nhs nom or org plc sch web".split())


@dataclass(frozen=True)
class Challenge:
    """The part of a WWW-Authenticate that is answered: `scheme` is "bearer" or "basic"."""

    scheme: str
    realm: str = ""
    service: str = ""
    error: str = ""


def parse_challenge(header: str) -> Challenge:
    """The challenge to answer of a WWW-Authenticate (RFC 9110 §11.6.1): Bearer goes before Basic, whatever the order.

    Raises MALFORMED for one that does not read as the grammar has it, AUTH_REFUSED where neither is offered. The
    `scope` that a server asks for is not looked at: we ask for our own.
    """
    if len(header) > _MAX_CHALLENGE or not header.isascii() or not header.isprintable():
        raise _malformed()
    found: dict[str, dict[str, str]] = {}
    position = 0
    while position < len(header):
        match = _SCHEME.match(header, position)
        if match is None:
            raise _malformed()
        parameters, position = _parameters(header, match.end())
        found.setdefault(match[1].lower(), parameters)
    for scheme in ("bearer", "basic"):
        if scheme in found:
            of = found[scheme]
            return Challenge(scheme, of.get("realm", ""), of.get("service", ""), of.get("error", ""))
    raise Rejection(
        "AUTH_REFUSED", "The registry wants a kind of login that is neither Basic nor Bearer; none was tried."
    )


def _parameters(header: str, position: int) -> tuple[dict[str, str], int]:
    found: dict[str, str] = {}
    while True:
        match = _PARAMETER.match(header, position)
        if match:
            name = match[1].lower()
            if name in found:
                raise _malformed()
            found[name] = match[2] if match[2] is not None else re.sub(r"\\(.)", r"\1", match[3])
            position = match.end()
        between = _BETWEEN.match(header, position)
        if between is None:
            raise _malformed()
        position = between.end()
        if position == len(header) or _PARAMETER.match(header, position) is None:
            return found, position


def check_realm(realm: str, home: Origin, trusted: bool, with_credential: bool) -> Url:
    """The token server's address, when it may be asked. Raises REALM_REFUSED or MALFORMED.

    https, or http where the registry itself is spoken to in http and lies on the same host or machine. A credential
    goes to the registry's own host, to hosts under the same domain, and to `trusted_realms`; without one any public
    https server may be asked. `trusted`: the user has listed this host.
    """
    url = parse_url(realm)
    origin = url.origin
    same = origin.host == home.host
    if origin.scheme == "http" and not (
        home.scheme == "http" and (same or trusted or (is_loopback(home.host) and is_loopback(origin.host)))
    ):
        raise _refused(url, "without encryption")
    if with_credential and not (same or trusted or is_related(origin.host, home.host)):
        raise _refused(url, "which is not known to belong to it")
    return url


def is_related(host: str, home: str) -> bool:
    """Whether two hosts are of one owner: the same domain, or one is the domain of the other."""
    if _REALMS.get(home) == host:
        return True
    if not (host[-1:].isalpha() and home[-1:].isalpha()):
        return False  # addresses have no domains
    mine, parent = home.partition(".")[2], host.partition(".")[2]
    return (
        (mine == parent and _is_private_domain(mine))
        or (host == mine and _is_private_domain(host))
        or (home == parent and _is_private_domain(home))
    )


def _is_private_domain(name: str) -> bool:
    """A domain that one owner has, as far as can be told: at least two labels, and none of the shared ones."""
    labels = name.split(".")
    if len(labels) < 2 or name in _SHARED_SUFFIXES:
        return False
    if any(name.endswith(f".{suffix}") for suffix in _SHARED_SUFFIXES):
        return False
    return not (len(labels) == 2 and len(labels[1]) == 2 and labels[0] in _GENERIC_SECOND_LEVEL)


def _refused(url: Url, why: str) -> Rejection:
    return Rejection(
        "REALM_REFUSED",
        f"The registry wants its credentials sent to {url.origin}, {why}; nothing was sent. If it is right, list "
        f"{url.origin.authority} in trusted_realms.",
    )


def _malformed() -> Rejection:
    return Rejection("MALFORMED", "The registry's WWW-Authenticate header does not read as one; no login was tried.")
