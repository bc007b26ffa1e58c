"""The inventory sync: every configuration listing this program has a contract for, staged page by page.

Promise: a page is all that memory ever holds. A listing is believed when it was read to its end in one pass; what was staged before it
began again is dropped. One that failed, that the tenant has no licence for, or that came back doubtfully empty leaves what is stored of its
kind alone, and says so in a step of its own. Must not know how things are staged or stored.

Source: Microsoft Graph v1.0, the resources of `contracts.INVENTORY`; a derived type's name tells the platform.
"""

from __future__ import annotations

from collections.abc import Iterator
from datetime import UTC, datetime
from typing import Any, Final

import msgspec

from storage import inventory_kinds, reasons
from storage.failures import Failure, failure
from storage.inventory_publishing import CollectedInventory
from storage.inventory_staging import DOUBTFUL, StagedItem
from storage.reasons import Category
from tasks.providers.base import InventoryStage, OperationResult, Reporter, Target
from tasks.providers.microsoft import contracts, sanitize
from tasks.providers.microsoft.budgets import Workload
from tasks.providers.microsoft.contracts import Contract
from tasks.providers.microsoft.errors import MicrosoftFailure
from tasks.providers.microsoft.gateway import MicrosoftGateway
from tasks.providers.microsoft.graph import GraphSession
from tasks.providers.microsoft.operation_parts import Parts, licence_reason, naming_the_permission, with_permissions

_HOPELESS: Final = (Category.CREDENTIAL, Category.CONSENT)
"""Failures that the next listing would have as well."""

_ID_LIMIT: Final = 256
_OLDEST: Final = datetime(1990, 1, 1, tzinfo=UTC)
"""Microsoft writes the year 1 where it has no time."""

_PLATFORMS: Final = (
    ("windows", "windows"),
    ("win32", "windows"),
    ("officesuite", "windows"),
    ("microsoftstore", "windows"),
    ("editionupgrade", "windows"),
    ("sharedpc", "windows"),
    ("macos", "macos"),
    ("ios", "ios"),
    ("managedios", "ios"),
    ("iphone", "ios"),
    ("android", "android"),
    ("managedandroid", "android"),
    ("aosp", "android"),
    ("linux", "linux"),
)
"""How the name of a derived type begins, in lower case, and the platform it is for."""


class Item(
    msgspec.Struct,
    rename={
        "type": "@odata.type",
        "name": "displayName",
        "last_modified": "lastModifiedDateTime",
        "modified": "modifiedDateTime",
        "created": "createdDateTime",
    },
):
    """What is read of one item, under names of ours. Each may be anything, so that a strange one is told by us, not by the parser."""

    id: Any = None
    type: Any = None
    name: Any = None
    last_modified: Any = None
    modified: Any = None
    created: Any = None


class MicrosoftInventoryCollector:
    """Collects configuration items. Implements `ProviderInventoryCollector`.

    Args:
        gateway: the process's way to Microsoft.
    """

    def __init__(self, gateway: MicrosoftGateway) -> None:
        self._gateway = gateway

    def collect_inventory(self, target: Target, reporter: Reporter, stage: InventoryStage) -> OperationResult:
        """Lists every kind of item.

        Args:
            target: the connection.
            reporter: the run's.
            stage: keeps what was read until the run ends.

        Returns:
            Which listings are to be believed, and why the others are not.

        Raises:
            MicrosoftFailure: no listing could be read.
            RunStopped, RunDeferred: from the reporter.
        """
        sync = _Sync(self._gateway.session(target, reporter), reporter, stage)
        for kind, contract in contracts.INVENTORY.items():
            sync.collect(kind, contract)
        return sync.result()


