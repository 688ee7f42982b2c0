"""Figures for a person: one module per report, one style for all."""
