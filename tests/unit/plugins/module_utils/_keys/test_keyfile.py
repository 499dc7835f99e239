# Copyright (c) 2026, the supplychain.cosign authors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

from __future__ import annotations

import hashlib
import json
import typing as t
from pathlib import Path

import pytest
from cryptography.hazmat.primitives import serialization
from cryptography.hazmat.primitives.asymmetric import dsa, ec, rsa

from ansible_collections.supplychain.cosign.plugins.module_utils._formats.pem import build_pem, parse_pem
from ansible_collections.supplychain.cosign.plugins.module_utils._formats.public_key import (
    PublicKey,
    parse_public_key,
    wrap_public_key,
)
from ansible_collections.supplychain.cosign.plugins.module_utils._formats.rejection import Rejection
from ansible_collections.supplychain.cosign.plugins.module_utils._formats.strict import encode_base64
from ansible_collections.supplychain.cosign.plugins.module_utils._keys.keyfile import (
    KINDS,
    decrypt_key,
    encrypt_key,
    generate_key,
    import_key,
)
from ansible_collections.supplychain.cosign.plugins.module_utils._keys.secretbox import seal
from tests.support.keys import PASSWORD, key_file, plain_pem, private_key, public_key

LABEL = "ENCRYPTED SIGSTORE PRIVATE KEY"
PKCS8_DER = parse_pem(plain_pem(), "key")[0].der
SEC1_DER = parse_pem(plain_pem(form="TraditionalOpenSSL"), "key")[0].der


def of(private: t.Any) -> PublicKey:
    return wrap_public_key(private.public_key(), "key")


def refusal(call: t.Callable[[], object]) -> Rejection:
    with pytest.raises(Rejection) as refused:
        call()
    return refused.value


def changed(change: t.Callable[[dict[str, t.Any]], object]) -> bytes:
    document = json.loads(parse_pem(key_file(), "key")[0].der)
    change(document)
    return build_pem(LABEL, json.dumps(document).encode())


def boxed(der: bytes) -> bytes:
    """A key file that holds ``der``, whatever it is."""
    salt, nonce = b"s" * 32, b"n" * 24
    key = hashlib.scrypt(PASSWORD, salt=salt, n=32768, r=8, p=1, maxmem=2**28, dklen=32)

    def put(document: dict[str, t.Any]) -> None:
        document["kdf"]["salt"], document["cipher"]["nonce"] = encode_base64(salt), encode_base64(nonce)
        document["ciphertext"] = encode_base64(seal(der, nonce, key))

    return changed(put)


@pytest.mark.parametrize("kind", KINDS)
def test_every_kind_is_made_kept_and_opened(kind: str) -> None:
    assert of(private_key(kind)).kind == kind
    opened = decrypt_key(key_file(kind), PASSWORD)
    assert of(opened).spki == public_key(kind).spki


def test_a_key_file_looks_like_cosigns() -> None:
    (block,) = parse_pem(encrypt_key(private_key(), b""), "key")
    assert block.label == LABEL
    document = json.loads(block.der)
    assert block.der == json.dumps(document, separators=(",", ":")).encode()
    assert list(document) == ["kdf", "cipher", "ciphertext"]
    assert document["kdf"]["params"] == {"N": 65536, "r": 8, "p": 1}
    assert encrypt_key(private_key(), b"") != encrypt_key(private_key(), b"")  # salt and nonce are new each time


def test_an_empty_password_is_one() -> None:
    assert of(decrypt_key(encrypt_key(private_key(), b"", 32768), b"")).spki == public_key().spki
    assert refusal(lambda: decrypt_key(key_file(), b"")).code == "KEY_MISMATCH"


def test_cosigns_own_key_opens(vectors: Path) -> None:
    folder = vectors / "cosign/golden/keys"
    pem, public = (folder / "cosign.key").read_bytes(), parse_public_key((folder / "cosign.pub").read_bytes(), "key")
    assert of(decrypt_key(pem, b"golden-password")).spki == public.spki
    older = pem.replace(b"SIGSTORE", b"COSIGN")
    assert of(decrypt_key(older, b"golden-password")).spki == public.spki
    assert of(import_key(pem, b"golden-password")).spki == public.spki


