# Copyright (c) 2026, the supplychain.cosign authors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""A token server for a real registry: RS256 tokens as distribution's "Token Authentication Implementation" has them."""

from __future__ import annotations

import base64
import datetime
import hashlib
import json
import secrets
import ssl
import time
import typing as t
import urllib.parse
from pathlib import Path

from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import padding, rsa
from cryptography.x509.oid import NameOID

from tests.support.access import error
from tests.support.http_server import Exchange, HTTPServer, Request, Response

ISSUER = "token-server"
SERVICE = "registry"
_LIFETIME = 300


class TokenServer:
    """Gives every user all that is asked for, and those without credentials ``pull`` of what is below ``public/``.

    ``certificate`` is the file that the registry's ``rootcertbundle`` names, ``realm`` the address for its challenges.
    """

    def __init__(self, users: dict[str, str], directory: Path, tls: ssl.SSLContext | None = None):
        self._users = users
        self._key = rsa.generate_private_key(65537, 2048)
        self.certificate = directory / "token-server.pem"
        self.certificate.write_bytes(_self_signed(self._key))
        self._server = HTTPServer(self._handle, self._answer, tls=tls)
        self.realm = f"{'https' if tls else 'http'}://127.0.0.1:{self._server.port}/token"

    def close(self) -> None:
        """End the server."""
        self._server.close()

    def _handle(self, exchange: Exchange) -> Response:
        return exchange.normal()

    def _answer(self, request: Request) -> Response:
        if (request.method, request.path) != ("GET", "/token"):
            return error(404, "NOT_FOUND", "only GET /token is served")
        user = None
        if "authorization" in request.headers:
            user = self._user(request.headers["authorization"])
            if user is None:
                return error(401, "UNAUTHORIZED", "wrong user name or password")
        pairs = urllib.parse.parse_qsl(request.target.partition("?")[2])
        asked = [scope for name, value in pairs if name == "scope" for scope in value.split()]
        token = self._token(user or "", [granted for scope in asked if (granted := _granted(scope, user))])
        body = {"token": token, "access_token": token, "expires_in": _LIFETIME}
        return Response(200, {"Content-Type": "application/json"}, json.dumps(body).encode())

    def _user(self, authorization: str) -> str | None:
        name, _colon, password = base64.b64decode(authorization.removeprefix("Basic ")).decode().partition(":")
        return name if password and self._users.get(name) == password else None

    def _token(self, user: str, access: list[dict[str, t.Any]]) -> str:
        now = int(time.time())
        header = {"typ": "JWT", "alg": "RS256", "kid": _key_id(self._key.public_key())}
        claims = {
            "iss": ISSUER,
            "sub": user,
            "aud": SERVICE,
            "iat": now,
            "nbf": now - 10,
            "exp": now + _LIFETIME,
            "jti": secrets.token_hex(8),
            "access": access,
        }
        signed = f"{_base64(json.dumps(header).encode())}.{_base64(json.dumps(claims).encode())}"
        signature = self._key.sign(signed.encode(), padding.PKCS1v15(), hashes.SHA256())
        return f"{signed}.{_base64(signature)}"


def _granted(scope: str, user: str | None) -> dict[str, t.Any] | None:
    kind, _colon, rest = scope.partition(":")
    name, _colon, actions = rest.rpartition(":")
    allowed = actions.split(",")
    if user is None:
        allowed = [action for action in allowed if action == "pull" and name.startswith("public/")]
    return {"type": kind, "name": name, "actions": allowed} if allowed else None


def _base64(data: bytes) -> str:
    return base64.urlsafe_b64encode(data).rstrip(b"=").decode()


def _key_id(key: rsa.RSAPublicKey) -> str:
    """The name by which the registry finds the key: libtrust's, 30 bytes of a SHA-256 in groups of four letters."""
    spki = key.public_bytes(serialization.Encoding.DER, serialization.PublicFormat.SubjectPublicKeyInfo)
    letters = base64.b32encode(hashlib.sha256(spki).digest()[:30]).decode()
    return ":".join(letters[start : start + 4] for start in range(0, len(letters), 4))


def _self_signed(key: rsa.RSAPrivateKey) -> bytes:
    name = x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, ISSUER)])
    now = datetime.datetime.now(datetime.timezone.utc)
    certificate = (
        x509.CertificateBuilder(name, name, key.public_key(), x509.random_serial_number())
        .not_valid_before(now - datetime.timedelta(hours=1))
        .not_valid_after(now + datetime.timedelta(days=1))
        .sign(key, hashes.SHA256())
    )
    return certificate.public_bytes(serialization.Encoding.PEM)
