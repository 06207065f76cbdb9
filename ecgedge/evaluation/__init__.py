"""Figures that survive an auditor: metrics, bootstrap, reports, plots."""
