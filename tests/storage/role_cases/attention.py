"""Role table: what needs attention, who owns it, what runs out, and the handover of a shift."""

from __future__ import annotations

from datetime import timedelta
from typing import Any

from storage import acknowledgements, acknowledging, attention, attention_members, expiry_horizon, handover
from storage.attention import AttentionQuery, problem_id
from storage.expiry_horizon import HorizonQuery
from storage.pages import Place

VIEW, RUN, CODE = "provider.view", "provider.run", "secret_invalid"


def _contoso(fleet: Any) -> int:
    return int(fleet.connection["contoso"])


def _block(fleet: Any) -> int:
    """Contoso has a problem, which is the problem's number."""
    fleet.set_connection(_contoso(fleet), verification_status="blocked", last_reason_code=CODE)
    return problem_id(CODE, None)


def _block_app(fleet: Any) -> int:
    fleet.set_connection(fleet.connection["wingtip"], verification_status="blocked", last_reason_code=CODE)
    return int(fleet.app)


CASES = {
    "attention.overview": (
        VIEW, "entrance", lambda f, who, _: attention.overview(f.db, who, AttentionQuery(f.north))
    ),
    "attention.page": (
        VIEW, "entrance", lambda f, who, _: attention.page(f.db, who, AttentionQuery(f.north), Place.first())
    ),
    "attention.find": (
        VIEW, "contoso", lambda f, who, id: attention.find(f.db, who, f.north, id), _block
    ),
    "attention_members.page": (
        VIEW, "contoso", lambda f, who, id: attention_members.page(f.db, who, f.north, id, Place.first()), _block
    ),
    "attention_members.read": (
        VIEW,
        "contoso",
        lambda f, who, id: attention_members.read(f.db, who, f.north, id, Place.first()),
        _block,
    ),
    "attention_members.connection_ids": (
        VIEW, "contoso", lambda f, who, id: attention_members.connection_ids(f.db, who, f.north, id), _block
    ),
    "attention_members.acknowledge_problem": (
        RUN, "contoso", lambda f, who, id: attention_members.acknowledge_problem(f.db, who, f.north, id), _block
    ),
    "attention_members.withdraw_problem": (
        RUN, "contoso", lambda f, who, id: attention_members.withdraw_problem(f.db, who, f.north, id), _block
    ),
    "acknowledging.acknowledge": (
        RUN, "contoso", lambda f, who, _: acknowledging.acknowledge(f.db, who, [_contoso(f)], CODE), _block
    ),
    "acknowledging.withdraw": (
        RUN, "contoso", lambda f, who, _: acknowledging.withdraw(f.db, who, [_contoso(f)], CODE), _block
    ),
    "acknowledging.acknowledge_app": (
        RUN, "workspace", lambda f, who, app: acknowledging.acknowledge_app(f.db, who, app, CODE), _block_app
    ),
    "acknowledging.withdraw_app": (
        RUN, "workspace", lambda f, who, app: acknowledging.withdraw_app(f.db, who, app, CODE), _block_app
    ),
    "acknowledgements.page": (
        VIEW, "entrance", lambda f, who, _: acknowledgements.page(f.db, who, f.north, Place.first())
    ),
    "expiry_horizon.page": (
        VIEW, "entrance", lambda f, who, _: expiry_horizon.page(f.db, who, HorizonQuery(f.north), Place.first())
    ),
    "expiry_horizon.counts": (
        VIEW, "entrance", lambda f, who, _: expiry_horizon.counts(f.db, who, HorizonQuery(f.north))
    ),
    "handover.handover": (
        VIEW, "entrance", lambda f, who, _: handover.handover(f.db, who, f.north, timedelta(hours=8))
    ),
}  # fmt: skip

OWN = {"attention.look": "is about the principal's own: tests/storage/test_attention.py"}
