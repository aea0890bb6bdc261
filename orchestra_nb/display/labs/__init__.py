"""Labs as a reader sees them: their pictures, registered for the panels of their frames, and their frames.

Each picture is a module that draws one panel of :mod:`orchestra_nb.labs` as SVG without scripts; here stands which
panel it paints, and what each lab's table is.
"""
