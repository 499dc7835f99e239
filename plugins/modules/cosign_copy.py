#!/usr/bin/python
# Copyright (c) 2026, the supplychain.cosign authors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

from __future__ import annotations

DOCUMENTATION = r"""
module: cosign_copy
short_description: Copy container images together with their signatures
version_added: 0.1.0
description:
  - Makes sure that a place holds a container image, byte for byte, and what is attached to it, such as signatures and
    attestations.
  - Copies from registries, OCI layouts, and archives to any of these. Only blobs that are missing are sent.
  - What the destination has beyond that stays. Signatures are added to those that are there.
author:
  - supplychain.cosign authors (!UNKNOWN)
extends_documentation_fragment:
  - supplychain.cosign._attributes
  - supplychain.cosign._attributes.action_group
  - supplychain.cosign._common
  - supplychain.cosign._registry
  - supplychain.cosign._registry.tls
attributes:
  action_group:
    membership:
      - supplychain.cosign.registry
  check_mode:
    details:
      - Returns the digest that it would copy.
options:
  source:
    description:
      - The image to copy, as C(REGISTRY/REPOSITORY[:TAG][@DIGEST]), with or without C(docker://) in front.
      - Or a place on disk, C(oci:DIRECTORY[:NAME]), C(oci-archive:FILE[:NAME]) or C(docker-archive:FILE[:NAME]).
    type: str
    required: true
  destination:
    description:
      - Where to copy it to, written as O(source) is. With a digest in it, the image must have that digest.
      - A C(docker-archive) cannot hold signatures and needs O(signatures=false).
    type: str
    required: true
  platform:
    description:
      - Copy only the image for this platform, C(OS/ARCHITECTURE[/VARIANT]), of an index. The whole index otherwise.
    type: str
  signatures:
    description:
      - Copy what is attached to the image too, and to every image of an index.
    type: bool
    default: true
  source_registry_username:
    description:
      - As O(registry_username), for the source when it has a login of its own. Needs O(source_registry_password), and
        excludes O(source_registry_token) and O(source_registry_auth_file).
      - When none of these is given, O(registry_username), O(registry_token) or O(auth_file) serve for the source too, if
        it is in the registry of O(destination), or O(destination) is a place on disk. They go to no other registry.
    type: str
  source_registry_password:
    description:
      - The password of O(source_registry_username), which it needs.
    type: str
  source_registry_token:
    description:
      - As O(registry_token), for the source.
    type: str
  source_registry_auth_file:
    description:
      - As O(auth_file), for the source.
    type: path
  source_registry_cacert:
    description:
      - As O(registry_cacert), for the source. When it is not given, O(registry_cacert) serves for the source too.
    type: path
seealso:
  - module: supplychain.cosign.cosign_sign
  - module: supplychain.cosign.cosign_verify
  - module: supplychain.cosign.cosign_login
"""

EXAMPLES = r"""
- name: Push what a build left in a folder
  supplychain.cosign.cosign_copy:
    source: oci:build/image
    destination: ghcr.io/acme/app:1.4
    registry_username: ci
    registry_password: "{{ vault_registry_password }}"
  register: pushed

- name: Mirror an image and its signatures into a registry of our own
  supplychain.cosign.cosign_copy:
    source: ghcr.io/acme/app@sha256:2ba6d55d2a697c3b105ede1b16a6291ef2398db6eb5ff33d9a661e546ab0314b
    destination: registry.example.com/mirror/app:1.4
    registry_cacert: example-ca.pem
    source_registry_username: ci
    source_registry_password: "{{ vault_registry_password }}"
    source_registry_cacert: /etc/ssl/certs/ca-certificates.crt

- name: Keep an image and its signatures in one file
  supplychain.cosign.cosign_copy:
    source: ghcr.io/acme/app:1.4
    destination: oci-archive:app-1.4.tar:1.4
    run_on: controller

- name: Make an archive for docker load, of one platform
  supplychain.cosign.cosign_copy:
    source: ghcr.io/acme/app:1.4
    destination: docker-archive:app.tar:ghcr.io/acme/app:1.4
    platform: linux/arm64
    signatures: false
    run_on: controller
"""

RETURN = r"""
digest:
  description: The digest of the image, the same on both sides.
  returned: success
  type: str
  sample: sha256:2ba6d55d2a697c3b105ede1b16a6291ef2398db6eb5ff33d9a661e546ab0314b
pinned:
  description: The destination and the digest, for the tasks that follow.
  returned: success
  type: str
  sample: registry.example.com/mirror/app@sha256:2ba6d55d2a697c3b105ede1b16a6291ef2398db6eb5ff33d9a661e546ab0314b
source:
  description: O(source) as it was given.
  returned: success
  type: str
  sample: ghcr.io/acme/app:1.4
destination:
  description: O(destination) as it was given.
  returned: success
  type: str
  sample: registry.example.com/mirror/app:1.4
blobs_sent:
  description: How many blobs the destination did not have yet. V(0) in check mode.
  returned: success
  type: int
  sample: 3
attached:
  description: What was copied, or would be in check mode, beside the image, as digests of referrers and as tags.
  returned: success
  type: list
  elements: str
  sample:
    - sha256:83c1264c8a58196b7d3601a873d2bb243a73f2675ba6579ce8225680459a65ba
    - sha256-2ba6d55d2a697c3b105ede1b16a6291ef2398db6eb5ff33d9a661e546ab0314b.sig
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
      sample: "A docker-archive cannot hold signatures; set signatures: false, or copy to oci-archive:."
    rejected:
      description: Always empty here.
      returned: always
      type: list
      elements: dict
      sample: []
"""

from ansible_collections.supplychain.cosign.plugins.module_utils._ansible.cosign_copy import TASK
from ansible_collections.supplychain.cosign.plugins.module_utils._ansible.module import run_module


def main() -> None:
    run_module(TASK)


if __name__ == "__main__":
    main()
