# Copyright (c) 2026, the supplychain.cosign authors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""Our clients against the real Fulcio, Rekor v1 and v2, and timestamp authority; what they bring is verified."""

from __future__ import annotations

import contextlib
import datetime
import hashlib
import typing as t
import urllib.error
import urllib.request
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from pathlib import Path

import pytest
from cryptography.hazmat.primitives.asymmetric import ec, rsa

from ansible_collections.supplychain.cosign.plugins.module_utils._evidence.identity import IdentityRule
from ansible_collections.supplychain.cosign.plugins.module_utils._evidence.log import key_details
from ansible_collections.supplychain.cosign.plugins.module_utils._evidence.policy import KeyRule, Policy, SignerRule
from ansible_collections.supplychain.cosign.plugins.module_utils._evidence.read import from_bundle, from_legacy
from ansible_collections.supplychain.cosign.plugins.module_utils._evidence.trust import TrustedRoot
from ansible_collections.supplychain.cosign.plugins.module_utils._evidence.trusted_root import parse_trusted_root
from ansible_collections.supplychain.cosign.plugins.module_utils._evidence.verify import verify
from ansible_collections.supplychain.cosign.plugins.module_utils._formats.bundle import LogEntry, write_bundle
from ansible_collections.supplychain.cosign.plugins.module_utils._formats.dsse import IN_TOTO, Envelope, pae
from ansible_collections.supplychain.cosign.plugins.module_utils._formats.legacy import (
    CERTIFICATE,
    LOG_BUNDLE,
    TIMESTAMP,
    append_signature,
    log_annotation,
    parse_signatures,
    timestamp_annotation,
)
from ansible_collections.supplychain.cosign.plugins.module_utils._formats.log_request import (
    dsse_v1,
    hashedrekord_v1,
    hashedrekord_v2,
)
from ansible_collections.supplychain.cosign.plugins.module_utils._formats.payload import simple_signing_payload
from ansible_collections.supplychain.cosign.plugins.module_utils._formats.pem import build_pem
from ansible_collections.supplychain.cosign.plugins.module_utils._formats.rejection import Rejection
from ansible_collections.supplychain.cosign.plugins.module_utils._formats.statement import sign_statement
from ansible_collections.supplychain.cosign.plugins.module_utils._http.transport import Transport, TransportOptions
from ansible_collections.supplychain.cosign.plugins.module_utils._keys.signer import FileSigner
from ansible_collections.supplychain.cosign.plugins.module_utils._services.client import Client
from ansible_collections.supplychain.cosign.plugins.module_utils._services.fulcio import request_certificate
from ansible_collections.supplychain.cosign.plugins.module_utils._services.rekor import add_entry
from ansible_collections.supplychain.cosign.plugins.module_utils._services.timestamp import request_timestamp
from tests.interop.services import Sigstore
from tests.support.http_server import Exchange, HTTPServer, Request, Response
from tests.support.keys import private_key
from tests.support.signatures import BUNDLE_AT, IMAGE, LEGACY_AT

KINDS = ("ecdsa-p256", "ecdsa-p384", "ecdsa-p521", "ed25519", "rsa-2048", "rsa-4096")


@pytest.fixture(scope="module")
def transport() -> t.Iterator[Transport]:
    with Transport(TransportOptions()) as opened:
        yield opened


@pytest.fixture(scope="module")
def root(sigstore: Sigstore) -> TrustedRoot:
    return parse_trusted_root(sigstore.trusted_root.read_bytes(), "root")


@dataclass
class Signer:
    """Somebody who signs: a key, and the certificates for it, if there are any."""

    signer: FileSigner
    certificates: tuple[bytes, ...]
    rule: SignerRule

    @property
    def pem(self) -> bytes:
        return build_pem("CERTIFICATE", self.certificates[0]) if self.certificates else self.signer.public_key.pem

    def envelope(self, statement: bytes) -> Envelope:
        return Envelope(IN_TOTO, statement, self.signer.sign(pae(IN_TOTO, statement)))

    def request_v2(self, signature: bytes, signed: bytes) -> bytes:
        name = self.signer.hash_name
        details = key_details(self.signer.public_key.kind, name) or ""
        verifier = self.certificates[0] if self.certificates else self.signer.public_key.spki
        digest = hashlib.new(name, signed).digest()
        return hashedrekord_v2(signature, verifier, bool(self.certificates), details, digest)

    def bundle(self, envelope: Envelope, entry: LogEntry, timestamps: t.Sequence[bytes] = ()) -> bytes:
        key_id = None if self.certificates else self.signer.public_key.key_id
        leaf = self.certificates[:1]
        return write_bundle(envelope, key_id=key_id, certificates=leaf, entries=[entry], timestamps=timestamps)


def by_key(kind: str = "ecdsa-p256", hash_name: str = "sha256") -> Signer:
    signer = FileSigner(private_key(kind), hash_name)
    return Signer(signer, (), KeyRule((signer.public_key,)))


