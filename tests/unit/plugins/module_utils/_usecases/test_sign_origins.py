# Copyright (c) 2026, the supplychain.cosign authors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""To whom a signing task speaks: servers with certificates of one's own authority, and nobody that was not named."""

from __future__ import annotations

import contextlib
import json
import ssl
import typing as t
from pathlib import Path

import pytest

from ansible_collections.supplychain.cosign.plugins.module_utils._ansible.cosign_sign import TASK as SIGN
from ansible_collections.supplychain.cosign.plugins.module_utils._http import dial
from tests.support import faults
from tests.support.certificates import Authority
from tests.support.registry import EmbeddedRegistry
from tests.support.sigstore.server import ANYBODY, VirtualServices
from tests.support.tasks import Runner

Options = dict[str, t.Any]


def tls(authority: Authority, client_ca: Path | None = None, *names: str) -> ssl.SSLContext:
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    pair = authority.server(*names)
    context.load_cert_chain(pair.certificate, pair.key)
    if client_ca:
        context.load_verify_locations(client_ca)
        context.verify_mode = ssl.CERT_REQUIRED
    return context


def keyless(run: Runner, services: VirtualServices, **more: t.Any) -> Options:
    """Options to sign on these services, as `ANYBODY`."""
    run.environ = {"SIGSTORE_ID_TOKEN": services.token()}
    run.defaults = {"allow_http_registry": True}
    return {
        "trusted_root": services.trusted_root(),
        "fulcio_url": services.urls.fulcio,
        "rekor_url": services.urls.rekor1,
        **more,
    }


def code(result: Options) -> str:
    assert result["failed"], result
    return str(result["rejection"]["code"])


def test_services_with_certificates_of_our_own_authority(run: Runner, pushed: str, tmp_path: Path) -> None:
    ours, other = Authority(tmp_path), Authority(tmp_path, "other CA")
    with VirtualServices(tls=tls(ours)) as services:
        options = keyless(run, services, image=pushed)
        refused = run(SIGN, **options)
        assert code(refused) == "TLS_REFUSED" and "services_cacert" in refused["msg"], refused
        assert code(run(SIGN, **options, services_cacert=str(other.ca))) == "TLS_REFUSED"
        assert services.requests == []
        assert run(SIGN, **options, services_cacert=str(ours.ca))["changed"]


def test_a_timestamp_authority_that_wants_to_know_us(run: Runner, pushed: str, tmp_path: Path) -> None:
    ours, theirs = Authority(tmp_path), Authority(tmp_path, "their CA")
    client = ours.client()
    with VirtualServices() as services, VirtualServices(tls=tls(theirs, ours.ca, "stamps.example")) as stamping:
        root = {**services.trusted_root(), "timestampAuthorities": stamping.trusted_root()["timestampAuthorities"]}
        options = keyless(run, services, image=pushed, timestamp_server_url=stamping.urls.tsa)
        options.update(trusted_root=root, timestamp_client_cacert=str(theirs.ca))
        known: Options = {"timestamp_client_cert": str(client.certificate), "timestamp_client_key": str(client.key)}
        named: Options = {"timestamp_server_name": "stamps.example"}
        assert code(run(SIGN, **options, **known)) == "TLS_REFUSED"
        assert code(run(SIGN, **options, **named)) == "TLS_REFUSED"
        signed = run(SIGN, **options, **known, **named)
        assert len(signed["signatures"][0]["timestamps"]) == 1, signed


@pytest.mark.parametrize("service", ["fulcio", "rekor1", "tsa"])
@pytest.mark.attack("AT-40f", "AT-08")
def test_AT_40_f_redirects_to_other_servers_get_nothing(
    run: Runner,
    registry: EmbeddedRegistry,
    pushed: str,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    service: t.Any,
) -> None:
    # As if it were a public address: it is not for its network that it gets nothing.
    monkeypatch.setattr(dial, "is_public", lambda _address: True)
    ours = Authority(tmp_path)
    with VirtualServices(tls=tls(ours)) as services, VirtualServices(tls=tls(ours)) as elsewhere:
        options = keyless(run, services, image=pushed, timestamp_server_url=services.urls.tsa)
        options["services_cacert"] = str(ours.ca)
        services.fault(service, faults.redirect(f"{getattr(elsewhere.urls, service)}", 307))
        registry.reset_requests()
        result = run(SIGN, **options)
        assert code(result) == "REDIRECT_REFUSED", result
        assert elsewhere.requests == [] and registry.writes() == []
        assert run.environ["SIGSTORE_ID_TOKEN"] not in json.dumps(result)


def test_each_service_gets_only_what_is_its(run: Runner, registry: EmbeddedRegistry, pushed: str) -> None:
    """The token goes to Fulcio, and to nobody else; certificate and signature go to no server that is not named."""
    with VirtualServices() as services:
        options = keyless(run, services, image=pushed, timestamp_server_url=services.urls.tsa)
        token = run.environ["SIGSTORE_ID_TOKEN"]
        with contextlib.ExitStack() as stack:
            others = stack.enter_context(VirtualServices())
            assert run(SIGN, **options, signature_format="both")["changed"]
            assert others.requests == []
        for one in services.requests:
            has_it = token.encode() in one.request.body or token in str(one.request.headers)
            assert has_it == (one.service == "fulcio"), one
        assert all(token not in f"{one.target} {one.headers}" for one in registry.requests)
        assert all(token.encode() not in one.body for one in registry.requests)


def test_whom_the_token_names_is_in_no_request_but_to_fulcio(run: Runner, pushed: str) -> None:
    with VirtualServices() as services:
        options = keyless(run, services, image=pushed)
        assert run(SIGN, **options)["signatures"][0]["certificate"]["subject"] == ANYBODY
        assert [one.service for one in services.requests] == ["fulcio", "rekor1"]
