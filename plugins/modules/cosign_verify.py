#!/usr/bin/python
# Copyright (c) 2026, the supplychain.cosign authors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

from __future__ import annotations

DOCUMENTATION = r"""
module: cosign_verify
short_description: Verify signatures of container images as cosign does
version_added: 0.1.0
description:
  - Asserts that container images are signed by given identities or keys, with given annotations, and fails otherwise.
  - Accepts what C(cosign) 2 and 3 sign, in both of their formats, with the log entries and timestamps that belong to it.
  - Returns the digest that was verified, so that the next task deploys exactly that.
  - What kept it from looking, such as a registry that cannot be reached, is an error of its own and never "unsigned".
author:
  - supplychain.cosign authors (!UNKNOWN)
extends_documentation_fragment:
  - supplychain.cosign._attributes
  - supplychain.cosign._attributes.action_group
  - supplychain.cosign._common
  - supplychain.cosign._image
  - supplychain.cosign._registry
  - supplychain.cosign._registry.tls
  - supplychain.cosign._limits
  - supplychain.cosign._attachments
  - supplychain.cosign._verification
  - supplychain.cosign._trust
attributes:
  action_group:
    membership:
      - supplychain.cosign.cosign
      - supplychain.cosign.registry
      - supplychain.cosign.verification
  check_mode:
    details:
      - Does the same in check mode.
  diff_mode:
    support: N/A
    details:
      - Changes nothing.
options:
  annotations:
    description:
      - What the signature must say. It may say more.
      - Whole numbers and booleans become text. Names and values that YAML reads as something else than was written,
        such as C(1.10) or a date, are refused. Write them in quotes.
    type: dict
    default: {}
  recursive:
    description:
      - Verify every image below an index too, each by a signature of its own.
    type: bool
    default: false
  signatures:
    description:
      - V(enough) looks at legacy signatures only where bundles do not satisfy what is asked.
      - V(all) looks at every signature in both formats, and returns them.
    type: str
    choices: [enough, all]
    default: enough
notes:
  - On the controller a verdict serves all hosts of one run, so that many hosts that ask for the same digest in the same
    way cost one look. Whatever the collection attaches or removes in between makes it look again.
seealso:
  - module: supplychain.cosign.cosign_sign
  - module: supplychain.cosign.cosign_copy
  - module: supplychain.cosign.cosign_login
"""

EXAMPLES = r"""
- name: Verify who signed, as the environment says
  supplychain.cosign.cosign_verify:
    image: cgr.dev/chainguard/cosign
  environment:
    COSIGN_CERTIFICATE_OIDC_ISSUER: https://token.actions.githubusercontent.com
    COSIGN_CERTIFICATE_IDENTITY: https://github.com/chainguard-images/images/.github/workflows/release.yaml@refs/heads/main

- name: Accept any release workflow of our organisation, run for a tag
  supplychain.cosign.cosign_verify:
    image: ghcr.io/acme/app:1.4
    certificate_identity_regexp: https://github\.com/acme/[a-z-]+/\.github/workflows/release\.yml@refs/tags/v[0-9.]+
    certificate_oidc_issuer: https://token.actions.githubusercontent.com

- name: Verify against an instance of our own
  supplychain.cosign.cosign_verify:
    image: ghcr.io/acme/app:1.4
    certificate_identity: release@acme.example
    certificate_oidc_issuer: https://login.acme.example
    trusted_root: trusted_root.json

- name: Want both the build and a person to have signed
  supplychain.cosign.cosign_verify:
    image: ghcr.io/acme/app:1.4
    signers:
      - certificate_identity: https://github.com/acme/app/.github/workflows/release.yml@refs/heads/main
        certificate_oidc_issuer: https://token.actions.githubusercontent.com
      - certificate_identity: alice@acme.example
        certificate_oidc_issuer: https://accounts.google.com
    required_signatures: 2

- name: Deploy only what is signed by our key, and exactly that
  supplychain.cosign.cosign_verify:
    image: ghcr.io/acme/app:1.4
    key: cosign.pub
    annotations:
      sha: 7f3c1d0
    insecure_ignore_tlog: true
  register: verified

- name: Run it by digest
  containers.podman.podman_container:
    name: app
    image: "{{ verified.pinned }}"

- name: Verify several images, each of which two of three people must have signed
  supplychain.cosign.cosign_verify:
    images:
      - ghcr.io/acme/app:1.4
      - ghcr.io/acme/worker:1.4
    keys:
      - alice.pub
      - bob.pub
      - https://keys.example.com/carol.pub
    required_signatures: 2
    insecure_ignore_tlog: true

- name: Sign what is not signed yet
  block:
    - name: Look
      supplychain.cosign.cosign_verify:
        image: ghcr.io/acme/app:1.4
        key: cosign.pub
        insecure_ignore_tlog: true
      register: verified
  rescue:
    - name: Fail for any other reason
      ansible.builtin.assert:
        that: verified.rejection.code in ['NO_SIGNATURE', 'NO_MATCHING_SIGNATURE', 'KEY_MISMATCH']
    - name: Sign
      supplychain.cosign.cosign_sign:
        image: ghcr.io/acme/app:1.4
        key: cosign.key
        tlog_upload: false
"""

