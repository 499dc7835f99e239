# Copyright (c) 2026, the supplychain.cosign authors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

from __future__ import annotations

import typing as t

import pytest

from ansible_collections.supplychain.cosign.plugins.module_utils._ansible.cosign_sign import TASK as SIGN
from ansible_collections.supplychain.cosign.plugins.module_utils._ansible.cosign_verify import TASK as VERIFY
from tests.support import faults
from tests.support.images import multi_arch, referrer
from tests.support.registry import EmbeddedRegistry
from tests.support.tasks import Runner


@pytest.fixture
def signed(run: Runner, pushed: str) -> str:
    run(SIGN, image=pushed, key="ours.key", signature_format="both", annotations={"sha": "abc", "run": "1"})
    return pushed


def code(result: dict[str, t.Any]) -> str:
    assert result["failed"] and not result.get("verified"), result
    found: str = result["rejection"]["code"]
    return found


def test_the_result_has_what_the_next_task_needs(run: Runner, signed: str) -> None:
    result = run(VERIFY, image=signed, key="ours.pub", annotations={"sha": "abc"})
    assert (result["changed"], result["verified"], result["pinned"]) == (False, True, signed)
    assert result["digest"] == signed.split("@")[1]
    (only,) = result["signatures"]
    assert only["format"] == "bundle" and only["annotations"] == {"sha": "abc", "run": "1"}
    assert result["images"][0]["signer"] == f"key {only['key_id']}"
    assert result["images"][0]["checks"][0] == "The specified annotations were verified."
    everything = run(VERIFY, image=signed, key="ours.pub", signatures="all")
    assert [one["format"] for one in everything["signatures"]] == ["bundle", "legacy"]


def test_gets_by_digest(run: Runner, registry: EmbeddedRegistry, signed: str) -> None:
    registry.reset_requests()
    assert run(VERIFY, image=signed, key="ours.pub")["verified"]
    assert len([one for one in registry.requests if one.path != "/v2/"]) == (3 if registry.settings.referrers else 4)


@pytest.mark.parametrize(
    ("options", "wanted"),
    [
        pytest.param({"key": "other.pub"}, "NO_MATCHING_SIGNATURE", id="another-key"),
        pytest.param({"key": "ours.pub", "annotations": {"sha": "xyz"}}, "ANNOTATION_MISMATCH", id="annotation"),
        pytest.param({"key": "ours.pub", "annotations": {"more": "x"}}, "ANNOTATION_MISMATCH", id="annotation-missing"),
        pytest.param({"key": "ours.pub", "insecure_ignore_tlog": False}, "TLOG_MISSING", id="AT-26-a2"),
        pytest.param({"keys": ["ours.pub", "other.pub"], "required_signatures": 2}, "THRESHOLD", id="AT-28"),
        pytest.param({"key": "ours.pub", "required_signatures": 2}, "POLICY_UNSUPPORTED", id="threshold-too-high"),
        pytest.param({"key": "ours.pub", "required_signatures": 0}, "POLICY_UNSUPPORTED", id="AT-15-e"),
        pytest.param({}, "POLICY_UNSUPPORTED", id="AT-15-d"),
        pytest.param({"keys": []}, "POLICY_UNSUPPORTED", id="AT-15-d-empty"),
        pytest.param({"key": "ours.key"}, "MALFORMED", id="private-key-given"),
        pytest.param({"key": "ours.pub", "images": []}, "POLICY_UNSUPPORTED", id="contradiction"),
    ],
)
def test_refusals(run: Runner, signed: str, options: dict[str, t.Any], wanted: str) -> None:
    result = run(VERIFY, image=signed, **options)
    assert code(result) == wanted, result
    assert result["msg"].endswith(".")
    checked = run(VERIFY, check=True, image=signed, **options)
    assert code(checked) == wanted, "AT-15-i: check mode gives the same verdict"


def test_AT_15_a_unsigned(run: Runner, registry: EmbeddedRegistry, pushed: str) -> None:
    assert code(run(VERIFY, image=pushed, key="ours.pub")) == "NO_SIGNATURE"
    missing = run(VERIFY, image=f"{registry.host}/acme/app:none", key="ours.pub")
    assert code(missing) == "UNREACHABLE" and "no image" in missing["msg"]


