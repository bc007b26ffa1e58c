"""The configuration file: one TOML file, one typed model, a clear error for every mistake.

Promise: what cannot be read or used is refused with the field's name and what would do; nothing is guessed. Values come from the file
and, for the paths' defaults, from the platform's own directories; never from an environment variable that decides about rights.
"""

from __future__ import annotations

import base64
import binascii
import ipaddress
import os
import re
import tempfile
import tomllib
from pathlib import Path
from typing import Any, Final
from urllib.parse import urlsplit

import msgspec
import platformdirs

from storage.errors import InvalidInput
from storage.sealing import fingerprint
from storage.states import Cloud

APP: Final = "atlas-tui"
FILE_NAME: Final = "config.toml"


class CloudHosts(msgspec.Struct, frozen=True, forbid_unknown_fields=True, omit_defaults=True):
    """Where a Microsoft cloud answers; only needed when it is not the cloud's own hosts.

    Attributes:
        login: base address of the sign-in service, such as `https://login.microsoftonline.com`.
        graph: base address of Microsoft Graph, such as `https://graph.microsoft.com`.
        portal: base address of the admin centre, such as `https://entra.microsoft.com`; the cloud's own when left out.
    """

    login: str
    graph: str
    portal: str = ""


class WorkerSettings(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """How a worker works.

    Attributes:
        slots: how many runs it works on at once.
        grace_seconds: how long running operations may go on after a stop was asked.
        queue: address of Huey's storage; empty for a file of the worker's own.
        heartbeat_url: address that is asked for every minute while a worker works, so that a dead one is noticed elsewhere; empty for none.
        metrics_port: port on which a worker tells Prometheus what it does; 0 for none.
        metrics_address: the address it listens on for that; the machine itself unless said otherwise.
        requests_per_second: what one worker process sends to Microsoft Graph for one app registration in a second, over all its tenants.
    """

    slots: int = 8
    grace_seconds: float = 10.0
    queue: str = ""
    heartbeat_url: str = ""
    metrics_port: int = 0
    metrics_address: str = "127.0.0.1"
    requests_per_second: int = 500


class Settings(msgspec.Struct, frozen=True, forbid_unknown_fields=True, omit_defaults=True):
    """The whole configuration.

    Attributes:
        database: path of the SQLite file, or `postgresql://host/name`.
        state_directory: where logs, the queue and drafts of long texts go.
        shared: SQLite: several accounts of one group share the file.
        key_file: the worker's private key.
        public_key: the worker's public key, base64; secrets are sealed for it.
        key_fingerprint: pins the public key.
        ca_bundle: PEM file of the certificate authorities to trust towards Microsoft; empty for the system's.
        proxy: `http://host:port` of a proxy towards Microsoft.
        clouds: hosts of a cloud that are not its own, by cloud name.
        workspace: slug of the workspace to open first.
        theme: the screen's theme.
        keys: key bindings, by command id.
        worker: how a worker works.
    """

    database: str = ""
    state_directory: str = ""
    shared: bool = False
    key_file: str = ""
    public_key: str = ""
    key_fingerprint: str = ""
    ca_bundle: str = ""
    proxy: str = ""
    clouds: dict[str, CloudHosts] = {}
    workspace: str = ""
    theme: str = ""
    keys: dict[str, str] = {}
    worker: WorkerSettings = WorkerSettings()

    def public_key_bytes(self) -> bytes:
        """Returns the worker's public key.

        Raises:
            InvalidInput: there is none, it is not a key, or it is not the one that is pinned.
        """
        if not self.public_key:
            raise InvalidInput(
                "public_key", "is not set", "Run `atlas-tui init`, which makes the key and writes it here."
            )
        try:
            raw = base64.b64decode(self.public_key, validate=True)
        except (binascii.Error, ValueError):
            raw = b""
        if len(raw) != 32:
            raise InvalidInput("public_key", "is not an X25519 public key in base64", "See `atlas-tui doctor`.")
        if self.key_fingerprint and fingerprint(raw) != self.key_fingerprint:
            raise InvalidInput(
                "key_fingerprint",
                "does not fit public_key",
                "Somebody changed one of them: compare with the worker's key.",
            )
        return raw


def default_path() -> Path:
    """Returns where the configuration file is looked for."""
    return Path(platformdirs.user_config_dir(APP)) / FILE_NAME


def default_data_directory() -> Path:
    """Returns where `init` puts the database and the key."""
    return Path(platformdirs.user_data_dir(APP))


def load(path: Path | None = None) -> Settings:
    """Reads a configuration file.

    Args:
        path: the file; the default place when None.

    Raises:
        InvalidInput: it is absent, cannot be read, or a field cannot be used.
    """
    place = path or default_path()
    try:
        raw = place.read_bytes()
    except FileNotFoundError:
        raise InvalidInput("configuration", f"there is no file {place}", "Run `atlas-tui init`.") from None
    except OSError as error:
        raise InvalidInput(
            "configuration", f"{place} cannot be read ({error.strerror})", "Check its owner and mode."
        ) from None
    return parse(raw, base=place.parent)


def parse(raw: bytes, *, base: Path) -> Settings:
    """Reads a configuration's text; relative paths are taken from `base`.

    Raises:
        InvalidInput: naming the line or the field.
    """
    try:
        document = tomllib.loads(raw.decode("utf-8"))
    except UnicodeDecodeError:
        raise InvalidInput("configuration", "is not UTF-8 text") from None
    except tomllib.TOMLDecodeError as error:
        raise InvalidInput("configuration", f"is not TOML: {error}") from None
    except RecursionError:
        raise InvalidInput("configuration", "is nested too deeply to be a configuration") from None
    try:
        settings = msgspec.convert(document, Settings)
    except msgspec.ValidationError as error:
        raise InvalidInput(_field(str(error)), _problem(str(error)), "See docs/configuration.md.") from None
    return _checked(settings, base)


def save(path: Path, settings: Settings) -> None:
    """Writes a configuration file, 0600 in a 0700 directory, whole or not at all.

    Raises:
        InvalidInput: the place cannot be written.
    """
    try:
        _write_whole(path, _to_toml(msgspec.to_builtins(settings)))
    except OSError as error:
        raise InvalidInput(
            "configuration", f"{path} cannot be written ({error.strerror})", "Check the directory's owner and mode."
        ) from None


def _write_whole(path: Path, content: bytes) -> None:
    path.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
    handle, temporary = tempfile.mkstemp(dir=path.parent, prefix=".config-")
    try:
        with os.fdopen(handle, "wb") as file:
            file.write(content)
        os.replace(temporary, path)
    except BaseException:
        Path(temporary).unlink(missing_ok=True)
        raise


def _checked(settings: Settings, base: Path) -> Settings:
    if not settings.database:
        raise InvalidInput("database", "is not set", "Give a path or `postgresql://host/name`.")
    if not 1 <= settings.worker.slots <= 64:
        raise InvalidInput("worker.slots", "must be from 1 to 64")
    if not 0 <= settings.worker.grace_seconds <= 600:
        raise InvalidInput("worker.grace_seconds", "must be from 0 to 600 seconds")
    if not 1 <= settings.worker.requests_per_second <= 2000:
        raise InvalidInput("worker.requests_per_second", "must be from 1 to 2000", "Microsoft allows 2,000 in all.")
    if not 0 <= settings.worker.metrics_port <= 65535:
        raise InvalidInput("worker.metrics_port", "must be from 1 to 65535, or 0 for none")
    _check_listening(settings.worker.metrics_address)
    if settings.worker.heartbeat_url:
        _check_address("worker.heartbeat_url", settings.worker.heartbeat_url, "Such as https://hc-ping.com/UUID.")
    for name, hosts in settings.clouds.items():
        if name not in set(Cloud):
            raise InvalidInput(f"clouds.{name}", "is not a cloud", f"Use one of: {', '.join(Cloud)}.")
        for field in ("login", "graph"):
            _check_https(f"clouds.{name}.{field}", getattr(hosts, field))
        if hosts.portal:
            _check_https(f"clouds.{name}.portal", hosts.portal)
    if settings.proxy:
        _check_address("proxy", settings.proxy, "Use `http://host:port`.")
    changes: dict[str, Any] = {
        field: _absolute(field, value, base)
        for field in ("key_file", "ca_bundle", "state_directory")
        if (value := getattr(settings, field))
    }
    if not settings.state_directory:
        changes["state_directory"] = platformdirs.user_state_dir(APP)
    if "://" not in settings.database:
        changes["database"] = _absolute("database", settings.database, base)
    if settings.ca_bundle and not Path(changes["ca_bundle"]).is_file():
        raise InvalidInput("ca_bundle", f"there is no file {changes['ca_bundle']}")
    return msgspec.structs.replace(settings, **changes)


def _absolute(field: str, value: str, base: Path) -> str:
    try:
        return str((base / Path(value).expanduser()).absolute())
    except RuntimeError:
        raise InvalidInput(field, "names the home of an account that is not here", "Write the path out.") from None


def _check_address(field: str, value: str, hint: str) -> None:
    try:
        parts = urlsplit(value)
        good = parts.scheme in ("http", "https") and bool(parts.hostname) and (parts.port is None or parts.port > 0)
    except ValueError:
        good = False
    if not good or not value.isprintable() or " " in value:
        raise InvalidInput(field, "is not an address", hint)


def _check_listening(value: str) -> None:
    try:
        ipaddress.ip_address(value)
    except ValueError:
        raise InvalidInput("worker.metrics_address", "is not an IP address", "Such as 127.0.0.1 or ::1.") from None


def _check_https(field: str, value: str) -> None:
    try:
        parts = urlsplit(value)
        port_is_fine = parts.port is None or parts.port > 0
    except ValueError:
        parts, port_is_fine = urlsplit(""), False
    if parts.scheme != "https" or not parts.hostname or not port_is_fine or parts.path.strip("/") or parts.query:
        raise InvalidInput(field, "must be an https address without a path", "Such as https://graph.microsoft.com.")


def _field(text: str) -> str:
    unknown = re.search(r"unknown field `([^`]+)`", text)
    place = re.search(r"at `\$\.?([^`]*)`", text)
    parts = [part for part in (place.group(1) if place else "", unknown.group(1) if unknown else "") if part]
    return ".".join(parts) or "configuration"


def _problem(text: str) -> str:
    if "unknown field" in text:
        return "is not a setting"
    return re.sub(r" - at `.*$", "", text).replace("`", "").lower()


def _to_toml(document: dict[str, Any]) -> bytes:
    """Writes plain values and tables of plain values: all that the model has."""
    lines: list[str] = []

    def write(table: dict[str, Any], prefix: str) -> None:
        for key, value in table.items():
            if not isinstance(value, dict):
                lines.append(f"{_key(key)} = {_value(value)}")
        for key, value in table.items():
            if isinstance(value, dict):
                name = f"{prefix}{_key(key)}"
                lines.extend(["", f"[{name}]"])
                write(value, f"{name}.")

    write(document, "")
    return ("\n".join(lines).strip() + "\n").encode("utf-8")


def _key(key: str) -> str:
    return key if re.fullmatch(r"[A-Za-z0-9_-]+", key) else _value(key)


def _value(value: Any) -> str:
    if isinstance(value, bool):
        return "true" if value else "false"
    if isinstance(value, int | float):
        return repr(value)
    return msgspec.json.encode(str(value)).decode("utf-8").replace("\x7f", "\\u007f")
