# Copyright (c) 2026, the supplychain.cosign authors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""Certificates as DER, made of parts that may each be wrong: names, extensions, the signed whole (RFC 5280)."""

from __future__ import annotations

import base64
import ipaddress
import itertools
import typing as t
from datetime import datetime

from cryptography import x509
from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.asymmetric import ec, ed25519, padding, rsa

from tests.support.sigstore import der
from tests.support.sigstore.ct import spki

CODE_SIGNING, TIME_STAMPING, ANY_USAGE = "1.3.6.1.5.5.7.3.3", "1.3.6.1.5.5.7.3.8", "2.5.29.37.0"
FULCIO = "1.3.6.1.4.1.57264.1."
DIGITAL_SIGNATURE, CERT_SIGN, CRL_SIGN = 0, 5, 6
"""Bits of the key usage, counted from the left (RFC 5280 §4.2.1.3)."""

CLAIMS = {
    "github_workflow_trigger": 2,
    "github_workflow_sha": 3,
    "github_workflow_name": 4,
    "github_workflow_repository": 5,
    "github_workflow_ref": 6,
    "build_signer_uri": 9,
    "build_signer_digest": 10,
    "runner_environment": 11,
    "source_repository_uri": 12,
    "source_repository_digest": 13,
    "source_repository_ref": 14,
    "source_repository_identifier": 15,
    "source_repository_owner_uri": 16,
    "source_repository_owner_identifier": 17,
    "build_config_uri": 18,
    "build_config_digest": 19,
    "build_trigger": 20,
    "run_invocation_uri": 21,
    "source_repository_visibility_at_signing": 22,
    "deployment_environment": 23,
    "token_subject": 24,
}
"""What Fulcio says beside the issuer: the last number of each extension's OID."""

_SERIALS = itertools.count(0x5100)
_HASHES: dict[str, t.Callable[[], hashes.HashAlgorithm]]
_HASHES = {"sha1": hashes.SHA1, "sha256": hashes.SHA256, "sha384": hashes.SHA384, "sha512": hashes.SHA512}
_ECDSA = {"sha1": "1.2.840.10045.4.1"} | {
    f"sha{size}": f"1.2.840.10045.4.3.{last}" for size, last in ((256, 2), (384, 3), (512, 4))
}
_RSA = {"sha1": 5, "sha256": 11, "sha384": 12, "sha512": 13}
_NIST_HASH = {"sha256": 1, "sha384": 2, "sha512": 3}


class Extension(t.NamedTuple):
    oid: str
    value: bytes
    critical: bool = False

    def encoded(self) -> bytes:
        flag = [der.boolean(True)] if self.critical else []
        return der.sequence(der.oid(self.oid), *flag, der.octets(self.value))


# Names


def distinguished_name(**parts: str) -> bytes:
    """A Name: `CN`, `O`, `OU`, `C` in the order given."""
    oids = {"CN": "2.5.4.3", "C": "2.5.4.6", "O": "2.5.4.10", "OU": "2.5.4.11"}
    return der.sequence(*(der.set_of(der.sequence(der.oid(oids[key]), der.utf8(text))) for key, text in parts.items()))


def email(address: str | bytes) -> bytes:
    return der.tlv(0x81, address.encode() if isinstance(address, str) else address)


def dns(host: str | bytes) -> bytes:
    return der.tlv(0x82, host.encode() if isinstance(host, str) else host)


def uri(text: str | bytes) -> bytes:
    return der.tlv(0x86, text.encode() if isinstance(text, str) else text)


def ip(address: str) -> bytes:
    """An address, or a network (with its mask) for name constraints."""
    if "/" in address:
        network = ipaddress.ip_network(address)
        return der.tlv(0x87, network.network_address.packed + network.netmask.packed)
    return der.tlv(0x87, ipaddress.ip_address(address).packed)


def directory(name: bytes) -> bytes:
    return der.explicit(4, name)


def other_name(value: bytes, oid: str = FULCIO + "7") -> bytes:
    """An otherName of one DER element; Fulcio's user names are UTF8Strings."""
    return der.tlv(0xA0, der.oid(oid), der.explicit(0, value))


def general_name(text: str | bytes) -> bytes:
    """A general name as it is, or one of the kind that Fulcio would make of a text."""
    if isinstance(text, bytes):
        return text
    return uri(text) if "://" in text else email(text) if "@" in text else dns(text)


# Extensions


def basic_constraints(is_ca: bool, path_length: int | None = None) -> Extension:
    parts = [der.boolean(True)] if is_ca else []
    parts += [] if path_length is None else [der.integer(path_length)]
    return Extension("2.5.29.19", der.sequence(*parts), True)


def key_usage(*positions: int) -> Extension:
    value = sum(0x80 >> position for position in positions)
    unused = (value & -value).bit_length() - 1 if value else 0
    return Extension("2.5.29.15", der.bits(bytes([value]) if value else b"", unused), True)