@pytest.mark.attack("AT-17")
def test_match_reference(run: Runner, registry: EmbeddedRegistry, pushed: str) -> None:
    """AT-17: a bundle names no image; a legacy signature names its repository."""
    run(SIGN, image=pushed, key="ours.key", signature_format="bundle")
    assert code(run(VERIFY, image=pushed, key="ours.pub", match_reference="repository")) == "REFERENCE_MISMATCH"
    run(SIGN, image=pushed, key="ours.key", signature_format="legacy")
    assert run(VERIFY, image=pushed, key="ours.pub", match_reference="repository")["verified"]
    assert run(VERIFY, image=f"docker://{pushed}", key="ours.pub", match_reference="repository")["verified"]
    run(
        SIGN,
        image=pushed,
        key="other.key",
        signature_format="legacy",
        sign_container_identity=["elsewhere.example/app"],
    )
    result = run(VERIFY, image=pushed, key="other.pub")
    assert result["signatures"][0]["signed_reference"] == "elsewhere.example/app"
    refused = run(VERIFY, image=pushed, key="other.pub", match_reference="repository")
    assert "REFERENCE_MISMATCH" in {one["code"] for one in refused["rejection"]["rejected"]}


def test_AT_16_a_signature_moved_to_another_image(run: Runner, registry: EmbeddedRegistry, signed: str) -> None:
    """The `.sig` of one image under the tag of another: the digest is compared, whatever check_claims says."""
    store = registry.repository("acme/app")
    index = store.manifests[signed.split("@")[1]].content
    other = index["manifests"][0]["digest"]
    store.tags[other.replace(":", "-") + ".sig"] = store.tags[signed.split("@")[1].replace(":", "-") + ".sig"]
    image = f"{registry.host}/acme/app@{other}"
    for check_claims in (True, False):
        assert code(run(VERIFY, image=image, key="ours.pub", check_claims=check_claims)) == "DIGEST_MISMATCH"


LOOK_UPS = [r"/referrers/|/manifests/sha256-[0-9a-f]{64}$", r"/manifests/sha256:", r"/blobs/"]
NOT_AN_ANSWER = [
    pytest.param(faults.status(401), "AUTH_REFUSED", id="401"),
    pytest.param(faults.status(403), "AUTH_REFUSED", id="403"),
    pytest.param(faults.status(410), "UNREACHABLE", id="410"),
    pytest.param(faults.status(500), "UNREACHABLE", id="500"),
    pytest.param(faults.status(503), "UNREACHABLE", id="503"),
    pytest.param(faults.too_many_requests("99999"), "RATE_LIMITED", id="429"),
    pytest.param(faults.reset, "UNREACHABLE", id="reset"),
]


@pytest.mark.parametrize("path", LOOK_UPS, ids=["list", "manifest", "blob"])
@pytest.mark.parametrize(("answer", "wanted"), NOT_AN_ANSWER)
def test_AT_13_could_not_look_is_an_error_and_never_unsigned(
    run: Runner, registry: EmbeddedRegistry, signed: str, path: str, answer: t.Any, wanted: str
) -> None:
    """A good legacy signature stands beside: the other format is no way around a look-up that failed."""
    registry.fault(("GET", path), answer)
    assert code(run(VERIFY, image=signed, key="ours.pub", registry_timeout=1)) == wanted


@pytest.mark.parametrize(("answer", "wanted"), NOT_AN_ANSWER)
def test_AT_13_the_same_of_the_signature_tag(
    run: Runner, registry: EmbeddedRegistry, pushed: str, answer: t.Any, wanted: str
) -> None:
    registry.fault(("GET", r"/manifests/sha256-[0-9a-f]{64}\.sig$"), answer)
    assert code(run(VERIFY, image=pushed, key="ours.pub", registry_timeout=1)) == wanted


@pytest.mark.parametrize(
    ("error", "wanted"),
    [("DENIED", "AUTH_REFUSED"), ("UNAUTHORIZED", "AUTH_REFUSED"), ("TOOMANYREQUESTS", "RATE_LIMITED")],
)
def test_AT_13_a_404_that_says_you_may_not_look(
    run: Runner, registry: EmbeddedRegistry, signed: str, error: str, wanted: str
) -> None:
    body = f'{{"errors": [{{"code": "{error}"}}]}}'.encode()
    registry.fault(("GET", "/(referrers|manifests)/"), faults.status(404, {}, body))
    assert code(run(VERIFY, image=signed, key="ours.pub")) == wanted


