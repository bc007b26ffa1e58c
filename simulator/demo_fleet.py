"""The demo fleet."""

from datetime import datetime


def demo_fleet(size: int, seed: int, anchor: datetime) -> list[dict[str, object]]:
    return []
