# Copyright (c) 2026, the supplychain.cosign authors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""Cases: who signed is not who was asked for: identities, issuers, claims, keys."""

from __future__ import annotations

import hashlib
import typing as t

from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec, padding, rsa

from tests.support.sigstore import der
from tests.support.sigstore.case import (
    IMAGE,
    MATERIAL,
    NOBODY,
    OURS,
    Case,
    Make,
    edited,
    key,
    keyed,
    put,
    signed,
)
from tests.support.sigstore.rekor import Json
from tests.support.sigstore.virtual import (
    AT,
    CLAIMS,
    IDENTITY,
    ISSUER,
    Made,
    VirtualSigstore,
    claims,
    pae,
    statement,
)
from tests.support.sigstore.x509 import (
    FULCIO,
    Extension,
    directory,
    distinguished_name,
    email,
    ip,
    other_name,
    uri,
)

EMAIL = "signer@example.com"
NO_LOG = {"ignore_tlog": True}
OWN_CA = {"ignore_tlog": True, "ignore_sct": True}


def _who(identity: str, issuer: str = ISSUER) -> t.Mapping[str, str]:
    return {"certificate_identity": identity, "certificate_oidc_issuer": issuer}


def _like(identity: str, issuer: str = "https://token\\.actions\\.githubusercontent\\.com") -> t.Mapping[str, str]:
    return {"certificate_identity_regexp": identity, "certificate_oidc_issuer_regexp": issuer}


def _named(*san: str | bytes, form: str = "bundle", **issue: t.Any) -> Make:
    return signed(form, issue={"san": list(san), **issue})


# Patterns

REPOSITORY = "https://github.com/chainguard-images/images"
_PATTERNS: tuple[tuple[str, str, str | bytes, t.Mapping[str, str], str | None], ...] = (
    ("all of it", "AT-35a", IDENTITY, _like("https://github\\.com/chainguard-images/.*"), None),
    ("its beginning", "AT-35a", IDENTITY, _like("https://github\\.com/chainguard-images/"), "IDENTITY_MISMATCH"),
    (
        "its beginning, anchored",
        "AT-35a",
        IDENTITY,
        _like("^https://github\\.com/chainguard-images/"),
        "IDENTITY_MISMATCH",
    ),
    ("its end", "AT-35a", IDENTITY, _like("refs/heads/main$"), "IDENTITY_MISMATCH"),
    ("a part of it", "AT-35a", IDENTITY, _like("chainguard-images"), "IDENTITY_MISMATCH"),
    (
        "one of two ways, anchored apart",
        "AT-35b",
        "https://evil.example/main",
        _like("^https://a\\.example/x|main$"),
        "IDENTITY_MISMATCH",
    ),
    ("one of two ways", "AT-35b", "https://a.example/y", _like("https://a\\.example/(?:x|y)"), None),
    (
        "another branch that starts so",
        "AT-35d",
        f"{IDENTITY}-evil",
        _like(f"{IDENTITY.replace('.', chr(92) + '.')}"),
        "IDENTITY_MISMATCH",
    ),
    ("another branch that starts so, exactly", "AT-35d", f"{IDENTITY}-evil", OURS, "IDENTITY_MISMATCH"),
    ("a tag of that name", "AT-35d", IDENTITY.replace("heads", "tags"), OURS, "IDENTITY_MISMATCH"),
    (
        "the name in a query",
        "AT-35d",
        f"https://evil.example/?x={IDENTITY}",
        _like("https://github\\.com/.*"),
        "IDENTITY_MISMATCH",
    ),
    (
        "the name after a host",
        "AT-35d",
        "https://github.com.evil.example/a",
        _like("https://github\\.com/.*"),
        "IDENTITY_MISMATCH",
    ),
    (
        "a dot that is any character",
        "AT-35d",
        "https://github-com.evil/chainguard-images/x",
        _like("https://github\\.com/chainguard-images/x"),
        "IDENTITY_MISMATCH",
    ),
    (
        "an issuer that starts so",
        "CVE-2026-22772",
        IDENTITY,
        _like(".*@refs/heads/main", "https://token"),
        "ISSUER_MISMATCH",
    ),
    (
        "another issuer",
        "CVE-2025-29778",
        IDENTITY,
        _like(".*@refs/heads/main", "https://accounts\\.example\\.com"),
        "ISSUER_MISMATCH",
    ),
    ("another name", "CVE-2025-29778", IDENTITY, _like("https://gitlab\\.com/.*"), "IDENTITY_MISMATCH"),
    (
        "a part, as tekton did",
        "CVE-2026-25542",
        f"{REPOSITORY}-evil/x",
        _like(f"{REPOSITORY.replace('.', chr(92) + '.')}/.*"),
        "IDENTITY_MISMATCH",
    ),
)


