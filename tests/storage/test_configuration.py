"""The configuration: every mistake is named, and what is saved comes back."""

from __future__ import annotations

import base64
import stat
from pathlib import Path
from typing import Any

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from storage.configuration import CloudHosts, Settings, WorkerSettings, load, parse, save
from storage.errors import AtlasError, InvalidInput
from storage.sealing import fingerprint

GOOD = 'database = "a.db"\n'


@pytest.mark.parametrize(
    ("text", "field"),
    [
        ("", "database"),
        ('database = ""', "database"),
        ("database = 3", "database"),
        ("not toml", "configuration"),
        ("a = " + "[" * 5000, "configuration"),
        (GOOD + "database = 'b'", "configuration"),
        (GOOD + "color = 'red'", "color"),
        (GOOD + "shared = 'yes'", "shared"),
        (GOOD + "[worker]\nslots = 0", "worker.slots"),
        (GOOD + "[worker]\nslots = 65", "worker.slots"),
        (GOOD + "[worker]\nslots = true", "worker.slots"),
        (GOOD + "[worker]\nslots = 1.5", "worker.slots"),
        (GOOD + "[worker]\nspeed = 1", "worker.speed"),
        (GOOD + "[worker]\nrequests_per_second = 0", "worker.requests_per_second"),
        (GOOD + "[worker]\nrequests_per_second = 2001", "worker.requests_per_second"),
        (GOOD + "[worker]\ngrace_seconds = -1", "worker.grace_seconds"),
        (GOOD + "[worker]\ngrace_seconds = nan", "worker.grace_seconds"),
        (GOOD + "[worker]\ngrace_seconds = inf", "worker.grace_seconds"),
        (GOOD + "worker = 3", "worker"),
        (GOOD + "[clouds.mars]\nlogin = 'https://a.example'\ngraph = 'https://b.example'", "clouds.mars"),
        (GOOD + "[clouds.global]\nlogin = 'http://a.example'\ngraph = 'https://b.example'", "clouds.global.login"),
        (GOOD + "[clouds.global]\nlogin = 'https://a.example'\ngraph = 'https://b.example/v1'", "clouds.global.graph"),
        (GOOD + "[clouds.global]\nlogin = 'https://a.example'\ngraph = 'https://[::1'", "clouds.global.graph"),
        (GOOD + "[clouds.global]\nlogin = 'https://a.example'\ngraph = 'https://b:99999'", "clouds.global.graph"),
        (GOOD + "[clouds.global]\nlogin = 'https://a.example'", "clouds"),
        (GOOD + "proxy = 'host'", "proxy"),
        (GOOD + "proxy = 'socks://host:1'", "proxy"),
        (GOOD + "proxy = 'http://[::1'", "proxy"),
        (GOOD + "proxy = 'http://host:99999'", "proxy"),
        (GOOD + "ca_bundle = 'absent.pem'", "ca_bundle"),
        (GOOD + "key_file = '~no-such-user-here/key'", "key_file"),
        ("database = '~no-such-user-here/a.db'", "database"),
        (GOOD + "[keys]\na = 1", "keys"),
    ],
)
def test_every_mistake_names_its_field(text: str, field: str, tmp_path: Path) -> None:
    with pytest.raises(InvalidInput) as caught:
        parse(text.encode(), base=tmp_path)
    assert caught.value.field.startswith(field)
    assert "Traceback" not in str(caught.value)


def test_a_file_that_is_not_text_absent_or_a_directory_is_said(tmp_path: Path) -> None:
    with pytest.raises(InvalidInput, match="UTF-8"):
        parse(b"\xff\xfe", base=tmp_path)
    with pytest.raises(InvalidInput, match="there is no file"):
        load(tmp_path / "absent.toml")
    with pytest.raises(InvalidInput, match="cannot be read"):
        load(tmp_path)


def test_relative_paths_start_at_the_file_and_home_is_home(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("HOME", "/home/dana")
    (tmp_path / "ca.pem").write_text("x")
    text = 'database = "data/a.db"\nkey_file = "~/k"\nca_bundle = "ca.pem"\nstate_directory = "/var/s"\n'
    found = parse(text.encode(), base=tmp_path)
    assert found.database == str(tmp_path / "data/a.db")
    assert found.key_file == "/home/dana/k"
    assert found.ca_bundle == str(tmp_path / "ca.pem")
    assert found.state_directory == "/var/s"
    assert parse(b'database = "postgresql://h/n"', base=tmp_path).database == "postgresql://h/n"


def test_the_public_key_is_checked_against_its_pin() -> None:
    raw = b"k" * 32
    encoded = base64.b64encode(raw).decode()
    assert Settings(public_key=encoded, key_fingerprint=fingerprint(raw)).public_key_bytes() == raw
    for wrong, field in (
        (Settings(), "public_key"),
        (Settings(public_key="%%%"), "public_key"),
        (Settings(public_key="QUJD"), "public_key"),
        (Settings(public_key="é"), "public_key"),
        (Settings(public_key=encoded, key_fingerprint="other"), "key_fingerprint"),
    ):
        with pytest.raises(InvalidInput) as caught:
            wrong.public_key_bytes()
        assert caught.value.field == field


WORD = st.text(st.characters(exclude_categories=["Cs"]), max_size=12)
HOSTS = st.builds(
    CloudHosts,
    login=st.just("https://login.example:8443"),
    graph=st.sampled_from(["https://g.example", "https://[::1]:1"]),
)
SETTINGS: Any = st.builds(
    Settings,
    database=st.just("/srv/atlas/a.db") | st.just("postgresql://h/n"),
    state_directory=st.just("/srv/state"),
    shared=st.booleans(),
    key_file=st.just("/srv/k"),
    public_key=WORD,
    key_fingerprint=WORD,
    proxy=st.sampled_from(["", "http://host:3128"]),
    clouds=st.dictionaries(st.sampled_from(["global", "usgov", "dod", "china"]), HOSTS),
    workspace=WORD,
    theme=WORD,
    keys=st.dictionaries(WORD, WORD, max_size=4),
    worker=st.builds(
        WorkerSettings, slots=st.integers(1, 64), grace_seconds=st.floats(0, 600), queue=WORD
    ),
)  # fmt: skip


@settings(deadline=None, suppress_health_check=list(HealthCheck))
@given(SETTINGS)
def test_what_is_saved_is_what_is_loaded(tmp_path: Path, given_settings: Settings) -> None:
    path = tmp_path / "config.toml"
    save(path, given_settings)
    assert load(path) == given_settings


def test_a_saved_file_is_private_and_whole_or_not_there(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    path = tmp_path / "new" / "config.toml"
    save(path, Settings(database="/a.db", state_directory="/s"))
    assert stat.S_IMODE(path.stat().st_mode) == 0o600
    assert stat.S_IMODE(path.parent.stat().st_mode) == 0o700
    before = path.read_bytes()

    def fail(*_: Any) -> None:
        raise OSError("disk full")

    monkeypatch.setattr("os.replace", fail)
    with pytest.raises(AtlasError, match="cannot be written"):
        save(path, Settings(database="/b.db", state_directory="/s"))
    assert path.read_bytes() == before
    assert [one.name for one in path.parent.iterdir()] == ["config.toml"]
