"""Cells of a notebook: settings, directives, files; source to effects, effects to edges; results compared."""
