# Copyright (c) 2026, the supplychain.cosign authors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""One case of the catalogue (`wrong.CASES`): a signature as it goes over the wire, who is asked for, and the answer.
And what cases are made of, so that each is a line or two. Shares no code with the verifier."""

from __future__ import annotations

import base64
import functools
import hashlib
import json
import typing as t
from dataclasses import dataclass, field
from datetime import datetime, timedelta

from cryptography.hazmat.primitives.asymmetric import ec, ed25519, rsa

from tests.support import images
from tests.support.sigstore.rekor import Json
from tests.support.sigstore.virtual import (
    AT,
    IDENTITY,
    ISSUER,
    Made,
    VirtualSigstore,
    claims,
    public_pem,
    statement,
)


def digest_of(data: bytes) -> str:
    return f"sha256:{hashlib.sha256(data).hexdigest()}"


# Images that can be pushed, so that others can be asked about the cases too.
IMAGE, OTHER_IMAGE = (images.image(text).digest for text in ("an image", "another image"))
ARTIFACT = b"a file"
LATER = AT + timedelta(days=4)
"""When everything is verified, unless said otherwise: the certificates have expired by then."""

OURS: t.Mapping[str, str] = {"certificate_identity": IDENTITY, "certificate_oidc_issuer": ISSUER}
NOBODY: t.Mapping[str, str] = {}
SET_ONLY: Json = {"with_proof": False}

Make = t.Callable[[VirtualSigstore], Made]
Root = t.Callable[[VirtualSigstore], Json]
Change = t.Callable[[Made], None]


@dataclass(frozen=True)
class Case:
    """`make` makes a signature, `digest` (and `reference`) is the image that is asked for, or the file `artifact`.

    Who may sign: `keys` are kinds of `key`, else the holder of `identity` (options by name). `policy` are further
    keywords of the policy; `root` is another trusted_root.json than the virtual Sigstore's own. `code` is the
    refusal's, None where the signature must be accepted at `now`. `rows` are those of docs/attacks.md, and advisories.
    """

    name: str
    rows: tuple[str, ...]
    code: str | None
    make: Make = field(repr=False)
    keys: tuple[str, ...] = ()
    identity: t.Mapping[str, str] = field(default_factory=lambda: OURS)
    policy: t.Mapping[str, t.Any] = field(default_factory=dict)
    root: Root | None = field(default=None, repr=False)
    now: datetime = LATER
    digest: str = IMAGE
    reference: str = "registry.test/app"
    artifact: bytes | None = None

    @property
    def valid(self) -> bool:
        return self.code is None


def key(kind: str = "p256", owner: str = "ours") -> t.Any:
    """The private key of that kind which `owner` has, the same at every call."""
    return _key(kind, owner)


@functools.cache
def _key(kind: str, owner: str) -> t.Any:
    if kind == "ed25519":
        return ed25519.Ed25519PrivateKey.generate()
    if kind.startswith("rsa"):
        return rsa.generate_private_key(65537, int(kind[3:]))
    curves: dict[str, t.Callable[[], ec.EllipticCurve]]
    curves = {"p256": ec.SECP256R1, "p384": ec.SECP384R1, "p521": ec.SECP521R1, "k256": ec.SECP256K1}
    return ec.generate_private_key(curves[kind]())


def key_pem(kind: str = "p256", owner: str = "ours") -> bytes:
    return public_pem(key(kind, owner))


# Makers


def signed(form: str = "bundle", digest: str = IMAGE, **how: t.Any) -> Make:
    """`VirtualSigstore.sign` with these arguments; one that is a function is called with the virtual Sigstore."""
    if form == "file":
        how.setdefault("artifact", ARTIFACT)

    def make(virtual: VirtualSigstore) -> Made:
        return virtual.sign(digest, form, **{name: one(virtual) if callable(one) else one for name, one in how.items()})

    return make


def keyed(form: str = "bundle", kind: str = "p256", **how: t.Any) -> Make:
    def make(virtual: VirtualSigstore) -> Made:
        return signed(form, key=key(kind), keyless=False, **how)(virtual)

    return make


def said(**changes: t.Any) -> Make:
    """A bundle over a statement with other fields."""
    return signed(payload=statement(IMAGE, **changes))


def claimed(change: t.Callable[[Json], t.Any]) -> Make:
    """A legacy signature over a payload that was changed before it was signed."""
    payload = json.loads(claims(IMAGE))
    change(payload)
    return signed("legacy", payload=json.dumps(payload).encode())


def edited(make: Make, *changes: Change) -> Make:
    """What `make` makes, changed afterwards."""

    def changed(virtual: VirtualSigstore) -> Made:
        made = make(virtual)
        for change in changes:
            change(made)
        return made

    return changed


def rooted(**lists: t.Any) -> Root:
    """The virtual Sigstore's trusted root with other lists; one that is a function is called with it."""
    return lambda virtual: virtual.trusted_root(
        **{name: one(virtual) if callable(one) else one for name, one in lists.items()}
    )


