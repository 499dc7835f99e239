# Copyright (c) 2026, the supplychain.cosign authors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""Holds together what is said in several places: specs, documentation, variables, action groups and plugins."""

from __future__ import annotations

import functools
import importlib
import json
import os
import re
import subprocess
import sys
import typing as t
from pathlib import Path

import pytest
import yaml

from ansible_collections.supplychain.cosign.plugins.module_utils._ansible import options, signing, trust
from ansible_collections.supplychain.cosign.plugins.module_utils._ansible.spec import ArgumentSpec
from ansible_collections.supplychain.cosign.plugins.module_utils._ansible.task import Task
from ansible_collections.supplychain.cosign.plugins.module_utils._usecases.environment import (
    OPTION_VARIABLES,
    VARIABLES,
)
from tests.conftest import COLLECTIONS, ROOT
from tests.support.images import multi_arch
from tests.support.registry import EmbeddedRegistry
from tests.support.tasks import Runner

COLLECTION = "supplychain.cosign"
PACKAGE = f"ansible_collections.{COLLECTION}.plugins"
MODULES = sorted(path.stem for path in (ROOT / "plugins/modules").glob("*.py"))
RUNTIME = yaml.safe_load((ROOT / "meta/runtime.yml").read_text(encoding="utf-8"))
GROUPS: dict[str, list[str]] = RUNTIME["action_groups"]

# Fragment → its twin among the specs. The TLS part of REGISTRY has a fragment of its own.
FRAGMENTS = {
    "_common": options.COMMON.options,
    "_image": options.IMAGE.options,
    "_registry": {k: v for k, v in options.REGISTRY.options.items() if k not in options.TLS.options},
    "_registry.tls": options.TLS.options,
    "_limits": options.LIMITS.options,
    "_attachments": options.ATTACHMENTS.options,
    "_signing": signing.SIGNING.options,
    "_verification": options.VERIFICATION.options,
    "_trust": trust.TRUST.options,
}

# What a group of modules has in common: defaults for it may be any of these options, and reach all its members.
GROUP_SPECS: dict[str, list[ArgumentSpec]] = {
    "registry": [options.COMMON, options.REGISTRY],
    "cosign": [options.COMMON, options.REGISTRY, options.IMAGE, options.LIMITS, options.ATTACHMENTS, trust.TRUST],
    "signing": [options.COMMON, signing.SIGNING],
    "verification": [options.COMMON, options.VERIFICATION, trust.TRUST],
}

WEAKENS_A_CHECK = re.compile(r"(insecure|allow)_|(check_claims|tlog_upload|offline|match_reference)\Z")
MAY_BE_SECRET = re.compile(r"pass|token|secret|key|credential|_environment")
FALLBACK = re.compile(r"[Ff]alls back to the environment variable E\((\w+)\)")
Docs = dict[str, t.Any]


def task_of(module: str) -> Task:
    return t.cast(Task, importlib.import_module(f"{PACKAGE}.modules.{module}").TASK)


@functools.cache
def all_docs() -> Docs:
    """What ansible-doc says of every module: its own reading of the documentation, fragments merged."""
    done = subprocess.run(
        [sys.executable, "-m", "ansible", "doc", "--json", *(f"{COLLECTION}.{module}" for module in MODULES)],
        env={**os.environ, "ANSIBLE_COLLECTIONS_PATH": str(COLLECTIONS)},
        stdin=subprocess.DEVNULL,
        capture_output=True,
        text=True,
        check=True,
    )
    return t.cast(Docs, json.loads(done.stdout))


def docs_of(module: str) -> Docs:
    return t.cast(Docs, all_docs()[f"{COLLECTION}.{module}"])


def fragment_options(slug: str) -> Docs:
    file, dummy, part = slug.partition(".")
    fragment = importlib.import_module(f"{PACKAGE}.doc_fragments.{file}").ModuleDocFragment
    return t.cast(Docs, yaml.safe_load(getattr(fragment, part.upper() or "DOCUMENTATION"))["options"])


def text_of(option: Docs) -> str:
    description = option["description"]
    return description if isinstance(description, str) else " ".join(description)


