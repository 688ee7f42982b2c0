"""Figures to play with in JupyterLab: each is the picture alone where there are no widgets."""
