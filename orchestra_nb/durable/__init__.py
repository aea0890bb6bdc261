"""What is on the disk before it counts: lines and journals, the values of runs, named states.

:mod:`.files` the seam to the system · :mod:`.lines` lines that prove themselves · :mod:`.faults` the points at which a
process may die · :mod:`.facts` what a run says of itself, and where that leaves it; :mod:`.fact_lines` as text ·
:mod:`.values` values beside a journal · :mod:`.journal` the journal of one run · :mod:`.runs` the runs of a folder;
:mod:`.summaries` what they are at a glance · :mod:`.states` named states · :mod:`.place` in which folder. Beside them
:mod:`.written_files` writes what is for people.
"""
