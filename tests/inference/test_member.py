"""Trained members: what is written is what is loaded, and shifts are shifts."""

import json
from pathlib import Path

import numpy as np
import pytest
import torch

from earwitness.errors import EarwitnessError
from earwitness.inference.member import load_member
from earwitness.inference.prediction import augmented, predict_fold
from earwitness.schema.predict import PredictParams
from earwitness.store.arrays import ArrayReader, ArrayWriter

CPU = torch.device("cpu")


@pytest.fixture(params=["network_folder", "backbone_folder"])
def folder(request: pytest.FixtureRequest) -> Path:
    path: Path = request.getfixturevalue(request.param)
    return path


def clips(count: int = 5) -> np.ndarray:
    return np.random.default_rng(1).normal(0, 0.1, size=(count, 16000)).astype(np.float32)


def test_a_member_says_what_it_is(folder: Path) -> None:
    member = load_member(folder, CPU)
    assert member.name == folder.parent.name
    assert (member.sample_rate, member.seconds) == (16000, 1.0)
    assert [entry["category"] for entry in member.classes] == ["dog", "rain", "saw"]
    assert not any(module.training for module in member.model.modules())


def test_logits_are_finite_and_do_not_depend_on_the_batch(folder: Path) -> None:
    member = load_member(folder, CPU)
    together = member.logits(clips())
    assert together.shape == (5, 3)
    assert together.dtype == np.float32
    assert np.isfinite(together).all()
    np.testing.assert_allclose(together[2:3], member.logits(clips()[2:3]), atol=1e-5, rtol=1e-5)


def test_loading_twice_gives_the_same_bits(folder: Path) -> None:
    first, second = (load_member(folder, CPU).logits(clips()) for _ in range(2))
    assert np.array_equal(first, second)


def test_curves_have_a_row_an_epoch(folder: Path) -> None:
    lines = (folder / "curves.csv").read_text().splitlines()
    assert lines[0] == "epoch,lr,train_loss,validation_loss,validation_top1"
    assert len(lines) == 3


def test_predictions_are_plain_and_mean_over_shifts(folder: Path, tmp_path: Path) -> None:
    audio = tmp_path / "audio.h5"
    with ArrayWriter(audio, {"clips": ((5, 16000), "float32")}, {"sample_rate": 16000}) as writer:
        writer.write("clips", slice(None), clips())
    member = load_member(folder, CPU)
    parts = {"validation": np.array([4, 0]), "test": np.array([1, 2, 3])}
    with ArrayReader(audio) as reader:
        params = PredictParams((0.0, -0.1, 0.1), 2)
        predict_fold(dict.fromkeys(parts, member), reader, parts, params, tmp_path / "out.h5")
    with ArrayReader(tmp_path / "out.h5") as reader:
        assert reader.read("validation_rows").tolist() == [4, 0]
        plain, by_shift = reader.read("test_plain"), reader.read("test_shifted")
        embeddings = reader.read("test_embeddings")
        weights = [tensor.numel() for tensor in member.model.parameters()]
        assert reader.attrs["parameters"] == sum(weights) > 1000
        assert reader.shape("validation_embeddings") == (2, member.embedding_size)
    expected = member.logits(clips()[1:4])
    np.testing.assert_allclose(plain, expected, atol=1e-5, rtol=1e-5)
    inputs = member.read(clips()[1:4])
    shifted = [member.run(member.shift(inputs, seconds))[0] for seconds in (0.0, -0.1, 0.1)]
    np.testing.assert_allclose(by_shift, np.stack(shifted, axis=1), atol=1e-5, rtol=1e-5)
    assert not np.allclose(plain, by_shift.mean(axis=1))
    assert embeddings.dtype == np.float32
    np.testing.assert_allclose(embeddings, member.classify(clips()[1:4])[1], atol=0.01, rtol=0.001)


def test_embeddings_come_with_the_logits_and_tell_clips_apart(folder: Path) -> None:
    member = load_member(folder, CPU)
    logits, embeddings = member.classify(clips())
    assert np.array_equal(logits, member.logits(clips()))
    assert embeddings.shape == (5, member.embedding_size)
    assert np.isfinite(embeddings).all()
    assert (embeddings.std(axis=0) > 0).any()


def test_a_network_is_classified_from_its_embedding_to_the_same_bits(network_folder: Path) -> None:
    member = load_member(network_folder, CPU)
    features = np.stack([member.front_end(clip) for clip in clips()])
    with torch.inference_mode():
        whole = member.model(torch.from_numpy(features)).numpy()
    assert np.array_equal(member.logits(clips()), whole)


def test_a_frozen_backbone_is_embedded_as_its_classifier_reads_it(backbone_folder: Path) -> None:
    member = load_member(backbone_folder, CPU)
    width = member.embedding_size
    with torch.inference_mode():
        backbone = member.model.backbone
        x = backbone.front_end(torch.from_numpy(clips()))
        levels = backbone.run(x, 0, len(backbone.blocks))[1]
    head = member.model.head.standardise
    expected = ((levels - head.mean) / head.std)[:, -width:].numpy()
    np.testing.assert_allclose(member.classify(clips())[1], expected, atol=1e-3, rtol=1e-3)


def test_without_the_clip_itself_among_the_shifts_plain_is_still_plain(
    network_folder: Path, tmp_path: Path
) -> None:
    audio = tmp_path / "audio.h5"
    with ArrayWriter(audio, {"clips": ((5, 16000), "float32")}, {"sample_rate": 16000}) as writer:
        writer.write("clips", slice(None), clips())
    member = load_member(network_folder, CPU)
    with ArrayReader(audio) as reader:
        params = PredictParams((0.25,), 8)
        predict_fold({"test": member}, reader, {"test": np.arange(5)}, params, tmp_path / "out.h5")
    with ArrayReader(tmp_path / "out.h5") as reader:
        np.testing.assert_allclose(reader.read("test_plain"), member.logits(clips()), atol=1e-5)


def test_a_waveform_is_shifted_circularly_by_seconds(backbone_folder: Path) -> None:
    member = load_member(backbone_folder, CPU)
    shifted = member.shift(member.read(clips()), 0.25).numpy()
    assert np.array_equal(shifted[:, 4000:], clips()[:, :-4000])
    assert np.array_equal(shifted[:, :4000], clips()[:, -4000:])


def test_a_network_has_its_frames_shifted(network_folder: Path) -> None:
    """Which no click in the waveform and no other start of PCEN changes."""
    member = load_member(network_folder, CPU)
    frames = member.read(clips())
    ten = 10 * member.step_samples / member.sample_rate
    shifted = member.shift(frames, ten)
    assert member.step_samples > 1
    assert torch.equal(shifted[..., 10:], frames[..., :-10])
    assert torch.equal(shifted[..., :10], frames[..., -10:])
    said = augmented(member, clips(), (0.0, ten))
    np.testing.assert_array_equal(said.shifted[:, 1], member.run(shifted)[0])
    np.testing.assert_array_equal(said.shifted[:, 0], said.plain)


def test_a_folder_without_a_model_is_told(tmp_path: Path) -> None:
    with pytest.raises(EarwitnessError, match="does not hold a trained model"):
        load_member(tmp_path, CPU)


@pytest.mark.parametrize(("key", "value"), [("kind", "oracle"), ("classes", [])])
def test_a_model_of_another_version_is_told(folder: Path, key: str, value: object) -> None:
    config = json.loads((folder / "config.json").read_text())
    config[key] = value
    (folder / "config.json").write_text(json.dumps(config))
    with pytest.raises(EarwitnessError, match="train it again"):
        load_member(folder, CPU)