def test_AT_37_h_a_wrong_password_says_so() -> None:
    refused = refusal(lambda: decrypt_key(key_file(), b"a wrong canary"))
    assert refused.code == "KEY_MISMATCH"
    assert "password does not open" in refused.message
    assert "canary" not in repr(refused)
    assert refused.__cause__ is None


SECRET = encode_base64(PKCS8_DER)[:64]


@pytest.mark.parametrize(
    ("pem", "code"),
    [
        pytest.param(lambda: public_key().pem, "MALFORMED", id="public"),
        pytest.param(plain_pem, "MALFORMED", id="plain"),
        pytest.param(lambda: plain_pem(password=b"x"), "MALFORMED", id="plain-encrypted"),
        pytest.param(lambda: build_pem("CERTIFICATE", b"x"), "MALFORMED", id="certificate"),
        pytest.param(lambda: key_file() * 2, "MALFORMED", id="AT-37-e-two"),
        pytest.param(lambda: b"", "MALFORMED", id="AT-24-empty"),
        pytest.param(lambda: key_file()[:-40], "NON_CANONICAL", id="AT-24-truncated"),
        pytest.param(lambda: build_pem(LABEL, b"not-json"), "MALFORMED", id="AT-24-not-json"),
        pytest.param(lambda: build_pem(LABEL, b"[]"), "MALFORMED", id="AT-24-array"),
        pytest.param(lambda: changed(lambda d: d.pop("kdf")), "MALFORMED", id="no-kdf"),
        pytest.param(lambda: changed(lambda d: d["kdf"].update(name="argon2")), "POLICY_UNSUPPORTED", id="kdf"),
        pytest.param(lambda: changed(lambda d: d["cipher"].update(name="aes")), "POLICY_UNSUPPORTED", id="cipher"),
        pytest.param(
            lambda: changed(lambda d: d["kdf"]["params"].update(N=2**30)), "LIMIT_EXCEEDED", id="AT-37-h-scrypt-N"
        ),
        pytest.param(
            lambda: changed(lambda d: d["kdf"]["params"].update(r=2**20)), "LIMIT_EXCEEDED", id="AT-37-h-scrypt-r"
        ),
        pytest.param(
            lambda: changed(lambda d: d["kdf"]["params"].update(p=2**20)), "LIMIT_EXCEEDED", id="AT-37-h-scrypt-p"
        ),
        pytest.param(lambda: changed(lambda d: d["kdf"]["params"].update(N=1)), "LIMIT_EXCEEDED", id="weak-scrypt"),
        pytest.param(lambda: changed(lambda d: d["cipher"].update(nonce="YQ==")), "MALFORMED", id="short-nonce"),
        pytest.param(lambda: changed(lambda d: d["kdf"].update(salt="YQ")), "NON_CANONICAL", id="salt"),
        pytest.param(lambda: changed(lambda d: d.update(ciphertext="YQ==")), "KEY_MISMATCH", id="AT-37-h-short-box"),
        pytest.param(lambda: changed(lambda d: d.update(ciphertext=1)), "MALFORMED", id="AT-24-ciphertext"),
        pytest.param(lambda: boxed(b""), "MALFORMED", id="empty-box"),
        pytest.param(lambda: boxed(SEC1_DER), "MALFORMED", id="SEC1"),
        pytest.param(lambda: boxed(PKCS8_DER[:-2]), "MALFORMED", id="AT-24-short-DER"),
        pytest.param(
            lambda: encrypt_key(ec.generate_private_key(ec.SECP256K1()), PASSWORD, 32768), "POLICY_UNSUPPORTED", id="k1"
        ),
        pytest.param(
            lambda: encrypt_key(rsa.generate_private_key(65537, 2056), PASSWORD, 32768),
            "POLICY_UNSUPPORTED",
            id="RSA-2056",
        ),
        pytest.param(
            lambda: encrypt_key(dsa.generate_private_key(2048), PASSWORD, 32768),  # type: ignore[arg-type]
            "POLICY_UNSUPPORTED",
            id="DSA",
        ),
    ],
)
def test_what_is_no_key_file_is_refused_and_never_shown(pem: t.Callable[[], bytes], code: str) -> None:
    text = pem()
    refused = refusal(lambda: decrypt_key(text, PASSWORD))
    assert refused.code == code
    shown = repr(refused) + refused.message
    assert SECRET not in shown
    assert PASSWORD.decode() not in shown


