"""Trains a model on a mixture of tasks: `accelerate launch train.py --config configs/quickstart.yaml`."""

from unimc.commands.train import main

if __name__ == "__main__":
    main()
