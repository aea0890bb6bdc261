"""What nodes share and there is not enough of: who holds how much. Pure, no clock, no threads."""
