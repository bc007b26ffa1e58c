"""What the portal looks like: documents, tables and forms.

Promise: small accessible HTML (language, title, one heading, labels, captions, AA contrast in both colour schemes) without scripts or
anything from elsewhere; every text from outside is escaped here, and :class:`Html` is the only thing that is not.
Must not know: tenants.
"""

from __future__ import annotations

import base64
import hashlib
import html
from collections.abc import Iterable, Sequence

STYLE = (
    ":root{color-scheme:light dark;--line:#8a8f98;--accent:#0b5394;--soft:#f1f3f6;--warn:#6b3d00;--warnback:#fff3d6}"
    "@media (prefers-color-scheme:dark){:root{--line:#7d8590;--accent:#8ab8f0;--soft:#22272e;--warn:#ffe0a3;--warnback:#453200}}"
    "body{margin:0;font:1rem/1.5 system-ui,sans-serif}"
    ".simulation{background:var(--warnback);color:var(--warn);padding:.4rem 1.5rem;font-weight:600}"
    "header,main{max-width:64rem;margin:0 auto;padding:0 1.5rem}header nav{padding:.8rem 0;border-bottom:1px solid var(--line)}"
    "main{padding-bottom:4rem}h1{font-size:1.6rem;line-height:1.25}h2{font-size:1.2rem;margin-top:2.2rem}"
    "a{color:var(--accent)}:focus-visible{outline:3px solid var(--accent);outline-offset:2px}"
    "table{border-collapse:collapse;width:100%;margin:.5rem 0 1rem}"
    # The heading above says the same to the eye; a screen reader lists tables by their captions.
    "caption{position:absolute;width:1px;height:1px;overflow:hidden;clip-path:inset(50%);white-space:nowrap}"
    "th,td{text-align:left;padding:.4rem .6rem .4rem 0;border-bottom:1px solid var(--line);vertical-align:top;overflow-wrap:break-word}"
    "code,dd,textarea{font-family:ui-monospace,monospace}code,dd{overflow-wrap:anywhere}"
    "dl{display:grid;grid-template-columns:max-content 1fr;gap:.2rem 1.2rem}dt{font-weight:600}dd{margin:0}"
    "form{margin:.4rem 0}label{display:block;font-weight:600;margin:.6rem 0 .2rem}"
    "input,select,textarea{font-size:1rem;padding:.35rem .5rem;max-width:100%;box-sizing:border-box}"
    "input[type=text],input[type=search],input[type=password],textarea{width:36rem}"
    "button{font:inherit;padding:.4rem .9rem;margin:.4rem .4rem .4rem 0;border:1px solid var(--accent);border-radius:3px;"
    "background:var(--soft);color:var(--accent);cursor:pointer}td form,td button{margin:0}"
    "textarea+button{display:block}input+button,select+button{margin-left:.6rem}"
    ".once,.said{border-left:4px solid var(--accent);background:var(--soft);padding:.6rem 1rem;margin:1rem 0}"
    ".refused{border-left-color:var(--warn)}.skip{position:absolute;left:-99rem}.skip:focus{position:static}"
)
STYLE_HASH = "sha256-" + base64.b64encode(hashlib.sha256(STYLE.encode()).digest()).decode()
"""What the content security policy allows: this style and nothing else."""


class Html(str):
    """Text that is HTML already."""

    __slots__ = ()


def text(content: object) -> Html:
    """Escape a text, unless it is HTML already."""
    return content if isinstance(content, Html) else Html(html.escape(str(content)))


def tag(name: str, /, *content: object, **attributes: object) -> Html:
    """Return an element; ``None`` leaves an attribute out, an underscore at an attribute's end is dropped."""
    named = "".join(
        f' {key.rstrip("_").replace("_", "-")}="{html.escape(str(value))}"'
        for key, value in attributes.items()
        if value is not None
    )
    return Html(f"<{name}{named}>{''.join(map(text, content))}</{name}>")


def link(address: str, content: object) -> Html:
    """Return a link."""
    return tag("a", content, href=address)


def table(caption: str, headings: Sequence[str], rows: Iterable[Sequence[object]]) -> Html:
    """Return a table, or the sentence that there is nothing; the first cell of a row names it."""
    body = [
        tag("tr", tag("th", row[0], scope="row"), *(tag("td", cell) for cell in row[1:])) for row in rows
    ]  # fmt: skip
    if not body:
        return tag("p", f"{caption}: none.")
    head = tag("tr", *(tag("th", heading, scope="col") for heading in headings))
    return tag("table", tag("caption", caption), tag("thead", head), tag("tbody", *body))


def facts(pairs: Iterable[tuple[str, object]]) -> Html:
    """Return a list of names and values."""
    return tag("dl", *(part for name, value in pairs for part in (tag("dt", name), tag("dd", value))))


def form(action: str, button: str, *content: object, about: str = "", upload: bool = False, **hidden: str) -> Html:
    """Return a form with one button.

    Args:
        action: where it is posted.
        button: what the button says.
        content: labelled fields.
        about: what the button is about, for people who do not see where it stands.
        upload: it carries a file.
        hidden: fields with fixed values.
    """
    fixed = [Html(f'<input type="hidden" name="{text(name)}" value="{text(value)}">') for name, value in hidden.items()]
    label = f"{button} {about}" if about else None
    return tag(
        "form", *fixed, *content, tag("button", button, type="submit", aria_label=label), method="post", action=action,
        enctype="multipart/form-data" if upload else None,
    )  # fmt: skip


def field(label: str, name: str, *, kind: str = "text", value: str = "", **attributes: str) -> Html:
    """Return a labelled input."""
    named = "".join(f' {key}="{text(content)}"' for key, content in attributes.items())
    control = Html(f'<input type="{kind}" name="{name}" id="{name}" value="{text(value)}"{named}>')
    return Html(tag("label", label, for_=name) + control)


def area(label: str, name: str, *, rows: int, value: str = "") -> Html:
    """Return a labelled text of several lines."""
    return Html(
        tag("label", label, for_=name) + tag("textarea", value, name=name, id=name, rows=rows, spellcheck="false")
    )


def choice(label: str, name: str, options: Iterable[tuple[str, str]], chosen: str) -> Html:
    """Return a labelled choice."""
    items = (
        tag("option", shown, value=value, selected="selected" if value == chosen else None) for value, shown in options
    )
    return Html(tag("label", label, for_=name) + tag("select", *items, name=name, id=name))


def document(title: str, *content: object, trail: Sequence[tuple[str, str]] = ()) -> bytes:
    """Return a whole page.

    Args:
        title: its heading.
        content: what it says.
        trail: the pages above it, as addresses and names.
    """
    above = Html(" / ").join(link(address, name) for address, name in trail)
    nav = tag("nav", Html(above) if trail else "Entra admin centre", aria_label="Where you are")
    return (
        '<!DOCTYPE html><html lang="en"><head><meta charset="utf-8">'
        '<meta name="viewport" content="width=device-width, initial-scale=1">'
        f"<title>{text(title)} - simulated Entra admin centre</title><style>{STYLE}</style></head><body>"
        '<a class="skip" href="#content">Skip to content</a>'
        '<div class="simulation" role="note">Simulation: a local imitation of the Entra admin centre. Nothing here reaches Microsoft.</div>'
        f'<header>{nav}</header><main id="content"><h1>{text(title)}</h1>{"".join(map(text, content))}</main></body></html>'
    ).encode()
