"""A task's card is read from a data set repository of the hub, and reaches nothing of the machine that reads it."""

from __future__ import annotations

import json
import re
import socket
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path
from urllib.parse import unquote
from zlib import crc32

import hub_stand_in
import pytest
import terminal
from huggingface_hub import constants

import converters
from converters import Mixture, held_out
from unimc import InputError

REPO = "somebody/letters"
CARD = f"hf://{REPO}/shop/letters.yaml"
NOW, BEFORE = "a" * 40, "b" * 40
REVISIONS = {"main": NOW, "v1": BEFORE, "refs/pr/2": BEFORE}

ENGLISH = """
name: letters
language: en
kind: classification
source: {files: {train: train.csv, test: rows/test.csv}}
question: "What is this letter about?"
passage: "{message}"
labels: {column: label, values: {late: a late parcel, money: getting money back}}
"""
CHINESE = """
name: 来信
language: zh
kind: classification
source: {files: {test: 来信.jsonl}}
question: "这封信说的是什么？"
passage: "{正文}"
labels: {column: 类别, values: {物流: 包裹没有送到, 退款: 要求退款}}
"""
HUB_ROWS = ENGLISH.replace("{files: {train: train.csv, test: rows/test.csv}}", "{hub: %s}\nsplits: {test: test}")
TABLE = "message,label\nWhere is my parcel?,late\nI want my money.,money\n"


class _DataSets(hub_stand_in.Handler):
    """The stand-in, which also gives the files of data sets, by revision."""

    def do_GET(self) -> None:  # noqa: N802  # the name that the library calls
        found = re.fullmatch(r"/datasets/([^/]+/[^/]+)/resolve/([^/]+)/(.+)", self.path)
        if found is None:  # what the library asks by itself
            return self._answer(404, {"error": "not here"})
        repo, revision, path = map(unquote, found.groups())
        commit = REVISIONS.get(revision, revision)
        if repo == "somebody/gated":
            return self._refuse(403, "GatedRepo")
        if f"{repo}@{NOW}" not in self.state.files:
            return self._refuse(401, "RepoNotFound")
        if f"{repo}@{commit}" not in self.state.files:
            return self._refuse(404, "RevisionNotFound")
        content = self.state.files[f"{repo}@{commit}"].get(path)
        if content is None:
            return self._refuse(404, "EntryNotFound")
        self.state.asked.append(f"{self.command} {revision} {path}")
        return self._send(200, content, {"ETag": f'"{crc32(content)}"', "X-Repo-Commit": commit})

    def _refuse(self, status: int, code: str) -> None:
        self._answer(status, {"error": code}, {"X-Error-Code": code})


