"""One file a subcommand: the only place that knows both rooms, the data sets and the model."""
