# Copyright (c) 2026, the supplychain.cosign authors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

# This module util is **PRIVATE** to the collection. It can change at any time.
from __future__ import annotations

import binascii
import json
import re
import typing as t

from ansible_collections.supplychain.cosign.plugins.module_utils._formats.rejection import Rejection

MAX_DEPTH = 64
MAX_INTEGER = 2**63 - 1
MAX_DIGITS = 1000
MAX_VALUES = 200_000
FEW_VALUES = 20_000
"""For what stands beside every signature; real ones hold less than a hundred."""
_DIGEST = re.compile(r"(?:sha256:[0-9a-f]{64}|sha512:[0-9a-f]{128})\Z")
_SURROGATE = re.compile("[\ud800-\udfff]")
_STRING = re.compile('"[^"]*"?')
_BRACKETS = re.compile(r"[\[\]{}]")
_ESCAPED_SURROGATE = re.compile(r"\\u[dD][89a-fA-F]")

# Maps whose keys are data and not fields: every reader keeps `a` and `A` in them apart.
_MAPS = frozenset(("annotations", "optional", "Labels"))

JsonObject = dict[str, t.Any]


def parse_json(data: bytes, what: str, values: int = MAX_VALUES, free: str = "") -> t.Any:
    """Decode one JSON text as every careful reader would: strict UTF-8, no key twice (a field's neither in another
    case, which Go takes for the same), no NaN, no infinity, integers below 2**63, at most 64 levels and about as many
    `values`, since each costs a hundred times what a byte does. `what` names the text in messages.

    What stands below the outermost key `free` is somebody's data, which no check here acts on: its keys may differ in
    case alone, and its integers be long. Raises DUPLICATE_KEY, LIMIT_EXCEEDED or MALFORMED. The caller has bounded the
    length of `data`.
    """
    if sum(map(data.count, (b"[", b"{", b",", b":"))) > values:
        raise Rejection("LIMIT_EXCEEDED", f"The {what} holds more than the {values} values that are read.")
    if data[:3] == b"\xef\xbb\xbf":
        raise Rejection("MALFORMED", f"The {what} starts with a byte order mark, which JSON does not allow.")
    try:
        text = data.decode("utf-8")
    except UnicodeDecodeError:
        raise Rejection("MALFORMED", f"The {what} is not UTF-8.") from None
    _bound_depth(text, what)
    alike: list[JsonObject] = []

    def unique(pairs: list[tuple[str, t.Any]]) -> JsonObject:
        found = dict(pairs)
        if len(found) != len(pairs):
            raise Rejection("DUPLICATE_KEY", f"The {what} has the same key twice; readers may differ about it.")
        if len({key.casefold() for key in found}) != len(pairs):
            alike.append(found)
        return found

    def constant(name: str) -> t.NoReturn:
        raise Rejection("MALFORMED", f"The {what} holds {name}, which is no JSON.")

    def integer(digits: str) -> int:
        longest = MAX_DIGITS if free else 20
        if len(digits) > longest or (not free and abs(int(digits)) > MAX_INTEGER):
            raise Rejection("LIMIT_EXCEEDED", f"The {what} holds an integer that does not fit into 64 bits.")
        return int(digits)

    def number(digits: str) -> float:
        value = float(digits)
        if value in (float("inf"), float("-inf")):
            raise Rejection("LIMIT_EXCEEDED", f"The {what} holds a number that is too large.")
        return value

    try:
        found = json.loads(
            text, object_pairs_hook=unique, parse_constant=constant, parse_int=integer, parse_float=number
        )
    except (ValueError, RecursionError):
        raise Rejection("MALFORMED", f"The {what} is not valid JSON.") from None
    if alike and _has_fields_alike({**found, free: None} if free and isinstance(found, dict) else found):
        raise Rejection(
            "DUPLICATE_KEY", f"The {what} has two keys that differ only in case; readers may differ about them."
        )
    if _ESCAPED_SURROGATE.search(text) and _has_surrogate(found):
        raise Rejection("MALFORMED", f"The {what} holds half of a surrogate pair, which is no character.")
    return found


def parse_object(data: bytes, what: str, values: int = MAX_VALUES, free: str = "") -> JsonObject:
    """The same, where the text must be an object."""
    found = parse_json(data, what, values, free)
    if not isinstance(found, dict):
        raise Rejection("MALFORMED", f"The {what} is not a JSON object.")
    return found


def _bound_depth(text: str, what: str) -> None:
    # json.loads recurses once a level; counted here so that hostile nesting is refused before it starts.
    if text.count("[") + text.count("{") <= MAX_DEPTH:
        return
    depth = 0
    for bracket in _BRACKETS.findall(_STRING.sub("", text.replace("\\\\", "").replace('\\"', ""))):
        depth += 1 if bracket in "[{" else -1
        if depth > MAX_DEPTH:
            raise Rejection("LIMIT_EXCEEDED", f"The {what} is nested deeper than {MAX_DEPTH} levels.")


