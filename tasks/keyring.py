"""The worker's private key: where it comes from, and opening sealed credentials with it.

Promise: the only module that holds the private key; only the gateway, key rotation and alert channels call it. A key file that others may
read is refused. Nothing here shows a key or a secret in a representation, a message or a log. A key is never made here.

Sources, the first that is there: systemd's credential `atlas-key`, the key file, the operating system's keyring, the environment
variable `ATLAS_KEY`. A key file may be protected by a passphrase (`tasks.key_files`).
"""

from __future__ import annotations

import os
import threading
from collections.abc import Callable, Mapping
from contextlib import suppress
from pathlib import Path
from typing import Final

import msgspec
from cryptography.exceptions import InvalidTag
from cryptography.hazmat.primitives.asymmetric.x25519 import X25519PrivateKey
from cryptography.hazmat.primitives.serialization import Encoding, PublicFormat

from storage.errors import AtlasError, KeyMissing, KeyWrong
from storage.sealing import SUITE, SealedCredential, SecretMaterial, fingerprint
from tasks import key_files

SYSTEMD_CREDENTIAL: Final = "atlas-key"
ENVIRONMENT: Final = "ATLAS_KEY"
KEYRING_SERVICE: Final = "atlas-tui"


class Keyring:
    """Opens sealed credentials. Thread-safe.

    Args:
        find_keys: reads all private keys there are now; asked again when a credential was sealed for an unknown one, since a rotation
            may have brought a new key.
        mark_keys: says, cheaply, in what state the places of the keys are; another answer than before means that they changed. None
            where nothing changes while the process lives.

    Raises:
        KeyMissing: there is none.
        KeyWrong: what is there is no key.
    """

    def __init__(
        self, find_keys: Callable[[], list[X25519PrivateKey]], mark_keys: Callable[[], object] = lambda: None
    ) -> None:
        self._find_keys = find_keys
        self._mark_keys = mark_keys
        self._lock = threading.Lock()
        self._mark = mark_keys()
        self._keys = self._read()

    def __repr__(self) -> str:
        return f"Keyring({', '.join(self._keys)})"

    @property
    def key_ids(self) -> tuple[str, ...]:
        """The fingerprints of the public keys of the keys it holds, the one in use first."""
        return tuple(self._keys)

    def look_again(self) -> str:
        """Reads the keys again if their places changed, and returns the fingerprint of the one in use.

        What cannot be read now changes nothing: the keys at hand stay, and who opens something with another one is told why not.
        """
        with self._lock:
            if (mark := self._mark_keys()) != self._mark:
                self._mark = mark
                with suppress(AtlasError, OSError):
                    self._keys = self._read()
            return next(iter(self._keys))

    def open(self, sealed: SealedCredential) -> SecretMaterial:
        """Opens a sealed credential, under what it is bound to.

        Raises:
            KeyMissing: there is no key any more.
            KeyWrong: it was sealed for another key, or is not what or where it was when it was sealed.
        """
        return self.open_bytes(sealed.sealed, sealed.binding.key_id, sealed.binding.info())

    def open_bytes(self, sealed: bytes, key_id: str, info: bytes) -> SecretMaterial:
        """Opens sealed bytes that are bound to `info`.

        Raises:
            KeyMissing, KeyWrong: as in `open`.
        """
        key = self._key(key_id)
        try:
            return msgspec.json.decode(SUITE.decrypt(sealed, key, info=info), type=SecretMaterial)
        except (InvalidTag, ValueError):
            pass  # raised below, outside: the exception at hand could hold what was being opened
        raise KeyWrong(
            "A stored credential does not open with its key: it was moved or changed.", "Store the credential again."
        )

    def _key(self, key_id: str) -> X25519PrivateKey:
        with self._lock:
            if key_id not in self._keys:
                self._keys = self._read()
            key = self._keys.get(key_id)
        if key is None:
            raise KeyWrong(
                f"A credential was sealed for the key {key_id}, which this worker does not have.",
                "Give the worker that key, or store the credential again.",
            )
        return key

    def _read(self) -> dict[str, X25519PrivateKey]:
        return {public_fingerprint(key): key for key in self._find_keys()}


