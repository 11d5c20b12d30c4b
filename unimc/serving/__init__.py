"""The model behind HTTP: a JSON endpoint that batches across requests, and a page to try it. An extra: unimc[serve]."""
