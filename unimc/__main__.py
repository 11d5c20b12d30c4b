"""`python -m unimc`: the command `unimc` where the folder of scripts is not on the PATH."""

from __future__ import annotations

from unimc.cli import main

if __name__ == "__main__":
    main()