def _patterns() -> t.Iterator[Case]:
    rows: tuple[str, ...]
    for name, row, san, who, code in _PATTERNS:
        for form in ("bundle", "legacy"):
            yield Case(
                f"a pattern that fits {name}, {form}", ("AT-35", row), code, _named(san, form=form), identity=who
            )
    for option, value in (
        ("certificate_github_workflow_trigger", "pull_request"),
        ("certificate_github_workflow_sha", "0" * 40),
        ("certificate_github_workflow_name", "Release"),
        ("certificate_github_workflow_repository", "chainguard-images/image"),
        ("certificate_github_workflow_ref", "refs/tags/main"),
    ):
        rows = ("AT-35g", "CVE-2022-36056")
        claim = option.removeprefix("certificate_")
        for form in ("bundle", "legacy"):
            right = {**OURS, option: CLAIMS[claim]}
            yield Case(f"{option} is as wanted, {form}", rows, None, signed(form), identity=right)
            yield Case(
                f"{option} differs, {form}", rows, "IDENTITY_MISMATCH", signed(form), identity={**OURS, option: value}
            )
        without = {name: one for name, one in CLAIMS.items() if name != claim}
        missing = signed(issue={"claims": without})
        yield Case(f"{option} is not in the certificate", rows, "IDENTITY_MISMATCH", missing, identity=right)
    for name, who, code in (
        ("another identity", _who("https://example.com/x"), "IDENTITY_MISMATCH"),
        ("another issuer", _who(IDENTITY, "https://example.com"), "ISSUER_MISMATCH"),
        ("another identity and issuer", _who("https://example.com/x", "https://example.com"), "IDENTITY_MISMATCH"),
    ):
        for form in ("bundle", "legacy"):
            for log in ("v1", None):
                policy = {} if log else NO_LOG
                rows = ("AT-35g", "AT-35i", "CVE-2022-36056")
                yield Case(
                    f"asked for {name}, {form} {log or 'stamped'}",
                    rows,
                    code,
                    signed(form, log=log),
                    identity=who,
                    policy=policy,
                )


# How identities are written


def name_of(text: str) -> bytes:
    """The only kind of name that may hold more than ASCII."""
    return other_name(der.utf8(f"{text}!example.com"))


_SPELLINGS: tuple[tuple[str, str, str | bytes, str, str | None], ...] = (
    # name, row, what is in the certificate, who is wanted, the answer
    ("an e-mail address", "AT-36a", EMAIL, EMAIL, None),
    ("another case", "AT-36a", "Signer@example.com", EMAIL, "IDENTITY_MISMATCH"),
    ("another case of the domain", "AT-36a", "signer@Example.com", EMAIL, "IDENTITY_MISMATCH"),
    ("a URI in another case", "AT-36a", IDENTITY.replace("github.com", "GitHub.com"), IDENTITY, "IDENTITY_MISMATCH"),
    (
        "another spelling in Unicode",
        "AT-36b",
        name_of("e\u0301"),
        "\u00e9!example.com",
        "IDENTITY_MISMATCH",
    ),
    ("wide letters", "AT-36b", name_of("\uff45"), "e!example.com", "IDENTITY_MISMATCH"),
    ("a letter that looks alike", "AT-36b", name_of("\u0435"), "e!example.com", "IDENTITY_MISMATCH"),
    ("a space of no width", "AT-36b", name_of("a\u200b"), "a!example.com", "IDENTITY_MISMATCH"),
    ("text that runs backwards", "AT-36b", name_of("\u202ea"), "a!example.com", "IDENTITY_MISMATCH"),
    ("a domain in its other form", "AT-36b", "a@xn--bcher-kva.example", "a@b\u00fccher.example", "IDENTITY_MISMATCH"),
    ("the Kelvin sign", "AT-36c", name_of("\u212a"), "k!example.com", "IDENTITY_MISMATCH"),
    ("a URI that is not ASCII", "AT-36b", uri("https://x.test/\u00e9"), "https://x.test/\u00e9", "MALFORMED"),
    ("NUL after it", "AT-36i", email(b"signer@example.com\0.evil"), EMAIL, "MALFORMED"),
    ("NUL before a host", "AT-36i", uri(b"https://x.test/\0"), "https://x.test/", "MALFORMED"),
    ("a newline after it", "AT-35c", uri(IDENTITY.encode() + b"\n"), IDENTITY, "MALFORMED"),
    ("a slash after it", "AT-36j", f"{IDENTITY}/", IDENTITY, "IDENTITY_MISMATCH"),
    ("a space after it", "AT-36a", uri(f"{IDENTITY} "), IDENTITY, "IDENTITY_MISMATCH"),
    ("a user name of Fulcio", "AT-36f", other_name(der.utf8("root!example.com")), "root!example.com", None),
    ("a user name that is no UTF-8", "AT-36f", other_name(der.tlv(12, b"\xff")), "\ufffd", "MALFORMED"),
    ("a user name of another kind", "AT-36f", other_name(der.utf8(EMAIL), "1.2.3.4"), EMAIL, "IDENTITY_MISMATCH"),
    ("a directory's name", "AT-36e", directory(distinguished_name(CN=EMAIL)), EMAIL, "IDENTITY_MISMATCH"),
    ("an address", "AT-36a", ip("192.0.2.1"), "192.0.2.1", None),
    ("a name that is empty", "AT-36d", email(""), EMAIL, "MALFORMED"),
    ("a name of 2049 bytes", "AT-04h", uri("https://x.test/" + "a" * 2034), "https://x.test/a", "LIMIT_EXCEEDED"),
)


