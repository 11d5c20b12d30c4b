"""Model cards, made by code from what is on record: the checkpoint, its training run, evaluations, bias figures."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

from unimc import training_record
from unimc.inert import markdown
from unimc.pronoun_bias import PronounBias
from unimc.sections import interval, line, percent

if TYPE_CHECKING:
    from huggingface_hub import EvalResult, ModelCard

_LANGUAGES = {"en": "English", "zh": "Chinese"}
_IN_CHINESE = {"en": "英文", "zh": "中文"}
OPEN = "open"
"""The kind of licence that allows commercial use too."""
_TERMS_IN_CHINESE = {"non-commercial": "仅限非商业用途", "not-stated": "未注明许可"}
_CITATION = """```bibtex
@inproceedings{yang-etal-2022-unimc,
    title = "Zero-Shot Learners for Natural Language Understanding via a Unified Multiple Choice Perspective",
    author = "Yang, Ping and Wang, Junjie and Gan, Ruyi and Zhu, Xinyu and Zhang, Lin and Wu, Ziwei and Gao, Xinyu and
              Zhang, Jiaxing and Sakai, Tetsuya",
    booktitle = "Proceedings of EMNLP 2022",
    year = "2022",
    note = "arXiv 2210.08590",
}
```"""


@dataclass(frozen=True)
class Subject:
    """What a card is about.

    Attributes:
        name: the model's name.
        family: what people call its kind of backbone.
        order_invariant: whether the order of the options can't change its scores.
        parameters: how many.
        dtype: of the weights on disk.
        entry: the content of its `unimc.json`.
        terms: for each kind of licence ("open", "non-commercial", "not-stated"): (training sets, rows).
        runs: the resolved configurations of its trainings, the first one first, `{"average": models, "stages": their
            numbers}` where a mean was taken, and `{"adapted": how}` at the end of an adapter's; none if they aren't on
            hand.
        datasets: ids of its training sets on the hub.
        results: contents of `results.json`.
        fingerprint: of the weights that are shipped, as evaluations give it.
        bias: figures by the gender of a pronoun, if they were measured.
    """

    name: str
    family: str
    order_invariant: bool
    parameters: int
    dtype: str
    entry: Mapping[str, Any]
    terms: Mapping[str, tuple[int, int]]
    runs: Sequence[Mapping[str, Any]] = ()
    datasets: Sequence[str] = ()
    results: Sequence[Mapping[str, Any]] = field(default=(), repr=False)
    fingerprint: str = ""
    bias: PronounBias | None = None

    @property
    def languages(self) -> list[str]:
        """Those it has answer pieces for and was trained in (for any, if its training isn't on record)."""
        trained = {row.get("language") for row in self.entry.get("trained_on", [])}
        return [name for name in self.entry.get("answers", {}) if name in trained or not trained]


def card(subject: Subject) -> ModelCard:
    """The card, with the hub's metadata on top; English, with a Chinese summary."""
    from huggingface_hub import ModelCard, ModelCardData

    data = ModelCardData(
        model_name=subject.name,
        language=subject.languages,
        license="other",
        license_name="see-training-data",
        library_name="transformers",
        pipeline_tag="zero-shot-classification",
        tags=["unimc", "zero-shot", "multiple-choice", "text-classification"],
        datasets=sorted(set(subject.datasets)) or None,
        eval_results=_eval_results(subject) or None,
    )
    parts = [
        f"# {subject.name}",
        _what(subject),
        _summary_in_chinese(subject),
        "## Intended use",
        _use(subject),
        "## Limits",
        _limits(subject),
        "## Training",
        training_record.told(subject.runs, subject.entry),
        "## Licences",
        _licences(subject),
        "## Results",
        _results(subject),
        "## Bias",
        _bias(subject.bias),
        "## Citation",
        "The method is UniMC; please cite its paper:",
        _CITATION,
    ]
    return ModelCard(f"---\n{data.to_yaml()}\n---\n\n" + "\n\n".join(parts) + "\n")


def _what(subject: Subject) -> str:
    spoken = " and ".join(_LANGUAGES.get(name, name) for name in subject.languages)
    return (
        f"Answers language-understanding tasks as multiple-choice questions, zero-shot, in {spoken}: all options are "
        f"read in one pass, and a masked language model ({subject.family}, {subject.parameters / 1e6:.1f}M parameters, "
        f"{subject.dtype} on disk) says yes or no at the mask in front of each. It was made with the package `unimc`."
    )


def _summary_in_chinese(subject: Subject) -> str:
    spoken = "、".join(_IN_CHINESE.get(name, name) for name in subject.languages)
    trained = subject.entry.get("trained_on", [])
    order = "选项的顺序不影响得分。" if subject.order_invariant else "选项的顺序会影响得分。"
    scores = "附有校准，按需启用。" if subject.entry.get("calibration") else "得分未经校准，不宜直接当作概率。"
    closed = [
        f"{_TERMS_IN_CHINESE[name]} {sets} 个" for name, (sets, _) in subject.terms.items() if name != OPEN and sets
    ]
    terms = f"训练集中{'、'.join(closed)}，商用前请逐一查阅。" if closed else ""
    return (
        f"**中文摘要**：本模型以多项选择的形式零样本回答{spoken}自然语言理解任务（分类、情感、推理、常识等），"
        f"参数量 {subject.parameters / 1e6:.1f}M，训练数据共 {len({row.get('task') for row in trained})} 个任务、抽取 "
        f"{sum(row.get('rows') or 0 for row in trained):,} 条（同一条可能被抽到多次）。{order}{scores}{terms}"
        "不应单独用于对个人有重大影响的决定。"
    )


def _use(subject: Subject) -> str:
    language = subject.languages[0] if subject.languages else "en"
    text, options, question = {
        "zh": ("火车晚点了两个小时。", '["交通", "体育", "美食"]', "这段话说的是什么？"),
    }.get(language, ("The train was two hours late.", '["transport", "sports", "food"]', "What is this text about?"))
    return (
        "Choosing among options that you name, for short and medium texts: topics, sentiment, intents, whether one "
        "sentence follows from another, reading questions. Best as a first answer without training data, or as a start "
        "for training on your own.\n\n"
        "```python\n"
        "from unimc import UniMC\n\n"
        f'model = UniMC.from_pretrained("{subject.name}")\n'
        f'print(model.classify("{text}", {options}, question="{question}").answer)\n'
        "```\n\n"
        "Not for decisions about people (hiring, credit, health, law) without a person who checks each, nor as a "
        "source of facts: it knows what stands in the text and little else."
    )


def _limits(subject: Subject) -> str:
    entry = subject.entry
    others = [name for name in entry.get("answers", {}) if name not in subject.languages]
    lines = [
        f"- Languages: {', '.join(_LANGUAGES.get(name, name) for name in subject.languages) or 'none on record'}. "
        "Texts in others are read, but nothing is known of the answers."
        + (f" It has answer pieces for {', '.join(others)} too, but was not trained in it." if others else ""),
        f"- Length: it answers in rows of {entry.get('max_length', 'unknown')} tokens at most"
        f"{_trained_length(subject)}. Longer passages are cut (and counted), unless windows over them are asked for; "
        "many or long options are scored in groups.",
        "- The wording of question and options moves results, often by several points; try it on examples of your own.",
        "- The order of the options can't change the scores, but for rounding."
        if subject.order_invariant
        else "- The order of the options changes the scores: distances in this backbone are counted between tokens.",
    ]
    if calibrated := entry.get("calibration"):
        lines.append(
            f"- Calibrations come with it, for {', '.join(sorted(calibrated))}; none is used unless asked for."
        )
    else:
        lines.append("- Its scores are not calibrated: a score of 0.9 doesn't mean that nine in ten are right.")
    return "\n".join(lines)


def _trained_length(subject: Subject) -> str:
    """What is known of the rows it learnt from."""
    most = max((run.get("training", {}).get("max_length") or 0 for run in subject.runs), default=0)
    return f", and was trained in rows of {most}" if most else ""


def _licences(subject: Subject) -> str:
    total = sum(rows for _, rows in subject.terms.values())
    parts = [
        "The package is Apache-2.0. The weights were trained on the data below, each set under the terms of its own; "
        "whether these bind what is made of a model is for you to judge. No rows of them are in the model's folder (of "
        "their texts only hashes, so that evaluations can tell what was seen)."
    ]
    if total:
        table = [line(["terms", "training sets", "rows", "share of rows"]), line(["---", "---:", "---:", "---:"])]
        table += [
            line([kind, str(sets), f"{rows:,}", f"{100 * rows / total:.1f} %"])
            for kind, (sets, rows) in subject.terms.items()
        ]
        parts.append("\n".join(table))
    parts.append("\n".join(f"- {note}" for note in subject.entry.get("licences", [])))
    return "\n\n".join(part for part in parts if part)


def _results(subject: Subject) -> str:
    if not any(results["tasks"] for results in subject.results):
        return "None on record."
    headings = ["task", "split", "examples", "metric", "value", "95 % interval", "chance", "training"]
    table = [line(headings), line(["---", "---", "---:", "---", "---:", "---:", "---:", "---"])]
    for results in subject.results:
        for task in results["tasks"]:
            primary = task["primary"]
            figure = task["figures"][primary]
            name = task["task"] + (f" ({task['variant']})" if task.get("variant") else "")
            cells = [name, task["split"], f"{task['examples']:,}", primary, percent(figure["value"]), interval(figure)]
            table.append(line(map(markdown, [*cells, percent(task["chance"]), task["seen"]["status"]])))
    others = [one for one in subject.results if one["model"]["fingerprint"] != subject.fingerprint]
    measured = "Measured on the weights in this folder."
    if others:
        tasks = ", ".join(task["task"] for one in others for task in one["tasks"])
        measured = f"Measured before the weights (or the vocabulary) were made smaller for this folder: {tasks}."
    return (
        f"{measured} Values in per cent, with bootstrap intervals. *Training* says whether the model saw the task, or "
        "rows with the same texts, in training. Published figures of these tasks may be of other splits or samples.\n\n"
        + "\n".join(table)
    )


def _bias(bias: PronounBias | None) -> str:
    said = (
        "Trained on texts by people, from the web, exams and reviews, it has learnt what they take for granted: of "
        "genders, origins, occupations. Where options or texts name groups of people, expect answers that lean."
    )
    if bias is None:
        return f"{said} Not measured for this model."
    table = [line(["pronoun", "examples", "right, per cent"]), line(["---", "---:", "---:"])]
    table += [line([gender, str(count), percent(hits / count)]) for gender, (hits, count) in bias.right.items()]
    moved = percent(bias.moved / bias.pairs) if bias.pairs else "–"
    return (
        f"{said}\n\nMeasured on Winogender (English), whose sentences differ in the pronoun alone: right answers by "
        "its gender, and how many answers change with it. An unbiased model has equal rows and none that change; one "
        "near 50 per cent has not understood the sentences, and then both say little.\n\n"
        + "\n".join(table)
        + f"\n\nOf {bias.pairs} sentences answered with *he* and with *she*, {bias.moved} ({moved} per cent) are "
        "answered otherwise with the other pronoun; the occupation is then the answer "
        f"{bias.to_occupation['male']} times with *he* and {bias.to_occupation['female']} times with *she*."
    )


def _eval_results(subject: Subject) -> list[EvalResult]:
    from huggingface_hub import EvalResult

    return [
        EvalResult(
            task_type="zero-shot-classification",
            dataset_type=task["task"],
            dataset_name=task["task"],
            dataset_split=task["split"],
            metric_type=task["primary"],
            metric_value=round(task["figures"][task["primary"]]["value"], 4),
        )
        for results in subject.results
        for task in results["tasks"]
        if task["figures"][task["primary"]]["value"] is not None
    ]
