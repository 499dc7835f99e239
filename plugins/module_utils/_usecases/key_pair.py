# Copyright (c) 2026, the supplychain.cosign authors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

# This module util is **PRIVATE** to the collection. It can change at any time.
from __future__ import annotations

import os
import stat
import tempfile
import typing as t
from dataclasses import dataclass

from ansible_collections.supplychain.cosign.plugins.module_utils._formats.public_key import (
    PublicKey,
    parse_public_key,
    wrap_public_key,
)
from ansible_collections.supplychain.cosign.plugins.module_utils._formats.rejection import Rejection
from ansible_collections.supplychain.cosign.plugins.module_utils._keys.keyfile import (
    decrypt_key,
    encrypt_key,
    generate_key,
    import_key,
)

DEFAULT_KIND = "ecdsa-p256"


@dataclass(frozen=True)
class KeyPairRequest:
    """`imported`: the PEM text of a key to take over instead of making one. `force`: replace what is there."""

    path: str
    public_path: str
    password: bytes
    kind: str | None
    """None: any that is there, ecdsa-p256 for a new one."""
    imported: bytes | None = None
    import_password: bytes | None = None
    force: bool = False
    check_mode: bool = False


@dataclass(frozen=True)
class KeyPair:
    """What is (or would be) there. `key` None: check mode cannot know a key that is not made yet."""

    key: PublicKey | None
    private_changed: bool
    public_changed: bool


def ensure_key_pair(request: KeyPairRequest) -> KeyPair:
    """Make sure that an encrypted private key and its public key are there; a key that is there is never replaced
    unless `force`. Raises KEY_MISMATCH where the password does not open it, or another key is to be imported."""
    if os.path.realpath(request.path) == os.path.realpath(request.public_path):
        raise Rejection("POLICY_UNSUPPORTED", "The private and the public key cannot be one file; name two paths.")
    wanted = import_key(request.imported, request.import_password) if request.imported is not None else None
    for path in (request.path, request.public_path):
        if os.path.isdir(path):
            raise Rejection("MALFORMED", f"{path} is a folder; name a file.")
        folder = os.path.dirname(path) or "."
        if not request.check_mode and not os.path.isdir(folder):
            raise Rejection("UNREACHABLE", f"There is no folder {folder}; make it first.")
    existing = _read(request.path)
    private_changed = existing is None or request.force
    if existing is not None and not request.force:
        private = decrypt_key(existing, request.password)
        if wanted is not None and _public(wanted).spki != _public(private).spki:
            raise Rejection(
                "KEY_MISMATCH",
                f"{request.path} holds another key than the one to import; set force: true to replace it, or name "
                "another path.",
            )
    elif wanted is not None:
        private = wanted
    elif request.check_mode:
        return KeyPair(None, True, True)
    else:
        private = generate_key(request.kind or DEFAULT_KIND)
    public = _public(private)
    if request.kind and public.kind != request.kind:
        raise Rejection(
            "KEY_MISMATCH",
            f"The key is of the kind {public.kind}, and {request.kind} is asked for; leave type out, "
            "or set force: true to make a new one.",
        )
    public_changed = not _is(request.public_path, public)
    if not request.check_mode:
        if private_changed:
            _write(request.path, encrypt_key(private, request.password), 0o600)
        if public_changed:
            _write(request.public_path, public.pem, 0o644)
    return KeyPair(public, private_changed, public_changed)


def _public(private: t.Any) -> PublicKey:
    return wrap_public_key(private.public_key(), "private key")


def _is(path: str, public: PublicKey) -> bool:
    data = _read(path)
    if data is None:
        return False
    try:
        return parse_public_key(data, "public key").spki == public.spki
    except Rejection:
        return False


def _read(path: str) -> bytes | None:
    """A small regular file; None where there is none."""
    try:
        descriptor = os.open(path, os.O_RDONLY | os.O_NONBLOCK | os.O_CLOEXEC)
    except FileNotFoundError:
        return None
    try:
        if not stat.S_ISREG(os.fstat(descriptor).st_mode):
            raise Rejection("MALFORMED", f"{path} is not a regular file; name another path.")
        return os.read(descriptor, 2**20)
    finally:
        os.close(descriptor)


def _write(path: str, data: bytes, mode: int) -> None:
    """Whole or not at all: beside it first, then in its place; a symlink there is replaced, not followed."""
    descriptor, temporary = tempfile.mkstemp(dir=os.path.dirname(path) or ".", prefix=".cosign-")
    try:
        with open(descriptor, "wb") as stream:
            os.fchmod(descriptor, mode)
            stream.write(data)
            stream.flush()
            os.fsync(descriptor)
        os.replace(temporary, path)
    except BaseException:
        os.unlink(temporary)
        raise
