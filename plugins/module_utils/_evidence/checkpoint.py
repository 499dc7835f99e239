# Copyright (c) 2026, the supplychain.cosign authors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

# This module util is **PRIVATE** to the collection. It can change at any time.
from __future__ import annotations

import re
import typing as t

from ansible_collections.supplychain.cosign.plugins.module_utils._evidence.trust import Log
from ansible_collections.supplychain.cosign.plugins.module_utils._formats.rejection import Rejection
from ansible_collections.supplychain.cosign.plugins.module_utils._formats.strict import decode_base64

MAX_NOTE_BYTES = 64 * 1024
MAX_TRIED = 4
MAX_SIGNATURES = 64
_HINT = 4
_SIZE = re.compile(r"(?:0|[1-9][0-9]{0,19})\Z")
_CONTROL = re.compile(r"[\x00-\x09\x0b-\x1f]")
# A name has no space and no plus (signed-note, "Format").
_SIGNATURE = re.compile(r"\u2014 ([^\s+]+) ([A-Za-z0-9+/=]+)\Z")
_HOST = re.compile(r"[A-Za-z][A-Za-z0-9+.-]*://(?:\[([0-9A-Fa-f:.]+)\]|([^/?#@:\[\]\s]+))(?::[0-9]*)?(?:[/?#]|\Z)")


class NoteSignature(t.NamedTuple):
    """A line under a note: who says to have signed, the first bytes of that key's id, and the signature."""

    name: str
    hint: bytes
    signature: bytes


class Checkpoint(t.NamedTuple):
    """What a log signed: that under its name `origin` it had `size` entries, and the tree over them this `root`.

    `text` is what the signatures are over.
    """

    origin: str
    size: int
    root: bytes
    text: bytes
    signatures: tuple[NoteSignature, ...]


def parse_checkpoint(note: str) -> Checkpoint:
    """Read a checkpoint (C2SP tlog-checkpoint) in a signed note (C2SP signed-note); extension lines are allowed.

    Raises CHECKPOINT_INVALID, NON_CANONICAL (base64), LIMIT_EXCEEDED (64 KiB, 64 signatures).
    """
    try:
        size = len(note.encode("utf-8"))
    except UnicodeEncodeError:
        raise _invalid("is no text") from None
    if size > MAX_NOTE_BYTES:
        raise Rejection("LIMIT_EXCEEDED", f"The log's checkpoint is larger than {MAX_NOTE_BYTES} bytes.")
    if _CONTROL.search(note):
        raise _invalid("holds control characters")
    text, dummy, under = note.partition("\n\n")
    lines = text.split("\n")
    if len(lines) < 3 or not lines[0]:
        raise _invalid("has no origin, size, root hash and, after a blank line, signatures")
    if not _SIZE.match(lines[1]):
        raise _invalid("has no size in its second line")
    root = decode_base64(lines[2], "root hash of the log's checkpoint")
    if len(root) != 32:
        raise _invalid("has a root hash that is not of 32 bytes")
    return Checkpoint(lines[0], int(lines[1]), root, f"{text}\n".encode(), _signatures(under))


def is_signed_by(checkpoint: Checkpoint, log: Log, origin: str | None) -> bool:
    """Whether one of the signatures is by the log's key; those of others (witnesses) say nothing here.

    `origin` is the name that the checkpoint and the signature must have, None where any will do: Rekor v1 writes the
    name of the machine there.
    """
    if origin is not None and checkpoint.origin != origin:
        return False
    named = [one for one in checkpoint.signatures if one.hint == log.log_id[:_HINT] and origin in (None, one.name)]
    # Anybody may add some that only say that they are by this key.
    return any(log.key.verify(one.signature, checkpoint.text) is not None for one in named[:MAX_TRIED])


def host_of(url: str) -> str:
    """The host of a log's URL without the port, which is the origin of a Rekor v2; empty where the URL has none."""
    match = _HOST.match(url)
    return (match.group(1) or match.group(2)) if match else ""


def _signatures(text: str) -> tuple[NoteSignature, ...]:
    *lines, rest = text.split("\n", MAX_SIGNATURES + 1)
    if len(lines) > MAX_SIGNATURES:
        raise Rejection("LIMIT_EXCEEDED", f"The log's checkpoint has more than {MAX_SIGNATURES} signatures.")
    if rest or not lines:
        raise _invalid("has no signature, or does not end with a newline")
    return tuple(_signature(line) for line in lines)


def _signature(line: str) -> NoteSignature:
    match = _SIGNATURE.match(line)
    if match is None:
        raise _invalid("has a line among its signatures that is none")
    data = decode_base64(match.group(2), "signature of the log's checkpoint")
    if len(data) <= _HINT:
        raise _invalid("has a signature that is too short")
    return NoteSignature(match.group(1), data[:_HINT], data[_HINT:])


def _invalid(why: str) -> Rejection:
    return Rejection("CHECKPOINT_INVALID", f"The log's checkpoint {why}; take the bundle from where it was made.")
