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
      - The public key that must have signed.
      - One of O(key), O(keys), O(signers), or O(certificate_identity) and O(certificate_oidc_issuer) (or their
        patterns) is needed, and they exclude each other. Without any the task is refused before anything is asked.
      - A path, C(env://NAME) for the content of an environment variable, an C(https://) URL (not with O(offline)), or
        the PEM text itself.
      - Options that speak of certificates (O(certificate), O(sct), O(certificate_chain), O(ca_roots) and
        O(ca_intermediates)) are refused where only keys may sign.
      - Falls back to the environment variable E(COSIGN_KEY), unless another signer or one of those options is given.
        Variables of the C(environment) of the task come before those of the process, and two that exclude each other
        are refused.
    type: str
  keys:
    description:
      - Several public keys, each written as O(key) is. Any O(required_signatures) of them must have signed.
    type: list
    elements: str
  certificate_identity:
    description:
      - The identity that the signer's certificate must have, such as an e-mail address or the URI of a workflow,
        exactly as it stands there.
      - Falls back to the environment variable E(COSIGN_CERTIFICATE_IDENTITY), unless another signer is given.
    type: str
  certificate_identity_regexp:
    description:
      - A pattern for that identity instead. It must match all of it, where C(cosign) is content with a part. A refusal
        says so where a part would have matched.
      - The patterns are those that RE2, which C(cosign) uses, and Python read alike. Others are refused, as are
        patterns that match anything.
      - Falls back to the environment variable E(COSIGN_CERTIFICATE_IDENTITY_REGEXP), unless another signer is given.
    type: str
  certificate_oidc_issuer:
    description:
      - Who must have vouched for the identity, as the URL of an identity provider. Anybody can have any identity at a
        provider of their own.
      - Only with O(insecure_ignore_sct) it may be missing, and then the certificate must name none either.
      - Falls back to the environment variable E(COSIGN_CERTIFICATE_OIDC_ISSUER), unless another signer is given.
    type: str
  certificate_oidc_issuer_regexp:
    description:
      - A pattern for that issuer instead, as O(certificate_identity_regexp) is one.
      - Falls back to the environment variable E(COSIGN_CERTIFICATE_OIDC_ISSUER_REGEXP), unless another signer is given.
    type: str
  certificate_github_workflow_trigger:
    description:
      - The event that must have started the GitHub workflow, such as V(push), as the certificate says.
    type: str
  certificate_github_workflow_sha:
    description:
      - The commit that the workflow must have run for.
    type: str
  certificate_github_workflow_name:
    description:
      - The name that the workflow must have.
    type: str
  certificate_github_workflow_repository:
    description:
      - The repository that the workflow must have run for, as C(owner/name).
    type: str
  certificate_github_workflow_ref:
    description:
      - The branch or tag that the workflow must have run for, as C(refs/heads/main).
    type: str
  signers:
    description:
      - Several who may sign, each by key or by identity. Any O(required_signatures) of them must have signed, each a
        signer of its own. Of several that fit one pattern here one counts.
    type: list
    elements: dict
    suboptions:
      key:
        description: As O(key). Excludes the others.
        type: str
      certificate_identity:
        description: As O(certificate_identity).
        type: str
      certificate_identity_regexp:
        description: As O(certificate_identity_regexp).
        type: str
      certificate_oidc_issuer:
        description: As O(certificate_oidc_issuer).
        type: str
      certificate_oidc_issuer_regexp:
        description: As O(certificate_oidc_issuer_regexp).
        type: str
      certificate_github_workflow_trigger:
        description: As O(certificate_github_workflow_trigger).
        type: str
      certificate_github_workflow_sha:
        description: As O(certificate_github_workflow_sha).
        type: str
      certificate_github_workflow_name:
        description: As O(certificate_github_workflow_name).
        type: str
      certificate_github_workflow_repository:
        description: As O(certificate_github_workflow_repository).
        type: str
      certificate_github_workflow_ref:
        description: As O(certificate_github_workflow_ref).
        type: str
  required_signatures:
    description:
      - How many different signers must have signed. Several signatures with one key, or of one identity with one
        issuer, count once.
    type: int
    default: 1
  certificate:
    description:
      - The certificate of signatures that carry none, as a PEM file. One that carries another is refused.
    type: path
  sct:
    description:
      - A signed certificate timestamp that is not part of the certificate, as a file with the answer of the certificate
        log in JSON. Those in the certificate are verified too.
    type: path
  insecure_ignore_sct:
    description:
      - Do not demand that a certificate is recorded in a certificate transparency log, for a certificate authority of
        one's own. A certificate may then have several names, any of which counts, and no issuer.
      - Has no effect on signatures by key, which need no such record.
      - Never read from the environment.
    type: bool
    default: false
  use_signed_timestamps:
    description:
      - Demand a timestamp of a timestamp authority. One that is there is verified in any case.
    type: bool
    default: false
  required_logs:
    description:
      - In how many different transparency logs a signature must be recorded.
    type: int
    default: 1
  insecure_ignore_tlog:
    description:
      - Accept signatures that are recorded in no transparency log, which are refused as C(TLOG_MISSING) otherwise, and
        do not look at log entries. Of signatures with a certificate something else must then prove the time, which is a
        timestamp, or with O(insecure_ignore_sct) that the certificate is still valid.
      - Never read from the environment.
    type: bool
    default: false
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
"""
