from __future__ import annotations

from pathlib import Path

import pytest
from tests.index.bases import EVERYONE, WordEmbedder, filled, ready

from wellread.errors import StoreError
from wellread.index import build, check
from wellread.index.settings import IndexSettings
from wellread.index.words import fulltext, languages
from wellread.store.engine.api import Store, read_meta, write_meta
from wellread.sync.remove import remove
from wellread.sync.sync import apply

PASSAGES = {
    "de": "Die Fahrpläne der Fähren gelten nur von Mai bis September, und zwar nicht an Feiertagen.",
    "fr": "Les chevaux ne sont pas admis dans les cabines réservées aux passagers de la compagnie.",
    "es": "Los perros pequeños pueden viajar en las cabinas con sus dueños, pero no en los salones.",
    "it": "I cani di piccola taglia possono viaggiare nelle cabine con i loro padroni, ma non nel salone.",
    "pt": "As opiniões dos passageiros são lidas pela companhia, mas não são publicadas em nenhum lugar.",
    "nl": "De honden mogen niet mee naar het dek, maar wel in de hutten die daarvoor zijn ingericht.",
    "sv": "Hundarna får inte vara på däck och de som reser med dem ska boka en hytt på förhand.",
    "ru": "Паромы отправляются из гаваней каждое утро, билеты продаются в кассах.",
    "en": "The ferries leave the harbours every morning, and tickets are sold at the counters.",
}
QUESTIONS = {
    "de": ["Fahrplan", "Feiertag", "die Fähre", "Faehre", "fahre"],
    "fr": ["cheval", "cabine réservée", "reservees"],
    "es": ["perro pequeño", "dueño", "viajamos"],
    "it": ["cane", "padrone"],
    "pt": ["opinioes", "passageiro", "publicado"],
    "nl": ["hond"],
    "sv": ["hund", "hytter"],
    "ru": ["паром", "билетов"],
    "en": ["ferry", "harbour"],
}


def in_store(folder: Path, language: str = "auto") -> Store:
    store = Store.open(folder)
    with store.writing() as tx:
        fulltext.create(tx.connection, language)
        fulltext.add(tx.connection, list(range(len(PASSAGES))), list(PASSAGES.values()))
    return store


def found(store: Store, question: str) -> list[str]:
    with store.reading() as connection:
        terms = fulltext.query(question, fulltext.present(connection))
        expression, _ = fulltext.plan(terms, lambda term: fulltext.count_matches(connection, term))
        rows = fulltext.search(connection, expression, allowed=None, k=3)
    return [list(PASSAGES)[key] for key, _ in rows]


@pytest.mark.parametrize("language", PASSAGES)
def test_the_language_of_a_passage_is_told_by_its_little_words_or_its_script(language: str) -> None:
    assert languages.guess(PASSAGES[language]) == language


def test_what_is_unclear_counts_as_english() -> None:
    for passage in ("", "12.50", "Kestvik - Havrin 07:45", "x = y", "Die Hard also stars Alan Rickman.", "の海"):
        assert languages.guess(passage) == "en"


@pytest.mark.parametrize("language", QUESTIONS)
def test_another_form_of_a_word_finds_the_passage_in_its_language(tmp_path: Path, language: str) -> None:
    with in_store(tmp_path) as store:
        for question in QUESTIONS[language]:
            assert found(store, question)[:1] == [language], question


def test_without_stems_of_the_language_another_form_finds_nothing(tmp_path: Path) -> None:
    with in_store(tmp_path, "en") as store:
        assert found(store, "Feiertag") == found(store, "cheval") == found(store, "паром") == []
        assert found(store, "Fahrpläne") == ["de"] and found(store, "ferry") == ["en"]


