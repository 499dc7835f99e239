#!/usr/bin/python
# Copyright (c) 2026, the supplychain.cosign authors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

from __future__ import annotations

DOCUMENTATION = r"""
module: cosign_env
short_description: Show the environment variables that matter
version_added: 0.1.0
description:
  - Shows the environment variables that C(cosign env) shows, and those that this collection reads beyond that, with
    where each value came from and which option it stands in for.
  - Secrets are masked.
  - An option that is given in the task, the play or a group beats any variable. Nothing that weakens a check is read
    from the environment.
author:
  - supplychain.cosign authors (!UNKNOWN)
extends_documentation_fragment:
  - supplychain.cosign._attributes
  - supplychain.cosign._common
attributes:
  check_mode:
    details:
      - Does the same in check mode.
  diff_mode:
    support: N/A
    details:
      - Changes nothing.
options:
  show_descriptions:
    description:
      - Say of each variable what it is for and what it should hold.
    type: bool
    default: true
  show_sensitive_values:
    description:
      - Show secrets instead of masking them. They then appear in logs.
    type: bool
    default: false
notes:
  - M(supplychain.cosign.cosign_env_info) is another name of this module.
seealso:
  - module: supplychain.cosign.cosign_sign
  - module: supplychain.cosign.cosign_verify
"""

EXAMPLES = r"""
- name: Show what the tasks of this collection find in the environment
  supplychain.cosign.cosign_env:
    show_descriptions: false
  register: found

- name: Say where the password of the key comes from
  ansible.builtin.debug:
    msg: "{{ found.variables | selectattr('name', 'eq', 'COSIGN_PASSWORD') | map(attribute='source') | first }}"

- name: Show what is set on a managed host
  supplychain.cosign.cosign_env:
    run_on: target
  environment:
    COSIGN_REPOSITORY: registry.example.com/signatures
"""

RETURN = r"""
variables:
  description:
    - The variables of C(cosign env), then other C(COSIGN_), C(SIGSTORE_) and C(TUF_) variables that are set, both
      sorted, then the rest of what this collection reads.
  returned: success
  type: list
  elements: dict
  contains:
    name:
      description: The name of the variable.
      returned: always
      type: str
      sample: COSIGN_PASSWORD
    value:
      description: Its value, asterisks instead of a secret, or nothing when it is not set.
      returned: always
      type: str
      sample: "******"
    masked:
      description: Whether the value is shown as asterisks.
      returned: always
      type: bool
      sample: true
    set:
      description: Whether the variable is set, if only to nothing.
      returned: always
      type: bool
      sample: true
    source:
      description: V(task) for the C(environment) of the task, V(process) for that of Ansible or the host, V(unset).
      returned: always
      type: str
      sample: task
    registered:
      description: Whether C(cosign env) lists the variable.
      returned: always
      type: bool
      sample: true
    ours:
      description: Whether this collection reads the variable although C(cosign env) does not list it.
      returned: always
      type: bool
      sample: false
    option:
      description: The option that the variable stands in for. None when it stands for none.
      returned: always
      type: str
      sample: key_password
    description:
      description: What the variable is for. None when nothing is known of it.
      returned: with O(show_descriptions=true)
      type: str
      sample: opens the encrypted private key, or closes a new one
    expects:
      description: What it should hold. None when nothing is known of it.
      returned: with O(show_descriptions=true)
      type: str
      sample: the password, which may be empty
lines:
  description: The same as C(cosign env) prints it, without descriptions.
  returned: success
  type: list
  elements: str
  sample:
    - COSIGN_PASSWORD=******
    - COSIGN_REPOSITORY=registry.example.com/signatures
rejection:
  description: Why the task failed.
  returned: failure
  type: dict
  contains:
    code:
      description: The reason, from a closed list of codes that a playbook may branch on.
      returned: always
      type: str
      sample: POLICY_UNSUPPORTED
    message:
      description: The reason as a sentence, which ends with what to do.
      returned: always
      type: str
      sample: "The Python library cryptography >= 38 is missing on web1 for /usr/bin/python3; install it there."
    rejected:
      description: Always empty here.
      returned: always
      type: list
      elements: dict
      sample: []
"""

from ansible_collections.supplychain.cosign.plugins.module_utils._ansible.cosign_env import TASK
from ansible_collections.supplychain.cosign.plugins.module_utils._ansible.module import run_module


def main() -> None:
    run_module(TASK)


if __name__ == "__main__":
    main()
