# Copyright (c) 2026, the supplychain.cosign authors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""Fulcio of the virtual services, API versions 1 and 2: takes tokens of its issuers, and issues what they say."""

from __future__ import annotations

import base64
import binascii
import json
import typing as t

from cryptography import x509
from cryptography.exceptions import InvalidSignature
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import padding

from tests.support.http_server import Request, Response
from tests.support.sigstore.issuer import AUDIENCE
from tests.support.sigstore.server_parts import (
    Instance,
    Json,
    answer,
    grpc_problem,
    invalid_character,
    is_pure_signature,
)
from tests.support.sigstore.x509 import pem

_LEEWAY = 300
_CHAIN = "application/pem-certificate-chain"
_GITHUB = "https://github.com/"
_CLAIMS = (
    *("job_workflow_ref", "job_workflow_sha", "workflow_ref", "workflow_sha", "workflow", "event_name", "ref", "sha"),
    *("repository", "repository_id", "repository_owner", "repository_owner_id", "repository_visibility"),
    *("runner_environment", "run_id", "run_attempt"),
)


class Refused(Exception):
    """What Fulcio says, always with status 400."""


class Principal(t.NamedTuple):
    """Who a token is of: the name in the certificate, the name to sign as proof, and the claims in the certificate."""

    san: str
    name: str
    issuer: str
    claims: t.Mapping[str, str]


class Fulcio:
    """`detached` makes it hand the SCT beside the certificate instead of in it."""

    def __init__(self, instance: Instance) -> None:
        self._instance = instance
        self.detached = False

    def respond(self, request: Request) -> Response:
        """Answer as the real one does."""
        if request.path not in _PATHS:
            return grpc_problem(404, 5, "Not Found")
        method, respond = _PATHS[request.path]
        if request.method != method:
            return grpc_problem(501, 12, "Method Not Allowed")
        try:
            return respond(self, request)
        except Refused as refused:
            return grpc_problem(400, 3, str(refused))

    def _sign_2(self, request: Request) -> Response:
        asked = _document(request)
        token = (asked.get("credentials") or {}).get("oidcIdentityToken") or _bearer(request)
        certificate, sct = self._issue(token, asked, _key_2)
        chain = {"chain": {"certificates": [pem(one).decode().strip() for one in self._chain(certificate)]}}
        if not self.detached:
            return answer({"signedCertificateEmbeddedSct": chain})
        stamp = {"signedCertificateTimestamp": base64.b64encode(sct).decode()}
        return answer({"signedCertificateDetachedSct": {**chain, **stamp}})

    def _sign_1(self, request: Request) -> Response:
        certificate, sct = self._issue(_bearer(request), _document(request), _key_1)
        headers = {"Content-Type": _CHAIN, **({"SCT": base64.b64encode(sct).decode()} if self.detached else {})}
        return Response(201, headers, b"".join(map(pem, self._chain(certificate))).strip())

    def _issue(self, token: str, asked: Json, key_of: t.Callable[[Json, Principal], t.Any]) -> tuple[bytes, bytes]:
        """The certificate in DER, and the promise of the CT log for it in JSON where it is detached."""
        world, at = self._instance.world, self._instance.clock()
        who = self._principal(token)
        public_key = key_of(asked, who)
        wanted: Json = {
            "san": who.san,
            "issuer": who.issuer,
            "claims": who.claims,
            "ct": None if self.detached else world.ct,
        }
        certificate = world.ca.issue(public_key, at, **{**wanted, **self._instance.wrong.issue})
        return certificate, world.ct.detached(certificate, at) if self.detached else b""

    def _chain(self, certificate: bytes) -> list[bytes]:
        """Of the intermediates, which may be several of one name, the one that signed."""
        ca = self._instance.world.ca
        signer = self._instance.wrong.issue.get("by", ca.intermediates[0])
        return [certificate, signer.der, ca.root.der]

    def _principal(self, token: str) -> Principal:
        try:
            return self._authenticated(token)
        except (ValueError, KeyError, TypeError, AttributeError, InvalidSignature) as error:
            raise Refused("There was an error processing the identity token") from error

    def _authenticated(self, token: str) -> Principal:
        issuer = self._instance.issuer
        signed, _dot, signature = token.rpartition(".")
        head, claims = (json.loads(_base64url(part)) for part in signed.split("."))
        config = issuer.fulcio_config()[claims["iss"]]
        if head["alg"] != "RS256":
            raise ValueError(head["alg"])
        issuer.public_key.verify(_base64url(signature), signed.encode(), padding.PKCS1v15(), hashes.SHA256())
        audiences = [claims["aud"]] if isinstance(claims["aud"], str) else claims["aud"]
        now = self._instance.clock().timestamp()
        if AUDIENCE not in audiences or now > claims["exp"] or now + _LEEWAY < claims.get("nbf", 0):
            raise ValueError("audience or time")
        return _PRINCIPALS[config["type"]](claims, issuer.url)

    def _bundle(self, _request: Request) -> Response:
        chain = [pem(one).decode() for one in self._chain(b"")[1:]]
        return answer({"chains": [{"certificates": chain}]})

    def _root(self, _request: Request) -> Response:
        return Response(200, {"Content-Type": _CHAIN}, b"\n".join(map(pem, self._chain(b"")[1:])).strip())

    def _configuration(self, _request: Request) -> Response:
        issuers = [
            {
                "issuerUrl": one["issuer-url"],
                "audience": one["client-id"],
                "challengeClaim": "email" if one["type"] == "email" else "sub",
                "spiffeTrustDomain": "",
                "issuerType": one["type"],
                "subjectDomain": one.get("subject-domain", ""),
                "skipEmailVerification": False,
            }
            for one in self._instance.issuer.fulcio_config().values()
        ]
        return answer({"issuers": issuers})

    def _health(self, _request: Request) -> Response:
        return answer({"status": "SERVING"})


