"""The steps of a connection check that ask Graph: organization, permissions, licences, and one probe per workload.

Promise: a probe asks for one object, and only with a permission that some operation lists; what a tenant has no licence for is skipped,
never failed; a missing permission is named once, with everything else that is missing.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, Final

from storage import operations, reasons
from storage.states import StepStatus
from storage.verification import OrganizationFacts
from tasks.providers.microsoft import contracts, licences, sanitize
from tasks.providers.microsoft.check_steps import CHECK_ITSELF, Check, Finding, failed, skipped, warned
from tasks.providers.microsoft.contracts import Contract
from tasks.providers.microsoft.errors import MicrosoftFailure
from tasks.providers.microsoft.manifest import APP_ROLE_IDS
from tasks.providers.microsoft.operation_parts import may_mean_unlicensed

_INTUNE_PREFIX: Final = "DeviceManagement"
_FIX_PERMISSIONS: Final = (
    "Add them to the app registration as type Application, then have the customer's administrator consent again."
)


def organization(check: Check) -> Finding:
    """Reads `/organization`: it must be the tenant we asked for, and own the primary domain."""
    body = check.until_settled(lambda: check.graph.get(contracts.ORGANIZATION), check.renew_token)
    request_id, target = check.graph.last_request_id, check.target
    values = body.get("value")
    found: Mapping[str, Any] = values[0] if isinstance(values, list) and values and isinstance(values[0], dict) else {}
    tenant = sanitize.guid(found.get("id"))
    if not tenant:
        raise MicrosoftFailure("data_incomplete", "Microsoft's answer did not name the tenant.", request_id=request_id)
    raw = found.get("verifiedDomains")
    domains = sanitize.names(d.get("name") for d in raw if isinstance(d, dict)) if isinstance(raw, list) else ()
    name = sanitize.text(found.get("displayName"), sanitize.NAME_LIMIT)
    evidence: dict[str, object] = {"tenant": tenant, "display_name": name, "verified_domains": domains}
    if tenant != target.entra_tenant_id.lower():
        sentence = f"Microsoft answered for tenant {tenant}, not {target.entra_tenant_id}. Correct the tenant id."
        return Finding(StepStatus.FAIL, sentence, "tenant_mismatch", evidence, CHECK_ITSELF, request_id)
    discovered = check.discovery
    check.organization = OrganizationFacts(
        tenant,
        name,
        domains,
        discovered.cloud_instance if discovered is not None else "",
        discovered.region_sub_scope if discovered is not None else "",
    )
    # Another operation must not go on with a token from before what this check has just proved.
    check.gateway.sign_ins.forget(target.entra_tenant_id, target.client_id)
    domain = (target.primary_domain or "").lower()
    if domain and domains and domain not in {d.lower() for d in domains}:
        sentence = f"{sanitize.text(domain)} is not among the tenant's verified domains. Correct the primary domain."
        return Finding(StepStatus.WARN, sentence, "domain_not_verified", evidence, (), request_id)
    return Finding(StepStatus.PASS, "Microsoft Graph answers for this tenant.", None, evidence, (), request_id)


def permissions(check: Check) -> Finding:
    """Holds what was granted against what each operation needs, and names everything that is missing at once."""
    try:
        check.until_settled(lambda: _expect_permissions(check), check.renew_token)
    except MicrosoftFailure as failure:
        if failure.plain_code != "missing_permission":
            raise
    missing, limited = _missing(check.granted)
    optional = tuple(
        name
        for name in sorted({name for o in operations.CATALOG.values() for name in o.optional_permissions})
        if not operations.satisfies(check.granted, name)
    )
    evidence: dict[str, object] = {
        "granted": check.granted,
        "missing": missing,
        "optional_missing": tuple(name for name in optional if name not in missing),
    }
    if not missing:
        sentence = f"All {len(operations.all_required_permissions())} required permissions are granted."
        if optional:
            sentence += f" Optional ones that are not: {', '.join(optional)}."
        return Finding(StepStatus.PASS, sentence, None, evidence)
    sentence = f"Missing: {', '.join(missing)}. {_FIX_PERMISSIONS}"
    assigned = _assigned_but_not_in_token(check, missing)
    if assigned:
        evidence["granted_but_not_in_token"] = assigned
        sentence += f" Microsoft already lists {', '.join(assigned)} as granted: the next token should hold it."
    return Finding(StepStatus.FAIL, sentence, "missing_permission", evidence, limited)


def read_licences(check: Check) -> Finding:
    """Reads which of the plans that matter here the tenant has."""
    try:
        body = check.graph.get(contracts.SUBSCRIBED_SKUS)
    except MicrosoftFailure as failure:
        # Nothing depends on knowing; but when it could not be asked just now, the check is not complete.
        return failed(failure, ()) if failure.is_transient else warned(failure)
    found = licences.read(body)
    check.licences = found.enabled
    evidence: dict[str, object] = {"licences": found.enabled, "suspended": found.suspended}
    request_id = check.graph.last_request_id
    if found.suspended:
        sentence = f"Suspended: {_plan_names(found.suspended)}. Ask the customer about its subscription."
        return Finding(StepStatus.WARN, sentence, "subscription_suspended", evidence, (), request_id)
    sentence = f"Licensed: {_plan_names(found.enabled)}." if found.enabled else "Neither Intune nor Entra ID P1 or P2."
    return Finding(StepStatus.PASS, sentence, None, evidence, (), request_id)


def probe_intune(check: Check) -> Finding:
    """Asks Intune for one device."""
    needed_by = tuple(
        o.type
        for o in operations.CATALOG.values()
        if any(name.startswith(_INTUNE_PREFIX) for name in o.required_permissions)
    )
    return _probe(check, contracts.MANAGED_DEVICES, "intune", needed_by, "Intune answers.")


def probe_roles(check: Check) -> Finding:
    """Asks for one directory role definition."""
    return _probe(check, contracts.ROLE_DEFINITIONS, "", (operations.ADMIN_ROLES_SCAN,), "Directory roles can be read.")


def probe_pim(check: Check) -> Finding:
    """Asks for one role eligibility; without the licence there are none, which is no fault."""
    finding = _probe(
        check, contracts.ROLE_ELIGIBILITY, "p2", (operations.ADMIN_ROLES_SCAN,), "Role eligibilities can be read."
    )
    is_fault = finding.status is StepStatus.FAIL and not reasons.find(finding.reason_code or "").is_transient
    if not is_fault:
        return finding
    # Eligibilities are an extra of the roles scan: their absence limits no operation.
    return Finding(
        StepStatus.WARN,
        f"{finding.sentence} The admin roles scan will report active assignments only.",
        finding.reason_code,
        finding.evidence,
        (),
        finding.request_id,
    )


def _probe(check: Check, contract: Contract, licence: str, needed_by: tuple[str, ...], sentence: str) -> Finding:
    if not contract.is_allowed(check.granted):
        return skipped("prerequisite_failed", f"Not tried: {contract.permissions[0]} is not granted (see Permissions).")
    try:
        check.graph.get(contract.probe())
    except MicrosoftFailure as failure:
        reason = reasons.find(failure.reason_code)
        if reason.category is reasons.Category.LICENCE:
            return skipped(failure.reason_code, reason.sentence, failure.request_id)
        is_unlicensed = licence and check.licences is not None and licence not in check.licences
        if is_unlicensed and may_mean_unlicensed(failure, licence):
            # Without the licence Microsoft refuses in several ways; the licences say which it is.
            code = f"not_licensed_{licence}"
            return skipped(code, reasons.find(code).sentence, failure.request_id)
        return failed(failure, needed_by)
    return Finding(StepStatus.PASS, sentence, None, {}, (), check.graph.last_request_id)


def _expect_permissions(check: Check) -> None:
    """Right after a consent a token may still lack what was granted."""
    if _missing(check.granted)[0] and check.gateway.circumstances(check.target).consent_is_new:
        raise MicrosoftFailure("identity_propagating", plain_code="missing_permission")


def _missing(granted: frozenset[str]) -> tuple[tuple[str, ...], tuple[str, ...]]:
    """Returns the required permissions that are missing, and the operations that miss one."""
    by_operation = {o.type: operations.missing_permissions(o, granted) for o in operations.CATALOG.values()}
    missing = tuple(sorted({name for names in by_operation.values() for name in names}))
    return missing, tuple(name for name, names in by_operation.items() if names)


def _assigned_but_not_in_token(check: Check, missing: tuple[str, ...]) -> tuple[str, ...]:
    """Cross-checks with the directory, where that is permitted; the token alone decides."""
    principal = check.claims.object_id if check.claims is not None else ""
    if not principal or not contracts.APP_ROLE_ASSIGNMENTS.is_allowed(check.granted):
        return ()
    try:
        assignments = check.graph.items(contracts.APP_ROLE_ASSIGNMENTS, principal_id=principal)
    except MicrosoftFailure:
        # An extra: the permissions step has its verdict without it.
        return ()
    assigned = {str(item.get("appRoleId")).lower() for item in assignments}
    return tuple(name for name in missing if APP_ROLE_IDS.get(name) in assigned)


def _plan_names(plans: frozenset[str]) -> str:
    return ", ".join(licences.LABELS[plan] for plan in sorted(plans))
