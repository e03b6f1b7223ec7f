import time

import pytest
from hypothesis import given
from hypothesis import strategies as st

from apps.email.substituting import TemplateError, substitute, variables

NAMES = st.from_regex(r"[a-z_][a-z0-9_]{0,10}", fullmatch=True)


def test_names_are_replaced_by_values() -> None:
    text = "Dear {{ name }}, {{count}} of {{  count\t}} for { you } at 5 % }}"
    assert substitute(text, {"name": "Ann", "count": 2}) == "Dear Ann, 2 of 2 for { you } at 5 % }}"


def test_null_is_nothing_and_numbers_are_written_out() -> None:
    assert substitute("{{ a }}|{{ b }}|{{ c }}", {"a": None, "b": 0, "c": True}) == "|0|True"


def test_names_are_listed_once_in_order() -> None:
    assert variables("{{ b }} {{ a }} {{ b }}") == ["b", "a"]


def test_values_are_escaped_in_html_only() -> None:
    values = {"x": "<script>'\"&"}
    assert substitute("{{ x }}", values) == "<script>'\"&"
    assert substitute("<a t='{{ x }}'>", values, html=True) == "<a t='&lt;script&gt;&#x27;&quot;&amp;'>"


def test_values_are_not_read_as_templates() -> None:
    assert substitute("{{ a }}", {"a": "{{ b }} {% now %}"}) == "{{ b }} {% now %}"


@pytest.mark.parametrize(
    "tag", ["{{ a.b }}", "{{ a|safe }}", "{{ }}", "{{}}", "{{ a b }}", "{{ a[0] }}", "{{ 1 }}",
            "{{ __class__.__mro__ }}", "{{{ a }}}", "{{ 'a' }}", "{{ settings.KEY }}"],
)  # fmt: skip
def test_a_tag_holds_a_name_and_nothing_else(tag: str) -> None:
    with pytest.raises(TemplateError, match=r"expected a name such as {{ name }}, got {{"):
        variables(f"Hello {tag}")


@pytest.mark.parametrize("text", ["Hello {{ name", "Hello {{", "{{ name } }", "{{ a }} {{", "{{ a\n{{ b }}"])
def test_an_unclosed_tag_is_named(text: str) -> None:
    with pytest.raises(TemplateError, match=r"a {{ has no }} after it: '{{"):
        variables(text)


@pytest.mark.parametrize("text", ["{% for i in range(1000000) %}", "{%", "{% include '/etc/passwd' %}"])
def test_there_are_no_statements(text: str) -> None:
    with pytest.raises(TemplateError, match=r"only {{ name }} is known, {% … %} is not"):
        variables(text)


def test_values_can_not_blow_up_a_mail() -> None:
    started = time.monotonic()
    with pytest.raises(TemplateError, match="longer than 1000000 characters"):
        substitute("{{ a }}" * 100_000, {"a": "x" * 10_000})
    assert time.monotonic() - started < 2


def test_many_opening_braces_take_no_long_time() -> None:
    started = time.monotonic()
    with pytest.raises(TemplateError):
        variables("{{" * 500_000)
    assert time.monotonic() - started < 2


@given(st.lists(st.tuples(st.text(alphabet="ab {}%\n<", max_size=5), NAMES), max_size=8))
def test_every_text_is_either_filled_or_refused(pieces: list[tuple[str, str]]) -> None:
    text = "".join(f"{plain}{{{{ {name} }}}}" for plain, name in pieces)
    try:
        names = variables(text)
    except TemplateError:
        return
    assert "{{" not in substitute(text, dict.fromkeys(names, "x"))
