"""What kind of processor this machine has."""

from pathlib import Path

from heygem_daemon.system.processor_features import describe_processor, processor_features

TWO = (
    "processor\t: 0\nmodel name\t: one\nflags\t\t: fpu avx\n\n"
    "processor\t: 1\nmodel name\t: one\nflags\t\t: fpu avx2 avx512f\n"
)


def test_model_and_features_are_those_of_the_last_processor(tmp_path: Path) -> None:
    (tmp_path / "cpuinfo").write_text(TWO)
    assert describe_processor(tmp_path) == "model name\t: one flags\t\t: fpu avx2 avx512f"
    assert processor_features(tmp_path) == {"fpu", "avx2", "avx512f"}


def test_a_kernel_that_says_nothing_is_no_error(tmp_path: Path) -> None:
    assert describe_processor(tmp_path) == ""
    assert processor_features(tmp_path) == frozenset()
