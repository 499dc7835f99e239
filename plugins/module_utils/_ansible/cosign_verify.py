# Copyright (c) 2026, the supplychain.cosign authors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

# This module util is **PRIVATE** to the collection. It can change at any time.
from __future__ import annotations

import hashlib
import json
import typing as t

from ansible_collections.supplychain.cosign.plugins.module_utils._ansible.options import (
    ATTACHMENTS,
    COMMON,
    IMAGE,
    LIMITS,
    REGISTRY,
    VERIFICATION,
    access_of,
    check_one_registry,
    images_of,
    on_disk,
    size_of,
    texts_of,
    workers_of,
)
from ansible_collections.supplychain.cosign.plugins.module_utils._ansible.results import (
    Result,
    collect,
    image_facts,
    refused,
    signature,
    signer,
)
from ansible_collections.supplychain.cosign.plugins.module_utils._ansible.signers import check_policy, policy_of
from ansible_collections.supplychain.cosign.plugins.module_utils._ansible.spec import ArgumentSpec
from ansible_collections.supplychain.cosign.plugins.module_utils._ansible.task import Context, Task
from ansible_collections.supplychain.cosign.plugins.module_utils._ansible.trust import TRUST, trust_of
from ansible_collections.supplychain.cosign.plugins.module_utils._evidence.policy import Policy
from ansible_collections.supplychain.cosign.plugins.module_utils._formats.rejection import Rejection
from ansible_collections.supplychain.cosign.plugins.module_utils._registry.reference import parse_reference
from ansible_collections.supplychain.cosign.plugins.module_utils._usecases.parallel import in_parallel
from ansible_collections.supplychain.cosign.plugins.module_utils._usecases.session import (
    Image,
    Session,
    parse_image,
)
from ansible_collections.supplychain.cosign.plugins.module_utils._usecases.verify import (
    VerifyRequest,
    resolve,
    verify_image,
)

SPEC = COMMON.merged(
    IMAGE,
    REGISTRY,
    LIMITS,
    ATTACHMENTS,
    VERIFICATION,
    TRUST,
    ArgumentSpec(
        {
            "annotations": {"type": "dict", "default": {}},
            "recursive": {"type": "bool", "default": False},
            "signatures": {"type": "str", "choices": ["enough", "all"], "default": "enough"},
        }
    ),
)


# What no verdict depends on, and what stands in it by its content.
_NOT_ASKED = ("image", "images", "details", "run_on", "trusted_root", "annotations")


def check(params: t.Mapping[str, t.Any], complete: bool) -> None:
    """Everything that can be refused without a file or a connection."""
    for text in texts_of(params):
        parse_image(text)
    size_of(params["max_attachment_size"])
    workers_of(params)
    check_policy(params, complete)


def run(context: Context) -> Result:
    params = context.params
    access = access_of(context)
    images = images_of(context)
    check_one_registry(images, access)
    trust = trust_of(context)
    policy = policy_of(context, access)
    request = VerifyRequest(
        policy,
        trust.root,
        params["recursive"],
        params["signatures"] == "all",
        size_of(params["max_attachment_size"]),
    )
    question = {name: value for name, value in params.items() if name not in _NOT_ASKED}
    question.update(policy=_fingerprint(policy), trust=trust.fingerprint)
    with Session(access) as session:

        def work(image: Image) -> Result:
            return _verify(context, session, image, request, question)

        outcomes = in_parallel(work, images, workers_of(params), context.progress)
    return collect(
        [refused(image, None, one) if isinstance(one, Rejection) else one for image, one in zip(images, outcomes)],
        params["details"],
    )


def _fingerprint(policy: Policy) -> dict[str, t.Any]:
    """What the files and references of a policy held, for a cached verdict to depend on it and not on their names."""
    return {
        "keys": sorted(key.key_id for key in policy.keys),
        "certificate": hashlib.sha256(policy.certificate.der).hexdigest() if policy.certificate else None,
        "sct": repr(policy.detached_sct),
        "annotations": dict(policy.annotations),
    }


def _verify(
    context: Context, session: Session, image: Image, request: VerifyRequest, question: t.Mapping[str, t.Any]
) -> Result:
    digest = resolve(session, image)

    def judge() -> Result:
        judged = verify_image(session, image, digest, request)
        facts = [signature(one) for one in judged.verdict.accepted]
        rejection = judged.refusal
        return {
            "verified": rejection is None,
            "signatures": facts,
            "signer": signer(facts),
            "checks": list(judged.verdict.checks),
            "notes": list(dict.fromkeys(note for one in judged.verdict.accepted for note in one.notes)),
            "rejected": [one.as_dict() for one in judged.verdict.rejected],
            "children": [child.digest for child in judged.children],
            **({"rejection": rejection.as_dict()} if rejection else {}),
        }

    asked = {
        **question,
        "image": image.docker_reference if request.policy.match_reference == "none" else image.text,
        "path": image.path,
        "credential": _credential_hash(session, image),
    }
    verdict = context.cache.verdict(digest, asked, judge)
    for note in verdict["notes"]:
        context.warn(f"{image.text}: {note}")
    return {**image_facts(image, digest), **verdict}


def _credential_hash(session: Session, image: Image) -> str:
    """A verdict serves only those who may look: whoever comes with another credential looks again."""
    parts: list[str | None] = []
    attachments = session.access.attachment_repository
    for reference in (image.reference, parse_reference(attachments) if attachments else None):
        found = session.credential(reference) if reference else None
        parts += [found.username, found.password, found.identity_token, found.registry_token] if found else [None]
    return hashlib.sha256(json.dumps(parts).encode()).hexdigest()


TASK = Task(SPEC, run, lambda params: on_disk(params, "image", "images"), check=check)
