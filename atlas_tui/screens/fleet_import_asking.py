"""Asking for the file of an import, and reading it: before the preview.

Promise: a file is read in a worker thread, by the account that started the program, and never for a session that a key was forced into:
there the account is not the person's. Nothing is written.

Must not know: how the preview looks.
"""

from __future__ import annotations

import os
import stat
from collections.abc import Mapping
from dataclasses import dataclass, replace
from pathlib import Path
from typing import TYPE_CHECKING, Final

from atlas_tui import keyboard
from atlas_tui.links import Link, View
from atlas_tui.widgets.ask_lines import Asked, AskLines
from atlas_tui.widgets.form_field import read_list
from storage import allowance, fleet_import
from storage.capabilities import Capability
from storage.errors import AtlasError, Forbidden, InvalidInput
from storage.fleet_import import Plan
from storage.fleet_sheet import COLUMNS, MAX_BYTES
from storage.tenant_fields import read_tags

if TYPE_CHECKING:
    from atlas_tui.app import AtlasApp
    from atlas_tui.session import Session

_LONGEST: Final = 4096
"""Bytes of a path that Linux takes (PATH_MAX)."""

_SENTENCES: Final = (
    "A CSV or JSON file, such as Partner Center, Lighthouse or `atlas-tui tenant export` write it. "
    f"Columns: {', '.join(COLUMNS)}; those it has are recognised by their header.",
    "A preview says what each row would do. Nothing is written before you confirm it.",
)


@dataclass(frozen=True, slots=True)
class Source:
    """What is imported.

    Attributes:
        path: The file.
        tags: Tags for every tenant that is created or updated.
    """

    path: Path
    tags: tuple[str, ...] = ()

    def tagged(self, tags: tuple[str, ...]) -> Source:
        """The same with other tags."""
        return replace(self, tags=tags)


def ask_for_file(atlas: AtlasApp, path: str = "") -> None:
    """Ask for a file, or take the one that was named, and go to its preview; or say why not.

    Args:
        atlas: The app.
        path: The file, when it was named.
    """
    session, where = atlas.session, atlas.session.workspace.workspace_id

    def check() -> str:
        return allowance.allowance(session.db, session.who, Capability.PROVIDER_MANAGE, where).refusal

    def begin(refusal: str) -> None:
        if refusal:
            atlas.flash(refusal, "warn")
        elif path:
            go({"path": path, "tags": ""})
        else:
            ask({"path": "", "tags": ""})

    def ask(texts: Mapping[str, str], problem: str = "") -> None:
        sentences = (problem,) if problem else _SENTENCES
        fields = (
            Asked("path", "File", texts["path"], hint="/path/to/fleet.csv", check=read_path),
            Asked("tags", "Extra tags", texts["tags"], hint="optional, separated by commas", check=read_extra_tags),
        )
        atlas.push_screen(AskLines("Import tenants from a file", sentences, fields, confirm_label="Preview"), go)

    def go(texts: Mapping[str, str] | None) -> None:
        if texts is None:
            return

        def unread(error: AtlasError) -> None:
            if isinstance(error, InvalidInput):
                # What was typed survives, and the whole sentence is seen: the flash line would cut it.
                atlas.clear_notice()
                ask(texts, str(error))
            else:
                failed(error)

        try:
            source = Source(read_path(texts["path"]), read_extra_tags(texts["tags"]))
        except InvalidInput as error:
            unread(error)
            return
        atlas.flash(f"reading {source.path.name}...")
        atlas.ask("import", lambda: read_plan(session, source), lambda plan: show(source, plan), unread)

    def show(source: Source, plan: Plan) -> None:
        from atlas_tui.screens.fleet_import import FleetImportScreen

        if atlas.session.workspace.workspace_id != plan.workspace_id:
            return
        atlas.clear_notice()
        page = atlas.navigation.of(View.FLEET_IMPORT)
        if isinstance(page, FleetImportScreen):
            page.take(source, plan)
            atlas.navigation.go(Link(View.FLEET_IMPORT))

    def failed(error: AtlasError) -> None:
        atlas.flash(str(error), "bad")

    try:
        forbid_over_ssh()
    except Forbidden as error:
        failed(error)
        return
    atlas.ask("import", check, begin, failed)


def forbid_over_ssh() -> None:
    """Refuse a file for somebody who came in through a forced command.

    Raises:
        Forbidden: They did: the file would be the service account's.
    """
    if keyboard.is_confined():
        raise Forbidden(
            "A fleet cannot be read from a file over this connection: the files here are not yours.",
            "Add tenants one by one here (N), or have a member with an account on that host run `atlas-tui tenant import FILE`.",
        )


def read_path(text: str) -> Path:
    """Reads a path; `~` is one's home.

    Raises:
        InvalidInput: It is none.
    """
    if not text.strip() or len(text.encode()) > _LONGEST:
        raise InvalidInput("file", "is not named", "Write its path.")
    try:
        return Path(text.strip()).expanduser()
    except RuntimeError:
        raise InvalidInput("file", "is in the home of nobody", "Write the whole path.") from None


def read_extra_tags(text: str) -> tuple[str, ...]:
    """Reads the extra tags.

    Raises:
        InvalidInput: One cannot be used.
    """
    return read_tags(read_list(text))


def read_plan(session: Session, source: Source) -> Plan:
    """Read a file and say what importing it would do. Blocks; not for the event loop.

    Raises:
        Forbidden: No file may be read over this connection, or nothing imported.
        InvalidInput: The file cannot be read, or is no fleet.
    """
    forbid_over_ssh()
    sheet = fleet_import.read(_read_file(source.path))
    return fleet_import.preview(session.db, session.who, session.workspace.workspace_id, sheet, add_tags=source.tags)


def _read_file(path: Path) -> bytes:
    """Reads at most one byte more than may be; a pipe or a device would be waited for without end."""
    try:
        handle = os.open(path, os.O_RDONLY | os.O_NONBLOCK | os.O_CLOEXEC)
        with os.fdopen(handle, "rb") as file:
            if not stat.S_ISREG(os.fstat(file.fileno()).st_mode):
                raise InvalidInput("file", f"is no ordinary file: {path}", "Save it as a CSV file first.")
            return file.read(MAX_BYTES + 1)
    except (OSError, ValueError) as error:
        why = error.strerror if isinstance(error, OSError) else "no such name"
        raise InvalidInput("file", f"cannot be read ({why}): {path}", "Check its name and its owner.") from None
