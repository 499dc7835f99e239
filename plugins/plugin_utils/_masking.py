# Copyright (c) 2026, the supplychain.cosign authors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

# This module util is **PRIVATE** to the collection. It can change at any time.
from __future__ import annotations

import base64
import json
import typing as t
import urllib.parse

# Facts that are public by nature and must stay whole: a digest with asterisks in it would deploy nothing.
_PUBLIC = frozenset(("digest", "pinned", "reference", "location", "key_id", "public_key", "auth_file", "docker_config"))
_MASK = "********"


def mask(result: dict[str, t.Any], secrets: t.Collection[str]) -> dict[str, t.Any]:
    """The result without the secrets, as they are and as they may have been encoded: core does this for modules, but
    not for action plugins."""
    forms = sorted({form for secret in secrets for form in _forms(secret)}, key=len, reverse=True)
    return t.cast("dict[str, t.Any]", _masked(result, forms)) if forms else result


def _forms(secret: str) -> list[str]:
    data = secret.encode("utf-8", "replace")
    return [
        secret,
        base64.b64encode(data).decode("ascii"),
        base64.urlsafe_b64encode(data).decode("ascii"),
        urllib.parse.quote(secret, safe=""),
        json.dumps(secret)[1:-1],
    ]


def _masked(found: t.Any, forms: list[str]) -> t.Any:
    if isinstance(found, str):
        for form in forms:
            found = found.replace(form, _MASK)
        return found
    if isinstance(found, dict):
        return {key: value if key in _PUBLIC else _masked(value, forms) for key, value in found.items()}
    if isinstance(found, list):
        return [_masked(one, forms) for one in found]
    return found