def extended_key_usage(*oids: str, critical: bool = False) -> Extension:
    return Extension("2.5.29.37", der.sequence(*(der.oid(one) for one in oids)), critical)


def alternative_names(*names: str | bytes, critical: bool = True) -> Extension:
    return Extension("2.5.29.17", der.sequence(*(general_name(one) for one in names)), critical)


def name_constraints(
    permitted: t.Sequence[bytes] = (), excluded: t.Sequence[bytes] = (), critical: bool = True
) -> Extension:
    trees = [
        der.tlv(0xA0 | number, *(der.sequence(one) for one in names))
        for number, names in enumerate((permitted, excluded))
        if names
    ]
    return Extension("2.5.29.30", der.sequence(*trees), critical)


def subject_key_id(key: t.Any) -> Extension:
    return Extension("2.5.29.14", der.octets(_key_id(key)))


def authority_key_id(key: t.Any) -> Extension:
    return Extension("2.5.29.35", der.sequence(der.tlv(0x80, _key_id(key))))


def issuer_extensions(v1: str | None, v2: str | None) -> list[Extension]:
    found = [] if v1 is None else [Extension(FULCIO + "1", v1.encode())]
    return found + ([] if v2 is None else [Extension(FULCIO + "8", der.utf8(v2))])


def claim_extensions(claims: t.Mapping[str, str]) -> list[Extension]:
    return [
        Extension(f"{FULCIO}{CLAIMS[name]}", value.encode() if CLAIMS[name] < 7 else der.utf8(value))
        for name, value in claims.items()
    ]


def _key_id(key: t.Any) -> bytes:
    """As RFC 5280 §4.2.1.2 (1) names keys."""
    public = key.public_key() if hasattr(key, "public_key") else key
    return x509.SubjectKeyIdentifier.from_public_key(public).digest


# Certificates


def next_serial() -> int:
    return next(_SERIALS)


def to_be_signed(
    *,
    subject: bytes,
    issuer: bytes,
    public_key: t.Any,
    not_before: datetime,
    not_after: datetime,
    extensions: t.Sequence[Extension],
    algorithm: bytes,
    serial: int | None = None,
    version: int = 2,
) -> bytes:
    """TBSCertificate (RFC 5280 §4.1)."""
    return der.sequence(
        der.explicit(0, der.integer(version)),
        der.integer(next_serial() if serial is None else serial),
        algorithm,
        issuer,
        der.sequence(_time(not_before), _time(not_after)),
        subject,
        public_key if isinstance(public_key, bytes) else spki(public_key),
        *([der.explicit(3, der.sequence(*(one.encoded() for one in extensions)))] if extensions else []),
    )


def signature_algorithm(key: t.Any, hash_name: str, pss: bool = False) -> bytes:
    """AlgorithmIdentifier of what `sign` makes."""
    if isinstance(key, ed25519.Ed25519PrivateKey):
        return der.sequence(der.oid("1.3.101.112"))
    if isinstance(key, rsa.RSAPrivateKey) and pss:
        hash_ = der.sequence(der.oid(f"2.16.840.1.101.3.4.2.{_NIST_HASH[hash_name]}"), der.null())
        mgf = der.sequence(der.oid("1.2.840.113549.1.1.8"), hash_)
        salt = der.integer(_HASHES[hash_name]().digest_size)
        parameters = der.sequence(der.explicit(0, hash_), der.explicit(1, mgf), der.explicit(2, salt))
        return der.sequence(der.oid("1.2.840.113549.1.1.10"), parameters)
    if isinstance(key, rsa.RSAPrivateKey):
        return der.sequence(der.oid(f"1.2.840.113549.1.1.{_RSA[hash_name]}"), der.null())
    return der.sequence(der.oid(_ECDSA[hash_name]))


def sign(key: t.Any, data: bytes, hash_name: str, pss: bool = False) -> bytes:
    if isinstance(key, ed25519.Ed25519PrivateKey):
        return key.sign(data)
    hash_ = _HASHES[hash_name]()
    if isinstance(key, rsa.RSAPrivateKey):
        scheme = padding.PSS(padding.MGF1(hash_), hash_.digest_size) if pss else padding.PKCS1v15()
        return key.sign(data, scheme, hash_)
    found: bytes = key.sign(data, ec.ECDSA(hash_))
    return found


def _time(value: datetime) -> bytes:
    return der.utc_time(value) if value.year < 2050 else der.generalized_time(value)


def pem(certificate: bytes) -> bytes:
    body = base64.b64encode(certificate).decode()
    lines = [body[start : start + 64] for start in range(0, len(body), 64)]
    return "\n".join(["-----BEGIN CERTIFICATE-----", *lines, "-----END CERTIFICATE-----", ""]).encode()
