"""Command definitions: their conditions, their schema and how they are read."""
