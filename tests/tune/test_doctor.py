"""Every broken file gives its finding with file and row, nothing is dropped unlisted, and clean data stays clean."""

from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st
from tests.tune import bad_data, chat_tokenizer

from wellread import personal
from wellread.errors import UsageError
from wellread.knowledge_base import KnowledgeBase
from wellread.tune.data import files, prepare
from wellread.tune.data.data import ClassifyRow, PreferenceRow
from wellread.tune.data.doctor import Instruments, examine
from wellread.tune.data.findings import KINDS, Policy, exit_code
from wellread.tune.data.prepare import Prepared, PrepareRequest
from wellread.tune.data.rows import PlacedRow
from wellread.tune.data.set_checks import by_cluster
from wellread.tune.data.settings import PrepareSettings

CORPUS = bad_data.corpus()


@pytest.fixture(scope="module")
def base(tmp_path_factory: pytest.TempPathFactory) -> Iterator[KnowledgeBase]:
    with KnowledgeBase.create(tmp_path_factory.mktemp("base")) as made:
        yield made


@pytest.fixture(scope="module")
def model(tmp_path_factory: pytest.TempPathFactory) -> str:
    folder = chat_tokenizer.folder(tmp_path_factory.mktemp("model") / "bytes", chat_tokenizer.make())
    return f"transformers:{folder}"


def check(base: KnowledgeBase, model: str, folder: Path, case: bad_data.Broken, policy: Policy = Policy()) -> Prepared:
    paths = []
    for name, content in case.files.items():
        (folder / name).write_bytes(content)
        paths.append(folder / name)
    if case.template or case.eos != "<|im_end|>":
        tokenizer = chat_tokenizer.make(case.template or chat_tokenizer.CHATML, eos=case.eos)
        model = f"transformers:{chat_tokenizer.folder(folder / 'model', tokenizer)}"
    against = ()
    if case.questions:
        against = (folder / "exam.jsonl",)
        against[0].write_bytes(bad_data.lines([{"text": text, "answers": ["?"]} for text in case.questions]))
    wanted = PrepareRequest(
        "broken", tuple(paths), case.task, case.mapping, against=against, policy=policy, check_only=True
    )
    return prepare.prepare(base, wanted, PrepareSettings(max_length=case.max_length), model)


def test_the_corpus_has_more_than_forty_broken_files_and_knows_nearly_every_finding() -> None:
    assert len(CORPUS) >= 80
    assert len({case.name for case in CORPUS}) == len(CORPUS)
    unseen = set(KINDS) - {case.code for case in CORPUS} - {"few-rows", "over-share"}  # a share is a setting
    assert not unseen


@pytest.mark.parametrize("case", CORPUS, ids=lambda case: case.name.replace(" ", "-"))
def test_a_broken_file_gives_its_finding_with_file_and_row(
    case: bad_data.Broken, base: KnowledgeBase, model: str, tmp_path: Path
) -> None:
    made = check(base, model, tmp_path, case)
    found = [one for one in made.findings if one.code == case.code]
    assert [(one.file, one.row) for one in found][:1] == [(case.where, case.row)]
    assert case.says in found[0].message
    assert made.code == case.code_of_exit, [one.code for one in made.findings]
    if case.left is not None:
        assert sum(made.counts.values()) == case.left


@pytest.mark.parametrize("case", CORPUS, ids=lambda case: case.name.replace(" ", "-"))
def test_every_row_is_either_kept_or_listed(
    case: bad_data.Broken, base: KnowledgeBase, model: str, tmp_path: Path
) -> None:
    keep_all = Policy(keep=frozenset(code for code in KINDS if KINDS[code].dropped) - prepare.findings.IMPOSSIBLE)
    kept, dropped = check(base, model, tmp_path, case, keep_all), check(base, model, tmp_path, case)
    gone = {(one.file, one.row) for one in dropped.findings if one.dropped}
    gone -= {(one.file, one.row) for one in kept.findings if one.dropped}
    assert sum(kept.counts.values()) - sum(dropped.counts.values()) == len(gone)


def test_files_of_one_name_are_told_apart_and_lose_only_their_own_rows(
    base: KnowledgeBase, model: str, tmp_path: Path
) -> None:
    own = {"de": [0, 1, 2, 3], "en": [4, 4, 5, 6]}  # the second row of en is there already
    for folder, numbers in own.items():
        (tmp_path / folder).mkdir()
        (tmp_path / folder / "train.jsonl").write_bytes(bad_data.lines([bad_data.chat(n) for n in numbers]))
    paths = tuple(tmp_path / folder / "train.jsonl" for folder in own)
    made = prepare.prepare(base, PrepareRequest("both", paths, check_only=True), PrepareSettings(), model)
    assert [(one.code, one.where) for one in made.findings if one.dropped] == [("duplicate", "en/train.jsonl: row 2")]
    assert sum(made.counts.values()) == 7
    assert set(made.formats) == {"de/train.jsonl", "en/train.jsonl"}


