# Copyright (c) 2026, the supplychain.cosign authors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""Cases: what is wrong with certificates and their times, with timestamps, with the timestamps of certificates, and
with the trusted root."""

from __future__ import annotations

import functools
import hashlib
import typing as t
from datetime import datetime, timedelta

from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.x509.oid import ExtendedKeyUsageOID

from tests.support.sigstore import der
from tests.support.sigstore.ca import Ca, CertificateAuthority
from tests.support.sigstore.case import (
    DROP,
    IMAGE,
    NOBODY,
    Case,
    Make,
    Root,
    edited,
    key,
    keyed,
    note,
    rooted,
    signed,
)
from tests.support.sigstore.ct import CtLog, spki
from tests.support.sigstore.rekor import Json, RekorV1
from tests.support.sigstore.tsa import Party, TimestampAuthority, ess_v1, ess_v2, make_party
from tests.support.sigstore.virtual import AT, Made, VirtualSigstore, b64, statement
from tests.support.sigstore.x509 import (
    CODE_SIGNING,
    DIGITAL_SIGNATURE,
    Extension,
    basic_constraints,
    extended_key_usage,
    name_constraints,
    uri,
)

SECOND, MINUTE, YEAR = timedelta(seconds=1), timedelta(minutes=1), timedelta(days=365)
NO_LOG = {"ignore_tlog": True}
DEMANDED = {"use_signed_timestamps": True}
OWN_CA = {"ignore_tlog": True, "ignore_sct": True}
EXTENDED_KEY_USAGE = ExtendedKeyUsageOID


def issued(form: str = "bundle", log: str | None = "v1", **issue: t.Any) -> Make:
    """A signature with a certificate of which these fields are different; functions get the virtual Sigstore."""
    return signed(
        form,
        log=log,
        issue=lambda v: {name: one(v) if callable(one) and name != "make_scts" else one for name, one in issue.items()},
    )


# Certificates: their times

# how a signature says when it was made: by the log's promise, by a timestamp alone, by a timestamp beside Rekor v2
_TIMES: tuple[tuple[str, str | None, Json], ...] = (
    ("bundle", "v1", {}),
    ("legacy", "v1", {}),
    ("bundle", "v2", {}),
    ("bundle", None, NO_LOG),
    ("legacy", None, NO_LOG),
)


def _certificate_times() -> t.Iterator[Case]:
    row = ("AT-30b",)
    for form, log, policy in _TIMES:
        of = f"{form} {log or 'with a timestamp alone'}"
        for name, lives, code in (
            ("from that second", {"not_before": AT}, None),
            ("until that second", {"not_before": AT - MINUTE, "not_after": AT}, None),
            ("from the next second", {"not_before": AT + SECOND}, "CERT_TIME"),
            ("until the second before", {"not_before": AT - MINUTE, "not_after": AT - SECOND}, "CERT_TIME"),
            ("only a year later", {"not_before": AT + YEAR, "not_after": AT + YEAR + MINUTE}, "CERT_TIME"),
        ):
            yield Case(f"a certificate valid {name}, {of}", row, code, issued(form, log, **lives), policy=policy)
        for name, part in (("intermediate", "intermediates"), ("root", "root")):
            make, root = _expired(form, log, part)
            rows = ("AT-30c", "CVE-2026-24122")
            yield Case(f"the {name} had expired, {of}", rows, "CERT_TIME", make, policy=policy, root=root)
    yield from _current_times()
    both = signed(timestamp=True, stamp={"gen_time": der.generalized_time(AT + 2 * MINUTE)})
    yield Case("two times that fit", ("AT-30d",), None, both)
    for name, when in (("after", AT + YEAR), ("before", AT - MINUTE)):
        stamp = {"gen_time": der.generalized_time(when)}
        make = signed(timestamp=True, stamp=stamp)
        yield Case(f"two times, one {name} the certificate", ("AT-30d",), "CERT_TIME", make, now=AT + 2 * YEAR)
    two = _stamped(lambda v, made: [v.tsa.timestamp(made.signature, AT), v.tsa.timestamp(made.signature, AT + YEAR)])
    yield Case(
        "two timestamps, one after the certificate", ("AT-30d",), "CERT_TIME", two, policy=NO_LOG, now=AT + 2 * YEAR
    )


def _current_times() -> t.Iterator[Case]:
    for form in ("bundle", "legacy"):
        own = {"ct": None, "not_after": AT + timedelta(hours=1)}
        make = signed(form, log=None, timestamp=False, issue=own)
        name = f"a {form} of one's own CA"
        yield Case(
            f"{name} at the end of its time", ("AT-30g",), None, make, policy=OWN_CA, now=AT + timedelta(hours=1)
        )
        yield Case(
            f"{name} after its time",
            ("AT-30a",),
            "NO_TRUSTED_TIME",
            make,
            policy=OWN_CA,
            now=AT + timedelta(hours=1) + SECOND,
        )
        yield Case(f"{name} before its time", ("AT-30a",), "NO_TRUSTED_TIME", make, policy=OWN_CA, now=AT - SECOND)
        yield Case(
            f"{name} with a log demanded", ("AT-26a2",), "TLOG_MISSING", make, policy={"ignore_sct": True}, now=AT
        )
        demanded = {**OWN_CA, "use_signed_timestamps": True}
        yield Case(f"{name} with a timestamp demanded", ("AT-30g",), "NO_TRUSTED_TIME", make, policy=demanded, now=AT)
        fulcio = signed(form, log=None, timestamp=False)
        yield Case(
            f"a {form} by Fulcio at the current time",
            ("AT-30a", "AT-15f"),
            "NO_TRUSTED_TIME",
            fulcio,
            policy=NO_LOG,
            now=AT,
        )
        expired = _with_ca(
            form, None, _old_intermediate, timestamp=False, issue={"ct": None, "not_after": AT + 10 * YEAR}
        )
        rows = ("AT-30c", "CVE-2026-24122")
        root = _root_of(_old_intermediate)
        yield Case(f"{name} whose intermediate expired yesterday", rows, "CERT_TIME", expired, policy=OWN_CA, root=root)
        demand = signed(form)
        yield Case(
            f"a {form} without the demanded timestamp",
            ("AT-26a2", "AT-30a"),
            "NO_TRUSTED_TIME",
            demand,
            policy={"use_signed_timestamps": True},
        )


def _subordinate(virtual: VirtualSigstore, **how: t.Any) -> Ca:
    extensions = [extended_key_usage(CODE_SIGNING)]
    return virtual.ca.subordinate(
        virtual.ca.root, "intermediate of its own", **{"path_length": 0, "extensions": extensions, **how}
    )


@functools.cache
def _old_intermediate(virtual: VirtualSigstore) -> Ca:
    return _subordinate(virtual, not_after=AT + timedelta(days=3))


@functools.cache
def _expired_intermediate(virtual: VirtualSigstore) -> Ca:
    return _subordinate(virtual, not_after=AT - SECOND)


def _with_ca(form: str, log: str | None, ca: t.Callable[[VirtualSigstore], Ca], **how: t.Any) -> Make:
    """A certificate by another CA; the signature does not bring that along."""

    def make(virtual: VirtualSigstore) -> Made:
        issue = {"by": ca(virtual), **how.get("issue", {})}
        made = signed(form, log=log, **{**how, "issue": issue})(virtual)
        made.annotations.pop("dev.sigstore.cosign/chain", None)
        return made

    return make


def _root_of(*cas: t.Callable[[VirtualSigstore], Ca]) -> Root:
    """A trusted root with these CAs below the virtual Sigstore's root."""

    def root(virtual: VirtualSigstore) -> Json:
        chain = [*(ca(virtual).der for ca in cas), virtual.ca.root.der]
        return virtual.trusted_root(certificateAuthorities=[virtual.ca.trusted(chain=chain)])

    return root


