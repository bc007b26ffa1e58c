"""Finding a tenant wherever one may be: over all workspaces the person may enter.

Promise: tenants are found by name, domain, tenant id and tag, within what each membership reaches; drafts and archived ones only with
`archived:yes`. Provider connections are deliberately not found here, by nothing of theirs: a name or a client id of a connection is no
word of its tenant. Every question goes to an index, so that it is quick at a million tenants.
"""

from __future__ import annotations

import re
from collections.abc import Collection, Iterator
from dataclasses import dataclass
from enum import StrEnum
from itertools import product
from typing import Final

from sqlalchemy import ColumnElement, and_, not_, select

from storage import filters
from storage.access import Authority, Principal, authority
from storage.capabilities import Capability
from storage.database import Database, Transaction
from storage.errors import Conflict, InvalidInput, NotFound
from storage.pages import Place
from storage.schema import tags, tenant_tags, tenants, workspaces
from storage.states import Cloud, TenantLifecycle
from storage.tenants import TenantQuery, TenantRow, get, page, rows_by_id

KEYS: Final[dict[str, Collection[str] | None]] = {
    "archived": {"yes"},
    "cloud": set(Cloud),
    "lifecycle": set(TenantLifecycle),
    "tag": None,
}
MAX_HITS: Final = 200
_SHORTEST_ID: Final = 4
"""A word of at least so many hexadecimal digits may be the beginning of a tenant id."""
_ID_BEGINNING: Final = re.compile(
    r"[0-9a-f]{4,8}|[0-9a-f]{8}(-[0-9a-f]{0,4}){1,3}|[0-9a-f]{8}(-[0-9a-f]{4}){3}-[0-9a-f]{0,12}"
)
_MOST_WAYS: Final = 27


class FoundBy(StrEnum):
    """What of a tenant fitted, the most telling first."""

    TENANT_ID = "tenant id"
    NAME = "name"
    DOMAIN = "domain"
    TAG = "tag"


@dataclass(frozen=True, slots=True)
class Hit:
    """A tenant that was found.

    Attributes:
        workspace: the short name of its workspace.
        by: what fitted.
    """

    tenant: TenantRow
    workspace: str
    workspace_name: str
    by: FoundBy


@dataclass(frozen=True, slots=True)
class Hits:
    """What a search found.

    Attributes:
        hits: the best first: by tenant id, then names that begin with what was typed, then the others by name.
        has_more: there are more than these.
    """

    hits: tuple[Hit, ...]
    has_more: bool


def search(db: Database, who: Principal, text: str, *, workspace_id: int | None = None, limit: int = 20) -> Hits:
    """Finds tenants.

    Args:
        db: the database.
        who: who asks; somebody without any membership finds nothing.
        text: words, all of which must fit, and `tag:`, `cloud:`, `lifecycle:`, `archived:yes`, as in the filter line; drafts and
            archived ones are found only with `archived:yes`, also when `lifecycle:` names them. Blank finds nothing.
        workspace_id: only there; everywhere the principal may enter when None.
        limit: hits at most.

    Raises:
        InvalidInput: the text cannot be read.
        NotFound: the principal may not enter the workspace.
    """
    wanted = filters.read_filter(text, KEYS)
    limit = max(1, min(limit, MAX_HITS))
    with db.read() as tx:
        rights = authority(tx, who)
        if workspace_id is not None and not rights.may_enter(workspace_id):
            raise NotFound(f"Workspace {workspace_id} does not exist.")
        if wanted.is_empty:
            return Hits((), False)
        places = sorted(rights.entered()) if workspace_id is None else [workspace_id]
        ids: dict[int, None] = {}
        for place in places:
            ids |= dict.fromkeys(_find(tx, rights, place, wanted, limit + 1))
        names = {
            row.id: row
            for row in tx.run(
                select(workspaces.c.id, workspaces.c.slug, workspaces.c.name).where(workspaces.c.id.in_(places))
            )
        }
        hits = [
            Hit(row, names[row.workspace_id].slug, names[row.workspace_id].name, _found_by(row, wanted.words))
            for row in rows_by_id(tx, list(ids))
        ]
    hits.sort(key=lambda hit: _rank(hit, wanted.words))
    return Hits(tuple(hits[:limit]), len(hits) > limit)


def find_by_name(db: Database, who: Principal, workspace_id: int, text: str) -> TenantRow:
    """Finds the one tenant that a person means: by number, name, domain, tenant id, or a part of the name. Archived ones are found too.

    Raises:
        InvalidInput: it is blank, which would fit every tenant (an unset variable in a script).
        NotFound: nothing fits, or the principal is no member.
        Conflict: several fit; the hint names some.
    """
    if not text.replace('"', " ").strip():
        raise InvalidInput("tenant", "is blank", "Name it: number, name, domain or tenant id.")
    if text.isascii() and text.isdigit():
        if len(text) > 18:
            raise NotFound("Nothing has a number that large.")
        row = get(db, who, int(text))
        if row.workspace_id == workspace_id:
            return row
        raise NotFound(f"There is no tenant {text} in this workspace.")
    quoted = text.replace('"', " ")
    found = page(db, who, TenantQuery(workspace_id, f'"{quoted}" archived:yes'), Place.first(), 10).rows
    exact = [row for row in found if text.casefold() in (row.name.casefold(), row.entra_tenant_id, row.primary_domain)]
    candidates = exact or list(found)
    if not candidates:
        raise NotFound(f"No tenant fits {quoted[:80]!r}.", "See `atlas-tui tenants`.")
    if len(candidates) > 1:
        names = ", ".join(f"{row.id} {row.name}" for row in candidates[:5])
        raise Conflict(f"{len(candidates)} tenants fit {quoted[:80]!r}.", f"Name one by its number: {names}.")
    return candidates[0]


