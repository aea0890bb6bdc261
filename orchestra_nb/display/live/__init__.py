"""The live dashboard, the rim around :mod:`orchestra_nb.display.dashboard`: when it is drawn anew, and its buttons.

:mod:`.watching` looks at a run, :mod:`.redraws` and :mod:`.panel_turns` say when what is made (machines without clock),
:mod:`.graph_view` keeps the picture that is only painted again, :mod:`.widget` is the model that the front end shows,
with JavaScript and style in ``front``, and :mod:`.dashboard` is the thread that drives them.
"""
