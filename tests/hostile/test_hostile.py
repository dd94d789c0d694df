"""A hostile user with full access to the users' folders does not keep an honest one waiting.

``python -m tests.hostile --local`` measures the same with a hostile user of this machine.
"""

import os

import pytest

from demo.samba import missing
from tests.hostile.campaign import run

SECONDS = 40.0
FEW_JOBS = 3


@pytest.mark.slow
@pytest.mark.share
@pytest.mark.timeout(600)
@pytest.mark.skipif(os.geteuid() != 0, reason="only root can be several users")
@pytest.mark.skipif(missing() is not None, reason=str(missing()))
def test_an_honest_user_is_served_beside_a_hostile_one_over_samba() -> None:
    assert run(SECONDS, seed=2, over_samba=True, jobs=FEW_JOBS).wrong == []
