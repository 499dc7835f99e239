# Copyright (c) 2026, the supplychain.cosign authors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

from __future__ import annotations

import os
import stat
import typing as t
from pathlib import Path

import pytest

from ansible_collections.supplychain.cosign.plugins.module_utils._ansible.cosign_key_pair import TASK as KEY_PAIR
from ansible_collections.supplychain.cosign.plugins.module_utils._formats.public_key import parse_public_key
from ansible_collections.supplychain.cosign.plugins.module_utils._keys.keyfile import KINDS, decrypt_key, generate_key
from tests.support.tasks import Runner


@pytest.fixture
def run(tmp_path: Path) -> Runner:
    return Runner(tmp_path, {"COSIGN_PASSWORD": "secret"})


def test_made_once(run: Runner, tmp_path: Path) -> None:
    predicted = run(KEY_PAIR, check=True, path="cosign.key")
    assert predicted["changed"] and list(tmp_path.iterdir()) == []
    first = run(KEY_PAIR, path="cosign.key")
    assert first["changed"] and first["public_key_path"] == str(tmp_path / "cosign.pub")
    assert stat.S_IMODE(os.stat(tmp_path / "cosign.key").st_mode) == 0o600
    assert stat.S_IMODE(os.stat(tmp_path / "cosign.pub").st_mode) == 0o644
    before = (tmp_path / "cosign.key").read_bytes()
    again = run(KEY_PAIR, path="cosign.key")
    assert not again["changed"] and again["key_id"] == first["key_id"]
    assert (tmp_path / "cosign.key").read_bytes() == before
    assert parse_public_key((tmp_path / "cosign.pub").read_bytes(), "key").key_id == first["key_id"]


def test_a_lost_public_key_comes_back(run: Runner, tmp_path: Path) -> None:
    key_id = run(KEY_PAIR, path="cosign.key")["key_id"]
    (tmp_path / "cosign.pub").unlink()
    result = run(KEY_PAIR, path="cosign.key")
    assert result["changed"] and result["key_id"] == key_id and (tmp_path / "cosign.pub").exists()


@pytest.mark.parametrize("kind", KINDS)
def test_every_kind(run: Runner, tmp_path: Path, kind: str) -> None:
    assert run(KEY_PAIR, path="k.key", type=kind)["type"] == kind
    decrypt_key((tmp_path / "k.key").read_bytes(), b"secret")


def test_a_key_that_is_there_is_never_lost(run: Runner, tmp_path: Path) -> None:
    run(KEY_PAIR, path="cosign.key")
    before = (tmp_path / "cosign.key").read_bytes()
    wrong = run(KEY_PAIR, path="cosign.key", key_password="wrong")
    assert wrong["rejection"]["code"] == "KEY_MISMATCH" and "wrong" not in wrong["msg"]
    assert (tmp_path / "cosign.key").read_bytes() == before
    assert run(KEY_PAIR, path="cosign.key", force=True)["changed"]
    assert (tmp_path / "cosign.key").read_bytes() != before


def test_import(run: Runner, tmp_path: Path) -> None:
    from cryptography.hazmat.primitives import serialization

    private = generate_key("rsa-2048")
    (tmp_path / "plain.pem").write_bytes(
        private.private_bytes(
            serialization.Encoding.PEM,
            serialization.PrivateFormat.PKCS8,
            serialization.BestAvailableEncryption(b"import-secret"),
        )
    )
    options: dict[str, t.Any] = {"path": "cosign.key", "import_path": "plain.pem", "import_password": "import-secret"}
    first = run(KEY_PAIR, **options)
    assert first["changed"] and first["type"] == "rsa-2048"
    assert not run(KEY_PAIR, **options)["changed"]
    run(KEY_PAIR, path="other.key")
    refused = run(KEY_PAIR, **{**options, "path": "other.key"})
    assert refused["rejection"]["code"] == "KEY_MISMATCH" and "force" in refused["msg"]


def test_an_empty_password_is_refused_unless_it_is_meant(run: Runner) -> None:
    run.environ["COSIGN_PASSWORD"] = ""
    assert run(KEY_PAIR, path="cosign.key")["rejection"]["code"] == "POLICY_UNSUPPORTED"
    assert run(KEY_PAIR, path="cosign.key", allow_empty_password=True)["changed"]
    assert not run(KEY_PAIR, path="cosign.key")["changed"]
    del run.environ["COSIGN_PASSWORD"]
    assert run(KEY_PAIR, path="new.key")["rejection"]["code"] == "AUTH_REFUSED"


def test_one_file_cannot_be_both(run: Runner, tmp_path: Path) -> None:
    run(KEY_PAIR, path="k.key")
    before = (tmp_path / "k.key").read_bytes()
    (tmp_path / "same").symlink_to(tmp_path / "k.key")
    for public in ("k.key", "same", "./k.key"):
        result = run(KEY_PAIR, path="k.key", public_key_path=public)
        assert result["rejection"]["code"] == "POLICY_UNSUPPORTED", result
    assert (tmp_path / "k.key").read_bytes() == before


def test_another_kind_than_the_one_that_is_there(run: Runner) -> None:
    run(KEY_PAIR, path="k.key", type="ed25519")
    assert not run(KEY_PAIR, path="k.key")["changed"]
    assert run(KEY_PAIR, path="k.key", type="rsa-2048")["rejection"]["code"] == "KEY_MISMATCH"


def test_nothing_is_written_where_only_one_of_two_could_be(run: Runner, tmp_path: Path) -> None:
    assert run(KEY_PAIR, path="k.key", public_key_path="none/k.pub")["rejection"]["code"] == "UNREACHABLE"
    (tmp_path / "folder").mkdir()
    for check in (True, False):
        assert run(KEY_PAIR, check=check, path="k.key", public_key_path="folder")["failed"]
    assert not (tmp_path / "k.key").exists()


def test_places_that_are_none(run: Runner, tmp_path: Path) -> None:
    assert run(KEY_PAIR, path="none/cosign.key")["failed"]
    assert run(KEY_PAIR, path="cosign.pub")["rejection"]["code"] == "POLICY_UNSUPPORTED"
    (tmp_path / "folder.key").mkdir()
    assert run(KEY_PAIR, path="folder.key")["rejection"]["code"] == "MALFORMED"
    (tmp_path / "elsewhere").write_text("kept")
    (tmp_path / "link.pub").symlink_to(tmp_path / "elsewhere")
    assert run(KEY_PAIR, path="link.key")["changed"]
    assert (tmp_path / "elsewhere").read_text() == "kept", "AT-44: a symlink is replaced, not followed"
