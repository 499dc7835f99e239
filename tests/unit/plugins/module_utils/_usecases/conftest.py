# Copyright (c) 2026, the supplychain.cosign authors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

from __future__ import annotations

import typing as t
from pathlib import Path

import pytest

from ansible_collections.supplychain.cosign.plugins.module_utils._ansible.cosign_copy import TASK as COPY
from ansible_collections.supplychain.cosign.plugins.module_utils._formats.public_key import wrap_public_key
from ansible_collections.supplychain.cosign.plugins.module_utils._keys.keyfile import encrypt_key, generate_key
from tests.support.images import Image, multi_arch
from tests.support.registry import EmbeddedRegistry
from tests.support.tasks import Runner

PASSWORD = "correct horse"


@pytest.fixture(params=[True, False], ids=["referrers-api", "fallback-tag"])
def registry(request: pytest.FixtureRequest) -> t.Iterator[EmbeddedRegistry]:
    with EmbeddedRegistry(referrers=request.param) as registry:
        yield registry


@pytest.fixture
def run(tmp_path: Path) -> Runner:
    """Tasks in a folder that has two key pairs, `ours` and `other`."""
    for name in ("ours", "other"):
        private = generate_key("ecdsa-p256")
        # scrypt at its lowest cost that cosign takes: these keys protect nothing
        (tmp_path / f"{name}.key").write_bytes(encrypt_key(private, PASSWORD.encode(), n=32768))

        (tmp_path / f"{name}.pub").write_bytes(wrap_public_key(private.public_key(), "key").pem)
    return Runner(
        tmp_path,
        {"COSIGN_PASSWORD": PASSWORD},
        allow_http_registry=True,
        tlog_upload=False,
        insecure_ignore_tlog=True,
    )


@pytest.fixture
def pushed(registry: EmbeddedRegistry, run: Runner) -> str:
    """An index of two images in the registry, by digest; nothing is attached to it."""
    image: Image = multi_arch()
    image.write_layout(run.folder / "image")
    result = run(COPY, source="oci:image", destination=f"{registry.host}/acme/app:1.4")
    assert result["changed"], result
    return str(result["pinned"])
