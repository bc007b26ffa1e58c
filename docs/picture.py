"""Draws docs/connections.svg: the dashboard on a demo's database. `python docs/picture.py DEMO-DIRECTORY`, while `atlas-tui demo` runs."""

from __future__ import annotations

import asyncio
import re
import sys
from pathlib import Path

from atlas_tui.app import AtlasApp
from atlas_tui.session import open_session
from storage import configuration

SIZE = (100, 26)


async def draw(directory: Path) -> str:
    """Opens the dashboard without a terminal, sorts by reason, and returns the picture."""
    settings = configuration.load(directory / configuration.FILE_NAME)
    app = AtlasApp(lambda: open_session(settings, "north-msp"), theme_name="atlas-dark")
    async with app.run_test(size=SIZE) as pilot:
        for key in ("", "2", "o", "o", "o", "o", "o", "O", "g", "down", "down", "down"):
            if key:
                await pilot.press(key)
            for _ in range(10):
                await pilot.pause(0.1)
        return app.export_screenshot(title="Atlas TUI")


def main() -> int:
    """Writes the picture, without the web fonts that the exporter links to."""
    picture = asyncio.run(draw(Path(sys.argv[1])))
    picture = re.sub(r"@font-face \{.*?\}\s*", "", picture, flags=re.DOTALL)
    Path(__file__).with_name("connections.svg").write_text(picture, encoding="utf-8")
    return 0


if __name__ == "__main__":
    sys.exit(main())