def public_bytes(key: X25519PrivateKey) -> bytes:
    """Returns the raw public key of a private one, 32 bytes."""
    return key.public_key().public_bytes(Encoding.Raw, PublicFormat.Raw)


def public_fingerprint(key: X25519PrivateKey) -> str:
    """Returns the key id of a private key's public key."""
    return fingerprint(public_bytes(key))


def open_keyring(key_file: str, *, key_id: str = "", environment: Mapping[str, str] = os.environ) -> Keyring:
    """Opens the keyring of this process.

    Args:
        key_file: path of the key file, from the configuration; may be empty.
        key_id: fingerprint of the public key that secrets are sealed for, from the configuration; empty when unknown.
        environment: of the process.

    Raises:
        KeyMissing: there is no key in any of the places.
        KeyWrong: a key cannot be read, or is not the one that secrets are sealed for.
    """
    remembered: dict[tuple[str, int, int], X25519PrivateKey] = {}
    keyring = Keyring(lambda: find_keys(key_file, environment, remembered), lambda: _mark(key_file))
    if key_id and key_id not in keyring.key_ids:
        raise KeyWrong(
            f"The worker's key ({keyring.key_ids[0]}) is not the one that secrets are sealed for ({key_id}).",
            "Put the right key where key_file says, or correct public_key in the configuration.",
        )
    return keyring


def _mark(key_file: str) -> tuple[tuple[int, int], ...]:
    """The inodes and times of the files that a rotation replaces."""
    if not key_file:
        return ()
    found = []
    for path in (Path(key_file), key_files.next_path(Path(key_file))):
        with suppress(OSError):
            details = path.stat()
            found.append((details.st_ino, details.st_mtime_ns))
    return tuple(found)


def find_keys(
    key_file: str,
    environment: Mapping[str, str],
    remembered: dict[tuple[str, int, int], X25519PrivateKey] | None = None,
) -> list[X25519PrivateKey]:
    """Reads the private keys there are: the one in use, and during a rotation the next one.

    Args:
        key_file: path of the key file; may be empty.
        environment: of the process.
        remembered: keys of files that have not changed since, so that nobody is asked for a passphrase twice; filled here.

    Raises:
        KeyMissing: there is none.
        KeyWrong: one cannot be read.
    """
    directory = environment.get("CREDENTIALS_DIRECTORY")
    if directory and (Path(directory) / SYSTEMD_CREDENTIAL).is_file():
        raw = (Path(directory) / SYSTEMD_CREDENTIAL).read_bytes()
        return [key_files.parse(raw, f"the systemd credential {SYSTEMD_CREDENTIAL}", environment)]
    if key_file:
        places = (Path(key_file), key_files.next_path(Path(key_file)))
        found = [_read_once(path, environment, remembered) for path in places if path.exists()]
        if found:
            return found
    stored = _from_os_keyring(key_file)
    if stored is not None:
        return [key_files.parse(stored.encode(), "the operating system's keyring", environment)]
    value = environment.get(ENVIRONMENT)
    if value:
        return [key_files.parse(value.encode(), f"the environment variable {ENVIRONMENT}", environment)]
    where = f"There is no key file at {key_file}." if key_file else "The configuration names no key file."
    raise KeyMissing(
        f"The worker has no key to open credentials with. {where}",
        "Run `atlas-tui init`, or bring the key file back from its backup; a new key cannot open old secrets.",
    )


def _read_once(
    path: Path, environment: Mapping[str, str], remembered: dict[tuple[str, int, int], X25519PrivateKey] | None
) -> X25519PrivateKey:
    if remembered is None:
        return key_files.read(path, environment)
    details = path.stat()
    identity = (str(path), details.st_ino, details.st_mtime_ns)
    if identity not in remembered:
        remembered[identity] = key_files.read(path, environment)
    return remembered[identity]


def _from_os_keyring(key_file: str) -> str | None:
    """Reads the key that was put into the operating system's keyring under this key file's path, if the extra is installed."""
    try:
        import keyring  # type: ignore[import-not-found,unused-ignore]
    except ImportError:
        return None
    try:
        value = keyring.get_password(KEYRING_SERVICE, key_file or "default")
    except Exception:  # a locked or absent keyring service: the other sources decide
        return None
    return value if isinstance(value, str) else None
