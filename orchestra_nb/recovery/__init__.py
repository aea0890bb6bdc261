"""Failures that cost nothing: retries, circuit breakers, sagas."""
