# Copyright (c) 2026, the supplychain.cosign authors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""What we push, copy, sign and remove, as other clients see it; and what they push and copy, as we see it."""

from __future__ import annotations

import json
import typing as t
import urllib.request
from pathlib import Path

import pytest

from tests.interop import ours
from tests.interop.clients import PASSWORD, Cosign, Format, checked, push_layout, run
from tests.interop.servers import Registry
from tests.support import images

ANNOTATIONS = {"sha": "1"}
MANIFEST = "application/vnd.oci.image.manifest.v1+json"


@pytest.fixture(params=["registry_ggcr", "registry_docker"])
def registry(request: pytest.FixtureRequest) -> Registry:
    return t.cast(Registry, request.getfixturevalue(request.param))


@pytest.fixture(params=["image", "index"])
def made(request: pytest.FixtureRequest, tmp_path: Path) -> images.Image:
    """An image or an index, also in an OCI layout."""
    name = request.node.name
    one = images.image(name) if request.param == "image" else images.multi_arch(name)
    one.write_layout(tmp_path / "layout", "1")
    return one


@pytest.fixture
def image(registry: Registry, oras: Path, tmp_path: Path, request: pytest.FixtureRequest) -> str:
    """An image in the registry, by digest."""
    one = images.image(request.node.name)
    one.write_layout(tmp_path / "source", "1")
    name = f"{registry.address}/{_repository(request)}"
    push_layout(oras, registry, Path(f"{tmp_path}/source:1"), f"{name}:1", tmp_path)
    return f"{name}@{one.digest}"


def _repository(request: pytest.FixtureRequest) -> str:
    return "clients/" + "".join(letter if letter.isalnum() else "-" for letter in request.node.name.lower()).strip("-")


class Pair(t.NamedTuple):
    key: Path
    public: Path


@pytest.fixture
def pair(tmp_path: Path) -> Pair:
    return _pair(tmp_path / "ours")


@pytest.fixture
def stranger(tmp_path: Path) -> Pair:
    return _pair(tmp_path / "stranger")


def _pair(stem: Path) -> Pair:
    done("cosign_key_pair", path=f"{stem}.key", key_password=PASSWORD)
    return Pair(Path(f"{stem}.key"), Path(f"{stem}.pub"))


@pytest.fixture
def cosign(cosign3: Path, registry: Registry, tmp_path: Path) -> Cosign:
    return Cosign(cosign3, 3, registry, tmp_path)


def ran(name: str, **options: t.Any) -> ours.Result:
    """The result of a task of ours, whatever it is."""
    access = {} if name == "cosign_key_pair" else {"allow_http_registry": True}
    return ours.engine(name, {**access, **options})


def done(name: str, **options: t.Any) -> ours.Result:
    """The result of a task of ours that succeeds."""
    result = ran(name, **options)
    assert not result.get("failed"), result
    return result


def sign(image: str, key: Path, how: str = "both", **more: t.Any) -> ours.Result:
    return done(
        "cosign_sign",
        image=image,
        key=str(key),
        key_password=PASSWORD,
        signature_format=how,
        tlog_upload=False,
        annotations=ANNOTATIONS,
        **more,
    )


def verify(image: str, public: Path, **more: t.Any) -> ours.Result:
    return ran("cosign_verify", image=image, key=str(public), insecure_ignore_tlog=True, **more)


def test_others_read_what_we_pushed(
    registry: Registry,
    made: images.Image,
    crane: Path,
    oras: Path,
    regctl: Path,
    tmp_path: Path,
    request: pytest.FixtureRequest,
) -> None:
    name = f"{registry.address}/{_repository(request)}:1"
    assert done("cosign_copy", source=f"oci:{tmp_path}/layout:1", destination=name)["digest"] == made.digest
    checked(run(regctl, "registry", "set", "--tls=disabled", registry.address, folder=tmp_path))
    for command in (
        (crane, "digest", name),
        (oras, "resolve", "--plain-http", name),
        (regctl, "manifest", "head", name),
    ):
        assert checked(run(*command, folder=tmp_path)).strip() == made.digest
    checked(run(crane, "validate", "--remote", name, folder=tmp_path))
    checked(run(oras, "cp", "--from-plain-http", "--to-oci-layout", name, f"{tmp_path}/back:1", folder=tmp_path))
    for digest, data in made.blobs.items():
        assert Path(f"{tmp_path}/back/blobs", digest.replace(":", "/")).read_bytes() == data


def test_others_list_our_signature(
    registry: Registry, image: str, pair: Pair, oras: Path, regctl: Path, cosign3: Path, tmp_path: Path
) -> None:
    bundle = sign(image, pair.key, "bundle")["signatures"][0]["location"]
    seen = json.loads(checked(run(oras, "discover", "--plain-http", "--format", "json", image, folder=tmp_path)))
    assert [one["digest"] for one in seen["referrers"]] == [bundle]
    checked(run(regctl, "registry", "set", "--tls=disabled", registry.address, folder=tmp_path))
    assert bundle in checked(run(regctl, "artifact", "tree", image, folder=tmp_path))
    assert bundle in checked(run(cosign3, "tree", "--allow-http-registry", image, folder=tmp_path))


