"""What axe-core finds on a page: rules of WCAG 2.2, A and AA, and good practice, judged in the browser."""

from pathlib import Path
from typing import Any, Final

from playwright.async_api import Page

AXE: Final = Path(__file__).parent.parent.parent / "build" / "axe" / "node_modules" / "axe-core" / "axe.min.js"
GRAVE: Final = frozenset({"serious", "critical"})

_SETTLED: Final = """
async () => {
    await document.fonts.ready;
    await Promise.allSettled(document.getAnimations().map((one) => one.finished));
}
"""
"""Colours are judged as they are at the end: Quasar fades dialogs and menus in."""


async def findings(page: Page) -> list[str]:
    """Return what axe finds serious or critical, a line each: rule, place, what is wrong."""
    assert AXE.exists(), "axe-core is not there: make axe"
    await page.evaluate(_SETTLED)
    # By its text, since the page's own policy lets no script in from elsewhere.
    await page.evaluate(AXE.read_text(encoding="utf-8"))
    result: dict[str, Any] = await page.evaluate("async () => await axe.run(document)")
    return [
        f"{found['id']} ({found['impact']}): {' '.join(map(str, node['target']))}: {node['failureSummary']}"
        for found in result["violations"]
        if found["impact"] in GRAVE
        for node in found["nodes"]
    ]
