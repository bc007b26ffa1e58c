"""What is sent to the portal: forms with and without a file, certificates, and lists of permissions.

Promise: a form of a browser becomes texts and files, byte for byte; a wrong one is refused with a sentence.
Must not know: tenants or pages.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass, field
from email.message import Message
from typing import Any
from urllib.parse import parse_qsl

import msgspec
from cryptography import x509
from cryptography.hazmat.primitives.serialization import Encoding
from starlette.requests import Request

from simulator.fleet import FleetError
from simulator.model import GRAPH_APP_ID
from simulator.permissions import permission_of

MAX_BODY = 256 * 1024
_PERMISSION = re.compile(r"^[A-Za-z0-9-]+(\.[A-Za-z0-9-]+)+$")


@dataclass(slots=True)
class Form:
    """A form that was sent: ``fields`` by name, and the content of ``files``."""

    fields: dict[str, str] = field(default_factory=dict)
    files: dict[str, bytes] = field(default_factory=dict)

    def __getitem__(self, name: str) -> str:
        """Return a field without surrounding space; empty when it was not sent."""
        return self.fields.get(name, "").strip()


async def read_form(request: Request) -> Form:
    """Read a form.

    Raises:
        FleetError: it is too large, or no form.
    """
    body = b""
    async for chunk in request.stream():
        body += chunk
        if len(body) > MAX_BODY:
            raise FleetError(f"What was sent is larger than {MAX_BODY // 1024} KiB.")
    kind = _header(request.headers.get("content-type", ""))
    if kind.get_content_type() == "multipart/form-data":
        return _parts(body, str(kind.get_param("boundary", "")))
    try:
        return Form(dict(parse_qsl(body.decode(), keep_blank_values=True, strict_parsing=bool(body))))
    except ValueError:
        raise FleetError("What was sent is no form.") from None


def _header(value: str, name: str = "Content-Type") -> Message:
    found = Message()
    found[name] = value
    return found


def _parts(body: bytes, boundary: str) -> Form:
    """Source: RFC 7578. Not through a mail parser: that changes the line ends of a binary file."""
    if not boundary:
        raise FleetError("What was sent is no form.")
    form, mark = Form(), b"\r\n--" + boundary.encode()
    for part in (b"\r\n" + body).split(mark)[1:-1]:
        head, found, content = part.removeprefix(b"\r\n").partition(b"\r\n\r\n")
        disposition = next(
            (line for line in head.decode("utf-8", "replace").split("\r\n") if line.lower().startswith("content-disposition:")), ""
        )  # fmt: skip
        named = _header(disposition.partition(":")[2].strip(), "Content-Disposition")
        name = named.get_param("name", header="content-disposition")
        if not found or not isinstance(name, str):
            raise FleetError("What was sent is no form.")
        if named.get_param("filename", header="content-disposition") is None:
            form.fields[name] = content.decode("utf-8", "replace")
        else:
            form.files[name] = content
    return form


def read_certificate(content: bytes) -> str:
    """Read a certificate, PEM or DER (.cer, .crt, .pem), and return it as PEM.

    Raises:
        FleetError: it is none, or holds a private key, which Entra does not want and nobody should send.
    """
    if b"PRIVATE KEY" in content:
        raise FleetError("The file holds a private key. Upload the public certificate alone.")
    try:
        read = x509.load_pem_x509_certificate if b"-----BEGIN" in content else x509.load_der_x509_certificate
        return read(content).public_bytes(Encoding.PEM).decode()
    except ValueError:
        raise FleetError("The file is not a certificate (.cer, .crt or .pem).") from None


def read_permissions(given: str) -> list[str]:
    """Read application permissions of Graph: names in any layout, or an app manifest's ``requiredResourceAccess``.

    Raises:
        FleetError: naming what is no application permission.
    """
    if given.startswith(("{", "[")):
        return _from_manifest(given)
    names = [name for name in re.split(r"[\s,;]+", given) if name]
    wrong = [name for name in names if not _PERMISSION.match(name)]
    if wrong or not names:
        raise FleetError(f"{(wrong or ['Nothing'])[0]!r} is not a permission such as Organization.Read.All.")
    return list(dict.fromkeys(names))


def _from_manifest(given: str) -> list[str]:
    try:
        document: Any = msgspec.json.decode(given)
    except msgspec.DecodeError:
        raise FleetError("The manifest is not JSON.") from None
    resources = document.get("requiredResourceAccess") if isinstance(document, Mapping) else document
    if not isinstance(resources, list) or not all(isinstance(entry, Mapping) for entry in resources):
        raise FleetError('The manifest has no list "requiredResourceAccess".')
    names = []
    for resource in resources:
        accesses = resource.get("resourceAccess")
        if resource.get("resourceAppId") != GRAPH_APP_ID or not isinstance(accesses, list):
            raise FleetError("Only permissions of Microsoft Graph are known here.")
        for access in accesses:
            wanted = access if isinstance(access, Mapping) else {}
            name = permission_of(str(wanted.get("id", "")))
            if wanted.get("type") != "Role" or name is None:
                raise FleetError(
                    f"{wanted.get('id')!r} ({wanted.get('type')}) is not an application permission known here."
                )
            names.append(name)
    if not names:
        raise FleetError("The manifest asks for no permission.")
    return list(dict.fromkeys(names))
