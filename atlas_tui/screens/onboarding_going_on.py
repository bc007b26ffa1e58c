"""Going on with an onboarding: what Enter does in each step, and taking over, finishing, cancelling.

Promise: nothing is started, recorded or ended without a question or a form, but that the permissions were seen; whoever may not is told
who may; somebody else's onboarding is taken over first, visibly.

Must not know: how the page looks.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import TYPE_CHECKING

from atlas_tui.screens.acting import Acts
from atlas_tui.screens.form_opening import open_form
from atlas_tui.screens.onboarding_steps_text import step_to_go_back_to
from atlas_tui.widgets.confirm_name import Confirmed, ConfirmName
from atlas_tui.widgets.menu import Menu, MenuItem
from storage import onboarding
from storage.onboarding_state import OnboardingState
from storage.onboarding_steps import Step, StepKey, StepState
from storage.states import OnboardingStatus, VerificationStatus

if TYPE_CHECKING:
    from atlas_tui.screens.onboarding_text import OnboardingRead


class GoesOn(Acts):
    """The half of the wizard that does things."""

    read: OnboardingRead | None
    subject: int | None

    @property
    def shown(self) -> StepKey:
        """The step that is shown."""
        raise NotImplementedError

    def look_at(self, key: StepKey | None) -> None:
        """Show a step; the one that wants something when None."""
        raise NotImplementedError

    # Enter

    def command_go_on(self) -> None:
        """Do what the shown step wants."""
        read, login = self.read, self.session.who.login
        if read is None:
            return
        state = read.state
        if state.status is not OnboardingStatus.OPEN:
            self.atlas.flash("It has ended; l opens the tenant.")
        elif not state.may_manage:
            self.atlas.flash(f"Your role may not. {state.who_may_manage}", "warn")
        elif state.held_by != login:
            self.command_take_over()
        else:
            self._do_step(read, read.step(self.shown))

    def _do_step(self, read: OnboardingRead, step: Step) -> None:
        if step.key is StepKey.PERMISSIONS and step.state is not StepState.DONE:
            self._seen(read.state)
        elif step.key is StepKey.CONNECTION and step.state is not StepState.DONE:
            self._make_connection(step)
        elif step.key is StepKey.CREDENTIAL and step.state not in (StepState.DONE, StepState.SKIPPED):
            self._store_credential(read)
        elif step.key is StepKey.CONSENT and step.state is not StepState.DONE:
            self._needs_connection(read, self.command_actions)
        elif step.key is StepKey.VERIFY and step.state is not StepState.DONE:
            self._needs_connection(read, lambda: self._verify(read, step))
        elif step.key is StepKey.DONE and read.state.current.key is StepKey.DONE:
            self.command_finish_onboarding()
        elif step.state is StepState.FAILED:
            self.atlas.flash(step.next_step or step.sentence, "warn")
        elif read.state.current.key is step.key or self.shown is StepKey.DONE:
            self.look_at(None)
        else:
            self._next_step(step)

    def _next_step(self, step: Step) -> None:
        """From a step that is settled to the one behind it."""
        keys = list(StepKey)
        self.look_at(keys[keys.index(step.key) + 1])

    def _seen(self, state: OnboardingState) -> None:
        """The permissions were shown: written down, the first time."""
        session = self.session

        def done(found: OnboardingState) -> None:
            self.look_at(None)
            self.reload()

        self.ask("seen", lambda: onboarding.permissions_seen(session.db, session.who, state.id), done, self.tell_error,
                 keep_all=True)  # fmt: skip

    def _make_connection(self, step: Step) -> None:
        from atlas_tui.screens.onboarding_forms import OnboardConnection

        if step.reason_code == "provider_connection_disabled":
            self.command_enable()
        elif step.state is StepState.FAILED:
            self.atlas.flash(step.next_step or step.sentence, "warn")
        elif self.subject is not None:
            open_form(self.atlas, OnboardConnection(self.subject))

    def _store_credential(self, read: OnboardingRead) -> None:
        from atlas_tui.screens.onboarding_forms import OnboardCredential

        if read.connection is None:
            self.look_at(StepKey.CONNECTION)
        elif self.subject is not None:
            open_form(self.atlas, OnboardCredential(self.subject))

    def _needs_connection(self, read: OnboardingRead, then: Callable[[], None]) -> None:
        if read.connection is None:
            self.look_at(StepKey.CONNECTION)
            self.atlas.flash("Add the connection first.", "warn")
        else:
            then()

    def _verify(self, read: OnboardingRead, step: Step) -> None:
        """Start the check; after one that failed, say where to go back to as well."""
        if read.state.check_run_id is not None:
            self.atlas.flash(f"{step.sentence} l opens it.")
        elif step.state is not StepState.FAILED:
            self.command_check()
        else:
            back = step_to_go_back_to(step.reason_code)
            items = [MenuItem("check", "c", "Check again")]
            if back is not None:
                items.append(MenuItem(back.value, "b", f"Back to the step {back.value.capitalize()}"))

            def go(picked: str | None) -> None:
                if picked == "check":
                    self.command_check()
                elif picked is not None:
                    self.look_at(StepKey(picked))

            self.app.push_screen(Menu(f"The check failed: {step.reason_code}", items), go)

    # The whole onboarding

    def command_take_over(self) -> None:
        """Go on with what somebody else began, after a question."""
        read, session = self.read, self.session
        if read is None:
            return
        state, before = read.state, read.state.held_by or "nobody"

        def done(found: OnboardingState) -> None:
            self.atlas.flash(f"You took the onboarding of {found.tenant_name} over from {before}.", "ok")
            self.reload()

        def go(confirmed: Confirmed | None) -> None:
            if confirmed is not None:
                self.ask(
                    "take over",
                    lambda: onboarding.begin(session.db, session.who, state.tenant_id, ticket=confirmed.ticket),
                    done,
                    self.tell_error,
                    keep_all=True,
                )

        sentences = (
            f"{before} holds it, begun {self.times.ago(state.started_at)} ago; it is yours then, and they see so.",
            "Nothing that was done is lost; the audit trail tells of it.",
        )
        title = f"Take the onboarding of {state.tenant_name} over from {before}?"
        self.app.push_screen(ConfirmName(title, sentences, confirm_label="Take over"), go)

    def command_finish_onboarding(self) -> None:
        """End it as done, after a question."""
        read, session = self.read, self.session
        if read is None:
            return
        state, detail = read.state, read.connection

        def done(found: OnboardingState) -> None:
            self.atlas.flash(f"{found.tenant_name} is on board.", "ok")
            self.reload()

        def go(confirmed: Confirmed | None) -> None:
            if confirmed is not None:
                self.ask(
                    "finish",
                    lambda: onboarding.finish(session.db, session.who, state.id, ticket=confirmed.ticket),
                    done,
                    self.tell_error,
                    keep_all=True,
                )

        sentences = ["The tenant becomes active, and this onboarding ends."]
        if detail is not None and detail.row.verification_status is VerificationStatus.DEGRADED:
            why = detail.row.reason_sentence or "Something an operation needs is missing."
            sentences.insert(0, f"Its connection is degraded, not healthy: {why}")
        title = f"Finish the onboarding of {state.tenant_name}?"
        self.app.push_screen(ConfirmName(title, sentences, confirm_label="Finish"), go)

    def command_cancel_onboarding(self) -> None:
        """End it without an outcome: its form asks for the reason."""
        from atlas_tui.screens.onboarding_forms import CancelOnboarding

        if self.subject is not None:
            open_form(self.atlas, CancelOnboarding(self.subject))
