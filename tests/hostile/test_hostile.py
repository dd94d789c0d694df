"""A hostile user with full access to the users' folders does not keep an honest one waiting."""

import os

import pytest

from demo.samba import missing
from tests.hostile.campaign import run

SECONDS = 40.0
FEW_JOBS = 3

pytestmark = [
    pytest.mark.slow,
    pytest.mark.timeout(600),
    pytest.mark.skipif(os.geteuid() != 0, reason="only root can be several users"),
]


def test_an_honest_user_is_served_beside_a_hostile_local_one() -> None:
    assert run(SECONDS, seed=1, over_samba=False, jobs=FEW_JOBS).wrong == []


@pytest.mark.share
@pytest.mark.skipif(missing() is not None, reason=str(missing()))
def test_an_honest_user_is_served_beside_a_hostile_one_over_samba() -> None:
    assert run(SECONDS, seed=2, over_samba=True, jobs=FEW_JOBS).wrong == []
