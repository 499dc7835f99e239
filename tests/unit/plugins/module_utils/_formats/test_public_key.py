# Copyright (c) 2026, the supplychain.cosign authors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

from __future__ import annotations

import base64
from pathlib import Path

import pytest
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import dsa, ec, ed25519, padding, rsa
from cryptography.hazmat.primitives.asymmetric.utils import decode_dss_signature, encode_dss_signature

from ansible_collections.supplychain.cosign.plugins.module_utils._formats.pem import build_pem, parse_pem
from ansible_collections.supplychain.cosign.plugins.module_utils._formats.public_key import PURE, parse_public_key
from ansible_collections.supplychain.cosign.plugins.module_utils._formats.rejection import Rejection
from tests.support.keys import KINDS, key_file, plain_pem, private_key, public_key

ORDER_P256 = 0xFFFFFFFF00000000FFFFFFFFFFFFFFFFBCE6FAADA7179E84F3B9CAC2FC632551
ORDER_ED25519 = 2**252 + 27742317777372353535851937790883648493
SMALL_ORDER = [
    "01" + "00" * 31,
    "00" * 32,
    "00" * 31 + "80",
    "ec" + "ff" * 30 + "7f",
    "26e8958fc2b227b045c3f489f2ef98f0d5dfac05d3c63339b13802886d53fc05",
    "c7176a703d4dd84fba3c0b760d10670f2a2053fa2c39ccc64ec7fd7792ac037a",
    "c7176a703d4dd84fba3c0b760d10670f2a2053fa2c39ccc64ec7fd7792ac03fa",
]


def spki_pem(key: object) -> bytes:
    pem: bytes = key.public_bytes(  # type: ignore[attr-defined]
        serialization.Encoding.PEM, serialization.PublicFormat.SubjectPublicKeyInfo
    )
    return pem


def refusal(pem: bytes) -> Rejection:
    with pytest.raises(Rejection) as refused:
        parse_public_key(pem, "key")
    return refused.value


@pytest.mark.parametrize("kind", KINDS)
def test_a_key_is_read_and_written_as_openssl_does(kind: str) -> None:
    pem = spki_pem(private_key(kind).public_key())
    key = parse_public_key(pem, "key")
    assert (key.kind, key.pem) == (kind, pem)


def test_key_id_is_cosigns_hint(vectors: Path) -> None:
    key = parse_public_key((vectors / "cosign/golden/keys/cosign.pub").read_bytes(), "key")
    assert key.kind == "ecdsa-p256"
    assert bytes.fromhex(key.fingerprint) == base64.b64decode(key.key_id)


@pytest.mark.parametrize("around", [b"%s\n\n", b"\n%s", b"  %s"])
def test_white_space_around_a_key_is_allowed(around: bytes) -> None:
    pem = public_key().pem
    assert parse_public_key(around % pem, "key").spki == public_key().spki
    assert parse_public_key(pem.replace(b"\n", b"\r\n"), "key").spki == public_key().spki


@pytest.mark.parametrize(
    ("pem", "code"),
    [
        pytest.param(public_key().pem * 2, "MALFORMED", id="AT-37-e-two-keys"),
        pytest.param(plain_pem(), "MALFORMED", id="AT-37-e-private"),
        pytest.param(key_file(), "MALFORMED", id="AT-37-e-encrypted-private"),
        pytest.param(public_key().pem + plain_pem(), "MALFORMED", id="AT-37-e-both"),
        pytest.param(build_pem("CERTIFICATE", b"x"), "MALFORMED", id="AT-37-e-certificate"),
        pytest.param(build_pem("RSA PUBLIC KEY", b"x"), "MALFORMED", id="pkcs1"),
        pytest.param(b"", "MALFORMED", id="AT-24-empty"),
        pytest.param(b"\xff" * 100, "MALFORMED", id="AT-24-binary"),
        pytest.param(public_key().pem[:-20], "NON_CANONICAL", id="AT-24-truncated"),
        pytest.param(build_pem("PUBLIC KEY", b""), "NON_CANONICAL", id="AT-24-no-der"),
        pytest.param(build_pem("PUBLIC KEY", public_key().spki[:-1]), "MALFORMED", id="AT-24-short-der"),
        pytest.param(b"x" * 65537, "LIMIT_EXCEEDED", id="AT-24-huge"),
        pytest.param(b"# mine\n" + public_key().pem, "NON_CANONICAL", id="AT-23-text-before"),
        pytest.param(public_key().pem + b"# mine", "NON_CANONICAL", id="AT-23-text-after"),
        pytest.param(public_key().pem.replace(b"MF", b"M F", 1), "NON_CANONICAL", id="AT-23-space-inside"),
        pytest.param(build_pem("PUBLIC KEY", public_key().spki + b"\0"), "MALFORMED", id="AT-23-trailing-der"),
        pytest.param(spki_pem(ec.generate_private_key(ec.SECP224R1()).public_key()), "POLICY_UNSUPPORTED", id="P-224"),
        pytest.param(spki_pem(ec.generate_private_key(ec.SECP256K1()).public_key()), "POLICY_UNSUPPORTED", id="k1"),
        pytest.param(spki_pem(rsa.generate_private_key(65537, 1024).public_key()), "POLICY_UNSUPPORTED", id="RSA-1024"),  # noqa: S505
        pytest.param(spki_pem(rsa.generate_private_key(3, 2048).public_key()), "POLICY_UNSUPPORTED", id="AT-23-RSA-e3"),
        pytest.param(spki_pem(dsa.generate_private_key(2048).public_key()), "POLICY_UNSUPPORTED", id="DSA"),
    ],
)
def test_what_is_no_usable_public_key_is_refused(pem: bytes, code: str) -> None:
    refused = refusal(pem)
    assert refused.code == code
    # AT-37-e: what was given is never shown, it may be private.
    assert plain_pem().split(b"\n")[1].decode() not in refused.message


