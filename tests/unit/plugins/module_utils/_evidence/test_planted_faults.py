# Copyright (c) 2026, the supplychain.cosign authors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""Each check of the verifier is left out, one at a time: a case of the catalogue, or a text for one of its readers,
must then get another answer. Where none does, the check is on a list that was read by a person, with the reason."""

from __future__ import annotations

import functools
import signal
import typing as t
from collections import defaultdict
from types import ModuleType

import pytest

from ansible_collections.supplychain.cosign.plugins.module_utils._formats.rejection import Rejection
from tests.support.planted import ROOM, Check, Planted
from tests.support.sigstore.case import digest_of, key_pem
from tests.support.sigstore.virtual import AT, Made, VirtualSigstore
from tests.support.sigstore.wrong import CASES
from tests.support.sigstore.wrong_more import Read, reads
from tests.unit.plugins.module_utils._evidence.unnoticed import UNNOTICED

# Formats that the registry and the signer use too have tests of their own.
OTHERS = ("strict", "pem", "public_key", "oci", "legacy")
LONGEST = 5
"""Seconds for one answer: without some checks there is none."""

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


def _heard(evidence: t.Any) -> None:
    if evidence.error:
        raise evidence.error


def _digest(m: Modules, given: str) -> object:
    keys = m["policy"].KeyRule((m["public_key"].parse_public_key(key_pem(), "key"),))
    return m["verify"].verify(given, [], m["policy"].Policy((keys,)), None, AT)


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
    "rule": _rule,
    "policy": _policy,
}


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
            return str(found) if asked.reader == "name" else ""
        verdict = modules["judged"].judge(CASES[asked[0]], self.virtual, asked[1])
        accepted = "".join(verdict.checks) if verdict.verified else ""
        return accepted + (verdict.refusal.code if verdict.refusal else "")

    def notices(self, check: Check) -> bool:
        modules = load()
        return any(self.answer(modules, number) != self.right[number] for number in self.reaching[check.number])


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
    wrong = [one.name for one, answer in zip(CASES, right, strict=True) if answer != one.code and (one.code or answer.isupper())]
    assert wrong == []


@pytest.mark.parametrize("check", checks(), ids=lambda check: check.name)
def test_a_check_that_is_left_out_is_noticed(check: Check) -> None:
    asked = questions()
    planted().left_out = check.number
    assert asked.notices(check) == (check.name not in UNNOTICED)


def test_the_list_names_only_checks() -> None:
    assert set(UNNOTICED) <= {one.name for one in checks()}
