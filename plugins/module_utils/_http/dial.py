# Copyright (c) 2026, the supplychain.cosign authors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

# This module util is **PRIVATE** to the collection. It can change at any time.
from __future__ import annotations

import socket
import ssl
import threading
import typing as t
from dataclasses import dataclass

from ansible_collections.supplychain.cosign.plugins.module_utils._formats.rejection import Rejection
from ansible_collections.supplychain.cosign.plugins.module_utils._http.proxy import Proxies
from ansible_collections.supplychain.cosign.plugins.module_utils._http.url import Origin, is_public
from ansible_collections.supplychain.cosign.plugins.module_utils._http.wire import (
    Broken,
    Connection,
    Deadline,
)

CONNECT_TIMEOUT = 10.0
READ_TIMEOUT = 30.0
_NO_TLS = ("WRONG_VERSION_NUMBER", "HTTP_REQUEST", "RECORD_LAYER_FAILURE", "UNEXPECTED_EOF", "PACKET_LENGTH_TOO_LONG")

Address = tuple[int, tuple[t.Any, ...]]
"""Family and socket address, as getaddrinfo returns them."""


class NoTls(Broken):
    """The other side does not speak TLS."""


class NotListening(Broken):
    """Nothing listens there."""


@dataclass(frozen=True)
class Tls:
    """How TLS is done: files in PEM. `ca_file` takes the place of the system's authorities, everywhere.

    `ca_option` is what the option of that file is called.

    The client certificate, `insecure` (nothing is verified) and `server_name` (what the certificate must be for, where
    that is not the host) are for the origin that the user named only.
    """

    ca_file: str | None = None
    client_cert: str | None = None
    client_key: str | None = None
    insecure: bool = False
    server_name: str | None = None
    ca_option: str = ""


@dataclass(frozen=True)
class Peer:
    """Whom to connect to, and how far it is trusted."""

    origin: Origin
    is_home: bool
    """The user named this very origin: it gets the client certificate, and `insecure` holds for it."""
    is_named: bool
    """The user named this host, so that it may have any address; what a server names must be public."""


class Dialer:
    """Makes connections. Thread-safe; names are looked up once in its life."""

    def __init__(self, tls: Tls, proxies: Proxies) -> None:
        self._tls = tls
        self._proxies = proxies
        self._lock = threading.Lock()
        self._contexts: dict[bool, ssl.SSLContext] = {}
        self._addresses: dict[Origin, list[Address]] = {}

    def connect(self, peer: Peer, deadline: Deadline) -> Connection:
        """Raises Broken (worth another try), OutOfTime, or Rejection: TLS_REFUSED, REDIRECT_REFUSED, UNREACHABLE."""
        origin = peer.origin
        proxy = self._proxies.serving(origin)
        addresses = self._resolve(proxy.origin if proxy else origin, deadline)
        if not peer.is_named:
            self._check_public(origin, bool(proxy), deadline)
        sock = self._open(addresses, deadline)
        try:
            sock.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
            if proxy and origin.scheme == "https":
                _tunnel(sock, origin, proxy.authorization, deadline)
            if origin.scheme == "https":
                sock = self._secure(sock, peer, deadline)
        except BaseException:
            sock.close()
            raise
        return Connection(sock, READ_TIMEOUT)

    def absolute_form(self, origin: Origin) -> tuple[str, str]:
        """What a request line starts with, and which headers are added, where an http origin is behind a proxy."""
        proxy = self._proxies.serving(origin) if origin.scheme == "http" else None
        if proxy is None:
            return "", ""
        return str(origin), f"Proxy-Authorization: {proxy.authorization}\r\n" if proxy.authorization else ""

    def _resolve(self, origin: Origin, deadline: Deadline) -> list[Address]:
        with self._lock:
            known = self._addresses.get(origin)
        if known is not None:
            return known
        found: list[Address] = []
        failed: list[OSError] = []

        def look_up() -> None:
            try:
                for family, _type, _proto, _name, address in socket.getaddrinfo(
                    origin.host, origin.port, type=socket.SOCK_STREAM
                ):
                    found.append((family, address))
            except (OSError, UnicodeError) as error:
                failed.append(OSError(str(error)))

        # getaddrinfo knows no timeout
        thread = threading.Thread(target=look_up, name=f"resolve {origin.host}", daemon=True)
        thread.start()
        thread.join(deadline.wait(CONNECT_TIMEOUT))
        if thread.is_alive():
            raise Broken("has a name whose look-up does not come to an end")
        if failed or not found:
            raise Broken("has a name that cannot be looked up")
        with self._lock:
            return self._addresses.setdefault(origin, found)

    def is_public(self, origin: Origin, deadline: Deadline) -> bool:
        """Whether all addresses of a host are public ones; they are the ones that are connected to. Raises Broken."""
        return all(is_public(address[0]) for _family, address in self._resolve(origin, deadline))

    def _check_public(self, origin: Origin, proxied: bool, deadline: Deadline) -> None:
        try:
            if self.is_public(origin, deadline):
                return
        except Broken:
            if proxied:  # the proxy looks the name up itself, and one that is not known here is the proxy's
                return
            raise
        raise Rejection(
            "REDIRECT_REFUSED",
            f"The server named {origin}, in a private network; nothing was sent there. If it belongs to the registry, "
            f"list {origin.authority} in trusted_realms.",
        )

    def _open(self, addresses: list[Address], deadline: Deadline) -> socket.socket:
        refused = True
        for family, address in addresses:
            sock = socket.socket(family, socket.SOCK_STREAM)
            try:
                sock.settimeout(deadline.wait(CONNECT_TIMEOUT))
                sock.connect(address)
            except ConnectionRefusedError:
                sock.close()
            except OSError:
                sock.close()
                refused = False
            except BaseException:
                sock.close()
                raise
            else:
                return sock
        raise NotListening("refuses connections") if refused else Broken("cannot be connected to")

    def _secure(self, sock: socket.socket, peer: Peer, deadline: Deadline) -> ssl.SSLSocket:
        context = self._context(peer.is_home)
        name = (self._tls.server_name if peer.is_home else None) or peer.origin.host
        secured = context.wrap_socket(sock, server_hostname=name, do_handshake_on_connect=False)
        try:
            secured.settimeout(deadline.wait(CONNECT_TIMEOUT))
            secured.do_handshake()
        except BaseException as error:
            secured.close()
            raise _handshake_error(error, peer.origin, self._tls.ca_option) from None
        return secured

    def _context(self, home: bool) -> ssl.SSLContext:
        with self._lock:
            if home not in self._contexts:
                self._contexts[home] = _make_context(self._tls, home)
            return self._contexts[home]


