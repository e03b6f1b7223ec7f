"""Secrets among the arguments are for the worker alone."""

import ast
import json
from collections.abc import Callable
from dataclasses import dataclass
from enum import StrEnum
from typing import Annotated, Any, NewType

import pytest
from celery import current_app
from hypothesis import given
from hypothesis import settings as hypothesis_settings
from hypothesis import strategies as st
from pydantic import BaseModel, Field, RootModel, Secret, SecretBytes, SecretStr

from apps.jobs.arguments import AnyTask, as_json, as_python
from apps.jobs.redacting import (
    HIDDEN,
    Redacted,
    redact,
    reprs,
    scrub,
    secret_values,
    unknown_secret_arguments,
)
from apps.jobs.secret_names import finder, hides

Token = NewType("Token", SecretStr)
ALL = "all of them"


class Key(StrEnum):
    PIN = "api_key"


class Card(BaseModel):
    number: SecretStr = Field(alias="cardNumber")
    holder: str = ""


class Tree(BaseModel):
    pin: SecretStr | None = None
    name: str = ""
    branches: list["Tree"] = []


class Wrapped(RootModel[SecretStr]): ...


@dataclass
class Customer:
    name: str
    pin: SecretBytes
    cards: list[Card]


def plain(order: int, note: str = "", rows: Any = None) -> None: ...


def named(user: str, password: str, api_key: str = "") -> None: ...


def more(url: str, *tokens: str, **headers: str) -> None: ...


def extra_only(*tokens: str) -> None: ...


def typed(
    *,
    card: Card | None = None,
    customer: Customer | None = None,
    code: SecretStr | None = None,
    codes: Annotated[list[Secret[int]], Field(max_length=9)] | None = None,
    by_site: dict[str, Card] | None = None,
    tree: Tree | None = None,
    new: Token | None = None,
    root: Wrapped | None = None,
) -> None: ...


def marked(card: str, customer: Any, rows: Any = (), *extra: str, **others: str) -> None: ...


def customer_task(customer: Customer, order: int, note: str = "", data: Any = None) -> None: ...


def task_of(run: Callable[..., Any], **options: Any) -> AnyTask:
    register: Any = current_app.task(name=f"test.{run.__name__}", lazy=False, **options)
    task = register(run)
    found: AnyTask = current_app.tasks.pop(task.name)
    return found


@pytest.mark.parametrize(
    ("name", "is_hidden"),
    [
        *((name, True) for name in (
            "password", "PASSWORD", "reset_token", "token", "apiKey", "APIKey", "api_key", "apikey", "jwt",
            "X-Api-Key", "x-api-keys", "accessKeyId", "AWS_SECRET_ACCESS_KEY", "password1", "oauth2Token",
            "Authorization", "proxy-authorization", "Set-Cookie", "cookies", "sessionId", "user.credentials",
            "privateKey", "client secret", "SECRET2", "passwd",
        )),
        *((name, False) for name in (
            "tokenizer", "secretary", "passwordless", "compass", "key", "monkey", "authorized", "obsession",
            "cookiecutter", "apikeyring", "name", "", "a" * 5000, "api", "access", "credentialed",
        )),
    ],
)  # fmt: skip
def test_whole_words_of_a_name_tell_that_it_is_a_secret(name: str, is_hidden: bool) -> None:
    assert hides(finder(), name, "value") is is_hidden
    assert (redact(None, [], {name: "value"}).kwargs == {name: HIDDEN}) is is_hidden


@pytest.mark.parametrize(
    ("name", "value", "is_hidden"),
    [
        ("password", None, False),
        ("has_password", True, False),
        ("token", "", False),
        ("tokens", [], False),
        ("max_tokens", 4000, False),
        ("tokens", ["a"], True),
        ("token", 4000, True),
        ("token", 0.5, True),
        ("session", {"id": 1}, True),
        ("token", HIDDEN, True),
        (1, "value", False),
        (None, "value", False),
    ],
)
def test_what_can_be_no_secret_is_shown(name: Any, value: Any, is_hidden: bool) -> None:
    assert hides(finder(), name, value) is is_hidden


