"""The private key: where it may come from, what it opens, and what it never shows."""

from __future__ import annotations

import base64
import dataclasses
import os
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import pytest
from cryptography.hazmat.primitives.asymmetric.x25519 import X25519PrivateKey
from cryptography.hazmat.primitives.serialization import Encoding, NoEncryption, PrivateFormat

from storage.errors import Conflict, DatabaseError, KeyMissing, KeyWrong
from storage.sealing import Binding, SealedCredential, SecretMaterial, seal
from storage.states import CredentialKind, CredentialOwner, CredentialSlot
from tasks import key_files
from tasks.keyring import Keyring, open_keyring, public_bytes, public_fingerprint

SECRET = "canary-8Q~secret-value-that-must-not-be-seen"


def sealed_for(key: X25519PrivateKey) -> SealedCredential:
    binding = Binding(
        "database-1", CredentialOwner.CONNECTION, 7, CredentialKind.SECRET, public_fingerprint(key), 1, "tenant-1"
    )
    sealed = seal(SecretMaterial(kind="secret", secret=SECRET), public_bytes(key), binding)
    return SealedCredential(1, CredentialSlot.ACTIVE, binding, sealed, "", None, datetime(2026, 1, 1, tzinfo=UTC))


def pem(key: X25519PrivateKey) -> bytes:
    return key.private_bytes(Encoding.PEM, PrivateFormat.PKCS8, NoEncryption())


@pytest.fixture
def place(tmp_path: Path) -> Path:
    tmp_path.chmod(0o700)
    return tmp_path / "atlas.key"


def test_a_sealed_credential_opens_under_its_own_binding(place: Path) -> None:
    key = key_files.create(place)
    assert open_keyring(str(place), environment={}).open(sealed_for(key)).secret == SECRET


@pytest.mark.parametrize(
    "moved",
    [
        {"owner_id": 8},
        {"owner": CredentialOwner.PLATFORM_APP},
        {"database_id": "database-2"},
        {"kind": CredentialKind.CERTIFICATE},
        {"version": 2},
        {"entra_tenant_id": "tenant-2"},
    ],
)
def test_a_sealed_credential_that_was_moved_does_not_open(place: Path, moved: dict[str, Any]) -> None:
    key = key_files.create(place)
    sealed = sealed_for(key)
    elsewhere = dataclasses.replace(sealed, binding=dataclasses.replace(sealed.binding, **moved))
    with pytest.raises(KeyWrong, match="moved or changed"):
        open_keyring(str(place), environment={}).open(elsewhere)


def test_a_changed_or_cut_value_does_not_open(place: Path) -> None:
    sealed = sealed_for(key_files.create(place))
    keyring = open_keyring(str(place), environment={})
    for value in (b"", b"short", sealed.sealed[:-1], sealed.sealed[:-1] + bytes([sealed.sealed[-1] ^ 1])):
        with pytest.raises(KeyWrong):
            keyring.open(dataclasses.replace(sealed, sealed=value))


def test_a_credential_sealed_for_another_key_names_that_key(place: Path) -> None:
    key_files.create(place)
    other = X25519PrivateKey.generate()
    with pytest.raises(KeyWrong, match=public_fingerprint(other)):
        open_keyring(str(place), environment={}).open(sealed_for(other))


def test_the_key_of_systemd_comes_first_then_the_file_then_the_environment(place: Path, tmp_path: Path) -> None:
    of_systemd, of_environment = X25519PrivateKey.generate(), X25519PrivateKey.generate()
    (tmp_path / "atlas-key").write_bytes(pem(of_systemd))
    raw = base64.b64encode(of_environment.private_bytes(Encoding.Raw, PrivateFormat.Raw, NoEncryption())).decode()
    everything = {"CREDENTIALS_DIRECTORY": str(tmp_path), "ATLAS_KEY": raw}

    assert open_keyring(str(place), environment={"ATLAS_KEY": raw}).key_ids == (public_fingerprint(of_environment),)
    of_file = key_files.create(place)
    assert open_keyring(str(place), environment={"ATLAS_KEY": raw}).key_ids == (public_fingerprint(of_file),)
    assert open_keyring(str(place), environment=everything).key_ids == (public_fingerprint(of_systemd),)


def test_without_any_key_it_says_where_it_looked(place: Path) -> None:
    with pytest.raises(KeyMissing, match=str(place)):
        open_keyring(str(place), environment={})


