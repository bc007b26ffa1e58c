"""A verification report as a page: Markdown that reads well as it is, for a terminal, a mail or a ticket.

Promise: everything that came from outside (names, domains, Microsoft's own words) is data: control characters go, and what Markdown would
take for markup is escaped. Nothing secret is in a report, so nothing secret is on the page.

Must not know: the database, screens.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Final

from atlas_tui.cells import plain
from storage import operations, reasons
from storage.connections import ConnectionDetail
from storage.permissions import Comparison, Standing
from storage.report_difference import ReportDifference
from storage.reports import Report
from storage.verification import EvidenceValue, ReportStep

FORMAT: Final = 1
"""Of the JSON document; raised when a key changes its meaning or goes. New keys may come at any time."""

_MARKUP: Final = re.compile(r"([\\`*_<>\[\]|#])")


@dataclass(frozen=True, slots=True)
class ReportPage:
    """Everything a report's page tells.

    Attributes:
        report: the report.
        detail: the connection as it is now.
        permissions: the report's own grant held against the manifest; every line unknown when no token was had.
        difference: what changed since the report before; None when there is none.
    """

    report: Report
    detail: ConnectionDetail
    permissions: Comparison
    difference: ReportDifference | None


def document(page: ReportPage) -> dict[str, object]:
    """Returns the page as data, with stable keys (docs/permissions.md): the report's own, and what stands beside it."""
    report, row = page.report, page.detail.row
    own = {name: getattr(report, name) for name in Report.__slots__}
    return own | {
        "format": FORMAT,
        "tenant": {
            "id": row.tenant_id,
            "name": row.tenant_name,
            "entra_tenant_id": row.entra_tenant_id,
            "primary_domain": row.primary_domain,
            "microsoft_name": page.detail.microsoft_name,
            "cloud": row.cloud,
        },
        "connection": {
            "id": row.id,
            "display_name": row.display_name,
            "connection_type": row.connection_type,
            "client_id": page.detail.client_id,
            "is_enabled": row.is_enabled,
            "consent_status": row.consent_status,
            "verification_status": row.verification_status,
            "generation": page.detail.generation,
        },
        "credentials": page.detail.credentials,
        "permissions": {
            "needed": page.permissions.needed,
            "missing_required": page.permissions.missing_required,
            "missing_optional": page.permissions.missing_optional,
            "beyond": page.permissions.beyond,
        },
        "difference": page.difference,
    }


def markdown(page: ReportPage) -> str:
    """Returns the page as Markdown."""
    return "\n".join(_lines(page)) + "\n"


def _lines(page: ReportPage) -> Iterator[str]:
    report, row = page.report, page.detail.row
    verdict = report.verdict.value if report.verdict else "unchanged"
    yield f"# {_text(row.tenant_name)}: verification {verdict}"
    yield ""
    if report.is_superseded:
        yield "**Superseded:** the connection changed while the check ran, so nothing of this was believed."
        yield ""
    yield from _pairs(
        {
            "report": f"{report.id}, run #{report.run_id}, {_moment(report.created_at)}",
            "generation": f"{report.generation} (the connection's is {page.detail.generation} now)",
            "manifest": str(report.manifest_version),
            "why": f"`{report.reason_code}`" if report.reason_code else "-",
            "tenant id": row.entra_tenant_id,
            "domain": _text(row.primary_domain or "-"),
            "cloud": row.cloud.value,
            "Microsoft's name": _text(report.organization.display_name) if report.organization else "not read",
            "signs in as": f"{page.detail.client_id or '-'} ({_text(page.detail.platform_app or 'own app registration')})",
            "licences": "not read"
            if report.licences is None
            else ", ".join(report.licences) or "none that matter here",
        }
    )
    if report.limited_operations:
        yield f"- cannot work now: {_labels(report.limited_operations)}"
    yield from _since(page.difference)
    yield ""
    yield "## Steps"
    for step in report.steps:
        yield from _step(step)
    yield from _permissions(page)
    yield ""
    yield "## Credentials, as stored now"
    yield ""
    for info in page.detail.credentials:
        key = _text(info.client_key_id) or "with an unknown key id"
        yield f"- {info.slot.value} {info.kind.value} {key}, expires {_moment(info.expires_at)}"
    if not page.detail.credentials:
        yield "- none"


def _since(change: ReportDifference | None) -> Iterator[str]:
    yield ""
    yield "## Changed since the report before"
    yield ""
    if change is None:
        yield "- there is none"
        return
    if change.is_empty:
        yield f"- nothing (report {change.against})"
    for step in change.steps:
        before = step.before.value if step.before else "not there"
        after = step.after.value if step.after else "not there"
        reason = f" (`{step.after_reason}`)" if step.after_reason else ""
        yield f"- {_text(step.label)}: {before} → {after}{reason}"
    if change.gained:
        yield f"- permissions gained: {_names(change.gained)}"
    if change.lost:
        yield f"- permissions lost: {_names(change.lost)}"


def _step(step: ReportStep) -> Iterator[str]:
    yield ""
    yield f"### {step.status.value.upper():4} {_text(step.label)}"
    yield ""
    if step.sentence:
        yield _text(step.sentence)
    facts = {key: _value(value) for key, value in step.evidence.items()}
    yield from _pairs({**facts, **({"Microsoft request id": step.request_id} if step.request_id else {})})
    if step.reason_code:
        reason = reasons.find(step.reason_code)
        yield f"- reason: `{reason.code}`, fixed by {reason.fix_by.value}"
        yield f"- next step: {reason.next_step}"


def _permissions(page: ReportPage) -> Iterator[str]:
    found = page.permissions
    yield ""
    yield "## Permissions"
    yield ""
    if page.report.granted_permissions is None:
        yield "- not known: no token was had"
        return
    groups = {
        "missing, required": found.missing_required,
        "missing, optional": found.missing_optional,
        "covered by a broader one": tuple(
            f"{n.permission} (by {n.covered_by})" for n in found.needed if n.standing is Standing.COVERED
        ),
        "granted": tuple(n.permission for n in found.needed if n.standing is Standing.GRANTED),
    }
    for label, names in groups.items():
        yield f"- {label}: {_names(names) or 'none'}"
    for extra in found.beyond:
        yield f"- beyond the need: {_text(extra.permission)} ({extra.risk.value}: {extra.why})"


def _pairs(pairs: Mapping[str, str]) -> Iterator[str]:
    for label, value in pairs.items():
        yield f"- {_text(label)}: {value}"


def _value(value: EvidenceValue) -> str:
    if isinstance(value, tuple):
        return _names(value) or "none"
    return _text("-" if value is None else str(value))


def _names(names: Iterable[str]) -> str:
    return ", ".join(_text(name) for name in names)


def _labels(types: Iterable[str]) -> str:
    return ", ".join(operations.find(name).label for name in types)


def _text(value: str) -> str:
    return _MARKUP.sub(r"\\\1", plain(value))


def _moment(value: datetime | None) -> str:
    return "unknown" if value is None else value.astimezone(UTC).strftime("%Y-%m-%d %H:%M:%SZ")
