"""Two ways of writing one number, date or time are the same; two different ones are not."""

from __future__ import annotations

from datetime import date

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from wellread.metrics.metrics import is_number, number_match
from wellread.retrieve.quantities import quantities


@pytest.mark.parametrize(
    ("answer", "text"),
    [
        ("24%", "no more than 24 per cent of the shares"),
        ("24 percent", "24 %"),
        ("61,600", "the master earns 61 600 kroner"),
        ("61600 kr", "| 6 | Master | 54,700 | 57,900 | 61,600 |"),
        ("61,600", "61’600"),
        ("NOK 75", "It costs 75 kroner."),
        ("€1,5", "EUR 1.50"),
        ("1.250,50 €", "€1,250.50"),
        ("$2 million", "about $2,000,000 a year"),
        ("£3m", "three million pounds"),
        ("two years", "you agree to stay for 24 months"),
        ("90 minutes", "an hour and a half, or 1 hour 30 minutes"),
        ("1.5 hours", "it takes 90 min"),
        ("half an hour", "30-minute crossing"),
        ("10 minutes", "between 5 and 10 minutes"),
        ("5 minutes", "between 5 and 10 minutes"),
        ("0.40 mm", "inlet 0.40 millimetres, exhaust 0.60 millimetres"),
        ("1.8 m", "shorter than 180 cm"),
        ("1008 kWh", "1,008 kilowatt-hours in all"),
        ("17 m/s", "Eider Sound 17 m/s"),
        ("36 km/h", "10 metres per second"),
        ("−5 °C", "at -5 degrees Celsius"),
        ("twelve", "12 places"),
        ("twenty-five", "There are 25 of them"),
        ("2½ hours", "2.5 hours"),
        ("a dozen", "12 eggs"),
        ("27", "paid on the 27th of the month"),
        ("27th", "on day 27"),
        ("12 passengers", "It takes 12."),
        ("185 kroner a night", "a sea allowance of 185 kroner per night"),
        ("185 kroner a night", "185 kroner"),
        ("9 May 1921", "On May 9th, 1921 it was founded."),
        ("9 May 1921", "1921-05-09"),
        ("9 May 1921", "09.05.1921"),
        ("15 February", "by 15 February 2026"),
        ("1921", "founded on 9 May 1921"),
        ("12 October", "from 12 to 30 October"),
        ("May 2026", "on 3 May 2026"),
        ("9:45 am", "leaves at 09:45"),
        ("9.45 pm", "21:45"),
        ("noon", "12:00"),
        ("9 o'clock", "at 21:00"),
        ("08:50 and 09:45", "It leaves at 08:50 and at 09:45."),
        ("about 6", "rose by six kroner"),
        ("2:35", "it lasts 2 minutes 35 seconds"),
        ("1 hour 25 minutes", "1:25"),
        ("4th day", "from the fourth day of absence"),
        ("1,378", "Brannholm,Brannholm,1378,1,6.1,2.3,BR-2"),
        ("22", "Old Margit,1976,Kestvik Slip,48.1,22,120,10.5,HVOM"),
        ("1,234,567,890", "1,234,567,890 kroner"),
        ("158", "2 Kestvik to Brannholm 158 339 405 566 62"),
    ],
)
def test_the_same_quantity_is_found_however_it_is_written(answer: str, text: str) -> None:
    assert is_number(answer)
    assert number_match(text, [answer]) == 1.0


