# Copyright (c) 2026, the supplychain.cosign authors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""More cases, of what is rarely wrong; and texts for the verifier's readers, made by rule from right ones: of all that
a reader reads one thing is more, less or different. What it has to say to each is not written here: `planted.py`
asks whether it would still say the same with a check left out."""

from __future__ import annotations

import base64
import functools
import hashlib
import json
import typing as t

from cryptography.hazmat.primitives.serialization import Encoding, PublicFormat

from tests.support.sigstore import der
from tests.support.sigstore.ca import Ca
from tests.support.sigstore.case import (
    ARTIFACT,
    IMAGE,
    Case,
    Make,
    Root,
    digest_of,
    entered,
    key,
    keyed,
    rooted,
    signed,
)
from tests.support.sigstore.ct import sct_list, spki
from tests.support.sigstore.rekor import Json
from tests.support.sigstore.tsa import ESS_V2, TimestampAuthority, attribute, ess_v1, ess_v2
from tests.support.sigstore.virtual import AT, IDENTITY, ISSUER, Made, VirtualSigstore, b64, claims, pae, statement
from tests.support.sigstore.x509 import (
    CODE_SIGNING,
    Extension,
    directory,
    distinguished_name,
    dns,
    email,
    extended_key_usage,
    ip,
    name_constraints,
    other_name,
    pem,
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
    root = virtual.trusted_root()
    for name in ("tlogs", "certificateAuthorities"):
        root[name] = [{**one, "operator": "sigstore.test"} for one in root[name]]
    yield from (Read("trusted root", changed) for changed in _json(root))
    yield from (Read("payload", changed) for changed in _json(json.loads(claims(IMAGE))))
    detached = virtual.ct.detached(virtual.ca.root.der, AT)
    yield from (Read("certificate timestamp", changed) for changed in _json(json.loads(detached)))
    yield from (Read("name", one) for one in _constrained())
    yield from (Read("checkpoint", text) for text in _checkpoints(virtual))
    yield from (Read("pattern", text) for text in PATTERNS)
    yield Read("trusted root", b" " * (4 * 2**20 + 1))
    yield Read("bundle", b" " * (32 * 2**20 + 1))
    yield Read("payload", b" " * (4 * 2**20 + 1))
    yield Read("certificate timestamp", b" " * (64 * 2**10 + 1))
    signature = base64.b64decode(json.loads(detached)["signature"]) + b"x"
    longer = {**json.loads(detached), "signature": b64(signature)}
    yield Read("certificate timestamp", json.dumps(longer).encode())
    yield Read("digest", "sha256:x")
    made, other = signed(key=lambda v: key())(virtual), virtual.ca.issue(key().public_key(), AT)
    yield from (Read("given certificate", (made.data, one)) for one in (made.certificate, other))
    for make in (keyed(log=None, timestamp=False), keyed(), signed(), signed("legacy", log=None)):
        yield Read("needs trust", make(virtual).data)
    yield Read("needs trust", b"x")
    yield from (Read("match", (pattern, value)) for pattern in MATCHED for value in VALUES)
    for kinds, rules, required in TOGETHER:
        found = [keyed(kind=kind, log=None)(virtual).data for kind in kinds.split()]
        yield Read("together", (found, [one.split(",") for one in rules.split()], required))
    yield from (Read("several", codes.split()) for codes in SEVERAL)
    yield from (Read("layer", one) for one in _layers(virtual))
    yield from (Read("file", one) for one in _files(virtual))
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
    *(
        "",
        "a\n",
        "a" * 2049,
        "a)",
        "*a",
        "(?i)a",
        "(" * 51 + "a" + ")" * 51,
        "(a",
        "\\1",
        "\\pL",
        "\\",
        "\\q",
        "\\\u00e9",
        "\\\u20ac",
        "[\\w-z]",
    ),
    *(
        "[a",
        "[[:alpha:]]",
        "[[a]",
        "[a-b-c]",
        "[\\d-z]",
        "[a-\\d]",
        "[z-a]",
        "[a-",
        "^*",
        "a**",
        "(a+)+",
        "(a{99}){99}",
    ),
    *(
        "a{1",
        "a{x}",
        "a{1,x}",
        "a{01}",
        "a{99999}",
        "a{\u0661}",
        "a{2,1}",
        "a{0,1000}" * 3,
        ".*",
        ".+",
        "\\S+",
        "a{,2}",
    ),
    *("(?:a|b)", "[a-c]x", "a\\.b", "[^a]b", "\\bab\\b", "(?=a)", "(?<n>a)", "(?#a)", "[a\\-b]", "a{2,3}?", "a\x7f"),
)
MATCHED = ("[0-9]x", "[^0-9]x", "a|b", "^a", "a$", "\\bab\\b", "a\\Bb", "a{2,3}", "a+b?", "[a]b", "\\d\\w\\s", "a.c")
VALUES = (
    "1x",
    "ax",
    "a",
    "b",
    "ab",
    "ba",
    "aa",
    "aaaa",
    "aab",
    "abc",
    "a b",
    "xab x",
    "1a ",
    "a\u00e9c",
    "",
    "a" * 2049,
)
"""Each pattern is compared with each value."""

TOGETHER = (
    ("p256 p384", "p256,p384 p521", 2),
    ("p256 p384 p521 ed25519", "p256,p384,p521 ed25519 ed25519", 3),
    ("p256 p384", "p256,p384 p256", 2),
)
"""Whose keys signed an image, the keys of each rule, and how many are required."""

SEVERAL = ("MALFORMED SIG_INVALID", "MALFORMED UNREACHABLE", "PREDICATE_TYPE MALFORMED", "PREDICATE_TYPE")
"""The refusals of signatures that were found together."""

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
    return (
        tag == 0x04
        and len(contents) > 1
        and contents[0] in (0x03, 0x04, 0x30)
        and _header(contents, 0)[1] == len(contents)
    )


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
        ct=virtual.ct,
    )
    constraints = name_constraints([dns("b.c"), uri("b.c")], excluded=[email("c.d"), ip("192.0.2.0")])
    code = extended_key_usage(CODE_SIGNING)
    yield ca.subordinate(ca.root, "constrained", path_length=1, extensions=[code, constraints]).der
    yield ca.issue(key().public_key(), AT, san=[f"a{number}@b.c" for number in range(33)])
    compressed = key().public_key().public_bytes(Encoding.X962, PublicFormat.CompressedPoint)
    curve = der.sequence(der.oid("1.2.840.10045.2.1"), der.oid("1.2.840.10045.3.1.7"))
    yield ca.issue(der.sequence(curve, der.bits(compressed)), AT)
    spelt_out = Extension("2.5.29.19", der.sequence(der.boolean(False)), True)
    yield ca.issue(key().public_key(), AT, extensions=[spelt_out])
    yield ca.issue(key().public_key(), AT, san=[], extensions=[Extension("2.5.29.17", der.sequence())])
    yield from (b"\x30\x84", b"\x30\x81\x02\x05\x00")
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
    more: Json = {
        "accuracy": accuracy,
        "nonce": 7,
        "extensions": der.explicit(1, extension),
        "ordering": der.boolean(True),
    }
    tsa = virtual.tsa
    yield tsa.timestamp(b"x", AT, **more, certificates=[], unsigned=der.explicit(1, der.sequence()))
    yield tsa.timestamp(b"x", AT, certificates=[], sid="key", ess=[ess_v1(tsa.leaf), ess_v2(tsa.leaf, "sha512")])


def _bundles(virtual: VirtualSigstore) -> t.Iterator[Made]:
    for make in (
        signed(timestamp=True),
        signed("file", log="v2"),
        signed(version="0.2"),
        keyed(log=None, timestamp=True),
    ):
        made = make(virtual)
        for signature in made.bundle.get("dsseEnvelope", {}).get("signatures", ()):
            signature["keyid"] = "a"
        yield made


def _bodies(virtual: VirtualSigstore) -> t.Iterator[Json]:
    rekor, rekor2 = virtual.rekor, virtual.rekor2
    verifier, payload = pem(virtual.ca.root.der), statement(IMAGE)
    of: Json = {"signature": b"x", "verifier": verifier}
    yield rekor.hashedrekord(**of, data=payload)
    yield rekor.dsse(**of, payload=payload)
    intoto = rekor.intoto(**of, payload=payload, with_payload=True)
    intoto["spec"]["content"]["envelope"]["signatures"][0]["keyid"] = "a"
    yield intoto
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


def _layers(virtual: VirtualSigstore) -> t.Iterator[Json]:
    """A legacy signature, whose payload's digest is said to be `digest` ("": the right one)."""
    made = signed("legacy", timestamp=True)(virtual)
    notes = {name.rpartition("/")[2]: value for name, value in made.annotations.items()}
    right: Json = {"payload": made.payload, "digest": "", **notes}
    promise = json.loads(notes["bundle"])
    unnamed = {**promise, "Payload": {**promise["Payload"], "logID": ""}}
    yield right
    yield {**right, "digest": f"sha256:{'0' * 64}"}
    yield {**right, "chain": notes["chain"] * 5}
    yield {**right, "bundle": json.dumps(unnamed)}
    yield from ({**right, "bundle": changed.decode()} for changed in _json(promise))
    yield from (
        {**right, "rfc3161timestamp": changed.decode()} for changed in _json(json.loads(notes["rfc3161timestamp"]))
    )