def _expired(form: str, log: str | None, part: str) -> tuple[Make, Root]:
    if part == "intermediates":
        return _with_ca(form, log, _expired_intermediate), _root_of(_expired_intermediate)

    def root(virtual: VirtualSigstore) -> Json:
        return virtual.trusted_root(certificateAuthorities=[_expired_ca().trusted()])

    return _with_ca(form, log, lambda v: _expired_ca().intermediates[0]), root


@functools.cache
def _expired_ca() -> CertificateAuthority:
    return CertificateAuthority(AT, organization="expired.test", root={"not_after": AT - SECOND})


# Certificates: their chains


def _chains() -> t.Iterator[Case]:
    critical = Extension("1.2.3.4.5", b"\x05\x00", True)
    for name, issue, code in (
        ("of a CA", {"is_ca": True}, "CHAIN_INVALID"),
        ("that says it is of no CA", {"extensions": [basic_constraints(False)]}, None),
        ("without the usage digitalSignature", {"usage": (5,)}, "CHAIN_INVALID"),
        ("without a usage", {"usage": None}, "CHAIN_INVALID"),
        ("without an extended usage", {"extended_usage": None}, "CHAIN_INVALID"),
        ("for servers", {"extended_usage": ("1.3.6.1.5.5.7.3.1",)}, "CHAIN_INVALID"),
        ("for timestamps", {"extended_usage": ("1.3.6.1.5.5.7.3.8",)}, "CHAIN_INVALID"),
        ("for any usage", {"extended_usage": ("2.5.29.37.0",)}, "CHAIN_INVALID"),
        ("for code and servers", {"extended_usage": (CODE_SIGNING, "1.3.6.1.5.5.7.3.1")}, None),
        ("with an extension that is critical and unknown", {"extensions": [critical]}, "CHAIN_INVALID"),
        ("with an extension that is unknown", {"extensions": [critical._replace(critical=False)]}, None),
        ("with an extension twice", {"extensions": [extended_key_usage(CODE_SIGNING)]}, "MALFORMED"),
        ("of version 1", {"version": 0}, "MALFORMED"),
        (
            "that is for certificate logs alone",
            {"extensions": [Extension("1.3.6.1.4.1.11129.2.4.3", b"\x05\x00", True)]},
            "SCT_INVALID",
        ),
    ):
        for form in ("bundle", "legacy"):
            yield Case(f"a certificate {name}, {form}", ("AT-30e",), code, issued(form, **issue))
    for name, ca in _CAS.items():
        code = None if name.startswith("that is allowed") else "CHAIN_INVALID"
        for form in ("bundle", "legacy"):
            make = _with_ca(form, "v1", ca)
            yield Case(f"an intermediate {name}, {form}", ("AT-30e",), code, make, root=_root_of(ca))
    yield from _paths()


def _ca(**how: t.Any) -> t.Callable[[VirtualSigstore], Ca]:
    return functools.cache(lambda virtual: _subordinate(virtual, **how))


_CODE = extended_key_usage(CODE_SIGNING)
_CAS = {
    "that is allowed to": _ca(),
    "that is allowed to, by its name constraints too": _ca(extensions=[_CODE, name_constraints([uri("github.com")])]),
    "that is no CA": _ca(is_ca=False, path_length=None),
    "that does not say it is a CA": _ca(is_ca=None),
    "that may not sign certificates": _ca(usage=(DIGITAL_SIGNATURE,)),
    "for timestamps": _ca(extensions=[extended_key_usage("1.3.6.1.5.5.7.3.8")]),
    "whose name constraints leave the name out": _ca(extensions=[_CODE, name_constraints([uri("example.com")])]),
    "whose name constraints exclude the name": _ca(extensions=[_CODE, name_constraints(excluded=[uri("github.com")])]),
    "with an extension that is critical and unknown": _ca(
        extensions=[_CODE, Extension("1.2.3.4.5", b"\x05\x00", True)]
    ),
}


