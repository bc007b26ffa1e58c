"""What needs a human: which problems there are, how they are grouped, whom they concern and what may be done about them."""

from __future__ import annotations

from datetime import timedelta
from typing import Any

import pytest
from sqlalchemy import insert, select, update

from storage import attention, attention_members, attention_sources, attention_steps, reasons
from storage import connection_operations as standings
from storage.attention import AttentionQuery, Severity
from storage.breaker_rules import OPENS_AFTER
from storage.breakers import BREAKER_OPEN
from storage.errors import InvalidInput, NotFound
from storage.gate import lock_connection
from storage.operations import CONNECTION_CHECK, INVENTORY_SYNC
from storage.pages import Place
from storage.reasons import FixBy
from storage.schema import circuit_breakers, connection_operations, credentials, operation_runs, tenants, workers
from storage.states import RunOutcome


def overview(fleet: Any, who: str = "dana", **query: Any) -> attention.Overview:
    return attention.overview(fleet.db, fleet.people[who], AttentionQuery(fleet.north, **query))


def problems(fleet: Any, who: str = "dana", **query: Any) -> dict[str, Any]:
    return {problem.reason_code: problem for problem in overview(fleet, who, **query).problems}


@pytest.fixture
def working(fleet: Any) -> Any:
    """The fleet with a worker, so that nothing is wrong."""
    fleet.write(
        insert(workers).values(
            id="w1", host="a", pid=1, version="0", slots=8, started_at=fleet.clock.time, beat_at=fleet.clock.time
        )
    )
    return fleet


def block(fleet: Any, name: str, code: str, **columns: Any) -> None:
    since = {"reason_since": fleet.clock.time}
    fleet.set_connection(
        fleet.connection[name], **({"verification_status": "blocked", "last_reason_code": code} | since | columns)
    )


def fail(fleet: Any, name: str, operation: str, code: str) -> None:
    """An operation fails, as its completion writes it down."""
    fleet.write(
        insert(connection_operations).values(
            connection_id=fleet.connection[name],
            type=operation,
            workspace_id=fleet.north,
            tenant_id=fleet.tenant[name],
            last_outcome=RunOutcome.FAILED.value,
            last_reason_code=code,
            failing_since=fleet.clock.time,
            reason_since=fleet.clock.time,
            consecutive_failures=1,
        )
    )


def test_a_content_fleet_needs_nobody_and_each_source_tells_its_own_problem(working: Any) -> None:
    assert overview(working).problems == ()
    block(working, "contoso", "secret_invalid")
    working.set_connection(
        working.connection["fabrikam"], consent_status="revoked", consent_changed_at=working.clock.time
    )
    fail(working, "wingtip", INVENTORY_SYNC, "run_lost")
    working.write(
        insert(connection_operations).values(
            connection_id=working.connection["fabrikam"],
            type=INVENTORY_SYNC,
            workspace_id=working.north,
            tenant_id=working.tenant["fabrikam"],
            blocked_reason_code="provider_permission_missing",
            blocked_since=working.clock.time,
        )
    )
    found = problems(working)
    assert set(found) == {"secret_invalid", "provider_consent_revoked", "run_lost", "provider_permission_missing"}
    assert {problem.connections for problem in found.values()} == {1}
    assert found["secret_invalid"].name == "Contoso"
    assert found["secret_invalid"].since == working.clock.time
    assert found["run_lost"].next_step.words == "retry"


def test_one_connection_with_one_reason_counts_once_however_many_things_show_it(working: Any) -> None:
    block(working, "contoso", "secret_expired")
    fail(working, "contoso", CONNECTION_CHECK, "secret_expired")
    working.write(
        update(credentials)
        .where(credentials.c.connection_id == working.connection["contoso"])
        .values(expires_at=working.clock.time)
    )
    found = overview(working)
    assert [(p.reason_code, p.connections) for p in found.problems] == [("secret_expired", 1)]
    shown = attention_members.page(working.db, working.dana, working.north, found.problems[0].id, Place.first()).rows
    assert [row.shows for row in shown] == ["badge blocked, Connection check fails"]


