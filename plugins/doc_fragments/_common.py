# Copyright (c) 2026, the supplychain.cosign authors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

# This doc fragment is **PRIVATE** to the collection. It can change at any time.
from __future__ import annotations


class ModuleDocFragment:
    # Twin of COMMON in module_utils/_ansible/options.py.
    DOCUMENTATION = r"""
options:
  run_on:
    description:
      - Where the task runs and whose files its paths mean.
      - V(controller) is the machine, or the execution environment, that runs Ansible. Files to read are found as
        M(ansible.builtin.copy) finds its C(src), files to write are relative to the folder of the playbook.
      - V(target) is the managed host. The Python library C(cryptography) must be there. The environment that counts is
        that of the host and the C(environment) of the task, never that of the controller. Variables of the task that
        hold secrets are handed over hidden from logs and from the list of processes.
      - When it is not given, the task runs on the controller. A task that writes files, or that names a place on disk,
        then fails when the host is not local, because it cannot be known whose files are meant.
    type: str
    choices: [controller, target]
  _environment:
    description:
      - How the collection itself hands variables of the task that hold secrets to O(run_on=target). Not to be given.
    type: dict
  _from_task:
    description:
      - How the collection itself tells O(run_on=target) which variables the task has set. Not to be given.
    type: list
    elements: str
requirements:
  - cryptography >= 38, where the task runs (see O(run_on)).
"""
