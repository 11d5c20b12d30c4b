"""What the released UniMC code computes for five examples on a tiny BERT (tests/golden/README.md)."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest
import torch

from unimc import MultipleChoiceExample, UniMC
from unimc.attention import isolating_mask
from unimc.collation import collate
from unimc.encoding import Encoding
from unimc.objectives import LossConfig, Targets, losses, total

GOLDEN = Path(__file__).parent / "golden"
RECORDS = json.loads((GOLDEN / "golden.json").read_text(encoding="utf-8"))
LANGUAGES = {"english": "en", "chinese": "zh"}


@pytest.fixture(scope="module")
def released() -> UniMC:
    return UniMC.from_pretrained(GOLDEN / "tiny-bert", max_length=128)


@pytest.fixture(params=RECORDS, ids=lambda record: record["example"]["choice"][0])
def record(request: pytest.FixtureRequest) -> dict[str, Any]:
    assert request.param["max_length"] == 128
    return dict(request.param)


@pytest.fixture
def example(record: dict[str, Any]) -> MultipleChoiceExample:
    given = record["example"]
    return MultipleChoiceExample(
        given["choice"],
        given["question"],
        given["texta"],
        given["textb"],
        given["label"],
        language=LANGUAGES[record["language"]],
    )


@pytest.fixture
def row(released: UniMC, example: MultipleChoiceExample) -> Encoding:
    return released.encoder(example)


@pytest.mark.parametrize("field", ["input_ids", "position_ids", "token_type_ids", "option_positions"])
def test_rows_are_laid_out_alike(record: dict[str, Any], row: Encoding, field: str) -> None:
    assert getattr(row, field) == record[field]


def test_the_same_tokens_see_each_other(record: dict[str, Any], row: Encoding) -> None:
    mask = isolating_mask(torch.tensor([row.option_ids]))[0, 0]
    assert ["".join(str(int(seen)) for seen in query) for query in mask] == record["attention"]


def test_the_same_pieces_answer(record: dict[str, Any], released: UniMC, example: MultipleChoiceExample) -> None:
    pair = released.answers[example.language]
    assert (pair.yes_id, pair.no_id) == (record["yes_id"], record["no_id"])


def test_yes_logits_agree(record: dict[str, Any], released: UniMC, row: Encoding) -> None:
    with torch.no_grad():
        logits, _ = released.model(**collate([row], pad=0).inputs())
    expected = torch.tensor(record["yes_logits"])
    torch.testing.assert_close(logits[:, record["yes_id"]], expected, rtol=0, atol=1e-4)


def test_probabilities_agree(record: dict[str, Any], released: UniMC, example: MultipleChoiceExample) -> None:
    (prediction,) = released.predict([example])
    assert prediction.scores == pytest.approx(record["probabilities"], abs=1e-4)


def test_the_training_loss_agrees(
    record: dict[str, Any], released: UniMC, example: MultipleChoiceExample, row: Encoding
) -> None:
    """Given the same corrupted tokens; the released drawing may pick a SEP, ours never does."""
    training, count = record["training"], len(example.options)
    labels = torch.tensor(training["mlm_labels"])
    places = torch.tensor(
        [
            place
            for place, label in enumerate(training["mlm_labels"])
            if label >= 0 and place not in row.option_positions
        ]
    )
    targets = Targets(
        yes=torch.full((count,), record["yes_id"]),
        no=torch.full((count,), record["no_id"]),
        right=torch.arange(count) == example.label,
        corrupted_places=places,
        corrupted_ids=labels[places],
    )
    assert labels[row.option_positions].tolist() == torch.where(targets.right, targets.yes, targets.no).tolist()
    batch, config = collate([row], pad=0, input_ids=[training["input_ids"]]), LossConfig()
    with torch.no_grad():
        option_logits, corrupted_logits = released.model(**batch.inputs(), corrupted_places=places)
    found = losses(option_logits, corrupted_logits, targets, batch.option_rows, config)
    loss = total(found.sums, targets.counts(batch.option_rows), config)
    assert loss.item() == pytest.approx(training["total_loss"], abs=1e-4)
