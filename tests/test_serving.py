"""The endpoint answers like `UniMC.classify`, in English and in Chinese, and says in one line what is wrong."""

from __future__ import annotations

import json
import re
from collections.abc import Iterator
from dataclasses import fields
from typing import Any

import pytest
import serving
import tiny
from fastapi.testclient import TestClient

from unimc import Prediction, UniMC
from unimc.calibration import Calibration
from unimc.checkpoint import Checkpoint
from unimc.serving.guard import HEADERS
from unimc.serving.schema import Answer

ENGLISH = {"texts": "the soup was cold", "options": ["sport", "food"], "question": "what is it about"}
CHINESE = {"texts": "今天的汤不好", "options": ["体育", "食物"], "question": "这篇文章说什么？"}
BOTH = pytest.mark.parametrize("asked", [ENGLISH, CHINESE], ids=["English", "中文"])


@pytest.fixture(scope="module")
def model() -> UniMC:
    made = tiny.checkpoint("bert")
    mild = Calibration(temperature=2.0, bias=(("sport", 0.5), ("food", 0.0))).to_dict()
    return UniMC(Checkpoint(made.model, made.tokenizer, made.answers, made.max_length, calibration={"mild": mild}))


@pytest.fixture(scope="module")
def client(model: UniMC) -> Iterator[TestClient]:
    with serving.client(model, texts=5, options=4, text=60, option=20, question=40, characters=500) as one:
        yield one


def answer(client: TestClient, asked: Any) -> Any:
    response = client.post("/classify", json=asked)
    assert response.status_code == 200, response.text
    return response.json()


def refusal(response: Any, status: int) -> str:
    """What the error says: JSON of one short line."""
    assert response.status_code == status, response.text
    assert response.headers["content-type"] == "application/json"
    (said,) = response.json().values()
    assert list(response.json()) == ["error"]
    assert said.isprintable()
    assert len(said) < 300
    return str(said)


def same(found: dict[str, Any], expected: Prediction) -> bool:
    wanted = json.loads(json.dumps(expected.to_dict()))
    for name in ("scores", "margins"):
        wanted[name] = pytest.approx(wanted[name], abs=1e-5)
    return found == wanted


# ---- answers


@BOTH
def test_one_text_is_answered_like_classify(client: TestClient, model: UniMC, asked: dict[str, Any]) -> None:
    assert same(answer(client, asked), model.classify(**asked))


@BOTH
def test_a_list_of_texts_gives_a_list_in_their_order(client: TestClient, model: UniMC, asked: dict[str, Any]) -> None:
    several = {**asked, "texts": [asked["texts"], asked["question"], asked["texts"]]}
    found = answer(client, several)
    assert all(same(*pair) for pair in zip(found, model.classify(**several), strict=True))
    assert len(answer(client, {**asked, "texts": [asked["texts"]]})) == 1


@pytest.mark.parametrize(
    "settings",
    [
        {"options": {"kick": "sport", "plate": "food"}},
        {"multi_label": True},
        {"multi_label": True, "threshold": 0.01, "top_k": 1},
        {"multi_label": True, "threshold": {"sport": 0.0, "food": 1.0}},
        {"threshold": 1},
        {"threshold": 0.0},
        {"calibration": "mild"},
        {"calibration": "mild", "threshold": 0.9},
        {"language": "zh"},
        {"question": ""},
    ],
    ids=str,
)
def test_every_setting_means_what_it_means_for_classify(
    client: TestClient, model: UniMC, settings: dict[str, Any]
) -> None:
    asked = {**ENGLISH, **settings}
    assert same(answer(client, asked), model.classify(**asked))


def test_an_answer_has_the_fields_of_a_prediction() -> None:
    assert set(Answer.model_fields) == {field.name for field in fields(Prediction)} | {"answer"}


def test_every_number_is_json(client: TestClient) -> None:
    text = client.post("/classify", json=ENGLISH).text
    json.loads(text, parse_constant=lambda name: pytest.fail(f"{name} is no JSON"))


# ---- what is wrong


