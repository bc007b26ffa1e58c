"""`python -m atlas_tui`: the same as `atlas-tui`, for who must choose the interpreter's options, as sshd's line does with `-I`."""

from __future__ import annotations

from atlas_tui.cli import main

if __name__ == "__main__":
    raise SystemExit(main())
