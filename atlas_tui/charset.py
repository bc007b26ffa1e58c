"""Whether the terminal can surely show more than ASCII: pictures made of characters ask before they use block and box characters.

Must not know: what is drawn.
"""

from __future__ import annotations

from collections.abc import Mapping

_COERCED = "C.UTF-8"
_PLAIN = ("", "C", "POSIX")


def shows_blocks(environ: Mapping[str, str]) -> bool:
    """Says whether block characters may be used.

    The locale decides, as it does for other programs: `LC_ALL`, else `LC_CTYPE`, else `LANG` names UTF-8. `LC_CTYPE=C.UTF-8` beside no
    other locale is what Python itself sets for a plain C locale (PEP 538), so it tells nothing of the terminal. The Linux console has
    a font of 512 characters at most, without these.

    Args:
        environ: The environment, usually `os.environ`.
    """
    if environ.get("TERM", "") in ("linux", "dumb"):
        return False
    everything, kind, language = (environ.get(name, "") for name in ("LC_ALL", "LC_CTYPE", "LANG"))
    if not everything and kind == _COERCED and language in _PLAIN:
        return False
    named = everything or kind or language
    return named.lower().replace("-", "").endswith("utf8") or ".utf8@" in named.lower().replace("-", "")
