from __future__ import annotations

from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from wellread.errors import StoreError
from wellread.index.words import fulltext
from wellread.store.engine.api import Store, write_meta


@pytest.fixture
def store(tmp_path: Path) -> Store:
    store = Store.open(tmp_path)
    with store.writing() as tx:
        fulltext.create(tx.connection)
    yield store
    store.close()


def found(store: Store, question: str, k: int = 10) -> list[int]:
    with store.reading() as connection:
        terms = fulltext.query(question, fulltext.present(connection))
        expression, _ = fulltext.plan(terms, lambda term: fulltext.count_matches(connection, term))
        return [key for key, _ in fulltext.search(connection, expression, allowed=None, k=k)]


PASSAGES = {
    "東京都の天気は明日晴れるでしょう。": "天気",
    "渡轮每天早上八点从港口出发，可以携带宠物。": "宠物",
    "เรือเฟอร์รี่ออกจากท่าเรือทุกวันเวลาแปดโมงเช้า": "ท่าเรือ",
    "Ọkọ̀ ojú omi máa ń lọ ní àárọ̀": "oko oju omi",
    "العبّارة تغادر المرفأ كل يوم في الصباح": "مرفأ",
    "नौका हर सुबह बंदरगाह से निकलती है": "बंदरगाह से",
    "페리는 매일 아침 항구에서 출발합니다": "항구",
    "Паром отходит каждое утро": "ПАРОМ",
    "The ferry leaves the harbour every morning": "ferries",
    "Đò rời bến cảng mỗi buổi sáng": "do roi ben cang",
}


@pytest.mark.parametrize("passage", PASSAGES)
def test_a_passage_in_any_script_is_found_by_its_words(store: Store, passage: str) -> None:
    keys = {text: n for n, text in enumerate(PASSAGES, 1)}
    with store.writing() as tx:
        fulltext.add(tx.connection, list(keys.values()), list(keys))
    assert found(store, PASSAGES[passage])[0] == keys[passage]


def test_yoruba_is_found_with_and_without_diacritics_however_they_are_coded(store: Store) -> None:
    with store.writing() as tx:
        fulltext.add(tx.connection, [1, 2], ["Ọjọ́ ìbí", "o\u0323jo\u0323\u0301 ibi"])
    assert sorted(found(store, "ojo")) == sorted(found(store, "Ọjọ́")) == [1, 2]


def test_one_character_finds_it_anywhere_in_a_run(store: Store) -> None:
    with store.writing() as tx:
        fulltext.add(tx.connection, [1, 2], ["北京大学", "上海"])
    assert found(store, "学") == found(store, "北") == found(store, "大") == [1]


def test_a_removed_text_is_found_no_more_and_its_neighbours_still_are(store: Store) -> None:
    with store.writing() as tx:
        fulltext.add(tx.connection, [1, 2], ["dogs travel free", "dogs pay four euros"])
    with store.writing() as tx:
        fulltext.remove(tx.connection, [1], ["dogs travel free"])
    assert found(store, "dogs") == [2]
    assert found(store, "free") == []
    with store.reading() as connection:
        assert fulltext.size(connection) == 1


def test_stop_words_go_from_a_long_question_and_stay_in_one_of_nothing_else() -> None:
    assert fulltext.query("What is the price of the ferry?") == ['"price"', '"ferry"']
    assert fulltext.query("Wie viel kostet die Fähre?") == ['"viel"', '"kostet"', '"fahre"']
    assert fulltext.query("to be or not to be") == ['"to"', '"be"', '"or"', '"not"']


def test_a_frequent_word_is_left_out_when_rare_ones_fill_the_budget() -> None:
    counts = {"a": 90, "b": 5, "c": 30, "d": 0}
    assert fulltext.plan(list(counts), lambda e: counts[e], budget=50) == ("b OR c", ["b", "c"])
    assert fulltext.plan(["d"], lambda e: counts[e], budget=50) == ("", [])


def test_words_that_are_all_frequent_are_asked_for_together() -> None:
    counts = {"a": 90, "b": 80, "b AND a": 20}
    assert fulltext.plan(["a", "b"], lambda e: counts[e], budget=50) == ("b AND a", ["b", "a"])


@given(st.text(max_size=60))
def test_any_question_makes_an_expression_that_sqlite_takes(question: str) -> None:
    with Store.open(_shared()) as store:
        found(store, question)


def _shared() -> Path:
    import tempfile

    global _FOLDER
    if _FOLDER is None:
        _FOLDER = Path(tempfile.mkdtemp())
        with Store.open(_FOLDER) as store, store.writing() as tx:
            fulltext.create(tx.connection)
            fulltext.add(tx.connection, [1], ["some text"])
    return _FOLDER


_FOLDER: Path | None = None


@given(st.text(alphabet="aé漢字かนาท أ", min_size=1, max_size=12))
def test_a_text_is_tokenized_the_same_twice(passage: str) -> None:
    assert fulltext.tokens(passage) == fulltext.tokens(passage)
    assert fulltext.fold(fulltext.fold(passage)) == fulltext.fold(passage) or "ا" in fulltext.fold(passage)


def test_an_index_of_another_tokenizer_is_refused_with_the_cure(store: Store) -> None:
    with store.writing() as tx:
        write_meta(tx.connection, fulltext.META_KEY, "0")
    with store.reading() as connection, pytest.raises(StoreError, match="run once: wellread sync"):
        fulltext.exists(connection)