def _files(virtual: VirtualSigstore) -> t.Iterator[tuple[bytes, str, bytes | None]]:
    """A bundle, and the digest of a file or that and the file."""
    for hash_name in ("sha256", "sha512"):
        made = signed("file", log=None, hash_name=hash_name, key=key("p521"))(virtual)
        for changed in ({}, {"algorithm": "", "digest": ""}):
            made.bundle["messageSignature"]["messageDigest"].update(changed)
            for artifact in (None, ARTIFACT, b"another"):
                yield made.data, digest_of(ARTIFACT), artifact
                yield made.data, IMAGE, artifact


# Names and what a CA may certify


def _constrained() -> t.Iterator[tuple[bytes, bytes]]:
    """The value of an extension of name constraints, and a name: permitted or excluded, of this and other kinds."""
    whose = distinguished_name(O="a")
    ip_net = der.tlv(0x87, bytes((192, 0, 2, 0, 255, 255, 255, 0)))
    names = (
        *map(dns, ("b.c", "a.b.c", "xb.c", "*.c", "", "a..c")),
        *map(email, ("a@b.c", "b@b.c", "a@x.b.c", "a", "@", "a@-*")),
        *map(uri, ("https://b.c/", "https://a.b.c", "b.c", "https://[::1]/", "https://192.0.2.1/", "https:///")),
        *map(ip, ("192.0.2.1", "198.51.100.1", "2001:db8::1")),
        other_name(der.utf8("a")),
        directory(distinguished_name(O="a", CN="b")),
    )
    bases = (
        *map(dns, ("b.c", ".b.c", "", "*", "c")),
        *map(email, ("a@b.c", "b.c", ".b.c", "@b.c", "*")),
        *map(uri, ("b.c", ".b.c", "*", "192.0.2.1", "")),
        ip_net,
        der.tlv(0x87, b"\0" * 7),
        other_name(der.utf8("a")),
        *map(directory, (whose, distinguished_name(O="x"), whose + der.null())),
    )
    for base in bases:
        for excluded in (False, True):
            value = name_constraints([] if excluded else [base], [base] if excluded else []).value
            for name in names:
                yield value, der.sequence(name)


