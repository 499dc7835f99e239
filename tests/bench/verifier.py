# Copyright (c) 2026, the supplychain.cosign authors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""One verification: warm and cold, against sigstore-python. Times are the processor's, as others use this machine."""

from __future__ import annotations

import collections
import json
import os
import statistics
import subprocess
import sys
import tempfile
import time
import typing as t
import zipfile
from pathlib import Path

from tests.bench.judges import ROOT, UTILS, Judge, cases, ours, theirs

ROUNDS = 300
PROCESSES = 15
FASTER, SHARE, IMPORT = 1.5, 0.7, 40.0

_KEYS = {"secp256r1": "P-256", "secp384r1": "P-384", "secp521r1": "P-521", "Ed25519PublicKey": "Ed25519"}
_BEFORE = """\
import json, sys, time
def peak():
    return int(open("/proc/self/status").read().partition("VmHWM:")[2].split()[0]) / 1024
import ansible.module_utils.basic
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec, ed25519, padding, rsa, utils
memory, wall, cpu = peak(), time.perf_counter(), time.process_time()
sys.path[:0] = sys.argv[1:]
"""
_AFTER = """
wall, cpu = time.perf_counter() - wall, time.process_time() - cpu
print(json.dumps([wall * 1000, cpu * 1000, peak() - memory]))
"""
_IMPORTS = "".join(f"\nimport {UTILS}._evidence.{name}" for name in ("read", "trusted_root", "verify"))


def warm() -> None:
    """One warm verification, from the bundle's bytes to the verdict, in turn with sigstore-python (ms: min, median)."""
    for case in cases():
        mine, other = ours(case), theirs(case)
        for _round in range(20):
            mine()
            other()
        pairs = [(_took(mine), _took(other)) for _round in range(ROUNDS)]
        ratio = statistics.median(b / a for a, b in pairs)
        crypto = _cryptography(mine)
        best = [min(times) for times in zip(*pairs, strict=True)]
        middle = [statistics.median(times) for times in zip(*pairs, strict=True)]
        share = sum(min(times) for times in crypto.values()) / min(best[0], _best(mine))
        print(
            f"{case.name:<16} ours {best[0]:.2f} {middle[0]:.2f}, sigstore {best[1]:.2f} {middle[1]:.2f}: {ratio:.2f}x"
            f"{'' if ratio >= FASTER else f'   BELOW THE AIM {FASTER}x'};"
            f" cryptography {share:.0%} of ours{'' if share >= SHARE else f'   BELOW THE AIM {SHARE:.0%}'}"
        )
        print("    " + ", ".join(f"{what} {min(times):.2f}" for (_number, what), times in crypto.items()))


def _took(judge: Judge) -> float:
    started = time.process_time()
    judge()
    return (time.process_time() - started) * 1000


def _best(judge: Judge) -> float:
    return min(_took(judge) for _round in range(ROUNDS))


def _cryptography(judge: Judge) -> dict[tuple[int, str], list[float]]:
    """What the calls into `cryptography` took, in their order: verified signatures, with the kind of key and for whom,
    and keys that were read."""
    found: dict[tuple[int, str], list[float]] = collections.defaultdict(list)
    calls: list[tuple[str, float]] = []

    def watch(frame: t.Any, event: str, called: t.Any) -> None:
        now = time.process_time()
        if getattr(called, "__name__", "") not in ("verify", "load_der_public_key"):
            return
        if event == "c_call":
            calls.append((_name(frame, called), now))
        elif event in ("c_return", "c_exception"):
            what, started = calls[-1]
            found[len(calls), what].append((now - started) * 1000)

    for _round in range(50):
        calls.clear()
        sys.setprofile(watch)
        try:
            judge()
        finally:
            sys.setprofile(None)
    return found


_FOR = {
    "find_signer": "signature",
    "check_scts": "SCT",
    "_verify_set": "SET",
    "_verify_inclusion": "checkpoint",
    "build_chain": "certificate",
    "verify_timestamp": "timestamp",
}


def _name(frame: t.Any, called: t.Any) -> str:
    if called.__name__ != "verify":
        return "key read"
    key = called.__self__
    kind = getattr(getattr(key, "curve", None), "name", type(key).__name__)
    while frame.f_back and frame.f_code.co_name not in _FOR:
        frame = frame.f_back
    return f"{_FOR.get(frame.f_code.co_name, 'other')} {_KEYS.get(kind, kind)}"


def cold() -> None:
    """Imports in a module, on top of what it and `cryptography` need, and one cold verification (ms: min, median)."""
    with tempfile.TemporaryDirectory(prefix="supplychain-cosign-bench.") as name:
        folder = Path(name)
        places = {
            f"ours ({UTILS.rpartition('.')[2]})": (_IMPORTS, str(ROOT.parents[2])),
            "ours, from a module's archive": (_IMPORTS, str(_archive(folder))),
            "sigstore.verify": ("\nimport sigstore.models, sigstore.verify", ""),
        }
        for what, (imports, place) in places.items():
            runs = _children([sys.executable, "-c", _BEFORE + imports + _AFTER, place], folder)
            (wall, cpu, memory), (_wall, middle, _memory) = _summary(runs)
            late = "" if cpu <= IMPORT or not what.startswith("ours") else f"   ABOVE THE AIM {IMPORT:.0f}"
            print(f"{what:<30} {cpu:.0f} {middle:.0f} (clock {wall:.0f}), {memory:.0f} MiB{late}", flush=True)
        for case in cases():
            case.store(folder)
            command = [sys.executable, str(ROOT / "tests/bench/judges.py")]
            both = [_summary(_children([*command, which, name], folder)) for which in ("ours", "theirs")]
            (mine, size), (other, other_size) = both[0][0], both[1][0]
            print(
                f"{case.name:<16} import, read the root, verify: ours {mine:.0f} ms, {size:.0f} MiB; sigstore "
                f"{other:.0f} ms, {other_size:.0f} MiB: {other / mine:.1f}x",
                flush=True,
            )


def _children(words: list[str], folder: Path) -> list[list[float]]:
    """What each of several processes printed; the first one, which may write bytecode, is left out."""
    environment = {"PATH": os.environ["PATH"], "HOME": str(folder)}
    runs = []
    for _number in range(PROCESSES + 1):
        done = subprocess.run(words, cwd=folder, env=environment, capture_output=True, text=True, check=True)
        runs.append(json.loads(done.stdout))
    return runs[1:]


def _summary(runs: list[list[float]]) -> tuple[list[float], list[float]]:
    columns = list(zip(*runs, strict=True))
    return [min(column) for column in columns], [statistics.median(column) for column in columns]


def _archive(folder: Path) -> Path:
    """Sources in a zip file, as Ansible sends them to a host: without bytecode."""
    path = folder / "module.zip"
    package = "ansible_collections/supplychain/cosign"
    with zipfile.ZipFile(path, "w", zipfile.ZIP_DEFLATED) as archive:
        for source in ROOT.joinpath("plugins/module_utils").rglob("*.py"):
            archive.write(source, f"{package}/{source.relative_to(ROOT)}")
        names = {str(parent) for name in archive.namelist() for parent in Path(name).parents if str(parent) != "."}
        for one in sorted(names):
            if f"{one}/__init__.py" not in archive.namelist():
                archive.writestr(f"{one}/__init__.py", "")
    return path