@BOTH
@pytest.mark.parametrize(
    ("wrong", "said"),
    [
        ({"texts": ""}, "texts is empty; give a text, or a list of texts"),
        ({"texts": []}, "texts is empty; give a text, or a list of texts"),
        ({"texts": ["a", " \n"]}, "texts[1] is empty; give a text"),
        ({"texts": ["a", None]}, "texts[1] must be a text, not null"),
        ({"texts": {"a": 1}}, "texts must be a text, or a list of texts, not an object"),
        ({"texts": ["a"] * 6}, "texts has more than 5 entries; that is the most that a request may have"),
        ({"texts": ["啊" * 61]}, "texts[0] has 61 characters; at most 60 are read"),
        ({"options": "a, b"}, "options is 'a, b'; it must be a list of options, or an object of name: wording"),
        ({"options": []}, "options is empty; give a list of options, or an object of name: wording"),
        ({"options": {"a": ""}}, "options['a'] is empty; give a text"),
        ({"options": ["a", "b", "a"]}, "example text 0: option 'a' is given twice; every option must be different"),
        ({"options": {"a": "汤", "b": "汤"}}, "option '汤' is given twice; every option must be different"),
        ({"options": list("abcde")}, "options has more than 4 entries; that is the most that a request may have"),
        ({"options": ["a" * 21]}, "options[0] has 21 characters; at most 20 are read"),
        ({"question": "?" * 41}, "question has 41 characters; at most 40 are read"),
        ({"question": None}, "question must be a text, not null"),
        ({"multi_label": 1}, "multi_label is 1; it must be true or false"),
        ({"threshold": 1.5}, "threshold is 1.5; it must be a probability from 0 to 1, or an object of option name"),
        ({"threshold": {"a": -1}}, "threshold['a'] is -1; it must be a probability from 0 to 1"),
        ({"threshold": {"b": 0.5}}, "has no threshold; there is one for 'b'"),
        ({"top_k": 1}, "top_k has a meaning only with multi_label=True"),
        ({"top_k": 0, "multi_label": True}, "top_k is 0; it must be a whole number, 1 or more"),
        ({"language": "xx"}, "this checkpoint has no answer pieces for language 'xx', only for en, zh"),
        ({"calibration": "strong"}, "no calibration 'strong'"),
        ({"txts": "a"}, "unknown field 'txts'; did you mean 'texts'?"),
        ({"zzz": "a"}, "unknown field 'zzz'; use texts, options, question"),
        ({"texts": ["a" * 55] * 5, "options": ["b" * 20, "c" * 20]}, "come to 675 characters; at most 500 are read"),
    ],
    ids=str,
)
def test_what_is_wrong_with_a_request_is_said_in_one_line(
    client: TestClient, asked: dict[str, Any], wrong: dict[str, Any], said: str
) -> None:
    if "characters; at most 500" in said:
        asked = {**asked, "question": ""}
    assert said in refusal(client.post("/classify", json={**asked, **wrong}), 422)


@pytest.mark.parametrize(
    ("body", "said"),
    [
        (b"", "the body is empty; send a JSON object with texts and options"),
        (b"texts=soup", "the body is no valid JSON (expected ident at line 1 column 2)"),
        (b"[]", "the body is a list; send a JSON object with texts and options"),
        (b"null", "the body is null; send a JSON object"),
        (b"{}", "texts is missing; give a text, or a list of texts"),
        (b'{"texts": "a"}', "options is missing; give a list of options"),
        ("{'texts': '汤'}".encode("gb18030"), "the body is no valid JSON"),
        (b'{"texts": "\xff", "options": ["a"]}', "the body is no valid JSON"),
        (b'{"texts": "\\ud800", "options": ["a"]}', "the body is no valid JSON"),
        (b"[" * 100_000, "the body is no valid JSON (recursion limit exceeded"),
        (b'{"texts": "a", "options": ["a"], "top_k": ' + b"9" * 5000 + b"}", "the body is no valid JSON"),
        (b'{"texts": "a", "options": ["a"], "threshold": NaN}', "threshold is nan; it must be a probability"),
    ],
    ids=lambda value: str(value[:20]),
)
def test_what_is_no_request_at_all_is_said_too(client: TestClient, body: bytes, said: str) -> None:
    response = client.post("/classify", content=body, headers={"content-type": "application/json"})
    assert said in refusal(response, 422)


