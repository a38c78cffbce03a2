"""Gathers the pages of the documentation site: `python .ci/pages.py FOLDER`. `mkdocs build --strict` makes the site of them.

The pages are those that stand in the tree, so nothing is written twice. A link to another page stays one; a picture comes too; a
link to any other file leads into the repository. A link that leads nowhere ends it.
"""

import os
import re
import shutil
import sys
from functools import partial
from pathlib import Path, PurePosixPath

ROOT = Path(__file__).resolve().parent.parent
REPOSITORY = f"https://github.com/{os.environ.get('GITHUB_REPOSITORY', 'OWNER/tokenvault')}/blob/main"
PAGES = {
    "README.md": "index.md",
    "CHANGELOG.md": "changelog.md",
    "schemas/REFERENCE.md": "reference.md",
    **{f".github/{name}.md": f"project/{name.lower()}.md" for name in ("ARCHITECTURE", "CONTRIBUTING", "SECURITY")},
    **{
        str(path.relative_to(ROOT)): f"guides/{path.parent.name}.md" if path.name == "README.md" else "compared.md"
        for path in sorted((ROOT / "examples").rglob("*.md"))
    },
}
LINK = re.compile(r"(?<=\]\()(?!\w+:|#)(?P<path>[^)#\s]+)(?P<anchor>#[^)\s]*)?(?=\))")


def main(folder: Path) -> None:
    """Writes every page, with the links that it has there."""
    for source, target in PAGES.items():
        page = folder / target
        page.parent.mkdir(parents=True, exist_ok=True)
        text = (ROOT / source).read_text(encoding="utf-8")
        led = partial(_led, source=source, target=target, folder=folder)
        page.write_text(LINK.sub(led, text), encoding="utf-8")


def _led(found: re.Match[str], source: str, target: str, folder: Path) -> str:
    """Where the link of a page leads on the site."""
    place = (ROOT / source).parent / found["path"]
    if not place.exists():
        sys.exit(f"{source}: {found[0]} leads nowhere")
    named = str(place.resolve().relative_to(ROOT))
    if place.is_dir() and f"{named}/README.md" in PAGES:
        named = f"{named}/README.md"
    if named not in PAGES and place.suffix != ".svg":
        return f"{REPOSITORY}/{named}"
    if named not in PAGES:
        shutil.copy(place, folder / place.name)
    there = PAGES.get(named, place.name)
    up = "../" * (len(PurePosixPath(target).parts) - 1)
    return f"{up}{there}{found['anchor'] or ''}"


if __name__ == "__main__":
    main(Path(sys.argv[1]))
