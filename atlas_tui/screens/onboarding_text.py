"""What each step of an onboarding says.

Promise: every step tells what is true now and what to do about it; nothing is called done that a check has not found so; what is
degraded is named to the end.

Must not know: widgets, how a step is done.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from atlas_tui.badges import lifecycle_badge, verification_badge
from atlas_tui.cells import Line, Part, fit, plain
from atlas_tui.screens.connection_text import reader_of, step_badge
from atlas_tui.screens.consent_text import ConsentRead, check_lines, consent_lines, read_consent
from atlas_tui.screens.onboarding_steps_text import step_to_go_back_to
from atlas_tui.screens.prose import Times, blank, field, heading, wrapped
from atlas_tui.screens.why import explain, further_reading
from atlas_tui.widgets.wrapping import wrap
from storage import onboarding_state, operations, permission_manifest, tenants
from storage.connections import ConnectionDetail
from storage.consent_requests import ConsentLink
from storage.consent_verdicts import ConsentResult
from storage.onboarding_state import OnboardingState
from storage.onboarding_steps import Step, StepKey, StepState
from storage.permission_manifest import Form
from storage.states import ConnectionType, CredentialKind, OnboardingStatus, RunStatus, StepStatus, VerificationStatus
from storage.tenants import TenantRow

if TYPE_CHECKING:
    from atlas_tui.session import Session


@dataclass(frozen=True, slots=True)
class OnboardingRead:
    """An onboarding and what its steps are about.

    Attributes:
        consent: the default connection with its consent and its newest check; None while there is no connection.
    """

    state: OnboardingState
    tenant: TenantRow
    consent: ConsentRead | None

    @property
    def connection(self) -> ConnectionDetail | None:
        """The tenant's default connection."""
        return None if self.consent is None else self.consent.detail

    def step(self, key: StepKey) -> Step:
        """One of the steps."""
        return next(step for step in self.state.steps if step.key is key)


def read_onboarding(session: Session, onboarding_id: int) -> OnboardingRead:
    """Read an onboarding. Blocks; not for the event loop.

    Raises:
        NotFound: It is not visible.
    """
    state = onboarding_state.state(session.db, session.who, onboarding_id)
    tenant = tenants.get(session.db, session.who, state.tenant_id)
    consent = None if state.connection_id is None else read_consent(session, state.connection_id)
    return OnboardingRead(state, tenant, consent)


def notes(read: OnboardingRead, login: str, times: Times, width: int) -> list[Line]:
    """What stands above every step: who holds the onboarding, how it ended, whom to ask."""
    state = read.state
    if state.status is OnboardingStatus.DONE:
        return wrapped(f"Done {times.moment(state.ended_at)} by {state.ended_by or '-'}.", width, indent=1, style="ok")
    if state.status is OnboardingStatus.CANCELLED:
        said = f"Cancelled {times.moment(state.ended_at)} by {state.ended_by or '-'}: {state.ended_reason}"
        return wrapped(said, width, indent=1, style="warn")
    if not state.may_manage:
        said = f"Held by {state.held_by or 'nobody'}. Your role may look. {state.who_may_manage}"
        return wrapped(said, width, indent=1, style="warn")
    if state.held_by is None:
        return wrapped("Nobody holds it any more: going on takes it over.", width, indent=1, style="warn")
    if state.held_by != login:
        since = f"begun {times.ago(state.started_at)} ago"
        said = f"{state.held_by} holds it ({since}). Going on takes it over, and the trail says so."
        return wrapped(said, width, indent=1, style="warn")
    return []


def step_page(
    read: OnboardingRead,
    key: StepKey,
    form: Form,
    link: ConsentLink | None,
    answer: ConsentResult | None,
    times: Times,
    width: int,
) -> list[Line]:
    """A step's page.

    Args:
        read: What is stored.
        key: Which step.
        form: How the permissions are written.
        link: The consent link whose address is known.
        answer: What became of the answer that was pasted last.
        times: How moments are shown.
        width: Cells.
    """
    step = read.step(key)
    if key is StepKey.CONSENT and read.consent is not None:
        return consent_lines(read.consent, link, answer, times, width)
    page = {
        StepKey.TENANT: _tenant,
        StepKey.CONNECTION: _connection,
        StepKey.CREDENTIAL: _credential,
        StepKey.VERIFY: _verify,
        StepKey.DONE: _done,
    }.get(key)
    lines = wrapped(step.sentence, width, indent=1, style="bad" if step.state is StepState.FAILED else "strong")
    if key is StepKey.PERMISSIONS:
        return [*lines, *permissions_lines(read, form, width)]
    return lines if page is None else [*lines, *page(read, step, times, width)]