@functools.cache
def _below_path(virtual: VirtualSigstore) -> Ca:
    """A CA below an intermediate that allows none."""
    parent = virtual.ca.intermediates[0]
    return virtual.ca.subordinate(parent, "below", extensions=[_CODE])


@functools.cache
def _rogue() -> VirtualSigstore:
    """Somebody else's Sigstore, of the same names."""
    return VirtualSigstore()


@functools.cache
def _no_ca() -> CertificateAuthority:
    """Its root does not say that it is a CA."""
    return CertificateAuthority(AT, organization="no-ca.test", root={"is_ca": None})


def _paths() -> t.Iterator[Case]:
    by_no_ca = _with_ca("bundle", "v1", lambda v: _no_ca().intermediates[0])
    no_ca = rooted(certificateAuthorities=lambda v: [_no_ca().trusted()])
    own_key = signed(key=lambda v: v.ca.intermediates[0].key)
    yield Case("a certificate of its CA's own key", ("AT-30e",), "CHAIN_INVALID", own_key)
    yield Case("a root that is no CA", ("AT-30e",), "CHAIN_INVALID", by_no_ca, root=no_ca)
    too_long = _with_ca("bundle", "v1", _below_path)
    both = rooted(
        certificateAuthorities=lambda v: [
            v.ca.trusted(chain=[_below_path(v).der, v.ca.intermediates[0].der, v.ca.root.der])
        ]
    )
    yield Case("a path longer than its CA allows", ("AT-30e",), "CHAIN_INVALID", too_long, root=both)
    for form in ("bundle", "legacy"):
        rogue = _with_ca(form, "v1", lambda v: _rogue().ca.intermediates[0])
        yield Case(f"a CA of the same names that nobody trusts, {form}", ("AT-30e",), "CHAIN_INVALID", rogue)
        yield Case(f"a certificate that signed itself, {form}", ("AT-30e",), "CHAIN_INVALID", _self_signed(form))
        by_leaf = _with_ca(form, "v1", _leaf_as_ca)
        yield Case(
            f"a certificate issued with a signer's certificate, {form}",
            ("AT-30e",),
            "CHAIN_INVALID",
            by_leaf,
            root=_root_of(_leaf_as_ca),
        )
    yield Case("a signature with a key of the CA", ("AT-30e",), "CHAIN_INVALID", _by_the_ca)
    rogue_chain = edited(
        signed("legacy", issue=lambda v: {"by": _rogue().ca.intermediates[0]}),
        note("chain", lambda text: _rogue().ca.chain_pem.decode()),
    )
    yield Case("a legacy chain that brings its own root", ("AT-30f",), "CHAIN_INVALID", rogue_chain)
    yield Case(
        "a legacy chain that is somebody else's",
        ("AT-30f",),
        None,
        edited(signed("legacy"), note("chain", lambda text: _rogue().ca.chain_pem.decode())),
    )
    yield Case("no legacy chain", ("AT-30f",), None, edited(signed("legacy"), note("chain", DROP)))
    yield Case("an empty legacy chain", ("AT-30f",), None, edited(signed("legacy"), note("chain", "")))
    yield Case(
        "a legacy chain that is no PEM", ("AT-30f", "AT-24"), "MALFORMED", edited(signed("legacy"), note("chain", "x"))
    )
    reverse = edited(signed("legacy"), note("chain", _reversed))
    yield Case("a legacy chain in the wrong order", ("AT-30e",), None, reverse)
    for name, more, code in (
        ("its intermediate", lambda v: [v.ca.intermediates[0].der], None),
        ("its root", lambda v: [v.ca.intermediates[0].der, v.ca.root.der], "CHAIN_INVALID"),
        ("a root of nobody", lambda v: [_rogue().ca.root.der], "CHAIN_INVALID"),
        ("something that is no certificate", lambda v: [b"x"], "MALFORMED"),
    ):
        yield Case(f"a bundle with {name} in it", ("AT-30e",), code, _attached(more))
    first = _attached(lambda v: [v.ca.intermediates[0].der], first=True)
    yield Case("a bundle whose chain starts with the CA", ("AT-30e",), "SIG_INVALID", first)
    needed = _attached(lambda v: [_expired_not(v).der], by=_expired_not)
    yield Case("a bundle that brings its intermediate", ("AT-30e",), None, needed)


@functools.cache
def _expired_not(virtual: VirtualSigstore) -> Ca:
    """An intermediate that the trusted root does not name."""
    return _subordinate(virtual)


def _reversed(text: str) -> str:
    blocks = [f"-----BEGIN{one}" for one in text.split("-----BEGIN")[1:]]
    return "".join(reversed(blocks))


def _attached(
    more: t.Callable[[VirtualSigstore], list[bytes]],
    first: bool = False,
    by: t.Callable[[VirtualSigstore], Ca] | None = None,
) -> Make:
    def make(virtual: VirtualSigstore) -> Made:
        made = signed(version="0.2", issue={"by": by(virtual)} if by else {})(virtual)
        found = made.material["x509CertificateChain"]["certificates"]
        added = [{"rawBytes": b64(one)} for one in more(virtual)]
        made.material["x509CertificateChain"]["certificates"] = [*added, *found] if first else [*found, *added]
        return made

    return make


def _leaf_certificate(virtual: VirtualSigstore) -> bytes:
    return virtual.ca.issue(key("p384").public_key(), AT, not_after=AT + YEAR)


@functools.cache
def _leaf_as_ca(virtual: VirtualSigstore) -> Ca:
    made = Ca(virtual.ca.intermediates[0].subject, key("p384"))
    made.der = _leaf_certificate(virtual)
    return made


def _self_signed(form: str) -> Make:
    def make(virtual: VirtualSigstore) -> Made:
        own = key("p256", "self-signed")
        by = Ca(virtual.ca.intermediates[0].subject, own)
        return signed(form, key=own, issue={"by": by})(virtual)

    return make