# Changes

DROP: t.Any = object()
MATERIAL = "verificationMaterial"
ENTRY = f"{MATERIAL}.tlogEntries.0"
PROOF = f"{ENTRY}.inclusionProof"
STAMPS = f"{MATERIAL}.timestampVerificationData.rfc3161Timestamps"
ENVELOPE = "dsseEnvelope"


def put(path: str, value: t.Any) -> Change:
    """Replace what stands at a path in a bundle, take it out (DROP), or let a function make the new value."""
    return lambda made: _put(made.bundle, path.split("."), value)


def note(name: str, value: t.Any) -> Change:
    """The same for an annotation of a legacy layer, by the last part of its name."""

    def change(made: Made) -> None:
        start = "dev.cosignproject.cosign" if name == "signature" else "dev.sigstore.cosign"
        _put(made.annotations, [f"{start}/{name}"], value)

    return change


def logged(path: str, value: t.Any) -> Change:
    """The same for the JSON in the log annotation of a legacy layer."""

    def change(text: str) -> str:
        found = json.loads(text)
        _put(found, path.split("."), value)
        return json.dumps(found)

    return note("bundle", change)


def _put(found: t.Any, path: t.Sequence[str], value: t.Any) -> None:
    *parents, last = [int(one) if one.isdigit() else one for one in path]
    for one in parents:
        found = found[one]
    if value is DROP:
        del found[last]
    else:
        found[last] = value(found[last]) if callable(value) else value


def entered(made: Made, entries: t.Sequence[Json]) -> None:
    """Put these log entries into a bundle."""
    made.entries = list(entries)
    made.material["tlogEntries"] = made.entries


# Signatures that were put together


def swapped(move: t.Callable[[Made, Made], None], form: str = "bundle", **how: t.Any) -> Make:
    """A signature into which `move` puts a part of a second one: same payload, same identity, other certificate, and
    another key unless one is given."""

    def make(virtual: VirtualSigstore) -> Made:
        ours, other = signed(form, **how)(virtual), signed(form, **how)(virtual)
        move(ours, other)
        return ours

    return make


def part(path: str) -> t.Callable[[Made, Made], None]:
    """Move what stands at a path of a bundle, or in the annotation of that name."""

    def move(ours: Made, other: Made) -> None:
        if not ours.is_bundle:
            start = "dev.cosignproject.cosign" if path == "signature" else "dev.sigstore.cosign"
            ours.annotations[f"{start}/{path}"] = other.annotations[f"{start}/{path}"]
            return
        found: t.Any = other.bundle
        for one in path.split("."):
            found = found[int(one) if one.isdigit() else one]
        put(path, found)(ours)

    return move


# Encodings


def flipped(data: bytes, at: int = -1) -> bytes:
    changed = bytearray(data)
    changed[at] ^= 1
    return bytes(changed)


def flip_base64(text: str) -> str:
    """The base64 of the same bytes but for one bit."""
    return base64.b64encode(flipped(base64.b64decode(text), 0)).decode()
