# Copyright (c) 2026, the supplychain.cosign authors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Everything that signing needs, in one place that can be set back: a registry with an image, services, keys.

Somebody else's signature, in both formats, is on the image already.
"""

from __future__ import annotations

import copy
import json
import typing as t
from pathlib import Path
from unittest import mock

from ansible_collections.supplychain.cosign.plugins.module_utils._ansible.cosign_sign import TASK as SIGN
from ansible_collections.supplychain.cosign.plugins.module_utils._ansible.cosign_verify import TASK as VERIFY
from ansible_collections.supplychain.cosign.plugins.module_utils._keys import keyfile
from tests.support import keys, processes
from tests.support.images import multi_arch
from tests.support.registry import EmbeddedRegistry
from tests.support.sigstore.rekor import RekorV1, RekorV2
from tests.support.sigstore.server import ANYBODY, VirtualServices
from tests.support.store import Repository
from tests.support.tasks import Runner

Options = dict[str, t.Any]
NAME = "acme/app"


class SigningPlace:
    """A context manager. `image` is an index of two images, by digest; key files are `KIND.key` and `KIND.pub`."""

    def __init__(
        self, folder: Path, *, referrers: bool = True, etag: bool = False, kinds: t.Sequence[str] = ()
    ) -> None:
        self.folder = folder
        self._quick = mock.patch.object(keyfile, "_scrypt", processes.scrypt)
        self._quick.start()
        self.services = VirtualServices()
        self.registry = EmbeddedRegistry(referrers=referrers, etag=etag)
        self.image = f"{self.registry.host}/{NAME}@{multi_arch().push_to(self.registry, NAME, 'v1')}"
        for kind in dict.fromkeys(("ecdsa-p256", *kinds)):
            (folder / f"{kind}.key").write_bytes(keys.key_file(kind))
            (folder / f"{kind}.pub").write_bytes(keys.public_key(kind).pem)
        (folder / "stranger.key").write_bytes(keys.key_file(owner="stranger"))
        (folder / "trusted_root.json").write_text(json.dumps(self.services.trusted_root()))
        self.who = {"certificate_identity": ANYBODY, "certificate_oidc_issuer": self.services.urls.issuer}
        self.token = self.services.token()
        self._signed_by_a_stranger()
        self._start = copy.deepcopy(self.repository)
        self.start_visible, self.files = self.visible(), set(folder.iterdir())

    def __enter__(self) -> SigningPlace:
        return self

    def __exit__(self, *_exception: object) -> None:
        self._quick.stop()
        self.registry.close()
        self.services.close()

    @property
    def repository(self) -> Repository:
        return self.registry.repository(NAME)

    @property
    def digest(self) -> str:
        return self.image.partition("@")[2]

    def reset(self) -> None:
        """The image as it was in the beginning, empty logs, and everybody honest."""
        start = copy.copy(self._start)
        self.repository.blobs, self.repository.manifests = dict(start.blobs), dict(start.manifests)
        self.repository.tags = dict(start.tags)
        world, urls = self.services.world, self.services.urls
        world.rekor = RekorV1(seed="rekor 1 over HTTP", url=urls.rekor1)
        world.rekor2 = RekorV2(seed="rekor 2 over HTTP", url=urls.rekor2, origin="127.0.0.1")
        self.services.clear_faults()
        self.registry.clear_faults()
        self.forget()

    def forget(self) -> None:
        """Count requests anew."""
        self.services.reset_requests()
        self.registry.reset_requests()

    def runner(self, token: str | None = None, **defaults: t.Any) -> Runner:
        """Tasks that trust these services and know no other."""
        given = {"allow_http_registry": True, "trusted_root": "trusted_root.json", **defaults}
        environ = {"SIGSTORE_ID_TOKEN": token or self.token, "COSIGN_PASSWORD": keys.PASSWORD.decode()}
        return Runner(self.folder, environ, **given)

    def options(self, form: str = "bundle", version: int = 1, key: str | None = None, **more: t.Any) -> Options:
        """A task of cosign_sign: keyless where `key`, a kind, is not given."""
        by = {"key": f"{key}.key"} if key else self.who
        config = json.dumps(self.services.signing_config(version))
        return {"image": self.image, "signature_format": form, "signing_config": config, **by, **more}

    def verified(self, key: str | None = None, **more: t.Any) -> list[Options]:
        """The signatures of a signer, each in a log, that cosign_verify finds; none where it refuses the image."""
        by = {"key": f"{key}.pub"} if key else self.who
        result = self.runner()(VERIFY, **{"image": self.image, "signatures": "all", **by, **more})
        assert result.get("verified") or result["rejection"]["code"] in ("NO_SIGNATURE", "NO_MATCHING_SIGNATURE"), (
            result
        )
        return list(result.get("signatures", ()))

    def visible(self) -> set[str]:
        """What clients see beside the images: each referrer that is listed, and each layer of a `.sig` tag."""
        repository, api = self.repository, self.registry.settings.referrers
        found: set[str] = set()
        for digest in list(repository.manifests):
            tag = digest.replace(":", "-")
            if api:
                found.update(f"{digest} {one['digest']}" for one in repository.referrers(digest))
            elif tag in repository.tags:
                index = repository.manifests[repository.tags[tag]].content
                found.update(f"{digest} {one['digest']}" for one in index["manifests"])
            if f"{tag}.sig" in repository.tags:
                layers = repository.manifests[repository.tags[f"{tag}.sig"]].content["layers"]
                found.update(f"{digest} {json.dumps(layer)}" for layer in layers)
        return found

    def logged(self) -> int:
        """How many entries were made in the logs since `reset`."""
        world = self.services.world
        return sum(not leaf.startswith(b"entry of") for log in (world.rekor, world.rekor2) for leaf in log.tree.leaves)

    def _signed_by_a_stranger(self) -> None:
        options: Options = {"key": "stranger.key", "tlog_upload": False, "signature_format": "both", "recursive": True}
        result = self.runner()(SIGN, image=self.image, **options)
        assert result.get("changed"), result
