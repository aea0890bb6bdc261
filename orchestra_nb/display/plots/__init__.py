"""Figures for papers: made by matplotlib in one house style, and shown in a notebook as a harmless picture."""
