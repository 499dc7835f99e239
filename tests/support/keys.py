# Copyright (c) 2026, the supplychain.cosign authors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""Keys for tests, of every kind. Making RSA keys takes seconds, so each is made once a process."""

from __future__ import annotations

import functools
import typing as t

from cryptography.hazmat.primitives import serialization

from ansible_collections.supplychain.cosign.plugins.module_utils._formats.public_key import PublicKey, wrap_public_key
from ansible_collections.supplychain.cosign.plugins.module_utils._keys.keyfile import KINDS, encrypt_key, generate_key

PASSWORD = b"password of a test key"
__all__ = ["KINDS", "PASSWORD", "key_file", "plain_pem", "private_key", "public_key"]


def private_key(kind: str = "ecdsa-p256", owner: str = "ours") -> t.Any:
    """The private key of ``kind`` that ``owner`` has: the same at every call."""
    return _made(kind, owner)


@functools.cache
def _made(kind: str, owner: str) -> t.Any:
    return generate_key(kind)


def public_key(kind: str = "ecdsa-p256", owner: str = "ours") -> PublicKey:
    return wrap_public_key(private_key(kind, owner).public_key(), "test key")


@functools.cache
def key_file(kind: str = "ecdsa-p256", owner: str = "ours") -> bytes:
    """That key as a cosign key file, whose password is PASSWORD."""
    return encrypt_key(private_key(kind, owner), PASSWORD, 32768)


def plain_pem(kind: str = "ecdsa-p256", form: str = "PKCS8", password: bytes | None = None) -> bytes:
    """That key as other tools write it; ``form`` names one of `serialization.PrivateFormat`."""
    encryption = serialization.BestAvailableEncryption(password) if password else serialization.NoEncryption()
    pem: bytes = private_key(kind).private_bytes(
        serialization.Encoding.PEM, getattr(serialization.PrivateFormat, form), encryption
    )
    return pem