def _spellings() -> t.Iterator[Case]:
    for name, row, san, wanted, code in _SPELLINGS:
        yield Case(f"the certificate has {name}", ("AT-36", row), code, _named(san), identity=_who(wanted))
    names: tuple[str, ...]
    for name, names, code in (
        ("ours and another", (EMAIL, "other@example.com"), "IDENTITY_MISMATCH"),
        ("another and ours", ("other@example.com", EMAIL), "IDENTITY_MISMATCH"),
        ("ours twice", (EMAIL, EMAIL), "IDENTITY_MISMATCH"),
        ("none", (), "IDENTITY_MISMATCH"),
    ):
        make = _named(*names, subject=distinguished_name(CN=EMAIL))
        yield Case(
            f"a certificate by Fulcio with the names {name}", ("AT-36d", "AT-36e"), code, make, identity=_who(EMAIL)
        )
    for name, names, code in (
        ("ours and another", (EMAIL, "other@example.com"), None),
        ("two others", ("a@b.c", "d@e.f"), "IDENTITY_MISMATCH"),
    ):
        make = _named(*names, ct=None)
        yield Case(
            f"a certificate of one's own CA with the names {name}",
            ("AT-36d",),
            code,
            make,
            identity=_who(EMAIL),
            policy={"ignore_sct": True},
        )
    yield from _issuers()
    yield from _claims()


def _issuers() -> t.Iterator[Case]:
    for name, old, new, code in (
        ("old alone", ISSUER, None, None),
        ("new alone", "", ISSUER, None),
        ("both alike", ISSUER, ISSUER, None),
        ("old ours, new another", ISSUER, "https://evil.example", "ISSUER_MISMATCH"),
        ("old another, new ours", "https://evil.example", ISSUER, "ISSUER_MISMATCH"),
        ("none", "", None, "ISSUER_MISMATCH"),
        ("with a slash more", f"{ISSUER}/", f"{ISSUER}/", "ISSUER_MISMATCH"),
        ("in another case", ISSUER.upper(), ISSUER.upper(), "ISSUER_MISMATCH"),
        ("of http", ISSUER.replace("https", "http"), ISSUER.replace("https", "http"), "ISSUER_MISMATCH"),
        ("that goes on", f"{ISSUER}.evil.example", f"{ISSUER}.evil.example", "ISSUER_MISMATCH"),
        ("that ends so", f"http://localhost?{ISSUER}", f"http://localhost?{ISSUER}", "ISSUER_MISMATCH"),
        ("empty", None, "", "ISSUER_MISMATCH"),
    ):
        rows = ("AT-36g", "AT-36j", "CVE-2026-22772") if "that" in name else ("AT-36g", "AT-36j")
        for form in ("bundle", "legacy"):
            yield Case(
                f"the issuer is {name}, {form}", rows, code, _named(IDENTITY, form=form, issuer=new, issuer_v1=old)
            )
    none = {"certificate_identity": EMAIL}
    own: Json = {"ct": None, "issuer": None}
    skip = {"ignore_sct": True}
    yield Case(
        "no issuer is asked for, and there is none",
        ("AT-36g", "AT-30g"),
        None,
        _named(EMAIL, **own),
        identity=none,
        policy=skip,
    )
    yield Case(
        "no issuer is asked for, and there is one",
        ("AT-36g",),
        "ISSUER_MISMATCH",
        _named(EMAIL, ct=None),
        identity=none,
        policy=skip,
    )
    yield Case(
        "an issuer is asked for, and there is none",
        ("AT-36g",),
        "ISSUER_MISMATCH",
        _named(EMAIL, **own),
        identity=_who(EMAIL),
        policy=skip,
    )


