"""`atlas-tui init`: a key, a database, a configuration, and you as the Owner."""

from __future__ import annotations

import stat
import tomllib
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest


def _mode(path: Path) -> int:
    return stat.S_IMODE(path.stat().st_mode)


def test_init_makes_everything_private(tmp_path: Path, run: Callable[..., Any]) -> None:
    config, home = tmp_path / "etc" / "config.toml", tmp_path / "data"

    said = run("init", "--config", config, "--directory", home, "--workspace", "north", "--name", "Dana")

    assert (said.code, said.err) == (0, "")
    assert [_mode(path) for path in (home, home / "atlas.db", home / "worker.key")] == [0o700, 0o600, 0o400]
    assert [_mode(path) for path in (config.parent, config)] == [0o700, 0o600]
    settings = tomllib.loads(config.read_text())
    assert settings["workspace"] == "north"
    assert settings["key_fingerprint"] in said.out
    (entry,) = run("workspaces", "--config", config, "--json").json
    assert (entry["slug"], entry["role"]) == ("north", "owner")


def test_a_second_init_is_refused_and_changes_nothing(atlas: Any) -> None:
    files = {path: path.read_bytes() for path in (atlas.config, atlas.key)}

    atlas.refuses("init", "--directory", atlas.home, code=6, says=("configuration already", "--config"))

    assert {path: path.read_bytes() for path in files} == files


@pytest.mark.usefixtures("keys_in_process")
def test_init_goes_on_after_an_interrupted_one_with_the_same_key(atlas: Any, run: Any) -> None:
    """The configuration is written last: without it, `init` finds key and database and keeps both."""
    key, rows, config = atlas.key.read_bytes(), atlas.rows(), tomllib.loads(atlas.config.read_text())
    atlas.config.unlink()

    said = run("init", "--config", atlas.config, "--directory", atlas.home)

    assert said.code == 0, said
    assert atlas.key.read_bytes() == key
    assert tomllib.loads(atlas.config.read_text()) == config
    assert atlas.rows() == rows


@pytest.mark.usefixtures("keys_in_process")
def test_init_never_makes_a_key_for_credentials_that_another_one_sealed(atlas: Any, run: Any, is_refused: Any) -> None:
    atlas.connection()
    atlas.config.unlink()
    atlas.key.rename(atlas.home / "elsewhere.key")
    is_refused(
        run("init", "--config", atlas.config, "--directory", atlas.home),
        6,
        "sealed",
        "worker.key",
        "Bring that key back",
    )
    assert not atlas.key.exists()

    other = atlas.home.parent / "other"
    assert run("init", "--config", other / "config.toml", "--directory", other).code == 0
    (other / "worker.key").rename(atlas.key)
    is_refused(run("init", "--config", atlas.config, "--directory", atlas.home), 6, "another key")
    assert not atlas.config.exists()


@pytest.mark.usefixtures("keys_in_process")
def test_a_database_path_means_the_same_from_everywhere(
    tmp_path: Path, run: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    data, config = tmp_path / "data", tmp_path / "etc" / "config.toml"
    data.mkdir(mode=0o700)
    monkeypatch.chdir(data)
    assert run("init", "--config", config, "--directory", data, "--database", "fleet.db").code == 0

    monkeypatch.chdir(tmp_path)

    assert tomllib.loads(config.read_text())["database"] == str(data / "fleet.db")
    assert run("connections", "--config", config).code == 0


@pytest.mark.parametrize(
    ("arguments", "says"),
    [
        (["--workspace", "Not A Slug"], "short name"),
        (["--workspace-name", "\x1b[31m"], "--workspace-name"),
        (["--database", "mysql://host/name"], "database"),
        (["--database", "postgresql://nobody@127.0.0.1:1/none"], "cannot be reached"),
        (["--name", "x" * 300], "name"),
    ],
)
def test_a_value_that_cannot_be_used_leaves_nothing_behind(
    tmp_path: Path, run: Any, is_refused: Any, arguments: list[str], says: str
) -> None:
    home = tmp_path / "data"

    said = run("init", "--config", tmp_path / "etc" / "config.toml", "--directory", home, *arguments)

    is_refused(said, 7 if "reached" in says else 2, says)
    assert not (tmp_path / "etc").exists()
    assert not (home / "worker.key").exists()
    assert not (home / "atlas.db").exists()


def test_a_directory_that_others_may_enter_is_refused(tmp_path: Path, run: Any, is_refused: Any) -> None:
    home = tmp_path / "open"
    home.mkdir(mode=0o755)

    said = run("init", "--config", tmp_path / "config.toml", "--directory", home)

    is_refused(said, 7, "open to other accounts", "chmod 700")
    assert list(home.iterdir()) == []


def test_a_directory_that_is_a_file_is_refused(tmp_path: Path, run: Any, is_refused: Any) -> None:
    (tmp_path / "file").write_text("")
    is_refused(
        run("init", "--config", tmp_path / "c.toml", "--directory", tmp_path / "file" / "x"), 7, "cannot be made"
    )


def test_a_configuration_that_cannot_be_written_is_told_before_anything_is_made(
    tmp_path: Path, run: Any, is_refused: Any
) -> None:
    (tmp_path / "file").write_text("")
    home = tmp_path / "data"

    said = run("init", "--config", tmp_path / "file" / "config.toml", "--directory", home)

    is_refused(said, 2, "--config", "file")
    assert not (home / "worker.key").exists()


@pytest.mark.usefixtures("keys_in_process")
def test_the_password_of_a_database_address_is_not_shown(tmp_path: Path, run: Any, postgres_url: str) -> None:
    from sqlalchemy import make_url

    address = make_url(postgres_url).set(drivername="postgresql", password="canary-password")
    config = tmp_path / "config.toml"

    said = run(
        "init", "--config", config, "--directory", tmp_path / "data",
        "--database", address.render_as_string(hide_password=False),
    )  # fmt: skip

    assert said.code == 0, said
    assert "canary-password" not in said.out + said.err
    assert "canary-password" in config.read_text()  # 0600: that is where it belongs
    for command in ("doctor", "workers", "workspaces"):
        answer = run(command, "--config", config)
        assert "canary-password" not in answer.out + answer.err
    assert run("tenant", "add", "Contoso", "8a3c1f0e-1b2c-4d5e-8f90-123456789abc", "--config", config).code == 0
