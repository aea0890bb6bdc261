"""Labs as a reader sees them: their pictures, their frames, and the stories that are walked through.

Each picture is a module that draws one panel of :mod:`orchestra_nb.labs` as SVG without scripts; :mod:`.presenting`
says which panel it paints, and :mod:`.tables` what the columns of each lab's frame mean.
"""