def _by_the_ca(virtual: VirtualSigstore) -> Made:
    ca = virtual.ca.intermediates[0]
    return signed(key=ca.key, certificate=ca.der)(virtual)


# Timestamps


def _stamped(tokens: t.Callable[[VirtualSigstore, Made], list[bytes]], form: str = "bundle", **how: t.Any) -> Make:
    """A signature in no log with these timestamps."""

    def make(virtual: VirtualSigstore) -> Made:
        made = signed(form, **{"log": None, "timestamp": True, **how})(virtual)
        made.timestamps = tokens(virtual, made)
        stamps = [{"signedTimestamp": b64(one)} for one in made.timestamps]
        made.material["timestampVerificationData"] = {"rfc3161Timestamps": stamps}
        return made

    return make


@functools.cache
def _tsa(name: str) -> TimestampAuthority:
    usages: dict[str, Json] = {
        "for servers too": {"usages": (EXTENDED_KEY_USAGE.TIME_STAMPING, EXTENDED_KEY_USAGE.SERVER_AUTH)},
        "for code": {"usages": (EXTENDED_KEY_USAGE.CODE_SIGNING,)},
        "without a usage": {"usages": None},
        "whose usage is not critical": {"critical": False},
        "that had expired": {"end": AT - SECOND},
        "that was not valid yet": {"start": AT + SECOND},
        "from that second": {"start": AT},
        "until that second": {"end": AT},
    }
    kinds = {"by RSA": "rsa2048", "by P-256": "p256", "by P-521": "p521", "by Ed25519": "ed25519"}
    return TimestampAuthority(
        kinds.get(name, "p384"), name=f"tsa {name}", intermediate=name == "with an intermediate", **usages.get(name, {})
    )


def tsa_entry(
    authority: TimestampAuthority, start: datetime | None = None, end: datetime | None = None, leaf: bool = True
) -> Json:
    window = {"start": start or AT - YEAR, **({"end": end} if end else {})}
    return {
        "subject": {"organization": "virtual.test", "commonName": "tsa"},
        "uri": "https://timestamp.virtual.test",
        "certChain": {"certificates": [{"rawBytes": b64(one)} for one in authority.chain_der()[0 if leaf else 1 :]]},
        "validFor": {name: f"{one:%Y-%m-%dT%H:%M:%SZ}" for name, one in window.items()},
    }


def _timestamps() -> t.Iterator[Case]:
    payload = hashlib.sha256(statement(IMAGE)).digest()
    stamps: tuple[tuple[str, str, Json, str | None], ...] = (
        ("over the payload", "AT-31a", {"imprint": payload}, "TSA_INVALID"),
        ("over other bytes", "AT-31a", {"imprint": b"\0" * 32}, "TSA_INVALID"),
        ("over a short hash", "AT-31a", {"imprint": payload[:31]}, "TSA_INVALID"),
        ("that was refused", "AT-31e", {"status": 2}, "TSA_INVALID"),
        ("that is waited for", "AT-31e", {"status": 3}, "TSA_INVALID"),
        ("that was granted with changes", "AT-31e", {"status": 1}, None),
        ("by SHA-1", "AT-31g", {"hash_name": "sha1"}, "TSA_INVALID"),
        ("by MD5", "AT-31g", {"hash_name": "md5"}, "TSA_INVALID"),
        ("by SHA-512", "AT-31g", {"hash_name": "sha512"}, None),
        ("by SHA-256 that says SHA-512", "AT-31g", {"hash_label": "sha512"}, "TSA_INVALID"),
        ("whose content is hashed by SHA-1", "AT-31g", {"digest": "sha1"}, "TSA_INVALID"),
        ("with a nonce", "AT-31e", {"nonce": 7}, None),
        ("exact to a day", "AT-31i", {"accuracy": der.sequence(der.integer(86400))}, "TSA_INVALID"),
        ("exact to less than nothing", "AT-31i", {"accuracy": der.sequence(der.integer(-1))}, "MALFORMED"),
        ("exact to 10**12 seconds", "AT-31i", {"accuracy": der.sequence(der.integer(10**12))}, "MALFORMED"),
        ("with a fraction of a second", "AT-31i", {"gen_time": der.tlv(0x18, b"20261120093000.5Z")}, None),
        (
            "with a fraction that ends with zero",
            "AT-31i",
            {"gen_time": der.tlv(0x18, b"20261120093000.50Z")},
            "NON_CANONICAL",
        ),
        ("with a zone", "AT-31i", {"gen_time": der.tlv(0x18, b"20261120103000+0100")}, "NON_CANONICAL"),
        ("without seconds", "AT-31i", {"gen_time": der.tlv(0x18, b"202611200930Z")}, "NON_CANONICAL"),
        ("of a day that is none", "AT-31i", {"gen_time": der.tlv(0x18, b"20261320093000Z")}, "MALFORMED"),
        ("of version 2", "AT-31i", {"version": 2}, "MALFORMED"),
        ("with another content", "AT-31a", {"message_digest": b"\0" * 32}, "TSA_INVALID"),
        ("with another signature", "AT-31d", {"cms_signature": b"x" * 70}, "TSA_INVALID"),
        ("without signers", "AT-31d", {"signers": 0}, "MALFORMED"),
        ("with two signers", "AT-31d", {"signers": 2}, "MALFORMED"),
        ("without signed attributes", "AT-31d", {"attributes": []}, "MALFORMED"),
        ("that does not say which certificate signed", "AT-31d", {"ess": []}, "MALFORMED"),
        ("without certificates", "AT-31c", {"certificates": []}, None),
        ("named by key id", "AT-31d", {"sid": "key"}, None),
        ("of another content type", "AT-31a", {"content_type": "1.2.840.113549.1.7.1"}, "MALFORMED"),
        ("with a critical extension", "AT-31i", {"extensions": _critical_extension()}, "TSA_INVALID"),
    )
    for name, row, stamp, code in stamps:
        yield Case(f"a timestamp {name}", (row,), code, signed(log=None, stamp=stamp), policy=NO_LOG)
        beside = signed(timestamp=True, stamp=stamp)
        yield Case(f"a timestamp {name}, beside a promise", (row,), code, beside)
        yield Case(f"a timestamp {name}, demanded beside a promise", (row,), code, beside, policy=DEMANDED)
    for form in ("bundle", "legacy"):
        for name, row, stamp, code in stamps[:4]:
            make = keyed(form, log=None, timestamp=True, stamp=stamp)
            yield Case(f"a timestamp {name}, {form} by key", (row,), code, make, ("p256",), NOBODY, NO_LOG)
    yield from _tokens()
    yield from _authorities()
    yield from _forged()


