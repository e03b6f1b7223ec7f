from typing import Annotated, Any, Literal

import pytest
from pydantic import Field

from apps.jobs.arguments import Parameter, adapter
from apps.taskforms.summing import type_words


@pytest.mark.parametrize(
    ("hint", "words"),
    [
        (int, "integer"),
        (str | None, "string | null"),
        (list[int], "array"),
        (dict[str, Any], "object"),
        (Literal["a", "b"], '"a" | "b"'),
        (Annotated[str, Field(min_length=1)], "string"),
        (object, "any value"),
        (None, "any value"),
    ],
)
def test_types_are_told_in_the_words_of_json(hint: Any, words: str) -> None:
    assert type_words(Parameter("x", hint, None, adapter(hint))) == words
