"""The edge to Jupyter: the only package that knows IPython, kernels and their messages."""
