# Copyright (c) 2026, the supplychain.cosign authors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""What the verifier says of what the virtual Sigstore made: from the bytes on the wire through the readers."""

from __future__ import annotations

import functools
import json

from ansible_collections.supplychain.cosign.plugins.module_utils._evidence.identity import identity_rule
from ansible_collections.supplychain.cosign.plugins.module_utils._evidence.model import Evidence, Location
from ansible_collections.supplychain.cosign.plugins.module_utils._evidence.policy import KeyRule, Policy, SignerRule
from ansible_collections.supplychain.cosign.plugins.module_utils._evidence.read import (
    from_bundle,
    from_file_bundle,
    from_legacy,
)
from ansible_collections.supplychain.cosign.plugins.module_utils._evidence.trust import TrustedRoot
from ansible_collections.supplychain.cosign.plugins.module_utils._evidence.trusted_root import parse_trusted_root
from ansible_collections.supplychain.cosign.plugins.module_utils._evidence.verdict import Verdict
from ansible_collections.supplychain.cosign.plugins.module_utils._evidence.verify import verify
from ansible_collections.supplychain.cosign.plugins.module_utils._formats.legacy import (
    SIMPLE_SIGNING,
    parse_signatures,
    sig_tag,
)
from ansible_collections.supplychain.cosign.plugins.module_utils._formats.oci import (
    OCI_CONFIG,
    OCI_MANIFEST,
    digest_of,
    parse_manifest,
)
from ansible_collections.supplychain.cosign.plugins.module_utils._formats.public_key import parse_public_key
from tests.support.sigstore.case import Case, key_pem
from tests.support.sigstore.rekor import Json
from tests.support.sigstore.virtual import Made, VirtualSigstore


def evidence_of(made: Made, digest: str, artifact: bytes | None = None) -> list[Evidence]:
    """What a look-up of the image (or, with `artifact`, a file) finds: nothing where a layer holds no signature."""
    location = Location(digest_of(made.data if made.is_bundle else made.payload))
    if artifact is not None:
        return [from_file_bundle(made.data, location, digest, artifact)]
    if made.is_bundle:
        return [from_bundle(made.data, location)]
    layer = {
        "mediaType": SIMPLE_SIGNING,
        "size": len(made.payload),
        "digest": digest_of(made.payload),
        "annotations": made.annotations,
    }
    config = {"mediaType": OCI_CONFIG, "size": 2, "digest": digest_of(b"{}")}
    document = {"schemaVersion": 2, "mediaType": OCI_MANIFEST, "config": config, "layers": [layer]}
    manifest = parse_manifest(json.dumps(document).encode(), OCI_MANIFEST)
    location = Location(manifest.digest, sig_tag(digest), 0)
    return [from_legacy(one, made.payload, location) for one in parse_signatures(manifest)]


def policy_of(case: Case) -> Policy:
    rules: list[SignerRule] = []
    if case.keys:
        rules.append(KeyRule(tuple(parse_public_key(key_pem(kind), "key") for kind in case.keys)))
    if case.identity:
        rules.append(identity_rule(case.identity, own_ca=bool(case.policy.get("ignore_sct"))))
    # A file's signature has no predicate type.
    kinds = {} if case.artifact is None else {"predicate_types": None}
    return Policy(tuple(rules), **{**kinds, **case.policy})


@functools.lru_cache(maxsize=8)
def trust_of(virtual: VirtualSigstore) -> TrustedRoot:
    return read_root(virtual.trusted_root())


def read_root(found: Json) -> TrustedRoot:
    return parse_trusted_root(json.dumps(found).encode(), "trusted root")


def judge(case: Case, virtual: VirtualSigstore, made: Made | None = None) -> Verdict:
    """The verdict on a case (on `made` in its place); a trusted root that is refused raises."""
    evidence = evidence_of(made or case.make(virtual), case.digest, case.artifact)
    trust = read_root(case.root(virtual)) if case.root else trust_of(virtual)
    return verify(case.digest, evidence, policy_of(case), trust, case.now, case.reference)
