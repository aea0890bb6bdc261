"""What several benchmarks share: work to do, those who do it, and how they are compared."""