# Cases

X = b"something else"


def _issued(**issue: t.Any) -> Make:
    return signed(issue=lambda v: {name: one(v) if name == "by" else one for name, one in issue.items()})


@functools.cache
def _namesakes() -> tuple[VirtualSigstore, TimestampAuthority]:
    """Others of the virtual Sigstore's names, and other keys."""
    return VirtualSigstore(), TimestampAuthority(name="tsa.sigstore.test")


@functools.cache
def _self_issued(virtual: VirtualSigstore) -> Ca:
    """A CA that gave itself a new key."""
    parent = virtual.ca.intermediates[0]
    return virtual.ca.subordinate(parent, "", subject=parent.subject, extensions=[extended_key_usage(CODE_SIGNING)])


_OWN_NAME = distinguished_name(O="sigstore.test", CN="constraining")


@functools.cache
def _constraining(virtual: VirtualSigstore) -> Ca:
    """A CA that may certify nobody of its own name."""
    own = [extended_key_usage(CODE_SIGNING), name_constraints(excluded=[directory(_OWN_NAME)])]
    return virtual.ca.subordinate(virtual.ca.root, "", subject=_OWN_NAME, extensions=own)


@functools.cache
def _renewed(virtual: VirtualSigstore) -> Ca:
    own = [extended_key_usage(CODE_SIGNING)]
    return virtual.ca.subordinate(_constraining(virtual), "", subject=_OWN_NAME, extensions=own)


