# Copyright (c) 2026, the supplychain.cosign authors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""Requests to each endpoint of Fulcio, Rekor and the timestamp authority, right ones and such as are refused."""

from __future__ import annotations

import base64
import hashlib
import json
import time
import typing as t
from dataclasses import dataclass

from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec, rsa

from tests.interop.shapes import Answer, ask
from tests.support.sigstore import der
from tests.support.sigstore.issuer import Identity, Issuer
from tests.support.sigstore.virtual import b64, pae, public_pem, spki
from tests.support.sigstore.x509 import pem

KEY = ec.generate_private_key(ec.SECP256R1())
ANOTHER = ec.generate_private_key(ec.SECP256R1())
ENTRIES_1, ENTRIES_2 = "/api/v1/log/entries", "/api/v2/log/entries"


@dataclass(frozen=True)
class Side:
    """The real services, or the virtual ones."""

    issuer: Issuer
    fulcio: str
    rekor1: str
    rekor2: str
    tsa: str

    def token(self, **changes: t.Any) -> str:
        return self.issuer.token(self.issuer.email("someone@mail.example"), **changes)


Case = t.Callable[[Side], "Answer | list[Answer]"]
CASES: dict[str, Case] = {}


def case(function: Case) -> Case:
    CASES[getattr(function, "__name__", "").replace("_", " ").strip()] = function
    return function


def request_certificate(side: Side, token: str, **more: t.Any) -> Answer:
    key = more or {"certificateSigningRequest": b64(signing_request())}
    return ask("POST", f"{side.fulcio}/api/v2/signingCert", {"credentials": {"oidcIdentityToken": token}, **key})


def signing_request() -> bytes:
    builder = x509.CertificateSigningRequestBuilder().subject_name(x509.Name([]))
    return builder.sign(KEY, hashes.SHA256()).public_bytes(serialization.Encoding.PEM)


def sign(data: bytes, key: ec.EllipticCurvePrivateKey = KEY) -> bytes:
    return key.sign(data, ec.ECDSA(hashes.SHA256()))


def proof(name: str, key: ec.EllipticCurvePrivateKey = KEY) -> dict[str, t.Any]:
    public = {"algorithm": "ECDSA", "content": public_pem(KEY).decode()}
    return {"publicKeyRequest": {"publicKey": public, "proofOfPossession": b64(sign(name.encode(), key))}}


@case
def fulcio_with_a_signing_request(side: Side) -> Answer:
    return request_certificate(side, side.token())


@case
def fulcio_with_a_proof(side: Side) -> Answer:
    return request_certificate(side, side.token(), **proof("someone@mail.example"))


@case
def fulcio_for_a_machine(side: Side) -> Answer:
    machine = side.issuer.uri("build/app")
    return request_certificate(side, side.issuer.token(machine), **proof(machine.name))


@case
def fulcio_for_a_workflow(side: Side) -> Answer:
    workflow = side.issuer.workflow("example/app")
    return request_certificate(side, side.issuer.token(workflow), **proof(workflow.claims["sub"]))


@case
def fulcio_with_the_token_in_the_header(side: Side) -> Answer:
    body = {"certificateSigningRequest": b64(signing_request())}
    return ask("POST", f"{side.fulcio}/api/v2/signingCert", body, Authorization=f"Bearer {side.token()}")


@case
def fulcio_takes_what_it_does_not_know(side: Side) -> Answer:
    more = {"certificateSigningRequest": b64(signing_request()), "unknown": 1}
    return request_certificate(side, side.token(), **more)


@case
def fulcio_with_a_proof_by_another_key(side: Side) -> Answer:
    return request_certificate(side, side.token(), **proof("someone@mail.example", ANOTHER))


@case
def fulcio_with_a_proof_of_another_name(side: Side) -> Answer:
    return request_certificate(side, side.token(), **proof("another@mail.example"))


