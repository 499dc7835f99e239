# Copyright (c) 2026, the supplychain.cosign authors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

# This doc fragment is **PRIVATE** to the collection. It can change at any time.
from __future__ import annotations


class ModuleDocFragment:
    # Twin of SIGNING in module_utils/_ansible/signing.py.
    DOCUMENTATION = r"""
options:
  key:
    description:
      - The private key to sign with, encrypted as C(cosign) does it. When it is not given, the task signs without a key
        of its own, with a certificate that Fulcio issues to whoever the identity token names.
      - A path, C(env://NAME) for the content of an environment variable, an C(https://) URL, or the PEM text itself.
        The text of the option appears in logs as it is, so prefer a path or C(env://NAME).
      - With O(state=absent) the public key is enough.
      - Falls back to the environment variable E(COSIGN_KEY), unless one of O(identity_token), O(oidc_provider),
        O(fulcio_url), O(certificate_identity), O(certificate_oidc_issuer), O(certificate), O(certificate_chain),
        O(ca_roots) and O(ca_intermediates) is given.
    type: str
  key_password:
    description:
      - The password of O(key), required for a private key. It may be empty, but it must be given.
      - Falls back to the environment variable E(COSIGN_PASSWORD).
    type: str
  certificate:
    description:
      - A file of certificates in PEM, of which the first says whose O(key) is, and the others lead from it to an
        authority. They go into the signature. Must be of O(key), and valid now.
      - Certificates of O(certificate_chain) go into the signature too. Where O(certificate_chain), O(ca_roots) or
        O(trusted_root) is given, the certificate must be by one of its authorities.
      - C(cosign) 3.1 accepts no bundle with several certificates. Give the one alone where O(trusted_root) has those
        above it, or use O(signature_format=legacy).
    type: path
  issue_certificate:
    description:
      - Have Fulcio issue a certificate for O(key) to whoever the identity token names, instead of for a key of this
        task alone. A signature of that identity counts as ours whatever its key.
    type: bool
    default: false
  identity_token:
    description:
      - The identity token (a JSON Web Token, which begins with C(eyJ)) for Fulcio, or the path of a file
        that holds it.
      - It must be for the audience O(oidc_client_id) and be good for another half minute at least. It is sent to Fulcio
        and to nobody else, over TLS unless Fulcio is on this machine.
      - When neither it nor O(key) is given, a token is looked for where the task runs, in this order, namely the file
        C(/var/run/sigstore/cosign/oidc-token), the variable E(SIGSTORE_ID_TOKEN), then GitHub Actions, Buildkite,
        Google Cloud and SPIFFE. O(oidc_provider) chooses one of them.
      - There is no flow with a browser. A task without a token fails and says what to do.
    type: str
  oidc_provider:
    description:
      - Take the identity token from this provider, and from no other.
    type: str
    choices: [filesystem, envvar, github-actions, buildkite-agent, google-workload-identity, google-impersonate, spiffe]
  oidc_disable_ambient_providers:
    description:
      - Take no identity token from where the task runs, so that O(identity_token) must be given.
    type: bool
    default: false
  oidc_client_id:
    description:
      - The audience that an identity token must be for, and that providers are asked for.
    type: str
    default: sigstore
  certificate_identity:
    description:
      - As whom the task signs without a key, or whose signatures are removed with O(state=absent). Needs
        O(certificate_oidc_issuer), and excludes O(key) unless O(issue_certificate=true).
      - A certificate for anybody else is refused before anything is signed. With it, an image that is signed already is
        found without asking for a token or a certificate.
      - When it is not given, it is taken from the token, as far as the public Fulcio's rules for GitHub, GitLab and
        Google accounts and its own accounts say; else Fulcio is asked for one certificate to learn it, except in check
        mode, which says that it does not know.
      - Falls back to the environment variable E(COSIGN_CERTIFICATE_IDENTITY).
    type: str
  certificate_oidc_issuer:
    description:
      - Who must have vouched for O(certificate_identity).
      - Falls back to the environment variable E(COSIGN_CERTIFICATE_OIDC_ISSUER).
    type: str
  insecure_ignore_sct:
    description:
      - Accept a certificate without a signed certificate timestamp, from a Fulcio of your own that uses no certificate
        log. Never read from the environment.
    type: bool
    default: false
  signature_format:
    description:
      - V(bundle) attaches a Sigstore bundle as an OCI referrer, the default of C(cosign) 3. A registry without the
        referrers API gets it under the fallback tag.
      - V(legacy) adds a layer to the tag C(sha256-DIGEST.sig), which is all that C(cosign) 2.5, C(podman), CRI-O and
        policy-controller 0.13 see. It has room for one entry of a log of Rekor v1 and for one timestamp.
      - V(both) does both, for mixed fleets.
      - When it is not given, V(bundle) is made with O(state=present), and V(both) are looked at with O(state=absent).
    type: str
    choices: [bundle, legacy, both]
  tlog_upload:
    description:
      - Record the signature in a transparency log, where everybody can read it, together with the certificate or key
        and hashes of what was signed. Rekor of version 1 is sent the whole of a bundle's envelope, annotations too.
      - What the log answers is verified before anything is attached. A signature of ours that is in no such log does
        not count as there.
      - Where O(signing_config) names no log, none is written to, with a warning.
      - A signature that is in no log is accepted only where
        O(supplychain.cosign.cosign_verify#module:insecure_ignore_tlog=true). Never read from the environment.
    type: bool
    default: true
  signing_config:
    description:
      - Which services are asked, as the path of a C(signing_config.v0.2.json) as Sigstore's TUF repositories distribute
        it and C(cosign signing-config create) writes it, or its content inline, as JSON text or as a dictionary.
      - All its services that are to be used are, so C(ALL) logs or an C(EXACT) number of them. Only those are used that
        are valid now and speak a version that is spoken here (Rekor v1 and v2).
      - When neither it nor the address of a service is given, and something must be asked, it is that of the public
        good instance of Sigstore, or of E(TUF_MIRROR), fetched and kept with the trusted root. That default is not used
        where it is said whom to trust (O(trusted_root), O(certificate_chain), O(ca_roots), E(SIGSTORE_ROOT_FILE) and
        the like), since tokens and signatures for an instance of your own must not reach another one.
      - Excludes O(fulcio_url), O(rekor_url) and O(timestamp_server_url).
    type: raw
  fulcio_url:
    description:
      - The address of Fulcio, which issues certificates. Must be C(https://), except on this machine.
      - With any of O(fulcio_url), O(rekor_url) and O(timestamp_server_url) only services that are named are asked, and
        those that are needed must be.
    type: str
  fulcio_version:
    description:
      - The version of Fulcio's API, which is 2 when it is not given. Needs O(fulcio_url).
    type: int
    choices: [1, 2]
  rekor_url:
    description:
      - The address of the transparency log, of Rekor.
    type: str
  rekor_version:
    description:
      - The version of the log at O(rekor_url), which is 1 when it is not given. Version 2 tells no time, so that
        signing without a key needs O(timestamp_server_url) too.
    type: int
    choices: [1, 2]
  timestamp_server_url:
    description:
      - The address at which a timestamp authority takes requests of RFC 3161, such as
        C(https://timestamp.acme.example/api/v1/timestamp).
    type: str
  timestamp_server_name:
    description:
      - What the certificate of the timestamp authority's server must be for, where that is not the name in its address.
    type: str
  timestamp_client_cacert:
    description:
      - A file of certificate authorities in PEM that the timestamp authority's server is verified with, instead of
        O(services_cacert).
    type: path
  timestamp_client_cert:
    description:
      - Our certificate in PEM towards the timestamp authority. Needs O(timestamp_client_key).
    type: path
  timestamp_client_key:
    description:
      - The private key in PEM that belongs to O(timestamp_client_cert).
    type: path
  services_cacert:
    description:
      - A file of certificate authorities in PEM that Fulcio, Rekor and the timestamp authority are verified with,
        instead of those of the system. Servers that identity tokens are fetched from are verified with those of the
        system.
      - Proxies are taken from E(HTTPS_PROXY), E(HTTP_PROXY) and E(NO_PROXY).
    type: path
  services_timeout:
    description:
      - Seconds that one request to a service may take, with all its repetitions, between 1 and 3600. Rekor v2 answers
        only when the entry is in the log, which takes seconds.
    type: int
    default: 120
"""
