"""The form for a new credential of a dedicated connection or a platform app: a client secret, a certificate, or one that is made here.

Promise: a secret, a passphrase and a pasted key are in their fields until they are sealed, and nowhere else; what cannot work at Microsoft
is refused while it is typed, without showing it. A certificate's thumbprints and validity are shown before it is stored, and what was
shown is what is stored. Over a forced SSH command no file of this host is read or written.

Must not know: how a form looks; how anything is sealed.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import replace
from datetime import UTC, datetime
from typing import TYPE_CHECKING, Final

from atlas_tui import keyboard
from atlas_tui.cells import Line
from atlas_tui.links import Link, to_connection, to_platform_app
from atlas_tui.screens.credential_certificates import make_one_here, read_certificate_file
from atlas_tui.screens.credential_holder import Holder, read_holder
from atlas_tui.screens.form_definition import Filled, Form, Handout, Loaded, LookedUp, Saved
from atlas_tui.screens.form_fields import guid_field, named
from atlas_tui.screens.prose import Times, field
from atlas_tui.widgets.form_field import Field, Kind, Option, optional
from atlas_tui.widgets.form_state import Remark
from storage import credential_material, credential_previews, credentials
from storage.certificate_making import LONGEST_DAYS
from storage.credential_material import Material
from storage.credentials import CredentialInfo
from storage.errors import Conflict, InvalidInput
from storage.fields import read_end, read_guid
from storage.states import CredentialOwner, CredentialSlot, Topic

if TYPE_CHECKING:
    from atlas_tui.session import Session

SECRET: Final = "secret"  # noqa: S105  (the kind, not a password)
FILES: Final = "files"
PASTED: Final = "pasted"
MADE_HERE: Final = "made_here"

_UNKNOWN_END: Final = "Unknown expiry: nobody is warned before it ends. The portal shows the date beside the secret."


def _when(*methods: str) -> Callable[[Mapping[str, str]], bool]:
    return lambda texts: texts["method"] in methods


def _read_end(text: str) -> datetime:
    return read_end("expiry date", text, datetime.now(UTC))


def _show_end(value: datetime | None) -> str:
    return "" if value is None else f"{value:%Y-%m-%d}"


def _read_days(text: str) -> int:
    if not (text.isascii() and text.isdigit() and 1 <= int(text[:6]) <= LONGEST_DAYS):
        raise InvalidInput(
            "valid days", f"must be from 1 to {LONGEST_DAYS}", "Short lives are safer: rotate more often."
        )
    return int(text)


def _check_secret(text: str) -> str:
    credential_material.from_secret(text)
    return ""


def _method_field(is_confined: bool) -> Field:
    options = (
        Option(SECRET, "client secret", "its value, from the portal"),
        *(() if is_confined else (Option(FILES, "certificate file", "PEM or PFX on this machine"),)),
        Option(PASTED, "pasted certificate", "PEM text, with its private key"),
        Option(MADE_HERE, "made here", "the private key never leaves"),
    )
    return Field(
        "method", "Kind", Kind.CHOICE, options=options, hint="What Microsoft shall know it by. Left, right or space."
    )


_FIELDS: Final = (
    Field(
        "secret",
        "Secret value",
        Kind.SECRET,
        read=_check_secret,
        hint="The Value column of the portal's client secret, not its ID. It is not shown.",
        is_required=True,
        shown_when=_when(SECRET),
        also_called=("client secret",),
    ),
    replace(
        guid_field("key_id", "Secret ID", "key id", "Optional: the Secret ID column, to tell two secrets apart."),
        read=optional(named(read_guid, "key id")),
        shown_when=_when(SECRET),
    ),
    Field(
        "expires_at",
        "Expires",
        read=optional(_read_end),
        show=_show_end,
        hint="Optional: the day on which the portal says it ends, such as 2027-03-31.",
        shown_when=_when(SECRET),
        also_called=("expiry date",),
    ),
    Field(
        "certificate",
        "Certificate",
        hint="Path of a PEM or PFX file on this machine, at most 1 MiB; it is read when it is saved.",
        is_required=True,
        shown_when=_when(FILES),
        also_called=("PFX",),
    ),
    Field(
        "private_key",
        "Private key",
        hint="Path of the PEM key, when it is not in the certificate's file.",
        shown_when=_when(FILES),
    ),
    Field(
        "pem",
        "PEM text",
        Kind.SECRET,
        hint="Certificate and private key, one after the other, pasted. It is not shown.",
        is_required=True,
        shown_when=_when(PASTED),
        also_called=("certificate", "private key", "PFX"),
    ),
    Field(
        "passphrase",
        "Passphrase",
        Kind.SECRET,
        hint="Only when the private key or the PFX is protected. It is not shown.",
        shown_when=_when(FILES, PASTED),
    ),
    Field(
        "days",
        "Valid days",
        read=_read_days,
        hint=f"From 1 to {LONGEST_DAYS}. The public certificate is for you to upload.",
        is_required=True,
        shown_when=_when(MADE_HERE),
        also_called=("--days", "valid days"),
    ),
)


def new_for_connection(connection_id: int) -> NewCredential:
    """The form for a dedicated connection."""
    return NewCredential(CredentialOwner.CONNECTION, connection_id)


def new_for_app(app_id: int) -> NewCredential:
    """The form for a platform app."""
    return NewCredential(CredentialOwner.PLATFORM_APP, app_id)


class NewCredential(Form):
    """A credential that is not here yet.

    Args:
        owner: A dedicated connection or a platform app.
        owner_id: Which.
    """

    TOPICS = frozenset({Topic.CONNECTIONS})

    def __init__(self, owner: CredentialOwner, owner_id: int) -> None:
        super().__init__(f"credential.{owner.value}", f"{owner.value}:{owner_id}", "New credential")
        self._owner = owner
        self._owner_id = owner_id
        self._shown_key: str | None = None
        """The certificate whose thumbprint was shown before saving."""

    def load(self, session: Session) -> Loaded:
        """What is stored so far, and which ways there are from here."""
        holder = read_holder(session, self._owner, self._owner_id)
        self.title = f"New credential of {holder.name}"
        there = {"method": SECRET, "days": 365}
        fields = (_method_field(is_confined(session)), *_FIELDS)

        def head(times: Times, width: int) -> list[Line]:
            return _head(holder, times, width)

        return Loaded(fields, there, holder.workspace_id, head, holder.manage_refusal)

    def look_up(self, session: Session, filled: Filled) -> LookedUp:
        """Where it goes, and what that does."""
        found = credential_previews.preview_store(session.db, session.who, self._owner, self._owner_id)
        values, sentences = filled.values, list(found.sentences)
        remarks = {}
        method = values.get("method")
        if method == SECRET and not values.get("expires_at"):
            remarks["expires_at"] = Remark(_UNKNOWN_END, "warn")
        if method == MADE_HERE:
            sentences.insert(
                0, "A key is made and sealed here. Sign-in with it fails until you have uploaded its certificate."
            )
        return LookedUp(remarks, tuple(sentences), found.hurts)

    def look_before_saving(self, session: Session, filled: Filled) -> LookedUp:
        """The same; of a certificate also its thumbprints and validity."""
        found = self.look_up(session, replace(filled, secrets={}))
        self._shown_key = None
        if filled.values["method"] not in (FILES, PASTED):
            return found
        material = self._read(session, filled)
        self._shown_key = material.client_key_id
        return replace(found, consequences=(*_facts(material), *found.consequences), hurts=True)

    def save(self, session: Session, filled: Filled) -> Saved:
        """Seal and store it."""
        if session.settings is None:
            raise InvalidInput(
                "public_key", "is not set", "Run `atlas-tui init`, which makes the key and writes it here."
            )
        public_key = session.settings.public_key_bytes()
        values = filled.values

        def store(material: Material) -> CredentialInfo:
            return credentials.store(
                session.db,
                session.who,
                self._owner,
                self._owner_id,
                material,
                public_key,
                expires_at=values.get("expires_at"),
                client_key_id=values.get("key_id") or "",
                ticket=filled.ticket,
            )

        handout: Handout | None = None
        holder = read_holder(session, self._owner, self._owner_id)
        if values["method"] == MADE_HERE:
            info, handout = make_one_here(session, holder, values["days"], store)
        else:
            material = self._read(session, filled)
            if material.client_key_id and material.client_key_id != self._shown_key:
                raise Conflict(
                    "certificate: is another one than a moment ago.", "Look at its thumbprints again, then save."
                )
            info = store(material)
        return Saved(_told(holder, info), self._link(), handout)

    def _read(self, session: Session, filled: Filled) -> Material:
        """What was given, read and checked."""
        values, secrets, now = filled.values, filled.secrets, datetime.now(UTC)
        if values["method"] == SECRET:
            return credential_material.from_secret(secrets.get("secret", ""))
        password = secrets.get("passphrase", "").encode() or None
        if values["method"] == PASTED:
            text = secrets.get("pem", "").encode()
            return credential_material.from_pem(text, text, password, now=now)
        if is_confined(session):
            keyboard.forbid_files("A certificate", "read from")
            raise Conflict("Files of this host are not read in an SSH session.", "Paste the PEM text instead.")
        key = values.get("private_key")
        return credential_material.from_certificate(
            read_certificate_file("certificate", values["certificate"]),
            read_certificate_file("private key", key) if key else None,
            password,
            now=now,
        )

    def _link(self) -> Link:
        if self._owner is CredentialOwner.CONNECTION:
            return to_connection(self._owner_id)
        return to_platform_app(self._owner_id)


def is_confined(session: Session) -> bool:
    """Whether the files of this host are not the person's own."""
    return keyboard.is_confined() or session.who.via == "ssh"