def test_disabled_connections_and_archived_tenants_need_nobody_and_an_onboarding_is_no_problem_yet(
    working: Any,
) -> None:
    block(working, "contoso", "secret_invalid", is_enabled=False)
    block(working, "fabrikam", "secret_invalid")
    working.write(update(tenants).where(tenants.c.id == working.tenant["fabrikam"]).values(lifecycle="archived"))
    working.set_connection(working.connection["wingtip"], consent_status="required", verification_status="unknown")
    working.write(update(tenants).where(tenants.c.id == working.tenant["wingtip"]).values(lifecycle="onboarding"))
    assert overview(working).problems == ()
    working.write(update(tenants).where(tenants.c.id == working.tenant["wingtip"]).values(lifecycle="active"))
    assert set(problems(working)) == {"provider_consent_missing"}


def test_the_same_reason_on_five_connections_of_an_app_is_one_problem_the_app(working: Any) -> None:
    names = ["wingtip", *(f"user{number}" for number in range(4))]
    for name in names[1:]:
        working.add_connection(name, client_id=None)
    for name in names[:4]:
        block(working, name, "secret_expired")
    block(working, "contoso", "secret_expired")
    [one] = overview(working).problems
    assert (one.connections, one.platform_app_id) == (5, None), "four of the app are not the app yet"
    block(working, names[4], "secret_expired")
    app, other = overview(working).problems
    assert (app.connections, app.platform_app_id, app.name) == (5, working.app, "North's app")
    assert (other.connections, other.name) == (1, "Contoso")
    members = attention_members.page(working.db, working.dana, working.north, app.id, Place.first())
    assert {row.connection.id for row in members.rows} == {working.connection[name] for name in names}
    assert attention_members.connection_ids(working.db, working.dana, working.north, other.id) == (
        working.connection["contoso"],
    )


def test_the_widest_comes_first_then_the_newest_and_a_warning_reads_as_one(working: Any) -> None:
    for name in ("contoso", "fabrikam"):
        block(working, name, "provider_permission_missing", verification_status="degraded")
    working.clock.advance(hours=1)
    fail(working, "wingtip", INVENTORY_SYNC, "throttled")
    working.clock.advance(hours=1)
    working.write(update(workers).values(beat_at=working.clock.time))
    fail(working, "wingtip", CONNECTION_CHECK, "internal_error")
    found = overview(working).problems
    assert [p.reason_code for p in found] == ["provider_permission_missing", "internal_error", "throttled"]
    assert [p.severity for p in found] == [Severity.WARNING, Severity.HARD, Severity.PASSING]


def test_credentials_that_run_out_are_told_before_a_check_finds_them(working: Any) -> None:
    app = credentials.c.platform_app_id == working.app
    now = working.clock.time
    working.write(update(credentials).where(app).values(expires_at=now + timedelta(days=8)))
    assert overview(working).problems == ()
    working.write(update(credentials).where(app).values(expires_at=now + timedelta(days=6)))
    [soon] = overview(working, looked_at=now - timedelta(days=2)).problems
    assert (soon.reason_code, soon.platform_app_id, soon.connections) == ("secret_expiring", working.app, 1)
    assert (soon.severity, soon.new) == (Severity.WARNING, 1)
    working.write(update(credentials).where(app).values(expires_at=now))
    [over] = overview(working).problems
    assert (over.reason_code, over.severity) == ("secret_expired_local", Severity.HARD)
    assert problems(working, "tina") == {}, "an app is for whoever sees the whole workspace"


def test_the_installation_s_own_troubles_come_before_everything(working: Any) -> None:
    block(working, "contoso", "secret_invalid")
    started = working.start(working.connection["wingtip"])
    working.clock.advance(minutes=11)
    first, *_ = overview(working).problems
    assert (first.reason_code, first.is_of_installation) == ("no_worker_running", True)
    working.write(update(workers).values(beat_at=working.clock.time))
    first, *_ = overview(working).problems
    assert first.reason_code == "queue_stuck"
    assert first.acknowledge_refusal
    working.write(
        update(operation_runs)
        .where(operation_runs.c.id == started.run.id)
        .values(status="running", lease_until=working.clock.time, claimed_at=working.clock.time)
    )
    assert set(problems(working)) == {"secret_invalid"}