def test_AT_37_e_several_keys_are_counted() -> None:
    assert "2 keys" in refusal(public_key().pem * 2).message


def test_AT_37_g_a_compressed_point_is_another_encoding() -> None:
    pem = spki_pem(private_key().public_key())
    compressed = (
        private_key().public_key().public_bytes(serialization.Encoding.X962, serialization.PublicFormat.CompressedPoint)
    )
    der = bytes.fromhex("3039301306072a8648ce3d020106082a8648ce3d030107032200") + compressed
    assert parse_pem(pem, "key")[0].der != der
    assert refusal(build_pem("PUBLIC KEY", der)).code == "NON_CANONICAL"


def test_AT_37_g_a_point_that_is_not_on_the_curve_is_refused() -> None:
    spki = bytearray(public_key().spki)
    spki[-1] ^= 1
    assert refusal(build_pem("PUBLIC KEY", bytes(spki))).code == "MALFORMED"


@pytest.mark.parametrize("raw", SMALL_ORDER)
def test_AT_23_an_ed25519_key_of_small_order_is_refused(raw: str) -> None:
    key = ed25519.Ed25519PublicKey.from_public_bytes(bytes.fromhex(raw))
    assert refusal(spki_pem(key)).code == "POLICY_UNSUPPORTED"


SIGNED = b"what is signed"


@pytest.mark.parametrize(
    ("kind", "hash_name", "verified"),
    [
        ("ecdsa-p256", "SHA256", "sha256"),
        ("ecdsa-p256", "SHA384", None),
        ("ecdsa-p256", "SHA512", None),
        ("ecdsa-p256", "SHA1", None),
        ("ecdsa-p384", "SHA256", "sha256"),
        ("ecdsa-p384", "SHA384", "sha384"),
        ("ecdsa-p384", "SHA512", None),
        ("ecdsa-p521", "SHA256", "sha256"),
        ("ecdsa-p521", "SHA384", None),
        ("ecdsa-p521", "SHA512", "sha512"),
    ],
)
def test_AT_37_d_which_hash_verifies_with_which_curve(kind: str, hash_name: str, verified: str | None) -> None:
    signature = private_key(kind).sign(SIGNED, ec.ECDSA(getattr(hashes, hash_name)()))
    assert public_key(kind).verify(signature, SIGNED) == verified
    assert public_key(kind).verify(signature, SIGNED + b"!") is None
    assert public_key(kind, "another's").verify(signature, SIGNED) is None


@pytest.mark.parametrize("kind", ["rsa-2048", "rsa-3072", "rsa-4096"])
def test_AT_37_d_rsa_is_pkcs1_with_sha256(kind: str) -> None:
    key, private = public_key(kind), private_key(kind)
    assert key.verify(private.sign(SIGNED, padding.PKCS1v15(), hashes.SHA256()), SIGNED) == "sha256"
    assert key.verify(private.sign(SIGNED, padding.PKCS1v15(), hashes.SHA512()), SIGNED) is None
    pss = padding.PSS(padding.MGF1(hashes.SHA256()), padding.PSS.DIGEST_LENGTH)
    assert key.verify(private.sign(SIGNED, pss, hashes.SHA256()), SIGNED) is None
    assert key.verify(b"\0" + private.sign(SIGNED, padding.PKCS1v15(), hashes.SHA256()), SIGNED) is None


def test_AT_23_ed25519_is_pure_and_not_malleable() -> None:
    signature = private_key("ed25519").sign(SIGNED)
    key = public_key("ed25519")
    assert key.verify(signature, SIGNED) == PURE
    other_s = (int.from_bytes(signature[32:], "little") + ORDER_ED25519).to_bytes(32, "little")
    assert key.verify(signature[:32] + other_s, SIGNED) is None
    assert key.verify(b"", SIGNED) is None


def test_AT_23_an_ecdsa_signature_has_one_encoding() -> None:
    key, good = public_key(), private_key().sign(SIGNED, ec.ECDSA(hashes.SHA256()))
    r, s = decode_dss_signature(good)
    assert key.verify(encode_dss_signature(r, ORDER_P256 - s), SIGNED) == "sha256"  # high or low s: as everybody
    body = good[2:]
    for wrong in (
        b"",
        good + b"\0",
        b"\x30\x81" + good[1:],  # a length that is not minimal
        b"\x30\x80" + body + b"\0\0",  # an indefinite length
        b"\x30" + bytes([len(body) + 1, 2, body[1] + 1, 0]) + body[2:],  # a padded r
        encode_dss_signature(0, s),
        encode_dss_signature(r, 0),
        encode_dss_signature(r + ORDER_P256, s),
        r.to_bytes(32, "big") + s.to_bytes(32, "big"),
    ):
        assert key.verify(wrong, SIGNED) is None