def test_a_box_that_cosign_would_read_is_read() -> None:
    assert of(decrypt_key(boxed(PKCS8_DER), PASSWORD)).spki == public_key().spki


@pytest.mark.parametrize(
    ("kind", "form"),
    [(kind, form) for kind in KINDS for form in ("PKCS8", "TraditionalOpenSSL") if (kind, form[0]) != ("ed25519", "T")],
)
def test_keys_of_other_tools_are_imported(kind: str, form: str) -> None:
    assert of(import_key(plain_pem(kind, form))).spki == public_key(kind).spki


def test_encrypted_keys_are_imported() -> None:
    pem = plain_pem(password=b"canary")
    assert of(import_key(pem, b"canary")).spki == public_key().spki
    assert refusal(lambda: import_key(pem, b"wrong")).code == "KEY_MISMATCH"
    assert refusal(lambda: import_key(pem)).code == "KEY_MISMATCH"
    assert of(import_key(key_file(), PASSWORD)).spki == public_key().spki
    assert refusal(lambda: import_key(key_file())).code == "KEY_MISMATCH"


def test_what_openssl_ecparam_writes_is_imported() -> None:
    parameters = build_pem("EC PARAMETERS", bytes.fromhex("06082a8648ce3d030107"))
    assert of(import_key(parameters + plain_pem(form="TraditionalOpenSSL"))).spki == public_key().spki


def test_openssls_old_encryption_is_refused_with_what_to_do() -> None:
    pem = private_key().private_bytes(
        serialization.Encoding.PEM,
        serialization.PrivateFormat.TraditionalOpenSSL,
        serialization.BestAvailableEncryption(b"x"),
    )
    refused = refusal(lambda: import_key(pem, b"x"))
    assert refused.code == "POLICY_UNSUPPORTED"
    assert "openssl pkcs8 -topk8" in refused.message


@pytest.mark.parametrize(
    ("pem", "code"),
    [
        pytest.param(lambda: public_key().pem, "MALFORMED", id="public"),
        pytest.param(lambda: plain_pem() + plain_pem("ed25519"), "MALFORMED", id="two"),
        pytest.param(lambda: build_pem("EC PARAMETERS", b"x"), "MALFORMED", id="none"),
        pytest.param(lambda: build_pem("PRIVATE KEY", b"x"), "MALFORMED", id="AT-24-DER"),
        pytest.param(lambda: build_pem("RSA PRIVATE KEY", b""), "NON_CANONICAL", id="AT-24-empty"),
        pytest.param(lambda: build_pem("PRIVATE KEY", b"x" * 70_000), "LIMIT_EXCEEDED", id="AT-24-huge"),
    ],
)
def test_what_cannot_be_imported(pem: t.Callable[[], bytes], code: str) -> None:
    assert refusal(lambda: import_key(pem())).code == code


def test_where_openssl_has_no_scrypt_nacl_is_used(monkeypatch: pytest.MonkeyPatch) -> None:
    def refused(*_: object, **__: object) -> t.NoReturn:
        raise ValueError("[digital envelope routines] unsupported")

    pem = key_file()
    monkeypatch.setattr(hashlib, "scrypt", refused)
    assert of(decrypt_key(pem, PASSWORD)).spki == public_key().spki


def test_new_keys_are_new() -> None:
    assert of(generate_key("ed25519")).spki != of(generate_key("ed25519")).spki