@case
def fulcio_with_wrong_tokens(side: Side) -> list[Answer]:
    now = int(time.time())
    good = side.token()
    head, claims, signature = good.split(".")
    unsigned = base64.urlsafe_b64encode(b'{"alg":"none"}').rstrip(b"=").decode()
    wrong: list[dict[str, t.Any]] = [
        {"aud": "another"},
        {"exp": now - 100},
        {"nbf": now + 1000},
        {"iss": "http://127.0.0.1:1/email"},
        {"iss": None},
        {"aud": None},
        {"exp": None},
        {"email": None},
        {"email_verified": False},
        {"email": "no address"},
        {"key": rsa.generate_private_key(65537, 2048)},
    ]
    tokens = [
        *(side.token(**one) for one in wrong),
        "",
        "garbage",
        f"{head}.{claims}.",
        f"{head}.{claims}",
        f"{head}.{claims}.{signature[:-4]}AAAA",
        f"{unsigned}.{claims}.",
        side.issuer.token(Identity("", f"{side.issuer.url}/uri", {"sub": "https://another.example/app"})),
        side.issuer.token(Identity("", f"{side.issuer.url}/uri", {"sub": "no URI"})),
        side.issuer.token(side.issuer.workflow("example/app"), job_workflow_ref=None),
        side.issuer.token(side.issuer.workflow("example/app"), run_id=""),
    ]
    return [request_certificate(side, one) for one in tokens]


@case
def fulcio_with_tokens_that_are_still_good(side: Side) -> list[Answer]:
    now = int(time.time())
    changes: list[dict[str, t.Any]] = [{"aud": ["another", "sigstore"]}, {"nbf": now + 200}, {"nbf": None}]
    return [request_certificate(side, side.token(**one)) for one in changes]


@case
def fulcio_with_wrong_requests(side: Side) -> list[Answer]:
    token = side.token()
    request = x509.load_pem_x509_csr(signing_request()).public_bytes(serialization.Encoding.DER)
    forged = request[:-3] + bytes([request[-3] ^ 1]) + request[-2:]
    armoured = pem(forged).replace(b"CERTIFICATE", b"CERTIFICATE REQUEST")
    return [
        request_certificate(side, token, certificateSigningRequest=""),
        request_certificate(side, token, certificateSigningRequest=b64(b"garbage")),
        request_certificate(side, token, certificateSigningRequest=b64(armoured)),
        request_certificate(side, token, certificateSigningRequest="%%%"),
        request_certificate(side, token, publicKeyRequest={}),
        request_certificate(side, token, publicKeyRequest={"publicKey": {"content": "garbage"}}),
        ask("POST", f"{side.fulcio}/api/v2/signingCert", b"garbage"),
        ask("POST", f"{side.fulcio}/api/v2/signingCert", {}),
        ask("GET", f"{side.fulcio}/api/v2/signingCert"),
        ask("POST", f"{side.fulcio}/nothing", {}),
        ask("GET", f"{side.fulcio}/"),
    ]


def request_certificate_1(side: Side, body: t.Any, token: str) -> Answer:
    return ask("POST", f"{side.fulcio}/api/v1/signingCert", body, Authorization=f"Bearer {token}")


@case
def fulcio_version_1(side: Side) -> list[Answer]:
    public = {"algorithm": "ecdsa", "content": b64(spki(KEY))}
    name = sign(b"someone@mail.example")
    return [
        request_certificate_1(side, {"publicKey": public, "signedEmailAddress": b64(name)}, side.token()),
        request_certificate_1(side, {"certificateSigningRequest": b64(signing_request())}, side.token()),
        request_certificate_1(side, {"publicKey": public, "signedEmailAddress": b64(name[:-1])}, side.token()),
        request_certificate_1(side, {"certificateSigningRequest": b64(signing_request())}, ""),
        request_certificate_1(side, {}, side.token()),
    ]


@case
def fulcio_about_itself(side: Side) -> list[Answer]:
    paths = ("/api/v2/trustBundle", "/api/v1/rootCert", "/api/v2/configuration", "/healthz")
    return [ask("GET", f"{side.fulcio}{path}") for path in paths]


def hashedrekord_1(
    data: bytes, signature: bytes | None = None, verifier: bytes = b"", algorithm: str = "sha256"
) -> t.Any:
    digest = {"algorithm": algorithm, "value": hashlib.sha256(data).hexdigest()}
    signed = {"content": b64(signature or sign(data)), "publicKey": {"content": b64(verifier or public_pem(KEY))}}
    return {"apiVersion": "0.0.1", "kind": "hashedrekord", "spec": {"data": {"hash": digest}, "signature": signed}}


