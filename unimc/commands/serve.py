"""`unimc serve`: a model behind HTTP, with a page to try it."""

from __future__ import annotations

from importlib.util import find_spec
from pathlib import Path
from typing import Annotated

import typer

from unimc.commands.arguments import Backend, Device, Model, check_device
from unimc.example import InputError
from unimc.serving.limits import Limits

DEFAULT = Limits()


def serve(
    model: Model = None,
    host: Annotated[str, typer.Option(help="Address to listen on; 0.0.0.0 lets other machines in.")] = "127.0.0.1",
    port: Annotated[int, typer.Option(help="Port to listen on; 0 takes a free one.", min=0, max=65535)] = 8000,
    language: Annotated[
        str | None, typer.Option(help="Of texts whose request names none; told from the script.")
    ] = None,
    device: Device = None,
    backend: Backend = "torch",
    batch_size: Annotated[int, typer.Option(help="The most rows in a batch.", min=1)] = 32,
    max_body: Annotated[int, typer.Option(help="The most bytes of a request.")] = DEFAULT.body,
    max_texts: Annotated[int, typer.Option(help="The most texts in a request.")] = DEFAULT.texts,
    max_options: Annotated[int, typer.Option(help="The most options in a request.")] = DEFAULT.options,
    max_text_length: Annotated[int, typer.Option(help="The most characters of a text.")] = DEFAULT.text,
    max_option_length: Annotated[int, typer.Option(help="The most characters of an option.")] = DEFAULT.option,
    max_question_length: Annotated[int, typer.Option(help="The most characters of the question.")] = DEFAULT.question,
    max_characters: Annotated[
        int, typer.Option(help="The most characters read for a request: each text, with all options.")
    ] = DEFAULT.characters,
    max_waiting: Annotated[
        int, typer.Option(help="The most requests at a time; more are sent away.")
    ] = DEFAULT.waiting,
    max_seconds: Annotated[float, typer.Option(help="The most seconds until a request's answer.")] = DEFAULT.seconds,
) -> None:
    """Answer requests over HTTP, and show a page to try it. Needs pip install 'unimc[serve]'.

    POST /classify takes texts and options and gives what `unimc classify --json` gives; GET / is the page.

    Example: unimc serve --model runs/quickstart_en/final --port 8000
    """
    if missing := [name for name in ("fastapi", "uvicorn") if find_spec(name) is None]:
        raise InputError(f"serving needs {' and '.join(missing)}: pip install 'unimc[serve]'")
    limits = Limits(
        body=max_body,
        texts=max_texts,
        options=max_options,
        text=max_text_length,
        option=max_option_length,
        question=max_question_length,
        characters=max_characters,
        waiting=max_waiting,
        seconds=max_seconds,
    )
    from unimc import bundled
    from unimc.inference import UniMC
    from unimc.serving import server
    from unimc.serving.app import create_app

    name = bundled.named(model)
    check_device(device)
    listening = server.bound(host, port)  # an error now, not after loading
    opened = UniMC.from_pretrained(name, language=language, device=device, backend=backend)
    called = "/".join(Path(name).parts[-2:])  # not where it lies on this machine
    app = create_app(opened, called, limits, batch_size=batch_size)

    def ready(address: str) -> None:
        typer.echo(f"{called} answers at {address} (Ctrl+C ends it)")

    server.Server(app, listening, limits, ready).serve_until_stopped()
