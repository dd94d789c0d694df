"""``python -m heygem_daemon.doctor.probes.torch_build``: the installed torch and what it sees."""

import torch

from heygem_daemon.doctor.answers import Torch, TorchGpu, tell


def main() -> None:
    """Entry point."""
    cuda = torch.version.cuda
    if cuda is None:
        tell(Torch(torch.__version__, None))
        return
    try:
        torch.zeros(1, device="cuda")
        gpus = tuple(_gpu(index) for index in range(torch.cuda.device_count()))
        problem = None
    except RuntimeError as error:
        gpus, problem = (), str(error).splitlines()[0]
    tell(Torch(torch.__version__, cuda, tuple(torch.cuda.get_arch_list()), gpus, problem))


def _gpu(index: int) -> TorchGpu:
    properties = torch.cuda.get_device_properties(index)
    with torch.cuda.device(index):
        bfloat16 = torch.cuda.is_bf16_supported(including_emulation=False)
    capability = (properties.major, properties.minor)
    return TorchGpu(f"GPU-{properties.uuid}", properties.name, capability, bfloat16)


if __name__ == "__main__":
    main()