def fulcio(sigstore: Sigstore, transport: Transport) -> Client:
    return Client(transport, sigstore.fulcio, "Fulcio", keeps_secrets=True)


@pytest.fixture(params=["key", "e-mail", "workflow"])
def somebody(request: pytest.FixtureRequest, sigstore: Sigstore, transport: Transport) -> Signer:
    if request.param == "key":
        return by_key()
    issuer = sigstore.issuer
    who = issuer.email("someone@mail.example") if request.param == "e-mail" else issuer.workflow("example/app")
    key = ec.generate_private_key(ec.SECP256R1())
    certificates = request_certificate(fulcio(sigstore, transport), issuer.token(who), key)
    return Signer(FileSigner(key, "sha256"), certificates, IdentityRule(identity=who.name, issuer=who.issuer))


def accepts(evidence: t.Any, somebody: Signer, root: TrustedRoot, **policy: t.Any) -> bool:
    now = datetime.datetime.now(datetime.timezone.utc)
    verdict = verify(IMAGE, [evidence], Policy((somebody.rule,), **policy), root, now)
    if verdict.refusal:
        raise verdict.refusal
    return verdict.verified


def log(sigstore: Sigstore, transport: Transport, version: int) -> Client:
    return Client(transport, sigstore.rekor1 if version == 1 else sigstore.rekor2, "The log")


# Fulcio


@pytest.mark.parametrize("version", [1, 2])
@pytest.mark.parametrize("kind", KINDS)
def test_fulcio_certifies_each_kind_of_key(sigstore: Sigstore, transport: Transport, version: int, kind: str) -> None:
    token = sigstore.issuer.token(sigstore.issuer.email("someone@mail.example"))
    client = fulcio(sigstore, transport)
    leaf, *others = request_certificate(client, token, private_key(kind), version)
    assert others and leaf not in others


@pytest.mark.attack("AT-40e")
@pytest.mark.parametrize("version", [1, 2])
@pytest.mark.parametrize(
    "changes", [{"aud": "another"}, {"exp": 1}, {"iss": "https://another.example"}, {"email_verified": False}]
)
def test_fulcio_refuses_a_token_and_we_do_not_show_it(
    sigstore: Sigstore, transport: Transport, version: int, changes: dict[str, t.Any]
) -> None:
    token = sigstore.issuer.token(sigstore.issuer.email("someone@mail.example"), **changes)
    with pytest.raises(Rejection) as refused:
        request_certificate(fulcio(sigstore, transport), token, private_key(), version)
    assert refused.value.code == "AUTH_REFUSED"
    assert "There was an error processing the identity token" in refused.value.message
    assert not any(part in refused.value.message for part in token.split("."))


# Logs and timestamps


def test_a_bundle_in_rekor_v1(sigstore: Sigstore, transport: Transport, root: TrustedRoot, somebody: Signer) -> None:
    envelope = somebody.envelope(sign_statement(IMAGE))
    request = dsse_v1(envelope, somebody.pem)
    client = log(sigstore, transport, 1)
    entry = add_entry(client, 1, request)
    assert accepts(from_bundle(somebody.bundle(envelope, entry), BUNDLE_AT), somebody, root)
    again = add_entry(client, 1, request)
    assert (again.log_index, again.body) == (entry.log_index, entry.body)
    assert accepts(from_bundle(somebody.bundle(envelope, again), BUNDLE_AT), somebody, root)


def test_a_legacy_signature_in_rekor_v1_with_a_timestamp(
    sigstore: Sigstore, transport: Transport, root: TrustedRoot, somebody: Signer
) -> None:
    payload = simple_signing_payload("registry.example/app", IMAGE)
    signature = somebody.signer.sign(payload)
    request = hashedrekord_v1(signature, somebody.pem, hashlib.sha256(payload).digest(), "sha256")
    client = log(sigstore, transport, 1)
    token = request_timestamp(Client(transport, sigstore.tsa, "The timestamp authority"), signature)
    entry = add_entry(client, 1, request)
    assert add_entry(client, 1, request).log_index == entry.log_index
    notes = {LOG_BUNDLE: log_annotation(entry), TIMESTAMP: timestamp_annotation(token)}
    if somebody.certificates:
        notes[CERTIFICATE] = somebody.pem.decode()
    manifest, dummy = append_signature(None, None, payload, signature, notes)
    found = from_legacy(parse_signatures(manifest)[0], payload, LEGACY_AT)
    assert accepts(found, somebody, root, use_signed_timestamps=True)


def test_a_bundle_in_rekor_v2_with_a_timestamp(
    sigstore: Sigstore, transport: Transport, root: TrustedRoot, somebody: Signer
) -> None:
    envelope = somebody.envelope(sign_statement(IMAGE))
    token = request_timestamp(Client(transport, sigstore.tsa, "The timestamp authority"), envelope.signature)
    entry = add_entry(
        log(sigstore, transport, 2), 2, somebody.request_v2(envelope.signature, pae(IN_TOTO, envelope.payload))
    )
    assert accepts(from_bundle(somebody.bundle(envelope, entry, [token]), BUNDLE_AT), somebody, root)


