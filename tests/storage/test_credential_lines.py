"""Reading many credentials from one text: any header people export, any encoding they save, and nothing of a bad line repeated."""

from __future__ import annotations

import io
import json
from itertools import islice

import pytest
from hypothesis import given
from hypothesis import strategies as st

from storage.credential_lines import BadLine, GivenLine, read_lines
from storage.errors import InvalidInput

VALUE = "canary~8Q.secret"


def read(text: str | bytes) -> list[GivenLine | BadLine]:
    return list(read_lines(io.BytesIO(text.encode() if isinstance(text, str) else text)))


@pytest.mark.parametrize("delimiter", [",", ";", "\t"])
@pytest.mark.parametrize("encoding", ["utf-8", "utf-8-sig", "utf-16"])
@pytest.mark.parametrize("end", ["\n", "\r\n"])
def test_csv_is_read_as_spreadsheets_write_it(delimiter: str, encoding: str, end: str) -> None:
    rows = [
        ["Tenant ID", "note", "Secret_Value", "Secret ID", "Expires"],
        ["contoso.com", '"a ""b"""', VALUE, "k", "2099-01-01"],
    ]
    text = end.join(delimiter.join(row) for row in rows) + end
    (line,) = read(text.encode(encoding))
    assert line == GivenLine(2, "contoso.com", VALUE, "k", "2099-01-01")


def test_json_lines_are_read_too() -> None:
    text = (
        json.dumps({"connection": 12, "secret": VALUE, "expires": None})
        + "\n\n"
        + json.dumps({"domain": "a.b", "value": "x"})
    )
    assert read(text) == [GivenLine(1, "12", VALUE), GivenLine(3, "a.b", "x")]


@pytest.mark.parametrize(
    "text",
    [
        "",
        "\n \n",
        f"{VALUE},{VALUE}\n",
        f"tenant,{VALUE}\n",
        "tenant,domain,secret\n",
        "secret\n",
        b"\xff\xfe\xff",
        b"ten\xffant,secret",
    ],
)
def test_a_text_without_a_header_is_refused_without_repeating_it(text: str | bytes) -> None:
    with pytest.raises(InvalidInput) as refused:
        read(text)
    assert VALUE not in str(refused.value)


@pytest.mark.parametrize(
    ("line", "problem"),
    [
        (f"a,{VALUE},x", "3 fields where the header has 2"),
        (f'a,"{VALUE}', "quotation mark"),
        (f",{VALUE}", "names no connection"),
        ("a," + "x" * 200_000, "too long"),
    ],
)
def test_a_bad_line_is_named_by_its_number_and_the_next_one_is_read(line: str, problem: str) -> None:
    bad, good = read(f"tenant,secret\n{line}\nb,{VALUE}\n")
    assert isinstance(bad, BadLine)
    assert bad.line == 2
    assert problem in bad.problem
    assert VALUE not in bad.problem
    assert isinstance(good, GivenLine)
    assert good.target == "b"


@pytest.mark.parametrize(
    "line",
    ["{", "[]", "1", f'{{"tenant":"a","secret":["{VALUE}"]}}', f'{{"tenant":"a","{VALUE}":"b"}}', '{"tenant":"a"}'],
)
def test_a_bad_json_line_is_named_by_its_number(line: str) -> None:
    first, bad, last = read('{"tenant":"a","secret":"b"}\n' + line + '\n{"tenant":"c","secret":"d"}')
    assert isinstance(bad, BadLine)
    assert bad.line == 2
    assert VALUE not in bad.problem
    assert isinstance(first, GivenLine)
    assert isinstance(last, GivenLine)


def test_where_the_text_stops_being_text_reading_stops_and_says_so() -> None:
    found = read(b"tenant,secret\n" + b"a,b\n" * 5000 + b"\xff\xfe,x\n" + b"c,d\n")
    assert isinstance(found[-1], BadLine)
    assert "not UTF-8" in found[-1].problem
    assert all(isinstance(line, GivenLine) for line in found[:-1])


def test_lines_come_as_they_are_read() -> None:
    """A pipe that is still being written gives its first lines at once, however many will follow."""

    class Endless(io.RawIOBase):
        given = 0

        def readable(self) -> bool:
            return True

        def readinto(self, buffer: bytearray) -> int:  # type: ignore[override]
            chunk = b"tenant,secret\n" if self.given == 0 else b"contoso.com,abc\n"
            self.given += 1
            buffer[: len(chunk)] = chunk
            return len(chunk)

    lines = list(islice(read_lines(Endless()), 3))  # type: ignore[arg-type]
    assert [line.line for line in lines] == [2, 3, 4]


def test_no_representation_shows_anything_of_a_line() -> None:
    (line,) = read(f"tenant,secret,secret id\n{VALUE},{VALUE},{VALUE}\n")
    assert VALUE not in f"{line!r} {line}"


@given(st.binary(max_size=200))
def test_any_bytes_are_lines_or_one_refusal(content: bytes) -> None:
    try:
        found = read(b"tenant,secret\n" + content)
    except InvalidInput:
        return
    assert all(isinstance(line, GivenLine | BadLine) for line in found)
