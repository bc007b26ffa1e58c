"""Key files: making, reading and protecting the file with the worker's private key.

Promise: a key file is written once, 0400 in a 0700 directory, and never overwritten; one that others may read is refused. It is PKCS#8
PEM, or JSON with the key under a passphrase (Argon2id, then ChaCha20-Poly1305).

Argon2id parameters: RFC 9106, section 4, the second recommended option (64 MiB, 3 passes, 4 lanes).
"""

from __future__ import annotations

import base64
import getpass
import os
import stat
import sys
from collections.abc import Mapping
from pathlib import Path
from typing import Final

import msgspec
from cryptography.exceptions import InvalidTag, UnsupportedAlgorithm
from cryptography.hazmat.primitives.asymmetric.x25519 import X25519PrivateKey
from cryptography.hazmat.primitives.ciphers.aead import ChaCha20Poly1305
from cryptography.hazmat.primitives.kdf.argon2 import Argon2id
from cryptography.hazmat.primitives.serialization import (
    Encoding,
    NoEncryption,
    PrivateFormat,
    load_pem_private_key,
)

from storage.errors import Conflict, InvalidInput, KeyMissing, KeyWrong
from storage.sqlite_file import make_private_directory

PASSPHRASE_CREDENTIAL: Final = "atlas-key-passphrase"  # noqa: S105 - the name, not the value
_LABEL: Final = b"atlas-tui key file 1"
_LARGEST: Final = 64 * 1024


class _Protected(msgspec.Struct, forbid_unknown_fields=True):
    """A key under a passphrase. Bytes are base64 in JSON; memory in KiB."""

    kdf: str
    salt: bytes
    iterations: int
    lanes: int
    memory: int
    nonce: bytes
    key: bytes


def next_path(path: Path) -> Path:
    """Returns where the next key is kept while a rotation goes on."""
    return path.with_name(path.name + ".next")


def old_path(path: Path, fingerprint: str) -> Path:
    """Returns where a key stays after its rotation, until a person removes it."""
    return path.with_name(f"{path.name}.{fingerprint}.old")


def is_protected(path: Path) -> bool:
    """Says whether a key file wants a passphrase."""
    return path.read_bytes().lstrip().startswith(b"{")


def create(path: Path, passphrase: bytes | None = None) -> X25519PrivateKey:
    """Makes a new private key and its file.

    Args:
        path: the file, which must not exist.
        passphrase: protects the key when given.

    Raises:
        Conflict: the file exists.
        DatabaseError: its directory is open to others or cannot be made.
        InvalidInput: it cannot be written.
    """
    make_private_directory(path.parent)
    key = X25519PrivateKey.generate()
    raw = key.private_bytes(Encoding.PEM, PrivateFormat.PKCS8, NoEncryption())
    if passphrase:
        raw = _protect(raw, passphrase)
    try:
        handle = os.open(path, os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_NOFOLLOW, 0o400)
    except FileExistsError:
        raise Conflict(f"The key file {path} exists.", "A key is never overwritten; use another path.") from None
    except OSError as error:
        raise InvalidInput("key_file", f"{path} cannot be written ({error.strerror})", "Check the directory.") from None
    try:
        with os.fdopen(handle, "wb") as file:
            file.write(raw)
            file.flush()
            os.fsync(file.fileno())
    except BaseException:
        path.unlink(missing_ok=True)  # half a key would be refused for ever
        raise
    return key