def dsse_1(payload: bytes, key: ec.EllipticCurvePrivateKey = KEY, **changes: t.Any) -> t.Any:
    kind = "application/vnd.in-toto+json"
    envelope = {"payloadType": kind, "payload": b64(payload), "signatures": [{"sig": b64(sign(pae(payload), key))}]}
    # Spaces and order of its own: what is hashed is the text that was uploaded.
    proposed = {"envelope": json.dumps(envelope, indent=1), "verifiers": [b64(public_pem(KEY))], **changes}
    return {"apiVersion": "0.0.1", "kind": "dsse", "spec": {"proposedContent": proposed}}


@case
def rekor_1_adds_a_hashedrekord_once(side: Side) -> list[Answer]:
    asked = hashedrekord_1(b"once")
    return [ask("POST", f"{side.rekor1}{ENTRIES_1}", asked) for _time in range(2)]


@case
def rekor_1_adds_a_dsse_once(side: Side) -> list[Answer]:
    asked = dsse_1(b'{"once": 1}')
    return [ask("POST", f"{side.rekor1}{ENTRIES_1}", asked) for _time in range(2)]


@case
def rekor_1_adds_with_a_certificate(side: Side) -> Answer:
    told = json.loads(request_certificate(side, side.token()).body)
    leaf = told["signedCertificateEmbeddedSct"]["chain"]["certificates"][0].encode()
    return ask("POST", f"{side.rekor1}{ENTRIES_1}", hashedrekord_1(b"certified", verifier=leaf))


@case
def rekor_1_gives_an_entry(side: Side) -> list[Answer]:
    entries = f"{side.rekor1}{ENTRIES_1}"
    told = json.loads(ask("POST", entries, hashedrekord_1(b"given")).body)
    ((uuid, entry),) = told.items()
    paths = [f"/{uuid}", f"/{uuid[16:]}", f"?logIndex={entry['logIndex']}", "?logIndex=99999"]
    paths += [f"/{uuid[:-4]}0000", "/garbage", f"/{uuid[:-1]}"]
    return [ask("GET", f"{entries}{path}") for path in paths]


@case
def rekor_1_refuses(side: Side) -> list[Answer]:
    spec: dict[str, t.Any] = {}
    wrong = [
        hashedrekord_1(b"data", sign(b"other data")),
        hashedrekord_1(b"data", sign(b"data", ANOTHER)),
        hashedrekord_1(b"data", b"garbage"),
        hashedrekord_1(b"data", verifier=b"garbage"),
        dsse_1(b"{}", ANOTHER),
        dsse_1(b"{}", envelope="garbage"),
        b"garbage",
        {},
        {"kind": "unknown", "apiVersion": "0.0.1", "spec": spec},
        {"kind": "hashedrekord", "apiVersion": "0.0.1", "spec": spec},
    ]
    return [
        *(ask("POST", f"{side.rekor1}{ENTRIES_1}", one) for one in wrong),
        ask("POST", f"{side.rekor1}{ENTRIES_1}", hashedrekord_1(b"data"), kind="text/plain"),
        ask("PUT", f"{side.rekor1}{ENTRIES_1}", {}),
        ask("GET", f"{side.rekor1}/api/v1/nothing"),
    ]


@case
def rekor_1_about_itself(side: Side) -> list[Answer]:
    ask("POST", f"{side.rekor1}{ENTRIES_1}", hashedrekord_1(b"not empty"))
    return [ask("GET", f"{side.rekor1}{path}") for path in ("/api/v1/log/publicKey", "/api/v1/log")]


def hashedrekord_2(data: bytes, **changes: t.Any) -> t.Any:
    given = {
        "signature": sign(data),
        "digest": hashlib.sha256(data).digest(),
        "details": "PKIX_ECDSA_P256_SHA_256",
        "verifier": {"publicKey": {"rawBytes": b64(spki(KEY))}},
        **changes,
    }
    verifier = {**given["verifier"], "keyDetails": given["details"]}
    signed = {"content": b64(given["signature"]), "verifier": verifier}
    return {"hashedRekordRequestV002": {"digest": b64(given["digest"]), "signature": signed}}


@case
def rekor_2_adds_once(side: Side) -> list[Answer]:
    asked = hashedrekord_2(b"once")
    answers = [ask("POST", f"{side.rekor2}{ENTRIES_2}", asked) for _time in range(2)]
    index = json.loads(answers[0].body)["logIndex"]
    assert answers[1].headers["x-log-index"] == index
    # Which of all entries it is differs.
    told = answers[1].body.replace(f"index {index}".encode(), b"index N")
    return [answers[0], Answer(answers[1].status, {**answers[1].headers, "x-log-index": "N"}, told)]


