# Copyright (c) 2026, the supplychain.cosign authors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

from __future__ import annotations

import base64
import contextlib
import http.client
import threading
import time
from concurrent.futures import ThreadPoolExecutor

import pytest

from tests.support import faults, images
from tests.support.proxy import ConnectProxy, DelayingProxy
from tests.support.registry import EmbeddedRegistry


def test_delay_is_a_round_trip_per_request_and_one_per_connection() -> None:
    with EmbeddedRegistry() as registry, DelayingProxy(registry.host, 100) as proxy:
        connection = http.client.HTTPConnection(proxy.host, timeout=5)
        times = []
        for dummy in range(3):
            start = time.monotonic()
            connection.request("GET", "/v2/")
            assert connection.getresponse().read() == b"{}"
            times.append(time.monotonic() - start)
        connection.close()
    assert times[0] >= 0.2
    assert min(times) >= 0.1


def test_connections_do_not_wait_for_each_other() -> None:
    with EmbeddedRegistry() as registry, DelayingProxy(registry.host, 400) as proxy:

        def get(_number: int) -> int:
            with contextlib.closing(http.client.HTTPConnection(proxy.host, timeout=10)) as connection:
                connection.request("GET", "/v2/")
                return connection.getresponse().status

        start = time.monotonic()
        with ThreadPoolExecutor(20) as pool:
            assert set(pool.map(get, range(20))) == {200}
        assert time.monotonic() - start < 20 * 0.8, "one after the other would take this long"


def test_large_bodies_and_early_ends_pass() -> None:
    image = images.image(padding=3_000_000)
    with EmbeddedRegistry() as registry, DelayingProxy(registry.host, 2) as proxy:
        image.push_to(registry, "a", "v1")
        registry.fault(("GET", "manifests"), faults.half_body)
        for digest, data in image.blobs.items():
            with contextlib.closing(http.client.HTTPConnection(proxy.host, timeout=10)) as connection:
                connection.request("GET", f"/v2/a/blobs/{digest}")
                assert connection.getresponse().read() == data
        with contextlib.closing(http.client.HTTPConnection(proxy.host, timeout=10)) as connection:
            connection.request("GET", "/v2/a/manifests/v1")
            with pytest.raises(http.client.IncompleteRead):
                connection.getresponse().read()


def test_closing_ends_the_thread_and_open_connections() -> None:
    before = threading.active_count()
    with EmbeddedRegistry() as registry:
        registry.fault(("GET", "."), faults.silence)
        with DelayingProxy(registry.host, 1) as proxy:
            connection = http.client.HTTPConnection(proxy.host, timeout=5)
            connection.request("GET", "/v2/")
            while not registry.requests:
                time.sleep(0.01)
        with pytest.raises((ConnectionError, http.client.RemoteDisconnected)):
            connection.getresponse()
        connection.close()
    assert threading.active_count() == before


def test_connect_and_absolute_form() -> None:
    with EmbeddedRegistry() as registry, ConnectProxy(hosts={"registry.example:443": registry.host}) as proxy:
        tunnel = http.client.HTTPConnection(proxy.host, timeout=5)
        tunnel.set_tunnel("registry.example", 443)
        for dummy in range(2):
            tunnel.request("GET", "/v2/")
            assert tunnel.getresponse().read() == b"{}"
        tunnel.close()
        plain = http.client.HTTPConnection(proxy.host, timeout=5)
        plain.request("POST", f"http://{registry.host}/v2/a/blobs/uploads/?x=1", b"body")
        response = plain.getresponse()
        assert (response.status, response.headers["Connection"]) == (202, None)
        response.read()
        plain.close()
        assert [(r.method, r.target) for r in proxy.requests] == [
            ("CONNECT", "registry.example:443"),
            ("POST", f"http://{registry.host}/v2/a/blobs/uploads/?x=1"),
        ]
        assert [r.target for r in registry.requests] == ["/v2/", "/v2/", "/v2/a/blobs/uploads/?x=1"]


def test_proxy_credentials() -> None:
    with EmbeddedRegistry() as registry, ConnectProxy(credentials=("me", "pw")) as proxy:

        def get(**headers: str) -> int:
            with contextlib.closing(http.client.HTTPConnection(proxy.host, timeout=5)) as connection:
                connection.request("GET", f"{registry.url}/v2/", headers=headers)
                return connection.getresponse().status

        assert get() == 407
        right = "Basic " + base64.b64encode(b"me:pw").decode()
        assert get(**{"Proxy-Authorization": right}) == 200
        assert "proxy-authorization" not in registry.requests[0].headers


def test_target_that_is_not_there() -> None:
    with ConnectProxy() as proxy, contextlib.closing(http.client.HTTPConnection(proxy.host, timeout=5)) as connection:
        connection.request("GET", "http://127.0.0.1:1/")
        assert connection.getresponse().status == 502