class _Sync:
    """One sync under way."""

    def __init__(self, session: GraphSession, reporter: Reporter, stage: InventoryStage) -> None:
        self._session = session
        self._reporter = reporter
        self._stage = stage
        self._parts = Parts(reporter, inventory_kinds.KINDS)
        self._read: list[str] = []
        self._unlicensed: list[str] = []
        self._problems: list[MicrosoftFailure] = []
        self._failures: list[Failure] = []
        self._items = 0

    def collect(self, kind: str, contract: Contract) -> None:
        """Reads one listing to its end, or notes why not."""
        self._parts.begin(kind)
        try:
            count = self._list(kind, contract)
        except MicrosoftFailure as problem:
            self._note(kind, contract, problem)
            return
        label = inventory_kinds.label(kind)
        if self._stage.is_doubtful(kind):
            sentence = f"{label}: Microsoft lists none, where there were several. What is stored was kept; the next sync decides."
            self._parts.warned(kind, DOUBTFUL, sentence)
            self._failures.append(failure(DOUBTFUL, sentence, request_id=self._session.last_request_id))
            return
        self._parts.done(kind, f"{count:,} items.")
        self._read.append(kind)

    def _list(self, kind: str, contract: Contract) -> int:
        restarts = count = 0
        before = self._items
        for page in self._session.pages_of(Item, contract):
            if page.restarts != restarts:
                restarts, count = page.restarts, 0
                self._stage.discard(kind)
            staged = list(_staged(page.items, page.request_id))
            self._stage.put(kind, staged)
            count += len(staged)
            self._items = before + count
            self._reporter.progress(self._items, None, f"{inventory_kinds.label(kind)}: {count:,} read")
        return count

    def _note(self, kind: str, contract: Contract, problem: MicrosoftFailure) -> None:
        category = reasons.find(problem.reason_code).category
        plan = "p1" if contract.workload is Workload.CONDITIONAL_ACCESS else "intune"
        unlicensed = None if category in _HOPELESS else licence_reason(problem, self._session, plan)
        if unlicensed is not None:
            self._parts.skipped(kind, unlicensed)
            self._unlicensed.append(unlicensed)
            return
        problem = naming_the_permission(problem, contract)
        self._parts.failed(kind, problem)
        if category in _HOPELESS:
            raise problem
        self._problems.append(problem)
        self._failures.append(
            failure(
                problem.reason_code,
                f"{inventory_kinds.label(kind)}: {problem.message}",
                provider_code=problem.provider_code,
                request_id=problem.request_id,
            )
        )

    def result(self) -> OperationResult:
        """Says what the sync came to.

        Raises:
            MicrosoftFailure: nothing that the tenant has a licence for could be read.
        """
        if self._problems and not self._read and len(self._failures) == len(self._problems):
            raise _all_of(self._problems)
        reason = self._failures[0].reason_code if self._failures else None
        if not self._failures and not self._read:
            reason = self._unlicensed[0]
        return OperationResult(
            {"skipped": len(self._unlicensed)},
            tuple(self._failures),
            reason,
            complete=not self._failures,
            collected=CollectedInventory(tuple(self._read)),
        )


def platform(type_name: object) -> str:
    """Returns the platform that an item of a derived type is for, under the name that is stored; empty for none or several."""
    folded = type_name.rsplit(".", 1)[-1].lower() if isinstance(type_name, str) else ""
    return next((name for start, name in _PLATFORMS if folded.startswith(start)), "")


def moment(value: object) -> datetime | None:
    """Reads a time of Microsoft's, to the millisecond; None when it is none, or from before anything of the kind existed."""
    if not isinstance(value, str) or len(value) > 40:
        return None
    try:
        read = datetime.fromisoformat(value)
        # What has no zone is UTC in OData; a time at the edge of the calendar cannot be moved into another zone.
        found = read.replace(tzinfo=UTC) if read.tzinfo is None else read.astimezone(UTC)
    except (ValueError, OverflowError):
        return None
    return None if found < _OLDEST else found.replace(microsecond=found.microsecond // 1000 * 1000)


def _staged(items: list[Item], request_id: str | None) -> Iterator[StagedItem]:
    """Reduces a page to what is stored.

    Raises:
        MicrosoftFailure: `data_incomplete`: an item without an id cannot be told from others, so the listing is not whole.
    """
    for item in items:
        if (
            not isinstance(item.id, str)
            or not 0 < len(item.id) <= _ID_LIMIT
            or sanitize.text(item.id, _ID_LIMIT) != item.id
        ):
            raise MicrosoftFailure("data_incomplete", request_id=request_id)
        changed = next((t for v in (item.last_modified, item.modified, item.created) if (t := moment(v))), None)
        name = sanitize.text(item.name, sanitize.NAME_LIMIT)
        yield StagedItem(item.id, name or item.id, platform(item.type), changed)


def _all_of(problems: list[MicrosoftFailure]) -> MicrosoftFailure:
    """The first of several failures, with every permission that any of them named."""
    names = tuple(dict.fromkeys(name for problem in problems for name in problem.missing_permissions))
    return with_permissions(problems[0], names) if problems[0].missing_permissions else problems[0]