def read(path: Path, environment: Mapping[str, str]) -> X25519PrivateKey:
    """Reads a key file.

    Raises:
        KeyMissing: it is not there.
        KeyWrong: others may read it, it cannot be read, or it is no key.
    """
    try:
        handle = os.open(path, os.O_RDONLY | os.O_NOFOLLOW)
    except FileNotFoundError:
        raise KeyMissing(f"There is no key file at {path}.", "Run `atlas-tui init`.") from None
    except OSError as error:
        raise KeyWrong(
            f"The key file {path} cannot be read ({error.strerror}).", "Check its owner; a link is not followed."
        ) from None
    with os.fdopen(handle, "rb") as file:
        details = os.fstat(file.fileno())
        mode = stat.S_IMODE(details.st_mode)
        if not stat.S_ISREG(details.st_mode):
            raise KeyWrong(f"The key file {path} is not a file.", "Check key_file in the configuration.")
        if mode & 0o377:
            raise KeyWrong(f"The key file is open to others or writable (mode {mode:o}).", f"Run: chmod 400 {path}")
        return parse(file.read(_LARGEST), f"the key file {path}", environment)


def parse(raw: bytes, where: str, environment: Mapping[str, str]) -> X25519PrivateKey:
    """Reads a private key: PEM, base64 of its 32 raw bytes (handy in an environment variable), or protected by a passphrase.

    Raises:
        KeyWrong: it is neither, or the passphrase does not fit.
    """
    if raw.lstrip().startswith(b"{"):
        raw = _unprotect(raw, where, environment)
    key: object = None
    try:
        if b"-----" in raw:
            key = load_pem_private_key(raw.strip() + b"\n", password=None)
        else:
            key = X25519PrivateKey.from_private_bytes(base64.b64decode(raw.strip(), validate=True))
    except (ValueError, TypeError, UnsupportedAlgorithm):
        pass  # refused below, outside of the exception that may hold what was read
    if not isinstance(key, X25519PrivateKey):
        raise KeyWrong(f"What is in {where} is not an X25519 private key.", "Bring the key back from its backup.")
    return key


def _protect(pem: bytes, passphrase: bytes) -> bytes:
    document = _Protected("argon2id", os.urandom(16), 3, 4, 64 * 1024, os.urandom(12), b"")
    document.key = ChaCha20Poly1305(_derive(document, passphrase)).encrypt(document.nonce, pem, _LABEL)
    return msgspec.json.encode(document) + b"\n"


def _unprotect(raw: bytes, where: str, environment: Mapping[str, str]) -> bytes:
    try:
        document = msgspec.json.decode(raw, type=_Protected)
        fits = document.kdf == "argon2id" and 1 <= document.iterations <= 100 and 1 <= document.lanes <= 64
        if not fits or not 8 * 1024 <= document.memory <= 4 * 1024 * 1024:
            raise ValueError
    except (msgspec.DecodeError, ValueError):
        raise KeyWrong(f"What is in {where} is not a key.", "Bring the key back from its backup.") from None
    try:
        return ChaCha20Poly1305(_derive(document, _passphrase(where, environment))).decrypt(
            document.nonce, document.key, _LABEL
        )
    except (InvalidTag, ValueError):
        pass
    raise KeyWrong(f"The passphrase does not open {where}.", "Try again.")


def _derive(document: _Protected, passphrase: bytes) -> bytes:
    kdf = Argon2id(
        salt=document.salt,
        length=32,
        iterations=document.iterations,
        lanes=document.lanes,
        memory_cost=document.memory,
    )
    return kdf.derive(passphrase)


def _passphrase(where: str, environment: Mapping[str, str]) -> bytes:
    """Asks for the passphrase: systemd's credential, else the terminal."""
    directory = environment.get("CREDENTIALS_DIRECTORY")
    if directory and (Path(directory) / PASSPHRASE_CREDENTIAL).is_file():
        return (Path(directory) / PASSPHRASE_CREDENTIAL).read_bytes().rstrip(b"\n")
    if sys.stdin is None or not sys.stdin.isatty():
        raise KeyMissing(
            f"The key in {where} has a passphrase and there is nobody to ask for it.",
            f"Give it as the systemd credential {PASSPHRASE_CREDENTIAL}, or start the worker in a terminal.",
        )
    return getpass.getpass(f"Passphrase of {where}: ").encode()
