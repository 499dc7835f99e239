# Copyright (c) 2026, the supplychain.cosign authors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

# This doc fragment is **PRIVATE** to the collection. It can change at any time.
from __future__ import annotations


class ModuleDocFragment:
    # Twin of ATTACHMENTS in module_utils/_ansible/options.py.
    DOCUMENTATION = r"""
options:
  attachment_repository:
    description:
      - The repository that holds the signatures, without tag or digest, when that is not the repository of the image.
      - Falls back to the environment variable E(COSIGN_REPOSITORY).
    type: str
"""