def _of_other_name(virtual: VirtualSigstore) -> Ca:
    return Ca(distinguished_name(CN="another"), virtual.ca.intermediates[0].key)


@functools.cache
def _by_sha1(virtual: VirtualSigstore) -> Ca:
    parent = virtual.ca.intermediates[0]
    return Ca(parent.subject, parent.key, "sha1")


def _by_rsa(virtual: VirtualSigstore) -> Ca:
    return Ca(virtual.ca.intermediates[0].subject, key("rsa2048"))


def _certificates_and_chains() -> t.Iterator[Case]:
    row = ("AT-30e",)
    many = rooted(certificateAuthorities=lambda v: [_namesakes()[0].ca.trusted()] * 60 + [v.ca.trusted()])
    yield Case("more CAs of one name than are looked at", (*row, "AT-04g"), "LIMIT_EXCEEDED", signed(), root=many)
    path = rooted(
        certificateAuthorities=lambda v: [
            v.ca.trusted(chain=[_self_issued(v).der, v.ca.intermediates[0].der, v.ca.root.der])
        ]
    )
    yield Case("a CA that gave itself a new key", row, None, _issued(by=_self_issued), root=path)
    constrained = rooted(
        certificateAuthorities=lambda v: [v.ca.trusted(chain=[_renewed(v).der, _constraining(v).der, v.ca.root.der])]
    )
    name = "a CA that gave itself a new key, whose own name its constraints exclude"
    yield Case(name, row, None, _issued(by=_renewed), root=constrained)
    yield Case("a certificate that names another issuer", row, "CHAIN_INVALID", _issued(by=_of_other_name))
    yield Case("a certificate signed with SHA-1", row, "CHAIN_INVALID", _issued(by=_by_sha1))
    yield Case("a certificate signed with a key of another kind", row, "CHAIN_INVALID", _issued(by=_by_rsa))


def _longer_list(virtual: VirtualSigstore) -> Made:
    seen: list[bytes] = []

    def scts(tbs: bytes, issuer: bytes) -> list[bytes]:
        seen.append(virtual.ct.sct(AT, tbs=tbs, issuer_spki=issuer))
        return seen

    same: Json = {"san": IDENTITY, "issuer": ISSUER, "serial": 77}
    virtual.ca.issue(key().public_key(), AT, make_scts=scts, **same)
    listed = Extension("1.3.6.1.4.1.11129.2.4.2", der.octets(sct_list(seen) + b"x"))
    certificate = virtual.ca.issue(key().public_key(), AT, extensions=[listed], **same)
    return signed(key=key(), certificate=certificate)(virtual)


