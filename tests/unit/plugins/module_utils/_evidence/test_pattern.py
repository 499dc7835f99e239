# Copyright (c) 2026, the supplychain.cosign authors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

from __future__ import annotations

import re
import threading

import pytest
from hypothesis import assume, given, settings
from hypothesis import strategies as st

from ansible_collections.supplychain.cosign.plugins.module_utils._evidence.pattern import Pattern, parse_pattern
from ansible_collections.supplychain.cosign.plugins.module_utils._formats.rejection import Rejection

KELVIN = "\u212a"
WORKFLOWS = r"https://github\.com/acme/.*/\.github/workflows/.*@refs/(heads|tags)/.*"
RELEASES = r"^https://github\.com/(acme|other)/[a-z0-9-]+/\.github/workflows/release\.ya?ml@refs/tags/v[0-9.]+$"


def pattern(text: str) -> Pattern:
    return parse_pattern(text, "certificate_identity_regexp")


@pytest.mark.parametrize(
    ("text", "value"),
    [
        (WORKFLOWS, "https://github.com/acme/app/.github/workflows/release.yml@refs/tags/v1"),
        (r".*@example\.com", "me@example.com"),
        (RELEASES, "https://github.com/other/a-1/.github/workflows/release.yaml@refs/tags/v1.2.3"),
        (r"a{2}b{1,}c{0,2}d??e*?f+?", "aabccdff"),
        (r"[]a-c\-\]]+x", "]b-x"),
        (r"[^\d/]-\w\s\S\W", "x-_ a."),
        (r"(?:a|(b))\bx?|\Bq", "b"),
        (r"[a-c-]", "-"),
        (r"}]", "}]"),
        ("a{1000}", "a" * 1000),
        ("Grüße@x", "Grüße@x"),
        (r"a()|b", "a"),
        ("(a)" * 60, "a" * 60),
    ],
)
def test_what_is_read(text: str, value: str) -> None:
    assert pattern(text).matches(value)
    assert re.fullmatch(text, value, re.ASCII)
    assert not pattern(text).matches("\n" + value)


@pytest.mark.attack("AT-35")
@pytest.mark.parametrize(
    ("text", "instead"),
    [
        ("[[:alpha:]]+", "[A-Za-z]"),
        ("[a[:alpha:]]", "[A-Za-z]"),
        ("(?=a)b", "looks ahead"),
        ("(?!evil).*", "looks ahead"),
        ("(?<=a)b", "looks back"),
        ("(?<!a)b", "looks back"),
        (r"(a)\1", "refers back"),
        ("(?P<n>a)(?P=n)", "(?:"),
        ("(?P=n)", "refers back"),
        ("(?<n>a)", "(?:"),
        (r"\p{L}+", "[a-z]"),
        (r"\pN", "[a-z]"),
        (r"\PN", "[a-z]"),
        (r"a\z", "write ^ or $"),
        (r"a\Z", "write ^ or $"),
        (r"\Aa", "write ^ or $"),
        (r"\Qa.b\E", "before each special"),
        (r"a\Cb", "write ."),
        ("(?i)acme", "[Aa]"),
        ("(?i:acme)", "[Aa]"),
        ("(?>a)", "(?:"),
        ("(?#note)a", "leave it out"),
        (r"\x41", "the character itself"),
        (r"\n", "the character itself"),
        (r"\é", "the character itself"),
        ("\\\u2013", "the character itself"),
        ("a\\", "the character itself"),
        (r"[\b]", "the character itself"),
        ("(a+)+", "[a-z/]*"),
        ("(a*)*b", "[a-z/]*"),
        ("(?:x(a|b+c)){2,}", "[a-z/]*"),
        ("a**", "around the inner"),
        ("a*+", "around the inner"),
        ("a{2}{3}", "around the inner"),
        ("^*a", "leave the repetition out"),
        ("*a", r"\*"),
        ("a|+", r"\+"),
        ("a{,5}", r"\{"),
        ("a{x", r"\{"),
        ("a{01}", r"\{"),
        ("a{\u0661}", r"\{"),
        ("{1}a", r"\{"),
        ("a{3,2}", "smaller number first"),
        ("a{1001}", "+ or *"),
        ("(a{500}){3}", "+ or *"),
        ("(((()){1000}){1000}){1000}", "+ or *"),
        ("((ab?c?d?){10}e){100}", "+ or *"),
        ("(a", "close it"),
        ("a)", r"\)"),
        ("[a", "close it"),
        ("[]", "close it"),
        ("[a-", r"\-"),
        ("[b-a]", r"\-"),
        (r"[\d-z]", r"\-"),
        (r"[a-\d]", r"\-"),
        ("[a-c-e]", r"\-"),
        ("[a[b]", r"\["),
        ("(" * 51 + "a" + ")" * 51, "flatter"),
        ("a\n", "newline"),
        ("a\0", "control"),
        ("a\ud800", "control"),
        ("x" * 2049, "2048 bytes"),
        ("é" * 1025, "2048 bytes"),
    ],
)
def test_at_35_what_the_engines_read_differently_is_refused_with_how_to_write_it(text: str, instead: str) -> None:
    with pytest.raises(Rejection) as refused:
        pattern(text)
    assert refused.value.code == "POLICY_UNSUPPORTED"
    assert "certificate_identity_regexp" in refused.value.message
    assert instead in refused.value.message
    assert len(refused.value.message) < 3000


