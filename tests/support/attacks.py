# Copyright (c) 2026, the supplychain.cosign authors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""The table of attacks and faults: which tests cover which row, read from the tests. `python -m tests.support.attacks`
prints docs/attacks.md.

A test covers a row that its mark `attack` names (on a function, class or parameter), or, where it has none, its name
(`test_AT_27_…`, `test_F_07_…`), the id of a parameter ("AT-27-…") or its docstring ("AT-27: …").
"""

from __future__ import annotations

import ast
import functools
import re
import typing as t
from collections import defaultdict
from dataclasses import dataclass, field
from pathlib import Path

from tests.support.sigstore.wrong import CASES

ROOT = Path(__file__).resolve().parents[2]
FOLDERS = ("tests/unit", "tests/integration", "tests/conformance", "tests/molecule", "tests/interop")
CATALOGUE = "tests/unit/plugins/module_utils/_evidence/test_attacks.py"

HEAD = """\
<!--
Copyright (c) 2026, the supplychain.cosign authors
GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
SPDX-License-Identifier: GPL-3.0-or-later
-->
# Attacks and faults, and the tests that try them

Made from the tests by `python -m tests.support.attacks`; do not edit. A *case* is one signature of the catalogue
(`tests/support/sigstore/wrong.py`), which goes from its bytes through the one entry point of the verifier and must get
exactly the code that is written there.
"""


class Row(t.NamedTuple):
    """What is tried, the codes that answer it, and what of it is open, why."""

    title: str
    codes: str
    open: str = ""


ATTESTATIONS = "come with the modules for attestations"

ATTACKS: dict[str, Row] = {
    "AT-01": Row("Other bytes than the digest says", "DIGEST_MISMATCH SIZE_MISMATCH MEDIA_TYPE"),
    "AT-02": Row("A tag that moves between looking and using", "none: the first digest is the only one"),
    "AT-03": Row("Bodies without end, huge, compressed, slow", "LIMIT_EXCEEDED MEDIA_TYPE UNREACHABLE"),
    "AT-04": Row("More of something than anyone needs: layers, levels, digits, names", "LIMIT_EXCEEDED MALFORMED"),
    "AT-05": Row("One text that two readers understand differently", "DUPLICATE_KEY MALFORMED AMBIGUOUS_MANIFEST"),
    "AT-06": Row("A registry that sends its credentials' owner elsewhere to log in", "REALM_REFUSED MALFORMED"),
    "AT-07": Row("Being made to call addresses inside the network", "REDIRECT_REFUSED MALFORMED"),
    "AT-08": Row("Secrets that follow a redirect", "REDIRECT_REFUSED, or the request goes without them"),
    "AT-09": Row("The wrong credential for a host of a similar name", "AUTH_REFUSED, or none is sent"),
    "AT-10": Row("HTTP in place of HTTPS, certificates that do not fit", "TLS_REFUSED"),
    "AT-11": Row("A registry that says it stored what it did not", "CONFLICT UNREACHABLE"),
    "AT-12": Row("Referrers that belong to another image, or are none", "MEDIA_TYPE UNREACHABLE, or they are left out"),
    "AT-13": Row("An error taken for 'there is none'", "UNREACHABLE RATE_LIMITED AUTH_REFUSED"),
    "AT-14": Row("Secrets in messages, logs, files and URLs", "none: they are nowhere"),
    "AT-15": Row("Success although nothing was verified", "NO_SIGNATURE POLICY_UNSUPPORTED NO_TRUSTED_TIME"),
    "AT-16": Row(
        "A legacy payload of another image, type or form", "DIGEST_MISMATCH PAYLOAD_TYPE MALFORMED SIG_INVALID"
    ),
    "AT-17": Row("A signature that was made for another repository", "REFERENCE_MISMATCH where it is asked for"),
    "AT-18": Row(
        "Indexes and their images taken for each other",
        "SUBJECT_MISMATCH DIGEST_MISMATCH LIMIT_EXCEEDED",
        "asking for one platform is no option yet",
    ),
    "AT-19": Row(
        "A statement about another subject, or none", "SUBJECT_MISMATCH MALFORMED NON_CANONICAL LIMIT_EXCEEDED"
    ),
    "AT-20": Row("An attestation in place of a signature, or of another type", "PREDICATE_TYPE MALFORMED"),
    "AT-21": Row("Payload types and encodings that are exchanged", "PAYLOAD_TYPE SIG_INVALID SUBJECT_MISMATCH"),
    "AT-22": Row(
        "Envelopes of none, several, or another's signatures",
        "MALFORMED SIG_INVALID",
        f"legacy attestations with several signatures {ATTESTATIONS}",
    ),
    "AT-23": Row("The same value written in another way", "NON_CANONICAL SIG_INVALID MALFORMED"),
    "AT-24": Row("Anything that is not made as it should be", "MALFORMED and its kin, never another exception"),
    "AT-25": Row("A log entry that was made for something else", "TLOG_MISMATCH"),
    "AT-26": Row(
        "A log's promise that is wrong, missing or of another time", "SET_INVALID TRUST_ROOT NO_TRUSTED_TIME CERT_TIME"
    ),
    "AT-27": Row("Wrong proofs and checkpoints", "INCLUSION_INVALID CHECKPOINT_INVALID"),
    "AT-28": Row("Counting one log, or one signer, twice", "THRESHOLD"),
    "AT-29": Row(
        "Asking the log what only the trusted root can say",
        "INCLUSION_INVALID SET_INVALID TLOG_MISMATCH",
    ),
    "AT-30": Row("Certificates out of their time or without a path", "CERT_TIME CHAIN_INVALID NO_TRUSTED_TIME"),
    "AT-31": Row("Wrong timestamps, or by the wrong authority", "TSA_INVALID MALFORMED NON_CANONICAL LIMIT_EXCEEDED"),
    "AT-32": Row("Certificates that no certificate log has seen", "SCT_INVALID"),
    "AT-33": Row(
        "A trusted root outside its windows, wrong, or of another Sigstore",
        "TRUST_ROOT CERT_TIME TSA_INVALID SCT_INVALID",
    ),
    "AT-34": Row("Fetching the trusted root: rollback, paths, caches", "TRUST_ROOT"),
    "AT-35": Row(
        "Patterns that fit too much, options that are ignored", "IDENTITY_MISMATCH ISSUER_MISMATCH POLICY_UNSUPPORTED"
    ),
    "AT-36": Row("Identities that only look alike", "IDENTITY_MISMATCH ISSUER_MISMATCH MALFORMED"),
    "AT-37": Row(
        "Keys of another kind, hash, strength or owner",
        "KEY_MISMATCH SIG_INVALID POLICY_UNSUPPORTED TLOG_MISMATCH",
        "files of keys have no windows to be out of",
    ),
    "AT-38": Row("One format hidden behind the other, parts taken out", "MEDIA_TYPE INCLUSION_INVALID NO_TRUSTED_TIME"),
    "AT-39": Row(
        "Half of what is wanted here, half there",
        "ANNOTATION_MISMATCH THRESHOLD",
        f"several types of attestations on one digest {ATTESTATIONS}",
    ),
    "AT-40": Row(
        "Services that answer a signer with something else",
        "the step's own code, and nothing is pushed",
    ),
    "AT-41": Row(
        "Text of others that becomes a template or a result key",
        "none: it stays text",
        "not tried yet through every path of Ansible",
    ),
    "AT-42": Row("Secrets in a task's results at any verbosity", "none: they are nowhere"),
    "AT-43": Row("Many at once, killed at any step, run again", "none: one signature, none lost"),
    "AT-44": Row("Names of files and programs that others choose", "MALFORMED AUTH_REFUSED"),
}

FAULTS: dict[str, Row] = {
    "F-01": Row("429, with and without a time to wait", "RATE_LIMITED, where that is longer than there is time"),
    "F-02": Row("Answers of 5xx and 408, once or for ever", "UNREACHABLE"),
    "F-03": Row("Connections that are cut before, in and after an answer", "UNREACHABLE"),
    "F-04": Row("Half an answer", "SIZE_MISMATCH UNREACHABLE"),
    "F-05": Row("A byte a second, silence, names that are never looked up", "UNREACHABLE in time"),
    "F-06": Row("Tokens that expire between two requests", "AUTH_REFUSED"),
    "F-07": Row("A service that did what was asked, and whose answer is lost", "none: it is there once"),
    "F-08": Row("Killed after the log, before the registry", "none: the next run signs; the entry stays"),
    "F-09": Row("Killed after a blob, before its manifest", "none: the next run goes on"),
    "F-10": Row("Killed after a bundle, before the fallback tag lists it", "none: the next run lists one"),
    "F-11": Row("Killed between the writes of a signature tag", "none: old or new, never mixed"),
    "F-12": Row("Many who sign one image at once", "CONFLICT, or all are there"),
    "F-13": Row("A registry that answers with what was there before", "CONFLICT after some seconds"),
    "F-14": Row("Caches that cannot be written, are full, damaged or shared", "none: it is asked anew"),
    "F-15": Row("Registries without the referrers API", "none: the fallback tag serves"),
    "F-16": Row("An image that is not everywhere yet", "NO_SIGNATURE", "`until` and `retries` of Ansible serve"),
    "F-17": Row("Quotas, tags that cannot be changed, manifests that are too large", "LIMIT_EXCEEDED CONFLICT"),
    "F-18": Row("Run again with nothing to do", "none: no write, no entry, no certificate"),
    "F-19": Row("Check mode", "none: it only reads"),
    "F-20": Row("SIGTERM at any step", "none: no secret stays on the disk"),
    "F-21": Row("A clock that is wrong", "CERT_TIME TRUST_ROOT AUTH_REFUSED"),
    "F-22": Row("Many forks and threads at one server", "none: one login, one certificate"),
}
ROWS = {**ATTACKS, **FAULTS}

MUST = [f"AT-{number}" for number in range(15, 38)]
"""Rows that are the verifier's: each has a test."""

