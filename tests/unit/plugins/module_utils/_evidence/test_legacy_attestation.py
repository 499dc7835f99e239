# Copyright (c) 2026, the supplychain.cosign authors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""What cosign 1 and 2 attached under the tag `.att`: an envelope as a layer, logged as intoto or dsse."""

from __future__ import annotations

import datetime
import json
import typing as t

import pytest
from cryptography.hazmat.primitives.asymmetric import ec

from ansible_collections.supplychain.cosign.plugins.module_utils._evidence.identity import IdentityRule
from ansible_collections.supplychain.cosign.plugins.module_utils._evidence.model import Evidence, Location
from ansible_collections.supplychain.cosign.plugins.module_utils._evidence.policy import Policy
from ansible_collections.supplychain.cosign.plugins.module_utils._evidence.read import from_legacy_attestation
from ansible_collections.supplychain.cosign.plugins.module_utils._evidence.trusted_root import parse_trusted_root
from ansible_collections.supplychain.cosign.plugins.module_utils._evidence.verify import verify
from ansible_collections.supplychain.cosign.plugins.module_utils._formats.legacy import LegacyLayer
from ansible_collections.supplychain.cosign.plugins.module_utils._formats.oci import Descriptor, digest_of
from tests.support.sigstore.rekor import RekorV1
from tests.support.sigstore.virtual import (
    AT,
    IDENTITY,
    IN_TOTO,
    ISSUER,
    VirtualSigstore,
    b64,
    pae,
    raw_sign,
    statement,
)
from tests.support.sigstore.x509 import pem

IMAGE, OTHER = digest_of(b"an image"), digest_of(b"another image")
NOW = datetime.datetime(2026, 11, 24, tzinfo=datetime.UTC)
SIGSTORE = VirtualSigstore()
TRUST = parse_trusted_root(json.dumps(SIGSTORE.trusted_root()).encode(), "virtual root")
KIND = "https://cosign.sigstore.dev/attestation/vuln/v1"
KINDS = ["intoto 0.0.1", "intoto 0.0.2", "dsse 0.0.1"]
DSSE = "application/vnd.dsse.envelope.v1+json"


def attested(
    kind: str | None = "intoto 0.0.1",
    *,
    digest: str = IMAGE,
    stamped: bytes | None = None,
    timestamp: bool = False,
    logged: t.Mapping[str, t.Any] | None = None,
    change: t.Callable[[bytes], bytes] = lambda envelope: envelope,
) -> Evidence:
    """An attestation of the identity; `logged` changes what the log took, `change` the envelope after that."""
    key = ec.generate_private_key(ec.SECP256R1())
    payload = statement(digest, predicateType=KIND, _type="https://in-toto.io/Statement/v0.1")
    signature = raw_sign(key, pae(payload))
    certificate = SIGSTORE.ca.issue(key.public_key(), AT, san=IDENTITY, issuer=ISSUER, ct=SIGSTORE.ct)
    signatures = [{"keyid": "", "sig": b64(signature)}]
    envelope = json.dumps({"payloadType": IN_TOTO, "payload": b64(payload), "signatures": signatures}).encode()
    name, dummy, version = (kind or "").partition(" ")
    parts: dict[str, t.Any] = {
        "signature": signature,
        "verifier": pem(certificate),
        "payload": payload,
        "envelope": envelope,
        **(logged or {}),
    }
    if name == "intoto":
        parts["version"] = version
    note = None
    if kind:
        note = RekorV1.legacy_bundle(SIGSTORE.rekor.log(getattr(SIGSTORE.rekor, name)(**parts), at=AT))
    token = SIGSTORE.tsa.timestamp(envelope if stamped is None else stamped, AT) if timestamp else None
    blob = change(envelope)
    layer = LegacyLayer(
        index=0,
        descriptor=Descriptor(DSSE, digest_of(blob), len(blob)),
        signature="",
        certificate=pem(certificate).decode(),
        chain=None,
        log_bundle=note,
        timestamp=json.dumps({"SignedRFC3161Timestamp": b64(token)}) if token else None,
    )
    return from_legacy_attestation(layer, blob, Location(IMAGE, "tag", 0))


def judged(evidence: Evidence, **policy: t.Any) -> str | None:
    rule = IdentityRule(identity=IDENTITY, issuer=ISSUER)
    wanted = Policy(**{"signers": (rule,), "predicate_types": (KIND,), **policy})
    refusal = verify(IMAGE, [evidence], wanted, TRUST, NOW).refusal
    return refusal.code if refusal else None


@pytest.mark.parametrize("kind", KINDS)
def test_each_kind_that_cosign_logged(kind: str) -> None:
    assert judged(attested(kind)) is None
    assert judged(attested(kind, timestamp=True)) is None
    assert judged(attested(kind), predicate_types=("https://sigstore.dev/cosign/sign/v1",)) == "PREDICATE_TYPE"


@pytest.mark.attack("AT-25", "AT-19b")
@pytest.mark.parametrize("kind", KINDS)
def test_what_was_logged_is_compared(kind: str) -> None:
    other = statement(OTHER, predicateType=KIND)
    assert judged(attested(kind, digest=OTHER)) == "SUBJECT_MISMATCH"
    for wrong in ({"payload": other}, {"envelope": b"{}"}, {"verifier": pem(SIGSTORE.sign(IMAGE).certificate)}):
        assert judged(attested(kind, logged=wrong)) == "TLOG_MISMATCH", wrong
    if kind != "intoto 0.0.1":
        assert judged(attested(kind, logged={"signature": b"another"})) == "TLOG_MISMATCH"
    # The bytes that were logged, and no others that say the same.
    assert judged(attested(kind, change=lambda envelope: envelope + b" ")) == "TLOG_MISMATCH"


@pytest.mark.attack("AT-31a")
def test_its_timestamp_is_over_the_envelope() -> None:
    assert judged(attested(None, timestamp=True), ignore_tlog=True) is None
    assert judged(attested(None, timestamp=True, stamped=b"another"), ignore_tlog=True) == "TSA_INVALID"
    assert judged(attested(None), ignore_tlog=True) == "NO_TRUSTED_TIME"


@pytest.mark.attack("AT-01a")
def test_another_blob_than_the_manifest_names() -> None:
    blob = b"{}"
    layer = LegacyLayer(0, Descriptor(DSSE, digest_of(b"another"), len(blob)), "", None, None, None, None)
    error = from_legacy_attestation(layer, blob, Location(IMAGE, "tag", 0)).error
    assert error is not None and error.code == "DIGEST_MISMATCH"


@pytest.mark.attack("AT-22a", "AT-24")
@pytest.mark.parametrize(
    ("change", "wanted"),
    [
        (lambda envelope: b"{}", "MALFORMED"),
        (lambda envelope: envelope.replace(b"in-toto+json", b"other+json"), "PAYLOAD_TYPE"),
        (lambda envelope: json.dumps({**json.loads(envelope), "signatures": []}).encode(), "MALFORMED"),
        (lambda envelope: envelope[:-1] + b',"payload":""}', "DUPLICATE_KEY"),
    ],
)
def test_a_broken_envelope_is_its_error(change: t.Callable[[bytes], bytes], wanted: str) -> None:
    error = attested(change=change).error
    assert error is not None and error.code == wanted