RETURN = r"""
verified:
  description: Whether every image is signed as asked. The task fails when it is V(false).
  returned: always
  type: bool
  sample: true
pinned:
  description: The repository and digest that was verified, for the tasks that follow.
  returned: for exactly one image that is accepted
  type: str
  sample: ghcr.io/acme/app@sha256:2ba6d55d2a697c3b105ede1b16a6291ef2398db6eb5ff33d9a661e546ab0314b
digest:
  description: The digest of the image. None when it could not be found out.
  returned: for exactly one image
  type: str
  sample: sha256:2ba6d55d2a697c3b105ede1b16a6291ef2398db6eb5ff33d9a661e546ab0314b
signatures:
  description: The signatures that were accepted.
  returned: for exactly one image that could be looked at
  type: list
  elements: dict
  contains:
    format:
      description: V(bundle) or V(legacy).
      returned: always
      type: str
      sample: bundle
    location:
      description: Where it is, as the digest of its manifest, or for a legacy signature its tag and layer.
      returned: always
      type: str
      sample: sha256:83c1264c8a58196b7d3601a873d2bb243a73f2675ba6579ce8225680459a65ba
    type:
      description: The predicate type of a bundle. A legacy signature has none.
      returned: always
      type: str
      sample: https://sigstore.dev/cosign/sign/v1
    annotations:
      description: The annotations that were signed.
      returned: always
      type: dict
      sample: {sha: 7f3c1d0}
    payload:
      description: What was signed, as text, up to 64 KiB of it.
      returned: always
      type: str
      sample: >-
        {"_type":"https://in-toto.io/Statement/v1","subject":[{"digest":{"sha256":"2ba6d55d2a697c3b105ede1b16a6291ef2398db6eb5ff33d9a661e546ab0314b"},"annotations":{"sha":"7f3c1d0"}}],"predicateType":"https://sigstore.dev/cosign/sign/v1","predicate":{}}
    key_id:
      description: The key that signed, as the hint that C(cosign) writes for it.
      returned: for a signature by a key
      type: str
      sample: Vb5rURa1ff8QIEbWYvmsX06st6XADZ/RNQxRz6isHNc=
    signed_reference:
      description: The name of the image that a legacy signature was made for. A bundle has none.
      returned: always
      type: str
      sample: ghcr.io/acme/app
    certificate:
      description:
        - What the certificate of the signer says, by the names that Fulcio gives to its extensions in snake case, and
          in any case the fields below.
      returned: for a signature by a certificate
      type: dict
      contains:
        subject:
          description: Who signed.
          returned: always
          type: str
          sample: alice@acme.example
        issuer:
          description: Who vouched for that. None where the certificate does not say.
          returned: always
          type: str
          sample: https://accounts.google.com
        not_before:
          description: From when on the certificate is valid.
          returned: always
          type: str
          sample: "2026-11-24T09:12:31Z"
        not_after:
          description: Until when.
          returned: always
          type: str
          sample: "2026-11-24T09:22:31Z"
    logged:
      description: The entries in transparency logs that were verified.
      returned: always
      type: list
      elements: dict
      contains:
        log_url:
          description: The log, as the trusted root names it. Empty where it was given as a key.
          returned: always
          type: str
          sample: https://rekor.sigstore.dev
        index:
          description: The number of the entry in the log.
          returned: always
          type: int
          sample: 771488337
        time:
          description: When the log says it was made. None for a log that does not say it.
          returned: always
          type: str
          sample: "2026-11-24T09:12:32Z"
    timestamps:
      description: The signed timestamps that were verified.
      returned: always
      type: list
      elements: dict
      contains:
        authority:
          description: Who signed it, as the trusted root names it. Empty where it was given as a certificate.
          returned: always
          type: str
          sample: https://timestamp.sigstore.dev/api/v1/timestamp
        time:
          description: The time that was signed.
          returned: always
          type: str
          sample: "2026-11-24T09:12:32Z"
    verified:
      description: Always V(true), since only signatures that were accepted are listed.
      returned: always
      type: bool
      sample: true
images:
  description: One entry for each image that was asked for, in the same order, refused ones included.
  returned: always
  type: list
  elements: dict
  contains:
    reference:
      description: The image as it was asked for.
      returned: always
      type: str
      sample: ghcr.io/acme/app:1.4
    digest:
      description: Its digest. None when it could not be found out.
      returned: always
      type: str
      sample: sha256:2ba6d55d2a697c3b105ede1b16a6291ef2398db6eb5ff33d9a661e546ab0314b
    pinned:
      description: Its repository and digest. None when the digest is not known.
      returned: always
      type: str
      sample: ghcr.io/acme/app@sha256:2ba6d55d2a697c3b105ede1b16a6291ef2398db6eb5ff33d9a661e546ab0314b
    changed:
      description: Always V(false).
      returned: always
      type: bool
      sample: false
    verified:
      description: As RV(verified), for this image.
      returned: always
      type: bool
      sample: true
    signer:
      description: Who signed, in one line. None when nobody did.
      returned: always
      type: str
      sample: key Vb5rURa1ff8QIEbWYvmsX06st6XADZ/RNQxRz6isHNc=
    signatures:
      description: As RV(signatures), for this image.
      returned: when the image could be looked at, for more than one image only with O(details=true)
      type: list
      elements: dict
    children:
      description: The digests of the images below an index that were worked on too.
      returned: when the image could be looked at
      type: list
      elements: str
      sample: []
    checks:
      description: What was checked on each accepted signature, in the sentences of C(cosign).
      returned: when the image could be looked at
      type: list
      elements: str
      sample:
        - The specified annotations were verified.
        - The cosign claims were validated
        - The signatures were verified against the specified public key
    notes:
      description: What a person should know although the signatures were accepted.
      returned: when the image could be looked at
      type: list
      elements: str
      sample: []
    rejected:
      description: As RV(rejection.rejected), for this image, also when it is accepted by other signatures.
      returned: when the image could be looked at
      type: list
      elements: dict
      sample: []
    cached:
      description: Whether the verdict was reached before in this run.
      returned: when the task ran on the controller and the image could be looked at
      type: bool
      sample: false
    rejection:
      description: As RV(rejection), for this image.
      returned: when it is refused
      type: dict
rejection:
  description: Why the task failed. For a task with several images, the first of those that were refused.
  returned: failure
  type: dict
  contains:
    code:
      description: The reason, from a closed list of codes that a playbook may branch on.
      returned: always
      type: str
      sample: NO_SIGNATURE
    message:
      description: The reason as a sentence, which ends with what to do.
      returned: always
      type: str
      sample: "sha256:2ba6d55d2a697c3b105ede1b16a6291ef2398db6eb5ff33d9a661e546ab0314b has no signature; sign it, or check that this is the image you mean."
    rejected:
      description: Each signature that was looked at and not accepted.
      returned: always
      type: list
      elements: dict
      sample:
        - code: ANNOTATION_MISMATCH
          message: "The annotation 'sha' should be '7f3c1d0', and the signature has none of that name; sign with that annotation."
          format: bundle
          location: sha256:83c1264c8a58196b7d3601a873d2bb243a73f2675ba6579ce8225680459a65ba
"""

from ansible_collections.supplychain.cosign.plugins.module_utils._ansible.cosign_verify import TASK
from ansible_collections.supplychain.cosign.plugins.module_utils._ansible.module import run_module


def main() -> None:
    run_module(TASK)


if __name__ == "__main__":
    main()
