from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from wellread.index.graph import names, triples
from wellread.index.graph.names import Extracted

TEXT = """# Ships

The Gannet Bay was built at Thornsund Yard. In May pump HB-204 of the Gannet Bay failed on Line 2.

Mr Nils Capstan leads the Bank of Mirrey; unlike FTX it stands. Apple's iPhone is not on board."""


def found(passage: str) -> list[tuple[str, str]]:
    return [(mention.text, mention.kind) for mention in names.extract(passage).mentions]


def related(extracted: Extracted) -> set[tuple[str, str, str]]:
    return {(r.one, r.label, r.other) for r in extracted.relations}


def sound(passage: str, extracted: Extracted) -> None:
    """Every name stands where it says, and relations are between names that stand in their place."""
    for mention in extracted.mentions:
        assert passage[mention.span.start : mention.span.end] == mention.text
        assert mention.key == names.key_of(mention.text)
    for relation in extracted.relations:
        start, end = relation.span
        inside = {m.key for m in extracted.mentions if start <= m.span.start and m.span.end <= end}
        assert {relation.one, relation.other} <= inside and relation.one != relation.other


def test_names_codes_and_what_is_said_between_them_are_found_by_hand() -> None:
    assert found(TEXT) == [
        ("Gannet Bay", "name"), ("Thornsund Yard", "name"), ("HB-204", "code"), ("Gannet Bay", "name"),
        ("Line 2", "code"), ("Nils Capstan", "name"), ("Bank of Mirrey", "name"), ("FTX", "name"), ("iPhone", "name"),
    ]  # fmt: skip
    said = related(names.extract(TEXT))
    assert ("gannet bay", "was built at", "thornsund yard") in said
    assert ("hb 204", "of the", "gannet bay") in said
    assert ("nils capstan", "leads the", "bank of mirrey") in said
    assert not any("thornsund yard" in (one, other) and "hb 204" in (one, other) for one, _, other in said)


def test_a_word_that_only_begins_a_sentence_or_a_cell_is_no_name() -> None:
    assert found("Pumps fail. Checks are due. The valve is open.") == []
    assert found("| Role | Renewed |\n|---|---|\n| Master | daily |") == []
    assert found("Kestvik is an island. We sail to Kestvik.") == [("Kestvik", "name"), ("Kestvik", "name")]
    assert found("On Mondays in January nothing sails.") == []
    assert found("RESULTS The ferry sails. OBJECTIVE We ask WHO and the IT of NASA. NASA answers.") == [
        ("WHO", "name"), ("IT of NASA", "name"), ("NASA", "name"),
    ]  # fmt: skip


def test_the_long_form_of_an_abbreviation_is_a_name_where_it_is_explained() -> None:
    passage = "The roll-on roll-off (ro-ro) deck is full. Use NASA codes. A safety management system (SMS) is kept."
    assert ("safety management system", "term") in found(passage)


def test_rows_of_a_table_are_not_related_with_each_other() -> None:
    passage = "| Gannet Bay | Line 1 |\n| Little Auk | Line 2 |"
    assert {(one, other) for one, _, other in related(names.extract(passage))} == {
        ("gannet bay", "line 1"), ("little auk", "line 2"),
    }  # fmt: skip


@pytest.mark.parametrize(
    ("one", "other"),
    [("Linkspans", "linkspan"), ("The Ferries", "ferry"), ("Café Rouge", "CAFE  ROUGE"), ("HB-204", "hb 204"),
     ("Gull & Kettle’s", "gull kettle"), ("Boxes", "box"), ("HRs", "HR")],
)  # fmt: skip
def test_spellings_of_one_name_have_one_key(one: str, other: str) -> None:
    assert names.key_of(one) == names.key_of(other) != ""


def test_other_names_have_other_keys() -> None:
    assert len({names.key_of(name) for name in ("Line 2", "Line 3", "Gannet Bay", "Gannet Point", "bus", "glass")}) == 6
    assert names.key_of("the") == names.key_of("—") == ""


WORDS = st.sampled_from(
    [
        "Gannet",
        "Bay",
        "the",
        "of",
        "HB-204",
        "ferry",
        "Ólafur’s",
        "IT",
        "12",
        "|",
        ".",
        "\n",
        "; ",
        ": ",
        "Line 2",
        "(SMS)",
        "東京",
    ]
)


@given(st.lists(WORDS, max_size=40).map(" ".join))
def test_every_name_stands_where_it_says_in_any_text(passage: str) -> None:
    extracted = names.extract(passage)
    sound(passage, extracted)
    assert extracted == names.extract(passage)


# what a chat model lists


def test_statements_of_a_model_are_read_in_every_form_that_models_write() -> None:
    wanted = [("Gannet Bay", "built at", "Thornsund Yard"), ("Nils Capstan", "leads", "Bank of Mirrey")]
    bars = (
        "Here you are:\n- Gannet Bay | built at | Thornsund Yard\n2. Nils Capstan | leads | Bank of Mirrey\n| a | b |"
    )
    assert triples.parsed(bars) == wanted
    assert (
        triples.parsed("(Gannet Bay; built at; Thornsund Yard)\n<Nils Capstan> -> leads -> <Bank of Mirrey>") == wanted
    )
    as_object = '{"s": "Nils Capstan", "r": "leads", "o": "Bank of Mirrey"}'
    as_json = f'```json\n[["Gannet Bay", "built at", "Thornsund Yard"], {as_object}]\n```'
    assert triples.parsed(as_json) == wanted
    assert triples.parsed("I cannot do that.") == [] and triples.parsed("[1, 2") == []


def test_a_statement_counts_only_where_both_names_stand_in_the_passage() -> None:
    listed = [
        ("gannet bay", "was built at", "Thornsund Yard"),
        ("Gannet Bay", "was built in", "Shanghai"),
        ("pump hb-204", "failed on", "Line 2"),
        ("Line 2", "is", "line 2"),
    ]
    extracted = triples.taken(TEXT, listed)
    sound(TEXT, extracted)
    assert extracted.dropped == 2
    assert related(extracted) == {
        ("gannet bay", "was built at", "thornsund yard"), ("pump hb 204", "failed on", "line 2"),
    }  # fmt: skip
    place = next(r.span for r in extracted.relations if r.one == "gannet bay")
    assert TEXT[place.start : place.end] == "The Gannet Bay was built at Thornsund Yard."


@given(st.lists(st.tuples(*[st.text(alphabet="Gab H2|. (\n", max_size=8)] * 3), max_size=6), st.text(max_size=80))
def test_nothing_that_a_model_writes_breaks_the_reading_of_it(listed: list[tuple[str, str, str]], noise: str) -> None:
    triples.parsed(noise + "\n".join(" | ".join(row) for row in listed))
    extracted = triples.taken(TEXT, listed)
    sound(TEXT, extracted)
    assert len(extracted.relations) + extracted.dropped == len(listed)