def test_what_one_may_not_do_names_who_may(working: Any) -> None:
    block(working, "contoso", "secret_invalid")
    fail(working, "contoso", INVENTORY_SYNC, "internal_error")
    assert problems(working, "dana")["secret_invalid"].next_step.words == "new credential"
    omar = problems(working, "omar")
    assert omar["secret_invalid"].next_step.words == "ask dana: new credential"
    assert omar["secret_invalid"].next_step.sentence.startswith("Ask dana (Owner), mona (Manager)")
    assert (omar["secret_invalid"].acknowledge_refusal, omar["internal_error"].next_step.is_mine) == ("", True)
    rita = problems(working, "rita")
    assert rita["internal_error"].next_step.words == "ask dana: look at the log"
    assert "Your role may not." in rita["internal_error"].acknowledge_refusal
    gina = problems(working, "gina")
    assert gina["secret_invalid"].next_step.is_mine, "her tag reaches the tenant"


def test_people_see_what_is_theirs_and_nobody_else_s(working: Any) -> None:
    block(working, "contoso", "secret_invalid")
    block(working, "fabrikam", "secret_invalid")
    assert problems(working, "dana")["secret_invalid"].connections == 2
    for login in ("tina", "fred", "gina"):
        [problem] = overview(working, login).problems
        assert (problem.connections, problem.name) == (1, "Fabrikam" if login == "fred" else "Contoso")
    assert problems(working, tenant_id=working.tenant["fabrikam"])["secret_invalid"].name == "Fabrikam"
    for login in ("zoe", "eve", "rex", "ivan", "pat"):
        with pytest.raises(NotFound):
            overview(working, login)


def test_what_began_after_somebody_looked_is_new_to_them(working: Any) -> None:
    db, north = working.db, working.north
    assert attention.look(db, working.dana, north) is None
    block(working, "contoso", "secret_invalid", reason_since=working.clock.time - timedelta(hours=1))
    working.clock.advance(hours=1)
    working.write(update(workers).values(beat_at=working.clock.time))
    block(working, "fabrikam", "secret_invalid")
    block(working, "wingtip", "tenant_not_found", reason_since=None)
    before = attention.look(db, working.dana, north)
    assert before == working.clock.time - timedelta(hours=1)
    found = overview(working, looked_at=before)
    assert (found.connections, found.new) == (3, 1)
    assert [p.reason_code for p in overview(working, looked_at=before, text="new").problems] == ["secret_invalid"]
    assert attention.look(db, working.dana, north) == working.clock.time
    assert attention.look(db, working.people["omar"], north) is None, "each has their own"


def test_the_filter_line_narrows_and_refuses_what_it_does_not_know(working: Any) -> None:
    block(working, "contoso", "secret_invalid")
    block(working, "fabrikam", "provider_consent_revoked", consent_status="revoked")
    assert set(problems(working, text="who:us")) == {"secret_invalid"}
    assert set(problems(working, text="!who:us")) == {"provider_consent_revoked"}
    assert set(problems(working, text="reason:secret_invalid")) == {"secret_invalid"}
    assert set(problems(working, text="fabrikam")) == {"provider_consent_revoked"}
    assert attention.page(working.db, working.dana, AttentionQuery(working.north, "acked"), Place.first()).rows == ()
    with pytest.raises(InvalidInput, match="who:nobody"):
        overview(working, text="who:nobody")