# `cosign copy` leaves bundles behind, even its own, and the image under the tag where others list them; `crane copy`
# knows of no signatures at all. We add what is missing.
@pytest.mark.parametrize(
    ("client", "how", "carried"),
    [("cosign", "legacy", True), ("cosign", "bundle", False), ("crane", "bundle", False), ("oras", "bundle", True)],
)
def test_a_copy_of_others_is_a_copy_of_ours(
    image: str,
    pair: Pair,
    cosign3: Path,
    crane: Path,
    oras: Path,
    tmp_path: Path,
    client: str,
    how: str,
    carried: bool,
) -> None:
    sign(image, pair.key, how)
    repository, digest = image.split("@")
    copy = f"{repository}/copy:1"
    commands = {
        "cosign": (cosign3, "copy", "--allow-http-registry", image, copy),
        "crane": (crane, "copy", "--insecure", image, copy),
        "oras": (oras, "cp", "--recursive", "--from-plain-http", "--to-plain-http", image, copy),
    }
    checked(run(*commands[client], folder=tmp_path))
    result = done("cosign_copy", source=image, destination=copy, signatures=False)
    assert (result["changed"], result["digest"]) == (False, digest), result
    assert done("cosign_copy", source=image, destination=copy)["changed"] is not carried
    assert done("cosign_copy", source=image, destination=copy)["changed"] is False
    assert verify(copy, pair.public)["verified"] is True


def test_what_we_copied_needs_no_copy_by_others(image: str, pair: Pair, cosign: Cosign) -> None:
    sign(image, pair.key)
    copy = image.split("@")[0] + "/copy:1"
    done("cosign_copy", source=image, destination=copy)
    for how in ("bundle", "legacy"):
        checked(cosign.verify(copy, pair.public, how, ANNOTATIONS))


@pytest.mark.parametrize("how", ["bundle", "legacy"])
def test_absent_is_unsigned_to_others(image: str, pair: Pair, cosign: Cosign, how: Format) -> None:
    sign(image, pair.key)
    checked(cosign.verify(image, pair.public, how, {}))
    removed = ran(
        "cosign_sign", image=image, key=str(pair.key), key_password=PASSWORD, signature_format="both", state="absent"
    )
    assert removed["changed"] is True, removed
    said = cosign.verify(image, pair.public, how, {})
    assert said.returncode == 10, said.stderr
    assert verify(image, pair.public)["rejection"]["code"] == "NO_SIGNATURE"


def test_the_signatures_of_others_stay_as_they_are(
    registry: Registry, image: str, pair: Pair, stranger: Pair, cosign: Cosign, cosign2: Path, tmp_path: Path
) -> None:
    """Ours goes after theirs, theirs after ours, then ours goes out: theirs are the same bytes in the same order."""
    older = Cosign(cosign2, 2, registry, tmp_path)
    older.sign(image, stranger.key, "legacy", {"who": "cosign 2"})
    before = _signatures(registry, image)
    sign(image, pair.key, "legacy")
    assert _signatures(registry, image)[:1] == before
    cosign.sign(image, stranger.key, "legacy", {"who": "cosign 3"})
    three = _signatures(registry, image)
    assert len(three) == 3
    gone = ran("cosign_sign", image=image, key=str(pair.key), key_password=PASSWORD, state="absent")
    assert gone["changed"] is True, gone
    assert _signatures(registry, image) == [three[0], three[2]]
    for who in ("cosign 2", "cosign 3"):
        checked(cosign.verify(image, stranger.public, "legacy", {"who": who}))
        checked(older.verify(image, stranger.public, "legacy", {"who": who}))


def _signatures(registry: Registry, image: str) -> list[tuple[str, bytes]]:
    """The layers of the image's `.sig`: each descriptor as it stands there, and its blob."""
    repository, digest = image.partition("/")[2].split("@")
    base = f"http://{registry.address}/v2/{repository}"
    manifest = json.loads(_get(f"{base}/manifests/{digest.replace(':', '-')}.sig"))
    return [(json.dumps(layer), _get(f"{base}/blobs/{layer['digest']}")) for layer in manifest["layers"]]


def _get(url: str) -> bytes:
    with urllib.request.urlopen(urllib.request.Request(url, headers={"Accept": MANIFEST}), timeout=10) as answer:
        return t.cast(bytes, answer.read())


@pytest.mark.parametrize("how", ["bundle", "legacy"])
def test_a_layout_that_cosign_saved(
    image: str, pair: Pair, cosign: Cosign, cosign3: Path, tmp_path: Path, how: Format
) -> None:
    cosign.sign(image, pair.key, how, ANNOTATIONS)
    checked(run(cosign3, "save", "--allow-http-registry", "--dir", tmp_path / "saved", image, folder=tmp_path))
    result = verify(f"oci:{tmp_path}/saved", pair.public, annotations=ANNOTATIONS)
    assert result["verified"] is True, result
    assert result["digest"] == image.split("@")[1]


@pytest.mark.parametrize("how", ["bundle", "legacy"])
def test_cosign_reads_our_layout(
    image: str, pair: Pair, stranger: Pair, cosign: Cosign, tmp_path: Path, how: Format
) -> None:
    sign(image, pair.key, how)
    done("cosign_copy", source=image, destination=f"oci:{tmp_path}/saved:1")
    # A place on disk is no registry: cosign takes the option that allows http all the same.
    checked(cosign.verify(f"{tmp_path}/saved", pair.public, how, ANNOTATIONS, "--local-image"))
    assert cosign.verify(f"{tmp_path}/saved", stranger.public, how, ANNOTATIONS, "--local-image").returncode != 0
