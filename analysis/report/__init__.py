"""Running notebooks, figures, the page, and its delivery."""
