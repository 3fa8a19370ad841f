"""What axe-core finds in a page, or in our outputs within somebody else's."""

from __future__ import annotations

import json
import os
import re
from pathlib import Path

from axe_playwright_python.sync_playwright import Axe

AXE = Axe()
#: a file for each test: all that axe says, the moderate too
REPORT = Path(__file__).parent.parent / "artifacts" / "axe"
#: what axe says of a whole page, and a fragment in a notebook is none
OF_PAGES = {"region", "landmark-one-main", "page-has-heading-one", "bypass"}


def serious(page, within=None, only=None):
    """Its serious and critical findings: rule, place and reason, one line each."""
    options = {"resultTypes": ["violations"], **({"runOnly": only} if only else {})}
    violations = AXE.run(page, context=within, options=options).response["violations"]
    _keep(violations)
    return [
        f"{each['impact']} {each['id']} at {node['target']}: {node['html'][:120]} — {node['failureSummary'][:300]}"
        for each in violations
        if each["impact"] in ("serious", "critical") and each["id"] not in OF_PAGES
        for node in each["nodes"]
    ]


def _keep(violations):
    test = os.environ.get("PYTEST_CURRENT_TEST", "by hand").rpartition("/")[2].partition(" (")[0]
    REPORT.mkdir(parents=True, exist_ok=True)
    told = [{"rule": each["id"], "impact": each["impact"], "places": len(each["nodes"])} for each in violations]
    (REPORT / f"{re.sub(r'[^a-z0-9]+', '-', test.lower()).strip('-')}.json").write_text(json.dumps(told, indent=1))
