"""The worker's rhythm: how long, how often. One value, so that tests can give it a faster one."""

from __future__ import annotations

from dataclasses import dataclass

from storage import alert_queue
from storage.dispatching import HINT_AGAIN_AFTER
from storage.leases import LEASE


@dataclass(frozen=True, slots=True)
class Timing:
    """All in seconds.

    Attributes:
        lease: how long a claim or a beat holds a run; a run not confirmed for longer is not ours any more.
        beat: how often leases are extended.
        early_beat: how soon after the last beat the next one may come when the change feed says that runs changed (a cancel).
        alert_lease: how long nobody else sends an alert that a worker has taken.
        ping: how often a sign of life is given, where one is asked for.
        sweep: how often dead workers' runs and waiting ones are looked after.
        feed: how often the change feed is asked; that costs microseconds.
        look_anyway: how often the runs are looked at without news, since a run's time can come without anybody writing.
        hint: how long a hint counts as being on its way.
        progress: how soon progress of one run is written again.
        long_wait: a wait longer than this gives the thread back.
        grace: how long running operations may go on after a stop was asked.
        last_words: how long they then have to reach a safe point, before their runs are given back over their heads.
        health: how often it is looked whether the queue's threads are alive.
    """

    lease: float = LEASE.total_seconds()
    beat: float = 5.0
    early_beat: float = 1.0
    alert_lease: float = alert_queue.LEASE.total_seconds()
    ping: float = 60.0
    sweep: float = 2.0
    feed: float = 0.05
    look_anyway: float = 1.0
    hint: float = HINT_AGAIN_AFTER.total_seconds()
    progress: float = 0.25
    long_wait: float = 15.0
    grace: float = 10.0
    last_words: float = 2.0
    health: float = 10.0