def test_the_words_are_a_setting(settings: Any) -> None:
    settings.REDACTED_NAMES = ["patient", "S3 bucket", ""]
    found = redact(None, [], {"patientName": "a", "s3_bucket": "b", "S3Buckets": "cd", "password": "d"})
    assert found.names == ("patientName", "s3_bucket", "S3Buckets")
    settings.REDACTED_NAMES = []
    assert redact(None, [], {"password": "d"}).names == ()


@pytest.mark.parametrize(
    ("run", "args", "kwargs", "shown"),
    [
        (named, ["bob", "x1"], {}, Redacted(["bob", HIDDEN], {}, ("password",))),
        (named, ["bob"], {"password": "x1"}, Redacted(["bob"], {"password": HIDDEN}, ("password",))),
        (named, ["bob", "x1", "k1"], {}, Redacted(["bob", HIDDEN, HIDDEN], {}, ("password", "api_key"))),
        (plain, [1], {"rows": [{"a": 1}, {"token": "t1"}]},
         Redacted([1], {"rows": [{"a": 1}, {"token": HIDDEN}]}, ("rows.1.token",))),
        (plain, [1, "", {"a": {"X-Api-Key": ["k1"]}}], {},
         Redacted([1, "", {"a": {"X-Api-Key": HIDDEN}}], {}, ("rows.a.X-Api-Key",))),
        (plain, [1], {"rows": {Key.PIN: "p1"}},
         Redacted([1], {"rows": {"api_key": HIDDEN}}, ("rows.api_key",))),
        (plain, (1, ({"jwt": 1},)), {}, Redacted([1, [{"jwt": HIDDEN}]], {}, ("note.0.jwt",))),
        (more, ["u", "t1", "t2"], {"cookie": "c1", "accept": "*"},
         Redacted(["u", HIDDEN, HIDDEN], {"cookie": HIDDEN, "accept": "*"},
                  ("*tokens.0", "*tokens.1", "cookie"))),
        (plain, [1, "", 2, 3, {"token": "t1"}], {},
         Redacted([1, "", 2, 3, {"token": HIDDEN}], {}, ("*.1.token",))),
        (plain, [SecretStr("s1")], {"rows": [SecretBytes(b"s2")]},
         Redacted([HIDDEN], {"rows": [HIDDEN]}, ("order", "rows.0"))),
    ],
)  # fmt: skip
def test_what_goes_by_a_secrets_name_is_hidden(run: Any, args: Any, kwargs: Any, shown: Redacted) -> None:
    assert redact(task_of(run), args, kwargs) == shown


@pytest.mark.parametrize(
    ("argument", "shown", "names"),
    [
        ({"code": "c1"}, {"code": HIDDEN}, ["code"]),
        ({"code": None}, {"code": None}, []),
        ({"codes": [1, 2]}, {"codes": HIDDEN}, ["codes"]),
        ({"card": {"cardNumber": "4111", "holder": "Bob"}}, {"card": {"cardNumber": HIDDEN, "holder": "Bob"}},
         ["card.cardNumber"]),
        ({"card": {"number": "4111"}}, {"card": {"number": HIDDEN}}, ["card.number"]),
        ({"customer": {"name": "b", "pin": "p1", "cards": [{"cardNumber": "n1"}]}},
         {"customer": {"name": "b", "pin": HIDDEN, "cards": [{"cardNumber": HIDDEN}]}},
         ["customer.pin", "customer.cards.0.cardNumber"]),
        ({"by_site": {"a": {"cardNumber": "n1"}}}, {"by_site": {"a": {"cardNumber": HIDDEN}}},
         ["by_site.a.cardNumber"]),
        ({"tree": {"pin": "p1", "name": "n", "branches": [{"pin": "p2"}]}},
         {"tree": {"pin": HIDDEN, "name": "n", "branches": HIDDEN}}, ["tree.pin", "tree.branches"]),
        ({"new": "t1"}, {"new": HIDDEN}, ["new"]),
        ({"root": "r1"}, {"root": HIDDEN}, ["root"]),
    ],
)  # fmt: skip
def test_what_has_the_type_of_a_secret_is_hidden(argument: Any, shown: Any, names: Any) -> None:
    assert redact(task_of(typed), [], argument) == Redacted([], shown, tuple(names))


