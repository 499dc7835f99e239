# Copyright (c) 2026, the supplychain.cosign authors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""Who accepts whose signatures: signer × verifier × format × registry × kind of key × image or index.

Every cell is a test: what was signed is accepted with its annotations, and refused with another annotation and with
another key. A hole is a test too: that the other side does not take it, for the reason that stands below the table.
"""

from __future__ import annotations

import typing as t
from pathlib import Path

import pytest
from cryptography.hazmat.primitives import serialization

from tests.interop import ours
from tests.interop.clients import PASSWORD, Cosign, checked, containers_policy, push_layout, run
from tests.interop.matrix import Cell, Table, cells, hole_of, is_played
from tests.interop.servers import Registry
from tests.support import images, keys

ANNOTATIONS = {"sha": "0a1b", "run_id": "<1> & 2", "Ünïcode": "ja"}
WRONG = {**ANNOTATIONS, "sha": "ffff"}
SHAPES = {"image": images.image("matrix"), "index": images.multi_arch("matrix")}


class KeyFiles(t.NamedTuple):
    key: Path
    public: Path


class Subject(t.NamedTuple):
    """An image or index that was pushed and signed: its reference by digest, and those of its children."""

    pinned: str
    children: tuple[str, ...]
    public: Path
    result: ours.Result | None = None


class Bench:
    """The programs, and everything that was made once and is used by several cells."""

    def __init__(self, request: pytest.FixtureRequest, folder: Path):
        self._request = request
        self._folder = folder
        self._made: dict[t.Any, t.Any] = {}

    def once(self, key: t.Hashable, make: t.Callable[[], t.Any]) -> t.Any:
        if key not in self._made:
            self._made[key] = make()
        return self._made[key]

    def program(self, name: str) -> Path:
        return t.cast(Path, self._request.getfixturevalue(name))

    def registry(self, name: str) -> Registry:
        return t.cast(Registry, self._request.getfixturevalue(name))

    def folder(self, *names: str) -> Path:
        path = self._folder.joinpath(*names)
        path.mkdir(parents=True, exist_ok=True)
        return path

    def cosign(self, name: str, registry: Registry) -> Cosign:
        return Cosign(self.program(name), int(name[-1]), registry, self.folder(name))

    def key(self, kind: str, maker: str, owner: str) -> KeyFiles:
        """A key pair of that kind: we work with those that cosign made, and cosign with ours."""
        return t.cast(KeyFiles, self.once(("key", kind, maker, owner), lambda: self._make_key(kind, maker, owner)))

    def _make_key(self, kind: str, maker: str, owner: str) -> KeyFiles:
        folder = self.folder("keys", f"{kind}-{maker}-{owner}")
        if maker == "ours":
            made = ours.engine(
                "cosign_key_pair", {"path": str(folder / "k.key"), "type": kind, "key_password": PASSWORD}
            )
            assert not made.get("failed"), made
            return KeyFiles(folder / "k.key", folder / "k.pub")
        private = keys.private_key(kind, owner)
        (folder / "plain.pem").write_bytes(
            private.private_bytes(
                serialization.Encoding.PEM, serialization.PrivateFormat.PKCS8, serialization.NoEncryption()
            )
        )
        cosign = Cosign(self.program("cosign3"), 3, Registry("none", False), folder)
        return KeyFiles(*cosign.import_key_pair(folder / "plain.pem"))

    def push(self, registry: str, shape: str, repository: str) -> tuple[str, tuple[str, ...]]:
        """Push, with a client that is not ours, into a repository of its own."""
        made = SHAPES[shape]
        layout = self.folder("layouts", shape)
        self.once(("layout", shape), lambda: made.write_layout(layout, "1"))
        server = self.registry(registry)
        name = f"{server.address}/{repository}"
        push_layout(self.program("oras"), server, Path(f"{layout}:1"), f"{name}:1", self.folder("oras"))
        children = tuple(f"{name}@{digest}" for digest in made.manifests if digest != made.digest)
        return f"{name}@{made.digest}", children

    def subject(self, cell: Cell) -> Subject:
        """What this cell's signer signed; cells that differ in the verifier alone share it."""
        return t.cast(Subject, self.once(cell._replace(verifier=""), lambda: self._sign(cell)))

    def _sign(self, cell: Cell) -> Subject:
        repository = f"matrix/{cell.signer}-{cell.how}-{cell.key}-{cell.shape}"
        pinned, children = self.push(cell.registry, cell.shape, repository)
        server = self.registry(cell.registry)
        if cell.signer == "ours":
            key = self.key(cell.key, "cosign", "ours")
            options, environ = ours.access(server, self.folder("ours"))
            result = self.ours(cell)(
                "cosign_sign",
                {
                    "image": pinned,
                    "key": str(key.key),
                    "signature_format": cell.how,
                    "annotations": ANNOTATIONS,
                    "recursive": True,
                    "tlog_upload": False,
                    **options,
                },
                {"COSIGN_PASSWORD": PASSWORD, **environ},
            )
            assert result["changed"] is True, result
            return Subject(pinned, children, key.public, result)
        key = self.key(cell.key, "ours", "ours")
        self.cosign(cell.signer, server).sign(pinned, key.key, cell.how, ANNOTATIONS, "--recursive")
        return Subject(pinned, children, key.public)

    def ours(self, cell: Cell) -> ours.Run:
        return ours.playbook if is_played(cell) else ours.engine

    def wrong_key(self, cell: Cell) -> Path:
        return self.key(cell.key, "cosign" if cell.signer == "ours" else "ours", "another").public


