# Copyright (c) 2026, the supplychain.cosign authors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""Who may do what at the embedded registry: Basic, or Bearer tokens with the token endpoint built in.

Follows distribution's "Token Authentication Specification" and "OAuth2 Token Authentication".
"""

from __future__ import annotations

import base64
import binascii
import datetime
import json
import secrets
import threading
import time
import typing as t
import urllib.parse
from dataclasses import dataclass

from tests.support.http_server import Request, Response

Kind = t.Literal["basic", "token"]
Scopes = dict[str, set[str]]  # repository name → actions among pull, push, delete

_SERVICE = "embedded-registry"


def error(status: int, code: str, message: str, headers: dict[str, str] | None = None) -> Response:
    """An error as the distribution specification writes them."""
    body = json.dumps({"errors": [{"code": code, "message": message, "detail": None}]}).encode()
    return Response(status, {"Content-Type": "application/json", **(headers or {})}, body)


@dataclass(frozen=True)
class _Token:
    scopes: Scopes
    expires: float


class Access:
    """Checks requests; with tokens, also answers ``/token``.

    Every user may do everything; with ``anonymous_pull`` everybody may pull.
    ``realm``, when set, stands in the challenges instead of our own.
    """

    def __init__(self, kind: Kind | None, users: dict[str, str], anonymous_pull: bool, token_ttl: float, scheme: str):
        self._kind = kind
        self._users = users
        self._anonymous_pull = anonymous_pull
        self._scheme = scheme
        self._lock = threading.Lock()
        self._tokens: dict[str, _Token] = {}
        self._identities: dict[str, str] = {}
        self.token_ttl = token_ttl
        self.realm: str | None = None

    def identity_token(self, user: str) -> str:
        """Make a refresh token that stands for the user."""
        token = secrets.token_urlsafe(24)
        with self._lock:
            self._identities[token] = user
        return token

    def revoke(self) -> None:
        """Forget all access tokens, as if they had expired."""
        with self._lock:
            self._tokens.clear()

    def refuse(self, request: Request, wanted: Scopes) -> Response | None:
        """The challenge to answer with, or None when the request may go on. No scopes: any valid credential will do."""
        if self._kind is None:
            return None
        if self._kind == "basic":
            return self._refuse_basic(request, wanted)
        return self._refuse_token(request, wanted)

    def _is_public(self, wanted: Scopes) -> bool:
        return self._anonymous_pull and bool(wanted) and all(actions == {"pull"} for actions in wanted.values())

    def _refuse_basic(self, request: Request, wanted: Scopes) -> Response | None:
        if "authorization" not in request.headers and self._is_public(wanted):
            return None
        if self._basic_user(request):
            return None
        return error(401, "UNAUTHORIZED", "authentication required", {"WWW-Authenticate": 'Basic realm="registry"'})

    def _refuse_token(self, request: Request, wanted: Scopes) -> Response | None:
        scheme, _space, value = request.headers.get("authorization", "").partition(" ")
        with self._lock:
            token = self._tokens.get(value) if scheme.lower() == "bearer" else None
        reason = ""
        if token and token.expires > time.monotonic():
            if all(actions <= token.scopes.get(name, set()) for name, actions in wanted.items()):
                return None
            reason = ',error="insufficient_scope"'
        elif scheme:
            reason = ',error="invalid_token"'
        realm = self.realm or f"{self._scheme}://{request.headers.get('host', '')}/token"
        scope = " ".join(f"repository:{name}:{','.join(sorted(actions))}" for name, actions in wanted.items())
        challenge = f'Bearer realm="{realm}",service="{_SERVICE}"' + (f',scope="{scope}"' if scope else "") + reason
        return error(401, "UNAUTHORIZED", "authentication required", {"WWW-Authenticate": challenge})

    def _basic_user(self, request: Request) -> str | None:
        scheme, _space, value = request.headers.get("authorization", "").partition(" ")
        if scheme.lower() != "basic":
            return None
        try:
            name, _colon, password = base64.b64decode(value, validate=True).decode().partition(":")
        except (binascii.Error, UnicodeDecodeError):
            return None
        return self._checked(name, password)

    def _checked(self, name: str, password: str) -> str | None:
        return name if name in self._users and self._users[name] == password else None

    def token(self, request: Request) -> Response:
        """Answer the token endpoint: GET with Basic or anonymous, POST with the password and refresh_token grants."""
        if self._kind != "token":
            return error(404, "NOT_FOUND", "this registry has no token endpoint")
        if request.method == "GET":
            return self._token_by_get(request)
        if request.method == "POST":
            return self._token_by_post(request)
        return error(405, "UNSUPPORTED", "GET or POST", {"Allow": "GET, POST"})

    def _token_by_get(self, request: Request) -> Response:
        user = self._basic_user(request)
        if user is None and "authorization" in request.headers:
            return error(401, "UNAUTHORIZED", "authentication required", {"WWW-Authenticate": 'Basic realm="token"'})
        # a query may repeat scope, and the parsed dictionary keeps only the last
        pairs = urllib.parse.parse_qsl(request.target.partition("?")[2])
        scopes = [scope for key, value in pairs if key == "scope" for scope in value.split()]
        return self._grant(user, scopes, offline=request.query.get("offline_token") == "true")

    def _token_by_post(self, request: Request) -> Response:
        form = dict(urllib.parse.parse_qsl(request.body.decode(errors="replace"), keep_blank_values=True))
        offline = form.get("access_type") == "offline"
        user: str | None = None
        if form.get("grant_type") == "password":
            user = self._checked(form.get("username", ""), form.get("password", ""))
        elif form.get("grant_type") == "refresh_token":
            with self._lock:
                user = self._identities.get(form.get("refresh_token", ""))
        else:
            return error(400, "UNSUPPORTED", "unknown grant_type")
        if user is None:
            return error(401, "UNAUTHORIZED", "authentication required")
        return self._grant(user, form.get("scope", "").split(), offline)

    def _grant(self, user: str | None, asked: list[str], offline: bool) -> Response:
        scopes: Scopes = {}
        for scope in asked:
            kind, _colon, rest = scope.partition(":")
            name, _colon, actions = rest.rpartition(":")
            if kind == "repository":
                scopes.setdefault(name, set()).update(self._allowed(user, actions.split(",")))
        token = secrets.token_urlsafe(24)
        with self._lock:
            self._tokens[token] = _Token(scopes, time.monotonic() + self.token_ttl)
        answer: dict[str, t.Any] = {
            "token": token,
            "access_token": token,
            "expires_in": int(self.token_ttl),
            "issued_at": datetime.datetime.now(datetime.timezone.utc).strftime("%Y-%m-%dT%H:%M:%SZ"),
        }
        if user and offline:
            answer["refresh_token"] = self.identity_token(user)
        return Response(200, {"Content-Type": "application/json"}, json.dumps(answer).encode())

    def _allowed(self, user: str | None, actions: list[str]) -> set[str]:
        if user:
            return {"pull", "push", "delete"} if "*" in actions else set(actions)
        return set(actions) & {"pull"} if self._anonymous_pull else set()
