# Copyright (c) 2026, the supplychain.cosign authors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

# This module util is **PRIVATE** to the collection. It can change at any time.
from __future__ import annotations

import contextlib
import datetime
import hashlib
import re
import typing as t

try:
    from cryptography.exceptions import UnsupportedAlgorithm
    from cryptography.hazmat.primitives import serialization
except ImportError:
    pass

from ansible_collections.supplychain.cosign.plugins.module_utils._evidence.certificate import (
    Certificate,
    parse_certificate,
)
from ansible_collections.supplychain.cosign.plugins.module_utils._evidence.trust import (
    Authority,
    Log,
    TrustedRoot,
    Window,
)
from ansible_collections.supplychain.cosign.plugins.module_utils._formats.pem import build_pem, parse_pem
from ansible_collections.supplychain.cosign.plugins.module_utils._formats.public_key import (
    PublicKey,
    parse_public_key,
    wrap_public_key,
)
from ansible_collections.supplychain.cosign.plugins.module_utils._formats.rejection import Rejection
from ansible_collections.supplychain.cosign.plugins.module_utils._formats.strict import (
    Fields,
    decode_base64,
    parse_object,
)

MAX_ROOT_BYTES = 4 * 2**20
MAX_ENTRIES = 256
MAX_CERTIFICATES = 10
MEDIA_TYPES = frozenset(
    (
        "application/vnd.dev.sigstore.trustedroot+json;version=0.1",
        "application/vnd.dev.sigstore.trustedroot.v0.1+json",
        "application/vnd.dev.sigstore.trustedroot.v0.2+json",
    )
)

ROOT_FILE = "SIGSTORE_ROOT_FILE"
REKOR_KEY = "SIGSTORE_REKOR_PUBLIC_KEY"
CT_KEYS = "SIGSTORE_CT_LOG_PUBLIC_KEY_FILE"
TSA_CHAIN = "SIGSTORE_TSA_CERTIFICATE_FILE"
PEM_VARIABLES = (ROOT_FILE, REKOR_KEY, CT_KEYS, TSA_CHAIN)
"""cosign's variables that name files of single keys and authorities."""

PEM_OPTIONS = ("certificate_chain", "ca_roots", "ca_intermediates")
"""The options that do so, for a PKI of one's own."""

# PublicKeyDetails of sigstore_common.proto → the kinds of PublicKey; what is not here is not read, as in cosign.
_KINDS = {
    "PKCS1_RSA_PKCS1V5": "rsa-",
    "PKIX_RSA_PKCS1V5": "rsa-",
    "PKIX_RSA_PKCS1V15_2048_SHA256": "rsa-2048",
    "PKIX_RSA_PKCS1V15_3072_SHA256": "rsa-3072",
    "PKIX_RSA_PKCS1V15_4096_SHA256": "rsa-4096",
    "PKIX_ECDSA_P256_HMAC_SHA_256": "ecdsa-p256",
    "PKIX_ECDSA_P256_SHA_256": "ecdsa-p256",
    "PKIX_ECDSA_P384_SHA_256": "ecdsa-p384",
    "PKIX_ECDSA_P384_SHA_384": "ecdsa-p384",
    "PKIX_ECDSA_P521_SHA_256": "ecdsa-p521",
    "PKIX_ECDSA_P521_SHA_512": "ecdsa-p521",
    "PKIX_ED25519": "ed25519",
}
_ID_LENGTHS = (4, 32)
_TIME = re.compile(r"([0-9]{4}-[0-9]{2}-[0-9]{2}T[0-9]{2}:[0-9]{2}:[0-9]{2})(?:\.([0-9]{1,9}))?Z\Z")

T = t.TypeVar("T")


def parse_trusted_root(data: bytes, name: str) -> TrustedRoot:
    """Read a TrustedRoot (sigstore_trustroot.proto) as TUF distributes it, in protojson. `name` stands after "the" in
    messages.

    Logs and authorities whose kind of key is not supported are left out, whatever else is wrong refuses the whole:
    TRUST_ROOT (naming the entry), MALFORMED (another structure, an unknown field), DUPLICATE_KEY, LIMIT_EXCEEDED.
    """
    if len(data) > MAX_ROOT_BYTES:
        raise Rejection("LIMIT_EXCEEDED", f"The {name} is larger than {MAX_ROOT_BYTES} bytes; name the right file.")
    root = _fields(parse_object(data, name), f"The {name}")
    kind = root.text("mediaType", "")
    if kind not in MEDIA_TYPES:
        raise Rejection(
            "TRUST_ROOT",
            f"The {name} has the media type {kind[:80]!r}, which is no trusted root that is known here (0.1 or 0.2); "
            "give a trusted_root.json.",
        )
    root.only("mediaType", "tlogs", "certificateAuthorities", "ctlogs", "timestampAuthorities")
    return TrustedRoot(
        logs=_each(root, "tlogs", _log),
        ct_logs=_each(root, "ctlogs", _log),
        certificate_authorities=_each(root, "certificateAuthorities", _authority),
        timestamp_authorities=_each(root, "timestampAuthorities", _authority),
        name=name,
        fingerprint=hashlib.sha256(data).hexdigest(),
    )


