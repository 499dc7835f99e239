# Copyright (c) 2026, the supplychain.cosign authors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""The virtual services answer as the real ones do: each request goes to both, and the answers have one shape."""

from __future__ import annotations

import json
import re
import typing as t
from concurrent.futures import ThreadPoolExecutor

import pytest
from cryptography import x509

from tests.interop import services
from tests.interop.service_requests import (
    CASES,
    ENTRIES_1,
    ENTRIES_2,
    Side,
    dsse_1,
    hashedrekord_1,
    hashedrekord_2,
    request_certificate,
    signing_request,
)
from tests.interop.shapes import Answer, ask, shape_of
from tests.support.sigstore.rekor import RekorV2
from tests.support.sigstore.server import VirtualServices
from tests.support.sigstore.virtual import b64


@pytest.fixture(scope="module")
def virtual() -> t.Iterator[VirtualServices]:
    with VirtualServices() as running:
        yield running


@pytest.fixture
def real_side(sigstore: services.Sigstore) -> Side:
    return Side(sigstore.issuer, sigstore.fulcio, sigstore.rekor1, sigstore.rekor2, sigstore.tsa)


@pytest.fixture
def virtual_side(virtual: VirtualServices) -> t.Iterator[Side]:
    """As the real server of Rekor v2 is, which reads nothing."""
    urls = virtual.urls
    virtual.rekor2.tiles = False
    yield Side(virtual.issuer, urls.fulcio, urls.rekor1, urls.rekor2, urls.tsa)
    virtual.rekor2.tiles = True


@pytest.mark.parametrize("name", CASES)
def test_both_answer_in_one_shape(name: str, real_side: Side, virtual_side: Side) -> None:
    real, ours = (CASES[name](side) for side in (real_side, virtual_side))
    listed = [[one] if isinstance(one, Answer) else one for one in (real, ours)]
    for number, (theirs, mine) in enumerate(zip(*listed, strict=True)):
        assert without_chance(shape_of(mine)) == without_chance(shape_of(theirs)), f"answer {number}"


def without_chance(found: t.Any) -> t.Any:
    """A proof in a tree of one entry has no hashes, and Rekor v1 begins there. Fulcio tells issuers in any order."""
    if isinstance(found, dict):
        kept = {name: without_chance(value) for name, value in found.items() if name != "hashes"}
        return {name: sorted(value, key=str) if name == "issuers" else value for name, value in kept.items()}
    if isinstance(found, list | tuple):
        return [without_chance(one) for one in found]
    return found


def test_both_certify_the_same(real_side: Side, virtual_side: Side) -> None:
    """Names, claims, extensions and their order, and for how long."""
    for identity in ("email", "uri", "workflow"):
        told = []
        for side in (real_side, virtual_side):
            argument = "someone@mail.example" if identity == "email" else "example/app"
            token = side.issuer.token(getattr(side.issuer, identity)(argument))
            answered = json.loads(
                request_certificate(side, token, certificateSigningRequest=b64(signing_request())).body
            )
            leaf = answered["signedCertificateEmbeddedSct"]["chain"]["certificates"][0].encode()
            told.append(certified(leaf, side.issuer.url))
        assert told[1] == told[0]


def certified(leaf: bytes, issuer: str) -> t.Any:
    found = x509.load_pem_x509_certificate(leaf)
    known = ("2.5.29.35", "1.3.6.1.4.1.11129.2.4.2")  # whose key it is, and the promises
    extensions = [
        (
            one.oid.dotted_string,
            one.critical,
            b"" if one.oid.dotted_string in known else der_texts(one.value.public_bytes(), issuer),
        )
        for one in found.extensions
    ]
    lifetime = found.not_valid_after_utc - found.not_valid_before_utc
    return found.subject, lifetime, found.signature_algorithm_oid, extensions, len(sct_list(found))


def der_texts(value: bytes, issuer: str) -> bytes:
    """The value with another issuer in it, without lengths: ports have four or five digits."""
    return re.sub(rb"[\x00-\x1f\x80-\xff]", b"", value.replace(issuer.encode(), b"ISSUER"))


def sct_list(certificate: x509.Certificate) -> t.Any:
    return certificate.extensions.get_extension_for_class(x509.PrecertificateSignedCertificateTimestamps).value


def test_both_log_the_same_bodies(real_side: Side, virtual_side: Side) -> None:
    """Byte by byte: what is hashed into the tree is what verifiers compare with."""
    asked_2 = hashedrekord_2(b"the same")
    asked_1 = [hashedrekord_1(b"the same"), dsse_1(b'{"the": "same"}')]
    told = [
        [
            *(next(iter(json.loads(post(f"{side.rekor1}{ENTRIES_1}", one).body).values()))["body"] for one in asked_1),
            json.loads(post(f"{side.rekor2}{ENTRIES_2}", asked_2).body)["canonicalizedBody"],
        ]
        for side in (real_side, virtual_side)
    ]
    assert told[1] == told[0]


def post(url: str, body: t.Any) -> Answer:
    answer = ask("POST", url, body)
    assert answer.status == 201, answer
    return answer


def test_tiles_are_those_of_the_real_log(sigstore: services.Sigstore, virtual: VirtualServices) -> None:
    """More than one tile, read where the real server keeps its own for a file server, and from a virtual log of the
    same entries."""
    with ThreadPoolExecutor(64) as pool:
        list(pool.map(lambda number: post(f"{sigstore.rekor2}{ENTRIES_2}", hashedrekord_2(b"%d" % number)), range(270)))
    folder = sigstore.trusted_root.parent / "rekor2"
    origin, size, root = (folder / "checkpoint").read_text().splitlines()[:3]
    # Other tests have used the log too.
    full, rest = divmod(int(size), 256)
    assert full and rest
    files = {name: (folder / name).read_bytes() for name in tiles(full, rest)}
    log = RekorV2(url=virtual.urls.rekor2, origin="127.0.0.1", before=0)
    for name in (one for one in files if one.startswith("tile/entries/")):
        for entry in entries_of(files[name]):
            log.tree.add(entry)
    kept, virtual.world.rekor2 = virtual.world.rekor2, log
    try:
        given = {name: ask("GET", f"{virtual.urls.rekor2}/api/v2/{name}") for name in (*files, "checkpoint")}
        last = f"tile/0/{full:03}"
        beyond = [f"{last}.p/{rest + 1}", last, "tile/1/000", f"tile/1/000.p/{full + 1}", "tile/2/000.p/1"]
        assert [ask("GET", f"{virtual.urls.rekor2}/api/v2/{name}").status for name in beyond] == [404] * 5
    finally:
        virtual.world.rekor2 = kept
    assert given.pop("checkpoint").body.decode().splitlines()[:3] == [origin, size, root]
    assert {name: one.body for name, one in given.items()} == files


def tiles(full: int, rest: int) -> list[str]:
    """Those of a log of so many full tiles of entries and the rest."""
    numbers = [*(f"{number:03}" for number in range(full)), f"{full:03}.p/{rest}"]
    return [*(f"tile/{level}/{number}" for level in ("0", "entries") for number in numbers), f"tile/1/000.p/{full}"]


def entries_of(bundle: bytes) -> t.Iterator[bytes]:
    while bundle:
        size = int.from_bytes(bundle[:2], "big")
        yield bundle[2 : 2 + size]
        bundle = bundle[2 + size :]
