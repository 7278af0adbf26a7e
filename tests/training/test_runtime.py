"""Device, precision and threads."""

from collections.abc import Iterator

import pytest
import torch

from earwitness.errors import EarwitnessError
from earwitness.schema.runtime import RuntimeParams
from earwitness.training import runtime as module
from earwitness.training.runtime import choose_runtime, describe_runtime


@pytest.fixture(autouse=True)
def threads() -> Iterator[None]:
    before = torch.get_num_threads()
    yield
    torch.set_num_threads(before)


def test_auto_takes_bfloat16_where_the_hardware_has_it(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(torch.cuda, "is_available", lambda: False)
    for has, dtype in ((True, torch.bfloat16), (False, torch.float32)):
        monkeypatch.setattr(module, "_has_bfloat16", lambda device, has=has: has)
        chosen = choose_runtime(RuntimeParams("auto", "auto", 0, 1.0))
        assert (chosen.device.type, chosen.dtype) == ("cpu", dtype)


def test_auto_takes_a_gpu_where_there_is_one(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(torch.cuda, "is_available", lambda: True)
    monkeypatch.setattr(torch.cuda, "device_count", lambda: 1)
    for emulated, dtype in ((False, torch.bfloat16), (True, torch.float32)):

        def supported(including_emulation: bool = True, emulated: bool = emulated) -> bool:
            return including_emulation or not emulated

        monkeypatch.setattr(torch.cuda, "is_bf16_supported", supported)
        chosen = choose_runtime(RuntimeParams("auto", "auto", 0, 1.0))
        assert (chosen.device.type, chosen.dtype) == ("cuda", dtype)


def test_a_cpu_that_emulates_bfloat16_trains_in_float32(monkeypatch: pytest.MonkeyPatch) -> None:
    for has in (True, False):
        monkeypatch.setattr(torch.cpu, "_is_avx512_bf16_supported", lambda has=has: has)
        monkeypatch.setattr(torch.cpu, "_is_amx_tile_supported", lambda: False)
        assert module._has_bfloat16(torch.device("cpu")) is has


def test_a_gpu_that_is_not_there_is_told(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(torch.cuda, "device_count", lambda: 1)
    with pytest.raises(EarwitnessError, match="'cuda:1', but torch finds 1 CUDA"):
        choose_runtime(RuntimeParams("cuda:1", "auto", 0, 1.0))


def test_threads_are_set_and_described() -> None:
    description = describe_runtime(choose_runtime(RuntimeParams("cpu", "float32", 1, 1.0)))
    assert description["threads"] == 1
    assert description["precision"] == "float32"
    assert description["torch"] == torch.__version__


def test_autocast_follows_the_precision() -> None:
    for precision, dtype in (("bfloat16", torch.bfloat16), ("float32", torch.float32)):
        chosen = choose_runtime(RuntimeParams("cpu", precision, 0, 1.0))
        with chosen.autocast():
            assert (torch.ones(2, 2) @ torch.ones(2, 2)).dtype == dtype
