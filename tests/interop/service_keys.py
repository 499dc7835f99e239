# Copyright (c) 2026, the supplychain.cosign authors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""The keys of the real services that make none themselves, as files."""

from __future__ import annotations

import datetime
from pathlib import Path

from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec, ed25519
from cryptography.x509.oid import ExtendedKeyUsageOID, NameOID

PASSWORD = "password of no secret"
_DAY = datetime.timedelta(days=1)
_Key = ec.EllipticCurvePrivateKey | ed25519.Ed25519PrivateKey


def write_keys(folder: Path) -> None:
    """Write the keys and certificates of Fulcio, the CT log and both of Rekor v2 into the folder."""
    root_key, fulcio_key = ec.generate_private_key(ec.SECP384R1()), ec.generate_private_key(ec.SECP384R1())
    root = _ca_certificate("fulcio root", root_key, "fulcio root", root_key, 1)
    intermediate = _ca_certificate("fulcio", fulcio_key, "fulcio root", root_key, 0)
    (folder / "fulcio-root.pem").write_bytes(root)
    (folder / "fulcio-chain.pem").write_bytes(intermediate + root)
    encrypted = serialization.BestAvailableEncryption(PASSWORD.encode())
    _write_key(folder / "fulcio.key", fulcio_key, encrypted)
    ct_key = ec.generate_private_key(ec.SECP256R1())
    # The CT log decrypts nothing newer than the encryption that OpenSSL had before PKCS#8.
    _write_key(folder / "ct.key", ct_key, encrypted, serialization.PrivateFormat.TraditionalOpenSSL)
    _write_public_key(folder / "ct.pub", ct_key)
    for rekor in ("rekor2", "rekor2-dsse"):
        rekor_key = ed25519.Ed25519PrivateKey.generate()
        _write_key(folder / f"{rekor}.key", rekor_key, serialization.NoEncryption())
        _write_public_key(folder / f"{rekor}.pub", rekor_key)


def _write_key(
    path: Path,
    key: _Key,
    encryption: serialization.KeySerializationEncryption,
    form: serialization.PrivateFormat = serialization.PrivateFormat.PKCS8,
) -> None:
    path.touch(0o600)
    path.write_bytes(key.private_bytes(serialization.Encoding.PEM, form, encryption))


def _write_public_key(path: Path, key: _Key) -> None:
    path.write_bytes(
        key.public_key().public_bytes(serialization.Encoding.PEM, serialization.PublicFormat.SubjectPublicKeyInfo)
    )


def _ca_certificate(
    name: str, key: ec.EllipticCurvePrivateKey, issuer: str, issuer_key: ec.EllipticCurvePrivateKey, depth: int
) -> bytes:
    # sigstore-python reads no trusted root with an authority that has no organization.
    organization = x509.NameAttribute(NameOID.ORGANIZATION_NAME, "test")
    subject, authority = (
        x509.Name([organization, x509.NameAttribute(NameOID.COMMON_NAME, one)]) for one in (name, issuer)
    )
    now = datetime.datetime.now(datetime.timezone.utc)
    usage = dict.fromkeys(
        ("digital_signature", "content_commitment", "key_encipherment", "data_encipherment", "key_agreement"), False
    )
    certificate = (
        x509.CertificateBuilder(authority, subject, key.public_key(), x509.random_serial_number())
        .not_valid_before(now - _DAY)
        .not_valid_after(now + _DAY)
        .add_extension(x509.BasicConstraints(ca=True, path_length=depth), critical=True)
        .add_extension(
            x509.KeyUsage(**usage, key_cert_sign=True, crl_sign=True, encipher_only=False, decipher_only=False),
            critical=True,
        )
        .add_extension(x509.ExtendedKeyUsage([ExtendedKeyUsageOID.CODE_SIGNING]), critical=False)
        .add_extension(x509.SubjectKeyIdentifier.from_public_key(key.public_key()), critical=False)
        .add_extension(x509.AuthorityKeyIdentifier.from_issuer_public_key(issuer_key.public_key()), critical=False)
        .sign(issuer_key, hashes.SHA384())
    )
    return certificate.public_bytes(serialization.Encoding.PEM)
