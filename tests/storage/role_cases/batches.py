"""Role table: bulk starts. A batch is seen by whoever started it and by those who see the whole workspace."""

from __future__ import annotations

from typing import Any

from storage import batch_ending, batch_previews, batch_starting, batches
from storage.batch_selection import Selection
from storage.connection_filters import ConnectionQuery
from storage.operations import CONNECTION_CHECK
from storage.pages import Place

RUN = "provider.run"


def _contoso(fleet: Any) -> Selection:
    return Selection.named(fleet.north, [fleet.connection["contoso"]])


def _batch(fleet: Any) -> int:
    everything = Selection.found(ConnectionQuery(fleet.north))
    return batch_starting.create(fleet.db, fleet.people["otto"], CONNECTION_CHECK, everything)


def _cancelled_batch(fleet: Any) -> int:
    batch_id = _batch(fleet)
    batch_ending.cancel_rest(fleet.db, fleet.people["otto"], batch_id)
    while batch_ending.go_on(fleet.db, batch_id):
        pass
    return batch_id


CASES = {
    "batch_previews.preview": (
        "provider.view",
        "contoso",
        lambda f, who, _: list(batch_previews.preview(f.db, who, CONNECTION_CHECK, _contoso(f))),
    ),
    "batch_starting.create": (
        RUN,
        "contoso",
        lambda f, who, _: batch_starting.create(f.db, who, CONNECTION_CHECK, _contoso(f)),
    ),
    "batch_starting.retry_failed": (
        RUN,
        "whole",
        lambda f, who, batch_id: batch_starting.retry_failed(f.db, who, batch_id),
        _cancelled_batch,
    ),
    "batch_ending.cancel_rest": (
        RUN,
        "whole",
        lambda f, who, batch_id: batch_ending.cancel_rest(f.db, who, batch_id),
        _batch,
    ),
    "batches.status": ("run.view", "whole", lambda f, who, batch_id: batches.status(f.db, who, batch_id), _batch),
    "batches.page": (
        "run.view",
        "entrance",
        lambda f, who, _: batches.page(f.db, who, f.north, "", Place.first()),
        _batch,
    ),
}