def _head(holder: Holder, times: Times, width: int) -> list[Line]:
    lines = field("For", f"{holder.name} (client id {holder.client_id or 'unknown'})", width)
    for info in holder.credentials:
        end = f"until {info.expires_at:%Y-%m-%d}" if info.expires_at else "unknown expiry"
        lines += field(
            info.slot.value.capitalize(),
            f"{info.kind.value} {info.client_key_id[:36] or 'without a known id'}, {end}",
            width,
        )
    return lines or [()]


def _facts(material: Material) -> tuple[str, ...]:
    """What a certificate can be recognised by."""
    starts_at, expires_at = material.starts_at, material.expires_at
    validity = ""
    if starts_at is not None and expires_at is not None:
        days = (expires_at - datetime.now(UTC)).days
        validity = f"Valid {starts_at:%Y-%m-%d %H:%M}Z to {expires_at:%Y-%m-%d %H:%M}Z ({days} days left)"
    return (
        f"Certificate, SHA-1 thumbprint {material.thumbprint} (as the portal shows it).",
        f"SHA-256 {material.client_key_id}.",
        f"{validity}; its private key belongs to it.",
    )


def _told(holder: Holder, info: CredentialInfo) -> str:
    """What is stored, and how it is tried from the page that comes next."""
    if holder.owner is CredentialOwner.PLATFORM_APP:
        following = "x, v verifies the app with it"
    elif info.slot is CredentialSlot.STAGED:
        following = "on the Credential tab x, v tries it"
    else:
        following = "x, c checks with it"
    return f"The {info.kind.value} for {holder.name} is sealed and {info.slot.value}; {following}."
