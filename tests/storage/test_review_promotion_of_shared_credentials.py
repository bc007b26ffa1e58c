"""A platform app's credential is shared: the check that promotes the staged one and somebody who stores another one do not cross."""

from __future__ import annotations

import threading
import time
from typing import Any

from sqlalchemy import delete, insert, select, text

from storage import credential_owners, credentials
from storage.credential_material import from_secret
from storage.errors import AtlasError
from storage.schema import credentials as table
from storage.states import CredentialOwner, CredentialSlot

APP = CredentialOwner.PLATFORM_APP


def _slots(fleet: Any) -> dict[str, int]:
    rows = fleet.rows(select(table.c.slot, table.c.id).where(table.c.platform_app_id == fleet.app))
    return {row.slot: row.id for row in rows}


def test_a_staged_credential_that_is_replaced_while_its_check_ends_is_not_promoted(fleet: Any) -> None:
    credentials.store(fleet.db, fleet.dana, APP, fleet.app, from_secret("staged-one"), fleet.public_key)
    claim = fleet.begin(fleet.connection["wingtip"])
    fleet.clock.advance(minutes=1)
    before = _slots(fleet)
    ended: list[Any] = []

    def end() -> None:
        try:
            ended.append(fleet.finish(claim, fleet.good_report(claim, credential_slot="staged")))
        except AtlasError as error:
            ended.append(error)

    thread = threading.Thread(target=end)

    def replace(tx: Any) -> int:
        credential_owners.lock(tx, fleet.dana, APP, fleet.app)
        staged = tx.run(select(table).where(table.c.id == before["staged"])).one()
        tx.run(delete(table).where(table.c.id == staged.id))
        values = {name: value for name, value in staged._mapping.items() if name != "id"}
        made = tx.run(insert(table).values(**values | {"stored_at": fleet.clock.time}).returning(table.c.id))
        number = int(made.scalar_one())
        if not thread.ident:
            thread.start()
        limit = time.monotonic() + 60
        waiting = text("SELECT count(*) FROM pg_locks WHERE NOT granted AND locktype IN ('transactionid', 'tuple')")
        while not tx.is_sqlite and not ended and not tx.run(waiting).scalar_one() and time.monotonic() < limit:
            thread.join(0.02)
        return number

    replacement = fleet.db.write(replace)
    thread.join(60)
    assert ended[0].status == "completed", ended
    assert _slots(fleet) == {CredentialSlot.ACTIVE.value: before["active"], CredentialSlot.STAGED.value: replacement}
