"""The few changes of a row that a declaration can't express; a card names one by its key `row`.

Each is a pure function of one row, looked up here by its name. They work before the templates do, so that wordings and
variants stay in the card.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping, Sequence
from typing import Any

from converters.card import did_you_mean
from converters.template import Row
from unimc.example import InputError

Expand = Callable[[Row], list[Row]]

_FUNCTIONS: dict[str, Expand] = {}


def get(name: str) -> Expand:
    """The function of that name: a row to the rows that it becomes.

    Raises:
        InputError: if there is none.
    """
    if name not in _FUNCTIONS:
        raise InputError(f"no row function {name!r}; {did_you_mean(name, _FUNCTIONS)}")
    return _FUNCTIONS[name]


def reshape(function: Callable[[Row], Row]) -> Callable[[Row], Row]:
    """Registers a function that gives one row for one row."""
    _FUNCTIONS[function.__name__] = lambda row: [function(row)]
    return function


def expand(function: Expand) -> Expand:
    """Registers a function that gives several rows for one."""
    _FUNCTIONS[function.__name__] = function
    return function


_LETTER = re.compile(r"^\s*(?:[(（]\s*[A-Ga-g]\s*[)）]|[A-Ga-g]\s*[.．、)）:：])\s*")


@reshape
def strip_letters(row: Row) -> Row:
    """Takes "(A)", "A.", "B)" off the options: a letter tells the model nothing, and costs tokens."""
    return {**row, "options": [_LETTER.sub("", option) for option in row["options"]]}


def _clue_class(value: Any, names: Sequence[str]) -> Any:
    """The hub numbers CLUE's classes, -1 where a row has none; the authors' files and ours name them."""
    if not isinstance(value, int) or value >= len(names):
        return value
    return names[value] if value >= 0 else None


_CLUE_NLI = ("neutral", "entailment", "contradiction")
_CLUE_TNEWS = tuple(str(code) for code in range(100, 117) if code not in (105, 111))


@reshape
def clue_nli(row: Row) -> Row:
    """Names the classes of CMNLI and OCNLI."""
    return {**row, "label": _clue_class(row.get("label"), _CLUE_NLI)}


@reshape
def clue_tnews(row: Row) -> Row:
    """Gives the topics of TNEWS by their codes, 100 to 116."""
    return {**row, "label": _clue_class(row.get("label"), _CLUE_TNEWS)}


@reshape
def cluewsc(row: Row) -> Row:
    """Puts 【】 around the noun and the pronoun, which the source gives by their places, and names the classes."""
    target, text = row["target"], row["text"]
    spans = [(target[f"span{number}_index"], target[f"span{number}_text"]) for number in (1, 2)]
    for start, words in sorted(spans, reverse=True):  # from the end, so that the other place stays right
        end = start + len(words)
        if text[start:end] != words:
            raise InputError(f"column 'target': {words!r} does not stand at character {start} of the text")
        text = f"{text[:start]}【{words}】{text[end:]}"
    return {**row, "text": text, "label": _clue_class(row.get("label"), ("true", "false"))}


@reshape
def join_keywords(row: Row) -> Row:
    """Makes one text of a list of keywords."""
    return {**row, "keyword": "、".join(row["keyword"])}


_BLANK = "____"
_IDIOM = re.compile(r"#idiom\d*#")


@reshape
def idiom_blank(row: Row) -> Row:
    """Makes a line of the mark "#idiom#", so that nothing but the options looks like a word."""
    return {**row, "content": _IDIOM.sub(_BLANK, row["content"])}


@expand
def idiom_blanks(row: Row) -> list[Row]:
    """One row for every blank of several passages that share their candidates; the passage's other blanks are dots."""
    marks = [(text, mark) for text in row["content"] for mark in _IDIOM.finditer(text)]
    answers = row.get("answers")
    if isinstance(answers, Mapping):  # a list of records, which the hub turns into a record of lists
        right = list(answers["candidate_id"])
    else:
        right = [answer["candidate_id"] for answer in answers or ()]
    if right and len(right) != len(marks):
        raise InputError(f"column 'answers' has {len(right)} answers for {len(marks)} blanks")
    found: list[Row] = []
    for number, (text, mark) in enumerate(marks):
        before, after = _IDIOM.sub("……", text[: mark.start()]), _IDIOM.sub("……", text[mark.end() :])
        answer = right[number] if right else None
        found.append({"content": before + _BLANK + after, "candidates": row["candidates"], "answer": answer})
    return found


