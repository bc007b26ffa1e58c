"""Certificates of the credential form: reading one from a file of this machine, and handing out the public half of one made here.

Promise: only a regular file of at most 1 MiB is read, and never waited for; of a certificate made here nothing but the public half is
written, before anything is stored, and it is taken back when storing fails.

Must not know: fields, screens.
"""

from __future__ import annotations

import os
import stat
from collections.abc import Callable
from datetime import UTC, datetime
from pathlib import Path
from typing import TYPE_CHECKING, Final

from atlas_tui.credential_words import upload_lines
from atlas_tui.exporting import exports_directory, write_export
from atlas_tui.screens.credential_holder import Holder
from atlas_tui.screens.form_definition import Handout
from storage import certificate_making
from storage.credential_material import Material
from storage.credentials import CredentialInfo
from storage.errors import Forbidden, InvalidInput
from storage.states import CredentialSlot

if TYPE_CHECKING:
    from atlas_tui.session import Session

LARGEST: Final = 1024 * 1024


def read_certificate_file(name: str, path: str) -> bytes:
    """Reads a file that holds a certificate or a key. Blocks; not for the event loop.

    Args:
        name: What the field is called.
        path: Where it is; `~` is the person's home.

    Raises:
        InvalidInput: It cannot be read, is no file, or is larger than 1 MiB.
    """
    try:
        # Not blocking: a pipe that nobody writes to would hold the form for ever.
        handle = os.open(os.path.expanduser(path), os.O_RDONLY | os.O_NONBLOCK | os.O_CLOEXEC)
        with os.fdopen(handle, "rb") as file:
            facts = os.fstat(file.fileno())
            if not stat.S_ISREG(facts.st_mode):
                raise InvalidInput(name, "is not a file", "Give the path of a PEM or PFX file.")
            if facts.st_size > LARGEST:
                raise InvalidInput(name, "is larger than 1 MiB", "Give the certificate's own file.")
            return file.read(LARGEST + 1)
    except (OSError, ValueError) as error:
        why = getattr(error, "strerror", None) or "not a path"
        raise InvalidInput(name, f"cannot be read ({why})", "Give the path of a PEM or PFX file.") from None


def make_one_here(
    session: Session, holder: Holder, days: int, store: Callable[[Material], CredentialInfo]
) -> tuple[CredentialInfo, Handout]:
    """Makes a key and its certificate, writes the public half into the directory of exports, and stores both. Blocks.

    Args:
        session: Who asks.
        holder: Whose credential it becomes.
        days: How long it is valid.
        store: Seals and stores it.

    Returns:
        What is stored, and what is to be uploaded.

    Raises:
        AtlasError: It was refused; nothing is left behind.
    """
    now = datetime.now(UTC)
    made = certificate_making.make(f"Atlas TUI {holder.name}", now=now, days=days)
    try:
        directory = exports_directory(session.state_directory, session.who.via)
    except Forbidden:
        path: Path | None = None
    else:
        path = write_export(directory, f"certificate-{holder.name}", "pem", [made.certificate_pem.encode("ascii")], now)
    try:
        info = store(made.material)
    except BaseException:
        if path is not None:
            path.unlink(missing_ok=True)  # a certificate whose key is nowhere must not reach the portal
        raise
    return info, _handout(holder, info, made, path)


def _handout(
    holder: Holder, info: CredentialInfo, made: certificate_making.MadeCertificate, path: Path | None
) -> Handout:
    upload = upload_lines(holder.client_id, str(path) if path is not None else "certificate.pem")
    texts = [(f"Upload: {how}", line) for how, line in upload.items()]
    if path is not None:
        texts.insert(0, ("The public certificate is in", str(path)))
    texts.append(("The public certificate itself", made.certificate_pem))
    where = "is in the file below" if path is not None else f"is in no file, over SSH: copy it with {len(texts)}"
    in_use = info.slot is CredentialSlot.ACTIVE
    sentences = (
        f"The private key is sealed here and nowhere else. The public certificate {where}.",
        f"SHA-1 {made.thumbprint} (as the portal shows it)",
        f"SHA-256 {made.sha256}",
        f"Valid until {made.expires_at:%Y-%m-%d %H:%M}Z. Upload it in one of these ways, then verify (x).",
        *(("It is used at once: until it is uploaded, sign-in fails.",) if in_use else ()),
    )
    return Handout(f"Certificate for {holder.name}, {info.slot.value}", sentences, tuple(texts))