def test_a_file_that_is_given_twice_is_there_once(base: KnowledgeBase, model: str, tmp_path: Path) -> None:
    path = tmp_path / "a.jsonl"
    path.write_bytes(bad_data.lines([bad_data.chat(n) for n in range(4)]))
    made = prepare.prepare(base, PrepareRequest("twice", (path, path), check_only=True), PrepareSettings(), model)
    assert [one.where for one in made.findings if one.dropped] == [f"a.jsonl (2): row {n}" for n in range(1, 5)]
    assert sum(made.counts.values()) == 4


def test_a_name_is_as_short_as_tells_files_apart() -> None:
    paths = ["/x/en/a.csv", "/y/en/a.csv", "/x/de/a.csv", "/x/de/b.csv", "/x/de/../de/b.csv", "/a.csv"]
    wanted = ["x/en/a.csv", "y/en/a.csv", "de/a.csv", "b.csv", "b.csv (2)", "/a.csv"]
    assert files.short_names([Path(path) for path in paths]) == wanted


@given(st.lists(st.lists(st.sampled_from(["a", "b", "a.csv"]), min_size=1, max_size=4), max_size=6))
def test_no_two_files_have_one_name(paths: list[list[str]]) -> None:
    found = files.short_names([Path("/", *parts) for parts in paths])
    assert len(set(found)) == len(paths)


def test_clean_data_has_no_finding_and_exit_code_zero(base: KnowledgeBase, model: str, tmp_path: Path) -> None:
    rows = bad_data.lines([bad_data.chat(n) for n in range(24)])
    made = check(base, model, tmp_path, bad_data.Broken("clean", {"a.jsonl": rows}, "", 0))
    assert (made.code, made.findings, sum(made.counts.values())) == (0, (), 24)


def test_few_rows_are_a_note_that_does_not_change_the_exit_code(
    base: KnowledgeBase, model: str, tmp_path: Path
) -> None:
    rows = bad_data.lines([bad_data.chat(n) for n in range(3)])
    made = check(base, model, tmp_path, bad_data.Broken("few", {"a.jsonl": rows}, "", 0))
    assert [one.code for one in made.findings] == ["few-rows"]
    assert made.code == 0


def test_a_warning_drops_its_row_where_the_user_says_so(base: KnowledgeBase, model: str, tmp_path: Path) -> None:
    case = next(one for one in CORPUS if one.name == "an e-mail address")
    assert sum(check(base, model, tmp_path, case).counts.values()) == 5
    made = check(base, model, tmp_path, case, Policy(drop=frozenset({"personal-data"})))
    assert sum(made.counts.values()) == 4
    assert [one.row for one in made.findings if one.dropped] == [3]


def test_a_policy_knows_its_findings_and_what_cannot_be_kept() -> None:
    with pytest.raises(UsageError, match="did you mean 'duplicate'"):
        Policy(drop=frozenset({"duplicat"}))
    with pytest.raises(UsageError, match="mend it in the file"):
        Policy(keep=frozenset({"bad-json"}))


def test_the_exit_code_follows_from_findings_and_rows() -> None:
    warning = Policy().finding("markup", "a", 1, "")
    blocking = Policy().finding("one-class", "a", 0, "")
    note = Policy().finding("few-rows", "a", 0, "")
    assert [exit_code(found, 5) for found in ([], [note], [warning], [blocking])] == [0, 0, 3, 2]
    assert exit_code([], 0) == 2


# personal data, by hand: numbers from the standards' own examples


@pytest.mark.parametrize(
    ("text", "kind"),
    [
        ("Write to a.b+c@mail.example.org.", "an e-mail address"),
        ("Pay to GB82 WEST 1234 5698 7654 32 today", "an IBAN"),
        ("Card 5555-5555-5555-4444, please", "a card number"),
        ("Her number is 078-05-1120.", "a US social security number"),
        ("NI number QQ123456C? No: AB 12 34 56 C", "a UK national insurance number"),
        ("DNI 12345678Z", "a Spanish national number"),
        ("Codice RSSMRA85T10A562S", "an Italian tax code"),
        ("Call +47 22 12 34 56 now", "a telephone number"),
        ("Call 0555 010 199 now", "a telephone number"),
        ("My phone number is 467 3395, really", "a telephone number"),
    ],
)
def test_personal_data_is_known_by_form_and_check_digit(text: str, kind: str) -> None:
    assert kind in [one.kind for one in personal.find(text)]


@pytest.mark.parametrize(
    "text",
    [
        "GB83 WEST 1234 5698 7654 32 has a wrong check digit",
        "Card 5555-5555-5555-4445 is none",
        "12345678A is no DNI",
        "On 2026-05-12 at 17:00, 1,850,000 kroner, 2.5 per cent, pages 100-200",
        "The order GB-26-0000 and PO-26-0418, part 4471-0092",
        "From 1 January 2026 to 31 December 2026",
        "1921 2026 1998 2009 are years",
        "Call the office between 12 and 14 on 24 12 days, number is 12.500 kroner",
    ],
)
def test_numbers_that_are_nobodys_are_not_personal(text: str) -> None:
    assert not [one for one in personal.find(text) if one.kind != "a telephone number"]
    assert not personal.find(text)


