# Copyright (c) 2026, the supplychain.cosign authors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

# This doc fragment is **PRIVATE** to the collection. It can change at any time.
from __future__ import annotations


class ModuleDocFragment:
    # Twin of LIMITS in module_utils/_ansible/options.py.
    DOCUMENTATION = r"""
options:
  max_attachment_size:
    description:
      - The largest signature to read, in bytes or with a unit, such as V(5120), V(20K) or V(45MiB). At most V(128MiB).
      - Falls back to the environment variable E(COSIGN_MAX_ATTACHMENT_SIZE), and then to V(4MiB).
    type: str
  max_workers:
    description:
      - How many images of O(images) are worked on at the same time, from V(1) to V(64).
    type: int
    default: 64
"""