@pytest.fixture
def hub(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> Iterator[hub_stand_in.StandIn]:
    """A hub with two cards and their rows; the working folder, the cache and the data folder are empty."""
    (tmp_path / "here").mkdir()
    monkeypatch.chdir(tmp_path / "here")
    monkeypatch.delenv("UNIMC_DATA_DIR", raising=False)
    with hub_stand_in.running(_DataSets) as one:
        address_is(one.address, monkeypatch)
        monkeypatch.setattr(constants, "HF_HUB_CACHE", str(tmp_path / "cache"))
        put(one, "shop/letters.yaml", ENGLISH)
        put(one, "shop/train.csv", TABLE)
        put(one, "shop/rows/test.csv", TABLE)
        put(one, "中文/来信.yaml", CHINESE)
        put(one, "中文/来信.jsonl", json.dumps({"正文": "包裹还没到。", "类别": "物流"}))
        yield one


def address_is(address: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(constants, "HF_HUB_OFFLINE", False)
    monkeypatch.setattr(constants, "ENDPOINT", address)
    monkeypatch.setattr(constants, "HUGGINGFACE_CO_URL_TEMPLATE", address + "/{repo_id}/resolve/{revision}/{filename}")


def put(hub: hub_stand_in.StandIn, path: str, content: str | bytes, commit: str = NOW) -> None:
    held = hub.files.setdefault(f"{REPO}@{commit}", {})
    held[path] = content.encode() if isinstance(content, str) else content


def refused(name: str) -> str:
    """The error for a card of this name, which is one line."""
    with pytest.raises(InputError) as told:
        converters.get(name)
    assert "\n" not in str(told.value)
    return str(told.value)


def test_a_card_is_read_from_the_hub_with_the_files_beside_it_and_below(hub: hub_stand_in.StandIn) -> None:
    task = converters.get(CARD)
    assert (task.name, task.split_names) == ("letters", ("train", "test"))
    assert [one.passage for one in task.load("test")] == ["Where is my parcel?", "I want my money."]
    assert {line.split(" ", 2)[2] for line in hub.asked} == {"shop/letters.yaml", "shop/rows/test.csv"}


@pytest.mark.usefixtures("hub")
def test_a_chinese_card_is_read_by_its_chinese_path() -> None:
    (example,) = converters.get(f"hf://{REPO}/中文/来信.yaml").load("test")
    assert (example.passage, example.names, example.language) == ("包裹还没到。", ("物流", "退款"), "zh")


@pytest.mark.usefixtures("hub")
def test_the_hubs_own_spelling_of_a_data_set_names_the_same_card() -> None:
    assert converters.get(f"hf://datasets/{REPO}/shop/letters.yaml").where == converters.get(CARD).where


@pytest.mark.parametrize("revision", ["v1", BEFORE, "refs%2Fpr%2F2"])
def test_a_revision_is_a_tag_a_commit_or_a_branch(revision: str, hub: hub_stand_in.StandIn) -> None:
    put(hub, "shop/letters.yaml", ENGLISH.replace("letter about?", "old letter about?"), BEFORE)
    put(hub, "shop/train.csv", TABLE.replace("parcel", "horse"), BEFORE)
    task = converters.get(f"hf://{REPO}@{revision}/shop/letters.yaml")
    assert task.question == "What is this old letter about?"
    assert task.load("train")[0].passage == "Where is my horse?"


def test_rows_are_of_the_commit_that_the_card_was_read_at(
    hub: hub_stand_in.StandIn, monkeypatch: pytest.MonkeyPatch
) -> None:
    task = converters.get(CARD)
    monkeypatch.setitem(REVISIONS, "main", "c" * 40)
    put(hub, "shop/train.csv", TABLE.replace("parcel", "horse"), "c" * 40)
    assert task.load("train")[0].passage == "Where is my parcel?"


def test_where_rows_are_from_names_the_commit(hub: hub_stand_in.StandIn, monkeypatch: pytest.MonkeyPatch) -> None:
    from datasets import Dataset

    rows = [{"message": "Where is my parcel?", "label": "late"}]
    monkeypatch.setattr("datasets.load_dataset", lambda *_, **__: Dataset.from_list(rows))
    carried = ENGLISH.replace("source: {files: {train: train.csv, test: rows/test.csv}}", f"rows: {{test: {rows}}}")
    put(hub, "carried.yaml", carried)
    put(hub, "elsewhere.yaml", HUB_ROWS % "somebody/more-letters")
    assert converters.get(CARD).read("test").source == f"hf://{REPO}@{NOW}/shop/rows/test.csv"
    assert (
        converters.get(f"hf://{REPO}/carried.yaml").read("test").source == f"hf://{REPO}@{NOW}/carried.yaml: rows.test"
    )
    by_card = f"somebody/more-letters, split test, by hf://{REPO}@{NOW}/elsewhere.yaml"
    assert converters.get(f"hf://{REPO}/elsewhere.yaml").read("test").source == by_card


@pytest.mark.usefixtures("hub")
def test_what_errors_and_results_call_a_card_is_a_name_of_it() -> None:
    assert converters.get(converters.get(CARD).where).where == f"hf://{REPO}@{NOW}/shop/letters.yaml"


@pytest.mark.usefixtures("hub")
@pytest.mark.parametrize(("named", "split"), [(CARD, None), (f"{CARD}:train", "train"), (f"{CARD}:", "")])
def test_a_split_may_stand_behind_the_name(named: str, split: str | None) -> None:
    ((task, found),) = held_out.tasks([named])
    assert (task.name, found) == ("letters", split)


def test_a_card_of_the_hub_is_mixed_and_held_out_like_any(hub: hub_stand_in.StandIn) -> None:
    put(
        hub,
        "other.yaml",
        ENGLISH.replace("name: letters", "name: other").replace("rows/test.csv", "shop/rows/test.csv"),
    )
    put(hub, "train.csv", TABLE + "Nobody answers the phone.,late\n")
    mixture = Mixture([f"hf://{REPO}/other.yaml"], held_out=[f"{CARD}:test"], near=None)
    assert [one.passage for one in mixture.examples()] == ["Nobody answers the phone."]


@pytest.mark.usefixtures("hub")
def test_an_evaluation_names_the_commit_and_says_the_same_offline(
    bert_folder: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    found = []
    for offline in (False, True):
        monkeypatch.setattr(constants, "HF_HUB_OFFLINE", offline)
        said = terminal.unimc(
            "evaluate", "--tasks", f"{CARD}:test", "--model", bert_folder, "--output", f"at_{offline}"
        )
        assert said.code == 0, said.err
        found.append(json.loads(Path(f"at_{offline}/results.json").read_text(encoding="utf-8"))["tasks"][0])
    assert found[0]["source"] == f"hf://{REPO}@{NOW}/shop/rows/test.csv"
    assert found[1]["source"] == found[0]["source"]
    assert found[1]["data_fingerprint"] == found[0]["data_fingerprint"]


class TestOffline:
    """HF_HUB_OFFLINE=1: the cache, or one line."""

    @pytest.fixture(autouse=True)
    def _switched_on(self, hub: hub_stand_in.StandIn, monkeypatch: pytest.MonkeyPatch) -> None:
        self.hub = hub
        self.switch = monkeypatch

    def offline(self) -> None:
        self.switch.setattr(constants, "HF_HUB_OFFLINE", True)
        self.hub.asked.clear()

    @pytest.mark.parametrize("name", [CARD, f"hf://{REPO}/中文/来信.yaml", f"hf://{REPO}@{NOW}/shop/letters.yaml"])
    def test_what_was_read_once_is_read_from_the_cache_and_nothing_is_asked(self, name: str) -> None:
        before = converters.get(name).read("test")
        self.offline()
        assert converters.get(name).read("test") == before
        assert self.hub.asked == []

    @pytest.mark.parametrize("name", [CARD, f"hf://{REPO}/中文/来信.yaml"])
    def test_what_was_never_read_is_named_with_the_switch(self, name: str) -> None:
        self.offline()
        switch = "is not in this machine's cache of the hub, and HF_HUB_OFFLINE is set; run this once without it"
        assert refused(name) == f"{name} {switch}"
        assert self.hub.asked == []

    def test_rows_that_were_never_read_are_named_too(self) -> None:
        converters.get(CARD)
        self.offline()
        with pytest.raises(InputError, match=f"hf://{REPO}@{NOW}/shop/train.csv is not in .* HF_HUB_OFFLINE is set"):
            converters.get(CARD).load("train")


@pytest.mark.parametrize(
    "name",
    [
        "hf://",
        "hf://x",
        "hf://x/y",
        "hf://x/y/",
        "hf:///x/y.yaml",
        "hf://x/@v1/y.yaml",
        "hf://x/y@/z.yaml",
        "hf://名/字/来信.yaml",
    ],
)
def test_a_name_of_another_form_is_refused_with_the_right_one(name: str, hub: hub_stand_in.StandIn) -> None:
    assert refused(name).startswith(
        f"{name!r} is not the name of a card on the hub; write hf://OWNER/REPO/path/to/card"
    )
    assert hub.asked == []


@pytest.mark.parametrize(
    ("name", "problem"),
    [
        (f"hf://{REPO}/shop/leters.yaml", f"there is no such file in {REPO}; check its path"),
        (f"hf://{REPO}/shop", f"there is no such file in {REPO}"),
        (f"hf://{REPO}@v9/shop/letters.yaml", f"{REPO} has no revision 'v9'"),
        ("hf://nobody/letters/letters.yaml", "the hub shows you no data set nobody/letters; check the name"),
        ("hf://somebody/gated/letters.yaml", "ask for access to somebody/gated on its page"),
        (f"hf://{REPO}/../other/letters.yaml", "does not stay in its folder; write the path within the repository"),
        (f"hf://{REPO}//etc/letters.yaml", "does not stay in its folder"),
    ],
)
@pytest.mark.usefixtures("hub")
def test_what_the_hub_does_not_have_is_said_in_one_line(name: str, problem: str) -> None:
    said = refused(name)
    assert said.startswith(name)
    assert problem in said


@pytest.mark.parametrize(
    ("content", "problem"),
    [
        ("name: [", ", line 1: not valid YAML"),
        ("你好", ": a card is a mapping"),
        (b"\xff\xfe\x00", ": cannot be read as UTF-8 text"),
        ("name: letters\nlanguage: zh", ": the key `kind` is missing"),
        (ENGLISH.replace("name: letters", "name: '..\\..\\letters'"), ": name: '..\\\\..\\\\letters' is not a name"),
        (ENGLISH.replace("passage:", "pasage:"), ": unknown key 'pasage'; did you mean 'passage'?"),
        ("name: !!python/object/apply:pathlib.Path.touch [ran]", ", line 1: not valid YAML"),
    ],
)
def test_what_is_no_card_is_refused_by_its_name_and_nothing_is_run(
    content: str | bytes, problem: str, hub: hub_stand_in.StandIn
) -> None:
    put(hub, "card.yaml", content)
    assert refused(f"hf://{REPO}/card.yaml").startswith(f"hf://{REPO}@{NOW}/card.yaml{problem}")
    assert list(Path.cwd().iterdir()) == []


@pytest.mark.parametrize(
    "file",
    [
        "../letters.csv",
        "rows/../../letters.csv",
        "/letters.csv",
        "//host/letters.csv",
        "..\\letters.csv",
        "C:\\letters.csv",
        "C:letters.csv",
        "\\\\host\\letters.csv",
        "..",
        ".",
        "",
    ],
)
def test_a_card_of_the_hub_names_no_file_outside_its_folder(file: str, hub: hub_stand_in.StandIn) -> None:
    put(hub, "letters.csv", TABLE)
    Path("letters.csv").write_text(TABLE, encoding="utf-8")
    put(hub, "shop/card.yaml", ENGLISH.replace("train.csv", json.dumps(file)))
    task = converters.get(f"hf://{REPO}/shop/card.yaml")
    hub.asked.clear()
    with pytest.raises(InputError) as told:
        task.load("train")
    assert str(told.value) == (
        f"hf://{REPO}@{NOW}/shop/card.yaml: source.files: {file!r} does not stay in its folder; "
        "a card on the hub has its files in its own folder or below"
    )
    assert hub.asked == []


@pytest.mark.parametrize(
    "file", ["own.csv", "自己的.csv", "~/own.csv", "a\0b.csv", "hf://x/y/own.csv", "a" * 300 + ".csv"]
)
def test_a_file_that_the_repository_lacks_is_not_taken_from_this_machine(
    file: str, hub: hub_stand_in.StandIn, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("HOME", str(Path.cwd()))
    for name in ("own.csv", "自己的.csv"):
        Path(name).write_text(TABLE, encoding="utf-8")
    put(hub, "card.yaml", ENGLISH.replace("train.csv", json.dumps(file)))
    task = converters.get(f"hf://{REPO}/card.yaml")
    with pytest.raises(InputError, match=f"hf://{REPO}@{NOW}/.*: there is no such file in {REPO}"):
        task.load("train")


@pytest.mark.parametrize("named", ["csv", "text", "/etc", ".", "..", "../letters", "./letters", "a/b/c", "数据/来信"])
def test_a_card_of_the_hub_has_its_rows_from_no_folder_of_this_machine(named: str, hub: hub_stand_in.StandIn) -> None:
    Path("own.csv").write_text(TABLE, encoding="utf-8")
    put(hub, "card.yaml", HUB_ROWS % json.dumps(named))
    task = converters.get(f"hf://{REPO}/card.yaml")
    with pytest.raises(InputError, match=r"card.yaml: source.hub: .* is not OWNER/NAME"):
        task.load("test")


def test_a_folder_here_with_the_name_of_a_data_set_is_not_read_for_it(hub: hub_stand_in.StandIn) -> None:
    Path("private/letters").mkdir(parents=True)
    Path("private/letters/test.csv").write_text(TABLE, encoding="utf-8")
    put(hub, "card.yaml", HUB_ROWS % "private/letters")
    task = converters.get(f"hf://{REPO}/card.yaml")
    with pytest.raises(InputError, match="'private/letters' is a file or folder here too"):
        task.load("test")


@pytest.mark.usefixtures("hub")
def test_a_hub_out_of_reach_leaves_what_was_read_and_is_said_for_the_rest(monkeypatch: pytest.MonkeyPatch) -> None:
    before = converters.get(CARD)
    monkeypatch.setattr("time.sleep", lambda _: None)  # the hub's library tries again
    with socket.socket() as nobody:
        nobody.bind(("127.0.0.1", 0))
        address_is(f"http://127.0.0.1:{nobody.getsockname()[1]}", monkeypatch)
        assert converters.get(CARD).where == before.where
        other = f"hf://{REPO}/中文/来信.yaml"
        assert re.fullmatch(f"{other} can't be had from the hub: .*; check the network", refused(other))


def test_the_converters_load_nothing_of_the_hub_until_it_is_asked() -> None:
    code = "import sys, converters; print(sorted({'datasets', 'huggingface_hub', 'torch'} & set(sys.modules)))"
    assert subprocess.check_output([sys.executable, "-c", code], encoding="utf-8").strip() == "[]"
