"""A database under test, past the rules: its rows, what they say of a connection or a run, and a clock that moves when told."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from typing import Any, Final

from sqlalchemy import Column, Select, Table, func, insert, select, update

from storage.database import Database
from storage.schema import (
    METADATA,
    connection_permissions,
    notifications,
    operation_runs,
    provider_connections,
)

NOON: Final = datetime(2026, 3, 1, 12, 0, tzinfo=UTC)


class MovableClock:
    """The database's clock, as far as storage can tell. It stands still until it is moved."""

    def __init__(self) -> None:
        self.time = NOON

    def __call__(self, _connection: Any = None) -> datetime:
        return self.time

    def advance(self, **span: float) -> None:
        """Moves on, by what `timedelta` takes."""
        self.time += timedelta(**span)


def _in_order(statement: Any) -> Any:
    """A plain query of one table, ordered by its key unless it is ordered already."""
    tables = statement.get_final_froms() if isinstance(statement, Select) else []
    plain = len(tables) == 1 and all(isinstance(column, Column) for column in statement.selected_columns)
    if not plain or not isinstance(tables[0], Table):
        return statement
    if statement._order_by_clauses or statement._group_by_clauses or statement._distinct:
        return statement
    return statement.order_by(*tables[0].primary_key.columns)


@dataclass
class Rows:
    """A database, and verbs to look at its rows and to change them as no function of storage would."""

    db: Database
    clock: MovableClock
    address: str

    def write(self, statement: Any) -> None:
        """Executes a statement that no function of storage would."""
        self.db.write(lambda tx: tx.run(statement) and None)

    def one(self, statement: Any) -> Any:
        """The single value of a query."""
        with self.db.read() as tx:
            return tx.run(statement).scalar_one()

    def rows(self, statement: Any) -> list[Any]:
        """The rows of a query, in the order it asks for; else in that of the table's key, for a database promises none."""
        with self.db.read() as tx:
            return list(tx.run(_in_order(statement)).all())

    def set_connection(self, connection_id: int, **columns: Any) -> None:
        """Sets columns of a connection."""
        self.write(update(provider_connections).where(provider_connections.c.id == connection_id).values(**columns))

    def truth(self, connection_id: int) -> Any:
        """A connection's row."""
        return self.rows(select(provider_connections).where(provider_connections.c.id == connection_id))[0]

    def badges(self, connection_id: int) -> tuple[bool, str, str]:
        """A connection's three dimensions, each as it is."""
        truth = self.truth(connection_id)
        return truth.is_enabled, truth.consent_status, truth.verification_status

    def set_permissions(self, connection_id: int, granted: Mapping[str, bool]) -> None:
        """Replaces what is known about a connection's permissions."""

        def work(tx: Any) -> None:
            tx.run(connection_permissions.delete().where(connection_permissions.c.connection_id == connection_id))
            for name, is_granted in granted.items():
                tx.run(
                    insert(connection_permissions).values(
                        connection_id=connection_id, permission=name, is_granted=is_granted, checked_at=self.clock.time
                    )
                )

        self.db.write(work)

    def run_row(self, run_id: int) -> Any:
        """A run's row."""
        return self.rows(select(operation_runs).where(operation_runs.c.id == run_id))[0]

    def unfinished(self, connection_id: int) -> list[Any]:
        """The unfinished runs of a connection, oldest first."""
        return self.rows(
            select(operation_runs)
            .where(operation_runs.c.connection_id == connection_id, operation_runs.c.status != "completed")
            .order_by(operation_runs.c.id)
        )

    def notifications_of(self, run_id: int) -> list[Any]:
        """The notifications about a run."""
        return self.rows(select(notifications).where(notifications.c.run_id == run_id))

    def contents(self, *, without: tuple[str, ...] = ()) -> dict[str, list[tuple[Any, ...]]]:
        """Every row of every table, but those left out, as the driver gives them; to compare before and after."""
        names = [table.name for table in METADATA.sorted_tables if table.name not in without]
        with self.db.read() as tx:
            ask, found = tx.connection.connection.cursor(), {}
            if not tx.is_sqlite:  # all of it in one question
                ask.execute("; ".join(f"SELECT * FROM {name}" for name in names))
            for name in names:
                if tx.is_sqlite:
                    ask.execute(f"SELECT * FROM {name}")
                found[name] = sorted(map(tuple, ask.fetchall()), key=repr)
                if not tx.is_sqlite:
                    ask.nextset()
            return found

    def count(self, table: Any, *conditions: Any) -> int:
        """How many rows fit."""
        return int(self.one(select(func.count()).select_from(table).where(*conditions)))
