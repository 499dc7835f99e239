# Copyright (c) 2026, the supplychain.cosign authors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""What the virtual Sigstore makes when nothing is wrong is accepted by all that verify, on real registries: so what is
wrong with its other signatures is what the catalogue says, and nothing else."""

from __future__ import annotations

import fnmatch
import typing as t
from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace
from pathlib import Path

import pytest

from tests.interop.differences import COSIGN, PYTHON, WE_ACCEPT
from tests.interop.judges import Asked, Cosign2, Cosign3, Javascript, Judge, Ours, Python
from tests.interop.servers import Registry
from tests.support.sigstore.case import Case
from tests.support.sigstore.virtual import VirtualSigstore
from tests.support.sigstore.wrong import CASES

RIGHT = [case for case in CASES if case.name.startswith("right ") and case.artifact is None]
HOLES: t.Mapping[str, t.Sequence[str]] = {
    "ours": (),
    "cosign2": ("right legacy no log * sha384 *", "right legacy no log * sha512 *"),
    "cosign3": [name for one in WE_ACCEPT if COSIGN in one.peers for name in one.names],
    "python": [name for one in WE_ACCEPT if PYTHON in one.peers for name in one.names],
    # It wants a promise in version 0.1, a checkpoint in every version, and SHA-256 in an entry of Rekor v2.
    "javascript": ("right bundle 0.1 on v2", "right bundle 0.1 with *", "right bundle v2 * sha[35]*"),
}
FORMS = ("bundle v1", "bundle v2", "bundle no log", "legacy v1", "legacy no log")


@pytest.fixture(scope="module")
def virtual() -> VirtualSigstore:
    return VirtualSigstore()


@pytest.fixture(scope="module")
def asked(virtual: VirtualSigstore) -> t.Sequence[Asked]:
    return [Asked.of(case, virtual) for case in RIGHT]


@pytest.fixture(params=["registry_ggcr", "registry_docker"])
def registry(request: pytest.FixtureRequest) -> Registry:
    """With and without the referrers API."""
    return t.cast(Registry, request.getfixturevalue(request.param))


def refusals(who: str, judge: Judge, asked: t.Sequence[Asked]) -> dict[str, str]:
    """What is refused of what this one can be asked about and has no known hole for, which is something."""
    can = [one for one in asked if not (judge.hole(one) or is_hole(who, one.case) or one.by_the_clock)]
    assert len(can) > 5
    with ThreadPoolExecutor(2) as pool:
        said = zip(can, pool.map(judge.refusal, can), strict=True)
        return {one.case.name: text for one, text in said if text}


def is_hole(who: str, case: Case) -> bool:
    return any(fnmatch.fnmatchcase(case.name, one) for one in HOLES[who])


def test_every_form_is_there_keyless_and_keyed() -> None:
    for form in FORMS:
        for who in ("keyless", "keyed"):
            assert any(case.name.startswith(f"right {form} ") and f" {who}" in case.name for case in RIGHT)


def test_ours(asked: t.Sequence[Asked], registry: Registry, tmp_path: Path) -> None:
    assert refusals("ours", Ours(registry, tmp_path), asked) == {}


def test_cosign_2(
    cosign2: Path, virtual: VirtualSigstore, asked: t.Sequence[Asked], registry: Registry, tmp_path: Path
) -> None:
    assert refusals("cosign2", Cosign2(cosign2, registry, tmp_path, virtual), asked) == {}


def test_cosign_3(cosign3: Path, asked: t.Sequence[Asked], registry: Registry, tmp_path: Path) -> None:
    assert refusals("cosign3", Cosign3(cosign3, registry, tmp_path), asked) == {}


def test_sigstore_python(asked: t.Sequence[Asked], tmp_path: Path) -> None:
    assert refusals("python", Python(tmp_path), asked) == {}


def test_sigstore_javascript(javascript: Path, asked: t.Sequence[Asked], tmp_path: Path) -> None:
    assert refusals("javascript", Javascript(javascript, tmp_path), asked) == {}


def test_all_of_them_can_refuse(
    cosign2: Path,
    cosign3: Path,
    javascript: Path,
    virtual: VirtualSigstore,
    asked: t.Sequence[Asked],
    registry_ggcr: Registry,
    tmp_path: Path,
) -> None:
    """The same signatures, asked for by another identity."""
    another = {"certificate_identity": "https://another.example", "certificate_oidc_issuer": "https://another.example"}
    bundle, legacy = (
        next(one for one in asked if one.case.name == f"right {form} v1 p256 sha256 keyless")
        for form in ("bundle", "legacy")
    )
    judges: list[tuple[Judge, Asked]] = [
        (Cosign2(cosign2, registry_ggcr, _folder(tmp_path, "cosign2"), virtual), legacy),
        (Cosign3(cosign3, registry_ggcr, _folder(tmp_path, "cosign3")), bundle),
        (Cosign3(cosign3, registry_ggcr, _folder(tmp_path, "legacy")), legacy),
        (Ours(registry_ggcr, _folder(tmp_path, "ours")), bundle),
        (Python(_folder(tmp_path, "python")), bundle),
        (Javascript(javascript, _folder(tmp_path, "javascript")), bundle),
    ]
    for judge, one in judges:
        assert judge.refusal(one) == ""
        assert judge.refusal(replace(one, case=replace(one.case, identity=another)))


def _folder(path: Path, name: str) -> Path:
    (path / name).mkdir()
    return path / name
