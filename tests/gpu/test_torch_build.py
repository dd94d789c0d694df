"""What is found out without importing torch agrees with what torch itself says."""

import subprocess
import sys


def test_the_build_is_recognised_without_importing_torch() -> None:
    program = (
        "import sys; from heygem_daemon.gpu.torch_build import is_cuda_usable;"
        " answer = is_cuda_usable();"
        " assert 'torch' not in sys.modules; import torch;"
        " assert answer == (torch.version.cuda is not None), (answer, torch.version.cuda)"
    )
    subprocess.run([sys.executable, "-c", program], check=True)
