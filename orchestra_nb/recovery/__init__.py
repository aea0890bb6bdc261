"""What to do when a call fails: try it again, or stop trying for a while."""
