# Copyright (c) 2026, the supplychain.cosign authors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

# This module util is **PRIVATE** to the collection. It can change at any time.
from __future__ import annotations

import contextlib
import typing as t

from ansible_collections.supplychain.cosign.plugins.module_utils._ansible.options import (
    ATTACHMENTS,
    COMMON,
    IMAGE,
    LIMITS,
    REGISTRY,
    access_of,
    annotations_of,
    check_one_registry,
    images_of,
    on_disk,
    size_of,
    workers_of,
)
from ansible_collections.supplychain.cosign.plugins.module_utils._ansible.results import (
    Result,
    attached,
    collect,
    image_facts,
    refused,
    signature,
    signer,
)
from ansible_collections.supplychain.cosign.plugins.module_utils._ansible.signing import (
    SIGNING,
    check_signing_options,
    formats_of,
    signing_of,
)
from ansible_collections.supplychain.cosign.plugins.module_utils._ansible.spec import ArgumentSpec
from ansible_collections.supplychain.cosign.plugins.module_utils._ansible.task import Context, Task
from ansible_collections.supplychain.cosign.plugins.module_utils._ansible.trust import TRUST, trust_of
from ansible_collections.supplychain.cosign.plugins.module_utils._evidence.model import BUNDLE
from ansible_collections.supplychain.cosign.plugins.module_utils._formats.rejection import Rejection
from ansible_collections.supplychain.cosign.plugins.module_utils._usecases.parallel import in_parallel
from ansible_collections.supplychain.cosign.plugins.module_utils._usecases.session import Image, Session
from ansible_collections.supplychain.cosign.plugins.module_utils._usecases.sign import Signed, SignRequest, sign_image

SPEC = COMMON.merged(
    IMAGE,
    REGISTRY,
    LIMITS,
    ATTACHMENTS,
    SIGNING,
    TRUST,
    ArgumentSpec(
        {
            "annotations": {"type": "dict"},
            "recursive": {"type": "bool", "default": False},
            "sign_container_identity": {"type": "list", "elements": "str", "default": []},
            "state": {"type": "str", "choices": ["present", "absent"], "default": "present"},
        }
    ),
)


def run(context: Context) -> Result:
    params = context.params
    present = params["state"] == "present"
    formats = formats_of(params)
    if params["sign_container_identity"] and not present:
        raise Rejection(
            "POLICY_UNSUPPORTED",
            "Removing does not choose by sign_container_identity; leave it out.",
        )
    if params["sign_container_identity"] and formats == (BUNDLE,):
        raise Rejection(
            "POLICY_UNSUPPORTED",
            "A bundle names no image, so sign_container_identity has no effect in it; set signature_format to legacy "
            "or both, or leave it out.",
        )
    access = access_of(context)
    images = images_of(context)
    check_one_registry(images, access)
    trust = trust_of(context)
    signing = signing_of(context, access, trust, formats)
    request = SignRequest(
        who=signing.who,
        services=signing.services,
        trust=trust,
        ignore_sct=params["insecure_ignore_sct"],
        formats=formats,
        annotations=None if params["annotations"] is None else annotations_of(params),
        identities=tuple(dict.fromkeys(params["sign_container_identity"])),
        recursive=params["recursive"],
        present=present,
        check_mode=context.check_mode,
        limit=size_of(params["max_attachment_size"]),
        lock=lambda place, digest: _changing(context, place, digest),
    )
    # One image twice in a task is signed once.
    distinct = list({image.text: image for image in images}.values())
    with signing.services, Session(access) as session:

        def work(image: Image) -> Result:
            return _sign(context, session, image, request)

        outcomes = dict(
            zip([one.text for one in distinct], in_parallel(work, distinct, workers_of(params), context.progress))
        )
    results = []
    diffs = []
    for image in images:
        outcome = outcomes[image.text]
        if isinstance(outcome, Rejection):
            results.append(refused(image, None, outcome))
        else:
            results.append({key: value for key, value in outcome.items() if key != "diff"})
            diffs.append(outcome["diff"])
    return {**collect(results, params["details"]), "diff": diffs}


@contextlib.contextmanager
def _changing(context: Context, place: str, digest: str) -> t.Iterator[None]:
    """One task at a time signs a digest in one place; what was said of it ends, however the work does."""
    with context.cache.lock(f"{place}@{digest}"):
        try:
            yield
        finally:
            if not context.check_mode:
                context.cache.drop(digest)


def _sign(context: Context, session: Session, image: Image, request: SignRequest) -> Result:
    signed = sign_image(session, image, request)
    for one in (signed, *signed.children):
        for warning in one.warnings:
            context.warn(warning)
    facts = [signature(one) for one in (*signed.kept, *signed.added)]
    return {
        **image_facts(image, signed.digest or None),
        "changed": signed.changed,
        "verified": bool(facts) and not signed.predicted,
        "signer": signer(facts),
        "signatures": facts,
        "children": [child.digest for child in signed.children],
        "diff": _diff(signed),
    }


def _diff(signed: Signed) -> Result:
    before, after = [], []
    for one in (signed, *signed.children):
        gone = {accepted.evidence.location for accepted in one.removed}
        before += [attached(found) for found in one.before]
        after += [attached(found) for found in one.before if found.location not in gone]
        after += [attached(accepted.evidence) for accepted in one.added] + one.predicted
    name = signed.image.pinned(signed.digest) if signed.digest else signed.image.text
    return {
        "before_header": name,
        "after_header": name,
        "before": {"signatures": before},
        "after": {"signatures": after},
    }


def check(params: t.Mapping[str, t.Any], complete: bool) -> None:
    annotations_of(params)
    check_signing_options(params, complete)


TASK = Task(SPEC, run, lambda params: on_disk(params, "image", "images"), check=check)
