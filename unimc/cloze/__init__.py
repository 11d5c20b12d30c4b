"""Cloze prompting, the classical way to ask a masked language model: fill in a blank, read the label words there.

    from unimc.checkpoint import load
    from unimc.cloze import Cloze, ClozePrompt, Template, Verbalizer

    prompt = ClozePrompt(Template("{passage} It was {mask}."), Verbalizer({"good": ["great"], "bad": ["terrible"]}))
    Cloze(load("runs/mlm_head_en/final"), prompt).predict(examples)

A baseline beside UniMC, on the same tasks and figures: Schick and Schütze 2021 (PET); Zhao et al. 2021 (contextual
calibration); Hu et al. 2022 (KPT); Schick, Schmid and Schütze 2020 (label words from a few labels); Shin et al. 2020
(AutoPrompt). The model stays frozen throughout, and needs a trained masked-LM head.
"""

from __future__ import annotations

from unimc.cloze.model import Cloze
from unimc.cloze.prompt import Average, ClozePrompt, Scoring
from unimc.cloze.template import Template
from unimc.cloze.verbalizer import Verbalizer

__all__ = ["Average", "Cloze", "ClozePrompt", "Scoring", "Template", "Verbalizer"]