def _next(step: Step, width: int, keys: str = "") -> list[Line]:
    said = " ".join(filter(None, (step.next_step, keys)))
    return field("Next step", said, width, style="strong") if said else []


def _tenant(read: OnboardingRead, step: Step, times: Times, width: int) -> list[Line]:
    tenant = read.tenant
    lines = field("Name", tenant.name, width)
    lines += field("Tenant id", tenant.entra_tenant_id, width)
    lines += field("Domain", tenant.primary_domain or "- (a check cannot compare it with the id)", width)
    lines += field("Cloud", tenant.cloud.value, width)
    lines += field("Lifecycle", tenant.lifecycle.value, width)
    if tenant.tags:
        lines += field("Tags", " ".join(tenant.tags), width)
    return [*lines, *_next(step, width, "Enter goes on; e edits it.")]


FORM_WORDS = {
    Form.TABLE: "table",
    Form.ENTRA_JSON: "Entra manifest (JSON)",
    Form.AZ: "Azure CLI",
    Form.POWERSHELL: "PowerShell",
}


def permissions_lines(read: OnboardingRead, form: Form, width: int) -> list[Line]:
    """What the app registration must be given, in one of the forms."""
    wanted = permission_manifest.manifest()
    shown = "  ".join(f"[{word}]" if kind is form else word for kind, word in FORM_WORDS.items())
    lines = field("Shown as", shown, width) + field("", "o: another form; y copies it. Enter: seen, go on.", width)
    whose = "the platform app: it may have them" if _is_platform(read) else "the customer's own app registration"
    lines += field("For", f"{whose}. Microsoft Graph, type Application (not Delegated).", width)
    lines.append(blank())
    if form is not Form.TABLE:
        return [*lines, *manifest_lines(manifest_text(read, form), width)]
    for entry in wanted.entries:
        need = Part("required ", "warn") if entry in wanted.required else Part("optional ", "muted")
        lines.append((Part(" "), need, Part(entry.permission, "strong")))
        labels = ", ".join(operations.find(name).label for name in entry.needed_by)
        lines += wrapped(f"{entry.purpose} ({labels})" if entry.purpose else labels, width, indent=10, style="muted")
    return lines


def manifest_text(read: OnboardingRead, form: Form) -> str:
    """What is copied of the permissions: the form's text, or the names for a table."""
    wanted = permission_manifest.manifest()
    if form is Form.TABLE:
        return "\n".join(entry.permission for entry in wanted.entries)
    connection = read.connection
    return permission_manifest.written(wanted, form, None if connection is None else connection.client_id)


def manifest_lines(text: str, width: int) -> list[Line]:
    """A text as it is, line by line; one that is too long goes on below itself."""
    lines: list[Line] = []
    for line in text.split("\n"):
        shown = plain(line)
        indent = len(shown) - len(shown.lstrip())
        pieces = wrap(shown, max(2, width - indent - 1)) or [""]
        lines += [(Part(" " * (indent + 1) + piece),) for piece in pieces]
    return lines


def _is_platform(read: OnboardingRead) -> bool:
    kind = read.state.connection_type
    return read.state.has_platform_app if kind is None else kind is ConnectionType.PLATFORM


def _connection(read: OnboardingRead, step: Step, times: Times, width: int) -> list[Line]:
    detail = read.connection
    if detail is None:
        kind = "platform: it signs in with the workspace's app" if read.state.has_platform_app else "dedicated"
        return [*field("Usual type", kind, width), *_next(step, width, "Enter opens its form.")]
    row = detail.row
    lines = field("Name", row.display_name, width)
    app = f"platform app {detail.platform_app}" if detail.platform_app else "an app registration of its own"
    lines += field("Type", f"{row.connection_type.value}: {app}", width)
    lines += field("Client id", detail.client_id or "-", width)
    lines += field("Lifecycle", lifecycle_badge(row.is_enabled), width)
    if step.state is StepState.FAILED:
        way = "Enter enables it." if step.reason_code == "provider_connection_disabled" else ""
        return [*lines, *field("Why", step.reason_code or "-", width, style="bad"), *_next(step, width, way)]
    return [*lines, *_next(step, width, "Enter goes on; e edits it.")]


