# Copyright (c) 2026, the supplychain.cosign authors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""Texts for the verifier's readers, made by rule from right ones: of everything that a reader reads one thing is more,
less or different. What a reader has to say to each is not written here: `planted.py` asks whether it would still say
the same with a check left out."""

from __future__ import annotations

import json
import typing as t

from tests.support.sigstore import der
from tests.support.sigstore.case import IMAGE, key, keyed, signed
from tests.support.sigstore.rekor import Json
from tests.support.sigstore.tsa import ess_v1, ess_v2
from tests.support.sigstore.virtual import AT, Made, VirtualSigstore, claims, pae, statement
from tests.support.sigstore.x509 import (
    CODE_SIGNING,
    Extension,
    authority_key_id,
    dns,
    email,
    extended_key_usage,
    ip,
    name_constraints,
    other_name,
    pem,
    subject_key_id,
    uri,
)


class Read(t.NamedTuple):
    """What a reader (by its short name) is given."""

    reader: str
    given: t.Any


def reads(virtual: VirtualSigstore) -> t.Iterator[Read]:
    for index, one in enumerate(_certificates(virtual)):
        yield from (Read("certificate", changed) for changed in ([one] if index > 1 else _der(one)))
    for one in _tokens(virtual):
        yield from (Read("timestamp", changed) for changed in _der(one))
    for made in _bundles(virtual):
        yield from (Read("bundle", changed) for changed in _json(made.bundle))
    for body in _bodies(virtual):
        yield from (Read("log body", changed) for changed in _json(body))
    yield from (Read("trusted root", changed) for changed in _json(virtual.trusted_root()))
    yield from (Read("payload", changed) for changed in _json(json.loads(claims(IMAGE))))
    detached = virtual.ct.detached(virtual.ca.root.der, AT)
    yield from (Read("certificate timestamp", changed) for changed in _json(json.loads(detached)))
    yield from (Read("name", one) for one in _constrained())
    yield from (Read("checkpoint", text) for text in _checkpoints(virtual))
    yield from (Read("pattern", text) for text in PATTERNS)
    yield from (Read("rule", {**RULE, **changes}) for changes in RULES)
    yield from (Read("policy", changes) for changes in POLICIES)
    own = {"ca_roots": virtual.ca.root.pem, "ca_intermediates": virtual.ca.intermediates[0].pem}
    chain = virtual.ca.chain_pem
    for name, data in (
        ("SIGSTORE_ROOT_FILE", virtual.ca.intermediates[0].pem),
        ("SIGSTORE_ROOT_FILE", chain),
        ("SIGSTORE_TSA_CERTIFICATE_FILE", virtual.tsa.chain_pem()),
        ("SIGSTORE_REKOR_PUBLIC_KEY", chain),
        ("certificate_chain", b"-----BEGIN PUBLIC KEY-----\nAAAA\n-----END PUBLIC KEY-----\n"),
        ("ca_roots", chain),
    ):
        yield Read("files", {**own, name: data})
        yield Read("files", {name: data})


# What is asked for

PATTERNS = (
    *("", "a\n", "a" * 2049, "a)", "*a", "(?i)a", "(" * 51 + "a" + ")" * 51, "(a", "\\1", "\\pL", "\\", "\\q", "\\\u00e9"),
    *("[a", "[[:alpha:]]", "[[a]", "[a-b-c]", "[\\d-z]", "[a-\\d]", "[z-a]", "[a-", "^*", "a**", "(a+)+", "(a{99}){99}"),
    *("a{1", "a{x}", "a{1,x}", "a{01}", "a{99999}", "a{\u0661}", "a{2,1}", "a{0,1000}" * 3, ".*", ".+", "\\S+", "a{,2}"),
    *("(?:a|b)", "[a-c]x", "a\\.b", "[^a]b", "\\bab\\b", "(?=a)", "(?<n>a)", "(?#a)", "[a\\-b]", "a{2,3}?", "a\x7f"),
)
RULE: Json = {"certificate_identity": "a", "certificate_oidc_issuer": "b"}
RULES: tuple[Json, ...] = (
    {"certificate_identity": None},
    {"certificate_oidc_issuer": None},
    {"certificate_identity": ""},
    {"certificate_oidc_issuer": ""},
    {"certificate_identity_regexp": "a"},
    {"certificate_oidc_issuer_regexp": "b"},
    {"certificate_github_workflow_ref": ""},
    {"workflow": {"else": "a"}},
)
POLICIES: tuple[Json, ...] = (
    {"signers": ()},
    {"required_signatures": 0},
    {"required_signatures": True},
    {"required_signatures": 2},
    {"required_logs": 0},
    {"ignore_tlog": True, "required_logs": 2},
    {"match_reference": "some"},
    {"predicate_types": ()},
    {"check_claims": False, "annotations": {"a": "b"}},
    {"ignore_timestamps": True, "use_signed_timestamps": True},
)


# By rule


def _der(whole: bytes) -> t.Iterator[bytes]:
    """DER of which one element is different; octets that hold DER are looked into."""
    yield whole + b"\0"
    yield whole[:-1]
    yield from _elements(whole)


def _elements(data: bytes) -> t.Iterator[bytes]:
    """`data` (elements one after the other) with a change in one of them, all lengths made right again."""
    at = 0
    while at < len(data):
        head, tag, contents = _header(data, at), data[at], b""
        contents = data[head[0] : head[1]]
        for changed in _changed(tag, contents):
            yield data[:at] + der.tlv(*changed) + data[head[1] :]
        yield data[:at] + data[head[1] :]
        yield data[:at] + data[at : head[1]] * 2 + data[head[1] :]
        at = head[1]


def _changed(tag: int, contents: bytes) -> t.Iterator[tuple[int, bytes]]:
    if tag & 0x20 or _holds_der(tag, contents):
        yield tag, contents + der.null()
        yield from ((tag, inner) for inner in _elements(contents))
    if not tag & 0x20:
        turned = bytes((contents[0] ^ 0x80, *contents[1:])) if contents else b"\0"
        others = (b"", b"\0" + contents, contents + b"\x80", turned, contents[:-1] + b"\xff", contents * 40, b"\x02")
        yield from ((tag, other) for other in others)
    yield tag ^ 0x20, contents
    yield tag ^ 1, contents


def _holds_der(tag: int, contents: bytes) -> bool:
    return tag == 0x04 and len(contents) > 1 and contents[0] in (0x03, 0x04, 0x30) and _header(contents, 0)[1] == len(contents)


def _header(data: bytes, at: int) -> tuple[int, int]:
    """Where the contents of the element at `at` begin and end."""
    size, body = data[at + 1], at + 2
    if size >= 0x80:
        count = size & 0x7F
        size, body = int.from_bytes(data[body : body + count], "big"), body + count
    return body, body + size


def _json(whole: t.Any) -> t.Iterator[bytes]:
    yield b"[" * 9
    for changed in _values(whole):
        yield json.dumps(changed).encode()


def _values(value: t.Any) -> t.Iterator[t.Any]:
    """`value` with a change in one place."""
    yield from (None, 7, -1, "", "x", "QUE=", {}, [], [7])
    if isinstance(value, dict):
        yield {**value, "note": 1}
        for name, one in value.items():
            yield {other: kept for other, kept in value.items() if other != name}
            yield from ({**value, name: changed} for changed in _values(one))
    if isinstance(value, list):
        for length in (0, 2, 300):
            yield value[:1] * length
        for index, one in enumerate(value[:1]):
            yield from ([*value[:index], changed, *value[index + 1 :]] for changed in _values(one))
    if isinstance(value, str):
        yield from (value.upper(), f"{value}\n", value + value, "2026-01-01T00:00:00Z", "e30=")


# What is right


def _certificates(virtual: VirtualSigstore) -> t.Iterator[bytes]:
    ca = virtual.ca
    yield ca.issue(
        key().public_key(),
        AT,
        issuer="https://issuer.test",
        san=[ip("192.0.2.1"), other_name(der.utf8("root!test")), email("a@b.c"), dns("b.c"), uri("https://b.c/")],
        extensions=[subject_key_id(key()), authority_key_id(key("p384"))],
        ct=virtual.ct,
    )
    constraints = name_constraints([dns("b.c"), uri("b.c")], excluded=[email("c.d"), ip("192.0.2.0")])
    code = extended_key_usage(CODE_SIGNING)
    yield ca.subordinate(ca.root, "constrained", path_length=1, extensions=[code, constraints]).der
    yield ca.issue(key().public_key(), AT, san=[f"a{number}@b.c" for number in range(33)])
    for kind in ("rsa2048", "ed25519", "k256"):
        yield ca.issue(key(kind).public_key(), AT)
    long = Extension("1.2.3.4", b"x" * 70_000)
    yield ca.issue(key().public_key(), AT, extensions=[long])
    yield ca.subordinate(
        ca.root, "much constrained", extensions=[name_constraints([dns(f"n{number}.c") for number in range(257)])]
    ).der


def _tokens(virtual: VirtualSigstore) -> t.Iterator[bytes]:
    accuracy = der.sequence(der.integer(1), der.tlv(0x80, b"\1"), der.tlv(0x81, b"\1"))
    extension = der.sequence(der.oid("1.2.3"), der.boolean(False), der.octets(b"x"))
    more = {"accuracy": accuracy, "nonce": 7, "extensions": der.explicit(1, extension)}
    tsa = virtual.tsa
    yield tsa.timestamp(b"x", AT, **more, certificates=[])
    yield tsa.timestamp(b"x", AT, certificates=[], sid="key", ess=[ess_v1(tsa.leaf), ess_v2(tsa.leaf, "sha512")])


def _bundles(virtual: VirtualSigstore) -> t.Iterator[Made]:
    for make in (
        signed(timestamp=True),
        signed("file", log="v2"),
        signed(version="0.2"),
        keyed(log=None, timestamp=True),
    ):
        yield make(virtual)


def _bodies(virtual: VirtualSigstore) -> t.Iterator[Json]:
    rekor, rekor2 = virtual.rekor, virtual.rekor2
    verifier, payload = pem(virtual.ca.root.der), statement(IMAGE)
    of: Json = {"signature": b"x", "verifier": verifier}
    yield rekor.hashedrekord(**of, data=payload)
    yield rekor.dsse(**of, payload=payload)
    yield rekor.intoto(**of, payload=payload, with_payload=True)
    yield rekor.intoto(**of, payload=payload, version="0.0.1")
    yield rekor2.hashedrekord(**of, data=pae(payload))
    yield rekor2.dsse(**of, payload=payload)


def _checkpoints(virtual: VirtualSigstore) -> t.Iterator[str]:
    made = signed(log="v2")(virtual)
    text = made.entries[0]["inclusionProof"]["checkpoint"]["envelope"]
    body, dummy, under = text.partition("\n\n")
    origin, size, root = body.split("\n")[:3]
    for lines in (
        ("", size, root),
        (origin, "05", root),
        (origin, "-5", root),
        (origin, size, root[:-4]),
        (origin, size, "AAAA"),
        (origin, size),
        ("a\tb", size, root),
        ("\ud800", size, root),
    ):
        yield "\n".join(lines) + f"\n\n{under}"
    yield f"{body}\n\n"
    yield text[:-1]
    yield f"{text}x"
    yield f"{body}\n\n\u2014 a AAAA\n"
    yield f"{body}\n\n\u2014 a AAAAAA==\n"


# Names and what a CA may certify


def _constrained() -> t.Iterator[tuple[bytes, bytes]]:
    """The value of an extension of name constraints, and a name: permitted or excluded, of this and other kinds."""
    ip_net = der.tlv(0x87, bytes((192, 0, 2, 0, 255, 255, 255, 0)))
    names = (
        *map(dns, ("b.c", "a.b.c", "xb.c", "*.c", "", "a..c")),
        *map(email, ("a@b.c", "b@b.c", "a@x.b.c", "a", "@", "a@-*")),
        *map(uri, ("https://b.c/", "https://a.b.c", "b.c", "https://[::1]/", "https://192.0.2.1/", "https:///")),
        *map(ip, ("192.0.2.1", "198.51.100.1", "2001:db8::1")),
        other_name(der.utf8("a")),
    )
    bases = (
        *map(dns, ("b.c", ".b.c", "", "*", "c")),
        *map(email, ("a@b.c", "b.c", ".b.c", "@b.c", "*")),
        *map(uri, ("b.c", ".b.c", "*", "192.0.2.1", "")),
        ip_net,
        der.tlv(0x87, b"\0" * 7),
        other_name(der.utf8("a")),
    )
    for base in bases:
        for excluded in (False, True):
            value = name_constraints(**{"excluded" if excluded else "permitted": [base]}).value
            for name in names:
                yield value, der.sequence(name)
