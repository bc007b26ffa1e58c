"""The actions menu and what follows from it: on the connection or run that is meant, or on the marked ones.

Promise: an action is asked for before it is done, and the question says what a worker will do; what is not possible is there, dimmed,
with the reason and who may; what is done once is started once. Storage decides; what is dimmed here is refused there too.

Must not know: how a run is worked on.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING

from atlas_tui.command import Command
from atlas_tui.commands import REGISTRY, actions
from atlas_tui.links import to_consent
from atlas_tui.screens import connection_actions
from atlas_tui.screens.connection_text import name_of
from atlas_tui.screens.credential_actions import CredentialActs
from atlas_tui.screens.starting import Start, StartFlow
from atlas_tui.screens.starting_many import StartMany, selection_of
from atlas_tui.widgets.confirm import Confirm
from atlas_tui.widgets.menu import Menu, MenuItem
from storage import cancelling, connections, operations, probing, runs, starting
from storage.cancelling import CancelResult
from storage.capabilities import CAPABILITIES_OF, Capability
from storage.connections import ConnectionDetail, ConnectionRow
from storage.operations import Operation
from storage.runs import RunDetail
from storage.states import CredentialOwner, RunStatus

if TYPE_CHECKING:
    from atlas_tui.widgets.pages import PageRequest

_HERE = "Not for a run; go to its connection."


@dataclass(frozen=True, slots=True)
class Targets:
    """What is meant.

    Attributes:
        connection_ids: Connections; with `all_in_filter` those that are excepted.
        all_in_filter: Everything the list's filter finds.
        count: How many that is; None when it is not known.
        request: The list's question, for `all_in_filter`.
        run_id: A run, instead of connections.
    """

    connection_ids: tuple[int, ...] = ()
    all_in_filter: bool = False
    count: int | None = None
    request: PageRequest | None = None
    run_id: int | None = None

    @property
    def are_several(self) -> bool:
        """Whether more than one connection is meant."""
        return self.all_in_filter or len(self.connection_ids) > 1

    def are_those(self, others: Targets) -> bool:
        """Whether the same is meant, however many that is by now."""
        return replace(self, count=None) == replace(others, count=None)


class Acts(CredentialActs):
    """A screen with something to act on. Put it before the kind of screen it is."""

    def targets(self) -> Targets:
        """What is meant now."""
        raise NotImplementedError

    def acted_on(self, targets: Targets) -> None:
        """What was meant is under way: its marks are taken away, so that the next action does not hit it again. Newer ones stay."""
        if self.targets().are_those(targets):
            self.clear_marks()

    def holder_meant(self) -> tuple[CredentialOwner, int] | None:
        """The one connection that is meant."""
        targets = self.targets()
        if targets.are_several or not targets.connection_ids:
            return None
        return CredentialOwner.CONNECTION, targets.connection_ids[0]

    def all_commands(self) -> tuple[Command, ...]:
        """The actions too."""
        return (*self.commands, *actions())

    # The menu

    def command_actions(self) -> None:
        """Open the menu for what is meant."""
        self._with_target(self._menu_for_connection, self._menu_for_run, self._menu_for_several)

    def _with_target(
        self,
        connection: Callable[[ConnectionDetail], None],
        run: Callable[[RunDetail], None],
        several: Callable[[Targets], None],
    ) -> None:
        """Read what is meant, and go on with it."""
        targets, session = self.targets(), self.session
        if targets.are_several:
            several(targets)
        elif targets.run_id is not None:
            run_id = targets.run_id
            self.ask("target", lambda: runs.get(session.db, session.who, run_id), run, self.tell_error)
        elif targets.connection_ids:
            connection_id = targets.connection_ids[0]
            self.ask(
                "target", lambda: connections.get(session.db, session.who, connection_id), connection, self.tell_error
            )
        else:
            self.atlas.everywhere.nothing_to_act_on()

    def _open_menu(self, title: str, refusals: dict[str, str], labels: dict[str, str]) -> None:
        items = [
            MenuItem(id, REGISTRY[id].letter, labels.get(id, REGISTRY[id].label), refusal)
            for id, refusal in refusals.items()
        ]
        self.app.push_screen(Menu(title, items), lambda id: self.do(id) if id is not None else None)

    def _menu_for_connection(self, detail: ConnectionDetail) -> None:
        row = detail.row
        cancel = "" if detail.may_run else f"Your role may not. {detail.who_may_run}"
        if row.active_run_id is None:
            cancel = cancel or "Nothing is queued or running."
        labels = {}
        if row.active_run_id is not None and row.active_run_type is not None:
            labels["cancel"] = f"Cancel run #{row.active_run_id} ({operations.find(row.active_run_type).label})"
        self._open_menu(
            name_of(row),
            connection_actions.start_refusals(detail)
            | {"cancel": cancel, "consent": "", "credentials": ""}
            | connection_actions.refusals(detail),
            labels,
        )

    def _menu_for_run(self, detail: RunDetail) -> None:
        completed = detail.row.status is RunStatus.COMPLETED
        cancel = detail.why_not or ("It has ended." if completed else "")
        if not cancel and not detail.may_cancel:
            cancel = "It is being cancelled already."
        retry = detail.why_not or ("" if completed else "It has not ended yet.")
        title = f"Run #{detail.row.id}, {detail.row.label} of {detail.row.tenant_name}"
        self._open_menu(title, {"cancel": cancel, "retry": retry}, {})

    def _menu_for_several(self, targets: Targets) -> None:
        role = self.session.workspace.role
        refusal = "" if Capability.PROVIDER_RUN in CAPABILITIES_OF[role] else f"The role {role.value} may not."
        self._open_menu(_many(targets), dict.fromkeys(connection_actions.STARTING, refusal), {})

    # Start

    def command_check(self) -> None:
        """Start a connection check on what is meant."""
        self.start_on_what_is_meant("check")

    def command_sync_inventory(self) -> None:
        """Start an inventory sync."""
        self.start_on_what_is_meant("sync_inventory")

    def command_take_snapshot(self) -> None:
        """Start a compliance snapshot."""
        self.start_on_what_is_meant("take_snapshot")

    def command_scan_roles(self) -> None:
        """Start a scan of administrator roles."""
        self.start_on_what_is_meant("scan_roles")

    def command_sync_directory(self) -> None:
        """Start a directory sync."""
        self.start_on_what_is_meant("sync_directory")

    def start_on_what_is_meant(self, command_id: str) -> None:
        """Ask, then start the operation of a command."""
        operation, targets = operations.find(REGISTRY[command_id].operation), self.targets()
        self._with_target(
            lambda detail: StartFlow(
                self, self._start_of(operation, detail.row), lambda: self.acted_on(targets)
            ).ask_first(),
            self._not_for_a_run,
            lambda targets: self._start_many(operation, targets),
        )

    def _not_for_a_run(self, detail: RunDetail) -> None:
        self.atlas.flash(_HERE, "warn")

    def _start_of(self, operation: Operation, row: ConnectionRow) -> Start:
        session = self.session

        def begin(run_after: bool) -> starting.StartResult:
            return starting.start(session.db, session.who, row.id, operation.type, run_after=run_after)

        return Start(operation, row.id, name_of(row), begin)

    def command_probe(self) -> None:
        """See whether signing in works again on a connection whose breaker is open."""
        self._with_target(self._probe, self._not_for_a_run, self._only_one)

    def _probe(self, detail: ConnectionDetail) -> None:
        session, row = self.session, detail.row
        if detail.breaker is None:
            self.atlas.flash(f"The breaker of {name_of(row)} is closed: nothing is held back.")
            return
        start = Start(
            operations.find(operations.CONNECTION_CHECK),
            row.id,
            name_of(row),
            lambda run_after: probing.probe_now(session.db, session.who, row.id),
            verb="Probe",
        )
        StartFlow(self, start).ask_first()

    def _start_many(self, operation: Operation, targets: Targets) -> None:
        selection = selection_of(self.session, targets)
        StartMany(self, operation, selection, _many(targets), lambda: self.acted_on(targets)).ask_first()

    # Cancel and retry

    def command_cancel(self) -> None:
        """Cancel the unfinished run of what is meant."""
        self._with_target(self._cancel_of_connection, self._cancel_run, self._only_one)

    def _only_one(self, targets: Targets) -> None:
        self.atlas.flash("One at a time: take the marks away first (esc).", "warn")

    def _cancel_of_connection(self, detail: ConnectionDetail) -> None:
        row = detail.row
        if row.active_run_id is None or row.active_run_type is None:
            self.atlas.flash(f"Nothing is queued or running on {name_of(row)}.", "warn")
        else:
            self.confirm_cancel(row.active_run_id, operations.find(row.active_run_type).label, name_of(row))

    def _cancel_run(self, detail: RunDetail) -> None:
        self.confirm_cancel(detail.row.id, detail.row.label, detail.row.tenant_name)

    def confirm_cancel(self, run_id: int, label: str, name: str) -> None:
        """Ask, then cancel a run."""
        session = self.session

        def told(result: CancelResult) -> None:
            words = "cancelled" if result.immediate else "will stop at its next safe point"
            self.atlas.flash(f"#{run_id} {words}", "ok")

        def go(yes: bool | None) -> None:
            if yes:
                self.ask(
                    "cancel",
                    lambda: cancelling.cancel(session.db, session.who, run_id),
                    told,
                    self.tell_error,
                    keep_all=True,
                )

        paragraphs = (
            f"{label} of {name}. What waits or is queued ends at once; a running one at its next safe point.",
        )
        self.app.push_screen(Confirm(f"Cancel run #{run_id}?", paragraphs, confirm_label="Cancel the run"), go)

    def command_retry(self) -> None:
        """Start a completed run's operation again."""
        self._with_target(
            lambda detail: self.atlas.flash("Retry is for a run; here x, c starts a check.", "warn"),
            self._retry_run,
            self._only_one,
        )

    def _retry_run(self, detail: RunDetail) -> None:
        session, row = self.session, detail.row
        start = Start(
            operations.find(row.type),
            row.connection_id,
            row.tenant_name,
            lambda run_after: starting.retry(session.db, session.who, row.id),
            verb="Retry",
        )
        StartFlow(self, start).ask_first()

    # Enable and disable

    def command_enable(self) -> None:
        """Use the connection again."""
        self._with_target(
            lambda detail: connection_actions.set_enabled(self, detail, True), self._not_for_a_run, self._only_one
        )

    def command_disable(self) -> None:
        """Stop using the connection."""
        self._with_target(
            lambda detail: connection_actions.set_enabled(self, detail, False), self._not_for_a_run, self._only_one
        )

    def command_set_default(self) -> None:
        """Make the connection its tenant's default."""
        self._with_target(
            lambda detail: connection_actions.set_default(self, detail), self._not_for_a_run, self._only_one
        )

    def command_revoke_consent(self) -> None:
        """Stop using the customer's consent on our side."""
        self._with_target(
            lambda detail: connection_actions.revoke_consent(self, detail), self._not_for_a_run, self._only_one
        )

    def command_consent(self) -> None:
        """Ask for the customer's consent, and see what came back."""
        self._with_target(
            lambda detail: self.atlas.navigation.go(to_consent(detail.row.id)), self._not_for_a_run, self._only_one
        )

    def command_delete_connection(self) -> None:
        """Delete a connection that never ran."""
        self._with_target(lambda detail: connection_actions.delete(self, detail), self._not_for_a_run, self._only_one)


def _many(targets: Targets) -> str:
    if targets.count is None and targets.all_in_filter:
        return "all connections in this filter"
    count = targets.count if targets.all_in_filter else len(targets.connection_ids)
    return f"{count:,} connections"