def _credential(read: OnboardingRead, step: Step, times: Times, width: int) -> list[Line]:
    detail = read.connection
    if detail is None:
        return field("Next step", "Add the connection first.", width, style="strong")
    owner = f"platform app {detail.platform_app}" if detail.platform_app else "this connection"
    lines = field("Belongs to", f"{owner}; sealed, never shown", width)
    for info in detail.credentials:
        kind = "client secret" if info.kind is CredentialKind.SECRET else "certificate"
        ends = "its end is not known" if info.expires_at is None else f"until {times.moment(info.expires_at)}"
        lines += field(info.slot.value, f"{kind}, key id {info.client_key_id or 'unknown'}, {ends}", width)
    if step.state in (StepState.DONE, StepState.SKIPPED):
        return [*lines, *field("Next step", "Enter goes on.", width, style="strong")]
    if step.reason_code:
        lines += field("Why", step.reason_code, width, style="bad")
    if detail.platform_app is not None:
        command = f"On the platform app's page, or: atlas-tui credential set --app {read.state.cloud.value}"
        return [*lines, *_next(step, width, command)]
    return [*lines, *_next(step, width, "Enter opens the form: a secret, a certificate, a PFX, or a key made here.")]


def _verify(read: OnboardingRead, step: Step, times: Times, width: int) -> list[Line]:
    detail, check = read.connection, None if read.consent is None else read.consent.check
    if detail is None:
        return field("Next step", "Add the connection first.", width, style="strong")
    row = detail.row
    age = None if row.last_checked_at is None else times.now - row.last_checked_at
    lines = field("Verification", verification_badge(row.verification_status, age), width)
    lines += check_lines(check, times, width)
    if row.reason_code and (check is None or check.row.status is RunStatus.COMPLETED):
        lines += explain(row.reason_code, row.reason_sentence, row.reason_since, reader_of(detail), times, width)
        back = step_to_go_back_to(row.reason_code)
        if step.state is StepState.FAILED:
            where = (
                f"Enter: check again, or back to {back.value.capitalize()}."
                if back is not None
                else "Enter: check again."
            )
            lines += field("Mend it", where, width, style="strong")
        lines += further_reading(row.reason_code, width)
    elif step.state in (StepState.OPEN, StepState.CURRENT):
        lines += _next(step, width, "" if read.state.check_run_id is not None else "Enter starts it.")
    else:
        lines += field("Next step", "Enter goes on.", width, style="strong")
    if check is not None and check.steps:
        lines += [blank(), heading("Steps of the check", f"run #{check.row.id}; l opens it")]
        for one in check.steps:
            code = f"  {one.reason_code}" if one.reason_code else ""
            lines.append((Part(" "), *step_badge(one.status).parts, Part(fit(one.label, 28)), Part(code, "muted")))
            if one.status in (StepStatus.FAIL, StepStatus.WARN) and one.sentence:
                lines += wrapped(one.sentence, width, indent=12, style="muted")
    return lines


def _done(read: OnboardingRead, step: Step, times: Times, width: int) -> list[Line]:
    state, detail = read.state, read.connection
    lines: list[Line] = []
    for one in state.steps:
        if one.key is not StepKey.DONE and one.state not in (StepState.DONE, StepState.SKIPPED):
            lines += field(one.label, f"{one.state.value}: {one.sentence}", width, style="warn")
    if detail is not None and detail.row.verification_status is VerificationStatus.DEGRADED:
        lines += field(
            "Degraded", detail.row.reason_sentence or "Something an operation needs is missing.", width, style="warn"
        )
        for truth in detail.permissions:
            if not truth.is_granted:
                lines += field("", f"missing: {truth.permission}", width, style="warn")
    if state.status is OnboardingStatus.OPEN:
        ready = state.current.key is StepKey.DONE
        keys = "Enter finishes it; the tenant becomes active." if ready else "Enter goes to what is left."
        return [*lines, *_next(step, width, keys)]
    return [*lines, *field("Next step", "l opens the tenant.", width, style="strong")]
