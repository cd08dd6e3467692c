"""Tests of App's events."""
