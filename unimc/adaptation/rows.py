"""The few labelled rows: drawn by label, a part held out, rare labels repeated, options drawn where there are many."""

from __future__ import annotations

from collections import Counter, defaultdict
from collections.abc import Callable, Container, Mapping, Sequence
from dataclasses import dataclass
from math import floor

from unimc.example import InputError, MultipleChoiceExample
from unimc.randomness import generator

_NONE = "none of them"
_MOST_REPEATS = 10
"""Of one row in an epoch: a label with a single row would otherwise be learned by heart."""


@dataclass(frozen=True, slots=True)
class Drawn:
    """Rows for one adaptation.

    Attributes:
        training: rows to train on.
        held_out: rows that say when to stop; () where there are too few.
        warnings: what is wrong with the rows, a line each.
    """

    training: tuple[MultipleChoiceExample, ...]
    held_out: tuple[MultipleChoiceExample, ...] = ()
    warnings: tuple[str, ...] = ()


def labels_of(example: MultipleChoiceExample, fixed: bool) -> tuple[str, ...]:
    """The labels that a row counts for: its right options' names, or its task where each row has its own options.

    Raises:
        InputError: if the row has no label.
    """
    if example.right is None:
        raise example.error("no label; adapting needs the right option of every row")
    if not fixed:
        return (example.task,)
    return tuple(example.names[right] for right in example.right) or (_NONE,)


def draw(
    examples: Sequence[MultipleChoiceExample],
    k: int | None,
    *,
    seed: int,
    held_out: float,
    label_names: Sequence[str] | None,
    number: int = 0,
    apart_from: Container[int] = (),
) -> Drawn:
    """So many rows of each label, and of them a part held out.

    The draw is a function of (seed, number, the rows): with a larger k the same rows come, and more. Where several
    labels may hold, rows are taken in a drawn order while one of their labels still has fewer than k; where each row
    has its own options, k counts the rows of each task. Rows of one text are all trained on or all held out; where
    nothing would be left to train on then, none is held out.

    Args:
        examples: labelled rows.
        k: rows of each label; all if None, none if 0.
        seed: of the draws.
        held_out: share of each label's rows; at least one of four rows or more, none of fewer.
        label_names: the fixed labels; None where each row has its own options.
        number: which of several draws.
        apart_from: fingerprints of the examples that are measured on; rows of the same texts are not drawn.

    Raises:
        InputError: if a row has no label.
    """
    if k == 0:
        return Drawn(())
    fixed = label_names is not None
    order = generator(seed, number, "draw").permutation(len(examples)).tolist()
    counts: Counter[str] = Counter()
    left_out = 0
    groups: dict[str, list[MultipleChoiceExample]] = defaultdict(list)  # by the label that a row was taken for
    for place in order:
        labels = labels_of(examples[place], fixed)
        rarest = min(labels, key=lambda label: counts[label])
        if k is not None and counts[rarest] >= k:
            continue
        if examples[place].fingerprint in apart_from:
            left_out += 1
            continue
        counts.update(labels)
        groups[rarest].append(examples[place])
    training: list[MultipleChoiceExample] = []
    held: list[MultipleChoiceExample] = []
    for label in sorted(groups):
        rows = groups[label]
        aside = max(floor(held_out * len(rows)), 1) if held_out and len(rows) >= 4 else 0
        held += rows[len(rows) - aside :]
        training += rows[: len(rows) - aside]
    texts = {one.fingerprint for one in held}  # what is trained on must not say when to stop
    held += [one for one in training if one.fingerprint in texts]
    training = [one for one in training if one.fingerprint not in texts]
    why = "no label has 4 rows or more, so none is held out"
    if held and not training:
        training, held, why = held, [], "all rows share texts with some held out, so none is held out"
    warnings = _warnings(counts, k, label_names)
    warnings += _without_training(counts, training, label_names)
    if left_out:
        warnings.append(f"{left_out} rows were left out: their texts are among those measured on")
    if held_out and training and not held:
        warnings.append(f"{why}: training goes to the last step, whether it helps or not")
    return Drawn(tuple(training), tuple(held), tuple(warnings))


