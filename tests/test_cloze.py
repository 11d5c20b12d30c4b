"""Cloze prompting: scores at the mask, predictions, calibration, related words, and searches on a frozen model."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import replace
from itertools import pairwise

import pytest
import tiny
import torch
from hypothesis import given, settings
from hypothesis import strategies as st

from unimc import InputError, MultipleChoiceExample
from unimc.calibration import content_free_examples
from unimc.cloze import Cloze, ClozePrompt, Template, Verbalizer
from unimc.cloze.autoprompt import AutoPromptConfig, Found, Swap, _captured, _Search, search
from unimc.cloze.related import _relevance, refined
from unimc.cloze.search import found_words
from unimc.cloze.vocabulary import neighbours, whole_words

WORDS = {"good": ("good", "bad day"), "bad": ("soup", "late"), "so so": ("music", "the old wall")}
SHORT = Verbalizer({"good": ("good",), "bad": ("soup", "late"), "so so": ("music",)})
"""Of one piece each: the rest of the vocabulary, whose output embeddings are its input embeddings, has no say."""
TEXTS = (
    "the soup was cold and the train was late",
    "good music, a good answer",
    "外面下雪了，火车晚到",
    "it was a long walk in the snow and then the rain did not stop, not at the old wall, not at all",
    "the clock is old",
    "what is the price of the soup?",
)


def examples(texts: Sequence[str] = TEXTS, labels: Sequence[str] = tuple(WORDS)) -> list[MultipleChoiceExample]:
    return [
        MultipleChoiceExample(labels, passage=text, textb="a new wall", label=place % len(labels), id=f"{place}")
        for place, text in enumerate(texts)
    ]


def prompt(words: dict[str, tuple[str, ...]] | None = None, template: str = "{passage} It was {mask}.") -> ClozePrompt:
    return ClozePrompt(Template(template), Verbalizer(words or WORDS))


def cloze(family: str = "bert", given: ClozePrompt | None = None, batch_size: int = 32) -> Cloze:
    return Cloze(tiny.checkpoint(family), given or prompt(), batch_size=batch_size)


@torch.no_grad()
def by_hand(model: Cloze, example: MultipleChoiceExample, word: str, *, left_to_right: bool = False) -> float:
    """A word's mean log-probability, by the backbone's own forward pass over the whole vocabulary."""
    (frame,) = model.framer([example])
    ids = next(one.ids for one in model.words if one.text == word)
    mask = model.tokenizer.inert.mask
    total = 0.0
    for place, piece in enumerate(ids):
        given = place if left_to_right else 0
        row = [*frame.before, *ids[:given], *[mask] * (len(ids) - given), *frame.after]
        logits = model.model.backbone(torch.tensor([row]), attention_mask=torch.ones(1, len(row))).logits
        total += float(logits[0, len(frame.before) + place].log_softmax(0)[piece])
    return total / len(ids)


# ---- scores


@pytest.mark.parametrize("family", sorted(tiny.FAMILIES))
def test_a_words_score_is_its_mean_log_probability_over_as_many_masks_as_pieces(family: str) -> None:
    model = cloze(family)
    assert len({len(word.ids) for word in model.words}) > 1
    scores = model.word_scores(examples())
    for number, example in enumerate(examples()):
        for column, word in enumerate(model.words):
            assert float(scores[number, column]) == pytest.approx(by_hand(model, example, word.text), abs=2e-4)


def test_left_to_right_gives_the_pieces_before_and_masks_those_after() -> None:
    model = cloze(given=replace(prompt(), scoring="left_to_right"))
    scores = model.word_scores(examples()[:2])
    for column, word in enumerate(model.words):
        expected = by_hand(model, examples()[1], word.text, left_to_right=True)
        assert float(scores[1, column]) == pytest.approx(expected, abs=1e-4)


def test_both_scorings_agree_on_words_of_one_piece() -> None:
    short = prompt({"good": ("good",), "bad": ("late", "soup")})
    parallel = cloze(given=short).word_scores(examples(), normalised=True)
    left = cloze(given=replace(short, scoring="left_to_right")).word_scores(examples(), normalised=True)
    torch.testing.assert_close(parallel, left)


@pytest.mark.parametrize("words", [{"a": ("good",), "b": ("late",)}, {"a": ("good day",), "b": ("late train",)}])
def test_leaving_out_the_rest_of_the_vocabulary_changes_no_probability(words: dict[str, tuple[str, ...]]) -> None:
    model = cloze(given=prompt(words))
    plain = model.label_scores(model.word_scores(examples())).softmax(1)
    whole = model.label_scores(model.word_scores(examples(), normalised=True)).softmax(1)
    torch.testing.assert_close(plain, whole, atol=1e-5, rtol=0)


@given(order=st.permutations(sorted(WORDS)), swapped=st.booleans())
@settings(max_examples=6)
def test_permuting_labels_or_their_words_permutes_the_scores(order: list[str], swapped: bool) -> None:
    model = cloze()
    words = {label: WORDS[label][::-1] if swapped else WORDS[label] for label in order}
    other = cloze(given=prompt(words))
    for one, two in zip(model.predict(examples()), other.predict(examples(labels=order)), strict=True):
        assert dict(zip(two.names, two.scores, strict=True)) == pytest.approx(
            dict(zip(one.names, one.scores, strict=True)), abs=1e-5
        )


@pytest.mark.parametrize("family", ["bert", "xlm-roberta", "modernbert"])
def test_batches_and_order_change_no_score(family: str) -> None:
    alone = cloze(family, batch_size=1).word_scores(examples())
    together = cloze(family).word_scores(examples()[::-1]).flip(0)
    torch.testing.assert_close(alone, together, atol=1e-4, rtol=0)


def test_words_are_averaged_as_the_prompt_says() -> None:
    scores = cloze().word_scores(examples())
    by_probability = cloze().label_scores(scores)
    by_log = cloze(given=replace(prompt(), average="log_probability")).label_scores(scores)
    first = scores[:, :2]
    torch.testing.assert_close(by_probability[:, 0], first.exp().mean(1).log())
    torch.testing.assert_close(by_log[:, 0], first.mean(1))


# ---- predictions


def test_an_answer_is_the_name_of_the_best_option() -> None:
    for found in cloze().predict(examples()):
        assert sum(found.scores) == pytest.approx(1)
        assert found.scores[found.label] == max(found.scores)
        assert found.answer == found.names[found.label]


def test_a_long_text_is_cut_and_counted() -> None:
    model = cloze()
    (found,) = model.predict(examples(["late train " * 200]))
    around = 2 + 3  # CLS, SEP; It, was, .
    assert found.truncated == 400 - (tiny.POSITIONS - around - model.longest)


def test_a_label_without_words_is_named() -> None:
    with pytest.raises(InputError, match="no words for its label 'fine'; it has words for: good, bad, so so"):
        cloze().predict(examples(labels=("good", "fine")))


def test_several_labels_are_refused() -> None:
    several = [MultipleChoiceExample(["good", "bad"], passage="rain", labels=[0])]
    with pytest.raises(InputError, match="several labels"):
        cloze().predict(several)


def test_a_head_that_was_never_trained_is_refused() -> None:
    with pytest.raises(InputError, match="no trained masked-LM head"):
        Cloze(replace(tiny.checkpoint("bert"), fresh_head=True), prompt())


# ---- calibration


def test_content_free_texts_say_nothing_once_calibrated() -> None:
    (free,) = content_free_examples(examples()[0], ["N/A"])
    model = cloze().calibrated([free])
    assert model.predict([free])[0].scores == pytest.approx([1 / 3] * 3, abs=1e-5)
    assert model.predict(examples())[0].calibrated


def test_a_prior_survives_its_file() -> None:
    model = cloze().calibrated(examples())
    again = cloze(given=ClozePrompt.from_dict(model.prompt.to_dict(), "file"))
    assert [one.scores for one in again.predict(examples())] == [one.scores for one in model.predict(examples())]


# ---- related words


def test_whole_words_are_single_pieces_again() -> None:
    for family, template in (("bert", "It is {mask} {passage}"), ("xlm-roberta", "汤{mask}{passage}")):
        model = cloze(family, prompt(template=template))
        known = whole_words(model)
        assert known
        ids = model.tokenizer(list(known.values()), glued=model.prompt.template.mask.glued)
        assert ids == [[piece] for piece in known]


def test_a_related_word_speaks_for_one_label() -> None:
    found = neighbours(cloze(), 5)
    listed = [word for words in found.values() for word in words]
    assert len(set(listed)) == len(listed)
    assert all(found[label][: len(words)] == words for label, words in WORDS.items())


def test_refining_keeps_the_labels_own_words_and_says_what_went() -> None:
    related = {"good": ["snow", "rain", "дождь"], "bad": ["train", "price", "snow"], "so so": ["clock"]}
    model = cloze()
    found = refined(model, related, examples(), keep=0.75, relevance=0.0)
    kept = found.cloze.prompt.verbalizer.words
    assert all(set(WORDS[label]) <= set(words) for label, words in kept.items())
    assert (found.unknown, found.given, found.rare, found.irrelevant) == (1, 4, 1, 0)  # "snow" speaks for two: neither
    assert sum(map(len, kept.values())) == sum(map(len, WORDS.values())) + 3
    assert found.cloze.prompt.prior is not None
    nothing = refined(model, related, examples(), keep=1.0, relevance=math.inf)
    assert nothing.cloze.prompt.verbalizer.words == WORDS


def test_relevance_is_the_cosine_with_the_own_label_over_that_with_the_others() -> None:
    model = cloze(given=prompt({"good": ("good", "music"), "bad": ("late", "soup")}))
    # (2 texts, 4 words): the labels' own words stand for one text each, the others for both.
    calibrated = torch.tensor([[1.0, 3.0, 0.0, 3.0], [0.0, 4.0, 1.0, 4.0]])
    assert [word.text for word in model.words] == ["good", "music", "late", "soup"]
    found = _relevance(model, calibrated, [True, False, True, False])
    assert [found[1], found[3]] == pytest.approx([0.6 / 0.8, 0.8 / 0.6])


def test_refining_takes_words_of_two_spellings_that_are_one_to_the_vocabulary() -> None:
    given = prompt({"good": ("good", "Good"), "bad": ("late",)})
    found = refined(cloze(given=given), {"good": ["music"], "bad": ["soup"]}, examples(labels=("good", "bad")))
    prior = found.cloze.prompt.prior
    assert prior is not None
    assert prior["Good"] == prior["good"]


def test_related_words_of_no_label_are_an_error() -> None:
    with pytest.raises(InputError, match="related words for 'fine', which is no label"):
        refined(cloze(), {"fine": ["snow"]}, examples())


# ---- label words from a few labels


def test_searched_words_are_expected_more_at_their_own_labels_rows() -> None:
    model = cloze(given=prompt(template="{passage} {mask}"))
    found = found_words(model, examples(), size=3, frequent=10**6)
    words = found.prompt.verbalizer.words
    assert all(1 <= len(mine) <= 3 for mine in words.values())
    by_word = dict(
        zip([word.text for word in found.words], found.word_scores(examples(), normalised=True).T, strict=True)
    )
    for label, mine in enumerate(words.values()):
        for word in mine:
            own = [float(by_word[word][number]) for number in range(6) if number % 3 == label]
            others = [float(by_word[word][number]) for number in range(6) if number % 3 != label]
            assert sum(own) / len(own) > sum(others) / len(others)


def test_a_search_needs_rows_of_every_label() -> None:
    with pytest.raises(InputError, match="no example for label 'so so'"):
        found_words(cloze(), examples()[:2])
    with pytest.raises(InputError, match="no label; a search needs"):
        found_words(cloze(), [replace(one, label=None) for one in examples()])


# ---- AutoPrompt

QUICK = AutoPromptConfig(triggers=2, iterations=6, candidates=4, rows=3)


def run(config: AutoPromptConfig = QUICK, given: ClozePrompt | None = None, held: int = 0) -> Found:
    return search(cloze(given=given), examples(), config, validation=examples()[:held])


@pytest.mark.parametrize("config", [QUICK, replace(QUICK, beam=3, seed=4), replace(QUICK, objective="vocabulary")])
def test_the_loss_on_the_search_rows_never_rises(config: AutoPromptConfig) -> None:
    history = run(config).history
    losses = [swap.loss for swap in history]
    assert losses == sorted(losses, reverse=True)
    assert all((one.loss < before.loss) == one.accepted for before, one in pairwise(history))


def test_a_search_lowers_the_loss() -> None:
    history = run().history
    assert history[-1].loss < history[0].loss


def test_a_search_is_a_function_of_its_seed() -> None:
    assert run().cloze.prompt == run().cloze.prompt
    assert [swap.triggers for swap in run().history] != [swap.triggers for swap in run(replace(QUICK, seed=9)).history]


def test_triggers_are_no_special_pieces_and_no_label_words() -> None:
    found = run(replace(QUICK, iterations=12))
    inert = found.cloze.tokenizer.inert
    said = {piece for word in found.cloze.words for piece in word.ids} | (inert.specials - {inert.mask})
    pieces = {found.cloze.tokenizer.piece(trigger) for trigger in found.cloze.prompt.template.triggers}
    assert pieces.isdisjoint(said)


def test_the_found_prompt_has_the_loss_that_was_reported_and_survives_its_file() -> None:
    found = run()
    again = cloze(given=ClozePrompt.from_dict(found.cloze.prompt.to_dict(), "file"))
    scores = again.label_scores(again.word_scores(examples()))
    gold = torch.tensor([one.label for one in examples()])
    assert float(torch.nn.functional.cross_entropy(scores, gold)) == pytest.approx(found.history[-1].loss, abs=1e-4)


def test_a_prior_stays_through_a_search() -> None:
    calibrated = cloze().calibrated(examples()).prompt
    assert run(replace(QUICK, iterations=1), calibrated).cloze.prompt.prior == calibrated.prior


def test_other_rows_choose_among_the_triggers() -> None:
    found = run(held=4)
    best = min((swap.validation, swap.iteration) for swap in found.history if swap.validation is not None)
    assert found.cloze.prompt.template.triggers == found.history[best[1]].triggers


def test_the_templates_own_places_are_taken() -> None:
    own = ClozePrompt(Template("{trigger} {passage} {mask} {trigger}", ("late", "train")), Verbalizer(WORDS))
    heard: list[Swap] = []
    found = search(cloze(given=own), examples(), QUICK, after=heard.append)
    assert found.history[0].triggers == ("late", "train")
    assert tuple(heard) == found.history
    assert found.cloze.prompt.template.text == own.template.text


@pytest.mark.parametrize("family", ["bert", "albert", "electra", "xlm-roberta", "deberta-v2", "modernbert"])
def test_the_gradient_is_that_of_the_triggers_embedding(family: str) -> None:
    trigger = {"bert": "clock", "electra": "clock", "deberta-v2": "clock", "modernbert": "Ġclock"}.get(family, "▁clock")
    own = ClozePrompt(Template("{passage} {trigger} {mask} it.", (trigger,)), SHORT)
    model = Cloze(tiny.checkpoint(family), own)
    hunt = _Search(model, examples(), QUICK, (), None)
    rows = [number for number, one in enumerate(examples()) if "clock" not in one.passage]
    piece = model.tokenizer.piece(trigger)
    assert piece is not None
    found = hunt._gradient((piece,), rows)[0]
    weight = model.model.backbone.get_input_embeddings().weight
    loss = hunt._batch_loss([hunt.frames[row] for row in rows], hunt.gold[rows]).sum()
    (expected,) = torch.autograd.grad(loss, weight)
    torch.testing.assert_close(found, expected[piece], atol=1e-3, rtol=1e-3)


def test_the_embedding_is_let_go_again() -> None:
    embedding = torch.nn.Embedding(3, 2)
    with _captured(embedding) as outputs:
        embedding(torch.tensor([1]))
    embedding(torch.tensor([1]))
    assert len(outputs) == 1


@pytest.mark.parametrize(
    ("changes", "says"),
    [({"triggers": 0}, "triggers is 0"), ({"beam": 0}, "beam is 0"), ({"objective": "accuracy"}, "labels, vocabulary")],
)
def test_wrong_settings_are_refused(changes: dict[str, object], says: str) -> None:
    with pytest.raises(InputError, match=says):
        replace(QUICK, **changes)  # type: ignore[arg-type]