def test_of_a_reason_that_very_many_have_a_part_is_read_and_the_count_says_so(
    working: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(attention_sources, "BUDGET", 6)
    for number in range(9):
        working.add_connection(f"many{number}")
        block(working, f"many{number}", "tenant_not_found")
    working.set_connection(working.connection["many0"], is_enabled=False)
    block(working, "contoso", "secret_invalid")
    found = problems(working)
    assert (found["secret_invalid"].connections, found["secret_invalid"].is_exact) == (1, True)
    assert not found["tenant_not_found"].is_exact
    assert 5 <= found["tenant_not_found"].connections <= 9
    only_fred = working.add_member("lena", attention_role(), tenant_id=working.tenant["many8"])
    [theirs] = attention.overview(working.db, only_fred, AttentionQuery(working.north)).problems
    assert (theirs.connections, theirs.name) == (1, "Many8"), "whoever sees little misses nothing of it"


def attention_role() -> Any:
    from storage.capabilities import Role

    return Role.OPERATOR


def test_pages_go_on_where_they_ended_although_a_row_is_gone(working: Any) -> None:
    codes = ("secret_invalid", "tenant_not_found", "wrong_cloud")
    for name, code in zip(("contoso", "fabrikam", "wingtip"), codes, strict=True):
        block(working, name, code)
    query = AttentionQuery(working.north)

    def page(place: Place, limit: int = 1) -> Any:
        return attention.page(working.db, working.dana, query, place, limit)

    first = page(Place.first())
    second = page(Place.after(first.cursors[-1]))
    third = page(Place.after(second.cursors[-1]))
    assert [found.rows[0].reason_code for found in (first, second, third)] == sorted(codes)
    assert (third.has_before, third.has_after, third.position, third.total) == (True, False, 2, 3)
    assert page(Place.before(second.cursors[0])).rows == first.rows
    assert page(Place.last()).rows == third.rows
    working.set_connection(working.connection["fabrikam"], verification_status="healthy", last_reason_code=None)
    assert page(Place.after(second.cursors[-1])).rows[0].reason_code == "wrong_cloud"
    with pytest.raises(InvalidInput):
        page(Place.after("bm90IGEgY3Vyc29y"))


def test_the_step_of_a_reason_that_the_customer_mends_is_never_one_of_ours() -> None:
    for reason in reasons.catalog().values():
        words = attention_steps.short(reason)
        assert len(words) <= 22, f"{reason.code}: {words} does not fit the list"
        if reason.fix_by is FixBy.CUSTOMER:
            assert words in {"ask the customer", "send consent link", "consent again", "ask for less"}, reason.code
        if words == "new credential":
            assert "secret" in reason.next_step or "certificate" in reason.next_step, reason.code


def test_since_is_since_this_reason_not_since_the_badge_or_the_operation_went_bad(working: Any) -> None:
    connection = working.connection["contoso"]
    now = working.clock

    def since() -> dict[str, Any]:
        found = overview(working, tenant_id=working.tenant["contoso"])
        return {problem.reason_code: problem.since for problem in found.problems}

    working.check(connection, working.failing_report("secret_invalid"))
    now.advance(hours=1)
    other = now.time
    for _ in range(2):
        working.check(connection, working.failing_report("secret_expired"))
        now.advance(hours=1)
    assert since() == {"secret_expired": other}, "the badge was bad for an hour by then"
    assert working.truth(connection).verification_changed_at == other - timedelta(hours=1)
    claim = working.begin(connection)
    working.store_secret(connection, "another-one")
    working.finish(claim, working.failing_report("secret_expired"))
    now.advance(hours=1)
    (follow_up,) = working.take()
    working.finish(follow_up, working.failing_report("secret_expired"))
    assert since() == {"secret_expired": other}, "what was set aside in between says nothing"
    failed = working.rows(select(connection_operations).where(connection_operations.c.connection_id == connection))[0]
    assert failed.reason_since == other
    assert (failed.last_reason_code, failed.consecutive_failures) == ("secret_expired", 4)
    working.check(connection)
    assert since() == {}
    for reason in ("throttled", "network_dns"):
        now.advance(hours=1)
        working.check(connection, working.failing_report(reason))
    assert since() == {"network_dns": now.time}, "no badge says this; the operation does, and changed its reason"


def test_what_an_open_breaker_holds_back_is_told_with_what_opened_it(working: Any) -> None:
    connection = working.connection["contoso"]
    for _ in range(OPENS_AFTER):
        working.check(connection, working.failing_report("secret_expired"))

    def hold(tx: Any) -> None:
        row = lock_connection(tx, connection)
        assert row is not None
        for operation in (CONNECTION_CHECK, INVENTORY_SYNC):
            standings.note_each_blocked(tx, [(row, BREAKER_OPEN)], operation)

    working.db.write(hold)
    [one] = overview(working).problems
    assert (one.reason_code, one.connections) == ("secret_expired", 1), "one cause is one problem"
    [member] = attention_members.page(working.db, working.dana, working.north, one.id, Place.first()).rows
    assert member.shows == "badge blocked, Connection check fails, Inventory sync held up"
    working.set_connection(connection, last_reason_code=None, verification_status="healthy")
    working.write(update(connection_operations).values(failing_since=None))
    assert set(problems(working)) == {"secret_expired"}, "found by what is held back alone, too"
    working.write(circuit_breakers.delete())
    assert set(problems(working)) == {"breaker_open"}, "until the schedule comes round"
