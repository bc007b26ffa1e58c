"""What the consent screen says: whom to ask for what, the link, what came back, what a check makes of it, and the evidence.

Promise: the link is written from the first cell on, line under line, so that a terminal can select it as it is; what is only known for
as long as this program runs (the link's address) is told apart from what is stored; nothing is claimed that no check has seen.

Must not know: widgets, how a link is made.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Final

from atlas_tui.badges import consent_badge, run_badge, verification_badge
from atlas_tui.cells import Line, Part, plain
from atlas_tui.screens.prose import Times, blank, field, heading, wrapped
from atlas_tui.widgets.wrapping import wrap
from storage import connections, consent_evidence, consent_history, operations, platform_apps, runs
from storage.connections import ConnectionDetail
from storage.consent_evidence import EvidenceCard
from storage.consent_history import ConsentRequest
from storage.consent_requests import LOCALHOST, ROLES_NEEDED, ConsentLink
from storage.consent_texts import OLDER_THAN_MANIFEST, card_facts
from storage.consent_verdicts import AnswerOutcome, ConsentResult
from storage.pages import Place
from storage.runs import RunDetail, RunQuery
from storage.states import ConnectionType, ConsentRequestStatus, ConsentStatus, RunStatus

if TYPE_CHECKING:
    from atlas_tui.session import Session

GOOD: Final = frozenset({AnswerOutcome.GRANTED, AnswerOutcome.ALREADY_RECORDED})
"""Answers that stand."""

MOST_LINKS: Final = 8


@dataclass(frozen=True, slots=True)
class ConsentRead:
    """A connection's consent as it stands.

    Attributes:
        redirect_uri: where an answer goes: the platform app's page, or nowhere (`LOCALHOST`).
        links: every link, the newest first.
        check: the newest connection check, whether it is under way or over.
    """

    detail: ConnectionDetail
    redirect_uri: str
    links: tuple[ConsentRequest, ...]
    card: EvidenceCard
    check: RunDetail | None

    @property
    def open_links(self) -> tuple[ConsentRequest, ...]:
        """Those that may still be answered."""
        return tuple(link for link in self.links if link.status is ConsentRequestStatus.OPEN)

    @property
    def is_platform(self) -> bool:
        """Whether it signs in with the workspace's own app."""
        return self.detail.row.connection_type is ConnectionType.PLATFORM


def read_consent(session: Session, connection_id: int) -> ConsentRead:
    """Read everything about a connection's consent. Blocks; not for the event loop.

    Raises:
        NotFound: It is not visible.
    """
    db, who = session.db, session.who
    detail = connections.get(db, who, connection_id)
    redirect_uri = LOCALHOST
    if detail.row.connection_type is ConnectionType.PLATFORM:
        apps = platform_apps.of_workspace(db, who, session.workspace.workspace_id)
        redirect_uri = next((app.redirect_uri for app in apps if app.client_id == detail.client_id), LOCALHOST)
    return ConsentRead(
        detail,
        redirect_uri,
        consent_history.requests(db, who, connection_id, limit=20),
        consent_evidence.evidence(db, who, connection_id),
        latest_check(session, connection_id),
    )


def latest_check(session: Session, connection_id: int) -> RunDetail | None:
    """Read the newest connection check of a connection; None when it was never checked. Blocks; not for the event loop."""
    query = RunQuery(session.workspace.workspace_id, f"type:{operations.CONNECTION_CHECK}", connection_id=connection_id)
    rows = runs.page(session.db, session.who, query, Place.first(), 1).rows
    return runs.get(session.db, session.who, rows[0].id) if rows else None


def consent_lines(
    read: ConsentRead, link: ConsentLink | None, answer: ConsentResult | None, times: Times, width: int
) -> list[Line]:
    """The whole screen.

    Args:
        read: What is stored.
        link: The link whose address this program still knows; None when it knows none.
        answer: What became of the address that was pasted last.
        times: How moments are shown.
        width: Cells.
    """
    lines = [] if answer is None else [*answer_lines(answer, width), blank()]
    lines += _state(read, times, width)
    portal, ask = _portal(read, width), _ask(read, link, times, width)
    links, card = _links(read, times, width) if read.links else [], card_lines(read.card, width)
    # A link that was just made is what the person wants to take away: it stands where the eye is.
    ways = [ask, portal] if read.is_platform or link is not None else [portal, ask]
    is_there = read.detail.row.consent_status is ConsentStatus.GRANTED and link is None
    parts = [links, card, *ways] if is_there else [*ways, links, card]
    for part in filter(None, parts):
        lines += [blank(), *part]
    return lines


def _state(read: ConsentRead, times: Times, width: int) -> list[Line]:
    row, seen = read.detail.row, read.detail.consent_checked_at
    age = None if seen is None else times.now - seen
    checked = f"checked {times.ago(seen)} ago" if seen is not None else "never seen by a check"
    lines = field("Consent", (*consent_badge(row.consent_status, age).parts, Part(f"  {checked}", "muted")), width)
    age = None if row.last_checked_at is None else times.now - row.last_checked_at
    if row.last_checked_at is None and read.check is None:
        return lines
    lines += field("Verification", verification_badge(row.verification_status, age), width)
    return [*lines, *check_lines(read.check, times, width)]