def facts_of(option: t.Mapping[str, t.Any]) -> Docs:
    """What documentation and spec must say alike."""
    found = {name: option.get(name) for name in ("type", "elements", "choices", "default")}
    return {**found, "required": bool(option.get("required", False))}


def test_there_are_modules_and_every_one_is_in_the_tables() -> None:
    assert "cosign_sign" in MODULES
    assert set(GROUPS) == set(GROUP_SPECS)


@pytest.mark.parametrize("module", MODULES)
def test_the_documentation_has_the_options_of_the_spec(module: str) -> None:
    documented = docs_of(module)["doc"]["options"]
    spec = task_of(module).spec.options
    assert set(documented) == set(spec)
    for name, option in spec.items():
        assert facts_of(documented[name]) == facts_of(option), name


@pytest.mark.parametrize("slug", FRAGMENTS)
def test_a_fragment_has_the_options_of_its_twin(slug: str) -> None:
    documented = fragment_options(slug)
    assert set(documented) == set(FRAGMENTS[slug])
    for name, option in FRAGMENTS[slug].items():
        assert facts_of(documented[name]) == facts_of(option), name


@pytest.mark.parametrize("module", MODULES)
def test_options_and_variables_name_each_other(module: str) -> None:
    for name, option in docs_of(module)["doc"]["options"].items():
        variable = OPTION_VARIABLES.get(name)
        mentioned = set(re.findall(r"E\((\w+)\)", text_of(option)))
        assert mentioned <= set(VARIABLES), name
        assert variable is None or variable.name in mentioned, name
        promised = FALLBACK.findall(text_of(option))
        assert promised in ([], [variable.name if variable else None]), name
        # A default would always be there, and the variable never be read.
        assert variable is None or task_of(module).spec.options[name].get("default") is None, name


def test_every_variable_that_stands_for_an_option_has_one() -> None:
    assert set(OPTION_VARIABLES) <= {name for module in MODULES for name in task_of(module).spec.options}


def test_nothing_that_weakens_a_check_is_read_from_the_environment() -> None:
    assert [name for name in OPTION_VARIABLES if WEAKENS_A_CHECK.match(name)] == []


@pytest.mark.parametrize("module", MODULES)
def test_what_may_be_a_secret_says_whether_it_is(module: str) -> None:
    for name, option in task_of(module).spec.options.items():
        assert "no_log" in option or not MAY_BE_SECRET.search(name), name
    secrets = {variable.option for variable in VARIABLES.values() if variable.sensitive and variable.option}
    hidden = task_of(module).spec.secret_options()
    assert [name for name in secrets if name in task_of(module).spec.options and name not in hidden] == []


@pytest.mark.parametrize("group", GROUP_SPECS)
def test_members_of_a_group_have_all_its_options_and_say_that_they_are_members(group: str) -> None:
    assert GROUPS[group] == sorted(GROUPS[group])
    wanted = {name: option for spec in GROUP_SPECS[group] for name, option in spec.options.items()}
    for module in MODULES:
        attributes = docs_of(module)["doc"]["attributes"]
        says = f"{COLLECTION}.{group}" in attributes.get("action_group", {}).get("membership", [])
        assert says == (module in GROUPS[group]), module
        has_all = wanted.items() <= task_of(module).spec.options.items()
        assert has_all == (module in GROUPS[group]), module


@pytest.mark.parametrize("module", MODULES)
def test_every_module_has_an_action_of_its_name_with_the_same_task(module: str) -> None:
    action = importlib.import_module(f"{PACKAGE}.action.{module}").ActionModule
    assert action.task is task_of(module)
    assert action.__mro__[1].__name__ == "CosignAction"


def test_no_action_is_without_a_module() -> None:
    assert sorted(path.stem for path in (ROOT / "plugins/action").glob("*.py")) == MODULES


def test_redirects_lead_to_modules_for_module_and_action_alike() -> None:
    routing = RUNTIME["plugin_routing"]
    assert routing["modules"] == routing["action"]
    assert {entry["redirect"] for entry in routing["modules"].values()} <= {f"{COLLECTION}.{name}" for name in MODULES}


def tasks_in(found: t.Any) -> t.Iterator[Docs]:
    for task in found or []:
        yield task
        for part in ("block", "rescue", "always"):
            yield from tasks_in(task.get(part))


