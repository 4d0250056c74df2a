"""Reports: every format says the same, shows what there is, and lets no name do harm."""

from __future__ import annotations

import csv
import io
import re
from dataclasses import replace
from datetime import UTC, timedelta, timezone
from pathlib import Path

import pytest

from report_answers import NOON, answer
from sceneseek.errors import ValueRefused
from sceneseek.reports import FORMATS, format_of, render, words
from sceneseek.reports.sheet import render_sheet
from sceneseek.reports.table import COLUMNS
from sceneseek.structures import Match, Ranking


def lines() -> list[dict[str, str]]:
    text = render(answer(), "csv").decode("utf-8-sig")
    return list(csv.DictReader(io.StringIO(text, newline="")))


def test_the_table_has_a_line_per_match_and_numbers_for_machines() -> None:
    first, second, third = lines()
    assert tuple(first) == COLUMNS
    assert (first["rank"], float(first["similarity"]), first["likely"]) == ("1", 0.97, "yes")
    assert float(first["false_match_rate"]) == pytest.approx(2e-6)
    assert first["captured_at"] == NOON.isoformat()
    assert (first["tracklet_id"], first["detection_id"]) == ("k:t1", "k:120:0")
    assert (second["likely"], second["flags"], second["captured_at"]) == ("no", "small cut", "")
    assert (third["false_match_rate"], third["likely"]) == ("", "")


def test_no_cell_is_a_formula() -> None:
    assert lines()[0]["camera"] == "'=cmd()"


def test_the_page_tells_likely_from_doubtful() -> None:
    page = render(answer(), "html").decode()
    assert page.count('class="match') == 3
    assert page.count(" likely") >= 1
    assert "no stranger expected" in page
    assert "about 4 strangers" in page
    assert "1 in 250 strangers scores this high" in page
    assert "from here on, strangers are expected to score as high" in page
    assert "1 match that no stranger is expected to reach." in page
    assert "marked as somebody else" not in page, "counter-examples have their own heading"
    assert "Not this person" in page
    assert "too few pixels to recognise anybody" in page
    assert "/media/gone.jpg is no longer there." in page
    assert "<script" not in page


def test_nobody_here_is_an_answer() -> None:
    asked = answer(0)
    far = tuple(replace(m, strangers_expected=40.0, false_match_rate=0.05) for m in asked.ranking)
    nobody = replace(asked, ranking=replace(asked.ranking, matches=far))
    for format_name in ("html", "pdf"):
        assert render(nobody, format_name)
    page = render(nobody, "html").decode()
    assert "Nobody here looks like your query" in page
    assert "from here on" not in page
    assert words.verdict(answer(0).ranking).startswith("No match stands out")
    assert "not known here" in words.verdict(answer(None).ranking)
    assert "nobody to compare" in words.verdict(Ranking((), "crowd", 0))


def test_the_document_is_a_pdf_with_pictures_and_its_verdict() -> None:
    pdf = render(answer(), "pdf")
    assert pdf.startswith(b"%PDF-")
    assert pdf.count(b"/Subtype /Image") >= 4, "two examples and two matches with a crop and a scene each"
    assert b"/URI" not in pdf
    assert b"/JavaScript" not in pdf
    assert b"/Title (Search for the person in query.jpg)" in pdf
    assert b"/Count 1" in pdf
    many = answer()
    matches = tuple(replace(many.ranking.matches[1], rank=rank) for rank in range(1, 31))
    long = replace(many, ranking=replace(many.ranking, matches=matches), views=(many.views[1],) * 30)
    count = re.search(rb"/Count (\d+)", render(long, "pdf"))
    assert count is not None
    assert int(count[1]) > 5


def test_names_in_any_script_and_with_markup_are_told_as_they_are() -> None:
    hostile = answer(name="/media/<b>&amp;Ωж\udcff.mp4")
    assert "&lt;b&gt;&amp;amp;Ωж" in render(hostile, "html").decode()
    for format_name in FORMATS:
        assert render(hostile, format_name)
    assert render_sheet(hostile).shape[2] == 3


def test_the_sheet_shows_examples_and_matches() -> None:
    small, large = render_sheet(answer(), columns=5), render_sheet(answer(), columns=1)
    assert small.shape[1] > 4 * large.shape[1] > 0


def test_moments_are_told_in_the_readers_zone() -> None:
    first = answer().ranking.matches[0]
    zone = timezone(timedelta(hours=2))
    assert words.seen(first, zone) == "2026-03-02 14:03:10 to 14:03:42"
    assert words.seen(replace(first, captured_at=None)) == "0:00.2 to 0:32.0"
    assert words.seen(replace(first, captured_at=None, sighting=None)) == "0:12.0"
    assert words.seen(replace(first, time_s=None, sighting=None), zone) == "2026-03-02 14:03:22"
    late = replace(first, captured_at=NOON + timedelta(hours=11, minutes=56, seconds=20))
    assert words.seen(late, UTC) == "2026-03-02 23:59:30 to 2026-03-03 00:00:02"
    assert words.seen(Match(1, 0.5, 0.5, (0, 0, 1, 1), "a.jpg")) == ""


def test_formats_are_known_by_name() -> None:
    assert [format_of(Path(f"a.{name.upper()}")) for name in FORMATS] == list(FORMATS)
    with pytest.raises(ValueRefused, match=r"\.html, \.pdf, \.csv; found '\.doc'"):
        format_of(Path("a.doc"))
    with pytest.raises(ValueRefused, match="no report format 'xml'"):
        render(answer(), "xml")
    with pytest.raises(ValueRefused, match="0 views of 3 matches"):
        replace(answer(), views=())
