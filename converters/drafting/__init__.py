"""A first card for a user's file: what its columns hold, what can be guessed from it, and the card that is written."""