def _critical_extension() -> bytes:
    return der.explicit(1, der.sequence(der.oid("1.2.3.4"), der.boolean(True), der.octets(b"x")))


def _tokens() -> t.Iterator[Case]:
    """What stands in the place of timestamps."""
    other = b"another signature"
    for name, row, tokens, code in (
        (
            "two",
            "AT-31h",
            lambda v, made: [v.tsa.timestamp(made.signature, AT), v.tsa.timestamp(made.signature, AT + MINUTE)],
            None,
        ),
        ("one twice", "AT-31h", lambda v, made: made.timestamps * 2, None),
        ("32", "AT-31h", lambda v, made: made.timestamps * 32, None),
        ("33", "AT-31h", lambda v, made: made.timestamps * 33, "LIMIT_EXCEEDED"),
        ("a good one and a bad one", "AT-31h", lambda v, made: [*made.timestamps, v.tsa.timestamp(other, AT)], None),
        ("a bad one and a good one", "AT-31h", lambda v, made: [v.tsa.timestamp(other, AT), *made.timestamps], None),
        ("a good one and garbage", "AT-31h", lambda v, made: [b"x", *made.timestamps], None),
        (
            "a good one and one of nobody",
            "AT-31h",
            lambda v, made: [*made.timestamps, _tsa("of nobody").timestamp(made.signature, AT)],
            None,
        ),
        (
            "one over the payload, of two bad ones",
            "AT-31a",
            lambda v, made: [v.tsa.timestamp(other, AT)] * 2,
            "TSA_INVALID",
        ),
        ("garbage", "AT-24", lambda v, made: [b"x"], "MALFORMED"),
        ("an empty one", "AT-24", lambda v, made: [b""], "MALFORMED"),
        ("one with a byte after it", "AT-23", lambda v, made: [made.timestamps[0] + b"\0"], "NON_CANONICAL"),
        ("one that is cut off", "AT-23", lambda v, made: [made.timestamps[0][:-1]], "MALFORMED"),
        (
            "one of no end of length",
            "AT-23",
            lambda v, made: [b"\x30\x80" + made.timestamps[0][4:] + b"\0\0"],
            "NON_CANONICAL",
        ),
        ("none", "AT-26b", lambda v, made: [], "NO_TRUSTED_TIME"),
    ):
        rows = (row, "CVE-2024-45395") if name == "33" else (row,)
        yield Case(f"timestamps: {name}", rows, code, _stamped(tokens), policy=NO_LOG)
        if code in (None, "NO_TRUSTED_TIME"):
            continue
        yield Case(f"timestamps: {name}, on v2", rows, code, _stamped(tokens, log="v2"))


def _stamp_of(name: str, virtual: VirtualSigstore, made: Made, **how: t.Any) -> list[bytes]:
    return [_tsa(name).timestamp(made.signature, AT, **how)]


def _entry_of(name: str, virtual: VirtualSigstore) -> list[Json]:
    return [tsa_entry(_tsa(name))]


def _authorities() -> t.Iterator[Case]:
    """By whom a timestamp is, and whether that one is trusted then."""
    for name, row, code in (
        ("for servers too", "AT-31f", "TSA_INVALID"),
        ("for code", "AT-31f", "TSA_INVALID"),
        ("without a usage", "AT-31f", "TSA_INVALID"),
        ("whose usage is not critical", "AT-31f", "TSA_INVALID"),
        ("that had expired", "AT-31b", "TSA_INVALID"),
        ("that was not valid yet", "AT-31b", "TSA_INVALID"),
        ("from that second", "AT-31b", None),
        ("until that second", "AT-31b", None),
        ("with an intermediate", "AT-31c", None),
        ("by RSA", "AT-31c", None),
        ("by P-256", "AT-31c", None),
        ("by P-521", "AT-31c", None),
        ("by Ed25519", "AT-31c", None),
    ):
        make = _stamped(functools.partial(_stamp_of, name))
        root = rooted(timestampAuthorities=functools.partial(_entry_of, name))
        yield Case(f"a timestamp authority {name}", (row,), code, make, policy=NO_LOG, root=root)
    for name, start, end, code in (
        ("trusted from that second", AT, None, None),
        ("trusted until that second", None, AT, None),
        ("trusted later", AT + SECOND, None, "TSA_INVALID"),
        ("trusted earlier", None, AT - SECOND, "TSA_INVALID"),
    ):
        root = rooted(timestampAuthorities=lambda v, start=start, end=end: [tsa_entry(v.tsa, start, end)])
        rows = ("AT-31b", "AT-33a") if code else ("AT-31b", "AT-33c")
        yield Case(f"a timestamp authority {name}", rows, code, signed(log="v2"), root=root)
    bags: tuple[tuple[str, Json], ...] = (
        ("with its certificate", {}),
        ("without its certificate", {"certificates": []}),
    )
    for bag, how in bags:
        make = _stamped(functools.partial(_stamp_of, "of nobody", **how))
        yield Case(f"a timestamp authority of nobody, {bag}", ("AT-31c",), "TSA_INVALID", make, policy=NO_LOG)
    borrowed = rooted(timestampAuthorities=lambda v: [tsa_entry(v.tsa, end=AT - SECOND), tsa_entry(_tsa("another"))])
    yield Case(
        "a timestamp authority whose window is another's", ("AT-31d",), "TSA_INVALID", signed(log="v2"), root=borrowed
    )
    no_leaf = rooted(timestampAuthorities=lambda v: [tsa_entry(v.tsa, leaf=False)])
    yield Case("a timestamp authority known by its root", ("AT-31c",), None, signed(log="v2"), root=no_leaf)
    bare = signed(log="v2", stamp={"certificates": []})
    yield Case(
        "a timestamp authority known by its root, without its certificate",
        ("AT-31c",),
        "TSA_INVALID",
        bare,
        root=no_leaf,
    )
    for when, code in ((AT - timedelta(minutes=4), None), (AT - timedelta(minutes=6), "CERT_TIME")):
        minutes = int((AT - when).total_seconds()) // 60
        yield Case(f"a timestamp {minutes} minutes ahead", ("AT-31i", "AT-33j"), code, signed(log="v2"), now=when)