@pytest.mark.parametrize(("kind", "name"), [("ecdsa-p384", "sha384"), ("ecdsa-p521", "sha512"), ("rsa-3072", "sha256")])
def test_other_keys_in_rekor_v2(
    sigstore: Sigstore, transport: Transport, root: TrustedRoot, kind: str, name: str
) -> None:
    key = rsa.generate_private_key(65537, 3072) if kind == "rsa-3072" else private_key(kind)
    signer = FileSigner(key, name)
    somebody = Signer(signer, (), KeyRule((signer.public_key,)))
    envelope = somebody.envelope(sign_statement(IMAGE))
    request = somebody.request_v2(envelope.signature, pae(IN_TOTO, envelope.payload))
    entry = add_entry(log(sigstore, transport, 2), 2, request)
    assert accepts(from_bundle(somebody.bundle(envelope, entry), BUNDLE_AT), somebody, root)


@pytest.mark.parametrize("version", [1, 2])
def test_a_log_refuses_a_signature_that_is_none(sigstore: Sigstore, transport: Transport, version: int) -> None:
    somebody, digest = by_key(), hashlib.sha256(b"other").digest()
    signature = somebody.signer.sign(b"signed")
    request = (
        hashedrekord_v1(signature, somebody.pem, digest, "sha256")
        if version == 1
        else somebody.request_v2(signature, b"other")
    )
    with pytest.raises(Rejection, match=r"answered 400 to the entry that was sent\. It said: '") as refused:
        add_entry(log(sigstore, transport, version), version, request)
    assert refused.value.code == "POLICY_UNSUPPORTED"


# The tiles of Rekor v2


@contextlib.contextmanager
def tiles(sigstore: Sigstore) -> t.Iterator[str]:
    """The same log as an operator puts it together: entries go to Rekor, its folder is served below /api/v2/."""
    folder = sigstore.trusted_root.parent / "rekor2"

    def answer(request: Request) -> Response:
        if request.method == "POST":
            return _passed_on(sigstore.rekor2 + request.path, request.body)
        found = Path(folder, request.path.removeprefix("/api/v2/"))
        return Response(200, {}, found.read_bytes()) if found.is_file() else Response(404)

    with contextlib.closing(HTTPServer(Exchange.normal, answer)) as server:
        yield f"http://127.0.0.1:{server.port}"


def _passed_on(url: str, body: bytes) -> Response:
    sent = urllib.request.Request(url, body, {"Content-Type": "application/json"})
    try:
        with urllib.request.urlopen(sent, timeout=60) as answered:
            return Response(answered.status, {}, answered.read())
    except urllib.error.HTTPError as error:
        kept = {name: value for name, value in error.headers.items() if name.lower() == "x-log-index"}
        return Response(error.code, kept, error.read())


@pytest.mark.attack("AT-29b", "F-07")
def test_an_entry_that_rekor_v2_holds_already(sigstore: Sigstore, transport: Transport, root: TrustedRoot) -> None:
    somebody = by_key("rsa-2048")
    envelope = somebody.envelope(sign_statement(IMAGE, {"made": "twice"}))
    request = somebody.request_v2(envelope.signature, pae(IN_TOTO, envelope.payload))
    entry = add_entry(log(sigstore, transport, 2), 2, request)

    def known() -> list[bytes]:
        return [one.log_id for one in root.logs]

    def more(number: int) -> int:
        signature = by_key().signer.sign(b"%d" % number)
        return add_entry(log(sigstore, transport, 2), 2, by_key().request_v2(signature, b"%d" % number)).log_index

    with tiles(sigstore) as url:
        client = Client(transport, url, "The log")
        again = add_entry(client, 2, request, known)
        assert (again.log_index, again.body, again.log_id) == (entry.log_index, entry.body, entry.log_id)
        assert accepts(from_bundle(somebody.bundle(envelope, again), BUNDLE_AT), somebody, root)
        # Past the first full tile, so that the tree has two levels of them.
        with ThreadPoolExecutor(100) as pool:
            assert max(pool.map(more, range(300))) > 299
        later = add_entry(client, 2, request, known)
        assert later.inclusion_proof and later.inclusion_proof.tree_size > 300
        assert accepts(from_bundle(somebody.bundle(envelope, later), BUNDLE_AT), somebody, root)


def test_a_log_that_serves_no_tiles(sigstore: Sigstore, transport: Transport) -> None:
    somebody = by_key("rsa-2048")
    signature = somebody.signer.sign(b"no tiles")
    request = somebody.request_v2(signature, b"no tiles")
    index = add_entry(log(sigstore, transport, 2), 2, request).log_index
    with pytest.raises(Rejection, match=f"already, at {index}, and answered 501 .*/api/v2/checkpoint") as refused:
        add_entry(log(sigstore, transport, 2), 2, request)
    assert refused.value.code == "UNREACHABLE"
