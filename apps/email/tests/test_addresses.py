import pytest

from apps.email.addresses import bare, parse

GOOD = {
    "ann@example.com": "ann@example.com",
    " ann@Example.COM ": "ann@example.com",
    "Ann.Lee+news@example.com": "Ann.Lee+news@example.com",
    "Ann Lee <ann@example.com>": "Ann Lee <ann@example.com>",
    "Łukasz <l@example.pl>": "Łukasz <l@example.pl>",
    '"Lee, Ann" <ann@example.com>': '"Lee, Ann" <ann@example.com>',
    r'"Ann \"A\" \\ Lee" <ann@example.com>': r'"Ann \"A\" \\ Lee" <ann@example.com>',
    "O'Hara <o'hara@example.com>": "\"O'Hara\" <o'hara@example.com>",
    "<ann@example.com>": "ann@example.com",
    '"" <ann@example.com>': "ann@example.com",
    "ann@bücher.example": "ann@xn--bcher-kva.example",
    "ann@straße.de": "ann@xn--strae-oqa.de",
    "李 <li@例子.测试>": "李 <li@xn--fsqu00a.xn--0zwm56d>",
    "root@localhost": "root@localhost",
    "a" * 64 + "@example.com": "a" * 64 + "@example.com",
}


@pytest.mark.parametrize(("given", "normal"), GOOD.items())
def test_one_address_is_put_in_its_normal_form(given: str, normal: str) -> None:
    assert parse(given) == normal


@pytest.mark.parametrize("normal", GOOD.values())
def test_the_normal_form_is_its_own(normal: str) -> None:
    assert parse(normal) == normal


@pytest.mark.parametrize(
    "text",
    ["", " ", "ann", "@", "ann@", "@example.com", "ann@@example.com", "ann@example", "a b@example.com",
     "ann@exa mple.com", "ann@example.com bob@example.com", "ann@-example.com", "ann@example.com.",
     ".ann@example.com", "ann.@example.com", "ann@[1.2.3]", "<>", "Ann <>", "Ann <ann@example.com",
     "ann@example.com>", "<<ann@example.com>>", "Ann <a@example.com> <b@example.com>",
     '"ann lee"@example.com', '"Ann <ann@example.com>', "ann@exa_mple.com", "ann@example..com"],
)  # fmt: skip
def test_anything_else_is_refused_with_an_example(text: str) -> None:
    with pytest.raises(ValueError, match="expected one address such as ann@example.com"):
        parse(text)


@pytest.mark.parametrize("text", ["a@example.com, b@example.com", "a@example.com;b@example.com", ","])
def test_a_list_is_refused_with_a_hint(text: str) -> None:
    with pytest.raises(ValueError, match="not a list; send_bulk_email_task sends to many"):
        parse(text)


@pytest.mark.parametrize("character", ["\r", "\n", "\x00", "\x1b", "\x7f", "\x85", "\u2028", "\u2029"])
@pytest.mark.parametrize("text", ["ann{}@example.com", "Ann{} <ann@b.cc>", "{}a@b.cc", "a@b.cc{}"])
def test_control_characters_are_refused_by_their_code(text: str, character: str) -> None:
    with pytest.raises(ValueError, match=rf"U\+{ord(character):04X} at position \d+ is not allowed"):
        parse(text.format(character))


def test_half_a_surrogate_pair_is_refused() -> None:
    with pytest.raises(ValueError, match=r"U\+D800"):
        parse("ann\ud800@example.com")


@pytest.mark.parametrize("text", ["a" * 65 + "@example.com", "a@" + ".".join(["b" * 60] * 5) + ".com"])
def test_long_addresses_are_refused_with_the_limits(text: str) -> None:
    with pytest.raises(ValueError, match="at most 64 characters before the @ and 254 in all"):
        parse(text)


def test_a_long_name_is_refused() -> None:
    with pytest.raises(ValueError, match="a name of at most 100 characters"):
        parse("A" * 101 + " <ann@example.com>")


def test_what_is_refused_is_shown_shortened() -> None:
    with pytest.raises(ValueError, match="got 'x{60}…'$"):
        parse("x" * 400)


@pytest.mark.parametrize("text", ["x" * 501, "a" + " " * 1_000_000 + "b", '"' * 1_000_000])
def test_endless_text_is_refused_before_it_is_read(text: str) -> None:
    with pytest.raises(ValueError, match="one address of at most 500 characters"):
        parse(text)


def test_other_scripts_before_the_at_sign_are_refused() -> None:
    with pytest.raises(ValueError, match="before the @ must be ASCII, got 'änn'"):
        parse("änn@example.com")


@pytest.mark.parametrize("domain", ["ü" * 70 + ".de", "a\u0301\u0301..ü", "xn--\u0651.com", "♥.com"])
def test_domains_that_idna_forbids_are_refused(domain: str) -> None:
    with pytest.raises(ValueError, match=r"is not a valid domain|expected one address"):
        parse(f"ann@{domain}")


def test_the_same_person_has_the_same_bare_address() -> None:
    assert bare('"Lee, Ann" <Ann@Example.com>') == bare("ann@example.com") == "ann@example.com"