MARK = re.compile(r"(AT-(?:0[1-9]|[1-3][0-9]|4[0-4])|F-(?:0[1-9]|1[0-9]|2[0-2]))(?:[a-z][0-9]?)?\Z")
ADVISORY = re.compile(r"(?:CVE-[0-9]{4}-[0-9]{4,}|GHSA(?:-[0-9a-z]{4}){3}|TOB-SIGSTORE-[0-9]+)\Z")
CODE = re.compile(r"\b([A-Z]+(?:_[A-Z]+)+|MALFORMED|UNREACHABLE|CONFLICT|THRESHOLD)\b")
_IN_NAME = re.compile(r"(?<![A-Za-z])(AT|at|F)_([0-9]{2})(?![0-9])")
_IN_ID = re.compile(r"\b(AT|F)-([0-9]{2})(?![0-9])")


@dataclass
class Coverage:
    """What covers one row: how many cases of the catalogue, test functions by file, advisories."""

    cases: int = 0
    tests: dict[str, list[str]] = field(default_factory=lambda: defaultdict(list))
    advisories: set[str] = field(default_factory=set)

    @property
    def count(self) -> int:
        return self.cases + sum(map(len, self.tests.values()))


class Mark(t.NamedTuple):
    """Arguments of one mark, and where it stands."""

    arguments: tuple[str, ...]
    file: str
    test: str