def folded(rows: Drawn, number: int, *, fixed: bool) -> list[Drawn]:
    """The rows in so many ways, each with another part of every label held out.

    Rows of one text are held out together; those of labels with fewer texts than folds are always trained on.

    Raises:
        InputError: if no label has as many rows as there are folds.
    """
    whole = [*rows.training, *rows.held_out]
    texts = {(label, one.fingerprint) for one in whole for label in labels_of(one, fixed)}
    counts = Counter(label for label, _ in texts)
    turn: Counter[str] = Counter()
    fold: dict[int, int] = {}  # by the text
    for one in whole:
        rarest = min(labels_of(one, fixed), key=lambda label: counts[label])
        if counts[rarest] >= number and one.fingerprint not in fold:
            fold[one.fingerprint] = turn[rarest] % number
            turn[rarest] += 1
    if len(set(fold.values())) < number:
        raise InputError(
            f"{number} folds need a label with as many rows of different texts; give more rows, or fewer folds"
        )
    made = []
    for place in range(number):
        training = tuple(one for one in whole if fold.get(one.fingerprint) != place)
        held = tuple(one for one in whole if fold.get(one.fingerprint) == place)
        made.append(Drawn(training, held, rows.warnings))
    return made


def _warnings(counts: Mapping[str, int], k: int | None, label_names: Sequence[str] | None) -> list[str]:
    if label_names is None:
        return [
            f"only {have} rows of {task or 'the file'} where {k} were asked for"
            for task, have in counts.items()
            if k is not None and have < k
        ]
    missing = [name for name in label_names if not counts.get(name)]
    found = []
    if missing:
        found.append(
            f"no row of {len(missing)} of {len(label_names)} labels ({_some(missing)}): for these the model is left "
            "with what it knew, and may forget it"
        )
    few = [f"{name} {counts[name]}" for name in label_names if k is not None and 0 < counts.get(name, 0) < k]
    if few:
        found.append(f"fewer than {k} rows of {len(few)} of {len(label_names)} labels ({_some(few)})")
    return found


def _without_training(
    counts: Mapping[str, int], training: Sequence[MultipleChoiceExample], label_names: Sequence[str] | None
) -> list[str]:
    """Labels with rows of which none is left to train on: those of one text, or of several labels, go together."""
    left = {label for one in training for label in labels_of(one, label_names is not None)}
    gone = [name or "the file" for name, have in counts.items() if have and name not in left]
    if not gone:
        return []
    of = f"{len(counts)} tasks" if label_names is None else f"{len(label_names)} labels"
    return [
        f"every row of {len(gone)} of {of} ({_some(gone)}) is held out, and none trained on, for its text or another "
        "label of it is held out; give more rows, or hold out none"
    ]


def _some(names: Sequence[str]) -> str:
    return ", ".join(names[:5]) + (", …" if len(names) > 5 else "")


def in_epoch(rows: Sequence[MultipleChoiceExample], *, balance: bool, fixed: bool) -> list[int]:
    """Which rows an epoch goes through: every one, and with `balance` those of rare labels several times.

    Each label then has about as many as the most frequent one, and no row comes more than ten times.
    """
    if not balance or not fixed:
        return list(range(len(rows)))
    of = [labels_of(row, fixed) for row in rows]
    counts = Counter(label for labels in of for label in labels)
    most = max(counts.values())
    # A row with several labels is repeated as its most frequent one asks, so that none comes too often.
    times = [min(_MOST_REPEATS, round(most / max(counts[label] for label in labels))) for labels in of]
    return [place for place, often in enumerate(times) for _ in range(max(often, 1))]


def with_some_options(example: MultipleChoiceExample, most: int, seed: int, epoch: int) -> MultipleChoiceExample:
    """The example with its right options and others drawn by (seed, epoch, example), in the order they were given.

    Raises:
        InputError: if there are more right options than that.
    """
    if len(example.options) <= most:
        return example
    right = example.right or ()
    if len(right) > most:
        raise InputError(str(example.error(f"{len(right)} right options don't fit {most} options")))
    others = [place for place in range(len(example.options)) if place not in right]
    random = generator(seed, epoch, "some options", f"{example.task}/{example.id}")
    drawn = random.permutation(others)[: most - len(right)].tolist()
    return example.taking(sorted([*right, *drawn]))


def some_options_each(
    most: int | None, seed: int
) -> Callable[[MultipleChoiceExample, int], MultipleChoiceExample] | None:
    """What shows a row in each epoch `with_some_options`; None where all are shown."""
    return None if most is None else lambda example, epoch: with_some_options(example, most, seed, epoch)
