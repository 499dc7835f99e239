# Copyright (c) 2026, the supplychain.cosign authors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

from __future__ import annotations

import contextlib
import time
import typing as t

import pytest
from cryptography.hazmat.primitives.asymmetric import ec
from hypothesis import given
from hypothesis import strategies as st

from ansible_collections.supplychain.cosign.plugins.module_utils._evidence.checkpoint import (
    host_of,
    is_signed_by,
    parse_checkpoint,
)
from ansible_collections.supplychain.cosign.plugins.module_utils._evidence.trust import Log
from ansible_collections.supplychain.cosign.plugins.module_utils._formats.public_key import parse_public_key
from ansible_collections.supplychain.cosign.plugins.module_utils._formats.rejection import Rejection
from tests.support.sigstore.rekor import RekorV1, RekorV2, b64, signature_line

pytestmark = pytest.mark.attack("AT-27")
ROOT = bytes(range(32))
V1, V2, V2_EC = RekorV1(), RekorV2(), RekorV2(kind="ecdsa")
GOOD = V2.note(7, ROOT)
ORIGIN = V2.origin
OTHERS = signature_line("witness.example/w", b"abcd", b"a" * 72)


def log(rekor: RekorV1 | RekorV2) -> Log:
    return Log(rekor.url, rekor.log_id, parse_public_key(rekor.public_pem, "log"))


def code(note: str) -> str:
    with pytest.raises(Rejection) as refused:
        parse_checkpoint(note)
    return refused.value.code


@pytest.mark.parametrize("rekor", [V1, V2, V2_EC], ids=["v1", "v2", "v2-ecdsa"])
def test_what_a_log_signs(rekor: RekorV1 | RekorV2) -> None:
    found = parse_checkpoint(rekor.note(7, ROOT, extension=["Timestamp: 1", "more"]))
    assert (found.origin, found.size, found.root) == (rekor.origin, 7, ROOT)
    assert is_signed_by(found, log(rekor), None if rekor is V1 else rekor.origin)


@pytest.mark.parametrize(
    "lines",
    [
        {"before": [OTHERS]},
        {"after": [OTHERS, OTHERS]},
        {"after": [signature_line(ORIGIN, b"\x9a\x2c\x63\x55", b"another key of the same log")]},
        {"before": [signature_line(ORIGIN, V2.log_id[:4], b"x" * 64)]},
    ],
    ids=["origin-not-first", "cosigned", "two-from-origin", "same-hint"],
)
def test_at_27_signatures_of_others_decide_nothing(lines: t.Any) -> None:
    assert is_signed_by(parse_checkpoint(V2.note(7, ROOT, **lines)), log(V2), ORIGIN)


@pytest.mark.parametrize(
    "wrong",
    [
        {"origin": "log2026-1.rekor.virtual.tesu"},
        {"origin": "LOG2026-1.rekor.virtual.test"},
        {"origin": f"{ORIGIN}:443"},
        {"name": "log2026-1.rekor.virtual.tesu"},
        {"name": "(.*)*x"},
        {"hint": b"\0\0\0\0"},
        {"signature": b"x" * 64},
        {"signature": b"x"},
        {"signature": RekorV2("another").sign(V2.note(7, ROOT).partition("\n\n")[0].encode() + b"\n")},
        {"signature": b"x" * 64, "after": [OTHERS]},
    ],
)
def test_at_27_not_by_this_log(wrong: t.Any) -> None:
    assert not is_signed_by(parse_checkpoint(V2.note(7, ROOT, **wrong)), log(V2), ORIGIN)


def test_at_27_the_blank_line_is_not_signed_and_the_newline_before_it_is() -> None:
    text = f"{ORIGIN}\n7\n{b64(ROOT)}"
    for signed in (text, f"{text}\n\n"):
        note = V2.note(7, ROOT, signature=V2.sign(signed.encode()))
        assert not is_signed_by(parse_checkpoint(note), log(V2), ORIGIN)


def test_v1_has_any_name_and_is_bound_by_its_key() -> None:
    note = parse_checkpoint(V1.note(7, ROOT, origin="some pod - 9", name="rekor.sigstBre.dev"))
    assert is_signed_by(note, log(V1), None)
    assert not is_signed_by(note, log(RekorV1("another")), None)
    assert not is_signed_by(parse_checkpoint(V1.note(7, ROOT, hint=b"\0\0\0\0")), log(V1), None)


TEXT, SIGNATURES = GOOD.split("\n\n")
FIRST, SIZE, HASH = TEXT.split("\n")