@pytest.mark.attack("AT-35e")
@pytest.mark.parametrize(
    "text",
    [
        "",
        ".*",
        ".+",
        "^.*$",
        "(.*)",
        ".*.*",
        ".*|a",
        "a|.*",
        r"[\d\D]*",
        "[^ ]+",
        ".{3,}",
        "(?:.+)?",
        r"\S+",
        r".*\..*",
    ],
)
def test_at_35_e_a_pattern_for_everybody_is_refused(text: str) -> None:
    with pytest.raises(Rejection) as refused:
        pattern(text)
    assert refused.value.code == "POLICY_UNSUPPORTED"
    assert "say who may sign" in refused.value.message


@pytest.mark.attack("AT-35a", "AT-35b", "AT-35c", "AT-35d", "CVE-2026-22772", "CVE-2026-25542")
@pytest.mark.parametrize(
    ("text", "value"),
    [
        pytest.param("https://github.com/org/", "https://github.com/org/repo", id="AT-35-a-search"),
        pytest.param("^a|b$", "axe", id="AT-35-b-first"),
        pytest.param("^a|b$", "crab", id="AT-35-b-second"),
        pytest.param("a|b", "ab", id="AT-35-b-both"),
        pytest.param("abc", "abc\n", id="AT-35-c-newline"),
        pytest.param("abc$", "abc\n", id="AT-35-c-newline-dollar"),
        pytest.param("abc.*", "abc\n", id="AT-35-c-newline-dot"),
        pytest.param(".*@refs/heads/main", "x@refs/heads/main-evil", id="AT-35-d-suffix"),
        pytest.param(".*@refs/heads/main", "x@refs/heads/mainx", id="AT-35-d-letter"),
        pytest.param(r"https://github\.com/org/.*", "https://evil/?x=https://github.com/org/", id="AT-35-d-query"),
        pytest.param(".*@refs/tags/v1", "x@refs/heads/refs/tags/v1", id="AT-35-d-heads-trojan"),
        pytest.param(r"https://[^/?]*\.issuer", "http://localhost:3000?https://x.issuer", id="CVE-2026-22772"),
        pytest.param(r"github\.com", "githubxcom", id="escaped-dot"),
    ],
)
def test_at_35_patterns_fit_in_full(text: str, value: str) -> None:
    assert not pattern(text).matches(value)


@pytest.mark.attack("AT-36a", "AT-36b", "AT-36c")
@pytest.mark.parametrize(
    ("text", "value"),
    [
        ("Me@acme", "me@acme"),
        ("[a-z]+@acme", "Me@acme"),
        ("[k]@acme", KELVIN + "@acme"),
        ("K@acme", KELVIN + "@acme"),
        (r"\w@acme", KELVIN + "@acme"),
        (r"\d@acme", "\u0661@acme"),
        (r"a\sb", "a\u2003b"),
        ("caf\u00e9", "cafe\u0301"),
        ("cafe\u0301", "caf\u00e9"),
        ("e@acme", "\uff45@acme"),
        ("e@acme", "\u0435@acme"),
        ("e@acme", "e\u200b@acme"),
        ("e@acme", "\u202ee@acme"),
    ],
)
def test_at_36_characters_are_what_they_are(text: str, value: str) -> None:
    assert not pattern(text).matches(value)


@pytest.mark.parametrize(
    ("text", "value", "found"),
    [
        ("b", "abc", True),
        ("^b", "abc", False),
        ("b$", "abc", False),
        ("^a", "abc", True),
        ("c$", "abc", True),
        (r"\bc", "a c", True),
        (r"\bc", "abc", False),
        (r"\Bc", "abc", True),
        ("a?", "", True),
        ("x|c", "abc", True),
        ("bd", "abc", False),
    ],
)
def test_search_is_bound_by_anchors_only(text: str, value: str, found: bool) -> None:
    assert pattern(text).search(value) is found


