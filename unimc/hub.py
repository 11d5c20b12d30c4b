"""Uploading a model to the Hugging Face hub, with its card."""

from __future__ import annotations

import json
from collections.abc import Mapping
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

from unimc.checkpoint import FILE, Checkpoint
from unimc.example import InputError
from unimc.model_card import Subject, card
from unimc.pretrained import first_line

_CARD = "README.md"


def push(
    checkpoint: Checkpoint,
    repo_id: str,
    *,
    card_text: str | None = None,
    private: bool | None = None,
    revision: str | None = None,
    message: str = "Upload a UniMC model",
    token: str | None = None,
) -> str:
    """Uploads a checkpoint: weights, tokenizer, `unimc.json`, and a model card.

    An adapter is uploaded as the whole model that it makes of its base: nobody else has the base's folder.
    The repository is made if it is not there. Whoever opens it by `UniMC.from_pretrained(repo_id)` gets what was saved.

    Args:
        checkpoint: what to upload.
        repo_id: "name/model".
        card_text: the card, as Markdown with the hub's metadata on top, such as `unimc bundle` writes; one made from
            what the checkpoint says of itself if None.
        private: whether only you may read a repository that this makes; your account's own setting if None.
        revision: the branch; the main one if None.
        message: of the commit.
        token: of the hub; what you are logged in with if None.

    Returns:
        Where the model is now.

    Raises:
        InputError: if the model has a learned prompt, HF_HUB_OFFLINE is set, the name is no name of a repository, the
            hub can't be reached, doesn't know you, or doesn't let you write there.
    """
    from huggingface_hub import HfApi, constants
    from huggingface_hub.errors import (  # type: ignore[attr-defined]  # HTTPError is of the library that it asks with
        HfHubHTTPError,
        HFValidationError,
        HTTPError,
        LocalTokenNotFoundError,
    )
    from huggingface_hub.utils._validators import validate_repo_id

    try:
        validate_repo_id(repo_id)
        if not repo_id.isascii() or repo_id.endswith("\n"):  # the hub's own rule; huggingface-hub 1.31 lets them pass
            raise HFValidationError("not of the letters that the hub takes")
    except HFValidationError as error:
        raise InputError(f"{repo_id!r} is no name of a repository on the hub; give 'name/model'") from error
    if constants.HF_HUB_OFFLINE:
        raise InputError(f"HF_HUB_OFFLINE is set, so {repo_id} was not uploaded; unset it to push")
    checkpoint = checkpoint.plain()
    with TemporaryDirectory(prefix="unimc-push-") as scratch:
        folder = Path(scratch)
        checkpoint.save(folder)
        entry = json.loads((folder / FILE).read_text(encoding="utf-8"))
        text = _card(checkpoint, repo_id, entry) if card_text is None else card_text
        (folder / _CARD).write_text(text, encoding="utf-8")
        api = HfApi(token=token)
        try:
            api.create_repo(repo_id, private=private, exist_ok=True)
            api.upload_folder(repo_id=repo_id, folder_path=folder, revision=revision, commit_message=message)
        except LocalTokenNotFoundError as error:
            raise InputError("you are not logged in to the hub; run: hf auth login") from error
        except HfHubHTTPError as error:
            raise InputError(f"the hub refused {repo_id}: {first_line(error)}") from error
        except (HTTPError, OSError) as error:
            raise InputError(f"{repo_id} was not uploaded: {first_line(error)}; check the network") from error
    return f"{api.endpoint}/{repo_id}"


def _card(checkpoint: Checkpoint, repo_id: str, entry: Mapping[str, Any]) -> str:
    """What the checkpoint says of itself; evaluations stand in the card that `unimc bundle` makes."""
    backbone = checkpoint.model.backbone
    family = checkpoint.model.family
    subject = Subject(
        name=repo_id,
        family=family.name,
        order_invariant=family.order_invariant,
        parameters=sum(weight.numel() for weight in backbone.parameters()),
        dtype=str(backbone.dtype).removeprefix("torch."),
        entry=entry,
        terms={},
    )
    return str(card(subject).content)
