"""Labelled synthetic platform data, after the make_* convention of scikit-learn."""
