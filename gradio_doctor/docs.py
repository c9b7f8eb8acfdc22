"""The list of causes as a page of documentation: `python -m gradio_doctor.docs > docs/causes.md`."""

from __future__ import annotations

import sys

from gradio_doctor.knowledge.model import Cause, Knowledge
from gradio_doctor.report.explain import shape

_HEAD = """# The causes that gradio-doctor knows

Made from `checks/*.yaml` by `python -m gradio_doctor.docs > docs/causes.md`; do not edit.
`gradio-doctor explain ID` says more: what speaks for a cause, and how strongly.
"""


def causes_page(knowledge: Knowledge) -> str:
    """The page, in Markdown: every cause by family, what it is and how it is mended."""
    families: dict[str, list[Cause]] = {}
    for cause in sorted(knowledge.causes.values(), key=lambda c: c.id):
        families.setdefault(cause.family, []).append(cause)
    out = _HEAD + "".join(f"\n- [{name}](#{name}): {len(causes)}" for name, causes in families.items()) + "\n"
    for name, causes in families.items():
        out += f"\n## {name}\n" + "".join(map(_entry, causes))
    return out


def _entry(cause: Cause) -> str:
    out = f"\n### {cause.id}\n\n**{_inline(cause.title.en)}** ({cause.severity}). {_inline(cause.what.en)}\n\n"
    for remedy in cause.remedies:
        out += f"- {_inline(shape(remedy.text.en))}\n"
        if remedy.commands:
            lines = [part for command in remedy.commands for part in shape(command).splitlines()]
            out += "  ```sh\n" + "".join(f"  {line}\n" for line in lines) + "  ```\n"
    return out


def _inline(text: str) -> str:
    """Prose as Markdown: on one line, and nothing of it taken as HTML."""
    return " ".join(text.split()).replace("<", "&lt;")


def main() -> None:
    """Print the page for the built-in families."""
    from gradio_doctor.registry import load

    sys.stdout.write(causes_page(load(plugins=False).knowledge))


if __name__ == "__main__":
    main()