def _claims() -> t.Iterator[Case]:
    for name, extension, code in (
        ("an issuer that is no UTF8String", Extension(f"{FULCIO}8", der.octets(ISSUER.encode())), "MALFORMED"),
        ("an issuer without DER", Extension(f"{FULCIO}8", ISSUER.encode()), "MALFORMED"),
        ("an issuer that is no UTF-8", Extension(f"{FULCIO}8", der.tlv(12, b"\xff")), "MALFORMED"),
        ("an issuer with bytes after it", Extension(f"{FULCIO}8", der.utf8(ISSUER) + b"\0"), "NON_CANONICAL"),
        ("a claim that cannot be read", Extension(f"{FULCIO}12", b"\xff\xff"), "MALFORMED"),
        ("a claim that is not known", Extension(f"{FULCIO}99", b"anything"), None),
    ):
        make = _named(IDENTITY, issuer=None, issuer_v1=ISSUER, extensions=[extension])
        yield Case(f"a certificate with {name}", ("AT-36h",), code, make)


# Keys


def _keys() -> t.Iterator[Case]:
    for form in ("bundle", "legacy"):
        for log in ("v1", None):
            policy = {} if log else NO_LOG
            for ours in ("p384", "p521", "rsa2048", "ed25519"):
                code = "KEY_MISMATCH" if form == "bundle" else "SIG_INVALID"
                name = f"a {form} by P-256 where {ours} is trusted, {log or 'no log'}"
                yield Case(name, ("AT-37d",), code, keyed(form, log=log), (ours,), NOBODY, policy)
            two = keyed(form, log=log)
            yield Case(
                f"a {form} by the second of two keys, {log or 'no log'}",
                ("AT-37c",),
                None,
                two,
                ("p384", "p256"),
                NOBODY,
                policy,
            )
    for kind, hash_name in (
        ("p256", "sha384"),
        ("p256", "sha512"),
        ("p384", "sha512"),
        ("p521", "sha384"),
        ("rsa2048", "sha384"),
        ("rsa2048", "sha512"),
    ):
        for form in ("bundle", "legacy"):
            make = keyed(form, kind, log=None, hash_name=hash_name)
            yield Case(
                f"a {form} by {kind} with {hash_name}",
                ("AT-37d", "AT-16e"),
                "SIG_INVALID",
                make,
                (kind,),
                NOBODY,
                NO_LOG,
            )
    for name, kind, sign in (
        ("RSA-PSS", "rsa2048", _pss),
        ("ECDSA with SHA-1", "p256", _sha1),
        ("RSA with SHA-1", "rsa2048", _rsa_sha1),
        ("Ed25519 over a hash", "ed25519", _ed25519_of_hash),
    ):
        for form in ("bundle", "legacy"):
            make = _signed_by(kind, sign, form)
            yield Case(
                f"a {form} by {name}", ("AT-37d", "AT-16e", "AT-23"), "SIG_INVALID", make, (kind,), NOBODY, NO_LOG
            )
    yield from _hints()
    yield from _mixed()
    yield from _weak()


def _over(form: str) -> bytes:
    return claims(IMAGE) if form == "legacy" else pae(statement(IMAGE))


def _signed_by(kind: str, sign: t.Callable[[t.Any, bytes], bytes], form: str) -> Make:
    def make(virtual: VirtualSigstore) -> Made:
        return keyed(form, kind, log=None, signature=sign(key(kind), _over(form)))(virtual)

    return make


def _pss(private: t.Any, data: bytes) -> bytes:
    return t.cast(bytes, private.sign(data, padding.PSS(padding.MGF1(hashes.SHA256()), 32), hashes.SHA256()))


def _sha1(private: t.Any, data: bytes) -> bytes:
    return t.cast(bytes, private.sign(data, ec.ECDSA(hashes.SHA1())))  # noqa: S303 - that is the attack


def _rsa_sha1(private: t.Any, data: bytes) -> bytes:
    return t.cast(bytes, private.sign(data, padding.PKCS1v15(), hashes.SHA1()))  # noqa: S303 - that is the attack