@pytest.mark.parametrize(
    ("text", "value", "hint"),
    [
        ("https://github.com/org/", "https://github.com/org/repo", "add .* at its end"),
        (r"@acme\.com", "me@acme.com", "add .* at its beginning"),
        (r"/org/", "https://github.com/org/repo", "add .* at both its ends"),
        ("https://a|https://b", "https://abc", "put it in (?: ) and add .* at its end"),
        ("^https://a$", "https://abc", None),
        ("https://a", "https://a", None),
        ("https://b", "https://a", None),
    ],
)
def test_a_near_miss_says_how_to_write_it(text: str, value: str, hint: str | None) -> None:
    said = pattern(text).near_miss(value)
    assert said is None if hint is None else said and said.endswith(hint)


@pytest.mark.attack("AT-04k", "AT-35f")
@pytest.mark.parametrize(
    ("text", "value"),
    [
        (r"https://gitlab\.com/.*/.*/.*/.*/.*/.*/.*/.*@x", "https://gitlab.com/" + "/" * 2029),
        (WORKFLOWS, "https://github.com/acme/" + "/.github/workflows/@refs/headz" * 67),
        ("x(?:a?){1000}y", "x" + "a" * 2047),
        ("(?:a|a|a|ab?){100,}c", "a" * 2048),
        (".*a.{1000}x", "ab" * 1024),
        (".*a(?:.b?){500}x", "aab" * 682),
        (".*" + "".join(f"[{chr(0x200 + i)}z]" for i in range(400)), "".join(map(chr, range(0x100, 0x500)))),
        ("a" * 2048, "a" * 2047 + "b"),
        (r"(?:.?\b.?){300}x", "a " * 1024),
    ],
)
def test_at_04_k_no_pattern_takes_long(text: str, value: str) -> None:
    found: list[bool] = []
    one = pattern(text)
    worker = threading.Thread(target=lambda: found.append(one.matches(value)), daemon=True)
    worker.start()
    # A bound against hangs; it takes some tens of milliseconds.
    worker.join(10)
    assert found == [False]


@pytest.mark.attack("AT-04k")
@pytest.mark.parametrize("value", ["a" * 2049, "\u00e9" * 1025, "a" * 1_000_000])
def test_at_04_k_a_long_value_is_refused_before_it_is_matched(value: str) -> None:
    for look in (pattern("a*").matches, pattern("a*").search):
        with pytest.raises(Rejection) as refused:
            look(value)
        assert refused.value.code == "LIMIT_EXCEEDED"
    assert pattern("a*").matches("a" * 2048)


_PIECES = st.recursive(
    st.sampled_from(
        [
            "a",
            "b",
            "/",
            r"\.",
            ".",
            "-",
            KELVIN,
            "é",
            r"\d",
            r"\w",
            r"\W",
            r"\s",
            r"\S",
            "[a-b]",
            "[^a]",
            r"[\d/-]",
            "[]a]",
        ]
    ),
    lambda inner: st.one_of(
        st.lists(inner, min_size=1, max_size=4).map("".join),
        st.lists(inner, min_size=1, max_size=3).map(lambda parts: "(?:" + "|".join(parts) + ")"),
        st.builds(
            "({}){}".format, inner, st.sampled_from(["*", "+", "?", "{2}", "{0,2}", "{1,}", "*?", "+?", "??", "{0}"])
        ),
        inner.map("^{}".format),
        inner.map("{}$".format),
        inner.map(r"{}\b".format),
        inner.map("{}|".format),
    ),
    max_leaves=8,
)


@pytest.mark.attack("AT-35")
@settings(max_examples=500, deadline=None)
@given(_PIECES, st.lists(st.text(f"ab/.- 1{KELVIN}éA", max_size=6), min_size=3, max_size=3))
def test_what_is_accepted_means_what_python_means_by_it(text: str, values: list[str]) -> None:
    try:
        one = pattern(text)
    except Rejection:
        assume(False)
    theirs = re.compile(text, re.ASCII)
    for value in values:
        assert one.matches(value) is bool(theirs.fullmatch(value))
        assert one.search(value) is bool(theirs.search(value))


@settings(max_examples=500, deadline=None)
@given(st.text(r"ab()[]{}|*+?\.^$-,:=!<P1d" + "\u00e9\n", max_size=12))
def test_any_text_is_a_pattern_of_python_or_refused(text: str) -> None:
    code = ""
    try:
        pattern(text)
    except Rejection as refused:
        code = refused.code
    if code:
        assert code == "POLICY_UNSUPPORTED"
    else:
        re.compile(text)
