"""Failures that cost nothing: retry, circuit breakers, sagas."""
