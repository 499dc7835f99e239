# Copyright (c) 2026, the supplychain.cosign authors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

# This module util is **PRIVATE** to the collection. It can change at any time.
from __future__ import annotations

import re
import typing as t
from dataclasses import dataclass

from ansible_collections.supplychain.cosign.plugins.module_utils._formats.rejection import Rejection
from ansible_collections.supplychain.cosign.plugins.module_utils._formats.strict import (
    Fields,
    check_digest,
    go_json,
    parse_object,
)

STATEMENT_TYPES = ("https://in-toto.io/Statement/v1", "https://in-toto.io/Statement/v0.1")
SIGN_PREDICATE = "https://sigstore.dev/cosign/sign/v1"
"""The predicate type of a signature; any other is an attestation."""

MAX_SUBJECTS = 1024
MAX_VALUES = 1_000_000
"""A predicate may be the list of everything in an image."""
MAX_DIGESTS = 32
_HEX_LENGTHS = {"sha256": 64, "sha512": 128}


@dataclass(frozen=True)
class Subject:
    """One thing that a statement speaks of: digests by algorithm, in hex, and what the signer noted about it."""

    digests: t.Mapping[str, str]
    annotations: t.Mapping[str, t.Any]
    name: str = ""

    def names(self, digest: str) -> bool:
        """Whether this is the content with that digest ("sha256:…")."""
        algorithm, value = digest.split(":")
        return self.digests.get(algorithm) == value


@dataclass(frozen=True)
class Statement:
    """An in-toto statement (v0.1 or v1): subjects, and a predicate of some type about them."""

    type: str
    subjects: tuple[Subject, ...]
    predicate_type: str
    predicate: t.Any


def sign_statement(digest: str, annotations: t.Mapping[str, str] | None = None) -> bytes:
    """The statement that a signature in a bundle signs, with cosign's keys in cosign's order."""
    algorithm, value = check_digest(digest, "digest to sign").split(":")
    subject = {"digest": {algorithm: value}, "annotations": dict(sorted((annotations or {}).items()))}
    return go_json(
        {"_type": STATEMENT_TYPES[0], "subject": [subject], "predicateType": SIGN_PREDICATE, "predicate": {}}
    )


def parse_statement(data: bytes, values: int = MAX_VALUES) -> Statement:
    """Read an in-toto statement (in-toto attestation spec v1, "Statement"); fields that the spec allows are ignored.

    cosign 2.6 to 3.0.3 left out predicate and annotations. Raises PAYLOAD_TYPE (no statement of a version that is
    read), MALFORMED, NON_CANONICAL (a digest in upper case), LIMIT_EXCEEDED, DUPLICATE_KEY.
    """
    fields = Fields(parse_object(data, "statement", values, free="predicate"), "statement")
    kind = fields.text("_type")
    if kind not in STATEMENT_TYPES:
        raise Rejection("PAYLOAD_TYPE", f"The signed text is a {kind[:120]!r}, not an in-toto statement v0.1 or v1.")
    subjects = fields.array("subject")
    if not 0 < len(subjects) <= MAX_SUBJECTS:
        code = "LIMIT_EXCEEDED" if subjects else "MALFORMED"
        raise Rejection(code, f"The statement has {len(subjects)} subjects; it must have 1 to {MAX_SUBJECTS}.")
    predicate_type = fields.text("predicateType")
    if not predicate_type:
        raise Rejection("MALFORMED", "The statement has an empty predicateType.")
    return Statement(
        type=kind,
        subjects=tuple(_parse_subject(Fields(one, f"statement.subject[{i}]")) for i, one in enumerate(subjects)),
        predicate_type=predicate_type,
        predicate=fields.found.get("predicate"),
    )


def _parse_subject(fields: Fields) -> Subject:
    digests = fields.texts("digest")
    if not 0 < len(digests) <= MAX_DIGESTS:
        code = "LIMIT_EXCEEDED" if digests else "MALFORMED"
        raise Rejection(code, f"{fields.path} has {len(digests)} digests; it must have 1 to {MAX_DIGESTS}.")
    for algorithm, length in _HEX_LENGTHS.items():
        value = digests.get(algorithm)
        if value is None:
            continue
        if not re.fullmatch(rf"[0-9a-fA-F]{{{length}}}", value):
            raise Rejection("MALFORMED", f"{fields.path} has a {algorithm} digest that is none.")
        if value != value.lower():
            raise Rejection("NON_CANONICAL", f"{fields.path} has a {algorithm} digest in upper case.")
    annotations = fields.optional_object("annotations")
    return Subject(digests, annotations.found if annotations else {}, fields.text("name", None) or "")