@pytest.mark.parametrize(
    ("secret_arguments", "args", "kwargs", "names"),
    [
        (("card",), ["c1", {}], {}, ["card"]),
        (["card", "customer.pin"], ["c1", {"pin": 1, "name": "b"}], {}, ["card", "customer.pin"]),
        (("customer.bank.iban",), ["c1", {"bank": {"iban": "i1", "bic": "b"}, "iban": 1}], {},
         ["customer.bank.iban"]),
        (("rows.iban",), ["c1", {}], {"rows": [{"iban": "i1"}, [{"iban": "i2"}]]},
         ["rows.0.iban", "rows.1.0.iban"]),
        (("customer.*",), ["c1", {"a": True, "b": None}], {}, ["customer.a"]),
        (("extra", "colour"), ["c1", {}, (), "e1"], {"colour": "red"}, ["*extra.0", "colour"]),
        ("card", ["c1", {}], {}, ["card"]),
        ((), ["c1", {"pin": 1}], {}, []),
    ],
)  # fmt: skip
def test_what_the_task_marks_is_hidden(secret_arguments: Any, args: Any, kwargs: Any, names: Any) -> None:
    task = task_of(marked, secret_arguments=secret_arguments)
    assert list(redact(task, args, kwargs).names) == names


def test_arguments_without_a_secret_are_the_very_same() -> None:
    args, kwargs = [1, "note"], {"rows": [{"a": [1]}]}
    found = redact(task_of(plain), args, kwargs)
    assert found.args is args
    assert found.kwargs is kwargs
    assert found.names == ()


def test_the_worker_still_gets_the_secret() -> None:
    task = task_of(typed)
    args, kwargs = as_json(
        task, [], {"customer": {"name": "b", "pin": "p123", "cards": [{"cardNumber": "n1"}]}}
    )
    redact(task, args, kwargs)
    _, received = as_python(task, args, kwargs)
    assert received["customer"].pin.get_secret_value() == b"p123"


def test_what_has_a_secret_in_it_is_hidden_as_a_whole() -> None:
    rows = [{"url": "https://example.com/?k=abcd%2F1234", "n": 5}, {"abcd/1234": 1}, "ab"]
    found = redact(None, ["say abcd/1234", 98765], {"token": "abcd/1234", "pin_token": 98765, "rows": rows})
    assert found.args == [HIDDEN, HIDDEN]
    assert found.kwargs["rows"] == [{"url": HIDDEN, "n": 5}, HIDDEN, "ab"]
    assert found.names == ("*.0", "*.1", "token", "pin_token", "rows.0.url", "rows.1")


def test_a_short_secret_is_in_too_many_texts_to_hide_them() -> None:
    found = redact(None, [], {"token": "abc", "note": "abcdef"})
    assert found.kwargs == {"token": HIDDEN, "note": "abcdef"}


def test_what_is_too_deep_to_look_through_is_hidden() -> None:
    deep: Any = {"token": "abcd1234"}
    for _ in range(3000):
        deep = [deep]
    found = redact(None, [deep], {})
    assert "abcd1234" not in str(found)
    assert len(found.names) == 1
    assert secret_values([deep], {}, found.names) == ("abcd1234",)


def test_a_cycle_is_hidden() -> None:
    rows: list[Any] = []
    rows.append(rows)
    assert HIDDEN in str(redact(None, [rows], {}).args)


JSON_VALUES = st.recursive(
    st.none() | st.booleans() | st.integers() | st.text(max_size=8),
    lambda inner: st.lists(inner, max_size=4) | st.dictionaries(st.text(max_size=8), inner, max_size=4),
    max_leaves=12,
)
SECRETS = st.text("sS0\\'\"é\n /", min_size=4, max_size=12).filter(lambda text: text.strip() == text)


