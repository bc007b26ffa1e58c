"""The purge takes everything that was typed about a tenant and never sent, and waits in line with people."""

from __future__ import annotations

import threading
from datetime import timedelta
from typing import Any

from storage import drafts, offboarding, onboarding, purging
from storage.errors import AtlasError
from storage.schema import drafts as draft_table
from storage.schema import tenants as tenant_table


def test_what_was_typed_while_bringing_a_tenant_on_is_purged_too(fleet: Any) -> None:
    begun = onboarding.begin(fleet.db, fleet.dana, fleet.tenant["contoso"])
    other = onboarding.begin(fleet.db, fleet.dana, fleet.tenant["fabrikam"])
    for number in (begun.id, other.id):
        drafts.save(fleet.db, fleet.dana, "onboarding.cancel", f"onboarding:{number}", {"reason": "typed"}, fleet.north)
    offboarding.offboard(fleet.db, fleet.dana, fleet.tenant["contoso"], purge_days=1)
    fleet.clock.advance(days=2)
    assert purging.purge_due(fleet.db).tenants == (fleet.tenant["contoso"],)
    (left,) = fleet.rows(draft_table.select())
    assert left.subject == f"onboarding:{other.id}"


def test_purging_and_restoring_at_the_same_moment_end_in_one_of_the_two(fleet: Any) -> None:
    for name in ("contoso", "fabrikam", "wingtip"):
        offboarding.offboard(fleet.db, fleet.dana, fleet.tenant[name], purge_days=1)
    fleet.clock.advance(hours=23, minutes=59, seconds=59)
    start, errors = threading.Barrier(4), []

    def run(work: Any) -> None:
        start.wait(60)
        try:
            work()
        except AtlasError as error:
            errors.append(error)

    def later() -> None:
        fleet.clock.time += timedelta(seconds=2)
        while purging.purge_due(fleet.db).tenants:
            pass

    jobs = [
        later,
        *(
            lambda name=name: offboarding.restore(fleet.db, fleet.dana, fleet.tenant[name])
            for name in ("contoso", "fabrikam", "wingtip")
        ),
    ]
    threads = [threading.Thread(target=run, args=(job,)) for job in jobs]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join(60)
    for row in fleet.rows(tenant_table.select().where(tenant_table.c.id.in_(list(fleet.tenant.values())))):
        assert (row.lifecycle, row.purge_after is None) in (("active", True), ("archived", False)), row
        assert (row.purged_at is None) == (row.lifecycle == "active"), row
