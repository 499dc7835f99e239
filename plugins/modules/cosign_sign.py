#!/usr/bin/python
# Copyright (c) 2026, the supplychain.cosign authors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

from __future__ import annotations

DOCUMENTATION = r"""
module: cosign_sign
short_description: Sign container images as cosign does
version_added: 0.1.0
description:
  - Makes sure that container images carry a signature of ours, in the formats of Sigstore's C(cosign), or that they carry
    none of it. Ours is by O(key), or without a key by whoever an identity token names, with a certificate that Fulcio
    issues for some minutes.
  - Looks first. An image that already carries a signature of the same key or identity with exactly the same annotations,
    in every wanted format, logged and stamped as one that would be made now, is left alone; nothing is logged again.
  - What was made is verified like anybody's signature before it is attached.
  - A tag is resolved to a digest before anything is signed, and the digest that was signed is returned.
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
  - supplychain.cosign._signing
  - supplychain.cosign._trust
attributes:
  action_group:
    membership:
      - supplychain.cosign.cosign
      - supplychain.cosign.registry
      - supplychain.cosign.signing
  check_mode:
    details:
      - An image or a key that is not there yet is taken as what an earlier task would have made. The task warns and
        reports that it would sign.
      - Nothing is sent to Fulcio, Rekor or a timestamp authority. Without O(key) and O(certificate_identity), whose
        signature to look for is known only as far as the identity token tells it.
options:
  annotations:
    description:
      - What the signature is to say beside the digest.
      - Whole numbers and booleans become text. Names and values that YAML reads as something else than was written,
        such as C(1.10) or a date, are refused. Write them in quotes.
      - A signature with other annotations is left in place, and one with these is added.
      - With O(state=absent) only signatures with exactly these annotations are removed, or all when it is not given.
    type: dict
  recursive:
    description:
      - Work on every image below an index too, not on the index alone.
    type: bool
    default: false
  sign_container_identity:
    description:
      - The names of the image that a legacy signature is to carry instead of the repository that is signed, one
        signature each.
      - Needs O(signature_format=legacy) or O(signature_format=both), because a bundle names no image.
    type: list
    elements: str
    default: []
  state:
    description:
      - V(present) makes sure that the image carries the signature.
      - V(absent) removes what verifies with O(key), or as signed by O(certificate_identity), and nothing of anybody else.
        It needs no token. A registry that deletes nothing refuses that. Entries in logs stay.
    type: str
    choices: [present, absent]
    default: present
notes:
  - A run that was killed after it had logged a signature, and before it had attached it, leaves that entry in the log. The
    next run signs again.
  - A failed task reports C(changed=true) where it had logged or attached something before it failed.
seealso:
  - module: supplychain.cosign.cosign_verify
  - module: supplychain.cosign.cosign_copy
  - module: supplychain.cosign.cosign_key_pair
  - module: supplychain.cosign.cosign_login
"""

EXAMPLES = r"""
- name: Sign as whoever this job runs as, in GitHub Actions for example
  supplychain.cosign.cosign_sign:
    image: ghcr.io/acme/app:1.4
    annotations:
      run_id: "{{ lookup('ansible.builtin.env', 'GITHUB_RUN_ID') }}"

- name: Sign on a Sigstore instance of our own
  supplychain.cosign.cosign_sign:
    image: ghcr.io/acme/app:1.4
    identity_token: "{{ vault_identity_token }}"
    trusted_root: trusted_root.json
    signing_config: signing_config.v0.2.json

- name: Sign with a key, in a log of our own
  supplychain.cosign.cosign_sign:
    image: ghcr.io/acme/app:1.4
    key: cosign.key
    key_password: "{{ vault_cosign_password }}"
    rekor_url: https://rekor.acme.example
    trusted_root: trusted_root.json

- name: Sign an image without a log and remember which digest it was
  supplychain.cosign.cosign_sign:
    image: ghcr.io/acme/app:1.4
    key: cosign.key
    key_password: "{{ vault_cosign_password }}"
    annotations:
      sha: "{{ lookup('ansible.builtin.pipe', 'git rev-parse HEAD') }}"
    tlog_upload: false
  register: signed

- name: Tell which one it was
  ansible.builtin.debug:
    var: signed.pinned

- name: Sign a multi-arch image and all that it lists, so that cosign 2, podman and cosign 3 accept it
  supplychain.cosign.cosign_sign:
    image: ghcr.io/acme/app:1.4
    key: env://SIGNING_KEY
    recursive: true
    signature_format: both
    tlog_upload: false
  environment:
    SIGNING_KEY: "{{ vault_cosign_key }}"
    COSIGN_PASSWORD: "{{ vault_cosign_password }}"

- name: Take the signatures of an old key away
  supplychain.cosign.cosign_sign:
    images:
      - ghcr.io/acme/app:1.3
      - ghcr.io/acme/app:1.4
    key: old.key
    key_password: "{{ vault_old_password }}"
    state: absent
"""

RETURN = r"""
verified:
  description: Whether every image carries the signature now. V(false) when it was removed, and in check mode when it would be added.
  returned: always
  type: bool
  sample: true
pinned:
  description: The repository and digest that was signed, for the tasks that follow.
  returned: for exactly one image, unless the task failed
  type: str
  sample: ghcr.io/acme/app@sha256:2ba6d55d2a697c3b105ede1b16a6291ef2398db6eb5ff33d9a661e546ab0314b
digest:
  description: The digest of the image. None when it could not be found out.
  returned: for exactly one image
  type: str
  sample: sha256:2ba6d55d2a697c3b105ede1b16a6291ef2398db6eb5ff33d9a661e546ab0314b
signatures:
  description: The signatures of ours that are there now.
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
      description: Whether a signature was added or removed, or would be in check mode.
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
      sample: AUTH_REFUSED
    message:
      description: The reason as a sentence, which ends with what to do.
      returned: always
      type: str
      sample: "The key is encrypted and no password is given; give key_password, or set COSIGN_PASSWORD."
    rejected:
      description: Always empty here.
      returned: always
      type: list
      elements: dict
      sample: []
"""

from ansible_collections.supplychain.cosign.plugins.module_utils._ansible.cosign_sign import TASK
from ansible_collections.supplychain.cosign.plugins.module_utils._ansible.module import run_module


def main() -> None:
    run_module(TASK)


if __name__ == "__main__":
    main()
