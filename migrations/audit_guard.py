"""What keeps the audit trail append-only: triggers, as revision 0008 makes them. Frozen.

Entries: no UPDATE ever; DELETE only up to a checkpoint of the same chain (pruning leaves one). Checkpoints: neither. On SQLite an
`INSERT OR REPLACE` deletes without asking delete triggers, so an insert over an existing row is refused as well; on PostgreSQL so is
TRUNCATE.
"""

# ruff: noqa: S608 - every statement here is made of fixed words
from __future__ import annotations

from typing import Final

from alembic import op
from sqlalchemy import text

from migrations.facts import is_sqlite

FUNCTIONS: Final = ("refuse_audit_change", "refuse_unpruned_audit_delete")
WORDS: Final = "the audit trail is append-only"


def create_audit_guard() -> None:
    """Creates the triggers."""
    if is_sqlite():
        _create_sqlite()
    else:
        _create_postgresql()


def drop_audit_functions() -> None:
    """Drops what dropping the tables leaves behind (PostgreSQL's functions)."""
    if not is_sqlite():
        for name in FUNCTIONS:
            op.execute(f"DROP FUNCTION {name}()")


def search_path() -> str:
    """Returns the fixed search path of a SECURITY DEFINER function: nobody's temporary table stands in for one of ours."""
    schema = op.get_bind().execute(text("SELECT quote_ident(current_schema())")).scalar_one()
    return f"pg_catalog, {schema}, pg_temp"


def _create_sqlite() -> None:
    refuse = f"BEGIN SELECT RAISE(ABORT, '{WORDS}'); END"
    for table in ("audit_entries", "audit_checkpoints"):
        op.execute(f"CREATE TRIGGER {table}_never_change BEFORE UPDATE ON {table} {refuse}")
        op.execute(
            f"CREATE TRIGGER {table}_never_replaced BEFORE INSERT ON {table} WHEN EXISTS (SELECT 1 FROM {table}"
            f" WHERE id = NEW.id OR (chain = NEW.chain AND sequence = NEW.sequence)) {refuse}"
        )
    op.execute(
        "CREATE TRIGGER audit_entries_stay BEFORE DELETE ON audit_entries WHEN NOT EXISTS"
        " (SELECT 1 FROM audit_checkpoints WHERE chain = OLD.chain AND sequence >= OLD.sequence)"
        f" {refuse}"
    )
    op.execute(f"CREATE TRIGGER audit_checkpoints_stay BEFORE DELETE ON audit_checkpoints {refuse}")


def _create_postgresql() -> None:
    raised = f"RAISE EXCEPTION '{WORDS}' USING ERRCODE = 'restrict_violation';"
    op.execute(f"CREATE FUNCTION refuse_audit_change() RETURNS trigger LANGUAGE plpgsql AS $$ BEGIN {raised} END $$")
    op.execute(
        "CREATE FUNCTION refuse_unpruned_audit_delete() RETURNS trigger LANGUAGE plpgsql SECURITY DEFINER"
        f" SET search_path = {search_path()} AS $$ BEGIN"
        " IF EXISTS (SELECT 1 FROM audit_checkpoints WHERE chain = OLD.chain AND sequence >= OLD.sequence)"
        f" THEN RETURN OLD; END IF; {raised} END $$"
    )
    for table in ("audit_entries", "audit_checkpoints"):
        op.execute(
            f"CREATE TRIGGER {table}_never_change BEFORE UPDATE ON {table} FOR EACH ROW"
            " EXECUTE FUNCTION refuse_audit_change()"
        )
        op.execute(
            f"CREATE TRIGGER {table}_never_truncated BEFORE TRUNCATE ON {table} FOR EACH STATEMENT"
            " EXECUTE FUNCTION refuse_audit_change()"
        )
    op.execute(
        "CREATE TRIGGER audit_entries_stay BEFORE DELETE ON audit_entries FOR EACH ROW"
        " EXECUTE FUNCTION refuse_unpruned_audit_delete()"
    )
    op.execute(
        "CREATE TRIGGER audit_checkpoints_stay BEFORE DELETE ON audit_checkpoints FOR EACH ROW"
        " EXECUTE FUNCTION refuse_audit_change()"
    )