def test_a_word_that_languages_stem_alike_is_looked_for_once() -> None:
    assert fulltext.term("kestvik", ["de", "fr", "sv"]) == '"kestvik"'
    assert fulltext.term("fähren", ["de"]) == '("fahren" OR "fahr")'
    assert fulltext.query("der fähren", ["de"]) == ['"der"', '("fahren" OR "fahr")']


def test_a_word_is_indexed_with_the_stem_of_its_unaccented_form_too() -> None:
    assert fulltext.forms("réservées", "fr") == ["reserv", "reserve"]
    assert fulltext.forms("fähren", "de") == ["fahr"]
    assert fulltext.tokens("Places réservées 2026", "fr") == "plac reserv reserve 2026"


def test_a_base_in_german_comes_and_goes_with_its_documents_and_checks_whole(tmp_path: Path) -> None:
    with Store.open(tmp_path) as store:
        filled(store, WordEmbedder(), ready("/a", PASSAGES["de"], title="Fahrten"), ready("/b", PASSAGES["en"]))
        assert check.check(store) == []
        with store.reading() as connection:
            assert fulltext.present(connection) == ["de"]
        assert remove(store, "/a", who=EVERYONE) == 1
        assert check.check(store) == []


def test_another_language_in_the_settings_is_refused_until_the_words_are_made_anew(tmp_path: Path) -> None:
    german = IndexSettings(language="de")
    with Store.open(tmp_path) as store:
        filled(store, WordEmbedder(), ready("/a", PASSAGES["de"]))
        with pytest.raises(StoreError, match=r"index\.language = auto, it is now de.*wellread index rebuild"):
            apply(store, iter([ready("/b", "mehr")]), WordEmbedder(), tenant="default", settings=german)
        build.rebuild(store, WordEmbedder(), settings=german)
        apply(store, iter([ready("/b", "mehr")]), WordEmbedder(), tenant="default", settings=german)
        assert check.check(store) == []


def test_words_that_an_earlier_program_indexed_are_indexed_anew(tmp_path: Path) -> None:
    with Store.open(tmp_path) as store:
        filled(store, WordEmbedder(), ready("/a", "dogs pay four euros", title="Dogs"))
        assert not build.renew_words(store)
        with store.writing() as tx:
            tx.connection.exec_driver_sql("DROP TABLE chunks_fts")
            tx.connection.exec_driver_sql("CREATE VIRTUAL TABLE chunks_fts USING fts5(text, content='')")
            write_meta(tx.connection, fulltext.META_KEY, "1")
        assert build.renew_words(store)
        assert check.check(store) == []
        with store.reading() as connection:
            assert read_meta(connection, fulltext.META_KEY) == fulltext.TOKENIZER


def test_a_word_of_the_title_weighs_as_the_setting_says(tmp_path: Path) -> None:
    with Store.open(tmp_path) as store:
        with store.writing() as tx:
            fulltext.create(tx.connection)
            fulltext.add(tx.connection, [1, 2], ["they pay four euros", "dogs and dogs sail"], ["dogs", "other"])
        with store.reading() as connection:
            for weight, first in ((0.5, 2), (1.0, 2), (4.0, 1)):
                rows = fulltext.search(connection, '"dogs"', allowed=None, k=2, title_weight=weight)
                assert rows[0][0] == first


def test_a_fault_in_the_glossary_is_found(tmp_path: Path) -> None:
    with Store.open(tmp_path) as store:
        filled(store, WordEmbedder(), ready("/a", "The emergency beacon (EB) floats."), ready("/b", "no names here"))
        assert check.check(store) == []
        with store.writing() as tx:
            tx.connection.exec_driver_sql("UPDATE glossary SET long = 'emergency bacon'")
            tx.connection.exec_driver_sql("INSERT INTO glossary VALUES (999, 'A', 'B', 'a', 'b')")
        told = [fault.what for fault in check.check(store) if fault.where == "glossary"]
        assert told == [
            "what it holds of 1 chunks is not what they say",
            "it holds names from 1 chunks that are gone, the first of chunk 999",
        ]
