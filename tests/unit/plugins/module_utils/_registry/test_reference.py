# Copyright (c) 2026, the supplychain.cosign authors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from ansible_collections.supplychain.cosign.plugins.module_utils._formats.rejection import Rejection
from ansible_collections.supplychain.cosign.plugins.module_utils._registry.reference import Reference, parse_reference

HEX = "0123456789abcdef" * 4
DIGEST = f"sha256:{HEX}"
HUB = "index.docker.io"


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("alpine", Reference(HUB, "library/alpine")),
        ("alpine:3.20", Reference(HUB, "library/alpine", "3.20")),
        (f"alpine@{DIGEST}", Reference(HUB, "library/alpine", None, DIGEST)),
        (f"alpine:3@{DIGEST}", Reference(HUB, "library/alpine", "3", DIGEST)),
        ("docker.io/alpine", Reference(HUB, "library/alpine")),
        ("index.docker.io/alpine", Reference(HUB, "library/alpine")),
        ("index.docker.io/a/b", Reference(HUB, "a/b")),
        ("acme/app", Reference(HUB, "acme/app")),
        ("docker://ghcr.io/acme/app:1", Reference("ghcr.io", "acme/app", "1")),
        ("localhost/app", Reference("localhost", "app")),
        ("localhost:5000/app:1", Reference("localhost:5000", "app", "1")),
        ("LOCALHOST/app", Reference("LOCALHOST", "app")),
        ("Reg/app", Reference("Reg", "app")),
        ("127.0.0.1:5000/a/b/c", Reference("127.0.0.1:5000", "a/b/c")),
        ("[::1]:5000/app", Reference("[::1]:5000", "app")),
        ("[2001:db8::1]/app", Reference("[2001:db8::1]", "app")),
        ("reg.example:443/a__b/c-d--e/f.g_h", Reference("reg.example:443", "a__b/c-d--e/f.g_h")),
        ("a:Tag_1.x-" + "y" * 119, Reference(HUB, "library/a", "Tag_1.x-" + "y" * 119)),
        (f"r.io/a@sha512:{HEX}{HEX}", Reference("r.io", "a", None, f"sha512:{HEX}{HEX}")),
        ("r.io/" + "a" * 255, Reference("r.io", "a" * 255)),
        ("sha256:1", Reference(HUB, "library/sha256", "1")),
        ("r.io/" + HEX, Reference("r.io", HEX)),
    ],
)
def test_references(text: str, expected: Reference) -> None:
    assert parse_reference(text) == expected


@pytest.mark.parametrize(
    "text",
    [
        "",
        ":tag",
        "@" + DIGEST,
        "/a",
        "a/",
        "a//b",
        "A",
        "r.io/A",
        "r.io/a/B",
        "docker.io/Alpine",
        "a:",
        "a:-tag",
        "a:.tag",
        "a:" + "t" * 129,
        "a:tag:tag",
        "a b",
        "a\n",
        "a:1\n",
        "ä",
        "a:t\u0661",
        "a___b/c",
        "a..b/c",
        "-a/b",
        "r.io/-a",
        "r.io/a-",
        "r.io/a._b",
        "https://r.io/a",
        "user@r.io/a",
        "user:pw@r.io/a",
        "r.io:/a",
        "r.io:0/a",
        "r.io:65536/a",
        "r.io:99999999999999999999/a",
        "r.io./a",
        "-r.io/a",
        "[::1/a",
        "[::1%25eth0]/a",
        "[v1.x]/a",
        "r.io/" + "a" * 256,
        "a" * 100_000,
        "a/" * 1000 + "a",
        f"a@sha1:{HEX[:40]}",
        f"a@sha256:{HEX[:-1]}",
        f"a@{DIGEST}0",
        f"a@{DIGEST}@{DIGEST}",
        pytest.param(f"a@sha256:{HEX.upper()}", id="AT-01-h"),
        pytest.param(f"a@SHA256:{HEX}", id="AT-01-h-algorithm"),
        pytest.param("a@sha256:../../x", id="AT-44"),
        HEX,
        f"library/{HEX}",
    ],
)
def test_what_is_no_reference(text: str) -> None:
    with pytest.raises(Rejection) as caught:
        parse_reference(text)
    assert caught.value.code == "MALFORMED"
    assert len(caught.value.message) < 600


@pytest.mark.parametrize("text", [DIGEST, f"docker://{DIGEST}", f"sha256:{HEX.upper()}", f"sha512:{HEX}{HEX}"])
def test_a_digest_names_no_repository(text: str) -> None:
    with pytest.raises(Rejection, match="REGISTRY/REPOSITORY@sha") as caught:
        parse_reference(text)
    assert caught.value.code == "MALFORMED"


def test_names() -> None:
    alpine = parse_reference("alpine")
    assert (alpine.name, alpine.host, alpine.identifier) == (
        "index.docker.io/library/alpine",
        "registry-1.docker.io",
        "latest",
    )
    tagged = parse_reference(f"r.io/a:1@{DIGEST}")
    assert (tagged.host, tagged.identifier, str(tagged)) == ("r.io", DIGEST, f"r.io/a:1@{DIGEST}")
    assert str(parse_reference("r.io/a:1").pinned(DIGEST)) == f"r.io/a@{DIGEST}"
    with pytest.raises(Rejection):
        alpine.pinned("latest")


@pytest.mark.parametrize(
    ("one", "other"),
    [
        ("alpine:1", "docker.io/library/alpine:1"),
        ("registry-1.docker.io/library/alpine", "index.docker.io/library/alpine"),
        ("R.io/a", "r.io/a"),
    ],
    ids=["AT-17-short", "AT-17-api", "AT-17-case"],
)
def test_normalised(one: str, other: str) -> None:
    assert parse_reference(one).normalised == parse_reference(other).normalised


_component = st.from_regex(r"[a-z0-9]{1,5}((\.|_|__|-{1,3})[a-z0-9]{1,5}){0,2}", fullmatch=True)
_host = st.from_regex(r"([a-zA-Z0-9]{1,6}(-[a-z0-9]{1,3})?\.){1,3}[a-z]{2,5}(:[1-9][0-9]{0,3})?", fullmatch=True)
_tag = st.from_regex(r"[A-Za-z0-9_][A-Za-z0-9_.-]{0,20}", fullmatch=True)


@given(_host, st.lists(_component, min_size=1, max_size=4), st.none() | _tag, st.booleans())
def test_what_is_written_reads_the_same(host: str, path: list[str], tag: str | None, digest: bool) -> None:
    written = Reference(host, "/".join(path), tag, DIGEST if digest else None)
    assert parse_reference(str(written)) == (
        written if host not in ("docker.io", HUB) else parse_reference(str(written)).normalised
    )


@given(st.text() | st.text(alphabet="aA0:/@.-_[]sha256 \n", max_size=80))
def test_any_text_reads_or_is_refused(text: str) -> None:
    try:
        found = parse_reference(text)
    except Rejection as error:
        code = error.code
    else:
        code = "MALFORMED"
        assert parse_reference(str(found)) == found
    assert code == "MALFORMED"