@pytest.mark.parametrize("mode", [0o600, 0o440, 0o404, 0o777])
def test_a_key_file_with_wider_modes_is_refused_with_the_command_that_mends_it(place: Path, mode: int) -> None:
    key_files.create(place)
    place.chmod(mode)
    with pytest.raises(KeyWrong) as refusal:
        open_keyring(str(place), environment={})
    assert refusal.value.hint == f"Run: chmod 400 {place}"


def test_a_link_in_the_place_of_the_key_file_is_not_followed(place: Path, tmp_path: Path) -> None:
    key_files.create(tmp_path / "elsewhere.key")
    place.symlink_to(tmp_path / "elsewhere.key")
    with pytest.raises(KeyWrong):
        open_keyring(str(place), environment={})
    with pytest.raises(Conflict):
        key_files.create(place)


def test_a_key_is_not_made_in_a_directory_that_others_may_enter(tmp_path: Path) -> None:
    wide = tmp_path / "wide"
    wide.mkdir()
    wide.chmod(0o755)
    with pytest.raises(DatabaseError, match="open to other accounts"):
        key_files.create(wide / "atlas.key")
    assert list(wide.iterdir()) == []


@pytest.mark.parametrize(
    "content", [b"", b"\x00\xff" * 50, b"{}", b'{"kdf":"none"}', b"-----BEGIN PRIVATE KEY-----\nx"]
)
def test_what_is_no_key_is_refused_without_showing_it(place: Path, content: bytes) -> None:
    place.write_bytes(content)
    place.chmod(0o400)
    with pytest.raises(KeyWrong):
        open_keyring(str(place), environment={})


def test_a_key_under_a_passphrase_opens_with_it_and_only_with_it(place: Path, tmp_path: Path) -> None:
    key = key_files.create(place, b"correct horse battery staple")
    given = tmp_path / "credentials"
    given.mkdir()
    environment = {"CREDENTIALS_DIRECTORY": str(given)}
    (given / "atlas-key-passphrase").write_bytes(b"correct horse battery staple\n")

    assert b"PRIVATE KEY" not in place.read_bytes()
    assert open_keyring(str(place), environment=environment).open(sealed_for(key)).secret == SECRET

    (given / "atlas-key-passphrase").write_bytes(b"wrong horse")
    with pytest.raises(KeyWrong, match="passphrase does not open"):
        open_keyring(str(place), environment=environment)
    with pytest.raises(KeyMissing, match="nobody to ask"):
        open_keyring(str(place), environment={})


def test_nothing_secret_shows_in_representations_and_errors(place: Path) -> None:
    key = key_files.create(place)
    keyring = open_keyring(str(place), environment={})
    sealed = sealed_for(key)
    material = keyring.open(sealed)
    shown = [repr(keyring), repr(material), repr(sealed), str(material)]
    with pytest.raises(KeyWrong) as refusal:
        keyring.open(dataclasses.replace(sealed, sealed=sealed.sealed[::-1]))
    shown += [repr(refusal.value), str(refusal.value), repr(refusal.value.__context__), repr(refusal.value.__cause__)]

    private = key.private_bytes(Encoding.Raw, PrivateFormat.Raw, NoEncryption())
    for text in shown:
        assert SECRET not in text
        assert private.hex() not in text
        assert base64.b64encode(private).decode() not in text


def test_a_new_key_beside_the_old_one_is_found_when_it_is_needed(place: Path) -> None:
    key_files.create(place)
    keyring = open_keyring(str(place), environment={})
    following = key_files.create(key_files.next_path(place))
    assert keyring.open(sealed_for(following)).secret == SECRET


def test_the_key_in_use_follows_the_file_and_stays_when_that_cannot_be_read(place: Path) -> None:
    first = public_fingerprint(key_files.create(place))
    keyring = open_keyring(str(place), environment={})
    assert keyring.look_again() == first
    key_files.create(key_files.next_path(place))
    assert keyring.look_again() == first, "the next one is not in use yet"
    os.replace(key_files.next_path(place), place)
    following = keyring.look_again()
    assert following == open_keyring(str(place), environment={}).key_ids[0] != first
    place.unlink()
    assert keyring.look_again() == following


def test_the_environment_of_the_process_is_what_counts_by_default(place: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    key = X25519PrivateKey.generate()
    monkeypatch.delenv("CREDENTIALS_DIRECTORY", raising=False)
    monkeypatch.setitem(os.environ, "ATLAS_KEY", pem(key).decode())
    assert isinstance(open_keyring(str(place)), Keyring)
