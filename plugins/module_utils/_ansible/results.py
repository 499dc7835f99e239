# Copyright (c) 2026, the supplychain.cosign authors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

# This module util is **PRIVATE** to the collection. It can change at any time.
from __future__ import annotations

import datetime
import typing as t

from ansible_collections.supplychain.cosign.plugins.module_utils._evidence.certificate import (
    Certificate,
    parse_certificate,
)
from ansible_collections.supplychain.cosign.plugins.module_utils._evidence.model import Evidence
from ansible_collections.supplychain.cosign.plugins.module_utils._evidence.verdict import Accepted
from ansible_collections.supplychain.cosign.plugins.module_utils._formats.rejection import Rejection
from ansible_collections.supplychain.cosign.plugins.module_utils._usecases.session import Image

Result = dict[str, t.Any]
MAX_TEXT = 64 * 1024


def signature(accepted: Accepted) -> Result:
    """One signature that passed every check, as facts: by a key, or by whom a certificate names."""
    one, certificate = accepted.evidence, accepted.signer.certificate
    facts = {
        "format": one.format,
        "location": str(one.location),
        "type": one.predicate_type,
        "annotations": dict(accepted.subject.annotations),
        "payload": one.payload.decode("utf-8", "replace")[:MAX_TEXT],
        "signed_reference": one.docker_reference,
        "logged": [
            {"log_url": entry.log.url, "index": entry.index, "time": _time(entry.time) if entry.time else None}
            for entry in accepted.logged
        ],
        "timestamps": [{"authority": stamp.authority.url, "time": _time(stamp.time)} for stamp in accepted.timestamps],
        "verified": True,
    }
    if certificate is None:
        return {**facts, "key_id": accepted.signer.key.key_id}
    return {**facts, "certificate": _certificate(certificate, accepted.names)}


def _certificate(certificate: Certificate, names: t.Sequence[str]) -> Result:
    return {
        **certificate.claims,
        "subject": ", ".join(names),
        "issuer": certificate.oidc_issuer,
        "not_before": _time(certificate.not_before),
        "not_after": _time(certificate.not_after),
    }


def _time(moment: datetime.datetime) -> str:
    return moment.astimezone(datetime.timezone.utc).isoformat().replace("+00:00", "Z")


def attached(one: Evidence) -> Result:
    """One signature as it was found, for a diff: facts, unverified, never blobs."""
    return {
        "format": one.format,
        "location": str(one.location),
        "type": one.predicate_type,
        "annotations": dict(one.subjects[0].annotations) if one.subjects else {},
        "signer": f"key {one.key_hint}" if one.key_hint else _named_in(one),
    }


def _named_in(one: Evidence) -> str | None:
    """Whom the certificate names that came along, true or not."""
    try:
        leaf = parse_certificate(one.certificates[0], "certificate") if one.certificates else None
    except Rejection:
        return None
    return f"{', '.join(name.value for name in leaf.names)} ({leaf.oidc_issuer or 'no issuer'})" if leaf else None


def signer(signatures: t.Sequence[Result]) -> str | None:
    """Who signed, in one line."""
    return ", ".join(dict.fromkeys(_who(one) for one in signatures)) or None


def _who(one: Result) -> str:
    if "key_id" in one:
        return f"key {one['key_id']}"
    certificate = one["certificate"]
    return f"{certificate['subject']} ({certificate['issuer'] or 'no issuer'})"


def image_facts(image: Image, digest: str | None) -> Result:
    return {
        "reference": image.text,
        "digest": digest,
        "pinned": image.pinned(digest) if digest else None,
        "changed": False,
        "verified": False,
        "signer": None,
    }


def refused(image: Image, digest: str | None, rejection: Rejection) -> Result:
    return {**image_facts(image, digest), "changed": rejection.changed, "rejection": rejection.as_dict()}


def collect(images: t.Sequence[Result], details: bool = True) -> Result:
    """The result of a task about images: all of them, in order; the first refusal makes the task fail.

    `signatures` of more than one image are left out unless `details` is asked: they are large.
    """
    refusals = [(one["reference"], one["rejection"]) for one in images if "rejection" in one]
    shown = [
        one if details or len(images) == 1 else {k: v for k, v in one.items() if k != "signatures"} for one in images
    ]
    result: Result = {
        "changed": any(one["changed"] for one in images),
        "verified": all(one["verified"] for one in images),
        "images": shown,
    }
    if len(images) == 1:
        # What is refused is not handed to the next task, which may come after `ignore_errors`.
        named = ("digest", "signatures") if refusals else ("pinned", "digest", "signatures")
        result.update({key: images[0][key] for key in named if key in images[0]})
    if refusals:
        reference, rejection = refusals[0]
        more = f" {len(refusals)} of {len(images)} images are refused." if len(images) > 1 else ""
        result.update(failed=True, msg=f"{reference}: {rejection['message']}{more}", rejection=rejection)
    return result
