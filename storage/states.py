"""Every closed set of values in the database, once.

Promise: the words here are the words in the database, on the screen and in exports. Code compares members, never strings. The
three dimensions of a connection are separate enumerations and are never merged into one.
"""

from __future__ import annotations

from enum import StrEnum


class ConsentStatus(StrEnum):
    """What we know about the customer's consent to our application."""

    UNKNOWN = "unknown"
    REQUIRED = "required"
    GRANTED = "granted"
    FAILED = "failed"
    REVOKED = "revoked"


class VerificationStatus(StrEnum):
    """What the last connection check that reached a verdict found."""

    UNKNOWN = "unknown"
    PENDING = "pending"
    HEALTHY = "healthy"
    DEGRADED = "degraded"
    BLOCKED = "blocked"
    ERROR = "error"


class ConnectionType(StrEnum):
    """Whose application registration a connection signs in with."""

    PLATFORM = "platform"
    DEDICATED = "dedicated"


class TenantLifecycle(StrEnum):
    """Where a tenant is in its life with us."""

    DRAFT = "draft"
    ONBOARDING = "onboarding"
    ACTIVE = "active"
    ARCHIVED = "archived"


class Cloud(StrEnum):
    """The Microsoft cloud a tenant lives in (GCC uses `global`; Microsoft, "National clouds")."""

    GLOBAL = "global"
    USGOV = "usgov"
    DOD = "dod"
    CHINA = "china"


class Provider(StrEnum):
    """Registered providers."""

    MICROSOFT = "microsoft"


class CredentialKind(StrEnum):
    """What a credential slot holds."""

    SECRET = "secret"  # noqa: S105 - the kind, not a value
    CERTIFICATE = "certificate"


class CredentialSlot(StrEnum):
    """Which of the three places of its owner a credential is in."""

    ACTIVE = "active"
    STAGED = "staged"
    PREVIOUS = "previous"


class CredentialOwner(StrEnum):
    """Who a credential belongs to."""

    CONNECTION = "connection"
    PLATFORM_APP = "platform_app"
    ALERT_CHANNEL = "alert_channel"


class RunStatus(StrEnum):
    """Where a run is."""

    WAITING = "waiting"
    QUEUED = "queued"
    RUNNING = "running"
    COMPLETED = "completed"


class RunOutcome(StrEnum):
    """How a completed run ended."""

    SUCCEEDED = "succeeded"
    PARTIALLY_SUCCEEDED = "partially_succeeded"
    FAILED = "failed"
    BLOCKED = "blocked"
    CANCELLED = "cancelled"
    LOST = "lost"


class RunCause(StrEnum):
    """Why a run was started."""

    PERSON = "person"
    SCHEDULE = "schedule"
    BULK = "bulk"
    FOLLOW_UP = "follow_up"
    RETRY = "retry"


class BatchClass(StrEnum):
    """What the gate said to one connection of a batch."""

    STARTED = "started"
    ATTACHED = "attached"
    WAITING = "waiting"
    BLOCKED = "blocked"
    NOT_PERMITTED = "not_permitted"
    GONE = "gone"
    CANCELLED = "cancelled"


class StepStatus(StrEnum):
    """How one step of a check or an operation ended."""

    RUNNING = "running"
    PASS = "pass"  # noqa: S105 - a verdict
    WARN = "warn"
    FAIL = "fail"
    SKIP = "skip"


class ScopeKind(StrEnum):
    """What a membership reaches."""

    WORKSPACE = "workspace"
    TENANT = "tenant"
    TAG = "tag"


class ScheduleScope(StrEnum):
    """What a schedule reaches."""

    WORKSPACE = "workspace"
    TAG = "tag"
    TENANT = "tenant"
    CONNECTION = "connection"


class ConsentRequestStatus(StrEnum):
    """Where one admin-consent link is in its life."""

    OPEN = "open"
    USED = "used"
    REVOKED = "revoked"
    EXPIRED = "expired"


class OnboardingStatus(StrEnum):
    """Where bringing a tenant on is."""

    OPEN = "open"
    DONE = "done"
    CANCELLED = "cancelled"


class NotificationKind(StrEnum):
    """What a notification is about."""

    RUN_COMPLETED = "run_completed"
    BATCH_COMPLETED = "batch_completed"


class AlertEvent(StrEnum):
    """What an alert rule can listen to."""

    PROBLEM = "problem"
    RUN = "run"
    RUN_LOST = "run_lost"
    EXPIRING = "expiring"
    NO_WORKER = "no_worker"
    QUEUE_STUCK = "queue_stuck"


class DeliveryStatus(StrEnum):
    """Where one alert is on its way."""

    QUEUED = "queued"
    SENDING = "sending"
    DELIVERED = "delivered"
    FAILED = "failed"
    SUPPRESSED = "suppressed"


class Topic(StrEnum):
    """What the change feed can say has changed."""

    CONNECTIONS = "connections"
    RUNS = "runs"
    TENANTS = "tenants"
    AUDIT = "audit"
    WORKERS = "workers"
    NOTIFICATIONS = "notifications"
    MEMBERS = "members"
    SCHEDULES = "schedules"
    ATTENTION = "attention"
    ALERTS = "alerts"
    BATCHES = "batches"
