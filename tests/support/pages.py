"""What the documents tell their readers to type."""

import re
import shlex
from pathlib import Path
from typing import NamedTuple

ROOT = Path(__file__).parents[2]
PAGES = {
    path.relative_to(ROOT).as_posix(): path
    for path in sorted(
        [
            *ROOT.glob("*.md"),
            *(ROOT / "bench").glob("*.md"),
            *(ROOT / "docs").rglob("*.md"),
            *(ROOT / "deploy").rglob("*.md"),
            *(ROOT / "lua").glob("*.md"),
        ]
    )
}
"""By their place in the tree."""

_BLOCK = re.compile(r"^```([^\n]*)\n(.*?)^```$", re.MULTILINE | re.DOTALL)
_HEREDOC = re.compile(r"<<-?'?([A-Z]+)'?")
_REMARK = re.compile(r"(^|\s{2,})# .*$")
_INLINE = re.compile(r"`([^`\n]+)`")


class Block(NamedTuple):
    """What stands between two fences. ``language``: the first word after the fence."""

    page: str
    language: str
    text: str

    @property
    def commands(self) -> list[str]:
        """Of a shell: each whole, over several lines where it has them, without the remark behind it."""
        found: list[str] = []
        lines = self.text.splitlines()
        while lines:
            command = _REMARK.sub("", lines.pop(0)).rstrip()
            ends = _HEREDOC.search(command)
            while lines and (not _is_whole(command) or (ends and not command.endswith(f"\n{ends[1]}"))):
                command += f"\n{lines.pop(0)}"
            if command:
                found.append(command)
        return found


def blocks(page: str) -> list[Block]:
    """Of one page, in their order."""
    text = PAGES[page].read_text(encoding="utf-8")
    return [Block(page, info.partition(" ")[0], inner) for info, inner in _BLOCK.findall(text)]


def commands(page: str, having: str = "") -> list[str]:
    """Of its blocks for a shell, or of those that have these words."""
    found = [each for each in blocks(page) if each.language == "sh" and having in each.text]
    return [command for each in found for command in each.commands]


def inline(page: str) -> list[str]:
    """What stands as code within its sentences."""
    return _INLINE.findall(_BLOCK.sub("", PAGES[page].read_text(encoding="utf-8")))


def _is_whole(command: str) -> bool:
    if command.endswith("\\"):
        return False
    if _HEREDOC.search(command):
        return True
    try:
        shlex.split(command)
    except ValueError:
        return False
    return True