@case
def rekor_2_adds_with_a_certificate(side: Side) -> Answer:
    told = json.loads(request_certificate(side, side.token()).body)
    leaf = x509.load_pem_x509_certificate(told["signedCertificateEmbeddedSct"]["chain"]["certificates"][0].encode())
    verifier = {"x509Certificate": {"rawBytes": b64(leaf.public_bytes(serialization.Encoding.DER))}}
    return ask("POST", f"{side.rekor2}{ENTRIES_2}", hashedrekord_2(b"certified", verifier=verifier))


@case
def rekor_2_refuses(side: Side) -> list[Answer]:
    wrong = [
        hashedrekord_2(b"data", signature=sign(b"other data")),
        hashedrekord_2(b"data", signature=sign(b"data", ANOTHER)),
        hashedrekord_2(b"data", signature=b""),
        hashedrekord_2(b"data", digest=b"short"),
        hashedrekord_2(b"data", digest=bytes(32)),
        hashedrekord_2(b"data", details="PKIX_ECDSA_P384_SHA_384"),
        hashedrekord_2(b"data", details="UNKNOWN"),
        hashedrekord_2(b"data", verifier={"publicKey": {"rawBytes": b64(b"garbage")}}),
        hashedrekord_2(b"data", verifier={"x509Certificate": {"rawBytes": b64(spki(KEY))}}),
        {"dsseRequestV002": {"envelope": {}, "verifiers": []}},
        {"unknown": 1},
        {},
        b"garbage",
    ]
    entries = f"{side.rekor2}{ENTRIES_2}"
    return [*(ask("POST", entries, one) for one in wrong), ask("GET", entries), ask("GET", f"{side.rekor2}/nothing")]


@case
def rekor_2_reads_nothing_itself(side: Side) -> list[Answer]:
    paths = ("checkpoint", "tile/0/000.p/1", "tile/entries/000.p/1", "tile/entries/000")
    return [ask("GET", f"{side.rekor2}/api/v2/{path}") for path in paths] + [ask("GET", f"{side.rekor2}/healthz")]


def stamp_request(**changes: t.Any) -> bytes:
    given = {"digest": hashlib.sha256(b"signature").digest(), "algorithm": "2.16.840.1.101.3.4.2.1", **changes}
    algorithm = der.sequence(der.oid(given["algorithm"]), der.null())
    options = [der.oid(given["policy"])] if "policy" in given else []
    options += [] if given.get("nonce", 7) is None else [der.integer(given.get("nonce", 7))]
    options += [der.boolean(True)] if given.get("certificate") else []
    return der.sequence(der.integer(1), der.sequence(algorithm, der.octets(given["digest"])), *options)


def stamp(side: Side, body: bytes, kind: str = "application/timestamp-query") -> Answer:
    return ask("POST", side.tsa, body, kind)


@case
def tsa_stamps(side: Side) -> list[Answer]:
    asked: list[dict[str, t.Any]] = [
        {},
        {"certificate": True},
        {"nonce": None},
        {"nonce": 2**100},
        {"policy": "1.3.6.1.4.1.57264.2"},
    ]
    return [stamp(side, stamp_request(**one)) for one in asked]


@case
def tsa_refuses(side: Side) -> list[Answer]:
    return [
        stamp(side, stamp_request(digest=bytes(20), algorithm="1.3.14.3.2.26")),
        stamp(side, stamp_request(digest=bytes(20))),
        stamp(side, stamp_request(algorithm="1.2.3")),
        stamp(side, stamp_request(policy="1.2.3")),
        stamp(side, b"garbage"),
        stamp(side, b""),
        stamp(side, stamp_request()[:-1]),
        stamp(side, stamp_request() + b"xx"),
        stamp(side, stamp_request(), "text/plain"),
        stamp(side, stamp_request(), "application/octet-stream"),
        ask("GET", side.tsa),
        ask("GET", side.tsa.replace("timestamp", "nothing")),
    ]


@case
def tsa_about_itself(side: Side) -> list[Answer]:
    return [ask("GET", f"{side.tsa}/certchain"), ask("GET", side.tsa.replace("/api/v1/timestamp", "/ping"))]
