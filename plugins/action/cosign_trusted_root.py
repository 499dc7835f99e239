# Copyright (c) 2026, the supplychain.cosign authors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

from __future__ import annotations

from ansible_collections.supplychain.cosign.plugins.module_utils._ansible.cosign_trusted_root import TASK, hand_over
from ansible_collections.supplychain.cosign.plugins.plugin_utils._action import CosignAction


class ActionModule(CosignAction):
    task = TASK
    hand_over = staticmethod(hand_over)
