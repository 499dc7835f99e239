# Copyright (c) 2026, the supplychain.cosign authors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

# This doc fragment is **PRIVATE** to the collection. It can change at any time.
from __future__ import annotations


class ModuleDocFragment:
    # Twin of TRUST in module_utils/_ansible/trust.py.
    DOCUMENTATION = r"""
options:
  trusted_root:
    description:
      - What is trusted, namely the keys of transparency logs and the certificate authorities of signers and of
        timestamps, each with the time in which it is. Nothing else is trusted then, and nothing is fetched.
      - The path of a C(trusted_root.json) as Sigstore's TUF repositories distribute it and
        C(cosign trusted-root create) writes it, or its content inline, as JSON text or as a dictionary.
      - When it is not given, and neither is any of O(certificate_chain), O(ca_roots), E(SIGSTORE_ROOT_FILE),
        E(SIGSTORE_REKOR_PUBLIC_KEY), E(SIGSTORE_CT_LOG_PUBLIC_KEY_FILE) and E(SIGSTORE_TSA_CERTIFICATE_FILE), it is
        that of the public good instance of Sigstore, or of E(TUF_MIRROR) (which begins with E(TUF_ROOT_JSON)).
        The controller fetches it with TUF when something needs it, and keeps it for at most a day, in a folder below
        E(TUF_ROOT) (an absolute path, or one from C(~) on), or below the user's cache. What is kept is verified anew
        by whoever takes it from there. Where it cannot be fetched, the one that is kept serves until its TUF metadata
        expires, with a warning from each task that reads it; a task whose verdict this run has reached before reads
        none.
      - With any of those options and variables only what they name is trusted, at any time, as in C(cosign).
      - O(run_on=target) trusts what the same task would on the controller, but that for keys with
        O(supplychain.cosign.cosign_verify#module:insecure_ignore_tlog=true) nothing is fetched, so that a timestamp may
        be refused there for want of a root. Files that are named by options or by the task's C(environment) are the
        host's. Files that variables of the controller's own process name are handed to the host, as is the default.
        What variables of the host's own say is not read.
      - What options give is read at once, and refused if it cannot be used, even where no signature needs it. What
        variables name is read when something needs it.
      - Excludes O(certificate_chain) and O(ca_roots).
    type: raw
  certificate_chain:
    description:
      - A file of certificates in PEM. The last is the authority that must have issued the signer's certificate,
        directly or through those before it.
      - Takes the place of E(SIGSTORE_ROOT_FILE). Excludes O(ca_roots).
    type: path
  ca_roots:
    description:
      - A file of certificates in PEM. Any of them may have issued the signer's certificate, directly or through
        O(ca_intermediates).
      - Takes the place of E(SIGSTORE_ROOT_FILE).
    type: path
  ca_intermediates:
    description:
      - A file of certificates in PEM that may stand between the signer's and one of O(ca_roots), which it needs.
    type: path
  offline:
    description:
      - Make no connection but to the registry.
      - Without O(trusted_root) and what takes its place, the trusted root that the Python package C(sigstore) ships is
        used, with a warning that says how old it is; with a C(file://) address as E(TUF_MIRROR), which needs no
        connection, the one from there.
      - Never read from the environment.
    type: bool
    default: false
  _trusted_root:
    description:
      - How the collection itself hands the trusted root to O(run_on=target). Not to be given.
    type: dict
requirements:
  - sigstore >= 4.5 on the controller, where no trusted root is given and one is needed.
"""