# All is by a trusted certificate but for the name of the signer.
_NAMED_WRONGLY: Json = {
    "signer": lambda v: _tsa("of nobody").leaf,
    "signing_key": lambda v: v.tsa.leaf.key,
    "ess": lambda v: [ess_v2(v.tsa.leaf)],
}


def _forged() -> t.Iterator[Case]:
    """Certificates that are not the signer's (CVE-2026-39984, CVE-2025-52556)."""
    rows = ("AT-31d", "CVE-2026-39984", "CVE-2025-52556")

    def forge(**how: t.Any) -> Make:
        def token(virtual: VirtualSigstore, made: Made) -> list[bytes]:
            resolved = {name: one(virtual) if callable(one) else one for name, one in how.items()}
            return [virtual.tsa.timestamp(made.signature, AT, **resolved)]

        return _stamped(token)

    cases: tuple[tuple[str, str | None, Make], ...] = (
        ("signed with another key", "TSA_INVALID", forge(signing_key=key("p384"))),
        (
            "that names another's certificate",
            "TSA_INVALID",
            forge(signer=lambda v: _tsa("of nobody").leaf, signing_key=lambda v: v.tsa.leaf.key),
        ),
        (
            "of nobody that brings a trusted certificate",
            "TSA_INVALID",
            forge(signer=lambda v: _tsa("of nobody").leaf, certificates=lambda v: [v.tsa.leaf.der]),
        ),
        (
            "of nobody that brings a trusted certificate first",
            "TSA_INVALID",
            forge(
                signer=lambda v: _tsa("of nobody").leaf,
                certificates=lambda v: [v.tsa.leaf.der, _tsa("of nobody").leaf.der],
            ),
        ),
        *(
            (f"that names another signer by {sid}", "TSA_INVALID", forge(**_NAMED_WRONGLY, sid=sid))
            for sid in ("issuer", "key")
        ),
        (
            "with a certificate of nobody first",
            None,
            forge(certificates=lambda v: [_tsa("of nobody").leaf.der, v.tsa.leaf.der]),
        ),
        ("with 11 certificates", "LIMIT_EXCEEDED", forge(certificates=lambda v: [v.tsa.leaf.der] * 11)),
        ("that hashes another certificate", "TSA_INVALID", forge(ess=lambda v: [ess_v2(_tsa("of nobody").leaf)])),
        ("that hashes its certificate by MD5", "TSA_INVALID", forge(ess=lambda v: [ess_v2(v.tsa.leaf, "md5")])),
        ("that hashes its certificate by SHA-3", "TSA_INVALID", forge(ess=lambda v: [ess_v2(v.tsa.leaf, "sha3_256")])),
        ("that hashes its certificate by SHA-1", None, forge(ess=lambda v: [ess_v1(v.tsa.leaf)])),
        ("by its root itself", "TSA_INVALID", forge(signer=lambda v: v.tsa.root)),
        (
            "by another leaf of the same root",
            "TSA_INVALID",
            forge(signer=_second_leaf, certificates=lambda v: [_second_leaf(v).der]),
        ),
    )
    for name, code, make in cases:
        yield Case(f"a timestamp {name}", rows, code, make, policy=NO_LOG)


@functools.cache
def _second_leaf(virtual: VirtualSigstore) -> Party:
    return make_party("second leaf", "p384", virtual.tsa.root)


# Timestamps of certificates


@functools.cache
def _ct(name: str) -> CtLog:
    kinds = {"of P-384": ec.SECP384R1}
    return CtLog(
        f"https://ct.{name.replace(' ', '-')}.test", ec.generate_private_key(kinds[name]()) if name in kinds else None
    )


