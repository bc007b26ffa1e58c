"""Consent in plain text, for mails and tickets: the message that takes a link to the customer, and the evidence card.

Promise: lines that can be pasted anywhere. The message holds the link, so it is for the customer's administrator only; the card holds
nothing that could be used.
"""

from __future__ import annotations

from datetime import UTC, datetime
from typing import Final

from storage import reasons
from storage.consent_evidence import EvidenceCard
from storage.consent_requests import ConsentLink

OLDER_THAN_MANIFEST: Final = "The consent is older than the list of permissions that this version needs."


def message_text(link: ConsentLink) -> str:
    """Writes the mail for the customer."""
    until = link.expires_at.astimezone(UTC).strftime("%Y-%m-%d %H:%M UTC")
    lines = [
        f"Subject: Please approve our application for {link.tenant_name}",
        "",
        f"To look after {link.tenant_name} we need your administrator to approve our application once.",
        "",
        f"1. {link.roles_needed}",
        "2. Open this address in a private browser window and sign in with that account:",
        "",
        link.url,
        "",
        "3. Compare what the page shows, then choose Accept:",
        f"   application  {link.app_name}, client id {link.client_id}",
        f"   tenant       {link.entra_tenant_id}",
    ]
    if link.is_pasted_back:
        lines += [
            f"4. Your browser then shows an error page at {link.redirect_uri}. That is expected.",
            "   Copy the whole address from the address bar and send it back to us.",
        ]
    else:
        lines += ["4. A page of ours then says what happened. There is nothing else to do."]
    lines += [
        "",
        f'The link is good until {until}, for your tenant only. If Microsoft shows "Need admin approval", the account has not the',
        "role: please hand this mail to somebody who has. A request sent from that page does not approve anything by itself.",
        "",
    ]
    return "\n".join(lines)


def card_text(card: EvidenceCard) -> str:
    """Writes the card as plain text, for a mail or a ticket."""
    lines = [f"Consent evidence: {card.tenant_name}", "", *_pairs(*card_facts(card))]
    if card.manifest_behind:
        lines += ["", OLDER_THAN_MANIFEST]
    if card.causes:
        lines += ["", "Likely causes", *(f"  - {cause}" for cause in card.causes)]
    return "\n".join([*lines, "", f"Next step: {card.next_step}", ""])


def card_facts(card: EvidenceCard) -> list[tuple[str, str]]:
    """Returns what the card states, in its order: what it is about, and what is known."""
    return [
        ("tenant asked", f"{card.entra_tenant_id} ({card.primary_domain or 'no domain known'})"),
        ("application", f"{card.app_name}, client id {card.client_id or 'none yet'}"),
        ("cloud", card.cloud.value),
        ("consent", f"{card.consent_status.value}, granted {_moment(card.consent_granted_at)}, "
                    f"last seen by a check {_moment(card.consent_checked_at)}"),
        *_asked(card),
        ("permissions seen", _names(card.roles_seen, "no check has had a token yet")),
        ("required, missing", _names(card.roles_missing, "none known")),
        ("optional, missing", _names(card.optional_missing, "none known")),
        ("as of", _moment(card.checked_at)),
        *_changed(card),
    ]  # fmt: skip


def _asked(card: EvidenceCard) -> list[tuple[str, str]]:
    link = card.asked
    if link is None:
        return [("link", "none was ever made")]
    made = f"no. {link.id}, {link.status.value}, made {_moment(link.created_at)} by {link.created_by or 'the system'}"
    pairs = [("link", f"{made}, valid until {_moment(link.expires_at)}"), ("redirect URI", link.redirect_uri)]
    if link.answered_at is None:
        return [*pairs, ("answer", "none yet")]
    code = link.answer_reason_code
    said = "consent was given" if code is None else f"{code}: {reasons.find(code).sentence}"
    number = f" ({card.provider_code})" if card.provider_code else ""
    by = link.answered_by or "the callback page"
    pairs.append(("answer", f"{said}{number}"))
    pairs.append(("answered", f"{_moment(link.answered_at)}, through {by}"))
    pairs.append(("tenant answering", link.answer_tenant_id or "not named"))
    pairs.append(("correlation id", link.answer_correlation_id or "none"))
    return pairs


def _changed(card: EvidenceCard) -> list[tuple[str, str]]:
    if card.change is None:
        return []
    return [
        ("gained by consent", _names(card.change.gained, "none")),
        ("lost by consent", _names(card.change.lost, "none")),
    ]


def _pairs(*pairs: tuple[str, str]) -> list[str]:
    return [f"{name:18} {value}" for name, value in pairs]


def _names(names: tuple[str, ...] | None, otherwise: str) -> str:
    return ", ".join(names) if names else otherwise


def _moment(value: datetime | None) -> str:
    return "never" if value is None else value.astimezone(UTC).strftime("%Y-%m-%d %H:%M:%SZ")
