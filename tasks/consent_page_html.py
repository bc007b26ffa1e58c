"""What the consent callback page shows: one small page for each outcome.

Promise: accessible HTML (language, title, one heading, landmarks, AA contrast in both colour schemes) without scripts, images or anything
from elsewhere. No page names a customer, a tenant or a connection, and nothing of the request is ever written into one.
"""

from __future__ import annotations

import base64
import hashlib
import html
from dataclasses import dataclass
from types import MappingProxyType
from typing import Final

from storage.consent_answers import PublicResult
from storage.consent_verdicts import AnswerOutcome

STYLE: Final = (
    ":root{color-scheme:light dark}"
    "body{margin:0;font:1.125rem/1.6 system-ui,sans-serif;background:#ffffff;color:#1b1f24}"
    "main{max-width:36rem;margin:0 auto;padding:4rem 1.5rem 2rem}"
    "h1{font-size:1.75rem;line-height:1.25;margin:0 0 1rem}"
    "footer{max-width:36rem;margin:0 auto;padding:0 1.5rem 2rem;color:#4d5560;font-size:1rem}"
    "@media (prefers-color-scheme:dark){body{background:#14171a;color:#e8eaed}footer{color:#b4bac2}}"
)
STYLE_HASH: Final = "sha256-" + base64.b64encode(hashlib.sha256(STYLE.encode()).digest()).decode()
"""What the content security policy allows: this style and nothing else."""


@dataclass(frozen=True, slots=True)
class Page:
    """One page.

    Attributes:
        name: for the log.
        status: the HTTP status.
        title: heading and window title.
        paragraphs: what it says.
    """

    name: str
    status: int
    title: str
    paragraphs: tuple[str, ...]

    def body(self) -> bytes:
        """Returns the document."""
        said = "".join(f"<p>{html.escape(text)}</p>" for text in self.paragraphs)
        title = html.escape(self.title)
        return (
            '<!DOCTYPE html><html lang="en"><head><meta charset="utf-8">'
            '<meta name="viewport" content="width=device-width, initial-scale=1">'
            f"<title>{title} - Application consent</title><style>{STYLE}</style></head>"
            f"<body><main><h1>{title}</h1>{said}</main>"
            "<footer><p>Application consent. This page sets no cookies and runs no scripts.</p></footer></body></html>"
        ).encode()


_CLOSE: Final = "You can close this window."
_CONTACT: Final = "If you did not expect this, tell the people who sent you the link."

GRANTED: Final = Page(
    "granted",
    200,
    "Thank you, the consent is recorded",
    ("We now check what Microsoft granted. The people who sent you the link see the result.", _CLOSE),
)
ALREADY_RECORDED: Final = Page(
    "already_recorded", 200, "This consent is already recorded", ("There is nothing left to do.", _CLOSE)
)
DECLINED: Final = Page(
    "declined",
    200,
    "The consent was declined",
    (
        "Nothing was granted. Microsoft told us that the request was cancelled.",
        "If that was a mistake, open the same link again and choose Accept.",
    ),
)
ADMIN_REQUIRED: Final = Page(
    "admin_required",
    200,
    "An administrator has to approve this",
    (
        "Your account may not consent for the whole organization. A Global Administrator or Privileged Role Administrator can.",
        "Please hand the link to one of them. A request sent from Microsoft's page does not approve anything by itself.",
    ),
)
WRONG_ACCOUNT: Final = Page(
    "wrong_account",
    200,
    "That account belongs to another organization",
    (
        "Nothing was granted.",
        "Open the same link again in a private window and sign in with an administrator's account.",
    ),
)
WRONG_TENANT: Final = Page(
    "wrong_tenant",
    409,
    "Another organization answered",
    (
        "The link is for one organization, and the answer names another one. Nothing was recorded.",
        "If you consented in the wrong organization, remove the application there, under Enterprise applications.",
        "Then open the same link again with an administrator's account of the right organization.",
    ),
)
EXPIRED: Final = Page(
    "expired",
    410,
    "This link has expired",
    (
        "The answer came after the link's last day, so it was not recorded.",
        "If you did consent, we will see it: a check was started. Otherwise ask for a new link.",
    ),
)
NO_LONGER_VALID: Final = Page(
    "no_longer_valid",
    410,
    "This link is no longer valid",
    ("It was answered or withdrawn before. Please ask for a new link if consent is still wanted.", _CONTACT),
)
UNKNOWN: Final = Page("unknown", 404, "We do not know this link", ("Please ask for a new link.", _CONTACT))
UNREADABLE: Final = Page(
    "unreadable",
    400,
    "This answer cannot be read",
    ("The address is incomplete or contradicts itself. Open the link from the mail again.",),
)
NOT_GRANTED: Final = Page(
    "not_granted",
    200,
    "The consent was not given",
    (
        "Microsoft refused it. The people who sent you the link see the reason and will get back to you.",
        _CLOSE,
    ),
)
TRY_LATER: Final = Page(
    "try_later",
    200,
    "Microsoft's sign-in is not available at the moment",
    ("Nothing was recorded. Please open the same link again later.",),
)
NOTHING_HERE: Final = Page(
    "nothing_here", 404, "There is nothing here", ("This address only takes answers of Microsoft.",)
)
WRONG_METHOD: Final = Page(
    "wrong_method", 405, "There is nothing here", ("This address only takes answers of Microsoft.",)
)
TOO_LONG: Final = Page("too_long", 414, "This address is too long", ("It is no answer of Microsoft's.",))
TOO_MANY: Final = Page("too_many", 429, "Too many unknown links", ("Please try again in a minute.",))
BUSY: Final = Page(
    "busy",
    503,
    "We cannot record your answer at this moment",
    ("Your consent at Microsoft stands. Please reload this page in a minute.",),
)
FAULT: Final = Page(
    "fault",
    500,
    "Something went wrong here",
    ("Your answer to Microsoft stands. Please reload this page in a minute.",),
)

_OF_REASON: Final = MappingProxyType(
    {
        "consent_declined": DECLINED,
        "consent_admin_required": ADMIN_REQUIRED,
        "consent_required": ADMIN_REQUIRED,
        "consent_wrong_account": WRONG_ACCOUNT,
        "identity_service_unavailable": TRY_LATER,
    }
)
_OF_OUTCOME: Final = MappingProxyType(
    {
        AnswerOutcome.GRANTED: GRANTED,
        AnswerOutcome.ALREADY_RECORDED: ALREADY_RECORDED,
        AnswerOutcome.WRONG_TENANT: WRONG_TENANT,
        AnswerOutcome.EXPIRED: EXPIRED,
        AnswerOutcome.USED: NO_LONGER_VALID,
        AnswerOutcome.REVOKED: NO_LONGER_VALID,
        AnswerOutcome.UNKNOWN: UNKNOWN,
    }
)


def page_of(result: PublicResult) -> Page:
    """Returns the page for what became of an answer."""
    if result.outcome is AnswerOutcome.NOT_GRANTED:
        return _OF_REASON.get(result.reason_code or "", NOT_GRANTED)
    return _OF_OUTCOME[result.outcome]
