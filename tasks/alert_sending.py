"""Sending one alert to one address, through Apprise: the only module that knows Apprise.

Promise: an address is used and forgotten; neither it nor what a service answered reaches a log, an error or a representation. Nothing is
attached, nobody else's picture is shown, no file of this host is read, no program is run and no redirect is followed: the address is
checked once more against the list of what is taken (`storage.alert_addresses`), as Apprise understands it. A text is as long as the
service takes it. A message carries its number: as `Message-ID` and `X-Atlas-Delivery` of a mail, as header and field of a webhook, as the
key of services that keep incidents (`alert_incidents`), and in the text everywhere. Every wait has an end.
"""

from __future__ import annotations

import logging
import re
import smtplib
from collections.abc import Callable, Mapping
from email.message import Message as Mail
from email.parser import Parser
from typing import Any, Final

from apprise import Apprise, AppriseAsset, NotifyFormat, NotifyType
from apprise.common import OverflowMode, PersistentStoreMode
from apprise.plugins import url_to_dict
from apprise.plugins.custom_form import NotifyForm
from apprise.plugins.custom_json import NotifyJSON
from apprise.plugins.email import NotifyEmail
from apprise.plugins.email.smtp import AppriseSMTPController
from apprise.plugins.pagerduty import NotifyPagerDuty
from apprise.plugins.workflows import NotifyWorkflows

from storage.alert_addresses import SERVICES, read_address
from storage.errors import AtlasError, InvalidInput
from tasks.alert_incidents import events, keeps_incidents
from tasks.alert_message import Level, Words

CONNECT_TIMEOUT: Final = 10.0
READ_TIMEOUT: Final = 20.0
_TEAMS_MOST: Final = 16_000
"""Characters; Teams takes 28 KB with the card around them, Apprise assumes much less.

Source: https://learn.microsoft.com/microsoftteams/platform/webhooks-and-connectors/how-to/add-incoming-webhook
"""

HEADER: Final = "X-Atlas-Delivery"

UNUSABLE: Final = "alert_channel_unusable"
REFUSED: Final = "alert_channel_refused"
UNREACHABLE: Final = "alert_channel_unreachable"

_KINDS: Final = {
    Level.BAD: NotifyType.FAILURE,
    Level.WARNING: NotifyType.WARNING,
    Level.GOOD: NotifyType.SUCCESS,
    Level.INFO: NotifyType.INFO,
}
_AROUND_TITLE: Final = 12
"""What Apprise puts around a title that stands above the text, at most: `<b>`, `</b>` and ends of lines."""

_MARKED: Final = re.compile(r"[!-/:-@\[-`{-~]")
_WRITTEN_OUT: Final = re.compile(r"[\s&<>'\"]")
_LENGTHS: Final[Mapping[NotifyFormat, Callable[[str], int]]] = {
    NotifyFormat.TEXT: len,
    NotifyFormat.MARKDOWN: lambda text: len(text) + len(_MARKED.findall(text)),
    NotifyFormat.HTML: lambda text: len(text) + 5 * len(_WRITTEN_OUT.findall(text)),
}
"""How long a text is once Apprise has made it what a service wants, which is plain text where it takes that."""

_STATUS: Final = re.compile(r"error=(\d{3})\b")


class NotSent(AtlasError):
    """The message did not arrive.

    Attributes:
        reason_code: why, one of the `alert_channel_…` reasons.
    """

    def __init__(self, reason_code: str) -> None:
        super().__init__("The alert was not sent.")
        self.reason_code = reason_code


def silence() -> None:
    """Keeps what Apprise and its libraries say out of every log: their lines can hold addresses and answers."""
    for name in ("apprise", "requests", "urllib3"):
        logger = logging.getLogger(name)
        logger.handlers = [logging.NullHandler()]
        logger.propagate = False
        logger.setLevel(logging.WARNING)