_PATHS: t.Mapping[str, tuple[str, t.Callable[[Fulcio, Request], Response]]] = {
    "/api/v2/signingCert": ("POST", Fulcio._sign_2),
    "/api/v1/signingCert": ("POST", Fulcio._sign_1),
    "/api/v2/trustBundle": ("GET", Fulcio._bundle),
    "/api/v1/rootCert": ("GET", Fulcio._root),
    "/api/v2/configuration": ("GET", Fulcio._configuration),
    "/healthz": ("GET", Fulcio._health),
}


# Who


def _email(claims: Json, _url: str) -> Principal:
    if claims["email_verified"] is not True or "@" not in claims["email"]:
        raise ValueError("address")
    return Principal(claims["email"], claims["email"], claims["iss"], {"token_subject": claims["sub"]})


def _uri(claims: Json, url: str) -> Principal:
    # The real one compares scheme and host, and not the port.
    if not claims["sub"].startswith(url.rpartition(":")[0] + ":"):
        raise ValueError("domain")
    return Principal(claims["sub"], claims["sub"], claims["iss"], {"token_subject": claims["sub"]})


def _workflow(claims: Json, _url: str) -> Principal:
    if not all(map(claims.get, _CLAIMS)):
        raise ValueError("empty claim")
    repository = claims["repository"]
    told = {
        "github_workflow_trigger": claims["event_name"],
        "github_workflow_sha": claims["sha"],
        "github_workflow_name": claims["workflow"],
        "github_workflow_repository": repository,
        "github_workflow_ref": claims["ref"],
        "build_signer_uri": _GITHUB + claims["job_workflow_ref"],
        "build_signer_digest": claims["job_workflow_sha"],
        "runner_environment": claims["runner_environment"],
        "source_repository_uri": _GITHUB + repository,
        "source_repository_digest": claims["sha"],
        "source_repository_ref": claims["ref"],
        "source_repository_identifier": claims["repository_id"],
        "source_repository_owner_uri": _GITHUB + claims["repository_owner"],
        "source_repository_owner_identifier": claims["repository_owner_id"],
        "build_config_uri": _GITHUB + claims["workflow_ref"],
        "build_config_digest": claims["workflow_sha"],
        "build_trigger": claims["event_name"],
        "run_invocation_uri": f"{_GITHUB}{repository}/actions/runs/{claims['run_id']}/attempts/{claims['run_attempt']}",
        "source_repository_visibility_at_signing": claims["repository_visibility"],
        "token_subject": claims["sub"],
    }
    return Principal(_GITHUB + claims["job_workflow_ref"], claims["sub"], claims["iss"], told)


_PRINCIPALS: t.Mapping[str, t.Callable[[Json, str], Principal]]
_PRINCIPALS = {"email": _email, "uri": _uri, "github-workflow": _workflow}


# Which key


def _key_2(asked: Json, who: Principal) -> t.Any:
    if asked.get("certificateSigningRequest"):
        return _requested(_bytes(asked, "certificateSigningRequest"))
    request = asked.get("publicKeyRequest") or {}
    content = (request.get("publicKey") or {}).get("content", "")
    return _proved(content.encode(), _bytes(request, "proofOfPossession"), who)


def _key_1(asked: Json, who: Principal) -> t.Any:
    if asked.get("certificateSigningRequest"):
        return _requested(_bytes(asked, "certificateSigningRequest"))
    return _proved(_bytes(asked.get("publicKey") or {}, "content"), _bytes(asked, "signedEmailAddress"), who)


def _requested(request: bytes) -> t.Any:
    try:
        found = x509.load_pem_x509_csr(request)
    except ValueError as error:
        raise Refused("The certificate signing request could not be parsed") from error
    if not found.is_signature_valid:
        raise Refused("The signature supplied in the request could not be verified")
    return found.public_key()


def _proved(content: bytes, proof: bytes, who: Principal) -> t.Any:
    load = serialization.load_pem_public_key if b"-----" in content else serialization.load_der_public_key
    try:
        key = load(content)
    except ValueError as error:
        raise Refused("The public key supplied in the request could not be parsed") from error
    if not is_pure_signature(key, proof, who.name.encode()):
        raise Refused("The signature supplied in the request could not be verified")
    return key


# What was sent


def _document(request: Request) -> Json:
    try:
        found = json.loads(request.body)
    except ValueError as error:
        raise Refused(invalid_character(request.body.decode("latin-1"))) from error
    if not isinstance(found, dict):
        raise Refused("proto: syntax error (line 1:1): unexpected token")
    return found


def _bytes(found: Json, name: str) -> bytes:
    try:
        return base64.b64decode(found.get(name, ""), validate=True)
    except (binascii.Error, TypeError) as error:
        raise Refused(f'proto: (line 1:1): invalid value for bytes field {name}: "{found[name]}"') from error


def _bearer(request: Request) -> str:
    return request.headers.get("authorization", "").replace("Bearer ", "", 1)


def _base64url(text: str) -> bytes:
    return base64.b64decode(text + "=" * (-len(text) % 4), altchars=b"-_", validate=True)