def _scts() -> t.Iterator[Case]:
    row = ("AT-32",)
    for name, sct, code in (
        ("with another signature", {"signature": b"x" * 70}, "SCT_INVALID"),
        ("with an empty signature", {"signature": b""}, "SCT_INVALID"),
        ("over another certificate", {"tbs": b"x"}, "SCT_INVALID"),
        ("of an issuer that is none", {"issuer_key_hash": b"\0" * 32}, "SCT_INVALID"),
        ("of an unknown log", {"log_id": b"\0" * 32}, "SCT_INVALID"),
        ("of another version", {"version": 1}, "SCT_INVALID"),
        ("with an extension", {"extensions": b"more"}, None),
        ("with bytes after it", {"trailing": b"\0"}, "SCT_INVALID"),
        ("that says SHA-1", {"tls_hash": 2}, "SCT_INVALID"),
        ("that says RSA", {"tls_signature": 1}, "SCT_INVALID"),
        ("by SHA-384", {"hash_name": "sha384"}, "SCT_INVALID"),
        ("of a year ago", {"at": AT - 2 * YEAR}, "SCT_INVALID"),
        ("as of a whole certificate", {"certificate": b"x"}, "SCT_INVALID"),
    ):
        for form in ("bundle", "legacy"):
            yield Case(f"a certificate's timestamp {name}, {form}", row, code, issued(form, sct=sct))
    for form in ("bundle", "legacy"):
        yield Case(f"a certificate without timestamp, {form}", row, "SCT_INVALID", issued(form, ct=None))
        yield Case(
            f"a certificate without timestamp, ignored, {form}",
            row,
            None,
            issued(form, ct=None),
            policy={"ignore_sct": True},
        )
    same_name = issued(sct=lambda v: {"issuer_spki": spki(v.ca.intermediates[1].key)})
    yield Case("a certificate's timestamp of another CA of the same name", row, "SCT_INVALID", same_name)
    yield Case(
        "a certificate's timestamp by the second CA of its name", row, None, issued(by=lambda v: v.ca.intermediates[1])
    )
    for name, start, end, code in (
        ("that was trusted from that second", AT, None, None),
        ("that was trusted until that second", AT - YEAR, AT, None),
        ("that was trusted later", AT + SECOND, None, "SCT_INVALID"),
        ("that was trusted earlier", AT - YEAR, AT - SECOND, "SCT_INVALID"),
    ):
        root = rooted(ctlogs=lambda v, start=start, end=end: [v.ct.trusted(start, end)])
        rows = ("AT-32", "AT-33a") if code else ("AT-32", "AT-33c")
        yield Case(f"a certificate log {name}", rows, code, signed(), root=root)
    two = issued(ct=lambda v: [v.ct, v.ct])
    yield Case("two timestamps of a certificate by one log", ("AT-32", "CVE-2026-49834"), None, two)
    yield Case(
        "a good timestamp of a certificate and one of nobody", row, None, issued(ct=lambda v: [v.ct, _ct("nobody")])
    )
    yield Case("a timestamp of a certificate by nobody", row, "SCT_INVALID", issued(ct=lambda v: _ct("nobody")))
    bad = issued(make_scts=None, ct=lambda v: [v.ct, _Wrong(v.ct)])
    yield Case("a good timestamp of a certificate and a bad one", row, "SCT_INVALID", bad)
    for count, code in ((32, None), (33, "LIMIT_EXCEEDED")):
        yield Case(f"{count} timestamps of a certificate", row, code, issued(ct=lambda v, count=count: [v.ct] * count))
    for kind in ("of P-384",):
        own = rooted(ctlogs=lambda v, kind=kind: [_ct(kind).trusted(AT - YEAR)])
        yield Case(f"a certificate log {kind}", row, None, issued(ct=lambda v, kind=kind: _ct(kind)), root=own)
    for name, value in (
        ("that is empty", b""),
        ("that is cut off", b"\0\5\0"),
        ("without any", b"\0\0"),
        ("that goes on", b"\0\0x"),
    ):
        listed = Extension("1.3.6.1.4.1.11129.2.4.2", der.octets(value))
        yield Case(
            f"a list of a certificate's timestamps {name}", row, "SCT_INVALID", issued(ct=None, extensions=[listed])
        )


class _Wrong(CtLog):
    """The same log, which does not sign."""

    def __init__(self, log: CtLog) -> None:
        super().__init__(log.url, log.key)

    def sct(self, at: datetime, **overrides: t.Any) -> bytes:
        return super().sct(at, **{**overrides, "signature": b"x" * 70})


# The trusted root


def _listed(name: str, change: t.Callable[[VirtualSigstore, Json], Json | None]) -> Root:
    """A trusted root in whose first entry of a list something is different."""

    def root(virtual: VirtualSigstore) -> Json:
        found = virtual.trusted_root()
        first, *rest = found[name]
        changed = change(virtual, first)
        found[name] = [*([] if changed is None else [changed]), *rest]
        return found

    return root


def _roots() -> t.Iterator[Case]:
    for name, code in (
        ("tlogs", "TRUST_ROOT"),
        ("certificateAuthorities", "CHAIN_INVALID"),
        ("ctlogs", "SCT_INVALID"),
    ):
        for empty in (list[Json](), None):
            root = rooted(**{name: empty})
            yield Case(f"a trusted root whose {name} are {empty}", ("AT-33g",), code, signed(), root=root)
    none = rooted(timestampAuthorities=None)
    yield Case(
        "a trusted root whose timestampAuthorities are None", ("AT-33g",), "TSA_INVALID", signed(log="v2"), root=none
    )
    yield from _root_windows()
    yield from _root_keys()
    value: t.Any
    for value, code in (
        ("", "TRUST_ROOT"),
        (None, "TRUST_ROOT"),
        ("application/vnd.dev.sigstore.trustedroot+json;version=9", "TRUST_ROOT"),
        (7, "MALFORMED"),
    ):
        other = rooted(mediaType=value)
        yield Case(f"a trusted root of the media type {value!r}", ("AT-33h",), code, signed(), root=other)
    yield Case(
        "a trusted root with an unknown field",
        ("AT-33h",),
        "MALFORMED",
        signed(),
        root=rooted(note=1),
    )
    yield Case(
        "another Sigstore's trusted root", ("AT-33k",), "TRUST_ROOT", signed(), root=lambda v: _staging().trusted_root()
    )
    for name, own in (("certificateAuthorities", "CHAIN_INVALID"), ("ctlogs", "SCT_INVALID"), ("tlogs", "TRUST_ROOT")):
        mixed = rooted(**{name: lambda v, name=name: _staging().trusted_root()[name]})
        yield Case(f"a trusted root with another Sigstore's {name}", ("AT-33k",), own, signed(), root=mixed)


@functools.cache
def _staging() -> VirtualSigstore:
    return VirtualSigstore(host="staging.test")


