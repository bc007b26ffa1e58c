"""Headless commands about consent: links, answers, evidence."""

from __future__ import annotations

import argparse
import os
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import timedelta
from pathlib import Path
from typing import Final, TextIO

from atlas_tui.headless import exit_codes
from atlas_tui.headless.opening import Opened, opened
from atlas_tui.headless.output import moment, write_json, write_line, write_table
from storage import connections, consent_answers, consent_evidence, consent_history, consent_requests, consent_texts
from storage.consent_reading import MAX_ANSWER
from storage.consent_requests import ConsentLink
from storage.consent_verdicts import AnswerOutcome, ConsentResult
from storage.errors import InvalidInput

_DONE: Final = (AnswerOutcome.GRANTED, AnswerOutcome.ALREADY_RECORDED)


def make_link(options: argparse.Namespace) -> int:
    """`atlas-tui consent link CONNECTION`."""
    # The file comes first: one that cannot be written must not cost a link, which is shown once.
    with _new_file(options.file) as file, opened(options.config, options.workspace) as here:
        link = consent_requests.request(
            here.db,
            here.who,
            _connection(here, options.connection),
            redirect_uri=options.redirect_uri,
            valid_for=timedelta(days=options.valid_days),
            clouds=here.settings.clouds,
            ticket=options.ticket,
        )
        if file is not None:
            _write_message(file, link)
    if options.json:
        write_json(link)
        return exit_codes.OK
    write_line(link.url)
    write_line()
    write_line(f"link           no. {link.request_id}, valid until {moment(link.expires_at)}; it is not shown again")
    write_line(f"tenant         {link.tenant_name}, {link.entra_tenant_id}")
    write_line(f"application    {link.app_name}, client id {link.client_id}")
    write_line(f"who opens it   {link.roles_needed}")
    write_line(f"redirect URI   {link.redirect_uri} must be registered with the application, exactly so")
    if link.is_pasted_back:
        write_line(
            "answer         the browser ends on an error page, which is expected; paste its address: atlas-tui consent answer -"
        )
    else:
        write_line(f"answer         the consent page takes it: atlas-tui consent requests {link.connection_id}")
    if link.portal_first:
        write_line(f"or             granted in the portal: atlas-tui check {link.connection_id}")
    if options.file is not None:
        write_line(f"mail           written to {options.file}")
    if options.qr:
        _draw(link.url)
    return exit_codes.OK


def take_answer(options: argparse.Namespace) -> int:
    """`atlas-tui consent answer [CONNECTION] ADDRESS`."""
    if len(options.given) > 2:
        raise InvalidInput("address", "was given in several pieces", "Put it in quotes: the shell reads & and ?.")
    address = options.given[-1]
    if address == "-":
        address = sys.stdin.read(MAX_ANSWER + 1)
    with opened(options.config, options.workspace) as here:
        connection = _connection(here, options.given[0]) if len(options.given) == 2 else None
        result = consent_answers.answer(here.db, here.who, address, connection_id=connection, ticket=options.ticket)
    if options.json:
        write_json(result)
    else:
        _tell(result)
    return exit_codes.OK if result.outcome in _DONE else exit_codes.BLOCKED


def list_requests(options: argparse.Namespace) -> int:
    """`atlas-tui consent requests CONNECTION`."""
    with opened(options.config, options.workspace) as here:
        found = consent_history.requests(here.db, here.who, _connection(here, options.connection))
    if options.json:
        write_json(found)
        return exit_codes.OK
    write_table(
        ("LINK", "STATUS", "MADE", "BY", "VALID UNTIL", "ANSWERED", "ANSWER"),
        [
            (
                str(link.id),
                link.status.value,
                moment(link.created_at),
                link.created_by or "-",
                moment(link.expires_at),
                moment(link.answered_at),
                "-" if link.answered_at is None else link.answer_reason_code or "granted",
            )
            for link in found
        ],
    )
    return exit_codes.OK


def revoke_link(options: argparse.Namespace) -> int:
    """`atlas-tui consent revoke-link ID`."""
    with opened(options.config, options.workspace) as here:
        link = consent_requests.revoke_request(here.db, here.who, options.link, ticket=options.ticket)
    if options.json:
        write_json(link)
    else:
        write_line(
            f"Link {link.id} is revoked: an answer to it is refused. A consent that was given stands at Microsoft."
        )
    return exit_codes.OK


def show_evidence(options: argparse.Namespace) -> int:
    """`atlas-tui consent evidence CONNECTION`."""
    with opened(options.config, options.workspace) as here:
        card = consent_evidence.evidence(here.db, here.who, _connection(here, options.connection))
    if options.json:
        write_json(card)
        return exit_codes.OK
    for line in consent_texts.card_text(card).splitlines():
        write_line(line)
    return exit_codes.OK


def _connection(here: Opened, text: str) -> int:
    return connections.find_by_name(here.db, here.who, here.workspace.workspace_id, text).id


@contextmanager
def _new_file(path: Path | None) -> Iterator[TextIO | None]:
    """Opens a file of its own that nobody else can read, since whoever has the link may answer it; removed when nothing comes of it."""
    if path is None:
        yield None
        return
    try:
        handle = os.open(path, os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_NOFOLLOW, 0o600)
    except FileExistsError:
        raise InvalidInput(
            "--file", f"{path} exists already", "Name a new file: a link is never shown twice."
        ) from None
    except OSError as error:
        raise InvalidInput("--file", f"{path} cannot be written ({error.strerror})", "No link was made.") from None
    try:
        with os.fdopen(handle, "w", encoding="utf-8") as file:
            yield file
    except BaseException:
        path.unlink(missing_ok=True)
        raise


def _write_message(file: TextIO, link: ConsentLink) -> None:
    try:
        file.write(consent_texts.message_text(link))
        file.flush()
    except OSError as error:
        raise InvalidInput(
            "--file",
            f"cannot be written ({error.strerror}); link {link.request_id} was made and is lost",
            f"Revoke it: atlas-tui consent revoke-link {link.request_id}",
        ) from None


def _draw(text: str) -> None:
    from atlas_tui import qr

    encoding = (sys.stdout.encoding or "ascii").lower().replace("-", "")
    write_line()
    # Only blocks and spaces of ours: nothing from outside is in these lines.
    sys.stdout.write("".join(f"{line}\n" for line in qr.render(text, ascii=not encoding.startswith("utf"))))


def _tell(result: ConsentResult) -> None:
    code = "recorded" if result.reason_code is None else result.reason_code
    write_line(f"{result.outcome.value} ({code}): {result.sentence}")
    if result.tenant_name:
        write_line(f"tenant         {result.tenant_name}, {result.expected_tenant_id}")
    if result.outcome is AnswerOutcome.WRONG_TENANT:
        write_line(f"answered by    {result.answered_tenant_id or 'no tenant was named'}")
    if result.provider_code:
        write_line(f"Microsoft      {result.provider_code}, correlation id {result.correlation_id or 'none'}")
    if result.check_run_id is not None:
        write_line(f"check          #{result.check_run_id}")
    write_line(f"next step      {result.next_step}")
