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
from sceneseek.reports.verdicts import STANDINGS, answer_words, match_words
from sceneseek.structures import ImageArray, Match, Ranking


def lines() -> list[dict[str, str]]:
    text = render(answer(), "csv").decode("utf-8-sig")
    return list(csv.DictReader(io.StringIO(text, newline="")))


def test_the_table_has_a_line_per_match_and_numbers_for_machines() -> None:
    first, second, third = lines()
    assert tuple(first) == COLUMNS
    assert (first["rank"], float(first["similarity"]), first["standing"]) == ("1", 0.97, "likely")
    assert [float(first[name]) for name in ("false_match_rate", "rate_low", "rate_high")] == [2e-6, 1e-6, 5e-6]
    assert (first["rate_borrowed"], first["one_piece_with"]) == ("no", "")
    assert [float(first[name]) for name in ("others_expected", "others_low", "others_high")] == [0.002, 0, 0.01]
    assert first["captured_at"] == NOON.isoformat()
    assert (first["tracklet_id"], first["detection_id"]) == ("k:t1", "k:120:0")
    assert (second["standing"], second["flags"], second["captured_at"]) == ("possible", "small cut", "")
    assert (second["rate_borrowed"], second["one_piece_with"]) == ("yes", "1")
    assert (third["false_match_rate"], third["others_expected"], third["standing"]) == ("", "", "possible")


def test_no_cell_is_a_formula() -> None:
    assert lines()[0]["camera"] == "'=cmd()"


def test_the_page_tells_likely_from_doubtful() -> None:
    page = render(answer(), "html").decode()
    assert page.count('class="match') == 3
    assert page.count("<b>Likely</b>") == 1
    assert page.count("<b>Possible</b>") == 2
    assert "<b>1 likely match</b> Hardly anybody else expected as high as the best one." in page
    assert "about 4 other people expected this high (1 to 9)" in page
    assert "1 in 250 strangers scores this high; too few people were seen together in this folder" in page
    assert "together in this folder, so it is borrowed from others; 1 in 1,000 to 1 in 50" in page
    assert "1 in 1,000 to 1 in 50" in page
    assert "resembles match 1 more than your query: one piece of evidence with it" in page
    assert "no stranger" not in page, "nothing is certain"
    assert "marked as somebody else" not in page, "counter-examples have their own heading"
    assert "Not this person" in page
    assert "too few pixels to recognise anybody" in page
    assert "/media/gone.jpg is no longer there." in page
    assert "<script" not in page


def test_there_are_three_answers_and_none_is_absolute() -> None:
    likely, possible, distant = (answer_words(answer(standing).ranking) for standing in STANDINGS)
    assert (likely.headline, possible.headline) == ("1 likely match", "Possible: look at these")
    assert distant.headline == "Nothing close"
    assert "No match is certain" in possible.detail
    assert distant.detail.startswith("Even the best match is less like your query than 19 of 20 people here")
    unknown = answer_words(answer("possible", calibrated=False).ranking)
    assert "not known" in unknown.detail
    assert "no match is called likely" in unknown.detail
    assert "nobody to compare" in answer_words(Ranking((), "crowd", 0)).headline
    for standing in STANDINGS:
        page = render(answer(standing), "html").decode()
        assert f"<b>{answer_words(answer(standing).ranking).headline}</b>" in page
        assert render(answer(standing), "pdf")


def test_likely_pictures_of_one_person_are_counted_once() -> None:
    match = answer().ranking.matches[0]
    matches = tuple(replace(match, rank=rank, piece=1, detection_id=f"k:{rank}:0") for rank in (1, 2, 3))
    alike = Ranking(matches, "crowd", 900, standing="likely", calibrated=True)
    assert answer_words(alike).headline == "3 likely matches"
    assert answer_words(alike).detail.endswith("They resemble one another and are 1 piece of evidence.")
    apart = replace(alike, matches=(*matches[:2], replace(matches[2], piece=3)))
    assert answer_words(apart).detail.endswith("together they are 2 pieces of evidence.")
    assert answer_words(apart.showing(apart.matches[1:])).headline == "2 likely matches"


def test_every_word_of_a_match_is_in_every_report() -> None:
    """HTML and PDF say of a match what the terminal and the page say of it."""
    said = match_words(answer().ranking.matches[1])
    page = render(answer(), "html").decode()
    for text in (said.standing, said.rate, said.basis, said.others, said.evidence):
        assert text in page
    example = match_words(replace(answer().ranking.matches[0], standing=None, false_match_rate=None))
    assert (example.standing, example.steps) == ("Example", None)
    assert "proves nothing" in example.basis
    assert match_words(answer().ranking.matches[0]).steps == 5


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


def test_a_report_names_the_zone_of_its_times() -> None:
    said = answer()
    first = said.ranking.matches[0]
    assert first.captured_at is not None
    zone = first.captured_at.astimezone().tzname()
    assert said.facts()["Times"] == f"by the clock of {zone}"
    timeless = tuple(replace(match, captured_at=None) for match in said.ranking)
    assert "Times" not in replace(said, ranking=replace(said.ranking, matches=timeless)).facts()


def test_a_borrowed_rate_is_called_so_where_there_is_room_for_few_words() -> None:
    first, second, third = (match_words(match).short_rate for match in answer().ranking)
    assert first.endswith(" strangers")
    assert second == "1 in 250 strangers (borrowed)"
    assert third == "rate not known"


def test_formats_are_known_by_name() -> None:
    assert [format_of(Path(f"a.{name.upper()}")) for name in FORMATS] == list(FORMATS)
    with pytest.raises(ValueRefused, match=r"\.html, \.pdf, \.csv; found '\.doc'"):
        format_of(Path("a.doc"))
    with pytest.raises(ValueRefused, match="no report format 'xml'"):
        render(answer(), "xml")
    with pytest.raises(ValueRefused, match="0 views of 3 matches"):
        replace(answer(), views=())


def test_the_lines_of_a_caption_stay_lines_and_a_name_makes_none(monkeypatch: pytest.MonkeyPatch) -> None:
    drawn: list[str] = []

    def sheet(tiles: list[ImageArray], captions: list[str], **_: object) -> ImageArray:
        drawn.extend(captions)
        return tiles[0]

    monkeypatch.setattr("sceneseek.reports.sheet.contact_sheet", sheet)
    plain = answer()
    first, *rest = plain.ranking.matches
    first = replace(first, source="/media/a\nb\x1b[2J.jpg", camera_id="door\nx")
    render_sheet(replace(plain, ranking=replace(plain.ranking, matches=(first, *rest))))
    captions = drawn[len(plain.asked) :]
    assert {caption.count("\n") for caption in captions} == {2}
    assert captions[0].split("\n")[1] == "a\\x0ab\\x1b[2J.jpg"
    assert not any("\\x0a" in caption for caption in captions[1:])