KEYWORDS = frozenset(("name", "register", "environment", "become", "block", "rescue", "always"))


@pytest.mark.parametrize("module", MODULES)
def test_examples_are_tasks_with_options_that_exist(module: str) -> None:
    seen = set()
    for task in tasks_in(yaml.safe_load(docs_of(module)["examples"])):
        assert task["name"][0].isupper()
        for action in set(task) - KEYWORDS:
            assert action.count(".") == 2, f"{action} is neither a keyword nor a full name"
            seen.add(action)
            if action.startswith(COLLECTION):
                spec = task_of(action.rpartition(".")[2]).spec
                assert set(task[action]) <= set(spec.options), task["name"]
                missing = [
                    name for name, one in spec.options.items() if one.get("required") and name not in task[action]
                ]
                assert missing == [], task["name"]
    assert f"{COLLECTION}.{module}" in seen


@pytest.mark.parametrize("module", MODULES)
def test_every_return_value_is_described(module: str) -> None:
    def check(values: Docs) -> None:
        for name, value in values.items():
            assert value["description"], name
            assert value["returned"], name
            assert value["type"], name
            assert "sample" in value or "contains" in value or "As RV(" in text_of(value), name
            check(value.get("contains", {}))

    check(docs_of(module)["return"])


def unlike(found: t.Any, values: Docs, success: bool, at: str = "") -> list[str]:
    """What a result has and its documentation does not, and the other way round where it says success or always."""
    if isinstance(found, list):
        return [one for item in found for one in unlike(item, values, success, at)]
    promised = {name for name, value in values.items() if value["returned"] in ("always", "success")[: 1 + success]}
    wrong = [f"{at}{name}" for name in sorted((set(found) - set(values)) | (promised - set(found)))]
    for name, value in values.items():
        if "contains" in value and found.get(name) is not None:
            wrong += unlike(found[name], value["contains"], success, f"{at}{name}.")
    return wrong


def test_results_are_as_documented(tmp_path: Path) -> None:
    with EmbeddedRegistry(auth="basic", users={"ci": "canary"}) as registry:
        multi_arch().push_to(registry, "acme/app", "1.4")
        image = f"{registry.host}/acme/app:1.4"
        login: dict[str, t.Any] = {"registry_username": "ci", "registry_password": "canary"}
        ours: dict[str, t.Any] = {"key_password": "", "allow_empty_password": True, "allow_http_registry": True}
        run = Runner(tmp_path, insecure_ignore_tlog=True, tlog_upload=False, **ours, **login)
        both = {"signature_format": "both", "recursive": True}
        calls: list[tuple[str, bool, dict[str, t.Any]]] = [
            ("key_pair", True, {"path": "cosign.key"}),
            ("login", True, {"registry": registry.host, "username": "ci", "password": "canary", "ephemeral": True}),
            ("login", False, {"registry": registry.host, "username": "ci", "password": "wrong", "ephemeral": True}),
            ("verify", False, {"image": image, "key": "cosign.pub"}),
            ("sign", True, {"image": image, "key": "cosign.key", **both}),
            ("verify", True, {"image": image, "key": "cosign.pub", "signatures": "all", "recursive": True}),
            ("verify", False, {"images": [image, f"{image}-none"], "key": "cosign.pub", "annotations": {"a": "b"}}),
            ("copy", True, {"source": image, "destination": "oci:layout:1.4"}),
            ("copy", False, {"source": image, "destination": "docker-archive:image.tar"}),
            ("sign", True, {"image": image, "key": "cosign.key", "state": "absent", **both}),
            ("env", True, {"show_descriptions": True}),
            ("trusted_root", True, {"path": "root.json", "instance": "staging", "offline": True}),
            ("trusted_root", True, {"signing_config_path": "services.json", "instance": "staging", "offline": True}),
            ("trusted_root", False, {"path": "none/root.json", "instance": "staging", "offline": True}),
        ]
        for name, success, arguments in calls:
            result = run(task_of(f"cosign_{name}"), **arguments)
            assert result.pop("failed", False) != success, (name, result)
            for common in ("changed", "msg", "diff"):
                result.pop(common, None)
            assert unlike(result, docs_of(f"cosign_{name}")["return"], success) == [], (name, arguments)
