"""Tests that cross apps: end to end, faults, architecture."""
