"""What axe-core finds in a page, or in our outputs within somebody else's."""

from __future__ import annotations

from axe_playwright_python.sync_playwright import Axe

AXE = Axe()
#: what axe says of a whole page, and a fragment in a notebook is none
OF_PAGES = {"region", "landmark-one-main", "page-has-heading-one", "bypass"}


def serious(page, within=None, only=None):
    """Its serious and critical findings: rule, place and reason, one line each."""
    options = {"resultTypes": ["violations"], **({"runOnly": only} if only else {})}
    return [
        f"{each['impact']} {each['id']} at {node['target']}: {node['html'][:120]} — {node['failureSummary'][:300]}"
        for each in AXE.run(page, context=within, options=options).response["violations"]
        if each["impact"] in ("serious", "critical") and each["id"] not in OF_PAGES
        for node in each["nodes"]
    ]
