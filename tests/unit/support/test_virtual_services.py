# Copyright (c) 2026, the supplychain.cosign authors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""The virtual services: what they count, what can be made wrong with them, and that sigstore-python signs there.

That they answer as the real ones do is for tests/interop/test_virtual_services.py.
"""

from __future__ import annotations

import base64
import functools
import hashlib
import http.client
import json
import ssl
import typing as t
import urllib.parse
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest
from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec, rsa
from sigstore.errors import Error
from sigstore.models import ClientTrustConfig
from sigstore.oidc import IdentityToken
from sigstore.sign import SigningContext
from sigstore.verify import Verifier, policy

from tests.support import faults
from tests.support.certificates import Authority
from tests.support.sigstore.rekor import RekorV2
from tests.support.sigstore.server import ANYBODY, VirtualServices, Wrong
from tests.support.sigstore.virtual import IDENTITY, b64, public_pem

KEY = ec.generate_private_key(ec.SECP256R1())
ARTIFACT = b"what is signed"
Services = t.Iterator[VirtualServices]


@pytest.fixture
def services() -> Services:
    with VirtualServices() as running:
        yield running


def ask(
    method: str, url: str, body: t.Any = None, tls: ssl.SSLContext | None = None, **headers: str
) -> tuple[int, t.Mapping[str, str], bytes]:
    parts = urllib.parse.urlsplit(url)
    connection = http.client.HTTPConnection(parts.netloc, timeout=10)
    if tls:
        connection = http.client.HTTPSConnection(parts.netloc, timeout=10, context=tls)
    try:
        data = body if body is None or isinstance(body, bytes) else json.dumps(body).encode()
        connection.request(method, parts.path, data, {"Content-Type": "application/json", **headers})
        answer = connection.getresponse()
        return answer.status, dict(answer.getheaders()), answer.read()
    finally:
        connection.close()


def certificate(services: VirtualServices, token: str, tls: ssl.SSLContext | None = None) -> t.Any:
    """The leaf, or what Fulcio says against it."""
    found = answered(services, token, tls)
    if "message" in found:
        return found["message"]
    (kind,) = found.values()
    return x509.load_pem_x509_certificate(kind["chain"]["certificates"][0].encode())


def answered(services: VirtualServices, token: str, tls: ssl.SSLContext | None = None) -> t.Any:
    builder = x509.CertificateSigningRequestBuilder().subject_name(x509.Name([]))
    request = builder.sign(KEY, hashes.SHA256()).public_bytes(serialization.Encoding.PEM)
    body = {"credentials": {"oidcIdentityToken": token}, "certificateSigningRequest": b64(request)}
    _status, _headers, data = ask("POST", f"{services.urls.fulcio}/api/v2/signingCert", body, tls)
    return json.loads(data)


@functools.cache
def signed_once(data: bytes) -> bytes:
    """Another signature would be another entry."""
    return KEY.sign(data, ec.ECDSA(hashes.SHA256()))


def entry(services: VirtualServices, version: int, data: bytes = ARTIFACT) -> tuple[int, t.Mapping[str, str], t.Any]:
    signature, value = signed_once(data), hashlib.sha256(data).digest()
    if version == 1:
        signed: t.Any = {"content": b64(signature), "publicKey": {"content": b64(public_pem(KEY))}}
        spec = {"data": {"hash": {"algorithm": "sha256", "value": value.hex()}}, "signature": signed}
        body: t.Any = {"apiVersion": "0.0.1", "kind": "hashedrekord", "spec": spec}
    else:
        raw = KEY.public_key().public_bytes(serialization.Encoding.DER, serialization.PublicFormat.SubjectPublicKeyInfo)
        verifier = {"publicKey": {"rawBytes": b64(raw)}, "keyDetails": "PKIX_ECDSA_P256_SHA_256"}
        signed = {"content": b64(signature), "verifier": verifier}
        body = {"hashedRekordRequestV002": {"digest": b64(value), "signature": signed}}
    url = services.urls.rekor1 if version == 1 else services.urls.rekor2
    status, headers, data = ask("POST", f"{url}/api/v{version}/log/entries", body)
    return status, headers, json.loads(data)


def sign(services: VirtualServices, version: int, name: str = ANYBODY) -> None:
    """Let sigstore-python sign and verify."""
    config = {
        "mediaType": "application/vnd.dev.sigstore.clienttrustconfig.v0.1+json",
        "trustedRoot": services.trusted_root(),
        "signingConfig": services.signing_config(version),
    }
    trust = ClientTrustConfig.from_json(json.dumps(config))
    with SigningContext.from_trust_config(trust).signer(IdentityToken(services.token(name))) as signer:
        bundle = signer.sign_artifact(ARTIFACT)
    issuer = services.issuer.identity(name).issuer
    Verifier(trusted_root=trust.trusted_root).verify_artifact(
        ARTIFACT, bundle, policy.Identity(identity=name, issuer=issuer)
    )


@pytest.mark.parametrize("version", [1, 2])
@pytest.mark.parametrize("name", [ANYBODY, IDENTITY, "machine"])
def test_sigstore_python_signs(services: VirtualServices, version: int, name: str) -> None:
    sign(services, version, f"{services.issuer.url}/build/app" if name == "machine" else name)
    assert [(one.service, one.request.status) for one in services.requests] == [
        ("fulcio", 200),
        *([("tsa", 200)] if version == 2 else []),
        (f"rekor{version}", 201),
    ]
    assert (services.count("fulcio"), services.count("rekor"), services.count("tsa")) == (1, 1, version - 1)
    services.reset_requests()
    assert services.count() == 0


@pytest.mark.parametrize(
    ("wrong", "version"),
    [
        (Wrong(issue={"san": "another@mail.example"}), 1),
        (Wrong(issue={"issuer": "https://another.example"}), 1),
        (Wrong(issue={"sct": {"issuer_key_hash": bytes(32)}}), 1),
        (Wrong(logged={"digest": bytes(32)}), 1),
        (Wrong(logged={"digest": bytes(32)}), 2),
        (Wrong(entry={"promise": b"no promise"}), 1),
        (Wrong(entry={"root": bytes(32)}), 2),
        (Wrong(entry={"note": {"signature": bytes(64)}}), 2),
        (Wrong(stamp={"imprint": bytes(32)}), 2),
        (Wrong(stamp={"status": 2}), 2),
    ],
    ids=lambda one: next(name for name, value in vars(one).items() if value) if isinstance(one, Wrong) else str(one),
)
def test_one_thing_is_wrong(services: VirtualServices, wrong: Wrong, version: int) -> None:
    services.wrong = wrong
    with pytest.raises((Error, ValueError)):
        sign(services, version)
    services.clear_faults()
    sign(services, version)


def test_a_nonce_can_be_wrong(services: VirtualServices) -> None:
    """sigstore-python does not look."""
    services.wrong = Wrong(stamp={"nonce": 4711})
    sign(services, 2)
    assert services.count("tsa") == 1


def test_tokens_say_what_is_asked(services: VirtualServices) -> None:
    refused = "There was an error processing the identity token"
    now = datetime.now(UTC)
    assert isinstance(certificate(services, services.token()), x509.Certificate)
    changes: list[dict[str, t.Any]] = [
        {"aud": "another"},
        {"exp": int((now - timedelta(minutes=1)).timestamp())},
        {"email_verified": None},
        {"key": rsa.generate_private_key(65537, 2048)},
    ]
    assert [certificate(services, services.token(**one)) for one in changes] == [refused] * 4


def test_an_identity_has_the_name_that_was_asked_for(services: VirtualServices) -> None:
    names = [ANYBODY, IDENTITY, f"{services.issuer.url}/build/app"]
    who = [services.issuer.identity(name) for name in names]
    kinds = [one.issuer.rpartition("/")[2] for one in who]
    assert ([one.name for one in who], kinds) == (names, ["email", "github-workflow", "uri"])


def test_another_clock(services: VirtualServices) -> None:
    with VirtualServices(clock=lambda: datetime.now(UTC) - timedelta(hours=1)) as late:
        leaf = certificate(late, late.token())
        assert leaf.not_valid_after_utc < datetime.now(UTC)
        _status, _headers, told = entry(late, 1)
        (found,) = told.values()
        assert found["integratedTime"] < datetime.now(UTC).timestamp() - 3000
    assert certificate(services, services.token()).not_valid_after_utc > datetime.now(UTC)


def test_the_promise_beside_the_certificate(services: VirtualServices) -> None:
    services.fulcio.detached = True
    leaf = certificate(services, services.token())
    with pytest.raises(x509.ExtensionNotFound):
        leaf.extensions.get_extension_for_class(x509.PrecertificateSignedCertificateTimestamps)
    stamp = answered(services, services.token())["signedCertificateDetachedSct"]["signedCertificateTimestamp"]
    assert json.loads(base64.b64decode(stamp))["id"] == b64(services.world.ct.log_id)


@pytest.mark.parametrize("version", [1, 2])
def test_an_entry_is_there_once(services: VirtualServices, version: int) -> None:
    status, _headers, told = entry(services, version)
    again, headers, problem = entry(services, version)
    assert (status, again) == (201, 409)
    if version == 1:
        (uuid,) = told
        assert headers["Location"] == f"/api/v1/log/entries/{uuid}"
        status, _headers, data = ask("GET", services.urls.rekor1 + headers["Location"])
        found = json.loads(data)
        # It is signed anew each time.
        assert found[uuid].pop("verification").keys() == told[uuid].pop("verification").keys()
        assert (status, found) == (200, told)
    else:
        assert headers["X-Log-Index"] == told["logIndex"]
        assert problem["message"].endswith(f"index {told['logIndex']}")


def test_what_others_logged_since_then_is_in_the_proof(services: VirtualServices) -> None:
    _status, _headers, told = entry(services, 1)
    ((uuid, before),) = told.items()
    services.world.rekor.fill(300)
    after = json.loads(ask("GET", f"{services.urls.rekor1}/api/v1/log/entries/{uuid}")[2])[uuid]
    assert (
        before.pop("verification")["inclusionProof"]["treeSize"] + 300
        == (after.pop("verification")["inclusionProof"]["treeSize"])
    )
    assert after == before


def test_tiles_can_be_read_unless_told_otherwise(services: VirtualServices) -> None:
    _status, _headers, told = entry(services, 2)
    url, log = f"{services.urls.rekor2}/api/v2", services.world.rekor2
    size = len(log.tree.leaves)
    names = (
        "checkpoint",
        f"tile/0/000.p/{size}",
        f"tile/entries/000.p/{size}",
        f"tile/0/000.p/{size + 1}",
        "tile/0/000",
    )
    answers = [ask("GET", f"{url}/{name}") for name in names]
    assert [status for status, _headers, _body in answers] == [200, 200, 200, 404, 404]
    assert answers[0][2].startswith(f"127.0.0.1\n{size}\n{b64(log.tree.root())}\n".encode())
    assert base64.b64decode(told["canonicalizedBody"]) in answers[2][2]
    services.rekor2.tiles = False
    assert [ask("GET", f"{url}/{name}")[0] for name in names] == [501] * 5


def test_tiles_of_a_large_log(services: VirtualServices) -> None:
    services.world.rekor2 = log = RekorV2(url=services.urls.rekor2, origin="127.0.0.1", before=256 * 1000 + 3)
    url = f"{services.urls.rekor2}/api/v2/tile"
    assert ask("GET", f"{url}/entries/x001/000.p/3")[2].endswith(log.tree.leaves[-1])
    assert ask("GET", f"{url}/1/003.p/232")[2][:32] == log.tree.part(256 * 256 * 3, 256 * 256 * 3 + 256)
    assert ask("GET", f"{url}/2/000.p/3")[2][-32:] == log.tree.part(256 * 256 * 2, 256 * 256 * 3)


def test_faults(services: VirtualServices) -> None:
    fault = services.fault("rekor1", faults.too_many_requests("1"), times=1)
    assert [entry(services, version)[0] for version in (2, 1, 1)] == [201, 429, 201]
    assert fault.hits == 1
    services.fault("fulcio", faults.status(500), match=("POST", "signingCert"))
    assert ask("POST", f"{services.urls.fulcio}/api/v2/signingCert", {})[0] == 500
    assert ask("GET", f"{services.urls.fulcio}/healthz")[0] == 200


def test_an_answer_that_is_lost_was_given(services: VirtualServices) -> None:
    services.fault("rekor1", faults.lost_answer, times=1)
    with pytest.raises(ConnectionResetError):
        entry(services, 1)
    assert entry(services, 1)[0] == 409


def test_https(tmp_path: Path) -> None:
    authority = Authority(tmp_path)
    server = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    server.load_cert_chain(*authority.server())
    with VirtualServices(tls=server) as services:
        urls = (services.urls.fulcio, services.urls.rekor1, services.urls.rekor2, services.urls.tsa)
        assert {urllib.parse.urlsplit(url).scheme for url in urls} == {"https"}
        client = ssl.create_default_context(cafile=str(authority.ca))
        assert isinstance(certificate(services, services.token(), client), x509.Certificate)


def test_a_signing_config_of_ones_own(services: VirtualServices) -> None:
    found = services.signing_config(2, 1, tsa=False, rekorTlogConfig={"selector": "EXACT", "count": 2})
    assert [(one["url"], one["majorApiVersion"]) for one in found["rekorTlogUrls"]] == [
        (services.urls.rekor2, 2),
        (services.urls.rekor1, 1),
    ]
    assert (found["tsaUrls"], found["rekorTlogConfig"]["count"]) == ([], 2)
    assert services.trusted_root(tlogs=[])["tlogs"] == []
