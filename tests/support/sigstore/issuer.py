# Copyright (c) 2026, the supplychain.cosign authors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""An OpenID Connect issuer for Fulcio: one server that is several issuers, a path and a kind of identity each."""

from __future__ import annotations

import base64
import json
import time
import typing as t
from dataclasses import dataclass

from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.asymmetric import padding, rsa

from tests.support.http_server import Exchange, HTTPServer, Request, Response

AUDIENCE = "sigstore"
_KEY_ID = "1"
_DISCOVERY, _KEYS = "/.well-known/openid-configuration", "/keys"


@dataclass(frozen=True)
class Identity:
    """Who signs: ``name`` and ``issuer`` as the certificate will have them, and the claims of the token."""

    name: str
    issuer: str
    claims: t.Mapping[str, t.Any]


class Issuer:
    """Serves the keys of its issuers, and makes tokens for whom it is asked. Close it in the end.

    `clock` gives the seconds since 1970 that it takes for now.
    """

    def __init__(self, clock: t.Callable[[], float] = time.time) -> None:
        self._key = rsa.generate_private_key(65537, 2048)
        self._clock = clock
        self.requests: list[Request] = []
        self._server = HTTPServer(Exchange.normal, self._answer)
        self.url = f"http://127.0.0.1:{self._server.port}"

    @property
    def public_key(self) -> rsa.RSAPublicKey:
        """By which its tokens are signed."""
        return self._key.public_key()

    def close(self) -> None:
        """End the server."""
        self._server.close()

    def fulcio_config(self) -> t.Mapping[str, t.Any]:
        """What Fulcio's configuration says of the issuers."""
        kinds: dict[str, dict[str, str]] = {
            "email": {},
            "uri": {"subject-domain": self.url},
            "github-workflow": {},
        }
        return {
            f"{self.url}/{kind}": {"issuer-url": f"{self.url}/{kind}", "client-id": AUDIENCE, "type": kind, **more}
            for kind, more in kinds.items()
        }

    def email(self, address: str) -> Identity:
        """A person."""
        claims = {"sub": f"number of {address}", "email": address, "email_verified": True}
        return Identity(address, f"{self.url}/email", claims)

    def uri(self, path: str) -> Identity:
        """A machine."""
        name = f"{self.url}/{path}"
        return Identity(name, f"{self.url}/uri", {"sub": name})

    def workflow(self, repository: str, file: str = "release.yaml", ref: str = "refs/heads/main") -> Identity:
        """A workflow of GitHub."""
        file = f"{repository}/.github/workflows/{file}@{ref}"
        claims = {
            "sub": f"repo:{repository}:ref:{ref}",
            "job_workflow_ref": file,
            "job_workflow_sha": "a" * 40,
            "workflow_ref": file,
            "workflow_sha": "a" * 40,
            "workflow": "release",
            "event_name": "push",
            "ref": ref,
            "sha": "b" * 40,
            "repository": repository,
            "repository_id": "1",
            "repository_owner": repository.split("/", maxsplit=1)[0],
            "repository_owner_id": "2",
            "repository_visibility": "public",
            "run_id": "3",
            "run_attempt": "1",
            "runner_environment": "github-hosted",
        }
        return Identity(f"https://github.com/{file}", f"{self.url}/github-workflow", claims)

    def identity(self, name: str) -> Identity:
        """Whoever has this name: an address is a person, a path below github.com a workflow, another path a machine."""
        file, mark, ref = name.removeprefix("https://github.com/").partition("@")
        repository, folder, workflow = file.partition("/.github/workflows/")
        if name.startswith("https://github.com/") and mark and folder:
            return self.workflow(repository, workflow, ref)
        return self.email(name) if "@" in name else self.uri(name.removeprefix(f"{self.url}/"))

    def token(self, identity: Identity, *, key: rsa.RSAPrivateKey | None = None, **changes: t.Any) -> str:
        """A token for ten minutes. `changes` replace claims, with None they take them out; `key` signs in its place."""
        now = int(self._clock())
        times = {"iat": now, "nbf": now - 10, "exp": now + 600}
        claims = {"iss": identity.issuer, "aud": AUDIENCE, **times, **identity.claims, **changes}
        told = {name: value for name, value in claims.items() if value is not None}
        signed = f"{_encoded({'typ': 'JWT', 'alg': 'RS256', 'kid': _KEY_ID})}.{_encoded(told)}"
        signature = (key or self._key).sign(signed.encode(), padding.PKCS1v15(), hashes.SHA256())
        return f"{signed}.{_base64(signature)}"

    def _answer(self, request: Request) -> Response:
        self.requests.append(request)
        if request.path == _KEYS:
            return _json({"keys": [self._jwk()]})
        if request.path.endswith(_DISCOVERY):
            issuer = self.url + request.path.removesuffix(_DISCOVERY)
            return _json(
                {
                    "issuer": issuer,
                    "jwks_uri": self.url + _KEYS,
                    "authorization_endpoint": f"{issuer}/auth",
                    "token_endpoint": f"{issuer}/token",
                    "response_types_supported": ["code"],
                    "subject_types_supported": ["public"],
                    "id_token_signing_alg_values_supported": ["RS256"],
                }
            )
        return Response(404)

    def _jwk(self) -> dict[str, str]:
        numbers = self._key.public_key().public_numbers()
        n, e = (_base64(number.to_bytes((number.bit_length() + 7) // 8, "big")) for number in (numbers.n, numbers.e))
        return {"kty": "RSA", "alg": "RS256", "use": "sig", "kid": _KEY_ID, "n": n, "e": e}


def _json(document: t.Mapping[str, t.Any]) -> Response:
    return Response(200, {"Content-Type": "application/json"}, json.dumps(document).encode())


def _encoded(document: t.Mapping[str, t.Any]) -> str:
    return _base64(json.dumps(document).encode())


def _base64(data: bytes) -> str:
    return base64.urlsafe_b64encode(data).rstrip(b"=").decode()
