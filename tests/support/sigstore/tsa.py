# Copyright (c) 2026, the supplychain.cosign authors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""A timestamp authority (RFC 3161) with keys of its own, that can also be made to err in exactly one thing."""

from __future__ import annotations

import hashlib
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any

from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec, ed25519, padding, rsa
from cryptography.x509.oid import ExtendedKeyUsageOID, NameOID

from tests.support.sigstore import der

START, END = datetime(2025, 1, 1, tzinfo=UTC), datetime(2035, 1, 1, tzinfo=UTC)

HASH_OIDS = {
    "md5": "1.2.840.113549.2.5",
    "sha1": "1.3.14.3.2.26",
    "sha256": "2.16.840.1.101.3.4.2.1",
    "sha384": "2.16.840.1.101.3.4.2.2",
    "sha512": "2.16.840.1.101.3.4.2.3",
    "sha3_256": "2.16.840.1.101.3.4.2.8",
}
_HASHES: dict[str, Callable[[], hashes.HashAlgorithm]] = {
    "sha1": hashes.SHA1,
    "sha256": hashes.SHA256,
    "sha384": hashes.SHA384,
    "sha512": hashes.SHA512,
}
_ECDSA = {
    "sha1": "1.2.840.10045.4.1",
    **{f"sha{n}": f"1.2.840.10045.4.3.{i}" for n, i in ((256, 2), (384, 3), (512, 4))},
}
_RSA = {"sha256": "1.2.840.113549.1.1.11", "sha384": "1.2.840.113549.1.1.12", "sha512": "1.2.840.113549.1.1.13"}
RSA_ENCRYPTION, ED25519 = "1.2.840.113549.1.1.1", "1.3.101.112"
SIGNED_DATA, TST_INFO, DATA = "1.2.840.113549.1.7.2", "1.2.840.113549.1.9.16.1.4", "1.2.840.113549.1.7.1"
CONTENT_TYPE, MESSAGE_DIGEST, SIGNING_TIME = (f"1.2.840.113549.1.9.{n}" for n in (3, 4, 5))
ESS_V1, ESS_V2 = "1.2.840.113549.1.9.16.2.12", "1.2.840.113549.1.9.16.2.47"
POLICY = "1.3.6.1.4.1.57264.2"


def new_key(kind: str) -> Any:
    """A private key: "p256", "p384", "p521", "ed25519" or "rsa" with its bits."""
    if kind == "ed25519":
        return ed25519.Ed25519PrivateKey.generate()
    if kind.startswith("rsa"):
        return rsa.generate_private_key(65537, int(kind[3:] or 2048))
    return ec.generate_private_key({"p256": ec.SECP256R1(), "p384": ec.SECP384R1(), "p521": ec.SECP521R1()}[kind])


@dataclass(frozen=True)
class Party:
    """A certificate and the private key that belongs to it."""

    key: Any
    certificate: x509.Certificate

    @property
    def der(self) -> bytes:
        return self.certificate.public_bytes(serialization.Encoding.DER)


def make_party(
    name: str,
    kind: str = "p384",
    issuer: Party | None = None,
    *,
    ca: bool = False,
    usages: Sequence[x509.ObjectIdentifier] | None = (ExtendedKeyUsageOID.TIME_STAMPING,),
    critical: bool = True,
    start: datetime = START,
    end: datetime = END,
    key: Any = None,
) -> Party:
    """A CA (self-signed without an `issuer`), or a leaf; all but a root have the extended key usages `usages`."""
    own = key or new_key(kind)
    public = own.public_key()
    subject = x509.Name(
        [x509.NameAttribute(NameOID.ORGANIZATION_NAME, "virtual.test"), x509.NameAttribute(NameOID.COMMON_NAME, name)]
    )
    signing_key = issuer.key if issuer else own
    builder = (
        x509.CertificateBuilder(
            issuer.certificate.subject if issuer else subject, subject, public, x509.random_serial_number(), start, end
        )
        .add_extension(
            x509.KeyUsage(not ca, False, False, False, False, ca, ca, False, False),
            critical=True,
        )
        .add_extension(x509.SubjectKeyIdentifier.from_public_key(public), critical=False)
        .add_extension(
            x509.AuthorityKeyIdentifier.from_issuer_public_key(signing_key.public_key()),
            critical=False,
        )
    )
    if ca:
        builder = builder.add_extension(x509.BasicConstraints(ca=True, path_length=None), critical=True)
    if usages is not None and not (ca and issuer is None):
        builder = builder.add_extension(x509.ExtendedKeyUsage(usages), critical=critical)
    hash_ = None if isinstance(signing_key, ed25519.Ed25519PrivateKey) else hashes.SHA384()
    return Party(own, builder.sign(signing_key, hash_))


