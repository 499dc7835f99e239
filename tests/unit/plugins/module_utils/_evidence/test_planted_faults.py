# Copyright (c) 2026, the supplychain.cosign authors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""Each check of the verifier is left out, one at a time: a case of the catalogue, or a text for one of its readers,
must then get another answer. Where none does, the check is on a list that was read by a person, with the reason."""

from __future__ import annotations

import contextlib
import functools
import resource
import signal
import typing as t
from collections import defaultdict
from types import ModuleType

import pytest

from ansible_collections.supplychain.cosign.plugins.module_utils._formats.rejection import Rejection
from tests.support.planted import ROOM, Check, Planted
from tests.support.sigstore.case import IMAGE, digest_of, key_pem
from tests.support.sigstore.virtual import AT, Made, VirtualSigstore
from tests.support.sigstore.wrong import CASES
from tests.support.sigstore.wrong_more import Read, reads

# Formats that the registry and the signer use too have tests of their own.
OTHERS = ("strict", "pem", "public_key", "oci", "legacy", "log_request", "tiles", "signing_config", "moment")
LONGEST = 2
"""Seconds for one answer: without some checks there is none."""

MOST_MEMORY = 2**29
"""Bytes for it, beyond what was in use before."""

# Checks that nothing notices, by the reason; each was looked at.
REVIEWED: dict[str, tuple[str, ...]] = {
    "It only chooses the words of a refusal, or which of two reasons is told.": (
        "_evidence/certificate:Certificate.__str__: for name in self.names if name.value",
        "_evidence/certificate_signature:has_known_algorithm: return certificate.signature_algorithm in _ALGORITHMS",
        "_evidence/chain:_best: for one in failures if one.code == 'CERT_TIME'",
        "_evidence/identity:_looks_like: all((a == b or not (a + b).i…or a, b in zip(one, other)))",
        "_evidence/identity:_looks_like: return len(one) == len(other…))) — len(one) == len(other)",
        "_evidence/identity:_looks_like: return len(one) == len(other…or a, b in zip(one, other)))",
        "_evidence/identity:_seen: for c in unicodedata.normali…codedata.category(c) != 'Cf'",
        "_evidence/pattern_syntax:_Parser.group: if self.sees(written)",
        "_evidence/pattern_syntax:_Parser.escape: if name in _ESCAPES",
        "_evidence/pattern_syntax:_Parser.member: if self.sees('[:', '[=', '[.')",
        "_evidence/read:_check_file_digest: if not message.algorithm and (not message.digest)",
        "_evidence/sct:check_scts: if not offered",
        "_evidence/timestamp:verify_timestamp: if not authorities",
        "_formats/der:Reader._long_length: if count == 0",
    ),
    "It saves time, and what is left out is looked at for nothing.": (
        "_evidence/certificate:_precertificate: if SCT_LIST not in extensions: return None",
        "_evidence/chain:_Search._grow: for one in between if one not in path",
        "_evidence/pattern:_Program.__init__: for c, bits in self.eats.items() if _is_literal(c)",
        "_evidence/pattern:_Program.__init__: for c, bits in self.eats.items() if not _is_literal(c)",
        "_evidence/pattern:_Program.place: if not self.asked: return 0",
        "_evidence/pattern:_Program.run: if start and (not here): return False",
        "_evidence/pattern:_is_literal: return not chars.negated and…1]) — len(chars.ranges) == 1",
        "_evidence/timestamp:_authority: for one in map(_embedded, to…af.der — one.der != leaf.der",
    ),
    "It says only what is worth waiting for: test_mended, and test_verify_keyless.": (
        "_evidence/verify:needs_trust: if one.error or (one.predica…redicate_type))) — one.error",
        "_evidence/verify:needs_trust: if one.error or (one.predica….counts(one.predicate_type))",
        "_evidence/verify:needs_trust: if one.error or (one.predica…dicate_type))): return False",
    ),
    "It bounds the work: test_mended.": (
        "_evidence/certificate:_name: if len(der) > MAX_NAME_BYTES",
        "_evidence/certificate:_extensions: if len(found) == MAX_EXTENSIONS",
    ),
    "A function that ends returns None as well.": (
        "_evidence/timestamp:_embedded: except Rejection: return None",
        "_evidence/trusted_root:_certificate: except _Unsupported: return None",
    ),
    "_check_issuer refuses a path over what is no CA.": (
        "_evidence/chain:_Search.paths: for one in (*authority.inter…self._attached) if one.is_ca",
    ),
    "verify never asks without a time; test_chain does.": ("_evidence/chain:build_chain: if not times",),
    "A proof with another count or size of hashes leads to another root; test_merkle asks for the refusal itself.": (
        "_evidence/merkle:root_hash: if not 0 <= index < size < 2 ** 64",
        "_evidence/merkle:root_hash: if len(hashes) != wanted or …!= _SIZE for one in hashes))",
    ),
    "No range of more than one kind of character begins with a single one, which the next part refuses.": (
        "_evidence/pattern_syntax:_Parser.member: if len(low) != 1 or len(high… high[0][1]) — len(low) != 1",
    ),
    "What follows a repetition and repeats has nothing to repeat, which atom refuses.": (
        "_evidence/pattern_syntax:_Parser.quantified: if self.sees('*', '+', '?', '{')",
    ),
    "So many repetitions have too many states (MOST_STATES) as well.": (
        "_evidence/pattern_syntax:_Parser.quantified: if _repeats(whole) > MOST_REPEATS",
    ),
    "A number in other digits, or of more, is refused as not written like one or as too large.": (
        "_evidence/pattern_syntax:_is_count: return digits.isascii() and …= digits) — digits.isascii()",
        "_evidence/pattern_syntax:_is_count: return digits.isascii() and …= digits) — len(digits) <= 4",
    ),
    "parse_bundle has counted them, and a legacy layer has one; test_timestamp asks for the refusal itself.": (
        "_evidence/timestamp:verify_timestamps: if len(tokens) > MAX_TIMESTAMPS",
    ),
    "An id that is not there has no bytes, and is refused for its length.": (
        "_evidence/trusted_root:_log_id: for key in ('logId', 'checkp…eyId') if key in entry.found",
    ),
    "An anchor is taken out of what may stand between (_Search.paths).": (
        "_evidence/trusted_root:_authorities_of: for one in found if not one.is_self_issued",
    ),
    "What is under another label is no certificate for parse_certificate.": (
        "_evidence/trusted_root:_certificates: if labels != {'CERTIFICATE'}",
    ),
    "It needs signers who are known by several names: test_mended.": (
        "_evidence/distinct:distinct: for group in groups if not group.isdisjoint(names)",
    ),
    "It is no part of a verdict: test_verify.": (
        "_evidence/verdict:exact_annotations: return dict(accepted.subject…annotations) == dict(wanted)",
    ),
    "Attestations under the tag .att are asked in test_legacy_attestation.": (
        "_evidence/read:_from_legacy_attestation: _check_blob(layer, envelope)",
        "_evidence/log:_differences: if signed.envelope_hash and …_hash): yield 'its envelope'",
    ),
    "No reader of the verifier comes to such an element: test_der.": (
        "_formats/der:Reader.__init__: if depth > MAX_DEPTH",
        "_formats/der:Reader._pass: if data[start] & 31 == 31",
    ),
    "The tokens here have no lists of revocations or odd certificates: test_rfc3161.": (
        "_formats/rfc3161:parse_timestamp: signed_data.optional(constructed(1))",
        "_formats/rfc3161:_certificates: for one in found if one.tag == SEQUENCE",
    ),
}
UNNOTICED = frozenset(name for names in REVIEWED.values() for name in names)

_MODULES = {
    "judged": "tests.support.judged",
    **{
        name.rpartition(".")[2]: f"{ROOM}.{name}"
        for name in (
            "_evidence.certificate",
            "_evidence.checkpoint",
            "_evidence.general_name",
            "_evidence.identity",
            "_evidence.name_constraints",
            "_evidence.pattern",
            "_evidence.policy",
            "_evidence.sct",
            "_evidence.signer",
            "_evidence.trusted_root",
            "_evidence.model",
            "_evidence.read",
            "_evidence.verify",
            "_formats.bundle",
            "_formats.legacy",
            "_formats.log_body",
            "_formats.oci",
            "_formats.payload",
            "_formats.public_key",
            "_formats.rfc3161",
        )
    },
}
Modules = dict[str, t.Any]


def _name(m: Modules, given: tuple[bytes, bytes]) -> object:
    name = m["general_name"].read_general_names(given[1], "name")[0]
    return m["name_constraints"].read_name_constraints(given[0], "constraints").refuses(name)


def _rule(m: Modules, given: dict[str, t.Any]) -> object:
    if "workflow" in given:
        return m["identity"].IdentityRule("a", None, "b", None, given["workflow"])
    return m["identity"].identity_rule(given)


def _policy(m: Modules, given: dict[str, t.Any]) -> object:
    keys = m["policy"].KeyRule((m["public_key"].parse_public_key(key_pem(), "key"),))
    return m["policy"].Policy(**{"signers": (keys,), **given})


def _layer(m: Modules, given: dict[str, t.Any]) -> object:
    payload = given["payload"]
    descriptor = m["oci"].Descriptor("", given["digest"] or digest_of(payload), len(payload))
    texts = (given.get(name) for name in ("signature", "certificate", "chain", "bundle", "rfc3161timestamp"))
    found = m["read"].from_legacy(m["legacy"].LegacyLayer(0, descriptor, *texts), payload, m["model"].Location(""))
    return _heard(found)


def _file(m: Modules, given: tuple[bytes, str, bytes | None]) -> object:
    data, digest, artifact = given
    return _heard(m["read"].from_file_bundle(data, m["model"].Location(""), digest, artifact))


def _heard(evidence: t.Any) -> object:
    if evidence.error:
        raise evidence.error
    return evidence


def _digest(m: Modules, given: str) -> object:
    keys = m["policy"].KeyRule((m["public_key"].parse_public_key(key_pem(), "key"),))
    return m["verify"].verify(given, [], m["policy"].Policy((keys,)), None, AT)


def _given(m: Modules, given: tuple[bytes, bytes]) -> object:
    data, certificate = given
    rule = m["identity"].IdentityRule("a", None, "b")
    policy = m["policy"].Policy((rule,), certificate=m["certificate"].parse_certificate(certificate, "certificate"))
    return m["signer"].find_signer(m["read"].from_bundle(data, m["model"].Location("")), policy)


def _match(m: Modules, given: tuple[str, str]) -> object:
    pattern, value = m["pattern"].parse_pattern(given[0], "pattern"), given[1]
    return pattern.matches(value), pattern.search(value), pattern.near_miss(value)


def _needs_trust(m: Modules, given: bytes) -> object:
    one = m["read"].from_bundle(given, m["model"].Location(""))
    keys = [m["policy"].KeyRule((m["public_key"].parse_public_key(key_pem(kind), "key"),)) for kind in ("p256", "p384")]
    rules = ((keys[0],), (keys[1],), (m["identity"].IdentityRule("a", None, "b"),))
    return [m["verify"].needs_trust(one, m["policy"].Policy(signers)) for signers in rules]


def _together(m: Modules, given: tuple[list[bytes], list[list[str]], int]) -> object:
    bundles, kinds, required = given
    found = [m["read"].from_bundle(one, m["model"].Location("")) for one in bundles]
    read = m["public_key"].parse_public_key
    rules = tuple(m["policy"].KeyRule(tuple(read(key_pem(kind), "key") for kind in one)) for one in kinds)
    policy = m["policy"].Policy(rules, required_signatures=required, ignore_tlog=True)
    return m["verify"].verify(IMAGE, found, policy, None, AT).verified


def _several(m: Modules, given: list[str]) -> str:
    keys = m["policy"].KeyRule((m["public_key"].parse_public_key(key_pem(), "key"),))
    found = [m["model"].Evidence("bundle", m["model"].Location(""), error=Rejection(code, "Wrong.")) for code in given]
    verdict = m["verify"].verify(IMAGE, found, m["policy"].Policy((keys,)), None, AT)
    return str(verdict.refusal.code)


_READERS: dict[str, t.Callable[[Modules, t.Any], object]] = {
    "certificate": lambda m, given: m["certificate"].parse_certificate(given, "certificate"),
    "timestamp": lambda m, given: m["rfc3161"].parse_timestamp(given),
    "bundle": lambda m, given: m["bundle"].parse_bundle(given),
    "log body": lambda m, given: m["log_body"].parse_log_body(given),
    "trusted root": lambda m, given: m["trusted_root"].parse_trusted_root(given, "root"),
    "files": lambda m, given: m["trusted_root"].trusted_root_from_pem(given),
    "payload": lambda m, given: m["payload"].parse_payload(given),
    "certificate timestamp": lambda m, given: m["sct"].parse_detached_sct(given),
    "checkpoint": lambda m, given: m["checkpoint"].parse_checkpoint(given),
    "pattern": lambda m, given: m["pattern"].parse_pattern(given, "pattern"),
    "name": _name,
    "layer": _layer,
    "file": _file,
    "digest": _digest,
    "given certificate": _given,
    "several": _several,
    "together": _together,
    "match": _match,
    "needs trust": _needs_trust,
    "rule": _rule,
    "policy": _policy,
}


_TELLING = ("name", "several", "together", "match", "needs trust")
"""What these return is an answer; the others only refuse, or do not."""


class _TooLong(BaseException):
    """There is no answer; nothing of the verifier may catch that."""


class Questions:
    """The catalogue's cases and the readers' texts, made once, with the answers that they get when nothing is wrong."""

    def __init__(self) -> None:
        self.virtual = VirtualSigstore()
        self.asked: list[tuple[int, Made] | Read] = [(i, case.make(self.virtual)) for i, case in enumerate(CASES)]
        self.asked += reads(self.virtual)
        modules = load()
        self.right: list[str] = []
        self.reaching: dict[int, list[int]] = defaultdict(list)
        for number in range(len(self.asked)):
            planted().reached.clear()
            self.right.append(self.answer(modules, number))
            for check in planted().reached:
                self.reaching[check].append(number)
        for numbers in self.reaching.values():
            numbers.sort(key=lambda number: not self.right[number].isupper())

    def answer(self, modules: Modules, number: int) -> str:
        """A code, the sentences of what was checked where nothing is refused, or what else happened."""
        signal.setitimer(signal.ITIMER_REAL, LONGEST)
        try:
            return self._answer(modules, self.asked[number])
        except Rejection as refusal:
            return refusal.code
        except Exception as error:
            return type(error).__name__
        except _TooLong:
            return "no answer"
        finally:
            signal.setitimer(signal.ITIMER_REAL, 0)

    def _answer(self, modules: Modules, asked: tuple[int, Made] | Read) -> str:
        if isinstance(asked, Read):
            found = _READERS[asked.reader](modules, asked.given)
            return str(found) if asked.reader in _TELLING else ""
        verdict = modules["judged"].judge(CASES[asked[0]], self.virtual, asked[1])
        assert verdict.verified == (verdict.refusal is None)
        return verdict.refusal.code if verdict.refusal else " ".join(verdict.checks)

    def notices(self, check: Check) -> bool:
        modules = load()
        with _limited_memory():
            return any(self.answer(modules, number) != self.right[number] for number in self.reaching[check.number])


@contextlib.contextmanager
def _limited_memory() -> t.Iterator[None]:
    """Some faults take away what bounds the work: that ends in a MemoryError, which is noticed, and not in the end of
    the machine."""
    before = resource.getrlimit(resource.RLIMIT_AS)
    with open("/proc/self/statm") as found:
        used = int(found.read().split()[0]) * resource.getpagesize()
    resource.setrlimit(resource.RLIMIT_AS, (used + MOST_MEMORY, before[1]))
    try:
        yield
    finally:
        resource.setrlimit(resource.RLIMIT_AS, before)


@functools.cache
def planted() -> Planted:
    return Planted(("_evidence", "_formats"), without=("rejection",))


def load() -> Modules:
    loaded: list[ModuleType] = planted().load(*_MODULES.values())
    return dict(zip(_MODULES, loaded, strict=True))


@functools.cache
def questions() -> Questions:
    return Questions()


def checks() -> list[Check]:
    modules = tuple(f"_formats/{name}:" for name in OTHERS)
    return [one for one in planted().checks if not one.name.startswith(modules)]


@pytest.fixture(autouse=True)
def _bounded() -> t.Iterator[None]:
    def stop(*dummy: object) -> None:
        raise _TooLong

    before = signal.signal(signal.SIGALRM, stop)
    yield
    signal.signal(signal.SIGALRM, before)
    planted().left_out = -1


def test_with_every_check_the_catalogue_gets_its_answers() -> None:
    right = questions().right[: len(CASES)]
    wrong = [
        one.name
        for one, answer in zip(CASES, right, strict=True)
        if answer != one.code and (one.code or answer.isupper())
    ]
    assert wrong == []


@pytest.mark.parametrize("check", checks(), ids=lambda check: check.name)
def test_a_check_that_is_left_out_is_noticed(check: Check) -> None:
    asked = questions()
    planted().left_out = check.number
    assert asked.notices(check) == (check.name not in UNNOTICED)


def test_the_list_names_only_checks() -> None:
    assert {one.name for one in checks()} >= UNNOTICED
