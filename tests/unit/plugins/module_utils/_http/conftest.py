# Copyright (c) 2026, the supplychain.cosign authors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

from __future__ import annotations

# The transport is tried as its first user, the registry, uses it.
from .._registry.conftest import opener, quick, registry

__all__ = ["opener", "quick", "registry"]
