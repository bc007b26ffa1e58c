"""A QR code in a terminal says module for module what the library says."""

from __future__ import annotations

import pytest
import segno

from atlas_tui import qr
from storage.errors import InvalidInput

LINK = (
    "https://login.partner.microsoftonline.cn/8a3c1f0e-1b2c-4d5e-8f90-123456789abc/v2.0/adminconsent"
    "?client_id=8a3c1f0e-1b2c-4d5e-8f90-123456789abc&scope=https%3A%2F%2Fmicrosoftgraph.chinacloudapi.cn%2F.default"
    "&redirect_uri=https%3A%2F%2Fconsent.example.com%2Fatlas-consent&state=" + "x" * 43
)
HALVES = {"█": (True, True), "▀": (True, False), "▄": (False, True), " ": (False, False)}


def _light_modules(text: str) -> list[list[bool]]:
    code = segno.make(text, error="l", micro=False, boost_error=False)
    return [[not module for module in row] for row in code.matrix_iter(border=qr.QUIET)]


@pytest.mark.parametrize("text", ["a", "https://example.com", LINK, "ünïcode"])
def test_half_blocks_draw_every_module(text: str) -> None:
    lines = qr.render(text)
    drawn = [row for line in lines for row in zip(*(HALVES[character] for character in line), strict=True)]
    wanted = _light_modules(text)
    assert [list(row) for row in drawn[: len(wanted)]] == wanted
    assert all(not any(row) for row in drawn[len(wanted) :])


@pytest.mark.parametrize("text", ["a", LINK])
def test_ascii_draws_every_module_twice_as_wide(text: str) -> None:
    drawn = [[line[index] == "#" for index in range(0, len(line), 2)] for line in qr.render(text, ascii=True)]
    assert drawn == _light_modules(text)
    assert all(line.isascii() for line in qr.render(text, ascii=True))


def test_the_longest_link_fits_eighty_columns() -> None:
    assert {len(line) for line in qr.render(LINK)} == {len(qr.render(LINK)[0])}
    assert len(qr.render(LINK)[0]) <= 80


def test_a_text_that_is_too_long_is_refused() -> None:
    with pytest.raises(InvalidInput):
        qr.render("x" * 3000)
