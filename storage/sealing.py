"""Sealing secrets so that only a worker can open them.

Promise: with what is here a secret can be written and never read back. A sealed value is bound to its database, owner, kind, key and
version: moved to another row it does not open. This module knows no SQL and never sees a private key.

HPKE (RFC 9180) base mode with X25519, HKDF-SHA256 and ChaCha20-Poly1305, from `cryptography`.
"""

from __future__ import annotations

import hashlib
from dataclasses import dataclass
from datetime import datetime
from typing import Final

import msgspec
from cryptography.hazmat.primitives import hpke
from cryptography.hazmat.primitives.asymmetric.x25519 import X25519PublicKey

from storage.errors import InvalidInput
from storage.states import CredentialKind, CredentialOwner, CredentialSlot

SEAL_VERSION: Final = 1
SUITE: Final = hpke.Suite(hpke.KEM.X25519, hpke.KDF.HKDF_SHA256, hpke.AEAD.CHACHA20_POLY1305)
_LABEL: Final = b"atlas-tui credential"


class SecretMaterial(msgspec.Struct, frozen=True, forbid_unknown_fields=True, repr_omit_defaults=True):
    """What is inside a sealed credential. Exists only while it is sealed or used; its representation shows no value.

    Attributes:
        kind: `secret` or `certificate`.
        secret: the client secret's value.
        certificate_pem: the public certificate.
        private_key_pem: the certificate's private key, unencrypted PKCS#8.
    """

    kind: str
    secret: str = ""
    certificate_pem: str = ""
    private_key_pem: str = ""

    def __repr__(self) -> str:
        return f"SecretMaterial(kind={self.kind!r})"


@dataclass(frozen=True, slots=True)
class Binding:
    """What a sealed value belongs to; every part is authenticated.

    Attributes:
        database_id: the database's own random id.
        owner: kind of owner.
        owner_id: the owner's row.
        kind: secret or certificate.
        key_id: fingerprint of the public key it was sealed for.
        version: layout of this binding.
        entra_tenant_id: the tenant, for a dedicated connection; empty otherwise.
    """

    database_id: str
    owner: CredentialOwner
    owner_id: int
    kind: CredentialKind
    key_id: str
    version: int = SEAL_VERSION
    entra_tenant_id: str = ""

    def info(self) -> bytes:
        """Returns the binding as HPKE `info`: each part with its length before it, so that no two bindings look alike."""
        parts = (
            _LABEL,
            self.database_id.encode(),
            self.owner.value.encode(),
            str(self.owner_id).encode(),
            self.kind.value.encode(),
            self.key_id.encode(),
            str(self.version).encode(),
            self.entra_tenant_id.encode(),
        )
        return b"".join(len(part).to_bytes(4, "big") + part for part in parts)


@dataclass(frozen=True, slots=True)
class SealedCredential:
    """A credential as it is stored: everything about it but its value.

    Attributes:
        id: its row.
        slot: active, staged or previous.
        binding: what it is bound to.
        sealed: the ciphertext.
        client_key_id: Microsoft's key id of the secret, or the certificate's SHA-256 thumbprint; empty when unknown.
        expires_at: when it expires, as entered or read; None when unknown.
        stored_at: when it was stored here.
    """

    id: int
    slot: CredentialSlot
    binding: Binding
    sealed: bytes
    client_key_id: str
    expires_at: datetime | None
    stored_at: datetime

    def __repr__(self) -> str:
        return f"SealedCredential(id={self.id}, slot={self.slot.value!r}, kind={self.binding.kind.value!r})"


def fingerprint(public_key: bytes) -> str:
    """Returns the key id of a raw X25519 public key: 32 hexadecimal digits of its SHA-256."""
    return hashlib.sha256(public_key).hexdigest()[:32]


def seal(material: SecretMaterial, public_key: bytes, binding: Binding) -> bytes:
    """Seals secret material for the holder of the private key.

    Args:
        material: what to seal.
        public_key: the worker's raw X25519 public key, 32 bytes.
        binding: what the sealed value shall belong to.

    Raises:
        InvalidInput: the public key is not one, or is not the one the binding names.
    """
    if len(public_key) != 32 or fingerprint(public_key) != binding.key_id:
        raise InvalidInput(
            "public key", "is not the worker's key", "Run `atlas-tui doctor` and check the key's fingerprint."
        )
    plain, info = msgspec.json.encode(material), binding.info()
    try:
        return SUITE.encrypt(plain, X25519PublicKey.from_public_bytes(public_key), info=info)
    except ValueError:  # a point of low order, with which nothing can be agreed on (RFC 7748, section 6.1)
        raise InvalidInput("public key", "is not a usable X25519 key", "Run `atlas-tui doctor`.") from None
