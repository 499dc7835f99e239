# Copyright (c) 2026, the supplychain.cosign authors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

# This module util is **PRIVATE** to the collection. It can change at any time.
from __future__ import annotations

import contextlib
import os
import re
import typing as t

from ansible_collections.supplychain.cosign.plugins.module_utils._ansible.options import (
    ATTACHMENTS,
    COMMON,
    IMAGE,
    LIMITS,
    REGISTRY,
    SIGNING,
    access_of,
    annotations_of,
    check_one_registry,
    images_of,
    on_disk,
    read_key,
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
from ansible_collections.supplychain.cosign.plugins.module_utils._ansible.spec import ArgumentSpec
from ansible_collections.supplychain.cosign.plugins.module_utils._ansible.task import Context, Task
from ansible_collections.supplychain.cosign.plugins.module_utils._evidence.model import BUNDLE, LEGACY
from ansible_collections.supplychain.cosign.plugins.module_utils._formats.public_key import (
    PublicKey,
    parse_public_key,
    wrap_public_key,
)
from ansible_collections.supplychain.cosign.plugins.module_utils._formats.rejection import Rejection
from ansible_collections.supplychain.cosign.plugins.module_utils._keys.keyfile import decrypt_key
from ansible_collections.supplychain.cosign.plugins.module_utils._keys.signer import FileSigner, check_signing
from ansible_collections.supplychain.cosign.plugins.module_utils._usecases.parallel import in_parallel
from ansible_collections.supplychain.cosign.plugins.module_utils._usecases.session import Access, Image, Session
from ansible_collections.supplychain.cosign.plugins.module_utils._usecases.sign import Signed, SignRequest, sign_image

SPEC = COMMON.merged(
    IMAGE,
    REGISTRY,
    LIMITS,
    ATTACHMENTS,
    SIGNING,
    ArgumentSpec(
        {
            "annotations": {"type": "dict"},
            "recursive": {"type": "bool", "default": False},
            "sign_container_identity": {"type": "list", "elements": "str", "default": []},
            "state": {"type": "str", "choices": ["present", "absent"], "default": "present"},
        }
    ),
)
_FORMATS = {"bundle": (BUNDLE,), "legacy": (LEGACY,), "both": (BUNDLE, LEGACY)}


def run(context: Context) -> Result:
    params = context.params
    present = params["state"] == "present"
    if present and params["tlog_upload"]:
        raise Rejection(
            "POLICY_UNSUPPORTED",
            "Signatures cannot be uploaded to a transparency log yet; set tlog_upload: false, and verify with "
            "insecure_ignore_tlog: true.",
        )
    formats = _FORMATS[params["signature_format"] or ("bundle" if present else "both")]
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
    key, signing = _keys(context, access, formats)
    request = SignRequest(
        key=key,
        signer=signing,
        formats=formats,
        annotations=None if params["annotations"] is None else annotations_of(params),
        identities=tuple(dict.fromkeys(params["sign_container_identity"])),
        recursive=params["recursive"],
        present=present,
        check_mode=context.check_mode,
        limit=size_of(params["max_attachment_size"]),
        lock=lambda digest: _changing(context, digest),
    )
    # One image twice in a task is signed once.
    distinct = list({image.text: image for image in images}.values())
    with Session(access) as session:

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
def _changing(context: Context, digest: str) -> t.Iterator[None]:
    """One task at a time signs a digest; what was said of it ends, however the work does."""
    with context.cache.lock(digest):
        try:
            yield
        finally:
            if not context.check_mode:
                context.cache.drop(digest)


def _key_text(context: Context, access: Access) -> bytes | None:
    """What the key option names; None where check mode finds no such file: an earlier task would have made it."""
    reference = context.params["key"]
    if not reference:
        raise Rejection("POLICY_UNSUPPORTED", "There is no key to sign with; give key, or set COSIGN_KEY.")
    is_file = not re.match("[A-Za-z][A-Za-z0-9+.-]*:|\\s*-----BEGIN", reference)
    if (
        context.check_mode
        and context.params["state"] == "present"
        and is_file
        and not os.path.exists(context.files.find(reference))
    ):
        return None
    return read_key(context, reference, access)


def _keys(context: Context, access: Access, formats: t.Sequence[str]) -> tuple[PublicKey | None, FileSigner | None]:
    """The key whose signatures are ours, and what signs with it; to remove signatures a public key is enough."""
    params = context.params
    text = _key_text(context, access)
    if params["key_password"] is None and (text is None or b"-----BEGIN PUBLIC KEY-----" not in text):
        raise Rejection(
            "AUTH_REFUSED", "The key is encrypted and no password is given; give key_password, or set COSIGN_PASSWORD."
        )
    if text is None:
        return None, None
    if params["state"] == "absent" and b"-----BEGIN PUBLIC KEY-----" in text:
        return parse_public_key(text, "key"), None
    private = decrypt_key(text, (params["key_password"] or "").encode("utf-8", "surrogateescape"))
    public = wrap_public_key(private.public_key(), "private key")
    # Without a log every format takes the same hash.
    return public, FileSigner(private, check_signing(public.kind, formats[0], None))


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


TASK = Task(SPEC, run, lambda params: on_disk(params, "image", "images"), check=check)
