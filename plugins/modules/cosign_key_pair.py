#!/usr/bin/python
# Copyright (c) 2026, the supplychain.cosign authors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

from __future__ import annotations

DOCUMENTATION = r"""
module: cosign_key_pair
short_description: Make or import an encrypted key pair for signing
version_added: 0.1.0
description:
  - Makes sure that a private key, encrypted as C(cosign) does it, and its public key are there.
  - A key that is there is never replaced unless O(force=true). The password must open it. Its public key is written
    again when that is missing or another.
author:
  - supplychain.cosign authors (!UNKNOWN)
extends_documentation_fragment:
  - supplychain.cosign._attributes
  - supplychain.cosign._common
attributes:
  check_mode:
    details:
      - A key that would be made cannot be known before, so that RV(public_key) and RV(key_id) are None.
  idempotent:
    support: partial
    details:
      - With O(force=true) a new key is written each time.
options:
  path:
    description:
      - The file of the private key. It is readable for its owner only.
    type: path
    required: true
  public_key_path:
    description:
      - The file of the public key. When it is not given, O(path) with C(.pub) instead of C(.key) at its end.
    type: path
  key_password:
    description:
      - The password that opens the private key.
      - Required, here or by the variable, and not empty for a key that is made, unless O(allow_empty_password=true).
      - Falls back to the environment variable E(COSIGN_PASSWORD).
    type: str
  allow_empty_password:
    description:
      - Allow an empty password for a key that is made. It protects nothing. Never read from the environment.
    type: bool
    default: false
  type:
    description:
      - The kind of key to make. When it is not given, V(ecdsa-p256).
      - A key that is there, or is imported, keeps its kind. When it is of another kind than this, the task fails.
      - V(ecdsa-p256) is what C(cosign) makes, and is accepted everywhere.
    type: str
    choices: [ecdsa-p256, ecdsa-p384, ecdsa-p521, rsa-2048, rsa-3072, rsa-4096, ed25519]
  import_path:
    description:
      - The PEM file of a private key to take over instead of making one, plain or encrypted (PKCS#8).
      - When O(path) holds another key already, the task fails unless O(force=true).
    type: path
  import_password:
    description:
      - The password of O(import_path), which it needs.
    type: str
  force:
    description:
      - Replace a key that is there. What it signed can then be verified with its old public key only.
    type: bool
    default: false
seealso:
  - module: supplychain.cosign.cosign_sign
  - module: supplychain.cosign.cosign_verify
"""

EXAMPLES = r"""
- name: Make a key pair, once
  supplychain.cosign.cosign_key_pair:
    path: cosign.key
    key_password: "{{ vault_cosign_password }}"
  register: new_pair

- name: Show the public key
  ansible.builtin.debug:
    var: new_pair.public_key

- name: Take over a key that openssl made
  supplychain.cosign.cosign_key_pair:
    path: cosign.key
    key_password: "{{ vault_cosign_password }}"
    import_path: signing.pem
    import_password: "{{ vault_signing_password }}"

- name: Make a key on a managed host
  supplychain.cosign.cosign_key_pair:
    path: /etc/cosign/cosign.key
    type: rsa-3072
    run_on: target
  become: true
  environment:
    COSIGN_PASSWORD: "{{ vault_cosign_password }}"
"""

RETURN = r"""
path:
  description: The file of the private key.
  returned: success
  type: str
  sample: /srv/release/cosign.key
public_key_path:
  description: The file of the public key.
  returned: success
  type: str
  sample: /srv/release/cosign.pub
public_key:
  description: The public key as PEM text. None in check mode for a key that would be made.
  returned: success
  type: str
  sample: |
    -----BEGIN PUBLIC KEY-----
    MFkwEwYHKoZIzj0CAQYIKoZIzj0DAQcDQgAEYsP5Vw5Z0u+o1ybvpiRDjBvWp3CY
    sFLdai5xwcm1Wz6GvLb9AszMNJ57MVxVWnSoz8WjKvTz8ypwrRDowrTZCA==
    -----END PUBLIC KEY-----
key_id:
  description: The hint that C(cosign) writes for this key. None in check mode for a key that would be made.
  returned: success
  type: str
  sample: Vb5rURa1ff8QIEbWYvmsX06st6XADZ/RNQxRz6isHNc=
type:
  description: The kind of the key.
  returned: success
  type: str
  sample: ecdsa-p256
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
      sample: "An empty password protects nothing; give one, or set allow_empty_password: true."
    rejected:
      description: Always empty here.
      returned: always
      type: list
      elements: dict
      sample: []
"""

from ansible_collections.supplychain.cosign.plugins.module_utils._ansible.cosign_key_pair import TASK
from ansible_collections.supplychain.cosign.plugins.module_utils._ansible.module import run_module


def main() -> None:
    run_module(TASK)


if __name__ == "__main__":
    main()
