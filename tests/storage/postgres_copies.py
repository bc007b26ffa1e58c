"""Copies of the fleet's template on PostgreSQL, for one test after the other."""

from __future__ import annotations

import itertools
import os
from typing import Any

import psycopg
from sqlalchemy import create_engine, make_url, text

_numbers = itertools.count(1)


class PostgresCopies:
    """Copies of the template on PostgreSQL, emptied and filled again between tests: making and dropping 700 files each time took most of
    the time of a test. What a test has reshaped is dropped.
    """

    def __init__(self, server: str, template: str) -> None:
        self._engine = create_engine(server, isolation_level="AUTOCOMMIT")
        self._server = server
        self._free: list[tuple[str, str]] = []
        with self._connect(template) as raw, raw.cursor() as cursor:
            cursor.execute("SELECT tablename FROM pg_tables WHERE schemaname = 'public' ORDER BY 1")
            self._tables = [name for (name,) in cursor.fetchall()]
            self._rows = {name: rows for name in self._tables if (rows := self._copied(cursor, name))}
            cursor.execute("SELECT sequencename, last_value FROM pg_sequences WHERE schemaname = 'public'")
            self._sequences = cursor.fetchall()
        with self._engine.connect() as connection:  # a template is copied only when nobody is connected any more
            connection.execute(
                text("SELECT pg_terminate_backend(pid, 60000) FROM pg_stat_activity WHERE datname = 'fleet_template'")
            )

    def take(self) -> tuple[str, str]:
        """A database as the template, and what its catalog looks like."""
        if self._free:
            return self._free.pop()
        name = f"fleet_{os.getpid()}_{next(_numbers)}"
        with self._engine.connect() as connection:
            connection.execute(text(f"CREATE DATABASE {name} TEMPLATE fleet_template"))
        with self._connect(name) as raw, raw.cursor() as cursor:
            return name, self._catalog(cursor)

    def give_back(self, name: str, catalog: str) -> None:
        """Makes it as it was, or drops it."""
        try:
            with self._connect(name) as raw, raw.cursor() as cursor:
                cursor.execute("SET lock_timeout = '2s'; SET session_replication_role = replica")
                if self._catalog(cursor) != catalog:
                    raise psycopg.DatabaseError("reshaped")
                cursor.execute("; ".join(f"DELETE FROM {table}" for table in self._tables))
                for table, rows in self._rows.items():
                    with cursor.copy(f"COPY {table} FROM STDIN (FORMAT binary)") as copy:
                        copy.write(rows)
                cursor.execute(
                    "; ".join(
                        f"SELECT setval('{sequence}', {value or 1}, {'true' if value else 'false'})"
                        for sequence, value in self._sequences
                    )
                )
        except psycopg.Error:
            with self._engine.connect() as connection:
                connection.execute(text(f"DROP DATABASE {name} WITH (FORCE)"))
        else:
            self._free.append((name, catalog))

    def close(self) -> None:
        """Lets go of the server, which is stopped with everything in it."""
        self._engine.dispose()

    def _connect(self, name: str) -> psycopg.Connection[Any]:
        url = make_url(self._server).set(drivername="postgresql", database=name)
        return psycopg.connect(url.render_as_string(hide_password=False))

    @staticmethod
    def _copied(cursor: psycopg.Cursor[Any], table: str) -> bytes:
        cursor.execute(f"SELECT 1 FROM {table} LIMIT 1")
        if cursor.fetchone() is None:
            return b""
        with cursor.copy(f"COPY {table} TO STDOUT (FORMAT binary)") as copy:
            return b"".join(bytes(part) for part in copy)

    @staticmethod
    def _catalog(cursor: psycopg.Cursor[Any]) -> str:
        cursor.execute(
            "SELECT md5(string_agg(concat_ws(' ', oid, relname, relnatts, relchecks, relhastriggers, relrowsecurity), ',' ORDER BY oid))"
            " || (SELECT md5(string_agg(concat_ws(' ', oid, tgname, tgenabled), ',' ORDER BY oid)) FROM pg_trigger)"
            " || (SELECT md5(string_agg(prosrc, ',' ORDER BY oid)) FROM pg_proc WHERE pronamespace = 'public'::regnamespace)"
            " FROM pg_class WHERE relnamespace = 'public'::regnamespace"
        )
        return str(cursor.fetchone())
