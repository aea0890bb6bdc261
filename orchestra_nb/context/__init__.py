"""Values that are kept: immutable contexts, and the cache."""
