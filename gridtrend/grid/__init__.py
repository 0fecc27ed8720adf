"""Labelled arrays: how a kernel is run on them, their times, names and CF attributes; compiles nothing."""
