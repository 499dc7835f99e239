# Copyright (c) 2026, the supplychain.cosign authors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

# This doc fragment is **PRIVATE** to the collection. It can change at any time.
from __future__ import annotations


class ModuleDocFragment:
    # Twin of VERIFICATION in module_utils/_ansible/options.py.
    DOCUMENTATION = r"""
options:
  key:
    description:
      - The public key that must have signed. One of O(key) and O(keys) is needed, and they exclude each other.
      - A path, C(env://NAME) for the content of an environment variable, an C(https://) URL, or the PEM text itself.
      - Falls back to the environment variable E(COSIGN_KEY), unless O(keys) is given.
    type: str
  keys:
    description:
      - Several public keys, each written as O(key) is. Any O(required_signatures) of them must have signed.
    type: list
    elements: str
  required_signatures:
    description:
      - How many different keys must have signed. Several signatures with one key count once.
    type: int
    default: 1
  check_claims:
    description:
      - Check what a signature says of the image beside its digest, which are annotations, reference and predicate type.
        The digest is checked in any case.
      - V(false) excludes O(annotations) and O(match_reference). Never read from the environment.
    type: bool
    default: true
  match_reference:
    description:
      - Whether a signature must have been made for the name under which the image is asked for.
      - V(none) accepts any, as C(cosign) does, so that a copy in a mirror stays verified. The name that was signed is
        returned as RV(signatures[].signed_reference).
      - V(repository) wants the same registry and repository, V(exact) the same tag or digest too.
      - A bundle names no image, so that with another value than V(none) only a legacy signature is accepted.
      - Never read from the environment.
    type: str
    choices: [none, repository, exact]
    default: none
  insecure_ignore_tlog:
    description:
      - Accept signatures that are recorded in no transparency log. Otherwise they are refused as C(TLOG_MISSING).
      - Log entries cannot be verified yet, so that V(true) is needed for now. Never read from the environment.
    type: bool
    default: false
"""
