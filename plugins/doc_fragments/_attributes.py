# Copyright (c) 2026, the supplychain.cosign authors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

# This doc fragment is **PRIVATE** to the collection. It can change at any time.
from __future__ import annotations


class ModuleDocFragment:
    # How every module of the collection behaves; a module overrides what differs.
    DOCUMENTATION = r"""
options: {}
attributes:
  action:
    description: There is an action plugin of the same name, which runs the task on the controller.
    support: full
    details:
      - Unless O(run_on=target) is given, nothing runs on the managed host, and nothing has to be installed there.
  async:
    description: Supports being run with the C(async) keyword.
    support: none
    details:
      - Refused wherever the task runs.
  become:
    description: Supports being run with the C(become) keyword.
    support: partial
    details:
      - Has an effect with O(run_on=target) only. On the controller a task always runs as who runs Ansible.
  check_mode:
    description: Can run in C(check_mode) and tell what would change, without changing it.
    support: full
  connection:
    description: Uses the connection of the target to run code on it.
    support: partial
    details:
      - Connects with O(run_on=target) only, so that hosts that cannot be reached do no harm otherwise.
  delegation:
    description: Can be used with C(delegate_to).
    support: partial
    details:
      - Moves the task with O(run_on=target) only. On the controller it changes nothing, and a task that is delegated to
        a host that is not local warns unless O(run_on) is given.
  diff_mode:
    description: Returns what changed, or would change in check mode, when in diff mode.
    support: full
    details:
      - Before and after are facts such as formats, signers and digests, never blobs or secrets.
  idempotent:
    description: Changes nothing when it is run again with the same options and nothing else has changed meanwhile.
    support: full
  platform:
    description: The platforms on which it can run.
    platforms: posix
    support: full
"""

    # A module says of which groups it is a member, as meta/runtime.yml does.
    ACTION_GROUP = r"""
options: {}
attributes:
  action_group:
    description: Use C(group/NAME) in C(module_defaults) to set options for all members of a group at once.
    support: full
"""
