"""Built-in tasks are found by their names, languages and families."""

from __future__ import annotations

import pytest

import converters
from unimc import InputError


def test_names_are_unique_and_equal_the_files() -> None:
    names = converters.names()
    assert len(names) == len(set(names))
    assert [converters.get(name).name for name in names] == names


def test_names_may_be_chosen_by_language_and_family() -> None:
    assert {"snli", "multi_nli", "super_glue_cb"} <= set(converters.names(family="nli"))
    assert "fewclue_tnews" in converters.names(language="zh", family="topic")
    assert not set(converters.names(language="zh")) & set(converters.names(language="en"))


@pytest.mark.parametrize(
    ("given", "problem"),
    [
        ({"language": "zho"}, "no task of language 'zho'; did you mean 'zh'"),
        ({"language": "fr"}, "no task of language 'fr'; there are: en, zh"),
        ({"family": "tpoic"}, "no task of family 'tpoic'; did you mean 'topic'"),
        ({"family": "新闻", "language": "zh"}, "no task of family '新闻'; there are: "),
    ],
)
def test_an_unknown_language_or_family_gets_a_suggestion(given: dict[str, str], problem: str) -> None:
    with pytest.raises(InputError, match=problem):
        converters.names(**given)


def test_where_no_task_is_near_the_list_is_referred_to() -> None:
    with pytest.raises(InputError, match="no task '我的任务'; `unimc tasks` lists those there are"):
        converters.get("我的任务")


def test_a_set_whose_validation_rows_are_trained_on_says_so() -> None:
    assert "never reported as zero-shot" in converters.get("cosmos_qa").note


def test_an_unknown_task_gets_a_suggestion() -> None:
    with pytest.raises(InputError, match="no task 'ag_new'; did you mean 'ag_news'"):
        converters.get("ag_new")
    with pytest.raises(InputError, match="there is no such file"):
        converters.get("我的任务.yaml")