class TimestampAuthority:
    """An authority of its own root, perhaps an intermediate, and a leaf; each may be handed in."""

    def __init__(
        self,
        kind: str = "p384",
        *,
        name: str = "virtual-tsa",
        root: Party | None = None,
        intermediate: bool = False,
        leaf: Party | None = None,
        **of_leaf: Any,
    ) -> None:
        self.root = root or make_party(f"{name}-root", "p384", ca=True)
        self.intermediates = (make_party(f"{name}-ca", "p384", self.root, ca=True),) if intermediate else ()
        self.leaf = leaf or make_party(name, kind, (*self.intermediates, self.root)[0], **of_leaf)

    def chain_der(self) -> list[bytes]:
        """Leaf first, root last."""
        return [one.der for one in (self.leaf, *self.intermediates, self.root)]

    def chain_pem(self) -> bytes:
        parties = (self.leaf, *self.intermediates, self.root)
        return b"".join(one.certificate.public_bytes(serialization.Encoding.PEM) for one in parties)

    def timestamp(
        self,
        signature: bytes,
        at: datetime,
        *,
        status: int = 0,
        status_text: str = "",
        info: bytes | None = None,
        certificates: Sequence[bytes] | None = None,
        signer: Party | None = None,
        signing_key: Any = None,
        sid: str = "issuer",
        ess: Sequence[bytes] | None = None,
        digest: str = "sha256",
        message_digest: bytes | None = None,
        attributes: Sequence[bytes] | None = None,
        content_type: str = TST_INFO,
        algorithm: str | None = None,
        signature_hash: str | None = None,
        cms_signature: bytes | None = None,
        signers: int = 1,
        unsigned: bytes = b"",
        **statement: Any,
    ) -> bytes:
        """A TimeStampResp over `signature`; keywords put one thing of it wrong. `certificates` defaults to the leaf.

        `signer` is whom the token names, `signing_key` who signs it (of `signer` by default); `statement` goes to
        `statement()`.
        """
        party = signer or self.leaf
        content = info if info is not None else self.statement(signature, at, **statement)
        if attributes is None:
            attributes = [
                attribute(CONTENT_TYPE, der.oid(content_type)),
                attribute(SIGNING_TIME, der.utc_time(at)),
                attribute(MESSAGE_DIGEST, der.octets(message_digest or hashlib.new(digest, content).digest())),
                *(ess if ess is not None else [ess_v2(party, with_issuer=True)]),
            ]
        signed = der.set_of(*attributes)
        key = signing_key or party.key
        # as Sigstore's authority does: SHA-256 whatever the curve
        hash_name = signature_hash or ("sha256" if digest in ("md5", "sha1") else digest)
        own_algorithm = (
            ED25519
            if isinstance(key, ed25519.Ed25519PrivateKey)
            else _RSA[hash_name]
            if isinstance(key, rsa.RSAPrivateKey)
            else _ECDSA[hash_name]
        )
        info_of_signer = der.sequence(
            der.integer(1 if sid == "issuer" else 3),
            _sid(party.certificate, sid),
            algorithm_of(HASH_OIDS[digest]),
            der.implicit(0, signed) if attributes else b"",
            algorithm_of(algorithm or own_algorithm),
            der.octets(cms_signature if cms_signature is not None else _sign(key, signed, hash_name)),
            unsigned,
        )
        bag = [self.leaf.der] if certificates is None else certificates
        signed_data = der.sequence(
            der.integer(3),
            der.set_of(algorithm_of(HASH_OIDS[digest])),
            der.sequence(der.oid(TST_INFO), der.explicit(0, der.octets(content))),
            der.explicit(0, *bag) if bag else b"",
            der.set_of(*[info_of_signer] * signers),
        )
        text = der.sequence(der.utf8(status_text)) if status_text else b""
        granted = status in (0, 1)
        return der.sequence(
            der.sequence(der.integer(status), text),
            der.sequence(der.oid(SIGNED_DATA), der.explicit(0, signed_data)) if granted else b"",
        )

    def statement(
        self,
        signature: bytes,
        at: datetime,
        *,
        version: int = 1,
        hash_name: str = "sha256",
        hash_label: str | None = None,
        imprint: bytes | None = None,
        policy: str = POLICY,
        serial: int | None = None,
        gen_time: bytes | None = None,
        accuracy: bytes | None = None,
        ordering: bytes = b"",
        nonce: int | None = None,
        extensions: bytes = b"",
    ) -> bytes:
        """A TSTInfo (RFC 3161 §2.4.2). `gen_time`, `accuracy`, `ordering` and `extensions` are whole elements."""
        hashed = imprint if imprint is not None else hashlib.new(hash_name, signature).digest()
        number = serial if serial is not None else int.from_bytes(hashlib.sha256(signature).digest()[:20], "big")
        return der.sequence(
            der.integer(version),
            der.oid(policy),
            der.sequence(der.sequence(der.oid(HASH_OIDS[hash_label or hash_name]), der.null()), der.octets(hashed)),
            der.integer(number),
            gen_time if gen_time is not None else der.generalized_time(at),
            accuracy if accuracy is not None else der.sequence(der.integer(1)),
            ordering,
            der.integer(nonce) if nonce is not None else b"",
            der.explicit(0, der.explicit(4, self.leaf.certificate.subject.public_bytes())),
            extensions,
        )