def check_lines(check: RunDetail | None, times: Times, width: int) -> list[Line]:
    """The check that proves a consent, as it goes: what it does, how often it was taken up, and what it waits for."""
    if check is None:
        return field("Check", "None yet.", width, style="muted")
    row, is_over = check.row, check.row.status is RunStatus.COMPLETED
    reason = f"  {row.reason_code}" if row.reason_code else ""
    state = (*run_badge(row.status, row.outcome).parts, Part(f" #{row.id}{reason}", "strong"))
    lines = field("Check", state, width)
    if is_over:
        return lines
    if row.phase:
        lines += field("", row.phase, width)
    until = row.waiting_until if row.waiting_until is not None else row.not_before
    taken_up = check.deferrals + (1 if row.status is RunStatus.RUNNING else 0)
    said = "" if not taken_up else "taken up once" if taken_up == 1 else f"taken up {taken_up} times"
    is_waiting = until is not None and until > times.now
    if is_waiting:
        said = ", ".join(filter(None, (said, f"waiting for Microsoft until {times.of_day(until)}")))
    return lines + (field("", said, width, style="warn" if is_waiting else "muted") if said else [])


def answer_lines(answer: ConsentResult, width: int) -> list[Line]:
    """What became of an address that was pasted back, in words; both ids when another tenant answered."""
    style = "ok" if answer.outcome in GOOD else "bad"
    lines: list[Line] = [heading("The pasted answer", answer.outcome.value.replace("_", " "))]
    lines += field("Result", answer.sentence, width, style=style)
    if answer.outcome is AnswerOutcome.WRONG_TENANT:
        lines += field("Expected", answer.expected_tenant_id or "-", width)
        lines += field("Answered by", answer.answered_tenant_id or "no tenant was named", width, style="bad")
    if answer.provider_code:
        lines += field("Microsoft", f"{answer.provider_code}, correlation id {answer.correlation_id or 'none'}", width)
    if answer.check_run_id is not None:
        lines += field("Check", f"#{answer.check_run_id} proves it", width)
    return lines + field("Next step", answer.next_step, width, style="strong")


def _ask(read: ConsentRead, link: ConsentLink | None, times: Times, width: int) -> list[Line]:
    card, lines = read.card, []
    uri = link.redirect_uri if link is not None else read.redirect_uri
    if link is None:
        lines += [heading("Ask by a link" if read.is_platform else "Or ask by a link")]
        known = len(read.open_links)
        stored = "Its address is shown once and not stored." if known else ""
        words = "None was made yet." if not read.links else f"{known} open. {stored}".strip() if known else "None open."
        lines += field("Link", f"{words} x, l makes a new one.", width, style="strong")
    else:
        lines += [heading(f"Link no. {link.request_id}", f"good until {times.moment(link.expires_at)}")]
        lines += [(Part(piece, "info"),) for piece in wrap(plain(link.url), width)]
        lines += wrapped(
            "y copies it, m the mail to the customer; Q: QR code, E: the mail into a file.", width, indent=1
        )
    lines += field("Who must", ROLES_NEEDED, width)
    lines += field("Application", f"{card.app_name}, client id {card.client_id or 'none yet'}", width)
    lines += field("Redirect URI", f"{uri} must be registered with the application, exactly so.", width)
    if link.is_pasted_back if link is not None else uri.startswith("http://localhost/"):
        how = "The browser ends on an error page, which is expected. Paste its address here: P."
    else:
        how = "It arrives at the callback page by itself. An address that was sent to you: P pastes it."
    return lines + field("Answer", how, width)


def _portal(read: ConsentRead, width: int) -> list[Line]:
    lines: list[Line] = [heading("Granted in the portal")]
    what = (
        "An administrator can grant it under Enterprise applications, once the application is there."
        if read.is_platform
        else "The customer's administrator: App registrations, the app, API permissions, Grant admin consent."
    )
    return lines + field("How", f"{what} Then x, g: check now.", width)


def _links(read: ConsentRead, times: Times, width: int) -> list[Line]:
    lines: list[Line] = [heading("Links", f"{len(read.open_links)} open; x, w revokes one")]
    for link in read.links[:MOST_LINKS]:
        is_open = link.status is ConsentRequestStatus.OPEN
        said = ""
        if link.answered_at is not None:
            said = f", answered {times.ago(link.answered_at)} ago: {link.answer_reason_code or 'granted'}"
        until = f"until {times.moment(link.expires_at)}" if is_open else f"made {times.ago(link.created_at)} ago"
        text = f"{until} by {link.created_by or '-'}{said}"
        lines += field(
            f"no. {link.id}", (Part(f"{link.status.value:8}", "info" if is_open else "muted"), Part(text)), width
        )
    if len(read.links) > MOST_LINKS:
        lines += field("", f"and older ones; atlas-tui consent requests {read.detail.row.id}", width, style="muted")
    return lines


CARD_LABEL: Final = 19


def card_lines(card: EvidenceCard, width: int) -> list[Line]:
    """The evidence card, as it is copied, laid out for the screen."""
    lines: list[Line] = [heading("Evidence", "Y copies it for a mail")]
    for name, value in card_facts(card):
        first, *more = wrapped(value, width, indent=CARD_LABEL)
        lines += [(Part(f" {name}".ljust(CARD_LABEL), "muted"), *first[1:]), *more]
    if card.manifest_behind:
        lines += wrapped(OLDER_THAN_MANIFEST, width, indent=1, style="warn")
    if card.causes:
        lines += [heading("Likely causes")]
        for cause in card.causes:
            first, *more = wrapped(cause, width, indent=3)
            lines += [(Part(" - "), *first[1:]), *more]
    return lines + field("Next step", card.next_step, width, style="strong")
