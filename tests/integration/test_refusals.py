# Copyright (c) 2026, the supplychain.cosign authors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""docs/refusals.md shows what is printed: every message in it is the one that a play prints now.

`REFUSALS=$PWD/docs/refusals.md make test T="-k refusals"` writes the messages of that file anew.
"""

from __future__ import annotations

import json
import os
import re
import textwrap
import typing as t
from dataclasses import dataclass, field
from datetime import timedelta
from pathlib import Path

import pytest

from ansible_collections.supplychain.cosign.plugins.module_utils._formats.rejection import CODES
from tests.integration.conftest import Playbook
from tests.support import faults
from tests.support.images import multi_arch
from tests.support.keys import private_key
from tests.support.registry import EmbeddedRegistry
from tests.support.sigstore.attach import Attacher
from tests.support.sigstore.virtual import AT, IDENTITY, ISSUER, Made, VirtualSigstore, public_pem, statement

DOCUMENT = Path(__file__).resolve().parents[2] / "docs" / "refusals.md"
DIGEST = "sha256:2ba6d55d2a697c3b105ede1b16a6291ef2398db6eb5ff33d9a661e546ab0314b"
KEYS = ("7/TqIgxLf+7p4iHnnkpr3d/+EaFxUK5j5VZ5Vc7WaM8=", "sfLUd27yOtasAI22EDwdOJWx9mOVgPt9F6Wz2zKYEV8=")
NOT_USED_YET = {"FORMAT_DOWNGRADE"}
PROVENANCE = "https://slsa.dev/provenance/v1"
ALICE = {"certificate_identity": "alice@acme.example", "certificate_oidc_issuer": "https://accounts.google.com"}
ACTIONS = {"certificate_identity": IDENTITY, "certificate_oidc_issuer": ISSUER}
OURS = {"key": "ours.pub"}
PATTERN = {"certificate_identity_regexp": "https://github\\.com/chainguard-images/", "certificate_oidc_issuer": ISSUER}

Sign = t.Callable[..., Made]


def by_identity(sign: Sign) -> list[Made]:
    return [sign()]


def by_key(sign: Sign) -> list[Made]:
    return [sign(keyless=False, key=private_key(), log=None)]


def by_two(sign: Sign) -> list[Made]:
    return [sign(), sign(issue={"san": "alice@acme.example"}, annotations={"sha": "7f3c1d0"})]


def logged_too_late(sign: Sign) -> list[Made]:
    return [sign(entry={"at": AT + timedelta(hours=1)})]


def of_other_content(sign: Sign) -> list[Made]:
    return [sign("legacy", signed=b"something else")]


def nothing(_sign: Sign) -> list[Made]:
    return []


@dataclass
class Case:
    """A refusal of an image with these signatures, asked with these options."""

    code: str
    made: t.Callable[[Sign], list[Made]] = by_identity
    options: dict[str, t.Any] = field(default_factory=lambda: dict(ACTIONS))


CASES = [
    Case("NO_SIGNATURE", nothing),
    Case("PREDICATE_TYPE", lambda sign: [sign(payload=statement(multi_arch().digest, predicateType=PROVENANCE))]),
    Case("IDENTITY_MISMATCH", by_identity, ALICE | {"certificate_oidc_issuer": ISSUER}),
    Case("IDENTITY_MISMATCH", by_identity, PATTERN),
    Case("ISSUER_MISMATCH", by_identity, ACTIONS | {"certificate_oidc_issuer": "https://gitlab.com"}),
    Case("KEY_MISMATCH", by_key, OURS | {"insecure_ignore_tlog": True}),
    Case("KEY_MISMATCH", by_identity, OURS),
    Case("SIG_INVALID", of_other_content),
    Case("ANNOTATION_MISMATCH", by_identity, ACTIONS | {"annotations": {"sha": "7f3c1d0"}}),
    Case("TLOG_MISSING", by_key, {"key": "virtual.pub"}),
    Case("NO_TRUSTED_TIME", by_identity, ACTIONS | {"insecure_ignore_tlog": True}),
    Case("CERT_TIME", logged_too_late),
    Case("TRUST_ROOT", by_identity, ACTIONS | {"trusted_root": None}),
    Case("CHAIN_INVALID", by_identity, ACTIONS | {"trusted_root": "other_ca.json"}),
    Case("THRESHOLD", by_identity, {"signers": [ACTIONS, ALICE], "required_signatures": 2}),
    Case("NO_MATCHING_SIGNATURE", by_two, ALICE | {"certificate_oidc_issuer": ISSUER, "annotations": {"sha": "b5d0"}}),
    Case("POLICY_UNSUPPORTED", by_identity, {"certificate_identity": IDENTITY}),
    Case("POLICY_UNSUPPORTED", by_identity, {}),
    Case("AUTH_REFUSED"),
    Case("RATE_LIMITED"),
    Case("UNREACHABLE"),
]


def prepare(number: int, case: Case, registry: EmbeddedRegistry, sigstore: VirtualSigstore) -> dict[str, t.Any]:
    """The task of one case, whose image lies in a repository of its own."""
    repository = f"case-{number}/acme/app"
    image = multi_arch()
    image.push_to(registry, repository, "1.4")

    def sign(*arguments: t.Any, **options: t.Any) -> Made:
        return sigstore.sign(image.digest, *arguments, **options)

    for made in case.made(sign):
        kinds = {} if case.code != "PREDICATE_TYPE" else {"predicate_type": PROVENANCE}
        Attacher(registry.host, repository).attach(image.digest, made, **kinds)
    answers = {"AUTH_REFUSED": faults.status(403), "RATE_LIMITED": faults.too_many_requests("3600")}
    answer = answers.get(case.code, faults.hang_up if case.code == "UNREACHABLE" else None)
    if answer:
        registry.fault(("GET", f"/v2/{repository}/manifests/1.4"), answer)
    options = {"image": f"{registry.host}/{repository}:1.4", "trusted_root": "root.json", "offline": True}
    given = {name: value for name, value in {**options, **case.options}.items() if value is not None}
    return {"name": f"case {number}", "supplychain.cosign.cosign_verify": given, "ignore_errors": True}


@pytest.fixture
def printed(playbook: Playbook, registry: EmbeddedRegistry, sigstore: VirtualSigstore) -> list[str]:
    """What is printed of each case, in the order of CASES."""
    folder = playbook.folder
    other = VirtualSigstore(host="other.test").trusted_root()
    authorities = {"certificateAuthorities": other["certificateAuthorities"]}
    (folder / "root.json").write_text(json.dumps(sigstore.trusted_root()))
    (folder / "other_ca.json").write_text(json.dumps(sigstore.trusted_root(**authorities)))
    (folder / "virtual.pub").write_bytes(public_pem(private_key()))
    tasks = [prepare(number, case, registry, sigstore) for number, case in enumerate(CASES)]
    run = playbook(tasks, callback="ansible.builtin.default")
    assert run.status == 0, run.output
    results = [
        json.loads(text) for text in re.findall(r"^fatal: \[localhost\]: FAILED! => (\{.*\})$", run.output, re.M)
    ]
    assert [one["rejection"]["code"] for one in results] == [case.code for case in CASES], run.output
    lines = [f"[ERROR]: Task failed: Action failed: {one['msg']}" for one in results]
    # ansible-core 2.18 prints no such line, only the result.
    assert "[ERROR]" not in run.output or all(line in run.output.splitlines() for line in lines), run.output
    return [normal(line) for line in lines]


def normal(text: str) -> str:
    """Without what differs from run to run and from machine to machine: ports, keys, and digests, which depend on how
    a Python compresses. The registry gets the name that a user's may have."""
    text = re.sub(r"http(://127\.0\.0\.1)", r"https\1", text)
    text = re.sub(r"127\.0\.0\.1:[0-9]+(/v2)?/case-[0-9]+/", r"ghcr.io\1/", text)
    text = re.sub(r"127\.0\.0\.1:[0-9]+", "ghcr.io", text)
    text = re.sub(r"sha256:[0-9a-f]{64}", DIGEST, text)
    text = re.sub(r"package sigstore [0-9][0-9.]*[0-9]", "package sigstore 4.5.1", text)
    for found, shown in zip(dict.fromkeys(re.findall(r"[A-Za-z0-9+/]{43}=", text)), KEYS, strict=False):
        text = text.replace(found, shown)
    return "\n".join(textwrap.wrap(text, 110, break_long_words=False, break_on_hyphens=False))


def blocks(document: str) -> list[tuple[str, str]]:
    """The code in the heading above each printed text, and that text."""
    found, code = [], ""
    for heading, text in re.findall(r"^### ([^\n]*)$|^```text\n(.*?)\n```$", document, re.M | re.S):
        code = heading.strip("`") or code
        if text:
            found.append((code, text))
    return found


def test_refusals_are_shown_as_they_are_printed(printed: list[str]) -> None:
    document = DOCUMENT.read_text()
    path = os.environ.get("REFUSALS")
    if path:
        texts = iter(printed)
        document = re.sub(
            r"^```text\n.*?\n```$", lambda _old: f"```text\n{next(texts)}\n```", document, flags=re.M | re.S
        )
        Path(path).write_text(document)
    assert blocks(document) == [(case.code, text) for case, text in zip(CASES, printed, strict=True)]


def test_every_code_is_in_the_document() -> None:
    named = re.findall(r"^### `([A-Z_]+)`$|^\| `([A-Z_]+)` \|", DOCUMENT.read_text(), re.M)
    assert sorted(one or other for one, other in named) == sorted(CODES - NOT_USED_YET)