@pytest.fixture(scope="module")
def bench(request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory) -> Bench:
    return Bench(request, tmp_path_factory.mktemp("matrix"))


@pytest.fixture(scope="module")
def table(request: pytest.FixtureRequest) -> Table:
    made = Table()
    request.config.pluginmanager.register(made)
    return made


@pytest.mark.parametrize("cell", cells(), ids=str)
def test_cell(cell: Cell, bench: Bench, table: Table) -> None:
    hole = hole_of(cell)
    table.start(cell)
    if hole is not None and not hole.can_be_tried:
        table.add(cell, hole)
        return
    subject = bench.subject(cell)
    verify: t.Callable[[Cell, Bench, Subject], None] = _VERIFIERS[cell.verifier]
    if hole is None:
        verify(cell, bench, subject)
    else:
        with pytest.raises(AssertionError, match=hole.says):
            verify(cell, bench, subject)
        if cell.signer == "cosign3":
            verdict = bench.cosign("cosign3", bench.registry(cell.registry)).verify(
                subject.pinned, subject.public, cell.how, ANNOTATIONS
            )
            assert verdict.returncode != 0
    table.add(cell, hole)


def _by_ours(cell: Cell, bench: Bench, subject: Subject) -> None:
    options, environ = ours.access(bench.registry(cell.registry), bench.folder("ours"))
    common = {"image": subject.pinned, "insecure_ignore_tlog": True, "recursive": True, **options}

    def verify(key: Path, annotations: dict[str, str]) -> ours.Result:
        return bench.ours(cell)("cosign_verify", {**common, "key": str(key), "annotations": annotations}, environ)

    result = verify(subject.public, ANNOTATIONS)
    assert result.get("verified") is True, result.get("msg")
    assert result["pinned"] == subject.pinned
    assert {one["format"] for one in result["signatures"]} == {cell.how}
    assert result["signatures"][0]["annotations"] == ANNOTATIONS
    assert verify(subject.public, WRONG)["rejection"]["code"] == "ANNOTATION_MISMATCH"
    assert verify(bench.wrong_key(cell), ANNOTATIONS)["rejection"]["code"] in ("KEY_MISMATCH", "SIG_INVALID")


def _by_cosign(cell: Cell, bench: Bench, subject: Subject) -> None:
    cosign = bench.cosign(cell.verifier, bench.registry(cell.registry))
    said = checked(cosign.verify(subject.pinned, subject.public, cell.how, ANNOTATIONS, *subject.children))
    for one in (subject.pinned, *subject.children):
        assert one.split("@")[1] in said
    assert cosign.verify(subject.pinned, subject.public, cell.how, WRONG).returncode != 0
    assert cosign.verify(subject.pinned, bench.wrong_key(cell), cell.how, ANNOTATIONS).returncode != 0


def _by_policy(cell: Cell, bench: Bench, subject: Subject) -> None:
    registry = bench.registry(cell.registry)

    def allows(image: str, key: Path) -> int:
        folder = bench.folder("policy")
        files = containers_policy(folder, key, registry.address)
        done = run(bench.program("policy_evaluator"), *files, image, folder=folder, registry=registry)
        assert done.returncode in (0, 1), done.stderr
        assert image != subject.pinned or key != subject.public or done.returncode == 0, done.stderr
        return done.returncode

    for one in (subject.pinned, *subject.children):
        assert allows(one, subject.public) == 0
    assert allows(subject.pinned, bench.wrong_key(cell)) == 1


_VERIFIERS: dict[str, t.Callable[[Cell, Bench, Subject], None]] = {
    "ours": _by_ours,
    "cosign2": _by_cosign,
    "cosign3": _by_cosign,
    "policy": _by_policy,
}
