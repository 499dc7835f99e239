#!/usr/bin/python
# Copyright (c) 2026, the supplychain.cosign authors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

from __future__ import annotations

DOCUMENTATION = r"""
module: cosign_trusted_root
short_description: Write a trusted root and a signing config
version_added: 0.1.0
description:
  - A trusted root says whose certificates, log entries and timestamps are believed, and when. A signing config says which
    services are asked to sign. This module writes them to files, for O(supplychain.cosign.cosign_verify#module:trusted_root)
    and O(supplychain.cosign.cosign_sign#module:signing_config), for C(cosign) and for others.
  - They are those that a TUF repository distributes (as C(cosign initialize) fetches them), those of services that the
    task describes (as C(cosign trusted-root create) and C(cosign signing-config create) make them), or both with
    O(with_default_services).
  - A file that says the same already, in whatever spelling, is not touched. When anything cannot be fetched, read or
    verified, no file is.
  - Modules that need the default trusted root or signing config fetch it themselves. This one is for files that are to
    be kept, shipped, or used where nothing can be fetched.
author:
  - supplychain.cosign authors (!UNKNOWN)
extends_documentation_fragment:
  - supplychain.cosign._attributes
  - supplychain.cosign._common
attributes:
  check_mode:
    details:
      - Fetches in check mode too.
  diff_mode:
    details:
      - Before and after are the services and when they hold, never keys or certificates.
options:
  path:
    description:
      - The file of the trusted root. Its folder must be there.
      - At least one of O(path) and O(signing_config_path) is required.
    type: path
  signing_config_path:
    description:
      - The file of the signing config. Its folder must be there.
    type: path
  mode:
    description:
      - The permissions of both files, as octal digits.
    type: raw
    default: "0644"
  mirror:
    description:
      - The address of the TUF repository, which may be a C(file://) address of the controller.
      - When it is not given, E(TUF_MIRROR), else the public good instance.
      - Where this run fetched from it less than 15 minutes ago, or another run of the same user did, it is not asked
        again. Where it does not answer, what was fetched before is written, with a warning, until its metadata expires.
    type: str
  instance:
    description:
      - Fetch from the repository of the public good instance or of its staging instance, whatever E(TUF_MIRROR) says.
      - Excludes O(mirror).
    type: str
    choices: [public_good, staging]
  root:
    description:
      - The C(root.json) with which all that is fetched is verified, as a file of the controller or an C(https://) address.
      - When it is not given, the file of E(TUF_ROOT_JSON), but not with O(mirror) or O(instance); else what the Python
        package C(sigstore) ships for the repository, or for the public good instance, of which it may be a mirror.
    type: str
  root_checksum:
    description:
      - The SHA-256 of O(root), in hex. Required where O(root) is an address.
    type: str
  offline:
    description:
      - Make no connection. Instead of fetching, take what the Python package C(sigstore) ships, with a warning that says
        how old it is; a C(file://) address as O(mirror) needs no connection.
      - Never read from the environment.
    type: bool
    default: false
  fulcio:
    description:
      - Certificate authorities. With any of O(fulcio), O(rekor), O(ctfe), O(tsa) and O(oidc_provider) nothing is fetched
        unless O(with_default_services=true).
    type: list
    elements: dict
    suboptions: &authority
      url:
        description:
          - The address of the service. That of a timestamp authority is the whole one, to which requests are sent.
        type: str
        required: true
      certificate_chain:
        description:
          - Its certificates in PEM, as a file, an C(https://) address or the text itself. Each is issued by the next, and
            the last is the root. For a timestamp authority the first is the one that signs timestamps.
          - Required for O(path).
        type: str
      start_time: &start
        description:
          - When it began, as V(2026-01-31T12:00:00Z).
          - When it is not given, where its root, or the certificate that signs timestamps, began. Required without
            C(certificate_chain).
        type: str
      end_time: &end
        description:
          - When it ended. When it is not given, it has not.
        type: str
      operator: &operator
        description:
          - Who runs it, as a host name. Where several services are asked, each is of another operator.
          - Required for O(signing_config_path).
        type: str
      api_version: &version
        description:
          - The version of its API, V(1) for all but Rekor v2.
          - Required for O(signing_config_path).
        type: int
  rekor:
    description:
      - Transparency logs. O(signing_config_path) needs O(rekor_config) with them.
    type: list
    elements: dict
    suboptions: &log
      url:
        description:
          - The address of the log.
        type: str
        required: true
      public_key:
        description:
          - Its public key in PEM, as a file, an C(https://) address or the text itself.
          - Required for O(path).
        type: str
      origin:
        description:
          - The name that the log writes into its checkpoints. Required for Rekor v2 and other logs that are read as
            tiles, and only for them; verifiers want it to be the host of the address.
        type: str
      start_time:
        description:
          - When it began, as V(2026-01-31T12:00:00Z). Always required.
        type: str
      end_time: *end
      operator: *operator
      api_version: *version
  ctfe:
    description:
      - Certificate transparency logs. They are part of a trusted root only.
    type: list
    elements: dict
    suboptions:
      url:
        description:
          - The address of the log.
        type: str
        required: true
      public_key:
        description:
          - Its public key in PEM, as a file, an C(https://) address or the text itself. Always required.
        type: str
      origin:
        description:
          - The name that the log writes into its checkpoints, for logs that are read as tiles only.
        type: str
      start_time:
        description:
          - When it began, as V(2026-01-31T12:00:00Z). Always required.
        type: str
      end_time: *end
  tsa:
    description:
      - Timestamp authorities. O(signing_config_path) needs O(tsa_config) with them.
    type: list
    elements: dict
    suboptions: *authority
  oidc_provider:
    description:
      - Issuers of identity tokens. They are part of a signing config only.
    type: list
    elements: dict
    suboptions:
      url:
        description:
          - The address of the issuer.
        type: str
        required: true
      start_time:
        description:
          - When it began, as V(2026-01-31T12:00:00Z). Always required.
        type: str
      end_time: *end
      operator: *operator
      api_version: *version
  rekor_config:
    description:
      - How many logs of different operators are asked. V(ANY) is one, V(ALL) is all that hold, V(EXACT:2) is two.
    type: str
  tsa_config:
    description:
      - How many timestamp authorities of different operators are asked, in the same words.
    type: str
  with_default_services:
    description:
      - Put what the TUF repository distributes into the files too. A log that is given takes the place of the same log.
    type: bool
    default: false
  no_default_fulcio: &without
    description:
      - Leave services of this kind of the TUF repository out. Needs O(with_default_services=true).
    type: bool
    default: false
  no_default_rekor: *without
  no_default_ctfe: *without
  no_default_tsa: *without
  no_default_oidc: *without
  _trusted_root:
    description:
      - How the collection itself hands what was fetched to O(run_on=target). Not to be given.
    type: dict
requirements:
  - sigstore >= 4.5 on the controller, where something is fetched.
seealso:
  - module: supplychain.cosign.cosign_sign
  - module: supplychain.cosign.cosign_verify
"""

