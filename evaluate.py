"""Evaluates a model zero-shot: `python evaluate.py --model runs/quickstart_en/final --tasks sample_en_topic`.

`import evaluate` must give the library of that name also where this folder comes first on sys.path: imported, this file
stands aside for it. (Spawned workers run it as "__mp_main__", which is neither.)
"""

if __name__ == "evaluate":
    import sys
    from importlib.machinery import PathFinder
    from importlib.util import module_from_spec
    from pathlib import Path

    here = Path(__file__).resolve().parent
    elsewhere = [entry for entry in sys.path if Path(entry or ".").resolve() != here]
    spec = PathFinder.find_spec("evaluate", elsewhere)
    if spec is None or spec.loader is None:
        raise ModuleNotFoundError("the library evaluate is not installed; pip install evaluate")
    library = module_from_spec(spec)
    sys.modules["evaluate"] = library
    spec.loader.exec_module(library)
elif __name__ == "__main__":
    from unimc.commands.evaluate import main

    main()
