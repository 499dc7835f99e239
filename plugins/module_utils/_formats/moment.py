# Copyright (c) 2026, the supplychain.cosign authors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

# This module util is **PRIVATE** to the collection. It can change at any time.
from __future__ import annotations

import datetime
import re

_MOMENT = re.compile(
    r"([0-9]{4}-[0-9]{2}-[0-9]{2}T[0-9]{2}:[0-9]{2}:[0-9]{2})(?:\.([0-9]{1,9}))?(Z|[+-][0-9]{2}:[0-9]{2})\Z"
)


def parse_moment(text: str) -> datetime.datetime:
    """A google.protobuf.Timestamp in protojson (RFC 3339), in UTC and to the microsecond: what is finer is cut off.

    Raises ValueError.
    """
    match = _MOMENT.match(text)
    if match is None:
        raise ValueError("no time of RFC 3339")
    seconds, fraction, zone = match.groups()
    try:
        moment = datetime.datetime.fromisoformat(seconds + ("+00:00" if zone == "Z" else zone))
        return moment.astimezone(datetime.timezone.utc).replace(microsecond=int((fraction or "").ljust(6, "0")[:6]))
    except OverflowError:
        raise ValueError("out of range") from None


def write_moment(moment: datetime.datetime) -> str:
    """An aware time as protojson writes it: UTC, with no more of the fraction than there is (0, 3 or 6 digits)."""
    text = moment.astimezone(datetime.timezone.utc).replace(tzinfo=None).isoformat(timespec="microseconds")
    seconds, _dot, fraction = text.partition(".")
    if fraction == "000000":
        return f"{seconds}Z"
    return f"{seconds}.{fraction[:3] if fraction.endswith('000') else fraction}Z"
