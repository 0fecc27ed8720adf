"""Write the stubs of `gridtrend` and `gridtrend.trend`, which type checkers and editors read, from `gridtrend.public`.

`python .ci/stubs.py` writes them; tests/test_public.py compares.
"""

import sys
from pathlib import Path

ROOT = Path(__file__).resolve().parents[1]
HEADER = "# Written by .ci/stubs.py from gridtrend/public.py: change that list, and run it again.\n\n"


def stubs():
    """Return the text of each stub, by its path in the package."""
    from gridtrend import public

    modules = [("", name) for name in public.MODULES]
    face = [(f".{public.PUBLIC[name]}", name) for name in public.functions()]
    trends = [(f".{module}", name) for name, module in public.members("trend").items()]
    return {
        "gridtrend/__init__.pyi": _stub(modules + face, "__version__"),
        "gridtrend/trend/__init__.pyi": _stub(trends),
    }


def _stub(names, *texts):
    """Return the text of a stub with names from modules, and with names of texts.

    One line a name, and `as`, which makes it a name of the stub too, keep the linter's order.
    """
    imports = [f"from gridtrend{module} import {name} as {name}" for module, name in sorted(names)]
    public = sorted([*texts, *(name for _, name in names)])
    lines = [*imports, "", *(f"{name}: str" for name in texts), "__all__ = ["]
    return HEADER + "\n".join([*lines, *(f'    "{name}",' for name in public), "]"]) + "\n"


if __name__ == "__main__":
    sys.path.insert(0, str(ROOT))
    for path, text in stubs().items():
        (ROOT / path).write_text(text, encoding="utf-8")