def _root_windows() -> t.Iterator[Case]:
    for name, start, end, code in (
        ("from that second", AT, None, None),
        ("until that second", AT - YEAR, AT, None),
        ("later", AT + SECOND, None, "CERT_TIME"),
        ("earlier", AT - YEAR, AT - SECOND, "CERT_TIME"),
    ):
        root = rooted(certificateAuthorities=lambda v, start=start, end=end: [v.ca.trusted(start=start, end=end)])
        for log in ("v1", "v2"):
            rows = ("AT-33a",) if code else ("AT-33c",)
            yield Case(f"a CA that is trusted {name}, {log}", rows, code, signed(log=log), root=root)
    for name, start, end, code in (
        ("from that second", AT, None, None),
        ("until that second", AT - YEAR, AT, None),
        ("later", AT + SECOND, None, "TRUST_ROOT"),
        ("earlier", AT - YEAR, AT - SECOND, "TRUST_ROOT"),
    ):
        v2 = rooted(tlogs=lambda v, start=start, end=end: [v.rekor2.trusted(start, end)])
        yield Case(
            f"a log of v2 that is trusted {name}", ("AT-33a",) if code else ("AT-33c",), code, signed(log="v2"), root=v2
        )
    ended = rooted(tlogs=lambda v: [v.rekor2.trusted(AT - YEAR, AT - SECOND)])
    yield Case(
        "a log of v2 that has ended, by key without time",
        ("AT-33a",),
        None,
        keyed(log="v2"),
        ("p256",),
        NOBODY,
        root=ended,
    )
    future = rooted(tlogs=lambda v: [v.rekor2.trusted(AT + YEAR)])
    yield Case(
        "a log of v2 that has not started, by key without time",
        ("AT-33a",),
        "TRUST_ROOT",
        keyed(log="v2"),
        ("p256",),
        NOBODY,
        root=future,
    )
    gap = rooted(tlogs=lambda v: [v.rekor.trusted(AT - YEAR, AT - SECOND), v.rekor.trusted(AT + SECOND)])
    yield Case("a gap between two windows of a log", ("AT-33d",), "TRUST_ROOT", signed(), root=gap)
    overlap = rooted(tlogs=lambda v: [v.rekor.trusted(AT - YEAR, AT), v.rekor.trusted(AT)])
    yield Case("two windows of a log that overlap", ("AT-33e",), None, signed(), root=overlap)
    two_keys = rooted(tlogs=lambda v: [_same_id(v), v.rekor.trusted()])
    yield Case("two keys of one log id", ("AT-33f",), None, signed(), root=two_keys)
    wrong_key = rooted(tlogs=lambda v: [_same_id(v)])
    yield Case("another key of that log id", ("AT-33f",), "TLOG_MISMATCH", signed(), root=wrong_key)
    for name, key_of in (
        ("tlogs", "publicKey"),
        ("ctlogs", "publicKey"),
        ("certificateAuthorities", ""),
        ("timestampAuthorities", ""),
    ):
        for what, valid in (
            ("no start", {}),
            ("no window", None),
            ("a start that is none", {"start": "yesterday"}),
            ("an end before its start", {"start": "2026-01-01T00:00:00Z", "end": "2025-01-01T00:00:00Z"}),
        ):
            change = functools.partial(_valid, key_of, valid)
            yield Case(
                f"{name} with {what}", ("AT-33b",), "TRUST_ROOT", signed(timestamp=True), root=_listed(name, change)
            )


def _valid(key_of: str, valid: t.Any, dummy: VirtualSigstore, entry: Json) -> Json:
    inner = {**(entry[key_of] if key_of else entry), "validFor": valid}
    return {**entry, key_of: inner} if key_of else inner


def _with_key(changes: Json, dummy: VirtualSigstore, entry: Json) -> Json:
    return {**entry, "publicKey": {**entry["publicKey"], **changes}}


def _with_chain(certificates: t.Any, dummy: VirtualSigstore, entry: Json) -> Json:
    return {**entry, "certChain": {"certificates": certificates}}


def _same_id(virtual: VirtualSigstore) -> Json:
    other = RekorV1(seed="another key")
    return {**other.trusted(), "logId": virtual.rekor.trusted()["logId"], "baseUrl": virtual.rekor.url}


def _with_unknown_kind(name: str, virtual: VirtualSigstore) -> list[Json]:
    known = virtual.trusted_root()[name]
    return [{**known[0], "publicKey": {**known[0]["publicKey"], "keyDetails": "PKIX_MLDSA_65"}}, *known]


def _root_keys() -> t.Iterator[Case]:
    for name in ("tlogs", "ctlogs"):
        for what, changes, code in (
            ("a key that is no base64", {"rawBytes": "!"}, "TRUST_ROOT"),
            ("a key that is no DER", {"rawBytes": b64(b"x")}, "TRUST_ROOT"),
            ("an empty key", {"rawBytes": ""}, "TRUST_ROOT"),
            ("a key of another kind than it says", {"keyDetails": "PKIX_ED25519"}, "TRUST_ROOT"),
        ):
            change = functools.partial(_with_key, changes)
            yield Case(f"{name} with {what}", ("AT-33i",), code, signed(), root=_listed(name, change))
        extra = rooted(**{name: functools.partial(_with_unknown_kind, name)})
        yield Case(f"{name} with a key of an unknown kind beside", ("AT-33f",), None, signed(), root=extra)
    for name in ("certificateAuthorities", "timestampAuthorities"):
        for what, certificates in (
            ("no certificates", []),
            ("a certificate that is none", [{"rawBytes": b64(b"x")}]),
            ("a certificate that is no base64", [{"rawBytes": "!"}]),
            ("11 certificates", [{"rawBytes": b64(b"x")}] * 11),
        ):
            chained = functools.partial(_with_chain, certificates)
            yield Case(
                f"{name} with {what}",
                ("AT-33i", "AT-31d"),
                "TRUST_ROOT",
                signed(timestamp=True),
                root=_listed(name, chained),
            )


CASES = [*_certificate_times(), *_chains(), *_timestamps(), *_scts(), *_roots()]