def _has_fields_alike(found: t.Any, name: str = "") -> bool:
    if isinstance(found, list):
        return any(map(_has_fields_alike, found))
    if not isinstance(found, dict):
        return False
    if name not in _MAPS and len({key.casefold() for key in found}) != len(found):
        return True
    return any(_has_fields_alike(value, key) for key, value in found.items())


def _has_surrogate(found: t.Any) -> bool:
    if isinstance(found, str):
        return _SURROGATE.search(found) is not None
    if isinstance(found, dict):
        return any(_has_surrogate(key) or _has_surrogate(value) for key, value in found.items())
    return isinstance(found, list) and any(map(_has_surrogate, found))


class Fields:
    """Typed access to the keys of one JSON object; whatever is missing or of another type is MALFORMED.

    `path` names the object in messages ("bundle.verificationMaterial"). protojson leaves out default values, so
    `integer` and `array` take a default.
    """

    def __init__(self, found: t.Any, path: str) -> None:
        if not isinstance(found, dict):
            raise Rejection("MALFORMED", f"{path} is not a JSON object.")
        self.found: JsonObject = found
        self.path = path

    def _get(self, key: str, kind: t.Any, default: t.Any) -> t.Any:
        value = self.found.get(key, default)
        if value is _REQUIRED:
            raise Rejection("MALFORMED", f"{self.path} has no {key}.")
        if value is not default and (not isinstance(value, kind) or isinstance(value, bool) and kind is not bool):
            raise Rejection("MALFORMED", f"{self.path}.{key} is of the wrong type.")
        return value

    def text(self, key: str, default: t.Any = ...) -> str:
        return t.cast(str, self._get(key, str, _REQUIRED if default is ... else default))

    def integer(self, key: str, default: t.Any = ...) -> int:
        return t.cast(int, self._get(key, int, _REQUIRED if default is ... else default))

    def array(self, key: str, default: t.Any = ...) -> list[t.Any]:
        return t.cast("list[t.Any]", self._get(key, list, _REQUIRED if default is ... else default))

    def object(self, key: str) -> Fields:
        return Fields(self._get(key, dict, _REQUIRED), f"{self.path}.{key}")

    def optional_object(self, key: str) -> Fields | None:
        return self.object(key) if self.found.get(key) is not None else None

    def texts(self, key: str) -> dict[str, str]:
        """A map of strings to strings, empty where the key is missing or null."""
        value = self.found.get(key)
        if value is None:
            return {}
        if not isinstance(value, dict) or not all(isinstance(one, str) for one in value.values()):
            raise Rejection("MALFORMED", f"{self.path}.{key} is not a map of strings.")
        return value

    def only(self, *keys: str) -> None:
        """Refuse any key but these: an unknown field of a message that we know may change its meaning."""
        unknown = self.found.keys() - keys
        if unknown:
            raise Rejection("MALFORMED", f"{self.path} has the unknown field {min(unknown)[:64]!r}.")


_REQUIRED: t.Any = object()


def decode_base64(text: str, what: str) -> bytes:
    """Standard base64 with padding, exactly as an encoder writes it (RFC 4648 §4): anything else is NON_CANONICAL."""
    try:
        decoded = binascii.a2b_base64(text)
    except ValueError:
        decoded = b""
    # It skips what is not of the alphabet; written again, that shows.
    if encode_base64(decoded) == text:
        return decoded
    raise Rejection("NON_CANONICAL", f"The {what} is not base64 as an encoder writes it.")


def encode_base64(data: bytes) -> str:
    return binascii.b2a_base64(data, newline=False).decode("ascii")


def check_digest(text: t.Any, what: str) -> str:
    """A digest of OCI's grammar, sha256 or sha512 in lower case; else MALFORMED: it never reaches a URL or path."""
    if not isinstance(text, str) or not _DIGEST.match(text):
        raise Rejection("MALFORMED", f"The {what} is not a sha256 or sha512 digest in lower case.")
    return text


def go_json(found: t.Any) -> bytes:
    """JSON as Go's encoding/json writes it: compact, keys in the order given, HTML characters escaped, no newline.

    Raises MALFORMED where a text holds half of a surrogate pair (Python makes one of a byte that is not UTF-8).
    """
    text = json.dumps(found, separators=(",", ":"), ensure_ascii=False, allow_nan=False)
    for character in "<>&\u2028\u2029":
        text = text.replace(character, f"\\u{ord(character):04x}")
    try:
        return text.encode("utf-8")
    except UnicodeEncodeError:
        raise Rejection("MALFORMED", "A text to be written holds bytes that are not UTF-8; leave them out.") from None
