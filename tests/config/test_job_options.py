"""A job's own options override those of its batch, which override the settings."""

import pytest

from heygem_daemon.config.job_options import JobOptions
from heygem_daemon.config.output_options import OutputOptions


def test_a_members_own_options_win_over_its_batchs() -> None:
    batch = JobOptions(loop="freeze", priority=5, strip=False)
    own = JobOptions(strip=True, crf=20)
    assert batch.overridden_by(own) == JobOptions(loop="freeze", priority=5, strip=True, crf=20)


def test_an_option_can_be_set_back_to_its_default() -> None:
    assert JobOptions(priority=5).overridden_by(JobOptions(priority=0)).priority == 0


@pytest.mark.parametrize(
    ("options", "expected"),
    [
        (JobOptions(), (18, "veryfast")),
        (JobOptions(quality="standard"), (18, "veryfast")),
        (JobOptions(quality="high"), (14, "medium")),
        (JobOptions(quality="small"), (23, "medium")),
        (JobOptions(quality="small", crf=30), (30, "medium")),
        (JobOptions(preset="slow"), (18, "slow")),
        (JobOptions(crf=0), (0, "veryfast")),
    ],
)
def test_quality_sets_crf_and_preset(options: JobOptions, expected: tuple[int, str]) -> None:
    output = options.output(OutputOptions(crf=18, preset="veryfast"))
    assert (output.crf, output.preset) == expected