def send(address: str, words: Words, message_id: str) -> str | None:
    """Sends a message.

    Args:
        address: the channel's whole address, a secret.
        words: what to say.
        message_id: the message's number.

    Returns:
        None when it arrived; why not everywhere, when some recipients of a mail took it and the server refused the others for good.

    Raises:
        NotSent: it did not arrive, as far as can be known.
    """
    silence()
    channel = _open(address)
    _number(channel, words, message_id)
    sender = Apprise(asset=channel.asset)
    sender.add(channel)
    statuses = _Statuses()
    logger = logging.getLogger("apprise")
    logger.addHandler(statuses)
    try:
        kind = read_address(address).kind
        rounds = events(channel, kind, words, message_id) if keeps_incidents(kind) else iter((None,))
        title, body = _fitting(channel, words)
        arrived = all(
            sender.notify(body=body, title=title, notify_type=_KINDS[words.level], body_format=NotifyFormat.TEXT)
            for _ in rounds
        )
    except Exception:  # whatever a plugin raises may hold the address: only that it failed leaves here
        arrived = False
    finally:
        logger.removeHandler(statuses)
    if not arrived:
        raise NotSent(getattr(channel, "failure", None) or statuses.reason)
    return REFUSED if getattr(channel, "is_partial", False) else None


class _Statuses(logging.Handler):
    """Picks the HTTP status out of what Apprise says about a failure, and nothing else."""

    def __init__(self) -> None:
        super().__init__()
        self.reason = UNREACHABLE

    def emit(self, record: logging.LogRecord) -> None:
        found = _STATUS.search(record.getMessage())
        if found is not None:
            status = int(found.group(1))
            self.reason = REFUSED if 300 <= status < 500 and status not in (408, 425, 429) else UNREACHABLE


class _Smtp(AppriseSMTPController):
    """Apprise's connection to a mail server, which also tells a refusal for good from trouble that may pass.

    Attributes:
        refused: so many recipients the server will never take: a permanent answer, 5yz (RFC 5321, section 4.2.1).
        failed: so many that another try may reach.
    """

    refused = 0
    failed = 0

    def sendmail(self, from_addr: str, to_addrs: list[str], message: str) -> bool:
        """Sends one mail. Returns whether any of its recipients took it."""
        socket: Any = self._socket
        codes: list[int]
        try:
            codes = [code for code, _ in socket.sendmail(from_addr, to_addrs, message).values()]
        except smtplib.SMTPRecipientsRefused as error:
            codes = [code for code, _ in error.recipients.values()]
        except smtplib.SMTPResponseException as error:
            codes = [error.smtp_code] * len(to_addrs)
        except (smtplib.SMTPException, OSError, UnicodeError):
            codes = [0] * len(to_addrs)
        refused = sum(code >= 500 for code in codes)
        self.refused += refused
        self.failed += len(codes) - refused
        return len(codes) < len(to_addrs)


class _Mail(NotifyEmail):  # type: ignore[no-untyped-call]
    """Apprise's e-mail, with a number of our own and a reason when it fails.

    Attributes:
        is_partial: some recipients took it and the server refused the others for good: another try would only reach the former again.
    """

    message_id = ""
    failure = UNREACHABLE
    is_partial = False

    def send(
        self,
        body: str,
        title: str = "",
        notify_type: Any = None,
        attach: Any = None,
        body_format: Any = None,
        **kwargs: Any,
    ) -> bool:
        """Sends one mail to each recipient. Apprise gives every try another Message-ID; ours stays the same."""
        host = re.sub(r"[^A-Za-z0-9.-]", "", self.smtp_host or self.host or "") or "atlas.invalid"
        smtp = _Smtp(
            host=self.smtp_host,
            port=self.port,  # type: ignore[arg-type]
            secure_mode=self.secure_mode or "insecure",
            user=self.user,
            password=self.password,
            verify_certificate=self.verify_certificate,
            socket_connect_timeout=self.socket_connect_timeout,
        )
        try:
            with smtp:
                mails = NotifyEmail.prepare_emails(
                    subject=title,
                    body=body,
                    notify_format=NotifyFormat.TEXT,
                    from_addr=self.from_addr,
                    to=self.targets,
                    cc=self.cc,
                    bcc=self.bcc,
                    reply_to=self.reply_to,
                    smtp_host=host,
                    headers={HEADER: self.message_id, "Auto-Submitted": "auto-generated"},
                    names=self.names,
                    tzinfo=self.tzinfo,
                )
                arrived = [
                    smtp.sendmail(
                        str(self.from_addr[1]), mail.to_addrs, _with_number(str(mail.body), self.message_id, host)
                    )
                    for mail in mails
                ]
        except smtplib.SMTPAuthenticationError:
            self.failure = REFUSED
            return False
        if smtp.refused and not smtp.failed:
            self.failure, self.is_partial = REFUSED, any(arrived)
        return any(arrived) and not smtp.failed