EXAMPLES = r"""
- name: Keep what the public good instance distributes as files
  supplychain.cosign.cosign_trusted_root:
    path: trusted_root.json
    signing_config_path: signing_config.json

- name: Put the trusted root of a company's own instance on a host
  supplychain.cosign.cosign_trusted_root:
    path: /etc/cosign/trusted_root.json
    mirror: https://tuf.example.com
    root: root.json
    root_checksum: 2ba6d55d2a697c3b105ede1b16a6291ef2398db6eb5ff33d9a661e546ab0314b
    run_on: target
  become: true

- name: Describe the services of a company's own instance
  supplychain.cosign.cosign_trusted_root:
    path: trusted_root.json
    signing_config_path: signing_config.json
    fulcio:
      - url: https://fulcio.example.com
        certificate_chain: fulcio-chain.pem
        operator: example.com
        api_version: 1
    rekor:
      - url: https://rekor.example.com
        public_key: rekor.pub
        origin: rekor.example.com
        start_time: "2026-01-31T12:00:00Z"
        operator: example.com
        api_version: 2
    rekor_config: ANY
    ctfe:
      - url: https://ctfe.example.com/2026
        public_key: ctfe.pub
        start_time: "2026-01-31T12:00:00Z"
    tsa:
      - url: https://tsa.example.com/api/v1/timestamp
        certificate_chain: tsa-chain.pem
        operator: example.com
        api_version: 1
    tsa_config: ANY
    oidc_provider:
      - url: https://login.example.com
        start_time: "2026-01-31T12:00:00Z"
        operator: example.com
        api_version: 1

- name: Trust the staging instance, as far as it is known without a connection
  supplychain.cosign.cosign_trusted_root:
    path: staging_root.json
    instance: staging
    offline: true
"""