@pytest.mark.parametrize(
    ("answer", "text"),
    [
        ("24%", "24 kroner"),
        ("75 kroner", "75 euros"),
        ("75", "1,750"),
        ("75", "175 or 75.5 or 0.75"),
        ("6", "Form F-6 and cabin 6b of version 1.6.0"),
        ("19", "COVID-19"),
        ("5 minutes", "5 hours"),
        ("5 hours", "between 5 and 10 minutes"),
        ("1 hour", "1 hour 25 minutes"),
        ("25 minutes", "1 hour 25 minutes"),
        ("12 passengers", "12 cars"),
        ("12 hours", "12 passengers"),
        ("185 kroner a night", "185 kroner a week"),
        ("9 May 1921", "9 May 1922"),
        ("9 May 1921", "in May 1921"),
        ("20", "leaves at 10:20"),
        ("0", "leaves at 10:20"),
        ("2:35", "at 3:35 or in 2 minutes 45 seconds"),
        ("61", "It costs 61,600 kroner, in all"),
        ("12", "on 12 October"),
        ("1920", "9 May 1921"),
        ("08:50 and 09:45", "It leaves at 08:50."),
        ("9 hours", "The shift begins at 9:00"),
        ("-5 °C", "5 °C"),
        ("5 °C", "-5 °C"),
        ("1990", "in the 1990s"),
        ("158339", "2 Kestvik to Brannholm 158 kroner, 339 with a car"),
        ("6", ""),
    ],
)
def test_another_quantity_is_not_taken_for_it(answer: str, text: str) -> None:
    assert number_match(text, [answer]) == 0.0


@pytest.mark.parametrize("answer", ["F-12", "hook 9", "Line 6", "Pia Gunwale", "free", "frame 52", "", "HV 32", "A4"])
def test_a_name_with_a_number_is_no_number(answer: str) -> None:
    assert not is_number(answer)


def test_tolerance_is_relative_and_never_for_dates() -> None:
    assert number_match("about 98 kroner", ["100 kroner"]) == 0.0
    assert number_match("about 98 kroner", ["100 kroner"], tolerance=0.02) == 1.0
    assert number_match("about 97 kroner", ["100 kroner"], tolerance=0.02) == 0.0
    assert number_match("10 May 1921", ["9 May 1921"], tolerance=0.5) == 0.0
    assert number_match("09:46", ["09:45"], tolerance=0.5) == 0.0
    with pytest.raises(ValueError, match="tolerance"):
        number_match("1", ["1"], tolerance=-0.1)


def test_answers_without_a_number_say_nothing_here() -> None:
    assert number_match("Pia Gunwale, 75", ["Pia Gunwale"]) == 0.0
    assert number_match("75", ["Pia Gunwale", "75"]) == 1.0


@settings(deadline=None)
@given(st.integers(0, 10**9), st.sampled_from(["{:,}", "{}", "{:,} kroner", "NOK {:,}", "{} per cent", "{:,} km"]))
def test_a_whole_number_is_found_in_every_style(number: int, style: str) -> None:
    written = style.format(number)
    assert number_match(f"It is {written}.", [str(number)]) == 1.0
    assert number_match(f"It is {written}.", [str(number + 1)]) == 0.0


@settings(deadline=None)
@given(st.dates(date(1000, 1, 1), date(2999, 12, 31)))
def test_a_day_is_found_in_every_style(day: date) -> None:
    long = f"{day.day} {day:%B} {day.year}"
    for text in (f"On {long}.", f"{day:%B} {day.day}, {day.year}", day.isoformat(), f"{day.day}. {day:%b} {day.year}"):
        if "." in text and text[-1] != ".":
            continue  # «9. May» is German: not promised
        assert number_match(text, [long]) == 1.0, text
    assert number_match(f"On {long}.", [str(day.year)]) == 1.0


@settings(deadline=None)
@given(st.integers(0, 23), st.integers(0, 59))
def test_a_time_of_day_is_one_value_in_both_clocks(hour: int, minute: int) -> None:
    half, twelve = "pm" if hour >= 12 else "am", hour % 12 or 12
    assert number_match(f"at {twelve}:{minute:02} {half}", [f"{hour:02}:{minute:02}"]) == 1.0
    assert number_match(f"at {hour:02}:{minute:02}", [f"{(hour + 1) % 24:02}:{minute:02}"]) == 0.0


@settings(deadline=None)
@given(st.text(max_size=200))
def test_any_text_can_be_read(text: str) -> None:
    for quantity in quantities(text):
        assert quantity.span.start < quantity.span.end