@functools.cache
def marks() -> list[Mark]:
    """Every mark in the tests, and, for tests without one, what their names, ids and docstrings say."""
    files = sorted(path for folder in FOLDERS for path in (ROOT / folder).rglob("test_*.py"))
    return [mark for path in files for mark in _marks_of(path)]


@functools.cache
def coverage() -> dict[str, Coverage]:
    found: dict[str, Coverage] = defaultdict(Coverage)
    for case in CASES:
        for number in _rows(case.rows):
            found[number].cases += 1
            found[number].advisories.update(filter(ADVISORY.match, case.rows))
    for mark in marks():
        for number in _rows(mark.arguments):
            row = found[number]
            row.advisories.update(filter(ADVISORY.match, mark.arguments))
            if mark.test not in row.tests[mark.file]:
                row.tests[mark.file].append(mark.test)
    return found


def _rows(arguments: t.Iterable[str]) -> set[str]:
    return {match[1] for one in arguments if (match := MARK.match(one))}


def _marks_of(path: Path) -> t.Iterator[Mark]:
    tree = ast.parse(path.read_text())
    file = path.relative_to(ROOT).as_posix()
    values = {
        target.id: node.value
        for node in tree.body
        if isinstance(node, ast.Assign)
        for target in node.targets
        if isinstance(target, ast.Name)
    }
    for test, outer in _tests(tree.body, []):
        decorators = [*outer, *test.decorator_list]
        # A table of parameters may stand above its test.
        named = [values[one.id] for each in decorators for one in ast.walk(each) if _is_known(one, values)]
        explicit = [call for each in (*decorators, *named) for call in ast.walk(each) if _is_mark(call)]
        for call in explicit:
            yield Mark(tuple(_texts(call)), file, test.name)
        if not explicit:
            yield Mark(tuple(_implied(test, [*decorators, *named])), file, test.name)


