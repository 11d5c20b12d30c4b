"""One run of the ablations: a variant trained with a seed, and asked on the development tasks.

    python benchmarks/_ablated.py VARIANT SEED OUTPUT …     (`ablations.py` calls it, a process for each run)

What the package never does on purpose (options that see each other, positions that count on) is patched in here.
"""

from __future__ import annotations

import json
import time
from collections.abc import Callable
from dataclasses import dataclass, replace
from pathlib import Path
from random import Random
from typing import Any

import torch
from _program import Threads

import converters
import unimc.modeling
from converters.mixture import Mixture
from converters.mixture import resolved as resolved_mixture
from unimc import MultipleChoiceExample, UniMC
from unimc.checkpoint import load
from unimc.cli import run
from unimc.encoding import PADDING, Encoder, Encoding, Parts
from unimc.objectives import LossConfig
from unimc.training import train
from unimc.training_config import TrainingConfig

CARDS = "configs/models/tasks/"
DEVELOPMENT = (
    "bbc_news:train",
    f"{CARDS}clinc_three_domains.yaml:validation",
    "tweet_eval_sentiment:validation",
    f"{CARDS}tweet_polarity.yaml:validation",
    "tweet_eval_emotion:validation",
    "sick:validation",
    f"{CARDS}sick_entailed.yaml:validation",
    "social_i_qa:validation",
)
"""The development tasks of docs/models.md: no variant trains on them, and none of them is reported elsewhere."""


@dataclass(frozen=True)
class Variant:
    """What is taken away, or added.

    Attributes:
        title: as tables have it.
        loss: the losses of the run.
        isolated: whether options don't see each other.
        restarting: whether positions start again at each option.
        tasks: how many of the mixture's entries are trained on; all if None.
    """

    title: str
    loss: LossConfig
    isolated: bool = True
    restarting: bool = True
    tasks: int | None = None


_WHOLE = Variant("whole recipe (OP and O-MLM)", LossConfig(w_mlm=0.0, omlm="pair", pooling="separate"))
VARIANTS = {
    "whole": _WHOLE,
    "seeing_each_other": replace(_WHOLE, title="options see each other", isolated=False),
    "running_positions": replace(_WHOLE, title="positions count on", restarting=False),
    "plain_sequence": replace(_WHOLE, title="both: an ordinary sequence", isolated=False, restarting=False),
    "no_omlm": replace(_WHOLE, title="without O-MLM", loss=replace(_WHOLE.loss, w_omlm=0.0)),
    "no_op": replace(_WHOLE, title="without OP", loss=replace(_WHOLE.loss, w_op=0.0)),
    "with_mlm": replace(_WHOLE, title="with MLM too (the paper's three)", loss=replace(_WHOLE.loss, w_mlm=1.0)),
    "tasks_6": replace(_WHOLE, title="6 training sets", tasks=6),
    "tasks_16": replace(_WHOLE, title="16 training sets", tasks=16),
}


def main(
    variant: str,
    seed: int,
    output: Path,
    backbone: Path,
    mixture: Path,
    data_dir: Path,
    examples: int,
    limit: int,
    threads: Threads = 1,
) -> None:
    """Train one variant with one seed, ask the development tasks, write the figures."""
    torch.set_num_threads(threads)
    chosen = VARIANTS[variant]
    _patch(chosen)
    started = time.perf_counter()
    config = TrainingConfig(
        batch_size=32,
        max_length=160,
        learning_rate=2e-4,
        dropout=0.0,
        mixed_precision="bf16",
        seed=seed,
        loss=chosen.loss,
        save_every=100_000,
    )
    folder = output.with_suffix("")
    torch.manual_seed(seed)
    checkpoint = load(backbone, dropout=0.0)
    train(checkpoint, _rows(mixture, chosen, seed, examples, data_dir), config, folder)
    seconds = time.perf_counter() - started
    model = UniMC.from_pretrained(folder / "final", device="cpu")
    figures: dict[str, Any] = {}
    for name in DEVELOPMENT:
        task, _, split = name.rpartition(":")
        rows = converters.get(task).load(split, data_dir, limit=limit, seed=0)
        figures[converters.get(task).name] = _figures(model, rows)
    result = {"variant": variant, "seed": seed, "seconds": round(seconds, 1), "tasks": figures}
    output.write_text(json.dumps(result, indent=1) + "\n", encoding="utf-8")


def _figures(model: UniMC, rows: list[MultipleChoiceExample]) -> dict[str, float]:
    """Rows, right answers, and how many answers another order of the options changes."""
    found = [prediction.names[_index(prediction.label)] for prediction in model.predict(rows)]
    shuffled = [_shuffled(row, number) for number, row in enumerate(rows)]
    again = [prediction.names[_index(prediction.label)] for prediction in model.predict(shuffled)]
    right = [answer in {row.names[one] for one in row.right} for answer, row in zip(found, rows, strict=True)]
    return {
        "examples": len(rows),
        "correct": sum(right),
        "changed_by_order": sum(one != other for one, other in zip(found, again, strict=True)),
    }


def _index(label: int | None) -> int:
    if label is None:
        raise RuntimeError("a prediction with one answer has none")
    return label


def _shuffled(row: MultipleChoiceExample, number: int) -> MultipleChoiceExample:
    order = Random(number).sample(range(len(row.options)), len(row.options))
    names = tuple(row.names[place] for place in order)
    return replace(row, options=tuple(row.options[place] for place in order), names=names, label=None, labels=None)


def _rows(mixture: Path, variant: Variant, seed: int, examples: int, data_dir: Path) -> list[MultipleChoiceExample]:
    section = resolved_mixture({"from": str(mixture), "size": examples})
    if variant.tasks is not None:
        section["tasks"] = Random(seed).sample(section["tasks"], variant.tasks)
    return Mixture.from_mapping({**section, "seed": seed, "data_dir": str(data_dir), "progress": False}).examples()


def _patch(variant: Variant) -> None:
    """Makes the package do what it never should."""
    if not variant.isolated:

        def everything(option_ids: torch.Tensor, segment_ids: torch.Tensor | None = None) -> torch.Tensor:
            seen = (option_ids != PADDING)[:, None, None, :].expand(-1, 1, option_ids.shape[1], -1)
            if segment_ids is not None:
                seen = seen & (segment_ids[:, None, :, None] == segment_ids[:, None, None, :])
            return seen

        unimc.modeling.isolating_mask = everything
        unimc.modeling.structured_attention.plan = lambda *_: None  # it leaves out what the mask would forbid
    if not variant.restarting:
        laid_out: Callable[..., Encoding] = Encoder.row

        def counting_on(self: Encoder, parts: Parts, options: Any = None) -> Encoding:
            made = laid_out(self, parts, options)
            offset = self.layout.position_offset
            return replace(made, position_ids=list(range(offset, offset + len(made))))

        Encoder.row = counting_on  # type: ignore[method-assign]


if __name__ == "__main__":
    run(main)