def _find(tx: Transaction, rights: Authority, workspace_id: int, wanted: filters.Filter, limit: int) -> list[int]:
    """Returns ids of one workspace: names that begin with the first word first, so that they are not cut off by the limit."""
    common = [
        tenants.c.workspace_id == workspace_id,
        rights.tenant_clause(workspace_id, Capability.TENANT_VIEW, tenants.c.id),
        *_narrowed(workspace_id, wanted),
        *(not_(tenants.c.sort_name.like(filters.like(word), escape="\\")) for word in wanted.not_words),
    ]
    found: dict[int, None] = {}
    for conditions in _ways(tx, workspace_id, wanted.words):
        statement = select(tenants.c.id).where(*common, *conditions).order_by(tenants.c.sort_name, tenants.c.id)
        found |= dict.fromkeys(tx.run(statement.limit(limit)).scalars())
    return list(found)


def _ways(tx: Transaction, workspace_id: int, words: tuple[str, ...]) -> Iterator[list[ColumnElement[bool]]]:
    """Each way in which the words can fit, as conditions of its own: an OR over columns would use the index of none."""
    if not words:
        yield []
        return
    first = words[0]
    yield [
        tenants.c.sort_name >= first,
        tenants.c.sort_name < first + "\U0010fffd",
        *(tenants.c.sort_name.like(filters.like(word), escape="\\") for word in words),
    ]
    alternatives = [_alternatives(tx, workspace_id, word) for word in words]
    while len(alternatives) > 1 and _size(alternatives) > _MOST_WAYS:
        # So many words fit in so few tenants that what they do together is found by name.
        alternatives[max(range(len(alternatives)), key=lambda i: len(alternatives[i]))][1:] = []
    for way in product(*alternatives):
        yield list(way)


def _size(alternatives: list[list[ColumnElement[bool]]]) -> int:
    size = 1
    for options in alternatives:
        size *= len(options)
    return size


def _alternatives(tx: Transaction, workspace_id: int, word: str) -> list[ColumnElement[bool]]:
    options: list[ColumnElement[bool]] = [tenants.c.sort_name.like(filters.like(word), escape="\\")]
    if _may_begin_an_id(word):
        # No other character of an id sorts behind "g", in any collation, so these are the ids that begin with the word.
        options.append(and_(tenants.c.entra_tenant_id >= word, tenants.c.entra_tenant_id < word + "g"))
    tag_ids = tx.run(
        select(tags.c.id).where(
            tags.c.workspace_id == workspace_id, tags.c.name.like(filters.like(word)[1:], escape="\\")
        )
    ).scalars()
    known = tag_ids.all()
    if known:
        tagged = select(tenant_tags.c.tenant_id).where(tenant_tags.c.tag_id.in_(known))
        options.append(tenants.c.id.in_(tagged))
    return options


def _may_begin_an_id(word: str) -> bool:
    return len(word) >= _SHORTEST_ID and _ID_BEGINNING.fullmatch(word) is not None


def _narrowed(workspace_id: int, wanted: filters.Filter) -> list[ColumnElement[bool]]:
    conditions = [_matches(workspace_id, key, values) for key, values in wanted.values.items() if key != "archived"]
    conditions += [
        ~_matches(workspace_id, key, values) for key, values in wanted.not_values.items() if key != "archived"
    ]
    # Unlike in the list, `lifecycle:` alone does not widen: a search goes over everything, and meets a draft only when that was said.
    if "archived" not in wanted.values:
        conditions.append(tenants.c.lifecycle.in_([TenantLifecycle.ONBOARDING.value, TenantLifecycle.ACTIVE.value]))
    return conditions


def _matches(workspace_id: int, key: str, values: tuple[str, ...]) -> ColumnElement[bool]:
    if key == "tag":
        return tenants.c.id.in_(
            select(tenant_tags.c.tenant_id)
            .join(tags, tags.c.id == tenant_tags.c.tag_id)
            .where(tags.c.name.in_(values), tags.c.workspace_id == workspace_id)
        )
    return {"lifecycle": tenants.c.lifecycle, "cloud": tenants.c.cloud}[key].in_(values)


def _found_by(row: TenantRow, words: tuple[str, ...]) -> FoundBy:
    for word in words:
        if _may_begin_an_id(word) and row.entra_tenant_id.startswith(word):
            return FoundBy.TENANT_ID
    if any(word in filters.fold(row.name) for word in words):
        return FoundBy.NAME
    if any(word in (row.primary_domain or "") for word in words):
        return FoundBy.DOMAIN
    return FoundBy.TAG


def _rank(hit: Hit, words: tuple[str, ...]) -> tuple[int, int, str, int]:
    name = filters.fold(hit.tenant.name)
    first = words[0] if words else ""
    by_id = 0 if hit.by is FoundBy.TENANT_ID else 1
    start = 0 if name == " ".join(words) else 1 if first and name.startswith(first) else 2
    return by_id, start if hit.by is not FoundBy.TAG else 3, name, hit.tenant.id
