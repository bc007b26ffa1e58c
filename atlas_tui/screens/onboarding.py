"""The wizard: an onboarding's steps on the top, one of them below.

Promise: the step that wants something is the one that is shown, until the person looks at another; every step is saved by itself, so that
leaving at any moment loses nothing; somebody else's onboarding is looked at without changing it and taken over only after a question;
it ends as done only when storage finds it so.

Must not know: what the steps say, how a connection or a credential is made.
"""

from __future__ import annotations

from collections.abc import Iterable

from textual.widget import Widget

from atlas_tui.cells import Line
from atlas_tui.command import Command, Where
from atlas_tui.commands import REGISTRY, applying
from atlas_tui.keymap import Keymap
from atlas_tui.links import Link, View, to_run, to_tenant
from atlas_tui.screens.consent_acting import ActsOnConsent
from atlas_tui.screens.consent_text import ConsentRead
from atlas_tui.screens.form_opening import open_form
from atlas_tui.screens.onboarding_going_on import GoesOn
from atlas_tui.screens.onboarding_steps_text import step_lines
from atlas_tui.screens.onboarding_text import OnboardingRead, manifest_text, notes, read_onboarding, step_page
from atlas_tui.screens.paging import PageScreen
from atlas_tui.screens.scrolled import Scrolled
from atlas_tui.widgets.menu import Menu, MenuItem
from storage.onboarding_steps import StepKey, StepState
from storage.permission_manifest import Form
from storage.states import OnboardingStatus, Topic

_STEPS = tuple(StepKey)
_FORMS = tuple(Form)


