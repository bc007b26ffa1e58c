"""Going to what was collected: `:inventory @contoso kind:mobile_apps`, `:compliance`, `:roles @contoso`, `:directory`.

Promise: a name that fits no tenant, or several, is said; nothing else is opened instead.

Must not know: what the pages show.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import TYPE_CHECKING, Any, Final

from atlas_tui.links import Link, View, to_compliance_of, to_directory_of, to_inventory, to_roles_of

if TYPE_CHECKING:
    from atlas_tui.app import AtlasApp
    from storage.tenants import TenantRow

_OF_A_TENANT: Final = frozenset({View.TENANT, View.TENANT_COMPLIANCE, View.TENANT_ROLES, View.TENANT_DIRECTORY})
_PAGES: Final[dict[str, Callable[[int], Link]]] = {
    "compliance": to_compliance_of,
    "roles": to_roles_of,
    "directory": to_directory_of,
}
_LISTS: Final = {"compliance": View.COMPLIANCE, "roles": View.ROLES}

Tenant = tuple[int, str]


def open_collected(atlas: AtlasApp, word: str, argument: str = "") -> None:
    """Go to what was collected.

    Args:
        atlas: The app.
        word: `inventory`, `compliance`, `roles` or `directory`.
        argument: `@` and a tenant, and what a list shall be filtered by.
    """
    if argument.startswith("@"):
        name, rest = _split(argument[1:], of_a_list=word == "inventory")
        find_tenant(atlas, name, lambda row: atlas.navigation.go(_link(word, (row.id, row.name), rest)))
    elif word in _LISTS:
        atlas.navigation.go(Link(_LISTS[word], filter=argument))
    elif (tenant := tenant_in_sight(atlas)) is not None:
        atlas.navigation.go(_link(word, tenant, argument))
    elif word == "inventory":
        atlas.navigation.go(to_inventory(filter=argument))
    else:
        atlas.flash(f"Of which tenant? :{word} @contoso", "warn")


def _link(word: str, tenant: Tenant, rest: str) -> Link:
    if word == "inventory":
        return to_inventory(tenant_id=tenant[0], title=tenant[1], filter=rest)
    return _PAGES[word](tenant[0])


def _split(text: str, *, of_a_list: bool) -> tuple[str, str]:
    """A tenant's name and what stands behind it: in quotes, else one word; where no filter can follow, all of it."""
    if text.startswith('"'):
        name, _, rest = text[1:].partition('"')
        return name.strip(), rest.strip()
    if not of_a_list:
        return text.strip(), ""
    name, _, rest = text.partition(" ")
    return name, rest.strip()


def tenant_in_sight(atlas: AtlasApp) -> Tenant | None:
    """The tenant that the screen is about: its page's, its connection's, or the pinned one."""
    screen: Any = atlas.seen
    read = getattr(screen, "read", None)
    if screen is not None and read is not None:
        if screen.VIEW is View.CONNECTION:
            return read.detail.row.tenant_id, read.detail.row.tenant_name
        if screen.VIEW in _OF_A_TENANT:
            row: TenantRow = read.tenant if screen.VIEW is View.TENANT else read.collector.tenant
            return row.id, row.name
    return atlas.navigation.pin


def find_tenant(atlas: AtlasApp, name: str, then: Callable[[TenantRow], None]) -> None:
    """Find the tenant that is meant, and go on with it.

    Args:
        atlas: The app.
        name: Its number, name, domain or tenant id.
        then: What is done with it.
    """
    session = atlas.session

    def work() -> TenantRow:
        from storage import tenant_search

        return tenant_search.find_by_name(session.db, session.who, session.workspace.workspace_id, name)

    atlas.ask("find tenant", work, then, lambda error: atlas.flash(str(error), "bad"))