def _ed25519_of_hash(private: t.Any, data: bytes) -> bytes:
    return t.cast(bytes, private.sign(hashlib.sha512(data).digest()))


def _hints() -> t.Iterator[Case]:
    hint = f"{MATERIAL}.publicKey.hint"
    for name, other in (("that is another's", "another"), ("that is empty", "")):
        ours = edited(keyed(log=None), put(hint, other))
        yield Case(f"our key with a hint {name}", ("AT-37c",), None, ours, ("p256",), NOBODY, NO_LOG)
    theirs = signed(key=lambda v: key("p256", "theirs"), keyless=False, log=None)
    yield Case("another key", ("AT-37c",), "KEY_MISMATCH", theirs, ("p256",), NOBODY, NO_LOG)
    for name, value in (("ours", None), ("none", "")):

        def make(virtual: VirtualSigstore, value: str | None = value) -> Made:
            made, ours = theirs(virtual), keyed(log=None)(virtual)
            made.material["publicKey"]["hint"] = ours.material["publicKey"]["hint"] if value is None else value
            return made

        yield Case(
            f"another key with a hint that is {name}", ("AT-37c",), "SIG_INVALID", make, ("p256",), NOBODY, NO_LOG
        )


def _mixed() -> t.Iterator[Case]:
    """Keys where certificates are wanted, and the other way round."""
    ours: Json = {"key": lambda v: key()}
    for form in ("bundle", "legacy"):
        row = ("AT-37b",)
        yield Case(f"a {form} by key where an identity is wanted", row, "KEY_MISMATCH", keyed(form))
        yield Case(
            f"a {form} with a certificate where a key is wanted", row, "KEY_MISMATCH", signed(form), ("p256",), NOBODY
        )
        yield Case(f"a {form} with a certificate of the wanted key", row, None, signed(form, **ours), ("p256",), NOBODY)
        other = signed(form, key=lambda v: key(), certificate=_certificate_of_another)
        yield Case(f"a {form} by our key with another key's certificate", row, "KEY_MISMATCH", other, ("p256",), NOBODY)
        yield Case(f"a {form} with another key's certificate", row, "SIG_INVALID", other)
        both = signed(form)
        yield Case(f"a {form} by one of a key and an identity", ("AT-37a",), None, both, ("p384",), OURS)
    empty = edited(signed(), put(f"{MATERIAL}.publicKey", {"hint": "x"}))
    yield Case("both a key and a certificate", ("AT-37b",), "MALFORMED", empty)


def _certificate_of_another(virtual: VirtualSigstore) -> bytes:
    return virtual.ca.issue(key("p256", "theirs").public_key(), AT, san=IDENTITY, issuer=ISSUER, ct=virtual.ct)


def _weak() -> t.Iterator[Case]:
    """Certificates of keys that are not accepted."""
    for name, make_key in (
        ("RSA of 1024 bits", lambda: rsa.generate_private_key(65537, 1024)),  # noqa: S505 - that is the attack
        ("RSA with the exponent 3", lambda: rsa.generate_private_key(3, 2048)),
        ("secp256k1", lambda: ec.generate_private_key(ec.SECP256K1())),
        ("P-224", lambda: ec.generate_private_key(ec.SECP224R1())),
    ):
        make = signed(key=lambda v, make_key=make_key: make_key())
        yield Case(f"a certificate of a key of {name}", ("AT-37g", "AT-23"), "POLICY_UNSUPPORTED", make)
    for name, spki, code in (
        ("a point that is not on its curve", _off_curve(), "MALFORMED"),
        ("Ed25519 of small order", _small_order(), "POLICY_UNSUPPORTED"),
        ("nothing", b"\x30\x00", "MALFORMED"),
    ):
        make = _certificate_of(spki)
        yield Case(f"a certificate of a key of {name}", ("AT-37g",), code, make)


def _certificate_of(spki: bytes) -> Make:
    def make(virtual: VirtualSigstore) -> Made:
        certificate = virtual.ca.issue(spki, AT, san=IDENTITY, issuer=ISSUER, ct=virtual.ct)
        return signed(certificate=certificate)(virtual)

    return make


def _off_curve() -> bytes:
    data: bytes = (
        key().public_key().public_bytes(serialization.Encoding.DER, serialization.PublicFormat.SubjectPublicKeyInfo)
    )
    return data[:-1] + bytes([data[-1] ^ 1])


def _small_order() -> bytes:
    return der.sequence(der.sequence(der.oid("1.3.101.112")), der.bits(b"\1" + bytes(31)))


CASES = [*_patterns(), *_spellings(), *_keys()]
