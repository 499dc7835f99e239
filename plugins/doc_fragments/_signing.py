# Copyright (c) 2026, the supplychain.cosign authors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

# This doc fragment is **PRIVATE** to the collection. It can change at any time.
from __future__ import annotations


class ModuleDocFragment:
    # Twin of SIGNING in module_utils/_ansible/options.py.
    DOCUMENTATION = r"""
options:
  key:
    description:
      - The private key to sign with, encrypted as C(cosign) does it.
      - A path, C(env://NAME) for the content of an environment variable, an C(https://) URL, or the PEM text itself.
        The text of the option appears in logs as it is, so prefer a path or C(env://NAME).
      - Required, here or by the variable. With O(state=absent) the public key is enough.
      - Falls back to the environment variable E(COSIGN_KEY).
    type: str
  key_password:
    description:
      - The password of O(key), required for a private key. It may be empty, but it must be given.
      - Falls back to the environment variable E(COSIGN_PASSWORD).
    type: str
  signature_format:
    description:
      - V(bundle) attaches a Sigstore bundle as an OCI referrer, the default of C(cosign) 3. A registry without the
        referrers API gets it under the fallback tag.
      - V(legacy) adds a layer to the tag C(sha256-DIGEST.sig), which is all that C(cosign) 2.5, C(podman), CRI-O and
        policy-controller 0.13 see.
      - V(both) does both, for mixed fleets.
      - When it is not given, V(bundle) is made with O(state=present), and V(both) are looked at with O(state=absent).
    type: str
    choices: [bundle, legacy, both]
  tlog_upload:
    description:
      - Record the signature in a transparency log. Logs are not supported yet, so that O(state=present) needs
        V(false) and fails at once otherwise.
      - A signature that is in no log is accepted only where
        O(supplychain.cosign.cosign_verify#module:insecure_ignore_tlog=true). Never read from the environment.
    type: bool
    default: true
"""