WRONG = {
    "empty": ("", "CHECKPOINT_INVALID"),
    "no-origin": (f"{SIZE}\n{HASH}\n\n{SIGNATURES}", "CHECKPOINT_INVALID"),
    "empty-origin": (f"\n{SIZE}\n{HASH}\n\n{SIGNATURES}", "CHECKPOINT_INVALID"),
    "no-size": (f"{FIRST}\n{HASH}\n\n{SIGNATURES}", "CHECKPOINT_INVALID"),
    "no-root": (f"{FIRST}\n{SIZE}\n\n{SIGNATURES}", "CHECKPOINT_INVALID"),
    "no-root-but-extension": (f"{FIRST}\n{SIZE}\nTimestamp: 1\n\n{SIGNATURES}", "NON_CANONICAL"),
    "short-root": (f"{FIRST}\n{SIZE}\nAAAA\n\n{SIGNATURES}", "CHECKPOINT_INVALID"),
    "root-junk": (f"{FIRST}\n{SIZE}\n{HASH} \n\n{SIGNATURES}", "NON_CANONICAL"),
    "root-trailing-bits": (f"{FIRST}\n{SIZE}\n{HASH[:-2]}9=\n\n{SIGNATURES}", "NON_CANONICAL"),
    "no-signatures": (f"{TEXT}\n\n", "CHECKPOINT_INVALID"),
    "no-blank-line": (f"{TEXT}\n{SIGNATURES}", "CHECKPOINT_INVALID"),
    "two-blank-lines": (f"{TEXT}\n\n\n{SIGNATURES}", "CHECKPOINT_INVALID"),
    "blank-line-in-text": (f"{FIRST}\n{SIZE}\n{HASH}\n\nmore\n\n{SIGNATURES}", "CHECKPOINT_INVALID"),
    "blank-line-at-end": (f"{GOOD}\n", "CHECKPOINT_INVALID"),
    "no-newline-at-end": (GOOD[:-1], "CHECKPOINT_INVALID"),
    "no-newline-after-the-second": (f"{GOOD}{SIGNATURES[:-1]}", "CHECKPOINT_INVALID"),
    "crlf": (GOOD.replace("\n", "\r\n"), "CHECKPOINT_INVALID"),
    "one-cr": (f"{TEXT}\r\n\n{SIGNATURES}", "CHECKPOINT_INVALID"),
    "nul": (GOOD.replace("7", "7\0"), "CHECKPOINT_INVALID"),
    "half-a-surrogate": (f"\ud800{GOOD}", "CHECKPOINT_INVALID"),
    "hyphen": (GOOD.replace("\u2014", "-"), "CHECKPOINT_INVALID"),
    "two-spaces": (GOOD.replace("\u2014 ", "\u2014  "), "CHECKPOINT_INVALID"),
    "no-name": (GOOD.replace(f"\u2014 {ORIGIN}", "\u2014 "), "CHECKPOINT_INVALID"),
    "plus-in-name": (GOOD.replace(f"\u2014 {ORIGIN}", "\u2014 a+b"), "CHECKPOINT_INVALID"),
    "no-break-space-in-name": (GOOD.replace(f"\u2014 {ORIGIN}", "\u2014 a\u00a0b"), "CHECKPOINT_INVALID"),
    "more-after-signature": (f"{GOOD[:-1]} x\n", "CHECKPOINT_INVALID"),
    "hint-only": (f"{TEXT}\n\n{signature_line(ORIGIN, b'abcd', b'')}\n", "CHECKPOINT_INVALID"),
    "bad-base64": (f"{TEXT}\n\n\u2014 {ORIGIN} AAAAA\n", "NON_CANONICAL"),
    "huge": (f"{FIRST}\n{SIZE}\n{HASH}\n{'x' * (4 << 20)}\n\n{SIGNATURES}", "LIMIT_EXCEEDED"),
    "many-signatures": (f"{TEXT}\n\n{SIGNATURES * 65}", "LIMIT_EXCEEDED"),
    **{
        f"size-{size}": (f"{FIRST}\n{size}\n{HASH}\n\n{SIGNATURES}", "CHECKPOINT_INVALID")
        for size in ("", "07", "+7", "-7", " 7", "7 ", "7.0", "0x7", "٧", "1" * 21)
    },
}


@pytest.mark.parametrize(("note", "wanted"), WRONG.values(), ids=list(WRONG))
def test_at_27_what_is_no_checkpoint(note: str, wanted: str) -> None:
    assert code(note) == wanted


def test_as_many_signatures_as_are_read() -> None:
    assert len(parse_checkpoint(f"{TEXT}\n\n{SIGNATURES * 64}").signatures) == 64


@given(st.text(st.characters(codec="utf-16", exclude_categories=())) | st.text("— \n7Aabc=+/.\r"))
def test_any_text_ends_in_a_verdict(note: str) -> None:
    for text in (note, f"{TEXT}\n\n{note}", f"{FIRST}\n7\n{note}", f"{TEXT}\n{note}\n\n{SIGNATURES}"):
        with contextlib.suppress(Rejection):
            parse_checkpoint(text)


def test_a_hostile_name_costs_nothing() -> None:
    started = time.monotonic()
    parse_checkpoint(f"{TEXT}\n\n\u2014 {'(.*)*' * 1000}x {b64(b'abcde')}\n")
    code(f"{TEXT}\n\n\u2014 {'a' * 60_000}")
    assert time.monotonic() - started < 5


def test_a_key_of_another_kind_under_the_same_hint() -> None:
    other = RekorV1("of another kind")
    assert isinstance(other.key, ec.EllipticCurvePrivateKey)
    mixed = Log(V2.url, V2.log_id, parse_public_key(other.public_pem, "log"))
    assert not is_signed_by(parse_checkpoint(GOOD), mixed, ORIGIN)


@pytest.mark.parametrize(
    ("url", "host"),
    [
        ("https://log.example", "log.example"),
        ("https://log.example/", "log.example"),
        ("http://log.example:3000/api", "log.example"),
        ("http://127.0.0.1:3000", "127.0.0.1"),
        ("http://[::1]:3000", "::1"),
        ("https://Log.example?x", "Log.example"),
        ("https://user@log.example", ""),
        ("https://log.example:80:90", ""),
        ("https://", ""),
        ("log.example", ""),
        ("", ""),
        ("https://lo g.example", ""),
    ],
)
def test_host_of_a_url(url: str, host: str) -> None:
    assert host_of(url) == host