def _handshake_error(error: BaseException, origin: Origin, ca_option: str) -> BaseException:
    if isinstance(error, ssl.SSLCertVerificationError):
        what = (
            f"Name the authority that issued it in {ca_option}" if ca_option else "Have this machine trust its issuer"
        )
        return Rejection("TLS_REFUSED", f"The certificate of {origin} was refused: {error.verify_message}. {what}.")
    if isinstance(error, ssl.SSLError) and any(name in (error.reason or str(error)) for name in _NO_TLS):
        return NoTls("does not speak TLS")
    if isinstance(error, ssl.SSLError):
        return Rejection(
            "TLS_REFUSED", f"TLS with {origin} failed ({error.reason}). Check its settings and certificates."
        )
    if isinstance(error, socket.timeout):
        return Broken("did not finish the TLS handshake")
    if isinstance(error, OSError):
        return NoTls("broke the connection during the TLS handshake")
    return error


def _make_context(tls: Tls, home: bool) -> ssl.SSLContext:
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)
    context.minimum_version = ssl.TLSVersion.TLSv1_2
    if tls.insecure and home:
        context.check_hostname = False
        context.verify_mode = ssl.CERT_NONE
    elif tls.ca_file is None:
        context.load_default_certs()
    else:
        _load(tls.ca_file, context.load_verify_locations)
    if tls.client_cert and home:
        _load(tls.client_cert, lambda path: context.load_cert_chain(path, tls.client_key or None, password=""))
    return context


def _load(path: str, load: t.Callable[[str], None]) -> None:
    try:
        load(path)
    except (OSError, ValueError):
        raise Rejection(
            "TLS_REFUSED", f"The file {path} (or the key that belongs to it) cannot be read as PEM; nothing was sent."
        ) from None


def _tunnel(sock: socket.socket, origin: Origin, authorization: str | None, deadline: Deadline) -> None:
    host = f"[{origin.host}]" if ":" in origin.host else origin.host
    head = f"CONNECT {host}:{origin.port} HTTP/1.1\r\nHost: {host}:{origin.port}\r\n"
    if authorization:
        head += f"Proxy-Authorization: {authorization}\r\n"
    connection = Connection(sock, READ_TIMEOUT)
    connection.send(f"{head}\r\n".encode("ascii"), deadline)
    _modern, status, _headers = connection.read_head(deadline)
    if status == 407:
        raise Rejection("AUTH_REFUSED", "The proxy wants a user and password: write http://USER:PASSWORD@HOST:PORT.")
    if not 200 <= status < 300 or not connection.is_quiet():
        raise NotListening(f"cannot be reached through the proxy, which answered {status}")
