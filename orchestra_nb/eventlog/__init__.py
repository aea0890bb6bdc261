"""Events as text: the registry of their classes, each as typed JSON, and the log that a run writes."""