@given(SECRETS, JSON_VALUES, st.sampled_from(["password", "pin", "authToken", "X-Api-Key", "number", "iban"]))
@hypothesis_settings(deadline=None)
def test_no_secret_is_left_anywhere(secret: str, other: Any, name: str) -> None:
    task = task_of(marked, secret_arguments=("rows.pin", "rows.number", "rows.iban", "card"))
    rows = [{f"key {secret}": other}, {name: secret, "note": f"<{secret}>", "other": other}]
    found = redact(task, [secret, other], {"rows": rows, "comment": secret, "as": [json.dumps(secret)]})
    assert not any(secret in text for text in texts(found))
    assert {"card", f"rows.1.{name}"} <= set(found.names)
    values = secret_values([secret, other], {"rows": rows}, found.names, task)
    assert secret not in scrub(f"KeyError: {secret!r} {json.dumps(secret)} {secret}", values)
    assert redact(task, found.args, found.kwargs) == found


def texts(value: Any) -> list[str]:
    if isinstance(value, Redacted):
        return texts(value.args) + texts(value.kwargs)
    if isinstance(value, dict):
        return [text for pair in value.items() for inner in pair for text in texts(inner)]
    return [text for inner in value for text in texts(inner)] if isinstance(value, list) else [str(value)]


@given(JSON_VALUES, JSON_VALUES)
@hypothesis_settings(deadline=None)
def test_once_is_enough(one: Any, other: Any) -> None:
    task = task_of(marked, secret_arguments=("customer.a", "rows"))
    once = redact(task, [one, {"a": other, "token": one}], {"rows": other, "others": one})
    assert redact(task, once.args, once.kwargs) == once


def test_the_values_are_those_at_the_places() -> None:
    task = task_of(named)
    assert secret_values(["bob", "pass1"], {"api_key": "key12"}, ["password", "api_key"], task) == (
        "key12",
        "pass1",
    )
    rows = {"rows": [{"a.b": {"token": [1234, "t123", None, True]}}]}
    assert secret_values([], rows, ["rows.0.a.b.token"]) == ("1234", "t123")
    assert secret_values([SecretStr("s123")], {}, ["user"], task_of(named)) == ("s123",)


def test_without_the_task_every_argument_may_be_the_one() -> None:
    assert secret_values(["bob", "pass1"], {}, ["password"]) == ("bob", "pass1")
    assert secret_values([], {"rows": [1]}, ["rows.7.token"]) == ("1",)
    assert secret_values(["bob"], {}, []) == ()


def test_reprs_are_what_python_writes() -> None:
    found = redact(task_of(named), ["bob"], {"password": "x1"})
    assert reprs(found) == ("('bob',)", "{'password': '[redacted]'}")
    assert ast.literal_eval(reprs(found)[1]) == {"password": HIDDEN}


def test_reprs_are_short_and_end_in_dots() -> None:
    for text in reprs(Redacted(["x" * 100_000], {"a": list(range(100_000))})):
        assert len(text) == 1024
        assert text.endswith("...")


def test_reprs_show_no_password_in_an_address() -> None:
    assert "hunter2" not in reprs(Redacted([], {"url": "https://bob:hunter2@example.com/"}))[1]


def test_reprs_of_what_is_too_deep_are_dots() -> None:
    deep: Any = []
    for _ in range(3000):
        deep = [deep]
    assert reprs(Redacted([deep], {})) == ("...", "{}")


@pytest.mark.parametrize(
    ("run", "secret_arguments", "unknown"),
    [
        (customer_task, ("customer", "order", "customer.pin", "customer.cards.number", "data.any.thing"), []),
        (customer_task, ("custmer", "customer.pim", "customer.cards.cvv"), ALL),
        (customer_task, ("order.pin", "note.x", ""), ALL),
        (customer_task, "customer", []),
        (customer_task, "custmer", ["custmer"]),
        (customer_task, True, ["True"]),
        (typed, ("by_site.a.holder", "by_site.a.hodler", "card.holder"), ["by_site.a.hodler"]),
        (more, ("url", "tokens", "any_header"), []),
        (extra_only, ("tokens", "token"), ["token"]),
    ],
)  # fmt: skip
def test_a_mistyped_marker_is_found(run: Any, secret_arguments: Any, unknown: Any) -> None:
    task = task_of(run, secret_arguments=secret_arguments)
    assert unknown_secret_arguments(task) == (list(secret_arguments) if unknown is ALL else unknown)
