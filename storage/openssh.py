"""OpenSSH public keys as text: reading one line, refusing what must not log in, and the fingerprint.

Promise: only the key itself is kept: no options, no comment that was not looked at. What is refused is refused in one sentence, and
a private key is recognized before anything of it is repeated. Knows no table.

The wire format is RFC 4253 section 6.6 (strings with a 32-bit length, multiple-precision integers), RFC 5656 (ECDSA), RFC 8709
(Ed25519) and OpenSSH's PROTOCOL.u2f (`sk-` keys).
"""

from __future__ import annotations

import base64
import binascii
import hashlib
from dataclasses import dataclass
from typing import Final

from storage.errors import InvalidInput
from storage.fields import clean_foreign

FIELD: Final = "key"
MAX_LENGTH: Final = 16_384
MIN_RSA_BITS: Final = 2048
MAX_RSA_BITS: Final = 16_384

_CURVES: Final = {
    "ecdsa-sha2-nistp256": (b"nistp256", 65),
    "ecdsa-sha2-nistp384": (b"nistp384", 97),
    "ecdsa-sha2-nistp521": (b"nistp521", 133),
}
_SECURITY_KEYS: Final = {"sk-ssh-ed25519@openssh.com": None, "sk-ecdsa-sha2-nistp256@openssh.com": (b"nistp256", 65)}
ALGORITHMS: Final = ("ssh-ed25519", "ssh-rsa", *_CURVES, *_SECURITY_KEYS)

_HINT: Final = "Give the one line of the .pub file, such as `ssh-ed25519 AAAA… name`."


@dataclass(frozen=True, slots=True)
class PublicKey:
    """A public key that may log in.

    Attributes:
        algorithm: its type, such as `ssh-ed25519`.
        blob: the key in base64, as it stands in an `authorized_keys` line.
        fingerprint: `SHA256:…`, as `ssh-keygen -l` prints it.
        comment: what stood behind it, cleaned.
    """

    algorithm: str
    blob: str
    fingerprint: str
    comment: str

    @property
    def line(self) -> str:
        """Type and key, without options and comment."""
        return f"{self.algorithm} {self.blob}"


def read_public_key(text: str) -> PublicKey:
    """Reads one line of a `.pub` file.

    Raises:
        InvalidInput: it is not exactly one public key that may be used; the sentence says why, and never repeats it.
    """
    if "PRIVATE KEY" in text or "PuTTY-User-Key-File" in text:
        raise InvalidInput(
            FIELD,
            "is a private key",
            "It belongs to its owner alone. Give the .pub file; make a new pair if it was sent.",
        )
    if len(text) > MAX_LENGTH:
        raise InvalidInput(FIELD, "is too long for one public key", _HINT)
    lines = [line.strip() for line in text.splitlines() if line.strip() and not line.lstrip().startswith("#")]
    if len(lines) != 1:
        raise InvalidInput(FIELD, "is empty" if not lines else "holds more than one line", _HINT)
    words = lines[0].split(None, 2)
    _check_type(words[0])
    blob = base64_of(words[1]) if len(words) > 1 else b""
    _check_blob(words[0], blob)
    return PublicKey(
        words[0],
        base64.b64encode(blob).decode("ascii"),
        fingerprint_of(blob),
        clean_foreign(words[2], 100) if len(words) > 2 else "",
    )


def fingerprint_of(blob: bytes) -> str:
    """Returns the fingerprint of a key as OpenSSH writes it: base64 of its SHA-256, without padding."""
    return "SHA256:" + base64.b64encode(hashlib.sha256(blob).digest()).decode("ascii").rstrip("=")


def base64_of(word: str) -> bytes:
    """Reads base64 without spaces.

    Raises:
        InvalidInput: it is not that.
    """
    try:
        return base64.b64decode(word, validate=True)
    except (binascii.Error, ValueError):
        raise InvalidInput(FIELD, "is damaged: it is not base64", _HINT) from None


def _check_type(algorithm: str) -> None:
    if algorithm in ALGORITHMS:
        return
    if algorithm == "ssh-dss":
        raise InvalidInput(FIELD, "is a DSA key, which OpenSSH does not accept", "Make one: ssh-keygen -t ed25519")
    if "-cert-" in algorithm:
        raise InvalidInput(FIELD, "is a certificate, not a key", _HINT)
    options = ("command=", "from=", "restrict", "no-", "environment=", "permit", "cert-authority", "expiry-time=")
    if "=" in algorithm or "," in algorithm or algorithm.startswith(options):
        raise InvalidInput(
            FIELD, "begins with options", "Leave them out: they are set by the program, for every key alike."
        )
    raise InvalidInput(FIELD, "is not an OpenSSH public key", _HINT)


def _check_blob(algorithm: str, blob: bytes) -> None:
    """Takes the key apart wholly: what would not parse could mean something else to sshd than to us."""
    wire = _Wire(blob)
    if wire.string() != algorithm.encode("ascii"):
        raise InvalidInput(FIELD, "is damaged: its type and its content differ", _HINT)
    if algorithm == "ssh-rsa":
        exponent, modulus = wire.integer(), wire.integer()
        if modulus.bit_length() < MIN_RSA_BITS:
            raise InvalidInput(
                FIELD,
                f"is an RSA key of {modulus.bit_length()} bits",
                f"{MIN_RSA_BITS} is the least; ed25519 is better.",
            )
        if modulus.bit_length() > MAX_RSA_BITS or exponent < 3 or exponent % 2 == 0 or modulus % 2 == 0:
            raise InvalidInput(FIELD, "is not an RSA key that can be used", "Make one: ssh-keygen -t ed25519")
    elif curve := _CURVES.get(algorithm) or _SECURITY_KEYS.get(algorithm):
        name, length = curve
        if wire.string() != name or len(point := wire.string()) != length or point[0] != 4:
            raise InvalidInput(FIELD, "is damaged: its point is not on its curve's form", _HINT)
    elif len(wire.string()) != 32:
        raise InvalidInput(FIELD, "is damaged: an Ed25519 key has 32 bytes", _HINT)
    if algorithm in _SECURITY_KEYS and not wire.string():
        raise InvalidInput(FIELD, "is damaged: a security key names its application", _HINT)
    if not wire.is_at_end:
        raise InvalidInput(FIELD, "is damaged: something follows the key", _HINT)


class _Wire:
    """Reads SSH's wire format."""

    def __init__(self, content: bytes) -> None:
        self._content = content
        self._at = 0

    @property
    def is_at_end(self) -> bool:
        return self._at == len(self._content)

    def string(self) -> bytes:
        length = int.from_bytes(self._take(4), "big")
        return self._take(length)

    def integer(self) -> int:
        value = int.from_bytes(self.string(), "big", signed=True)
        if value <= 0:
            raise InvalidInput(FIELD, "is damaged: it holds a number that no key has", _HINT)
        return value

    def _take(self, length: int) -> bytes:
        part = self._content[self._at : self._at + length]
        if len(part) != length:
            raise InvalidInput(FIELD, "is damaged: it ends too early", _HINT)
        self._at += length
        return part
