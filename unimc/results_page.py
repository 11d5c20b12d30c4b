"""A page about several models, from their evaluations: each suite beside published figures, and what else was measured.

Tasks of a suite stand in its section, others under "Other tasks" of their language.
"""

from __future__ import annotations

from collections.abc import Collection, Iterable, Mapping, Sequence
from typing import Any

from unimc import results_behaviour, results_tables
from unimc.inert import markdown
from unimc.results_files import Entry, Model
from unimc.results_tables import Key, code, keys

_LANGUAGES = {"en": "English", "zh": "Chinese"}

_FIGURES = """\
All figures but counts and log-loss are in per cent. *95 % interval*: percentile bootstrap over the examples; that of a
mean takes the tasks' errors as independent. *a ± b*: mean and standard deviation over several trainings that differ in
their seed; the interval beside it has the mean ends of theirs. *Chance*: guessing; *majority*: always giving the label
that is right most often. *Training*: *unseen*, neither the task nor a row with the same texts was trained on;
*overlapping*, some of its rows were; *seen*, the task was; *unknown*, the model doesn't say."""


def page(models: Sequence[Model], suites: Sequence[Mapping[str, Any]], title: str, pictures: Mapping[str, str]) -> str:
    """The page, as Markdown.

    Args:
        models: their evaluations.
        suites: tasks that are reported together, with what others published; `converters.suites.Suite` as a dict.
        title: over it.
        pictures: name of a suite -> its picture's file, beside the page.
    """
    lines = [
        f"# {markdown(title)}",
        "",
        "Made by `unimc results` from the files of evaluations.",
        "",
        _text(_FIGURES),
        "",
    ]
    lines += results_tables.models_table(models)
    languages = dict.fromkeys([*_LANGUAGES, *(_language(entry) for model in models for entry in model.entries())])
    for language in languages:
        lines += _of_language(language, models, suites, pictures)
    lines += _behaviour(models)
    lines += _measured(models)
    return "\n".join(lines).rstrip("\n") + "\n"


def _of_language(
    language: str, models: Sequence[Model], suites: Sequence[Mapping[str, Any]], pictures: Mapping[str, str]
) -> list[str]:
    own = [suite for suite in suites if suite["language"] == language]
    lines = []
    for suite in own:
        lines += _suite(_answering(models, keys(suite).values()), suite, pictures)
    in_suites = {key for suite in own for key in keys(suite).values()}
    entries = [entry for model in models for entry in model.entries() if _language(entry) == language]
    others = dict.fromkeys(entry.key for entry in entries if entry.key not in in_suites)
    called = results_tables.task_names(models)
    answering = _answering(models, others)
    rest = results_tables.tasks_table(answering, {called[key]: key for key in others}, mean=False)
    if rest:
        lines += ["### Other tasks", "", *rest, *_star(answering, others)]
    return [f"## {_LANGUAGES.get(language, language or 'No language given')}", "", *lines] if lines else []


def _suite(models: Sequence[Model], suite: Mapping[str, Any], pictures: Mapping[str, str]) -> list[str]:
    if not models:
        return []
    lines = [f"### {markdown(suite['title'] or suite['name'])}", ""]
    names = keys(suite)
    lines += results_tables.tasks_table(models, names, mean=True)
    lines += _star(models, names.values())
    for model in models:
        if results_tables.mean_of(model, names.values()).mean is None:
            lines += [markdown(f"{model.name} has no mean: {_without_mean(model, names)}."), ""]
    if suite["published"]:
        said = f"Beside published figures: {suite['source']} Their test samples are not ours: compare with caution."
        lines += [markdown(_text(said)), "", *results_tables.published_table(models, suite)]
    if suite["name"] in pictures:
        lines += [f"![Mean accuracy against parameters: {markdown(suite['title'])}](<{pictures[suite['name']]}>)", ""]
        lines += ["Bars: the interval of the mean; over several trainings their standard deviation, up and down.", ""]
        unknown = [str(entry["model"]) for entry in suite["published"] if _without_size(entry)]
        if unknown:
            lines += [markdown(f"Not in the picture, because their size is not published: {', '.join(unknown)}."), ""]
    return lines


