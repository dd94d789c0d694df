"""The log lines about a loaded model."""

from heygem_daemon.protocol import Ready
from heygem_daemon.service.running_jobs import model_evidence

MIB = 1 << 20
ON_GPU = Ready(
    engine="wav2lip",
    device="cuda:0",
    device_name="NVIDIA L4",
    uuid="GPU-aaaa",
    precision="float16",
    precision_reason="within 0.2 of a code value of float32, and 2.1 times as fast",
    parameters_device="cuda:0",
    seconds=4.0,
    vram_bytes=900 * MIB,
    vram_allocated_bytes=512 * MIB,
    rss_bytes=2000 * MIB,
    weights_sha256="ab",
    batch=64,
    resident_bytes=1500 * MIB,
    per_frame_bytes=24 * MIB,
    host_bytes=3000 * MIB,
)


def test_each_piece_of_evidence_has_a_line() -> None:
    assert model_evidence(ON_GPU) == [
        "device: cuda:0",
        "GPU: NVIDIA L4",
        "GPU UUID: GPU-aaaa",
        "memory: 512 MiB VRAM allocated, 900 MiB reserved",
        "precision: float16: within 0.2 of a code value of float32, and 2.1 times as fast",
        "parameters: next(model.parameters()).device is cuda:0",
        (
            "need: 1500 MiB of the GPU and 24.0 MiB a frame, of 64 at once; "
            "3000 MiB of main memory for a whole job"
        ),
    ]


def test_on_the_cpu_there_is_no_gpu_to_name() -> None:
    ready = ON_GPU.model_copy(
        update={
            "device": "cpu",
            "uuid": None,
            "vram_bytes": None,
            "vram_allocated_bytes": None,
            "precision": "float32",
            "precision_reason": "",
            "parameters_device": "cpu",
        }
    )
    assert model_evidence(ready) == [
        "device: cpu",
        "memory: 2000 MiB RAM",
        "precision: float32",
        "parameters: next(model.parameters()).device is cpu",
        "need: 3000 MiB of main memory for a whole job",
    ]