def trusted_root_from_pem(files: t.Mapping[str, bytes]) -> TrustedRoot:
    """What single files say is trusted, at any time: contents by the names of PEM_OPTIONS and PEM_VARIABLES. A
    certificate authority of an option takes the place of the variable's.

    Raises TRUST_ROOT, naming the file's option or variable.
    """
    digest = hashlib.sha256()
    for name, data in sorted(files.items()):
        digest.update(f"{name} {len(data)}\n".encode() + data)
    return TrustedRoot(
        logs=_logs(files, REKOR_KEY),
        ct_logs=_logs(files, CT_KEYS),
        certificate_authorities=_own_authorities(files),
        timestamp_authorities=_authorities_of(files, TSA_CHAIN),
        name=" and ".join(sorted(files)),
        fingerprint=digest.hexdigest(),
    )


# protojson -----------------------------------------------------------------------------------------------------------


def _fields(found: t.Any, path: str) -> Fields:
    """An object without its nulls: in protojson they say that a field is not there."""
    fields = Fields(found, path)
    return Fields({key: value for key, value in fields.found.items() if value is not None}, path)


def _inner(fields: Fields, key: str) -> Fields:
    """A message in a field; one that is missing is as an empty one."""
    return _fields(fields.found.get(key, {}), f"{fields.path}.{key}")


def _each(root: Fields, key: str, read: t.Callable[[Fields], T | None]) -> tuple[T, ...]:
    entries = root.array(key, [])
    if len(entries) > MAX_ENTRIES:
        raise Rejection("LIMIT_EXCEEDED", f"{root.path} has more than {MAX_ENTRIES} {key}; leave out what is not used.")
    made = (read(_fields(entry, f"{root.path}: {key}[{index}]")) for index, entry in enumerate(entries))
    return tuple(one for one in made if one is not None)


def _log(entry: Fields) -> Log | None:
    entry.only("baseUrl", "hashAlgorithm", "publicKey", "logId", "checkpointKeyId", "operator")
    public, log_id = _inner(entry, "publicKey"), _log_id(entry)
    public.only("rawBytes", "keyDetails", "validFor")
    window = _window(public)
    raw = _bytes(public, "rawBytes")
    kind = _KINDS.get(public.text("keyDetails", ""))
    if kind is None or entry.text("hashAlgorithm", "") != "SHA2_256":
        return None
    key = _key(raw, kind, public.path)
    return Log(entry.text("baseUrl", ""), log_id, key, window, entry.text("operator", "")) if key else None


def _log_id(entry: Fields) -> bytes:
    """The id as it is given (SHA-256 of the key, or the four bytes of a checkpoint's key id): a wrong one names no
    entry, and is never replaced by the right one."""
    given = [_inner(entry, key) for key in ("logId", "checkpointKeyId") if key in entry.found]
    for one in given:
        one.only("keyId")
    found = _bytes(given[0], "keyId") if given else b""
    if len(found) not in _ID_LENGTHS:
        raise _refused(f"{entry.path} has a log id of {len(found)} bytes, not of 32")
    return found


def _authority(entry: Fields) -> Authority | None:
    entry.only("subject", "uri", "certChain", "validFor", "operator")
    _inner(entry, "subject").only("organization", "commonName")
    entry.text("operator", "")
    chain = _inner(entry, "certChain")
    chain.only("certificates")
    found = chain.array("certificates", [])
    if not 1 <= len(found) <= MAX_CERTIFICATES:
        raise _refused(f"{entry.path} has a chain of {len(found)} certificates, not of 1 to {MAX_CERTIFICATES}")
    window, certificates = _window(entry), []
    for index, one in enumerate(found):
        fields = _fields(one, f"{chain.path}[{index}]")
        fields.only("rawBytes")
        certificates.append(_certificate(_bytes(fields, "rawBytes"), fields.path))
    return _chain(certificates, window, entry.text("uri", ""))


def _chain(certificates: t.Sequence[Certificate | None], window: Window, url: str) -> Authority | None:
    """The last is the anchor; None where one of them is of a kind that is not supported."""
    known = [one for one in certificates if one is not None]
    return Authority((known[-1],), tuple(known[:-1]), window, url) if len(known) == len(certificates) else None


