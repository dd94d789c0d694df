"""What pyproject.toml cannot say: the weights, which lie beside the package, become a part of it,
and the operator's files go to ``share/`` of the environment."""

from pathlib import Path

from setuptools import find_packages, setup

ROOT = Path(__file__).parent
WEIGHTS = "heygem_daemon.weights"
SHARE = "share/heygem-daemon"


def _files(pattern: str) -> list[str]:
    return sorted(str(path.relative_to(ROOT)) for path in ROOT.glob(pattern) if path.is_file())


setup(
    packages=[*find_packages(include=["heygem_daemon*"]), WEIGHTS, f"{WEIGHTS}.builtin"],
    package_dir={WEIGHTS: "weights"},
    data_files=[
        (SHARE, ["config.toml"]),
        (f"{SHARE}/systemd", _files("systemd/*")),
        (f"{SHARE}/systemd/install", _files("systemd/install/*")),
        (f"{SHARE}/samba", _files("docs/samba/*")),
        ("share/man/man1", _files("docs/man/*")),
        ("share/bash-completion/completions", ["docs/completion/heygem-daemon"]),
        ("share/zsh/site-functions", ["docs/completion/_heygem-daemon"]),
        ("share/fish/vendor_completions.d", ["docs/completion/heygem-daemon.fish"]),
        ("share/doc/heygem-daemon/monitoring", _files("docs/monitoring/*")),
        ("share/doc/heygem-daemon", ["README.md", "CHANGELOG.md", *_files("docs/*.md")]),
    ],
)
