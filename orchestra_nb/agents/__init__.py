"""Agent executors: who does the work of agents. A registry of functions, command lines, chat services, a rehearsal."""
