# Copyright (c) 2026, the supplychain.cosign authors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

# This module util is **PRIVATE** to the collection. It can change at any time.
from __future__ import annotations

import datetime
import hashlib
import typing as t

from ansible_collections.supplychain.cosign.plugins.module_utils._evidence.chain import Chain
from ansible_collections.supplychain.cosign.plugins.module_utils._evidence.trust import Log, show_time
from ansible_collections.supplychain.cosign.plugins.module_utils._formats.der import OCTET_STRING, read_element
from ansible_collections.supplychain.cosign.plugins.module_utils._formats.rejection import Rejection
from ansible_collections.supplychain.cosign.plugins.module_utils._formats.strict import (
    Fields,
    decode_base64,
    parse_object,
)

MAX_SCTS = 32
MAX_DETACHED_BYTES = 64 * 1024

_V1 = 0
_SHA256 = 4
_SIGNATURE_ALGORITHMS = {"rsa": 1, "ecdsa": 3}
_X509_ENTRY, _PRECERT_ENTRY = 0, 1
_EPOCH = datetime.datetime(1970, 1, 1, tzinfo=datetime.timezone.utc)
_MAX_MILLISECONDS = 253402300799999


class Sct(t.NamedTuple):
    """A signed certificate timestamp, version 1 (RFC 6962 §3.2): a log's promise to include a certificate.

    `timestamp` is in milliseconds since 1970; `hash_algorithm` and `signature_algorithm` are TLS numbers
    (RFC 5246 §7.4.1.4.1); `extensions` are signed and have no meaning yet.
    """

    log_id: bytes
    timestamp: int
    extensions: bytes
    hash_algorithm: int
    signature_algorithm: int
    signature: bytes

    @property
    def time(self) -> datetime.datetime:
        return _EPOCH + datetime.timedelta(milliseconds=self.timestamp)

    def signed(self, entry: bytes) -> bytes:
        """What the log signed, for an entry as TLS writes it: its type and the certificate or precertificate."""
        head = bytes((_V1, 0)) + self.timestamp.to_bytes(8, "big")
        return head + entry + len(self.extensions).to_bytes(2, "big") + self.extensions


def check_scts(chain: Chain, ct_logs: t.Sequence[Log], detached: Sct | None = None) -> tuple[Log, ...]:
    """The certificate logs, each once, that promised to include the chain's leaf: by an SCT in it, or `detached`.

    An SCT of a log that is not trusted, or was not at that time, counts for nothing; one of a trusted log must
    verify, and one such must be there. Raises SCT_INVALID.
    """
    leaf, issuer = chain.path[:2]
    offered: list[tuple[Sct, bytes]] = []
    if leaf.scts is not None and leaf.precertificate is not None:
        key_hash = hashlib.sha256(issuer.key.spki).digest()
        entry = _entry(_PRECERT_ENTRY, key_hash, leaf.precertificate)
        offered += [(sct, entry) for sct in _parse_list(leaf.scts)]
    if detached is not None:
        offered.append((detached, _entry(_X509_ENTRY, b"", leaf.der)))
    if not offered:
        raise _invalid(
            f"The certificate of {leaf} has no signed certificate timestamp; for a CA of your own that uses no "
            "certificate log, set insecure_ignore_sct."
        )
    found: dict[bytes, Log] = {}
    for sct, entry in offered:
        log = _verified_by(sct, entry, ct_logs, str(leaf))
        if log is not None:
            found.setdefault(log.log_id, log)
    if not found:
        raise _invalid(_no_log(str(leaf), [sct for sct, dummy in offered], ct_logs))
    return tuple(found.values())


def parse_detached_sct(data: bytes) -> Sct:
    """An SCT beside its certificate, the answer of a log's add-chain (RFC 6962 §4.1), as cosign's --sct reads it.

    Raises MALFORMED, NON_CANONICAL, DUPLICATE_KEY, LIMIT_EXCEEDED, or SCT_INVALID (another version than 1).
    """
    what = "signed certificate timestamp"
    if len(data) > MAX_DETACHED_BYTES:
        raise Rejection("LIMIT_EXCEEDED", f"The {what} is larger than {MAX_DETACHED_BYTES} bytes.")
    fields = Fields(parse_object(data, what), what)
    fields.only("sct_version", "id", "timestamp", "extensions", "signature")
    if fields.integer("sct_version") != _V1:
        raise _invalid(f"The {what} is of a version that is not known; only version 1 is.")
    texts = {key: decode_base64(fields.text(key, default), f"{what}'s {key}") for key, default in _DETACHED.items()}
    timestamp = fields.integer("timestamp")
    if len(texts["id"]) != 32 or not 0 <= timestamp <= _MAX_MILLISECONDS:
        raise Rejection("MALFORMED", f"The {what} has an id that is not 32 bytes, or a time that is none.")
    try:
        reader = _Tls(texts["signature"])
        algorithms, signature = reader.take(2), reader.vector(2)
        reader.end()
    except _CutShort:
        raise Rejection("MALFORMED", f"The {what} has a signature that is not written as TLS does.") from None
    return Sct(texts["id"], timestamp, texts["extensions"], algorithms[0], algorithms[1], signature)