@pytest.mark.parametrize("kind", ["text/plain", "application/x-www-form-urlencoded", "multipart/form-data", None])
def test_a_form_of_another_site_cannot_ask(client: TestClient, kind: str | None) -> None:
    """A page elsewhere may send forms without asking; JSON it may not, and nothing here allows it."""
    headers = {} if kind is None else {"content-type": kind}
    response = client.post("/classify", content=json.dumps(ENGLISH), headers=headers)
    assert "content-type: application/json" in refusal(response, 415)
    preflight = client.options(
        "/classify", headers={"origin": "http://elsewhere", "access-control-request-method": "POST"}
    )
    assert not [name for name in preflight.headers if name.startswith("access-control")]


@pytest.mark.parametrize(
    ("method", "path", "status"),
    [("GET", "/nothing", 404), ("GET", "/static/../app.py", 404), ("GET", "/static/%2e%2e%2fapp.py", 404),
     ("GET", "/classify", 405), ("POST", "/", 405), ("TRACE", "/health", 405), ("GET", "/docs", 404)],
)  # fmt: skip
def test_other_paths_and_methods_are_refused_in_one_line(
    client: TestClient, method: str, path: str, status: int
) -> None:
    response = client.request(method, path)
    refusal(response, status)
    assert (status == 405) == ("allow" in response.headers)


# ---- what stands beside it


def test_health_models_and_limits_are_told(client: TestClient, model: UniMC) -> None:
    assert client.get("/health").json() == {"status": "ok", "waiting": 0}
    told = client.get("/models").json()
    (one,) = told["models"]
    assert one["name"] == "tiny"
    assert one["languages"] == ["en", "zh"]
    assert one["parameters"] == model.backend.parameters
    assert one["calibrations"] == ["mild"]
    assert (told["limits"]["texts"], told["limits"]["body"]) == (5, 1_000_000)


def test_the_description_has_the_limits_and_every_field(client: TestClient) -> None:
    described = client.get("/openapi.json").json()
    assert set(described["paths"]) == {"/classify", "/health", "/models", "/metrics"}
    form = described["paths"]["/classify"]["post"]["requestBody"]["content"]["application/json"]["schema"]
    assert set(form["properties"]) == {
        *("texts", "options", "question", "language", "multi_label", "threshold", "top_k", "calibration")
    }
    assert form["properties"]["texts"]["oneOf"][1]["maxItems"] == 5
    assert form["properties"]["language"]["anyOf"][0]["enum"] == ["en", "zh"]
    assert form["additionalProperties"] is False


def test_metrics_count_requests_and_calls(model: UniMC) -> None:
    with serving.client(model) as client:
        for asked in (ENGLISH, CHINESE, {**ENGLISH, "texts": ["a"] * 70}, {}):
            client.post("/classify", json=asked)
        client.get("/made/up/1")
        client.get("/made/up/2")
        page = client.get("/metrics").text
    lines = {line.rpartition(" ")[0]: float(line.rpartition(" ")[2]) for line in page.splitlines() if line[0] != "#"}
    assert lines['unimc_requests_total{path="/classify",status="200"}'] == 3
    assert lines['unimc_requests_total{path="/classify",status="422"}'] == 1
    assert lines['unimc_requests_total{path="other",status="404"}'] == 2
    assert lines["unimc_request_seconds_count"] == 4
    assert lines["unimc_call_texts_sum"] == 72
    assert lines["unimc_call_texts_count"] == 4  # seventy are more than one call takes
    assert lines['unimc_call_texts_bucket{le="64"}'] == 4
    assert lines["unimc_waiting"] == 0
    assert lines["process_resident_memory_bytes"] > 1e7
    form = re.compile(r'# (HELP|TYPE) \w+ .+|\w+(\{\w+="[^"]*"(,\w+="[^"]*")*\})? [0-9.e+-]+')
    assert all(form.fullmatch(line) for line in page.splitlines())


@pytest.mark.parametrize("path", ["/", "/static/page.js", "/health", "/nothing", "/openapi.json"])
def test_every_answer_keeps_the_browser_strict(client: TestClient, path: str) -> None:
    found = client.get(path).headers
    assert HEADERS.items() <= dict(found).items()
    assert "unsafe" not in found["content-security-policy"]