def _window(entry: Fields) -> Window:
    valid = _inner(entry, "validFor")
    valid.only("start", "end")
    start, end = _moment(valid, "start"), _moment(valid, "end")
    if start is None:
        raise _refused(f"{valid.path} has no start, so nobody knows when this is to be trusted")
    if end is not None and end < start:
        raise _refused(f"{valid.path} ends before it starts")
    return Window(start, end)


def _moment(valid: Fields, key: str) -> datetime.datetime | None:
    """A google.protobuf.Timestamp in protojson, to the microsecond (what is finer is cut off); None: not there."""
    text = valid.text(key, "")
    if not text:
        return None
    match = _TIME.match(text)
    try:
        moment = datetime.datetime.fromisoformat(match[1] if match else "")
    except ValueError:
        raise _refused(f"{valid.path}.{key} is {text[:40]!r} and not a time such as 2026-01-31T12:00:00Z") from None
    fraction = (match[2] if match else "") or ""
    return moment.replace(microsecond=int(fraction.ljust(6, "0")[:6]), tzinfo=datetime.timezone.utc)


def _bytes(fields: Fields, key: str) -> bytes:
    with _naming(fields.path):
        return decode_base64(fields.text(key, ""), key)


def _key(der: bytes, kind: str, path: str) -> PublicKey | None:
    """The key (SPKI, or PKCS #1 for RSA), None where it is of a kind that is not supported."""
    try:
        key = serialization.load_der_public_key(der)
    except UnsupportedAlgorithm:
        return None
    except ValueError:
        raise _refused(f"{path}.rawBytes holds no public key") from None
    try:
        public = wrap_public_key(key, "key")
    except Rejection:
        return None
    if not public.kind.startswith(kind):
        raise _refused(f"{path} holds a key of the kind {public.kind} and calls it {kind.rstrip('-')}")
    return public


def _certificate(der: bytes, path: str) -> Certificate | None:
    try:
        with _naming(path):
            return parse_certificate(der, "certificate")
    except _Unsupported:
        return None


# PEM -----------------------------------------------------------------------------------------------------------------


def _logs(files: t.Mapping[str, bytes], name: str) -> tuple[Log, ...]:
    if name not in files:
        return ()
    with _naming(f"The file of {name}"):
        keys = [parse_public_key(build_pem(*block), "key") for block in parse_pem(files[name], "file", commented=True)]
    return tuple(Log("", hashlib.sha256(key.spki).digest(), key) for key in keys)


def _own_authorities(files: t.Mapping[str, bytes]) -> tuple[Authority, ...]:
    if "certificate_chain" in files:
        chain = _certificates(files, "certificate_chain")
        return (Authority((chain[-1],), tuple(chain[:-1])),)
    if "ca_roots" in files:
        return (Authority(tuple(_certificates(files, "ca_roots")), tuple(_certificates(files, "ca_intermediates"))),)
    return _authorities_of(files, ROOT_FILE)


def _authorities_of(files: t.Mapping[str, bytes], name: str) -> tuple[Authority, ...]:
    """Roots are told by their issuer, which is themselves; the others are intermediates (or a TSA's own)."""
    if name not in files:
        return ()
    found = _certificates(files, name)
    anchors = tuple(one for one in found if one.is_self_issued)
    if not anchors:
        raise _refused(f"The file of {name} holds no root certificate, at which a chain could end")
    return (Authority(anchors, tuple(one for one in found if not one.is_self_issued)),)


def _certificates(files: t.Mapping[str, bytes], name: str) -> list[Certificate]:
    if name not in files:
        return []
    with _naming(f"The file of {name}"):
        blocks = parse_pem(files[name], "file", commented=True)
        labels = {block.label for block in blocks}
        if labels != {"CERTIFICATE"}:
            raise Rejection("MALFORMED", f"It holds {', '.join(sorted(labels))} and not certificates alone.")
        return [parse_certificate(block.der, "certificate") for block in blocks]


# Refusals ------------------------------------------------------------------------------------------------------------


class _Unsupported(Rejection):
    """Nothing is wrong but that it is of a kind that is not read here."""


def _refused(text: str) -> Rejection:
    return Rejection("TRUST_ROOT", f"{text}; get the file anew, or correct it.")


@contextlib.contextmanager
def _naming(path: str) -> t.Iterator[None]:
    """Whatever is refused in here is the trusted root's fault, and this is where."""
    try:
        yield
    except Rejection as rejection:
        kind = _Unsupported if rejection.code == "POLICY_UNSUPPORTED" else Rejection
        raise kind("TRUST_ROOT", f"{path} cannot be used. {rejection.message}") from None