def _tests(body: list[ast.stmt], outer: list[ast.expr]) -> t.Iterator[tuple[ast.FunctionDef, list[ast.expr]]]:
    for node in body:
        if isinstance(node, ast.ClassDef):
            yield from _tests(node.body, [*outer, *node.decorator_list])
        elif isinstance(node, ast.FunctionDef) and node.name.startswith("test_"):
            yield node, outer


def _is_known(node: ast.AST, values: dict[str, ast.expr]) -> t.TypeGuard[ast.Name]:
    return isinstance(node, ast.Name) and node.id in values


def _is_mark(node: ast.AST) -> t.TypeGuard[ast.Call]:
    return isinstance(node, ast.Call) and ast.unparse(node.func) == "pytest.mark.attack"


def _texts(node: ast.AST) -> list[str]:
    return [one.value for one in ast.walk(node) if isinstance(one, ast.Constant) and isinstance(one.value, str)]


def _implied(test: ast.FunctionDef, decorators: list[ast.expr]) -> list[str]:
    found = _IN_NAME.findall(test.name)
    texts = [text for one in decorators for text in _texts(one)]
    found += [match.groups() for text in texts if (match := _IN_ID.match(text))]
    found += _IN_ID.findall((ast.get_docstring(test) or "").partition(":")[0])
    return [f"{kind.upper()}-{number}" for kind, number in found]


# The page


def page() -> str:
    found = coverage()
    lines = [
        HEAD,
        "| row | what is tried | answers | cases | tests | advisories |",
        "| --- | --- | --- | --- | --- | --- |",
    ]
    for number, row in ROWS.items():
        has = found[number]
        tests = sum(map(len, has.tests.values()))
        answers = CODE.sub(r"`\1`", row.codes)
        cells = (number, row.title, answers, has.cases or "", tests or "", ", ".join(sorted(has.advisories)))
        lines.append(f"| {' | '.join(map(str, cells))} |")
    lines += ["", "## What is open", ""]
    lines += _open(found) or ["None."]
    lines += ["", "## Tests by row", ""]
    for number, row in ROWS.items():
        if found[number].count:
            lines += [f"### {number} {row.title}", "", *_listed(found[number]), ""]
    return "\n".join(lines).rstrip() + "\n"


def _open(found: t.Mapping[str, Coverage]) -> list[str]:
    return [
        f"- {number} {row.title}: {row.open or 'no test says that it covers this row'}."
        for number, row in ROWS.items()
        if row.open or not found[number].count
    ]


def _listed(has: Coverage) -> list[str]:
    lines = [f"- {has.cases} cases: `{CATALOGUE}::test_each_case_gets_its_answer`"] if has.cases else []
    for file, tests in sorted(has.tests.items()):
        lines.append(f"- `{file}`: {', '.join(f'`{one}`' for one in tests)}")
    return lines


if __name__ == "__main__":
    print(page(), end="")