@reshape
def event_types(row: Row) -> Row:
    """The types alone of the events in a text."""
    return {**row, "event_types": [event["event_type"] for event in row["event_list"]]}


@reshape
def control_nli(row: Row) -> Row:
    """Names the classes of ConTRoL, which its authors' files give as letters and ours as numbers."""
    names = {"e": "entailment", "n": "neutral", "c": "contradiction", 0: "entailment", 1: "neutral", 2: "contradiction"}
    label = row.get("label")
    return {**row, "label": names.get(label, label)}


@reshape
def wsc(row: Row) -> Row:
    """Puts *asterisks* around the pronoun of SuperGLUE's WSC, whose place the source gives in words.

    One row counts a word wrongly, so the words beside that place are tried too.
    """
    text, pronoun, place = row["text"], row["span2_text"], row["span2_index"]
    words = list(re.finditer(r"\S+", text))
    for index in (place, place + 1, place - 1):
        if 0 <= index < len(words) and (found := _whole_word(pronoun).search(words[index].group())):
            start = words[index].start() + found.start()
            return {**row, "text": _starred(text, start, start + len(pronoun))}
    raise InputError(f"column 'span2_index': {pronoun!r} is not word {place} (from 0) of the text")


@reshape
def mark_pronoun(row: Row) -> Row:
    """Puts *asterisks* around the pronoun where the sentence has it once; which of several is meant, no column says."""
    return {**row, "sentence": _with_pronoun_marked(row)}


@reshape
def winogender(row: Row) -> Row:
    """Marks the pronoun, and makes a list of the two persons that it may mean."""
    persons = [row["occupation"], row["participant"]]
    candidates = [person if person == "someone" else f"the {person}" for person in persons]
    return {**row, "sentence": _with_pronoun_marked(row), "candidates": candidates}


@reshape
def blank_pronoun(row: Row) -> Row:
    """Makes "_" of the pronoun that stands at `pronoun_loc`; -1 says that this was done before."""
    text, pronoun, start = row["text"], row["pronoun"], row["pronoun_loc"]
    if start < 0:
        return row
    end = start + len(pronoun)
    if text[start:end].casefold() != pronoun.casefold():
        raise InputError(f"column 'pronoun_loc': {pronoun!r} does not stand at character {start} of the text")
    return {**row, "text": f"{text[:start]}_{text[end:]}"}


def _with_pronoun_marked(row: Row) -> str:
    sentence: str = row["sentence"]
    found = list(_whole_word(row["pronoun"]).finditer(sentence))
    if not found:
        raise InputError(f"column 'pronoun': {row['pronoun']!r} is not in the sentence")
    return _starred(sentence, *found[0].span()) if len(found) == 1 else sentence


def _whole_word(word: str) -> re.Pattern[str]:
    return re.compile(rf"(?<!\w){re.escape(word)}(?!\w)")


def _starred(text: str, start: int, end: int) -> str:
    return f"{text[:start]}*{text[start:end]}*{text[end:]}"


_HOW_TO_MARK = re.compile(r"\s*\[(?:header|title|step|substeps)\]\s*")


@reshape
def how_to_marks(row: Row) -> Row:
    """Makes sentences of what WikiHow's marks "[header]", "[title]", "[step]", "[substeps]" divide."""
    return {**row, "ctx": _sentences(row["ctx"]), "endings": [_sentences(ending) for ending in row["endings"]]}


