# Copyright (c) 2026, the supplychain.cosign authors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""A whole Sigstore on loopback: the real Fulcio, CT log, Rekor v1 and v2 and TSA, with keys of their own.

All listen on 127.0.0.1, also the metrics of Fulcio and Rekor v1, which are made to (tests/support/parts.py).
"""

from __future__ import annotations

import contextlib
import datetime
import json
import os
import socket
import subprocess
import time
import typing as t
import urllib.request
from dataclasses import dataclass
from pathlib import Path

from tests.interop.service_keys import PASSWORD, write_keys
from tests.support import parts
from tests.support.sigstore.issuer import Issuer
from tests.support.sigstore.server import VirtualServices

_DAY = datetime.timedelta(days=1)
_PROGRAMS = (
    "mariadb",
    "trillian-server",
    "trillian-signer",
    "trillian-createtree",
    "ct-log",
    "fulcio",
    "rekor1",
    "rekor2",
    "rekor2-dsse",
    "tsa",
    "cosign3",
)
_PORTS = (
    *_PROGRAMS,
    "trillian-server-http",
    "fulcio-grpc",
    "fulcio-metrics",
    "rekor2-grpc",
    "rekor2-metrics",
    "rekor2-dsse-grpc",
    "rekor2-dsse-metrics",
)


@dataclass(frozen=True)
class Sigstore:
    """The running services. The paths are files as cosign's options and variables want them.

    ``signing_config_v1`` has Rekor v1 and no TSA, ``signing_config_v2`` Rekor v2 and the TSA. ``rekor2_dsse`` is
    a second Rekor v2, which still takes entries of kind dsse.
    """

    issuer: Issuer
    fulcio: str
    rekor1: str
    rekor2: str
    rekor2_dsse: str
    tsa: str
    trusted_root: Path
    signing_config_v1: Path
    signing_config_v2: Path
    root_file: Path
    ct_key: Path
    rekor_key: Path
    tsa_chain: Path

    def signing_config(self, rekor: int) -> Path:
        """The signing config with that version of Rekor."""
        return self.signing_config_v1 if rekor == 1 else self.signing_config_v2

    @property
    def variables(self) -> dict[str, str]:
        """The environment variables by which cosign trusts single keys and roots."""
        return {
            "SIGSTORE_ROOT_FILE": str(self.root_file),
            "SIGSTORE_CT_LOG_PUBLIC_KEY_FILE": str(self.ct_key),
            "SIGSTORE_REKOR_PUBLIC_KEY": str(self.rekor_key),
            "SIGSTORE_TSA_CERTIFICATE_FILE": str(self.tsa_chain),
        }


@contextlib.contextmanager
def sigstore(folder: Path) -> t.Iterator[Sigstore]:
    """Start all of it, which takes some seconds; raises Missing when a part cannot be had."""
    programs = {name: str(parts.program(name)) for name in _PROGRAMS}
    ports = _free_ports()
    write_keys(folder)
    with contextlib.closing(Issuer()) as issuer, contextlib.ExitStack() as stack:
        start = _Starter(stack, folder, programs)
        _start_independent(start, ports, issuer)
        trees = _start_trillian(start, ports)
        _start_logs(start, ports, trees)
        yield _described(folder, programs["cosign3"], ports, issuer)


class _Starter:
    """Starts programs that run until the stack unwinds. They are killed: what they keep goes with the folder."""

    def __init__(self, stack: contextlib.ExitStack, folder: Path, programs: t.Mapping[str, str]) -> None:
        self._stack = stack
        self.folder = folder
        self.programs = programs
        self._running: dict[str, subprocess.Popen[bytes]] = {}

    def __call__(self, name: str, *arguments: str | Path, env: t.Mapping[str, str] | None = None) -> None:
        with (self.folder / f"{name}.log").open("wb") as log:
            process = subprocess.Popen(
                [self.programs[name], *map(str, arguments)],
                cwd=self.folder,
                env={"PATH": os.environ["PATH"], "HOME": str(self.folder), **(env or {})},
                stdin=subprocess.DEVNULL,
                stdout=log,
                stderr=subprocess.STDOUT,
                start_new_session=True,
            )
        self._running[name] = process
        self._stack.callback(process.wait)
        self._stack.callback(process.kill)

    def await_url(self, name: str, url: str) -> bytes:
        """Return what a program answers with status 200, as soon as it does."""
        return bytes(self._await(name, lambda: _get(url)))

    def await_port(self, name: str, port: int) -> None:
        """Wait until a program takes connections."""
        self._await(name, lambda: socket.create_connection(("127.0.0.1", port), 1).close())

    def _await(self, name: str, attempt: t.Callable[[], t.Any]) -> t.Any:
        deadline = time.monotonic() + 30
        while True:
            try:
                return attempt()
            except OSError as error:
                if time.monotonic() > deadline or self._running[name].poll() is not None:
                    log = (self.folder / f"{name}.log").read_text(errors="replace")
                    raise RuntimeError(f"{name} did not become ready: {error}: {log[-2000:]}") from error
                time.sleep(0.05)


def _get(url: str) -> bytes:
    with urllib.request.urlopen(url, timeout=10) as answer:
        return bytes(answer.read())


def _free_ports() -> dict[str, int]:
    """Ports that were free just now: most of the programs cannot choose one themselves and say which."""
    with contextlib.ExitStack() as stack:
        listeners = [stack.enter_context(socket.create_server(("127.0.0.1", 0))) for _name in _PORTS]
        return {name: listener.getsockname()[1] for name, listener in zip(_PORTS, listeners, strict=True)}


def _start_independent(start: _Starter, ports: dict[str, int], issuer: Issuer) -> None:
    folder = start.folder
    start("tsa", str(ports["tsa"]))
    for rekor in ("rekor2", "rekor2-dsse"):
        start(
            rekor,
            "serve",
            f"--http-port={ports[rekor]}",
            f"--grpc-port={ports[f'{rekor}-grpc']}",
            f"--http-metrics-port={ports[f'{rekor}-metrics']}",
            # The origin of its checkpoints: cosign accepts the host of the log's address without the port, only that.
            "--hostname=127.0.0.1",
            f"--storage-dir={folder / rekor}",
            f"--signer-filepath={folder / f'{rekor}.key'}",
            "--checkpoint-interval=200ms",
            "--batch-max-age=50ms",
        )
    # With a first line that is no JSON: in JSON it would look for the names of an older format.
    (folder / "fulcio.yaml").write_text("---\n" + json.dumps({"oidc-issuers": issuer.fulcio_config()}))
    start(
        "fulcio",
        "serve",
        "--host=127.0.0.1",
        f"--port={ports['fulcio']}",
        "--grpc-host=127.0.0.1",
        f"--grpc-port={ports['fulcio-grpc']}",
        f"--metrics-port={ports['fulcio-metrics']}",
        f"--legacy-unix-domain-socket={folder / 'fulcio.sock'}",
        "--ca=fileca",
        f"--fileca-cert={folder / 'fulcio-chain.pem'}",
        f"--fileca-key={folder / 'fulcio.key'}",
        f"--fileca-key-passwd={PASSWORD}",
        "--fileca-watch=false",
        f"--ct-log-url=http://127.0.0.1:{ports['ct-log']}/ct",
        f"--config-path={folder / 'fulcio.yaml'}",
    )


def _start_trillian(start: _Starter, ports: dict[str, int]) -> tuple[str, str]:
    """Start the database of both logs; return the numbers of the CT log's and Rekor's tree in it."""
    _start_mariadb(start, ports["mariadb"])
    database = f"--mysql_uri=root@tcp(127.0.0.1:{ports['mariadb']})/trillian"
    server = f"127.0.0.1:{ports['trillian-server']}"
    start(
        "trillian-server",
        database,
        f"--rpc_endpoint={server}",
        f"--http_endpoint=127.0.0.1:{ports['trillian-server-http']}",
    )
    start(
        "trillian-signer",
        database,
        f"--rpc_endpoint=127.0.0.1:{ports['trillian-signer']}",
        "--http_endpoint=",
        "--force_master",
        "--sequencer_interval=50ms",
    )
    start.await_port("trillian-server", ports["trillian-server"])
    create = [start.programs["trillian-createtree"], f"--admin_server={server}"]
    making = [
        subprocess.Popen(create, stdout=subprocess.PIPE, stderr=subprocess.DEVNULL, text=True) for _tree in range(2)
    ]
    first, second = (process.communicate(timeout=30)[0].strip() for process in making)
    return first, second


def _start_mariadb(start: _Starter, port: int) -> None:
    place = Path(start.programs["mariadb"]).parents[2]
    (start.folder / "mariadb").mkdir()
    options = [
        "--no-defaults",
        # It would not run as root without; another user gets a warning.
        "--user=root",
        f"--datadir={start.folder / 'mariadb'}",
        f"--lc-messages-dir={place / 'usr/share/mysql'}",
        f"--character-sets-dir={place / 'usr/share/mysql/charsets'}",
        # No users and no system tables: whoever reaches this port may do all.
        "--skip-grant-tables",
        "--innodb-flush-log-at-trx-commit=0",
    ]
    environment = {"LD_LIBRARY_PATH": str(next(place.glob("usr/lib/*-linux-gnu")))}
    schema = Path(start.programs["trillian-server"]).with_name("storage.sql").read_text()
    subprocess.run(
        [start.programs["mariadb"], *options, "--bootstrap"],
        env=environment,
        input=f"CREATE DATABASE trillian;\nUSE trillian;\n{schema}",
        text=True,
        capture_output=True,
        check=True,
    )
    # The path of a socket may have 107 characters: it is named from the data folder.
    network = ["--bind-address=127.0.0.1", f"--port={port}", "--socket=mariadb.sock"]
    start("mariadb", *options, *network, env=environment)
    start.await_port("mariadb", port)


def _start_logs(start: _Starter, ports: dict[str, int], trees: tuple[str, str]) -> None:
    folder, server = start.folder, f"127.0.0.1:{ports['trillian-server']}"
    (folder / "ct.cfg").write_text(
        f'config {{ log_id: {trees[0]} prefix: "ct" roots_pem_file: "{folder}/fulcio-root.pem" '
        'ext_key_usages: "CodeSigning" private_key { [type.googleapis.com/keyspb.PEMKeyFile] '
        f'{{ path: "{folder}/ct.key" password: "{PASSWORD}" }} }} }}\n'
    )
    start(
        "ct-log",
        f"--log_config={folder / 'ct.cfg'}",
        f"--log_rpc_server={server}",
        f"--http_endpoint=127.0.0.1:{ports['ct-log']}",
    )
    start(
        "rekor1",
        "serve",
        "--rekor_server.address=127.0.0.1",
        f"--port={ports['rekor1']}",
        "--trillian_log_server.address=127.0.0.1",
        f"--trillian_log_server.port={ports['trillian-server']}",
        f"--trillian_log_server.tlog_id={trees[1]}",
        "--enable_retrieve_api=false",
        "--rekor_server.signer=memory",
        # The name in its checkpoints: sigstore-js accepts what it finds in the log's address.
        "--rekor_server.hostname=127.0.0.1",
        "--enable_attestation_storage=true",
        f"--attestation_storage_bucket=file://{folder}/attestations?create_dir=1",
    )
    rekor_key = start.await_url("rekor1", f"http://127.0.0.1:{ports['rekor1']}/api/v1/log/publicKey")
    (folder / "rekor1.pub").write_bytes(rekor_key)
    start.await_url("ct-log", f"http://127.0.0.1:{ports['ct-log']}/ct/ct/v1/get-sth")
    chain = start.await_url("tsa", f"http://127.0.0.1:{ports['tsa']}/api/v1/timestamp/certchain")
    (folder / "tsa-chain.pem").write_bytes(chain)
    for rekor in ("rekor2", "rekor2-dsse"):
        start.await_port(rekor, ports[rekor])
    start.await_url("fulcio", f"http://127.0.0.1:{ports['fulcio']}/api/v2/configuration")


def _described(folder: Path, cosign: str, ports: dict[str, int], issuer: Issuer) -> Sigstore:
    url = {name: f"http://127.0.0.1:{port}" for name, port in ports.items()}
    began = f"{datetime.datetime.now(datetime.timezone.utc) - _DAY:%Y-%m-%dT%H:%M:%SZ}"
    logged = f"start-time={began}"
    _cosign(
        cosign,
        "trusted-root",
        f"--fulcio=url={url['fulcio']},certificate-chain={folder}/fulcio-chain.pem",
        f"--ctfe=url={url['ct-log']}/ct,public-key={folder}/ct.pub,{logged}",
        f"--rekor=url={url['rekor1']},public-key={folder}/rekor1.pub,{logged}",
        *(
            f"--rekor=url={url[rekor]},public-key={folder}/{rekor}.pub,{logged},origin=127.0.0.1"
            for rekor in ("rekor2", "rekor2-dsse")
        ),
        f"--tsa=url={url['tsa']}/api/v1/timestamp,certificate-chain={folder}/tsa-chain.pem",
        f"--out={folder}/trusted_root.json",
    )
    service = f"{logged},operator=test"
    both = [
        f"--fulcio=url={url['fulcio']},api-version=1,{service}",
        f"--oidc-provider=url={issuer.url}/email,api-version=1,{service}",
        "--rekor-config=ANY",
    ]
    _cosign(
        cosign,
        "signing-config",
        *both,
        f"--rekor=url={url['rekor1']},api-version=1,{service}",
        f"--out={folder}/signing_config_v1.json",
    )
    _cosign(
        cosign,
        "signing-config",
        *both,
        f"--rekor=url={url['rekor2']},api-version=2,{service}",
        f"--tsa=url={url['tsa']}/api/v1/timestamp,api-version=1,{service}",
        "--tsa-config=ANY",
        f"--out={folder}/signing_config_v2.json",
    )
    return Sigstore(
        issuer=issuer,
        fulcio=url["fulcio"],
        rekor1=url["rekor1"],
        rekor2=url["rekor2"],
        rekor2_dsse=url["rekor2-dsse"],
        tsa=f"{url['tsa']}/api/v1/timestamp",
        trusted_root=folder / "trusted_root.json",
        signing_config_v1=folder / "signing_config_v1.json",
        signing_config_v2=folder / "signing_config_v2.json",
        root_file=folder / "fulcio-chain.pem",
        ct_key=folder / "ct.pub",
        rekor_key=folder / "rekor1.pub",
        tsa_chain=folder / "tsa-chain.pem",
    )


def described(virtual: VirtualServices, folder: Path) -> Sigstore:
    """The virtual services as the real ones are described, with their files in the folder."""
    texts = {
        "trusted_root.json": json.dumps(virtual.trusted_root()),
        "signing_config_v1.json": json.dumps(virtual.signing_config(1)),
        "signing_config_v2.json": json.dumps(virtual.signing_config(2)),
        "fulcio.pem": virtual.world.ca.chain_pem.decode(),
        "ct.pub": virtual.world.ct.pem.decode(),
        "rekor.pub": virtual.world.rekor.public_pem.decode(),
        "tsa.pem": virtual.world.tsa.chain_pem().decode(),
    }
    for name, text in texts.items():
        (folder / name).write_text(text)
    paths = [folder / name for name in texts]
    urls = virtual.urls
    return Sigstore(virtual.issuer, urls.fulcio, urls.rekor1, urls.rekor2, urls.rekor2, urls.tsa, *paths)


def _cosign(program: str, what: str, *options: str) -> None:
    command = [program, what, "create", *options]
    done = subprocess.run(command, stdin=subprocess.DEVNULL, capture_output=True, text=True, timeout=60, check=False)
    assert done.returncode == 0, f"{command}: {done.stderr}"