def _certificate_timestamps() -> t.Iterator[Case]:
    def relabelled(virtual: VirtualSigstore) -> Made:
        def scts(tbs: bytes, issuer: bytes) -> list[bytes]:
            return [b"\1" + virtual.ct.sct(AT, tbs=tbs, issuer_spki=issuer)[1:]]

        return signed(issue={"make_scts": scts})(virtual)

    yield Case("a list of a certificate's timestamps with a byte after it", ("AT-32",), "SCT_INVALID", _longer_list)
    yield Case("a certificate's timestamp that calls itself of version 2", ("AT-32",), "SCT_INVALID", relabelled)

    def never(virtual: VirtualSigstore) -> Made:
        sct = virtual.ct.sct(AT, tbs=b"x", issuer_spki=b"x")
        return signed(issue={"make_scts": lambda tbs, issuer: [sct[:33] + b"\xff" * 8 + sct[41:]]})(virtual)

    yield Case("a certificate's timestamp of no time", ("AT-32",), "SCT_INVALID", never)


def _stamped(*certificates: bytes, authority: TimestampAuthority | None = None, **how: t.Any) -> Make:
    """A timestamp with its certificate and these."""

    def make(virtual: VirtualSigstore) -> Made:
        tsa = authority or virtual.tsa
        return signed(log=None, stamp={"certificates": [tsa.leaf.der, *certificates], **how})(virtual)

    return make


@functools.cache
def _ed25519() -> TimestampAuthority:
    return TimestampAuthority("ed25519", name="tsa of Ed25519")


def _by_ed25519(virtual: VirtualSigstore) -> Made:
    made = signed(log=None)(virtual)
    token = _ed25519().timestamp(made.signature, AT, algorithm="1.2.840.10045.4.3.2")
    made.material["timestampVerificationData"] = {"rfc3161Timestamps": [{"signedTimestamp": b64(token)}]}
    return made


@functools.cache
def _with_intermediate() -> TimestampAuthority:
    return TimestampAuthority(name="tsa of an intermediate", intermediate=True)


def _by_intermediate(virtual: VirtualSigstore) -> Made:
    made = signed(log=None)(virtual)
    token = _with_intermediate().timestamp(made.signature, AT)
    made.material["timestampVerificationData"] = {"rfc3161Timestamps": [{"signedTimestamp": b64(token)}]}
    return made


def _authority(tsa: TimestampAuthority, *chain: bytes) -> Json:
    certificates = [{"rawBytes": b64(one)} for one in chain or [tsa.root.der]]
    return {"certChain": {"certificates": certificates}, "validFor": {"start": "2026-01-01T00:00:00Z"}}


def _timestamps() -> t.Iterator[Case]:
    rows, policy = ("AT-31d",), {"ignore_tlog": True}
    unreadable = der.sequence(der.null())
    of_it = attribute(ESS_V2, der.sequence(der.sequence(der.sequence(der.octets(hashlib.sha256(unreadable).digest())))))
    ed25519 = rooted(timestampAuthorities=lambda v: [_authority(_ed25519())])
    between = rooted(
        timestampAuthorities=lambda v: [_authority(_with_intermediate(), *_with_intermediate().chain_der()[1:])]
    )
    many = rooted(timestampAuthorities=lambda v: [_authority(_namesakes()[1])] * 120 + [_authority(v.tsa)])
    for name, code, make, root in (
        ("with one that cannot be read beside its certificate", None, _stamped(unreadable), None),
        ("by a certificate that cannot be read", "TSA_INVALID", _stamped(unreadable, ess=[of_it]), None),
        ("of an algorithm that is not known", "TSA_INVALID", _stamped(algorithm="1.2.3"), None),
        ("by P-384 that says Ed25519", "TSA_INVALID", _stamped(algorithm="1.3.101.112"), None),
        ("by Ed25519 that says ECDSA", "TSA_INVALID", _by_ed25519, ed25519),
        ("of an authority known by its CAs", None, _by_intermediate, between),
        ("of more authorities of one name than are looked at", "LIMIT_EXCEEDED", signed(log=None), many),
    ):
        yield Case(f"a timestamp {name}", rows, code, make, policy=policy, root=root)