_DETACHED: dict[str, t.Any] = {"id": ..., "extensions": "", "signature": ...}


def _verified_by(sct: Sct, entry: bytes, ct_logs: t.Sequence[Log], whose: str) -> Log | None:
    logs = [log for log in ct_logs if log.log_id == sct.log_id and log.window.holds(sct.time)]
    for log in logs:
        kind = log.key.kind.partition("-")[0]
        algorithms = (sct.hash_algorithm, sct.signature_algorithm)
        if algorithms == (_SHA256, _SIGNATURE_ALGORITHMS.get(kind)) and (
            log.key.verify(sct.signature, sct.signed(entry)) == "sha256"
        ):
            return log
    if logs:
        raise _invalid(
            f"The certificate of {whose} holds a timestamp that the certificate log {_name(logs[0])} did not sign."
        )
    return None


def _no_log(whose: str, scts: t.Sequence[Sct], ct_logs: t.Sequence[Log]) -> str:
    for sct in scts:
        for log in ct_logs:
            if log.log_id == sct.log_id:
                return (
                    f"The certificate of {whose} was shown to the certificate log {_name(log)} at "
                    f"{show_time(sct.time)}, when the trusted root did not trust that log's key."
                )
    return (
        f"The certificate of {whose} was shown to no certificate log that is trusted; give the trusted root that "
        "belongs to its CA."
    )


def _name(log: Log) -> str:
    return log.url or log.log_id.hex()


def _entry(kind: int, head: bytes, body: bytes) -> bytes:
    return kind.to_bytes(2, "big") + head + len(body).to_bytes(3, "big") + body


class _CutShort(Exception):
    """Bytes that are not what their lengths say."""


class _Tls:
    """A cursor over what TLS's presentation language describes (RFC 5246 §4)."""

    def __init__(self, data: bytes) -> None:
        self._data, self._at = data, 0

    def more(self) -> bool:
        return self._at < len(self._data)

    def end(self) -> None:
        if self.more():
            raise _CutShort

    def take(self, size: int) -> bytes:
        start, self._at = self._at, self._at + size
        if self._at > len(self._data):
            raise _CutShort
        return self._data[start : self._at]

    def vector(self, width: int) -> bytes:
        return self.take(int.from_bytes(self.take(width), "big"))


def _parse_list(extension: bytes) -> list[Sct]:
    """The SCTs of the extension (RFC 6962 §3.3), without those of another version than 1."""
    data = read_element(extension, "list of certificate timestamps")
    found: list[Sct] = []
    try:
        outer = _Tls(data.contents if data.tag == OCTET_STRING else b"")
        items = _Tls(outer.vector(2))
        outer.end()
        count = 0
        while items.more():
            count += 1
            sct = _parse_sct(items.vector(2))
            found += [sct] if sct else []
    except _CutShort:
        raise _invalid(
            "The certificate holds a list of certificate timestamps that is not written as TLS does."
        ) from None
    if count > MAX_SCTS:
        raise Rejection("LIMIT_EXCEEDED", f"The certificate holds more than {MAX_SCTS} certificate timestamps.")
    return found


def _parse_sct(data: bytes) -> Sct | None:
    reader = _Tls(data)
    if reader.take(1)[0] != _V1:
        return None
    log_id, timestamp, extensions = reader.take(32), int.from_bytes(reader.take(8), "big"), reader.vector(2)
    algorithms, signature = reader.take(2), reader.vector(2)
    reader.end()
    if timestamp > _MAX_MILLISECONDS:
        raise _CutShort
    return Sct(log_id, timestamp, extensions, algorithms[0], algorithms[1], signature)


def _invalid(message: str) -> Rejection:
    return Rejection("SCT_INVALID", message)