def algorithm_of(dotted: str) -> bytes:
    return der.sequence(der.oid(dotted))


def attribute(name: str, *values: bytes) -> bytes:
    return der.sequence(der.oid(name), der.set_of(*values))


def ess_v1(party: Party) -> bytes:
    """RFC 2634: the SHA-1 of the certificate."""
    return attribute(ESS_V1, _ess(der.octets(hashlib.sha1(party.der, usedforsecurity=False).digest())))


def ess_v2(party: Party, hash_name: str = "sha256", *others: Party, with_issuer: bool = False) -> bytes:
    """RFC 5035: SHA-256 unless another hash is named; `others` are more certificates of the path. `with_issuer` also
    names who issued each, and its number."""
    label = b"" if hash_name == "sha256" else algorithm_of(HASH_OIDS[hash_name])
    hashed = [
        der.octets(hashlib.new(hash_name, one.der).digest()) + (_issued(one.certificate) if with_issuer else b"")
        for one in (party, *others)
    ]
    return attribute(ESS_V2, _ess(*(label + one for one in hashed)))


def _issued(certificate: x509.Certificate) -> bytes:
    names = der.sequence(der.explicit(4, certificate.issuer.public_bytes()))
    return der.sequence(names, der.integer(certificate.serial_number))


def _ess(*ids: bytes) -> bytes:
    return der.sequence(der.sequence(*(der.sequence(one) for one in ids)))


def _sid(certificate: x509.Certificate, sid: str) -> bytes:
    if sid == "issuer":
        return der.sequence(certificate.issuer.public_bytes(), der.integer(certificate.serial_number))
    key_id = certificate.extensions.get_extension_for_class(x509.SubjectKeyIdentifier).value.digest
    return der.implicit(0, der.octets(key_id))


def _sign(key: Any, data: bytes, hash_name: str) -> bytes:
    found: bytes
    if isinstance(key, ed25519.Ed25519PrivateKey):
        found = key.sign(data)
    elif isinstance(key, rsa.RSAPrivateKey):
        found = key.sign(data, padding.PKCS1v15(), _HASHES[hash_name]())
    else:
        found = key.sign(data, ec.ECDSA(_HASHES[hash_name]()))
    return found
