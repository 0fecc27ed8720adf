"""Compiled code: methods written for one cell, and loops that run them on many cells."""
