# Copyright (c) 2026, the supplychain.cosign authors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

# This module util is **PRIVATE** to the collection. It can change at any time.
from __future__ import annotations

import re
import typing as t

from ansible_collections.supplychain.cosign.plugins.module_utils._formats.pem import MAX_PEM_BYTES
from ansible_collections.supplychain.cosign.plugins.module_utils._formats.rejection import Rejection

_SCHEME = re.compile(r"([A-Za-z][A-Za-z0-9+.-]*)://|(pkcs11):")


def read_key_reference(
    reference: str,
    environ: t.Mapping[str, str],
    read_file: t.Callable[[str], bytes],
    fetch: t.Callable[[str], bytes],
) -> bytes:
    """The PEM text that a key option names: a path, `env://NAME`, `https://…`, or the text itself.

    `read_file` may raise OSError, `fetch` a Rejection. Raises POLICY_UNSUPPORTED for places that are not read
    (http, KMS and the like), MALFORMED where nothing is there, LIMIT_EXCEEDED. Messages show the reference, unless it
    is the key itself, and never the query of a URL.
    """
    data = _read(reference, environ, read_file, fetch)
    if len(data) > MAX_PEM_BYTES:
        raise Rejection("LIMIT_EXCEEDED", f"The key is larger than {MAX_PEM_BYTES} bytes; give the PEM file itself.")
    return data


def _read(
    reference: str,
    environ: t.Mapping[str, str],
    read_file: t.Callable[[str], bytes],
    fetch: t.Callable[[str], bytes],
) -> bytes:
    if reference.lstrip().startswith("-----BEGIN "):
        return reference.encode("utf-8", "replace")
    scheme = _scheme(reference)
    if scheme == "env":
        return _from_environment(reference[len("env://") :], environ)
    if scheme == "https":
        return fetch(reference)
    if scheme == "http":
        raise Rejection("POLICY_UNSUPPORTED", "A key is not fetched over http, where anyone may change it; use https.")
    if scheme:
        raise Rejection(
            "POLICY_UNSUPPORTED", f"Keys at {scheme}: are not supported; give a file, env://NAME, https://… or the PEM."
        )
    try:
        return read_file(reference)
    except (OSError, ValueError) as error:
        reason = getattr(error, "strerror", None) or "not a path"
        raise Rejection(
            "MALFORMED",
            f"The key file {reference.rpartition('@')[2][:200]!r} could not be read ({reason}); check the path.",
        ) from None


def _scheme(reference: str) -> str:
    match = _SCHEME.match(reference)
    return (match.group(1) or match.group(2)).lower() if match else ""


def _from_environment(name: str, environ: t.Mapping[str, str]) -> bytes:
    value = environ.get(name)
    if not value:
        raise Rejection(
            "MALFORMED", f"The key should be in the environment variable {name[:64]!r}, which is not set; set it."
        )
    return value.encode("utf-8", "replace")