def test_a_look_up_that_is_not_needed_is_not_made(run: Runner, registry: EmbeddedRegistry, signed: str) -> None:
    registry.fault(("GET", r"\.sig$"), faults.status(500))
    assert run(VERIFY, image=signed, key="ours.pub")["verified"]
    assert code(run(VERIFY, image=signed, key="ours.pub", signatures="all", registry_timeout=1)) == "UNREACHABLE"


@pytest.mark.attack("AT-04a", "CVE-2023-46737", "CVE-2024-29903")
def test_AT_04_a_hundred_thousand_layers(run: Runner, registry: EmbeddedRegistry, pushed: str) -> None:
    registry.fault(("GET", r"\.sig$"), faults.many_layers())
    registry.reset_requests()
    assert code(run(VERIFY, image=pushed, key="ours.pub")) == "LIMIT_EXCEEDED"
    assert not [one for one in registry.requests if "/blobs/" in one.path]


def test_AT_12_d_junk_referrers_change_no_verdict(run: Runner, registry: EmbeddedRegistry, signed: str) -> None:
    subject = multi_arch()
    assert subject.digest == signed.split("@")[1]
    bundle = "application/vnd.dev.sigstore.bundle.v0.3+json"
    for payload, kind in ((b"{}", "text/plain"), (b"not json", bundle), (b'{"mediaType": "x"}', bundle), (b"", bundle)):
        referrer(subject, payload, kind).push_to(registry, "acme/app")
    result = run(VERIFY, image=signed, key="ours.pub", signatures="all")
    assert result["verified"] and len(result["signatures"]) == 2
    if registry.settings.referrers:  # without the API, whoever pushes must add to the index; these did not
        assert len(result["images"][0]["rejected"]) == 3, "what is no bundle is passed over, a bad one is listed"
    assert code(run(VERIFY, image=signed, key="other.pub")) == "NO_MATCHING_SIGNATURE"


@pytest.mark.attack("AT-12d")
def test_an_odd_referrer_keeps_nobody_from_looking(run: Runner, registry: EmbeddedRegistry, signed: str) -> None:
    """I7: beside a good signature it changes nothing; alone it is never "unsigned"."""
    store = registry.repository("acme/app")
    run(SIGN, image=signed, key="other.key")
    bundles = [digest for digest, one in store.manifests.items() if one.subject == signed.split("@")[1]]
    ours = store.manifests[bundles[0]].content["layers"][0]["digest"]
    registry.fault(("GET", f"/blobs/{ours}$"), faults.wrong_bytes)
    assert run(VERIFY, image=signed, key="other.pub")["verified"]
    registry.clear_faults()
    registry.fault(("GET", f"/manifests/{bundles[0]}$"), faults.status(404))
    assert run(VERIFY, image=signed, key="other.pub")["verified"]
    assert run(VERIFY, image=signed, key="ours.pub")["verified"], "by its legacy signature"
    assert code(run(VERIFY, image=signed, key="ours.pub", annotations={"none": "such"})) == "UNREACHABLE"


def test_images_are_all_reported(run: Runner, registry: EmbeddedRegistry, signed: str) -> None:
    unsigned = (
        f"{registry.host}/acme/app@"
        + registry.repository("acme/app").manifests[signed.split("@")[1]].content["manifests"][1]["digest"]
    )
    images = [signed, unsigned, f"{registry.host}/acme/none:1", signed]
    result = run(VERIFY, images=images, key="ours.pub")
    assert result["failed"] and not result["verified"]
    assert [one["verified"] for one in result["images"]] == [True, False, False, True]
    assert result["rejection"]["code"] == "NO_SIGNATURE" and "2 of 4" in result["msg"]
    assert "signatures" not in result["images"][0] and "pinned" not in result
    assert run(VERIFY, images=[signed, signed], key="ours.pub", details=True)["images"][1]["signatures"]


def test_variables_stand_for_options_and_options_win(run: Runner, signed: str) -> None:
    run.environ["COSIGN_KEY"] = "other.pub"
    assert code(run(VERIFY, image=signed)) == "NO_MATCHING_SIGNATURE"
    assert run(VERIFY, image=signed, key="ours.pub")["verified"]
    assert run(VERIFY, image=signed, keys=["ours.pub"])["verified"], "a rival of the option: not read"
    run.environ["COSIGN_INSECURE_IGNORE_TLOG"] = "true"
    assert code(run(VERIFY, image=signed, key="ours.pub", insecure_ignore_tlog=False)) == "TLOG_MISSING"
