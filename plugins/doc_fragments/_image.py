# Copyright (c) 2026, the supplychain.cosign authors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

# This doc fragment is **PRIVATE** to the collection. It can change at any time.
from __future__ import annotations


class ModuleDocFragment:
    # Twin of IMAGE in module_utils/_ansible/options.py.
    DOCUMENTATION = r"""
options:
  image:
    description:
      - The image, as C(REGISTRY/REPOSITORY[:TAG][@DIGEST]), with or without C(docker://) in front.
      - Without a registry, Docker Hub is meant; without tag and digest, the tag C(latest).
      - A tag is resolved to a digest once, and only that digest is used from then on. With both, the digest decides.
      - Or a place on disk, C(oci:DIRECTORY[:NAME]), C(oci-archive:FILE[:NAME]) or C(docker-archive:FILE[:NAME]).
      - Exactly one of O(image) and O(images) is needed.
    type: str
  images:
    description:
      - Several images, each written as O(image) is, to be worked on at the same time in one task.
      - Every image is looked at, even when one is refused.
      - Exactly one of O(image) and O(images) is needed.
    type: list
    elements: str
  details:
    description:
      - Return RV(images[].signatures) for more than one image too, which may be large.
    type: bool
    default: false
"""
