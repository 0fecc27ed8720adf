"""Commands run by another user of the machine, who has no home and no entry in the list of users."""

import os
import subprocess

import pytest

STRANGER = 12345
_AS_STRANGER = [
    *("setpriv", f"--reuid={STRANGER}", f"--regid={STRANGER}", "--clear-groups"),
    # The interpreter may lie in the home of root: everything can be read, nothing be written.
    *("--inh-caps=+dac_read_search", "--ambient-caps=+dac_read_search"),
    *("env", "-u", "HOME", "-u", "GRIDTREND_CACHE_DIR", "-u", "XDG_CACHE_HOME", "PYTHONDONTWRITEBYTECODE=1"),
]


def as_another_user(*command, **options):
    """Run a command to its end, or skip where users cannot be changed."""
    try:
        subprocess.run([*_AS_STRANGER, "true"], check=True, capture_output=True)
    except (OSError, subprocess.CalledProcessError):
        pytest.skip(f"users cannot be changed by the user {getattr(os, 'getuid', str)()}")
    return subprocess.run(
        [*_AS_STRANGER, *command], capture_output=True, text=True, timeout=300, check=False, **options
    )
