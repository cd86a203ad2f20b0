"""Personal data is masked and put back exactly; nothing that looks like it is left in between."""

from __future__ import annotations

import re

import phonenumbers
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from analysis.models.masking import Mask

GIVEN = re.compile(r"\[(?:EMAIL|PHONE|CARD|NUMBER|TEXT)-[A-Z]+\]")

EMAILS = ("bob@acme.com", "Bob.O'Neil+crm@mail.acme.co.uk", "иван@почта.рф", "jürgen@müller.example", "a_b@x-y.io")
PHONES = (
    "415-555-0132",
    "(212) 555 0187",
    "+1 (415) 555-0132",
    "+49 30 901820",
    "0171 2345678",
    "020 7946 0958",
    "+33 6 12 34 56 78",
    "(11) 91234-5678",
    "\uff14\uff11\uff15-555-0132",
)
CARDS = ("4111 1111 1111 1111", "5555-5555-5555-4444", "378282246310005", "6011.1111.1111.1117")
PERSONAL = (*EMAILS, *PHONES, *CARDS)
FORMS = (
    "[EMAIL-A]",
    "[email-b]",
    "[PHONE-A]",
    "[CARD-AB]",
    "[TEXT-A]",
    "[NUMBER-A]",
    "[EMAIL-",
    "-A]",
    "[",
    "]",
    "[[EMAIL-A]]",
)

said = st.lists(
    st.one_of(
        st.sampled_from([*PERSONAL, *FORMS]),
        st.sampled_from([" ", ", ", ".", " or ", "\n", "call ", "€", "1", "42", "+", "(", "@", ""]),
        st.text(max_size=12),
        st.text(alphabet="0123456789 -+().@[]abz,", max_size=30),
    ),
    max_size=14,
).map("".join)


def left_over(masked: str) -> list[str]:
    """What of `masked`, between the placeholders, looks like personal data to others than the mask itself."""
    found: list[str] = []
    for piece in GIVEN.split(masked):
        found += re.findall(r"[\w.+-]+@[\w-]+\.[\w.-]+", piece)
        found += [match.raw_string for match in phonenumbers.PhoneNumberMatcher(piece, "US")]
        found += [match.raw_string for match in phonenumbers.PhoneNumberMatcher(piece, "GB")]
        found += [
            digits for digits in re.findall(r"\d{13,19}", re.sub(r"(?<=\d)[ -](?=\d)", "", piece)) if luhn(digits)
        ]
    return found


def luhn(digits: str) -> bool:
    """Written another way than the mask's."""
    doubled = [sum(divmod(2 * int(digit), 10)) for digit in digits[-2::-2]]
    return (sum(doubled) + sum(map(int, digits[-1::-2]))) % 10 == 0 and len(set(digits)) > 1


@settings(deadline=None)
@given(st.lists(said, max_size=5))
def test_what_is_masked_comes_back_as_it_was(texts: list[str]) -> None:
    mask = Mask(on=True)
    masked = [mask.hide(text) for text in texts]
    assert [mask.show(text) for text in masked] == texts


@settings(deadline=None)
@given(
    st.lists(
        st.tuples(st.sampled_from(PERSONAL), st.sampled_from([", ", " or ", ". ", "; ", " (", ") ", "\n"])), max_size=8
    )
)
def test_nothing_that_looks_like_personal_data_is_left(parts: list[tuple[str, str]]) -> None:
    masked = Mask(on=True).hide("Say " + "".join(text + gap for text, gap in parts))
    assert left_over(masked) == []


@settings(deadline=None)
@given(said)
def test_an_address_is_never_left(text: str) -> None:
    masked = Mask(on=True).hide(text)
    assert [found for found in left_over(masked) if "@" in found] == []


@pytest.mark.parametrize("text", PERSONAL)
def test_each_is_masked_whole(text: str) -> None:
    masked = Mask(on=True).hide(f"It is {text}, as I said.")
    assert re.fullmatch(r"It is \[(EMAIL|PHONE|CARD)-A\], as I said\.", masked), masked


@pytest.mark.parametrize(
    "text",
    [
        "We pay 1,500,000 a year, or $4155550132 for all, €2.500.000 at most.",
        "On 2026-10-11 or 11.10.2026 at 12:30, in 2024 2025 or 2019-2020, 45% of 12345678 orders.",
        "Order 4111 1111 1111 1112 is no card, @acme no address, a@b neither.",
        "Ten or twelve people, s17, ISO 27001, 10.5 hours.",
    ],
)
def test_other_numbers_are_left(text: str) -> None:
    assert Mask(on=True).hide(text) == text


def test_the_same_text_has_the_same_placeholder_and_no_other_has_it() -> None:
    mask = Mask(on=True)
    masked = mask.hide("bob@acme.com, ann@acme.com, bob@acme.com, Bob@acme.com, 415-555-0132")
    assert masked == "[EMAIL-A], [EMAIL-B], [EMAIL-A], [EMAIL-C], [PHONE-A]"
    assert mask.hide("ann@acme.com") == "[EMAIL-B]"


def test_text_in_the_form_of_a_placeholder_is_not_taken_for_one() -> None:
    mask = Mask(on=True)
    masked = mask.hide("I wrote [EMAIL-A] and [email-b] to bob@acme.com")
    assert masked == "I wrote [TEXT-A] and [TEXT-B] to [EMAIL-A]"
    assert (
        mask.show("[EMAIL-A] [email-a] [TEXT-A] [EMAIL-B] [PHONE-A]")
        == "bob@acme.com bob@acme.com [EMAIL-A] [EMAIL-B] [PHONE-A]"
    )


def test_long_rows_of_digits_are_masked_whole() -> None:
    digits = "1 2 3 4 5 6 7 8 9 " * 4
    assert Mask(on=True).hide(f"We have {digits}boxes") == "We have [NUMBER-A] boxes"


def test_after_many_numbers_that_are_no_phone_numbers_none_is_looked_at_any_more() -> None:
    mask = Mask(on=True)
    fruitless = [f"{9_000_000 + number}," for number in range(400)]
    masked = [mask.hide(text) for text in fruitless]
    assert masked[0] == fruitless[0]
    assert re.fullmatch(r"\[PHONE-[A-Z]+\],", masked[-1])
    assert [mask.show(text) for text in masked] == fruitless


def test_more_than_letters_go_on_with_two() -> None:
    mask = Mask(on=True)
    masked = [mask.hide(f"p{number}@acme.com") for number in range(703)]
    assert (masked[0], masked[25], masked[26], masked[-1]) == ("[EMAIL-A]", "[EMAIL-Z]", "[EMAIL-AA]", "[EMAIL-AAA]")


def test_without_a_mask_nothing_changes() -> None:
    mask = Mask(on=False)
    assert mask.hide("bob@acme.com [EMAIL-A]") == "bob@acme.com [EMAIL-A]"
    assert mask.show("[EMAIL-A]") == "[EMAIL-A]"
