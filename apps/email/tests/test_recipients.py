from typing import Any

import pytest

from apps.email.recipients import LIMIT, Recipient, checked, read, without_duplicates


def test_addresses_and_addresses_with_values_are_the_same_kind() -> None:
    given: list[str | Recipient] = ["Ann@Example.com", {"to_email": "bob@example.com", "context": {"n": 1}}]
    assert checked(given) == [
        {"to_email": "Ann@example.com", "context": {}},
        {"to_email": "bob@example.com", "context": {"n": 1}},
    ]


@pytest.mark.parametrize("count", [0, LIMIT + 1])
def test_there_are_one_to_ten_thousand(count: int) -> None:
    with pytest.raises(ValueError, match=f"expected 1 to 10000 recipients, got {count}"):
        checked([f"p{number}@example.com" for number in range(count)])


def test_ten_thousand_are_taken() -> None:
    assert len(checked([f"p{number}@example.com" for number in range(LIMIT)])) == LIMIT


def test_bad_ones_are_named_by_their_number() -> None:
    with pytest.raises(ValueError, match=r"number 2: expected one address.*; number 3: the control"):
        checked(["ann@example.com", "bob", "eve\n@example.com"])


def test_only_the_first_bad_ones_are_named() -> None:
    with pytest.raises(ValueError, match=r"number 5: [^;]*; …$"):
        checked(["x"] * 100)


@pytest.mark.parametrize(
    "item", [{}, {"to": "ann@example.com"}, {"to_email": 5}, {"to_email": "a@b.cc", "context": []},
             {"to_email": "a@b.cc", "cc": "x@b.cc"}],
)  # fmt: skip
def test_other_shapes_are_refused(item: dict[str, Any]) -> None:
    with pytest.raises(ValueError, match="number 1: expected an address or"):
        checked([item])


def test_values_are_checked_too() -> None:
    with pytest.raises(ValueError, match="number 1: x: expected text, a number"):
        checked([{"to_email": "ann@example.com", "context": {"x": []}}])


def test_there_is_a_limit_to_all_values_together() -> None:
    people = [{"to_email": "a@example.com", "context": {"x": "x" * 9_999}} for _ in range(600)]
    with pytest.raises(ValueError, match="expected at most 5000000 bytes"):
        checked(list(people))


def test_the_first_of_each_address_stays() -> None:
    people: list[str | Recipient] = ["Ann <ann@example.com>", "bob@example.com"]
    kept = without_duplicates([*people, {"to_email": "ANN@example.com"}])
    assert [one["to_email"] for one in kept] == ["Ann <ann@example.com>", "bob@example.com"]


def test_lines_are_addresses_but_for_remarks() -> None:
    assert read("\ufeff# team\nann@example.com\r\n\n  bob@example.com \n") == [
        "ann@example.com", "bob@example.com",
    ]  # fmt: skip


def test_a_table_gives_each_its_values() -> None:
    table = 'name,to_email\n"Lee, Ann",ann@example.com\nBob,bob@example.com\n'
    assert read(table) == [
        {"to_email": "ann@example.com", "context": {"name": "Lee, Ann"}},
        {"to_email": "bob@example.com", "context": {"name": "Bob"}},
    ]


@pytest.mark.parametrize("row", ["ann@example.com", "ann@example.com,Ann,more"])
def test_a_ragged_table_is_refused_by_line(row: str) -> None:
    with pytest.raises(ValueError, match="line 3 has another number of columns than the header"):
        read(f"to_email,name\nbob@example.com,Bob\n{row}\n")


def test_an_open_quote_is_refused() -> None:
    with pytest.raises(ValueError, match="the table can't be read"):
        read('to_email,name\nann@example.com,"Ann\n')


def test_nothing_is_nobody() -> None:
    assert read("") == read("\n # only a remark\n") == []