def _with_number(text: str, message_id: str, host: str) -> str:
    mail: Mail = Parser().parsestr(text)
    del mail["Message-ID"]
    mail["Message-ID"] = f"<{message_id}@{host}>"
    return mail.as_string()


def _open(address: str) -> Any:
    """Makes Apprise's channel of an address.

    Raises:
        NotSent: it is not one that is taken.
    """
    try:
        known = read_address(address)
    except InvalidInput:
        raise NotSent(UNUSABLE) from None
    parts = url_to_dict(address)  # type: ignore[no-untyped-call]
    service = SERVICES[known.kind]
    if parts is None or parts.get("schema") != known.kind:
        raise NotSent(UNUSABLE)
    for name in parts.get("qsd", {}):
        is_extra = service.takes_extras and name[:1] in "+-:"
        if name not in service.parameters and not is_extra:
            raise NotSent(UNUSABLE)
    asset = AppriseAsset(
        app_id="Atlas TUI",
        app_desc="Atlas TUI",
        app_url="",
        image_url_mask="",
        image_url_logo="",
        async_mode=False,
        http_redirects=False,
        storage_mode=PersistentStoreMode.MEMORY,
        pgp_autogen=False,
        pem_autogen=False,
    )
    channel: Any
    try:
        if known.kind in ("mailto", "mailtos"):
            channel = _Mail(**parts, asset=asset)  # type: ignore[no-untyped-call]
        else:
            channel = Apprise.instantiate(parts, asset=asset, suppress_exceptions=True)
    except Exception:  # what a plugin says about an address may hold the address
        channel = None
    if channel is None:
        raise NotSent(UNUSABLE)
    channel.socket_connect_timeout, channel.socket_read_timeout = CONNECT_TIMEOUT, READ_TIMEOUT
    return channel


def _number(channel: Any, words: Words, message_id: str) -> None:
    """Puts the message's number wherever the service can use it to drop a repeat."""
    if isinstance(channel, _Mail):
        channel.message_id = message_id
    elif isinstance(channel, NotifyJSON):
        channel.headers[HEADER] = message_id
        channel.payload_extras |= words.data
    elif isinstance(channel, NotifyForm):
        channel.headers[HEADER] = message_id
        channel.payload_extras |= {"delivery_id": message_id}
    elif isinstance(channel, NotifyPagerDuty):
        channel.details |= {"text": words.text, **words.data}
        channel.source = words.data["workspace"] or "Atlas TUI"


def _fitting(channel: Any, words: Words) -> tuple[str, str]:
    """Title and text as a service takes them: what is too long would be refused by it, and never arrive."""
    if isinstance(channel, NotifyPagerDuty):
        return "", words.subject  # the summary; the text is among its details
    if isinstance(channel, NotifyWorkflows):
        channel.body_maxlen = _TEAMS_MOST
    channel.overflow_mode = OverflowMode.TRUNCATE  # the last resort: what stands there is made to fit
    formats = channel.notify_format if isinstance(channel.notify_format, tuple) else (channel.notify_format,)
    length = _LENGTHS[NotifyFormat.TEXT if NotifyFormat.TEXT in formats else formats[0]]
    room: int = channel.body_maxlen
    if channel.title_maxlen <= 0:
        room -= length(words.subject) + _AROUND_TITLE
    return words.subject, words.fitting(room, length)