def _star(models: Sequence[Model], tasks: Iterable[Key]) -> list[str]:
    """What the star behind a count of examples means, where one stands."""
    answered = ([entry for model in models for entry in model.headlines(key)] for key in tasks)
    if not any(results_tables.differing(entries) for entries in answered):
        return []
    return [r"\* The models didn't answer the same examples in the same wording.", ""]


def _without_mean(model: Model, names: Mapping[str, Key]) -> str:
    """Why a model has none: no training answered all tasks of a suite, or one has no figure."""
    if missing := [column for column, key in names.items() if not model.headlines(key)]:
        return f"not evaluated on {', '.join(missing)}"
    count = sum(any(one.headline(key) for key in names.values()) for one in model.trainings)
    if missing := [column for column, key in names.items() if len(model.headlines(key)) < count]:
        return f"none of its {count} trainings answered all; one or another was not evaluated on {', '.join(missing)}"
    undefined = [
        column for column, key in names.items() if None in [one.figure()["value"] for one in model.headlines(key)]
    ]
    return f"no figure for {', '.join(undefined)}"


def _behaviour(models: Sequence[Model]) -> list[str]:
    lines = []
    for title, rows, text in (
        (
            "Order of the options",
            results_behaviour.order_table(models),
            "The same examples with their options in the order given and shuffled. *Changed answers*: how many of the "
            "shuffled examples got another answer. Options don't see each other and their positions restart, so none "
            "should, but for backbones of the kind DeBERTa-v2.",
        ),
        (
            "Wording",
            results_behaviour.wordings_table(models),
            "The same examples in every wording of the task. *Spread*: the best wording less the worst; *mean change*: "
            "how much the others lie over the default, on average.",
        ),
        (
            "Calibration",
            results_behaviour.trust_table(models),
            "*ece*, expected calibration error, is how far scores lie from the share of right answers; *log-loss*, "
            "in nats, is the mean of minus the logarithm of the probability given to what is right. Of both less is "
            "better.",
        ),
        (
            "Speed",
            results_behaviour.speed_table(models),
            "Time to predict, all tasks together, from texts to answers; *by task*: the slowest and the fastest.",
        ),
    ):
        if rows:
            lines += [f"## {title}", "", text, "", *rows]
    return lines


def _measured(models: Sequence[Model]) -> list[str]:
    """Seeds, versions, and where the figures come from."""
    lines = ["## How it was measured", ""]
    for model in models:
        for training in model.trainings:
            files = {str(entry.path): entry.results for entry in [*training.entries, *training.robustness]}
            for results in files.values():
                versions = ", ".join(f"{name} {number}" for name, number in results.get("versions", {}).items())
                what = "robustness" if results.get("kind") == "robustness" else "evaluation"
                said = [f"{what}, seed {results.get('seed', '–')}"]
                if results.get("resamples"):
                    said.append(f"{results['resamples']} resamples")
                if results["model"].get("max_length"):
                    said.append(f"at most {results['model']['max_length']} tokens in a row")
                about = "; ".join(filter(None, [", ".join(said), versions]))
                lines.append(f"- {markdown(model.name)}, weights {code(training.fingerprint[:12])}: {markdown(about)}")
    return [*dict.fromkeys(lines), ""]


def _answering(models: Sequence[Model], tasks: Collection[Key]) -> list[Model]:
    return [model for model in models if any(model.headlines(key) for key in tasks)]


def _language(entry: Entry) -> str:
    return str(entry.task.get("language") or "")


def _without_size(entry: Mapping[str, Any]) -> bool:
    return entry["parameters"] is None and "few-shot" not in entry["setting"]


def _text(text: str) -> str:
    return " ".join(text.split())
