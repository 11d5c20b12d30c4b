"""Reading a large request and writing its answer: cheap, apart from what answers the others, and as strict as ever."""

from __future__ import annotations

import json
import threading
from concurrent.futures import ThreadPoolExecutor
from difflib import get_close_matches
from typing import Any

import pytest
import serving
import tiny
from serving import ASKED, JSON, refusal

from unimc import InputError, UniMC
from unimc.example import MultipleChoiceExample
from unimc.serving import app, asked
from unimc.serving.limits import Limits
from unimc.serving.schema import Asked
from unimc.texts import examples_of


@pytest.fixture(scope="module")
def model() -> UniMC:
    return UniMC(tiny.checkpoint("bert"))


@pytest.mark.parametrize("work", ["read", "_written"])
def test_others_are_answered_while_a_request_is_read_or_an_answer_written(
    work: str, model: UniMC, monkeypatch: pytest.MonkeyPatch
) -> None:
    entered, free = threading.Event(), threading.Event()
    real = getattr(app, work)

    def held(*given: Any) -> Any:
        entered.set()
        assert free.wait(20), "the loop waits for this, and nobody is answered"
        return real(*given)

    monkeypatch.setattr(app, work, held)
    with serving.client(model) as client, ThreadPoolExecutor(1) as thread:
        waits = thread.submit(client.post, "/classify", json=ASKED)
        assert entered.wait(20)
        assert client.get("/health").status_code == 200
        assert not waits.done()
        free.set()
        assert waits.result(20).status_code == 200


@pytest.mark.parametrize("options", [["sport", "food"], {"体": "体育", "b": "sport"}], ids=["list", "named"])
@pytest.mark.parametrize("language", [None, "zh"])
def test_texts_share_their_options_and_are_the_examples_that_each_would_be(
    model: UniMC, options: Any, language: str | None, monkeypatch: pytest.MonkeyPatch
) -> None:
    texts = ["the soup was cold", "今天的汤不好", "汤 soup", "late"]
    form = Asked(texts=texts, options=options, question="what", language=language)
    expected = examples_of(texts, options, "what", language, model.answers)
    checked: list[int] = []
    check = MultipleChoiceExample._check

    def counted(example: MultipleChoiceExample) -> None:
        checked.append(len(example.options))
        check(example)

    monkeypatch.setattr(MultipleChoiceExample, "_check", counted)
    found = asked.Examples.of(form, model, Limits()).examples
    assert found == expected
    assert sum(count > 1 for count in checked) == 1, "the options are checked once"
    assert len({id(one.options) for one in found}) == 1


@pytest.mark.parametrize(
    ("texts", "options"),
    [
        (["the soup", "\x1f"], ["a", "b"]),
        (["12", "the soup"], ["3", "4"]),
        (["the soup", "12", "13"], ["3", "4"]),
        (["12"] * 3, ["3" * 60, "4"]),
        (["\x1f", "the soup"], ["a", "a"]),
        (["the soup", "\x1f"], ["a", "a"]),
        (["the soup", "rain"], {"x": "a", "y": "a"}),
        (["the soup", "rain"], ["a", "\x1f"]),
    ],
    ids=str,
)
def test_what_is_wrong_is_said_as_by_classify(model: UniMC, texts: list[str], options: Any) -> None:
    with pytest.raises(InputError) as expected:
        model.classify(texts, options)
    with pytest.raises(InputError) as found:
        asked.Examples.of(Asked(texts=texts, options=options), model, Limits())
    assert str(found.value) == str(expected.value)


@pytest.mark.parametrize(
    ("body", "said"),
    [
        ('{"texts": "a", "options": {"x": "one", "x": "two", "y": "three"}}', "options['x'] is given twice"),
        ('{"texts": "a", "options": {"x": "one", "\\u0078": "one"}}', "options['x'] is given twice"),
        ('{"texts": "a", "options": ["x", "y"], "threshold": {"x": 0.1, "y": 1, "y": 0}}', "threshold['y'] is given"),
        ('{"texts": "a", "options": ["x"], "options": ["y"]}', "options is given twice; give it once"),
        ('{"texts": "a", "options": {"options": "one", "texts": "two"}}', None),
    ],
)
def test_a_name_given_twice_is_refused(model: UniMC, body: str, said: str | None) -> None:
    with serving.client(model) as client:
        response = client.post("/classify", content=body, headers=JSON)
        if said is None:
            assert response.status_code == 200
        else:
            assert said in refusal(response, 422)


@pytest.mark.parametrize("field", ["calibration", "language"])
def test_a_name_longer_than_any_is_refused_before_it_is_looked_for(model: UniMC, field: str) -> None:
    with serving.client(model) as client:
        response = client.post("/classify", json={**ASKED, field: "a" * 900_000})
        assert refusal(response, 422) == f"{field} has 900,000 characters; at most 200 are read"
        form = client.get("/openapi.json").json()["paths"]["/classify"]["post"]["requestBody"]["content"]
        assert form["application/json"]["schema"]["properties"][field]["anyOf"][0]["maxLength"] == 200


def test_of_a_long_unknown_field_the_beginning_is_compared(model: UniMC, monkeypatch: pytest.MonkeyPatch) -> None:
    compared: list[int] = []

    def counted(word: str, known: Any, n: int) -> list[str]:
        compared.append(len(word))
        return get_close_matches(word, known, n)

    monkeypatch.setattr("unimc.serving.mistakes.get_close_matches", counted)
    with serving.client(model) as client:
        response = client.post("/classify", content=json.dumps({**ASKED, "a" * 900_000: 1}), headers=JSON)
        assert "unknown field 'aaa" in refusal(response, 422)
    assert compared == [100]
