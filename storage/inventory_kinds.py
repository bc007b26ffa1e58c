"""The kinds of configuration items an inventory holds: their stable names and what people call them.

Promise: what is stored as an item's kind is named here; a provider's listings bear the same names (a test holds them together). Knows no
provider.
"""

from __future__ import annotations

from collections.abc import Mapping
from types import MappingProxyType
from typing import Final

KINDS: Final[Mapping[str, str]] = MappingProxyType(
    {
        "compliance_policies": "Compliance policies",
        "device_configurations": "Device configurations",
        "mobile_apps": "Apps",
        "enrollment_configurations": "Enrollment configurations",
        "conditional_access_policies": "Conditional Access policies",
        "named_locations": "Named locations",
    }
)
"""Stable name -> what people call it, in the order in which they are collected."""


def label(kind: str) -> str:
    """Returns what people call a kind; its name where this program does not know it any more."""
    return KINDS.get(kind, kind.replace("_", " "))