def test_a_raised_digit_before_a_number_is_no_part_of_it() -> None:
    (one,) = personal.find("Call about the m² rooms 12 345 678")
    assert (one.kind, one.shown) == ("a telephone number", "12…78")


@given(st.characters(categories=("No", "Nl")))
def test_no_sign_for_a_number_breaks_the_search_for_personal_data(sign: str) -> None:
    assert [one.kind for one in personal.find(f"Call {sign} at 12 345 678")] == ["a telephone number"]


@given(st.text(alphabet="0123456789", min_size=14, max_size=14))
def test_of_ten_last_digits_just_one_makes_a_card_number(digits: str) -> None:
    if len(set(digits)) > 1:
        assert sum(personal.is_card(digits + str(last)) for last in range(10)) == 1


def test_what_is_shown_of_personal_data_hides_its_middle() -> None:
    (one,) = personal.find("eva.moe@example.org")
    assert one.shown == "ev…rg"


# sets


def classified(n: int, text: str, label: str = "x") -> PlacedRow:
    return PlacedRow(ClassifyRow(str(n), text, label), "a", n)


@given(st.lists(st.text(min_size=1, max_size=40), min_size=1, max_size=12))
def test_no_text_whatsoever_breaks_the_doctor(texts: list[str]) -> None:
    rows = [classified(n, text, "ab"[n % 2]) for n, text in enumerate(texts, 1)]
    made = examine(rows, Instruments(questions=("What does a dog cost?",)))
    dropped = {one.row for one in made.findings if one.dropped}
    assert {placed.number for placed in made.rows} == {placed.number for placed in rows} - dropped


def test_rows_that_are_nearly_the_same_are_in_one_cluster() -> None:
    text = "The ferry to Mirrey leaves the harbour every morning at seven and comes back at noon"
    rows = [classified(1, text), classified(2, "Something else altogether is said here"), classified(3, text + ".")]
    one, other, third = by_cluster(rows)
    assert one == third != other


def test_phrasings_of_one_fact_are_no_near_duplicates() -> None:
    case = next(one for one in CORPUS if one.name == "a row nearly twice")
    assert case.code == "near-duplicate"
    from tests.tune.tiny import row

    question = "What is the wind limit of the ship Gannet Bay in the winter season of this year, from January to March"
    rows = [
        PlacedRow(row(text, "24 m/s", fact=fact), "a", n)
        for n, (text, fact) in enumerate([(question + "?", "one"), (question + ", please?", "one")], 1)
    ]
    assert not [one for one in examine(rows, Instruments()).findings if one.code == "near-duplicate"]
    apart = [rows[0], replace(rows[1], row=row(question + ", please?", "24 m/s", fact="two"))]
    assert [one.code for one in examine(apart, Instruments()).findings if one.code == "near-duplicate"]


def test_a_preference_is_not_examined_for_contradiction_but_for_reversal() -> None:
    rows = [
        PlacedRow(PreferenceRow("1", "Hi?", "Yes.", "No."), "a", 1),
        PlacedRow(PreferenceRow("2", "Hi?", "Yes.", "Never."), "a", 2),
    ]
    assert {one.code for one in examine(rows, Instruments()).findings} == {"few-rows"}


def test_an_odd_row_is_found_in_a_set_larger_than_what_it_is_compared_with(
    base: KnowledgeBase, monkeypatch: pytest.MonkeyPatch
) -> None:
    from wellread.tune.data import set_checks

    monkeypatch.setattr(set_checks, "REFERENCE", 25)
    monkeypatch.setattr(set_checks, "BLOCK", 7)
    rows = [classified(n, bad_data.asked(n)[0]) for n in range(60)]
    rows.insert(31, classified(99, "SELECT amount FROM invoices WHERE tax_rate > 0.19;"))
    assert [one.row for one in set_checks.meanings(rows, base.cheap, Policy())] == [99]


def test_a_rater_gives_no_more_than_the_share_that_is_set(base: KnowledgeBase, model: str, tmp_path: Path) -> None:
    rows = [
        {
            "prompt": bad_data.asked(n)[0],
            "completion": bad_data.asked(n)[1],
            "score": n % 3,
            "rater": "ann" if n % 4 else "bob",
        }
        for n in range(24)
    ]
    (tmp_path / "a.jsonl").write_bytes(bad_data.lines(rows))
    wanted = PrepareRequest("shares", (tmp_path / "a.jsonl",), check_only=True)
    made = prepare.prepare(base, wanted, PrepareSettings(rater_share=0.6), model)
    over = [one for one in made.findings if one.code == "over-share"]
    assert len(over) == 9 and sum(made.counts.values()) == 15  # 9 of ann's 18 and 6 of bob's: 60 %
    assert all(one.dropped and "'ann'" in one.message for one in over)
    made = prepare.prepare(base, wanted, PrepareSettings(rater_share=0.3), model)
    assert [one.code for one in made.findings if "share" in one.code] == ["rater-share", "rater-share"]
    assert "2 raters cannot each give at most 30%" in made.findings[-1].message or any(
        "2 raters cannot" in one.message for one in made.findings
    )
    assert sum(made.counts.values()) == 24
