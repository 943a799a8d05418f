"""What the gateway's tests share."""

import pytest
from gateway_desk import MARKETS


@pytest.fixture(params=MARKETS)
def market(request: pytest.FixtureRequest) -> str:
    """Spot and futures."""
    return request.param
