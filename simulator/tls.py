"""A throwaway certificate authority and a server certificate for loopback.

Promise: the directory is private (0700), the authority's key is 0600 and only its public certificate is meant to be given
to clients; a directory that already holds both keeps its authority, so a resumed demo is still trusted.
Must not know: HTTP.
"""

from __future__ import annotations

import errno
import os
import ssl
import stat
from datetime import UTC, datetime, timedelta
from pathlib import Path

import trustme
from cryptography import x509

_PRIVATE = 0o700
_MINIMUM_REMAINING = timedelta(days=30)


def open_authority(directory: Path) -> tuple[trustme.CA, Path]:
    """Reuse the certificate authority in ``directory``, or make a new one there.

    Returns the authority and the path of its public certificate. An unreadable or soon expiring one is replaced.

    Raises:
        OSError: the directory cannot be created or written, or holds files and is open to other accounts.
    """
    directory.mkdir(mode=0o700, parents=True, exist_ok=True)
    if stat.S_IMODE(directory.stat().st_mode) != _PRIVATE:
        if any(directory.iterdir()):
            # Somebody else's directory (/tmp, a home): closing it would do harm, and keys do not belong there.
            raise PermissionError(
                errno.EPERM, "not a private directory: use one of its own, or chmod 700 it", str(directory)
            )
        directory.chmod(_PRIVATE)
    certificate, key = directory / "ca.pem", directory / "ca.key"
    authority = _reuse(certificate, key)
    if authority is None:
        authority = trustme.CA(organization_name="Atlas simulator (throwaway)")
        write_private(key, authority.private_key_pem.bytes())
        write_private(certificate, authority.cert_pem.bytes(), mode=0o644)
    return authority, certificate


def server_context(authority: trustme.CA, host: str = "localhost") -> ssl.SSLContext:
    """Return a TLS server context with a fresh certificate for localhost, 127.0.0.1, ::1 and ``host``."""
    names = dict.fromkeys(("localhost", "127.0.0.1", "::1", host))
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.minimum_version = ssl.TLSVersion.TLSv1_2
    context.set_alpn_protocols(["http/1.1"])
    authority.issue_cert(*names).configure_cert(context)
    return context


def write_private(path: Path, content: bytes, mode: int = 0o600) -> None:
    """Write a file atomically with the given mode; readers see the old content or the new one, never half of it."""
    temporary = path.with_name(f".{path.name}.{os.getpid()}")
    descriptor = os.open(temporary, os.O_WRONLY | os.O_CREAT | os.O_TRUNC, mode)
    with os.fdopen(descriptor, "wb") as file:
        file.write(content)
    temporary.replace(path)


def _reuse(certificate: Path, key: Path) -> trustme.CA | None:
    try:
        cert_pem, key_pem = certificate.read_bytes(), key.read_bytes()
        remaining = x509.load_pem_x509_certificate(cert_pem).not_valid_after_utc - datetime.now(UTC)
        return trustme.CA.from_pem(cert_pem, key_pem) if remaining > _MINIMUM_REMAINING else None
    except (OSError, ValueError, TypeError):
        return None
