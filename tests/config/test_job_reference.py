"""The options of a job in words."""

import tomllib

from heygem_daemon.config.job_options import JobOptions
from heygem_daemon.config.job_reference import describe_job_options


def test_an_option_says_what_it_can_be_as_a_sidecar_has_it() -> None:
    values = {each.key: each.values for each in describe_job_options()}
    assert values["face"] == '"largest" | "left" | "right" | 1 … 8'
    assert values["crf"] == "0 … 51"
    assert values["priority"] == "-100 … 100"
    assert values["loudness"] == '"off" | -23 | -16'
    for key, text in values.items():
        for value in text.replace(" … ", " | ").split(" | "):
            JobOptions.model_validate(tomllib.loads(f"{key} = {value}"))