class OnboardingScreen(GoesOn, ActsOnConsent, PageScreen):
    """The page."""

    VIEW = View.ONBOARDING
    PLACES = (Where.DETAIL, Where.ONBOARDING)
    TOPICS = frozenset({Topic.TENANTS, Topic.CONNECTIONS, Topic.RUNS})

    def __init__(self, keymap: Keymap) -> None:
        super().__init__(keymap)
        self._looked_at: StepKey | None = None
        self._painted: StepKey | None = None
        self.form = Form.TABLE

    def compose_body(self) -> Iterable[Widget]:
        """The steps, then the one that is shown."""
        yield Scrolled(id="steps")
        yield Scrolled(id="page")

    def on_mount(self) -> None:
        """Two lines of steps; the page asks for itself."""
        self.query_one("#steps").styles.height = 2

    def tab(self) -> View:
        """Tenants."""
        return View.TENANTS

    def crumb(self) -> str:
        """Whose onboarding."""
        return f"Onboarding of {self.read.state.tenant_name}" if self.read is not None else "Onboarding"

    def all_commands(self) -> tuple[Command, ...]:
        """The actions of this page's menu too."""
        return (*self.commands, *applying(Where.ONBOARDING_ACTION, Where.CONSENT_ACTION))

    def offers(self, id: str) -> bool:
        """What belongs to one step is offered there."""
        if id == "turn_format":
            return self.shown is StepKey.PERMISSIONS
        if id in ("copy_message", "show_qr", "paste_answer"):
            return self.shown is StepKey.CONSENT
        return True

    @property
    def shown(self) -> StepKey:
        """The step that is shown: the one the person looks at, else the one that wants something."""
        if self._looked_at is not None or self.read is None:
            return self._looked_at or StepKey.TENANT
        found: StepKey = self.read.state.current.key
        return found

    @property
    def consent(self) -> ConsentRead | None:
        """The default connection's, where its step is shown or a menu asks."""
        return self.read.consent if self.read is not None else None

    def read_subject(self, id: int) -> OnboardingRead:
        """The onboarding."""
        return read_onboarding(self.session, id)

    def follow(self, link: Link) -> None:
        """Another onboarding, or back from a form: at the step that wants something."""
        if link.id != self.subject:
            self.answer = None
        self._looked_at = None
        super().follow(link)

    def show_page(self) -> None:
        """The steps and the shown one."""
        if not self.is_mounted:
            return
        steps = self.query_one("#steps", Scrolled)
        if self.read is None:
            steps.show(lambda width: [])
        else:
            state, shown = self.read.state, self.shown
            # A step that gave way to the next one by itself is not scrolled to where the one before was.
            self._from_top = self._from_top or shown is not self._painted
            self._painted = shown
            steps.show(lambda width: step_lines(state.steps, shown, width))
        super().show_page()
        self.show_hints()

    def lines(self, width: int) -> list[Line]:
        """The shown step."""
        assert self.read is not None, "lines are asked for once it was read"
        said = notes(self.read, self.session.who.login, self.times, width)
        page = step_page(self.read, self.shown, self.form, self.held_link, self.answer, self.times, width)
        return [*said, *page]

    # Looking at other steps

    def command_next_tab(self) -> None:
        """The next step."""
        self.look_at(_STEPS[(_STEPS.index(self.shown) + 1) % len(_STEPS)])

    def command_previous_tab(self) -> None:
        """The step before."""
        self.look_at(_STEPS[(_STEPS.index(self.shown) - 1) % len(_STEPS)])

    def look_at(self, key: StepKey | None) -> None:
        """Show a step; the one that wants something when None."""
        self._looked_at, self._from_top = key, True
        self.show_page()

    def command_turn_format(self) -> None:
        """The permissions in the next form."""
        if self.shown is not StepKey.PERMISSIONS:
            self.look_at(StepKey.PERMISSIONS)
        else:
            self.form = _FORMS[(_FORMS.index(self.form) + 1) % len(_FORMS)]
            self._from_top = True
            self.show_page()

    def command_copy_shown(self) -> None:
        """The permissions, the link, or the tenant id."""
        if self.read is None:
            return
        if self.shown is StepKey.PERMISSIONS:
            self._copy(manifest_text(self.read, self.form), "Copied the permissions.")
        elif self.shown is StepKey.CONSENT:
            super().command_copy_shown()
        else:
            self._copy(self.read.tenant.entra_tenant_id, "Copied the Entra tenant id.")

    @property
    def takes_answers(self) -> bool:
        """Where consent is shown."""
        return self.consent is not None and self.shown is StepKey.CONSENT

    def command_edit_step(self) -> None:
        """The tenant's form, or the connection's."""
        from atlas_tui.screens.onboarding_forms import EditStepConnection, EditStepTenant

        if self.subject is None or self.read is None:
            return
        if self.shown is StepKey.TENANT:
            open_form(self.atlas, EditStepTenant(self.subject))
        elif self.read.connection is not None:
            open_form(self.atlas, EditStepConnection(self.subject))
        else:
            self.command_go_on()

    def linked(self) -> Link | None:
        """The check's run where it is shown, else the tenant."""
        check = self.consent.check if self.consent is not None else None
        if check is not None and self.shown in (StepKey.VERIFY, StepKey.CONSENT):
            return to_run(check.row.id)
        return None if self.read is None else to_tenant(self.read.state.tenant_id)

    # The menu

    def command_actions(self) -> None:
        """What can be done with the onboarding and its connection."""
        read: OnboardingRead | None = self.read
        if read is None:
            return
        state = read.state
        manage = "" if state.may_manage else f"Your role may not. {state.who_may_manage}"
        ended = manage or ("" if state.status is OnboardingStatus.OPEN else f"It has ended: {state.status.value}.")
        left = "" if state.current.key is StepKey.DONE else f"{state.current.label}: {state.current.sentence}"
        mine = "It is yours." if state.held_by == self.session.who.login else ""
        refusals = {
            "finish_onboarding": ended or left,
            "take_over": ended or mine,
            "cancel_onboarding": ended,
        }
        items = [] if read.consent is None else self.consent_items(read.consent)
        items += [MenuItem(id, REGISTRY[id].letter, REGISTRY[id].label, why) for id, why in refusals.items()]
        self.app.push_screen(Menu(self.crumb(), items), self._do_picked)

    def _do_picked(self, id: str | None) -> None:
        if id is not None:
            self.do(id)

    def is_settled(self, key: StepKey) -> bool:
        """Whether nothing is left to do for a step."""
        return self.read is not None and self.read.step(key).state in (StepState.DONE, StepState.SKIPPED)
