"""A notebook to run cells in."""

import pytest


@pytest.fixture
def notebook(ip, request):
    """A notebook whose first cell, the `CELL` of the test's own file, has been run."""
    ip.run_cell(request.module.CELL, store_history=True).raise_error()
    return ip