RETURN = r"""
path:
  description: The file of the trusted root. None where none is asked for.
  returned: success
  type: str
  sample: /srv/release/trusted_root.json
signing_config_path:
  description: The file of the signing config. None where none is asked for.
  returned: success
  type: str
  sample: /srv/release/signing_config.json
trusted_root:
  description: What the trusted root says, as far as this collection can use it. None where none is asked for.
  returned: success
  type: dict
  contains:
    certificate_authorities:
      description: Who issues certificates.
      returned: always
      type: list
      elements: dict
      contains: &authorities
        url: &url
          description: The address of the service.
          returned: always
          type: str
          sample: https://fulcio.sigstore.dev
        subject:
          description: The name in its first certificate.
          returned: always
          type: str
          sample: O=sigstore.dev, CN=sigstore-intermediate
        start: &starts
          description: When it began.
          returned: always
          type: str
          sample: "2022-04-13T20:06:15Z"
        end: &ends
          description: When it ended. None where it has not.
          returned: always
          type: str
          sample: "2022-12-31T23:59:59.999Z"
    logs:
      description: The transparency logs.
      returned: always
      type: list
      elements: dict
      contains: &logs
        url: *url
        log_id:
          description: How entries name the log, in hex.
          returned: always
          type: str
          sample: c0d23d6ad406973f9559f3ba2d1ca01f84147d8ffc5b8445c224f98b9591801d
        key_type:
          description: The kind of its key.
          returned: always
          type: str
          sample: ecdsa-p256
        start: *starts
        end: *ends
    ct_logs:
      description: The certificate transparency logs.
      returned: always
      type: list
      elements: dict
      contains: *logs
    timestamp_authorities:
      description: Who signs timestamps.
      returned: always
      type: list
      elements: dict
      contains: *authorities
signing_config:
  description: What the signing config says. None where none is asked for.
  returned: success
  type: dict
  contains:
    certificate_authorities:
      description: Who issues certificates.
      returned: always
      type: list
      elements: dict
      contains: &services
        url: *url
        api_version:
          description: The version of its API.
          returned: always
          type: int
          sample: 1
        operator:
          description: Who runs it.
          returned: always
          type: str
          sample: sigstore.dev
        start: *starts
        end: *ends
    oidc_providers:
      description: Who issues identity tokens.
      returned: always
      type: list
      elements: dict
      contains: *services
    logs:
      description: The transparency logs.
      returned: always
      type: list
      elements: dict
      contains: *services
    rekor_config:
      description: How many of the logs are asked. Empty where it does not say.
      returned: always
      type: str
      sample: ANY
    timestamp_authorities:
      description: Who signs timestamps.
      returned: always
      type: list
      elements: dict
      contains: *services
    tsa_config:
      description: How many of the timestamp authorities are asked. Empty where it does not say.
      returned: always
      type: str
      sample: ANY
expires:
  description:
    - When what the repository signed expires, so that it is to be fetched again before. None where nothing was fetched.
  returned: success
  type: str
  sample: "2026-12-01T08:00:00Z"
rejection:
  description: Why the task failed.
  returned: failure
  type: dict
  contains:
    code:
      description: The reason, from a closed list of codes that a playbook may branch on.
      returned: always
      type: str
      sample: TRUST_ROOT
    message:
      description: The reason as a sentence, which ends with what to do.
      returned: always
      type: str
      sample: >-
        The file of root has another SHA-256 than root_checksum says; compare both with what the operator of the
        repository publishes.
    rejected:
      description: Always empty here.
      returned: always
      type: list
      elements: dict
      sample: []
"""

from ansible_collections.supplychain.cosign.plugins.module_utils._ansible.cosign_trusted_root import TASK
from ansible_collections.supplychain.cosign.plugins.module_utils._ansible.module import run_module


def main() -> None:
    run_module(TASK)


if __name__ == "__main__":
    main()
