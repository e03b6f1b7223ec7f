import pytest

from apps.email.models import MailTemplate
from apps.email.writing import Draft, write
from apps.jobs.errors import ArgumentError

pytestmark = pytest.mark.django_db

CONTEXT = {"name": "Ann", "link": "https://example.com"}


def problems(draft: Draft) -> dict[str, str]:
    with pytest.raises(ArgumentError) as caught:
        write(draft)
    return caught.value.problems


def test_own_words_stay_as_they_are() -> None:
    letter = write(Draft("ann@example.com", "Hi {{ x }}", "a {{ b", "<b>", "bob@example.com"))
    assert (letter.subject, letter.text, letter.html) == ("Hi {{ x }}", "a {{ b", "<b>")
    assert (letter.to, letter.reply_to, letter.template) == ("ann@example.com", "bob@example.com", "")


def test_a_template_is_filled(welcome: MailTemplate) -> None:
    letter = write(Draft("ann@example.com", template="welcome", context={**CONTEXT, "more": 1}))
    assert letter.subject == "Welcome, Ann"
    assert letter.text == "Hello Ann, see https://example.com."
    assert (letter.html, letter.template) == ("<p>Hello Ann</p>", "welcome")


def test_a_mail_needs_words() -> None:
    for subject in ("", "   "):
        found = problems(Draft("ann@example.com", subject, "content alone" * bool(subject)))
        assert found == {"subject": "expected a subject, or a template"}


def test_a_template_and_own_words_exclude_each_other(welcome: MailTemplate) -> None:
    for words in ({"subject": "Hi"}, {"content": "x"}, {"html": "x"}):
        found = problems(Draft("ann@example.com", template="welcome", context=CONTEXT, **words))
        assert found == {"template": "expected a template, or subject and content, not both"}


def test_values_need_a_template() -> None:
    found = problems(Draft("ann@example.com", "Hi", context=CONTEXT))
    assert found == {"context": "expected a template to fill with it"}


def test_an_unknown_template_is_answered_with_the_known_ones(welcome: MailTemplate) -> None:
    found = problems(Draft("ann@example.com", template="wellcome"))
    assert found == {"template": "expected one of welcome, got 'wellcome'"}


def test_missing_values_are_named(welcome: MailTemplate) -> None:
    found = problems(Draft("ann@example.com", template="welcome", context={"name": "Ann"}))
    assert found == {"context": "welcome wants name, link; missing: link"}


def test_a_broken_template_says_what_is_wrong(welcome: MailTemplate) -> None:
    MailTemplate.objects.update(html="{{ name")
    found = problems(Draft("ann@example.com", template="welcome", context=CONTEXT))
    assert found == {"template": "welcome: a {{ has no }} after it: '{{ name'"}


@pytest.mark.parametrize("name", ["Ann\r\nBcc: eve@example.com", "Ann\u2028", "x" * 990])
def test_values_can_not_add_a_header_to_the_subject(welcome: MailTemplate, name: str) -> None:
    found = problems(Draft("ann@example.com", template="welcome", context={**CONTEXT, "name": name}))
    assert found["context"].startswith("makes a wrong subject: ")


def test_a_template_is_checked_before_it_is_kept(welcome: MailTemplate) -> None:
    welcome.subject, welcome.text, welcome.html = "Hi\n{{ a }}", "{{ a.b }}", "{{ a"
    welcome.sample = {"a b": 1}
    with pytest.raises(Exception, match="control character") as caught:
        welcome.full_clean()
    assert set(caught.value.message_dict) == {"subject", "text", "html", "sample"}  # type: ignore[attr-defined]
