"""What one served Graph resource is: its path, who may read it, what it costs, which options it knows, and its rows.

Promise: an entry is data; the one that answers a request needs nothing else to know.
Must not know: which resources there are, or HTTP.
"""

from __future__ import annotations

import re
from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Literal

from simulator.model import Tenant
from simulator.odata import Row, Rows
from simulator.world import World

COMMON_OPTIONS = frozenset({"$select", "$top", "$count"})
WITH_FILTER = COMMON_OPTIONS | {"$filter"}


class NotFound(Exception):
    """The entity a path names does not exist; the text is its id."""


@dataclass(frozen=True, slots=True)
class Scope:
    """What a generator gets: the world, the tenant, the path's parameters and the expansion asked for."""

    world: World
    tenant: Tenant
    parameters: dict[str, str]
    expand: str = ""


@dataclass(frozen=True, slots=True)
class Resource:
    """One resource.

    ``permissions``: any of them in the token's roles is enough. ``cost``: resource units (directory) or 1. ``page``: default
    page size; ``maximum``: the largest that ``$top`` gives. ``paged`` False: everything in one answer. ``denial``: whose
    403 it is. ``licence``: what the tenant must have.
    ``sized`` False: ``$top`` is refused, whatever its value. ``cast``: an OData cast, which needs ``$count`` and
    ``ConsistencyLevel: eventual``. ``of_others``: its rows are objects that the caller may have no permission to read.
    ``defaults``: what is carried when nothing is selected (empty: everything). ``selectable``: what may be selected (empty: what the
    first row has), for lists of derived types, whose own properties cannot be asked for. ``advanced``: counting needs
    ``ConsistencyLevel: eventual``. ``counted``: the answer is the list's number as text (``/$count``).
    """

    path: str
    type: str
    permissions: tuple[str, ...]
    rows: Callable[[Scope], Rows] | None = None
    one: Callable[[Scope], Row] | None = None
    workload: str = "directory"
    cost: int = 1
    page: int = 100
    maximum: int = 999
    paged: bool = True
    counts_page: bool = False
    options: frozenset[str] = COMMON_OPTIONS
    filters: tuple[str, ...] = ()
    expands: tuple[str, ...] = ()
    denial: Literal["directory", "intune", "pim", "conditional_access"] = "directory"
    licence: str | None = None
    context: str = ""
    defaults: tuple[str, ...] = ()
    selectable: tuple[str, ...] = ()
    advanced: bool = False
    sized: bool = True
    cast: bool = False
    of_others: bool = False
    counted: bool = False
    pattern: re.Pattern[str] = field(init=False, repr=False)

    def __post_init__(self) -> None:
        """Compile the path; Graph's paths do not care about case."""
        escaped = re.sub(r"\\\{(\w+)\\\}", r"(?P<\1>[^/()']+)", re.escape(self.path))
        object.__setattr__(self, "pattern", re.compile(f"^{escaped}$", re.IGNORECASE))
