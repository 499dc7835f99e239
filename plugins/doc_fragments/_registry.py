# Copyright (c) 2026, the supplychain.cosign authors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

# This doc fragment is **PRIVATE** to the collection. It can change at any time.
from __future__ import annotations


class ModuleDocFragment:
    # Twin of REGISTRY in module_utils/_ansible/options.py, but for its TLS part, which is the fragment of that name.
    DOCUMENTATION = r"""
options:
  registry_username:
    description:
      - The user to log in to the registry with. Needs O(registry_password), and excludes O(registry_token) and
        O(auth_file).
      - Falls back to the environment variable E(COSIGN_REGISTRY_USERNAME), unless O(registry_token) or O(auth_file) is
        given.
    type: str
  registry_password:
    description:
      - The password of O(registry_username), which it needs.
      - Falls back to the environment variable E(COSIGN_REGISTRY_PASSWORD), unless O(registry_token) or O(auth_file) is
        given.
    type: str
  registry_token:
    description:
      - A bearer token that is sent to the registry as it is. Excludes O(registry_username) and O(auth_file).
      - Falls back to the environment variable E(COSIGN_REGISTRY_TOKEN), unless another credential is given here.
    type: str
  auth_file:
    description:
      - A file of credentials as C(docker login) and C(podman login) write it. No other is looked into.
      - Excludes O(registry_username) and O(registry_token).
      - Without any credential here, the first of these files that has one for the registry is used, which are
        C(config.json) in E(DOCKER_CONFIG), the file that E(REGISTRY_AUTH_FILE) names or else
        C(containers/auth.json) in E(XDG_RUNTIME_DIR) and in C(~/.config), and C(~/.docker/config.json) unless
        E(DOCKER_CONFIG) is set. Where none has one, the registry is asked anonymously.
    type: path
"""

    # Twin of TLS in module_utils/_ansible/options.py.
    TLS = r"""
options:
  registry_cacert:
    description:
      - A PEM file with the certificate authorities of the registry, instead of those of the system.
      - Falls back to the environment variable E(COSIGN_REGISTRY_CACERT).
    type: path
  registry_client_cert:
    description:
      - A PEM file with our certificate towards the registry. Needs O(registry_client_key).
      - Falls back to the environment variable E(COSIGN_REGISTRY_CLIENT_CERT).
    type: path
  registry_client_key:
    description:
      - The PEM file of the key of O(registry_client_cert), which it needs.
      - Falls back to the environment variable E(COSIGN_REGISTRY_CLIENT_KEY).
    type: path
  allow_insecure_registry:
    description:
      - Do not verify the certificates of the registries that the task names.
      - Hosts that a registry refers to are still verified. Never read from the environment.
    type: bool
    default: false
  allow_http_registry:
    description:
      - Allow plain HTTP with the registries that the task names.
      - A registry on the machine that runs the task is then spoken to in HTTP. Any other is asked in TLS first, and in
        HTTP only where it speaks no TLS at all. Never read from the environment.
    type: bool
    default: false
  trusted_realms:
    description:
      - Hosts, as C(HOST) or C(HOST:PORT), that may get the credentials of a registry when it names them as its token
        server, and that a registry may redirect to although they are in a private network.
      - The host of the registry itself, and hosts of the same domain, need not be listed.
    type: list
    elements: str
    default: []
  registry_timeout:
    description:
      - Seconds that one operation at a registry may take in all, retries and the waits between them included.
      - A blob gets a second more for each MiB.
    type: int
    default: 120
"""
