"""A task's card in a data set repository of the Hugging Face hub, and the files beside it.

Such a card is a stranger's: it names files of its own folder of its own repository, and none of this machine.
"""

from __future__ import annotations

import re
from dataclasses import dataclass
from pathlib import Path, PurePosixPath, PureWindowsPath
from urllib.parse import unquote

from unimc.example import InputError

PREFIX = "hf://"
"""How the name of a file of the hub begins."""

_NAME = re.compile(r"hf://(?:datasets/)?(?P<repo>[^/@]+/[^/@]+)(?:@(?P<revision>[^/@]+))?/(?P<path>.+)")
_REPOSITORY = re.compile(r"[A-Za-z0-9][\w.-]*/[A-Za-z0-9][\w.-]*", re.ASCII)


@dataclass(frozen=True, slots=True)
class HubFile:
    """A file of a data set repository, as it is at one commit.

    Args:
        repo: "owner/name".
        path: where it is in the repository.
        commit: the revision that was asked for, resolved.
        local: its copy in the hub's cache on this machine.
    """

    repo: str
    path: str
    commit: str
    local: Path

    def __str__(self) -> str:
        return f"{PREFIX}{self.repo}@{self.commit}/{self.path}"

    def beside(self, name: str) -> HubFile:
        """Another file of the same commit, named as seen from this one's folder.

        Raises:
            InputError: if the name leads out of that folder, or the file can't be had.
        """
        _check_inside(name, f"{self}: source.files", "a card on the hub has its files in its own folder or below")
        return _download(self.repo, str(PurePosixPath(self.path).parent / name), self.commit)

    def check_data_set(self, hub: str) -> None:
        """Refuses what `load_dataset` would open on this machine: a folder, or by "csv" the tables of the working one.

        Raises:
            InputError: if `hub` is not the name of a repository, or a file or folder here has the same path.
        """
        if not _REPOSITORY.fullmatch(hub):
            raise InputError(f"{self}: source.hub: {hub!r} is not OWNER/NAME, which a card on the hub has to give")
        if Path(hub).exists():
            raise InputError(
                f"{self}: source.hub: {hub!r} is a file or folder here too, and a card on the hub may not read it; run "
                "the command in another folder"
            )


def fetch(name: str) -> HubFile:
    """A file of the hub by its name, `hf://OWNER/REPO[@REVISION]/path` (a slash in a revision is written %2F).

    The hub is asked which commit the revision is; where it can't be, or HF_HUB_OFFLINE is set, the last answer holds.

    Raises:
        InputError: if the name has another form, or the file can't be had.
    """
    found = _NAME.fullmatch(name)
    if found is None or not _REPOSITORY.fullmatch(found["repo"]):  # older libraries would ask the hub for any name
        raise InputError(
            f"{name!r} is not the name of a card on the hub; write hf://OWNER/REPO/path/to/card.yaml, with the name "
            "of a data set for OWNER/REPO (@REVISION may follow)"
        )
    _check_inside(found["path"], name, "write the path within the repository")
    revision = unquote(found["revision"]) if found["revision"] is not None else None
    return _download(found["repo"], str(PurePosixPath(found["path"])), revision)


def _check_inside(path: str, where: str, remedy: str) -> None:
    """Raises InputError for a path that leads out of where it is seen from, whether here or on Windows."""
    seen = PureWindowsPath(path)  # takes both kinds of slashes for dividers
    if seen.anchor or ".." in seen.parts or not seen.parts:
        raise InputError(f"{where}: {path!r} does not stay in its folder; {remedy}")


def _download(repo: str, path: str, revision: str | None) -> HubFile:
    from huggingface_hub import constants, hf_hub_download
    from huggingface_hub.errors import (  # type: ignore[attr-defined]  # HTTPError is of the library that it asks with
        EntryNotFoundError,
        GatedRepoError,
        HTTPError,
        LocalEntryNotFoundError,
        RepositoryNotFoundError,
        RevisionNotFoundError,
    )

    name = f"{PREFIX}{repo}{f'@{revision}' if revision is not None else ''}/{path}"
    offline = constants.HF_HUB_OFFLINE
    try:
        local = hf_hub_download(repo, path, repo_type="dataset", revision=revision, local_files_only=offline)
    except LocalEntryNotFoundError as error:
        if offline:
            raise InputError(
                f"{name} is not in this machine's cache of the hub, and HF_HUB_OFFLINE is set; run this once without it"
            ) from error
        reason = _first_line(error.__cause__ or error)
        raise InputError(f"{name} can't be had from the hub: {reason}; check the network") from error
    except RevisionNotFoundError as error:
        raise InputError(
            f"{name}: {repo} has no revision {revision!r}; without one, its main branch is read"
        ) from error
    except GatedRepoError as error:
        raise InputError(f"{name}: ask for access to {repo} on its page, then run: hf auth login") from error
    except RepositoryNotFoundError as error:
        raise InputError(
            f"{name}: the hub shows you no data set {repo}; check the name, and if it is private run: hf auth login"
        ) from error
    except EntryNotFoundError as error:
        raise InputError(f"{name}: there is no such file in {repo}; check its path") from error
    except (HTTPError, OSError, ValueError) as error:  # ValueError: not the form of a repository's or a file's name
        raise InputError(f"{name} can't be had from the hub: {_first_line(error)}") from error
    copy = Path(local)
    # The cache has a folder for each commit, and in it the repository's paths.
    return HubFile(repo, path, copy.parents[len(PurePosixPath(path).parts) - 1].name, copy)


def _first_line(error: BaseException) -> str:
    return (str(error).strip() or type(error).__name__).splitlines()[0]
