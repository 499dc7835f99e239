# Copyright (c) 2026, the supplychain.cosign authors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""Our verifier and sigstore-python on the same bundle, each from its bytes to the verdict.

``python tests/bench/judges.py ours|theirs FOLDER`` is a process that verifies a stored case once: it imports only the
one of them, and prints what that took.
"""

from __future__ import annotations

import hashlib
import importlib.resources
import json
import os
import sys
import time
import typing as t
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path

ROOT = Path(__file__).resolve().parents[2]
UTILS = "ansible_collections.supplychain.cosign.plugins.module_utils"

Judge = t.Callable[[], object]
"""Verifies; raises where the bundle is refused."""


@dataclass(frozen=True)
class Case:
    """A bundle that is right, about a file (`artifact`) or, where there is none, about the image with `digest`."""

    name: str
    bundle: bytes
    root: bytes
    artifact: bytes
    digest: str
    identity: str
    issuer: str

    def store(self, folder: Path) -> None:
        for name in ("bundle", "root", "artifact"):
            (folder / name).write_bytes(getattr(self, name))
        (folder / "words").write_text(json.dumps([self.name, self.digest, self.identity, self.issuer]))

    @staticmethod
    def load(folder: Path) -> Case:
        name, digest, identity, issuer = json.loads((folder / "words").read_text())
        bundle, root, artifact = ((folder / one).read_bytes() for one in ("bundle", "root", "artifact"))
        return Case(name, bundle, root, artifact, digest, identity, issuer)


def cases() -> list[Case]:
    """Real ones where the vectors of sigstore-conformance are at hand, and those of the virtual Sigstore."""
    return [*_real(), *_virtual()]


def _real() -> t.Iterator[Case]:
    beacon = "https://github.com/sigstore-conformance/extremely-dangerous-public-oidc-beacon"
    identity = f"{beacon}/.github/workflows/extremely-dangerous-oidc-beacon.yml@refs/heads/main"
    vectors = Path(os.environ.get("COSIGN_VECTORS", "none"), "sigstore-conformance")
    store = importlib.resources.files("sigstore").joinpath("_store", "https%3A%2F%2Ftuf-repo-cdn.sigstore.dev")
    for folder, log in (("happy-path-v0.3", "v1"), ("rekor2-happy-path", "v2 + TSA")):
        place = vectors / folder
        if not place.is_dir():
            print(f"{folder} is left out: set COSIGN_VECTORS to the folder that has the vectors")
            continue
        own = place / "trusted_root.json"
        root = own.read_bytes() if own.exists() else store.joinpath("trusted_root.json").read_bytes()
        artifact = (vectors / "a.txt").read_bytes()
        digest = f"sha256:{hashlib.sha256(artifact).hexdigest()}"
        bundle = (place / "bundle.sigstore.json").read_bytes()
        yield Case(
            f"real {log}", bundle, root, artifact, digest, identity, "https://token.actions.githubusercontent.com"
        )


def _virtual() -> t.Iterator[Case]:
    from tests.support.sigstore import virtual

    sigstore = virtual.VirtualSigstore()
    digest = f"sha256:{hashlib.sha256(b'image').hexdigest()}"
    root = json.dumps(sigstore.trusted_root()).encode()
    for log, name in (("v1", "v1"), ("v2", "v2 + TSA")):
        bundle = sigstore.sign(digest, log=log).data
        yield Case(f"virtual {name}", bundle, root, b"", digest, virtual.IDENTITY, virtual.ISSUER)


def ours(case: Case) -> Judge:
    from ansible_collections.supplychain.cosign.plugins.module_utils._evidence.identity import IdentityRule
    from ansible_collections.supplychain.cosign.plugins.module_utils._evidence.model import Location
    from ansible_collections.supplychain.cosign.plugins.module_utils._evidence.policy import Policy
    from ansible_collections.supplychain.cosign.plugins.module_utils._evidence.read import (
        from_bundle,
        from_file_bundle,
    )
    from ansible_collections.supplychain.cosign.plugins.module_utils._evidence.trusted_root import parse_trusted_root
    from ansible_collections.supplychain.cosign.plugins.module_utils._evidence.verify import verify

    policy = Policy((IdentityRule(identity=case.identity, issuer=case.issuer),), predicate_types=None)
    root, now = parse_trusted_root(case.root, "trusted root"), datetime.now(UTC)

    def judge() -> None:
        if case.artifact:
            one = from_file_bundle(case.bundle, Location("file"), case.digest, case.artifact)
        else:
            one = from_bundle(case.bundle, Location("image"))
        refusal = verify(case.digest, [one], policy, root, now).refusal
        if refusal:
            raise refusal

    return judge


def theirs(case: Case) -> Judge:
    from sigstore.models import Bundle, TrustedRoot
    from sigstore.verify import Verifier
    from sigstore.verify.policy import Identity
    from sigstore_models.trustroot import v1

    verifier = Verifier(trusted_root=TrustedRoot(v1.TrustedRoot.from_json(case.root)))
    demanded = Identity(identity=case.identity, issuer=case.issuer)

    def judge() -> None:
        bundle = Bundle.from_json(case.bundle)
        if case.artifact:
            verifier.verify_artifact(case.artifact, bundle, demanded)
        else:
            verifier.verify_dsse(bundle, demanded)

    return judge


def main() -> None:
    """Times of the processor and the peak of memory: [ms to import and verify, MiB]."""
    sys.path[:0] = [str(ROOT.parents[2]), str(ROOT)]
    which, folder = sys.argv[1:]
    case = Case.load(Path(folder))
    started = time.process_time()
    {"ours": ours, "theirs": theirs}[which](case)()
    took = (time.process_time() - started) * 1000
    print(json.dumps([took, peak()]))


def peak() -> float:
    """MiB that this process has had at most; what the system counts for one that ended includes its parent's."""
    words = Path("/proc/self/status").read_text().partition("VmHWM:")[2].split()
    return int(words[0]) / 1024


if __name__ == "__main__":
    main()