def _log_entries() -> t.Iterator[Case]:
    def other_payload(virtual: VirtualSigstore) -> Made:
        made = signed(log=None, timestamp=False)(virtual)
        body = virtual.rekor.intoto(made.signature, pem(made.certificate), made.payload, with_payload=True)
        body["spec"]["content"]["envelope"]["payload"] = b64(b64(X).encode())
        entered(made, [virtual.rekor.log(body, at=AT)])
        return made

    yield Case("an intoto 0.0.2 that holds another payload than it hashes", ("AT-25",), "TLOG_MISMATCH", other_payload)


def _trusted_roots() -> t.Iterator[Case]:
    def first(name: str, change: t.Callable[[Json], Json]) -> Root:
        """The virtual Sigstore's own trusted root with a changed copy before the entries of a list."""

        def root(virtual: VirtualSigstore) -> Json:
            found = virtual.trusted_root()
            return {**found, name: [change(found[name][0]), *found[name]]}

        return root

    def keyed_by(raw: bytes) -> t.Callable[[Json], Json]:
        return lambda log: {**log, "publicKey": {**log["publicKey"], "rawBytes": b64(raw)}}

    unknown = der.sequence(der.sequence(der.oid("1.2.3")), der.bits(b"x"))
    row = ("AT-33f",)
    for name, raw in (("of a kind that nobody knows", unknown), ("on another curve", spki(key("k256")))):
        yield Case(f"a log's key {name} beside", row, None, signed(), root=first("tlogs", keyed_by(raw)))
    yield Case(
        "a CA's key on another curve beside",
        row,
        None,
        signed(),
        root=lambda v: {**v.trusted_root(), "certificateAuthorities": [_odd_ca(v), v.ca.trusted()]},
    )
    sha512 = rooted(tlogs=lambda v: [{**v.rekor.trusted(), "hashAlgorithm": "SHA2_512"}])
    yield Case("a log whose tree is of another hash", row, "TRUST_ROOT", signed(), root=sha512)


def _odd_ca(virtual: VirtualSigstore) -> Json:
    return virtual.ca.trusted(chain=[virtual.ca.issue(key("k256").public_key(), AT), virtual.ca.root.der])


def _others() -> t.Iterator[Case]:
    yield Case(
        "an entry of v2 without time, of one's own CA",
        ("AT-30a",),
        "NO_TRUSTED_TIME",
        signed(log="v2", timestamp=False, issue={"ct": None}),
        policy={"ignore_sct": True},
        now=AT,
    )
    ours = {"digest": {"sha256": IMAGE.partition(":")[2]}}
    two = signed(payload=statement(IMAGE, subject=[ours, {**ours, "annotations": {"a": "1"}}]))
    wanted = {"annotations": {"a": "1"}}
    yield Case("a statement whose second subject has the annotations", ("AT-39a",), None, two, policy=wanted)
    unnamed = {"certificate_identity_regexp": "x*", "certificate_oidc_issuer": ISSUER}
    of_nobody = signed(issue={"san": [directory(distinguished_name(CN="x"))]})
    name = "a pattern that fits nothing at all, and a name of a kind that says nothing"
    yield Case(name, ("AT-36e",), "IDENTITY_MISMATCH", of_nobody, identity=unnamed)
    odd = signed(issue={"issuer": f"{ISSUER}\n"})
    yield Case("an issuer with a newline after it", ("AT-36g",), "MALFORMED", odd)


CASES = [
    *_others(),
    *_certificates_and_chains(),
    *_certificate_timestamps(),
    *_timestamps(),
    *_log_entries(),
    *_trusted_roots(),
]
