#!/usr/bin/python
# Copyright (c) 2026, the supplychain.cosign authors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

from __future__ import annotations

DOCUMENTATION = r"""
module: cosign_login
short_description: Log in to a container registry
version_added: 0.1.0
description:
  - Puts a credential for a registry into a file, as C(docker login) and C(podman login) do, after it was tried at the
    registry, or takes it out again.
  - Everything else in the file stays.
author:
  - supplychain.cosign authors (!UNKNOWN)
extends_documentation_fragment:
  - supplychain.cosign._attributes
  - supplychain.cosign._common
  - supplychain.cosign._registry.tls
attributes:
  check_mode:
    details:
      - Tries the credential at the registry in check mode too.
      - A login with O(ephemeral=true), and its removal, happen in check mode too, for the tasks that follow.
options:
  registry:
    description:
      - The registry, as C(HOST[:PORT]). Docker Hub is V(docker.io).
    type: str
    required: true
  username:
    description:
      - The user to log in as. Required with O(state=present), and only there. Needs O(password).
    type: str
  password:
    description:
      - The password of O(username), which it needs.
    type: str
  auth_file:
    description:
      - The file to change. When it is not given, C(config.json) in E(DOCKER_CONFIG), else the file that
        E(REGISTRY_AUTH_FILE) names, else C(.docker/config.json) in the home folder.
      - Excludes O(ephemeral).
    type: path
  ephemeral:
    description:
      - Log in for this run only, in a folder of its own that nobody else can read and that Ansible removes when the run
        ends. Pass it on to the tasks that follow as E(DOCKER_CONFIG).
      - What ends with the run is no change, so that this never reports one.
      - On the controller only. Excludes O(auth_file) and O(state=absent).
    type: bool
    default: false
  state:
    description:
      - V(present) logs in, V(absent) takes the credential out of the file.
    type: str
    choices: [present, absent]
    default: present
notes:
  - To log in to a second registry for this run, give O(auth_file) the RV(auth_file) of the first O(ephemeral) login.
  - Warns when the registry asks nobody for a credential, because then it could not be tried.
seealso:
  - module: supplychain.cosign.cosign_copy
  - module: supplychain.cosign.cosign_sign
  - module: supplychain.cosign.cosign_verify
"""

EXAMPLES = r"""
- name: Log in for this run only
  supplychain.cosign.cosign_login:
    registry: ghcr.io
    username: ci
    password: "{{ vault_registry_password }}"
    ephemeral: true
  register: login

- name: Use it
  environment:
    DOCKER_CONFIG: "{{ login.docker_config }}"
  block:
    - name: Push
      supplychain.cosign.cosign_copy:
        source: oci:build/image
        destination: ghcr.io/acme/app:1.4
  always:
    - name: Log out
      supplychain.cosign.cosign_login:
        registry: ghcr.io
        auth_file: "{{ login.auth_file }}"
        state: absent

- name: Log a managed host in, for its podman
  supplychain.cosign.cosign_login:
    registry: registry.example.com
    username: "{{ inventory_hostname }}"
    password: "{{ vault_pull_password }}"
    auth_file: /etc/containers/auth.json
    run_on: target
  become: true
"""

RETURN = r"""
registry:
  description: The registry as it stands in the file.
  returned: success
  type: str
  sample: ghcr.io
auth_file:
  description: The path of the file, for O(auth_file) of other tasks and for E(REGISTRY_AUTH_FILE).
  returned: success
  type: str
  sample: /home/ci/.ansible/tmp/ansible-local-4711x0a1b2c3/cosign-login-k2j4h6g8/config.json
docker_config:
  description: The folder of the file, for E(DOCKER_CONFIG). None when the file is not called C(config.json).
  returned: success
  type: str
  sample: /home/ci/.ansible/tmp/ansible-local-4711x0a1b2c3/cosign-login-k2j4h6g8
rejection:
  description: Why the task failed.
  returned: failure
  type: dict
  contains:
    code:
      description: The reason, from a closed list of codes that a playbook may branch on.
      returned: always
      type: str
      sample: AUTH_REFUSED
    message:
      description: The reason as a sentence, which ends with what to do.
      returned: always
      type: str
      sample: The registry https://ghcr.io refused the credentials from option username. Check them, and what they may do there.
    rejected:
      description: Always empty here.
      returned: always
      type: list
      elements: dict
      sample: []
"""

from ansible_collections.supplychain.cosign.plugins.module_utils._ansible.cosign_login import TASK
from ansible_collections.supplychain.cosign.plugins.module_utils._ansible.module import run_module


def main() -> None:
    run_module(TASK)


if __name__ == "__main__":
    main()