def _sentences(text: str) -> str:
    *parts, last = _HOW_TO_MARK.split(text)
    ended = [part if part[-1] in ".!?:;," else f"{part}." for part in parts if part]
    return " ".join([*ended, last]) if last else " ".join(ended)


_CHOICE = re.compile(r"\s*([A-Ga-g])\s*[.．。、,，)）:：]?\s*")


@reshape
def order_letters(row: Row) -> Row:
    """Puts the options in the order of their letters, and takes the letters off.

    LogiQA counts its answers by the letters, and prints some options as A, C, B, D; some have no point behind them.
    """
    found = [_CHOICE.match(option) for option in row["options"]]
    lettered = {
        mark[1].upper(): option[mark.end() :] for mark, option in zip(found, row["options"], strict=True) if mark
    }
    letters = "ABCDEFG"[: len(found)]
    if sorted(lettered) != list(letters):
        raise InputError(f"column 'options': each must begin with one of the letters {letters}, in any order")
    return {**row, "options": [lettered[letter] for letter in letters]}


_SENTENCE_BLANK = re.compile(r"\[BLANK\d+\]")
_ABOUT_BLANK = 120  # characters on either side: with fifteen sentences to choose from it still fits in 512 tokens


@expand
def sentence_blanks(row: Row) -> list[Row]:
    """One row for every blank of a text, all with the same sentences to choose from; other blanks become dots.

    `around` is the text near the blank, `context` the whole of it.
    """
    text, answers = row["context"], row.get("answers") or []
    marks = list(_SENTENCE_BLANK.finditer(text))
    if answers and len(answers) != len(marks):
        raise InputError(f"column 'answers' has {len(answers)} answers for {len(marks)} blanks")
    found: list[Row] = []
    for number, mark in enumerate(marks):
        before, after = (_SENTENCE_BLANK.sub("……", part) for part in (text[: mark.start()], text[mark.end() :]))
        around = before[-_ABOUT_BLANK:] + _BLANK + after[:_ABOUT_BLANK]
        answer = answers[number] if answers else None
        found.append({**row, "context": before + _BLANK + after, "around": around, "answer": answer})
    return found


@reshape
def financial_events(row: Row) -> Row:
    """The types alone of the events in a text of FewFC."""
    return {**row, "event_types": [event["type"] for event in row["events"]]}


_COPA_ASKS = {"cause": "原因", "effect": "结果"}


@reshape
def copa_in_chinese(row: Row) -> Row:
    """Says in Chinese what is asked for: XCOPA's rows name it in English."""
    if row["question"] not in _COPA_ASKS:
        raise InputError(f"column 'question' is {row['question']!r}; it must be one of: {', '.join(_COPA_ASKS)}")
    return {**row, "question": _COPA_ASKS[row["question"]]}


def _lines(*parts: str | None) -> str:
    """The parts that say something, each on its own line."""
    return "\n".join(part.strip() for part in parts if part and part.strip())


@reshape
def title_and_content(row: Row) -> Row:
    """Puts the title, where there is one, above the content."""
    return {**row, "content": _lines(row["title"], row["content"])}


@reshape
def question_and_answer(row: Row) -> Row:
    """Makes one text of a question's title, its details and its best answer, of which the last two may be empty."""
    return {**row, "text": _lines(row["question_title"], row["question_content"], row["best_answer"])}


_NO_STORY = re.compile(r"\s*\*+\s*(?:blah[\s.]*)*", re.IGNORECASE)


@reshape
def reuters(row: Row) -> Row:
    """Puts a story's title above its text; where the title stands alone, the text is a filler, "******Blah blah blah."."""
    story = row["text"] or ""
    return {**row, "text": _lines(row["title"], None if _NO_STORY.fullmatch(story) else story)}


@reshape
def atis(row: Row) -> Row:
    """Makes a list of the intents that ATIS joins by "#" (in other copies "+")."""
    joined = row.get("category")
    return {**row, "category": re.split("[#+]", joined) if isinstance(joined, str) else joined}
