import hashlib
import threading
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pytest
import soundfile as sf
from hypothesis import given, settings
from hypothesis import strategies as st

from earwitness.audio import prepare as preparing
from earwitness.audio.dataset import Clip
from earwitness.audio.decode import load_clip
from earwitness.audio.prepare import prepare, store_path
from earwitness.errors import EarwitnessError
from earwitness.schema.prepare import PrepareParams
from earwitness.store.arrays import ArrayReader

SaveTone = Callable[..., Path]

PARAMS = PrepareParams(0.25, "HQ")
COLUMNS = (
    "filename,fold,target,category,src_file,take,sha256,sample_rate,channels,frames,peak,rms,"
    "silent_fraction,treatment,dropped"
)


def clip_of(path: Path, number: int = 0) -> Clip:
    return Clip(
        path.name,
        number % 5 + 1,
        number,
        f"class {number}",
        str(number),
        "A",
        path.parent,
        path.name,
    )


def some_clips(folder: Path, save_tone: SaveTone, count: int = 9) -> list[Clip]:
    clips = []
    for number in range(count):
        path = save_tone(
            folder / f"{count - number}.wav",
            rate=(8000, 11025, 16000)[number % 3],
            seconds=0.1 * (1 + number % 4),
            channels=1 + number % 2,
            hertz=100.0 * (1 + number),
        )
        clips.append(clip_of(path, number))
    return clips


def run(clips: list[Clip], out: Path, **options: Any) -> pd.DataFrame:
    arguments: dict[str, Any] = {"rates": [8000, 16000], "on_bad": "fail", "workers": 2} | options
    manifest = out / "manifest.csv"
    count = prepare(clips, params=PARAMS, out_dir=out, manifest_path=manifest, **arguments)
    rows = pd.read_csv(manifest, dtype={"src_file": str})
    assert count == len(rows)
    return rows


def read(out: Path, rate: int = 16000) -> np.ndarray:
    return ArrayReader(store_path(out, rate)).read("clips")


def test_rows_are_the_clips_in_their_order(tmp_path: Path, save_tone: SaveTone) -> None:
    clips = some_clips(tmp_path, save_tone)
    manifest = run(clips, tmp_path / "out")
    assert list(manifest["filename"]) == [clip.filename for clip in clips]
    for rate in (8000, 16000):
        waveforms = read(tmp_path / "out", rate)
        assert waveforms.dtype == np.float32
        assert ArrayReader(store_path(tmp_path / "out", rate)).attrs == {"sample_rate": rate}
        for row, clip in enumerate(clips):
            expected = load_clip(clip.path, rate, PARAMS.seconds, PARAMS.resampler)
            np.testing.assert_array_equal(waveforms[row], expected)


def test_the_manifest_says_what_was_found_and_done(tmp_path: Path) -> None:
    stereo = np.zeros((4000, 2))
    stereo[1000:3000] = [1.0, 0.5]
    sf.write(tmp_path / "a.wav", stereo, 8000, subtype="FLOAT")
    sf.write(tmp_path / "b.wav", np.full(1000, -0.5), 8000, subtype="FLOAT")
    sf.write(tmp_path / "c.wav", np.full(2000, 0.5), 8000, subtype="FLOAT")
    clips = [clip_of(tmp_path / f"{name}.wav", i) for i, name in enumerate("abc")]
    run(clips, tmp_path / "out", rates=[8000])
    text = (tmp_path / "out" / "manifest.csv").read_text()
    assert text.startswith(COLUMNS + "\n")
    manifest = pd.read_csv(tmp_path / "out" / "manifest.csv", dtype={"src_file": str})
    first = manifest.iloc[0].to_dict()
    assert first == {
        "filename": "a.wav",
        "fold": 1,
        "target": 0,
        "category": "class 0",
        "src_file": "0",
        "take": "A",
        "sha256": hashlib.sha256((tmp_path / "a.wav").read_bytes()).hexdigest(),
        "sample_rate": 8000,
        "channels": 2,
        "frames": 4000,
        "peak": 0.75,
        "rms": pytest.approx(0.75 / 2**0.5, abs=1e-6),
        "silent_fraction": 0.5,
        "treatment": "mean of 2 channels; trimmed 0.250000 s",
        "dropped": 0,
    }
    assert list(manifest["treatment"][1:]) == ["padded 0.125000 s", "none"]
    manifest_16k = run(clips, tmp_path / "other", rates=[16000])
    assert manifest_16k["treatment"][2] == "resampled"


def test_dc_and_overshoot_are_left_alone(tmp_path: Path) -> None:
    sf.write(tmp_path / "a.wav", np.full(4000, 1.5), 8000, subtype="FLOAT")
    manifest = run([clip_of(tmp_path / "a.wav")], tmp_path / "out", rates=[8000])
    np.testing.assert_array_equal(read(tmp_path / "out", 8000), np.full((1, 2000), 1.5))
    assert manifest["peak"][0] == 1.5


def test_channels_that_cancel_are_reported(tmp_path: Path) -> None:
    left = 0.5 * np.sin(np.arange(2000))
    sf.write(tmp_path / "a.wav", np.stack([left, -left], axis=1), 8000, subtype="FLOAT")
    manifest = run([clip_of(tmp_path / "a.wav")], tmp_path / "out", rates=[8000])
    assert manifest["treatment"][0] == "first of 2 channels"
    assert np.abs(read(tmp_path / "out", 8000)).max() > 0.4


@settings(max_examples=8, deadline=None)
@given(workers=st.integers(1, 8))
def test_bytes_do_not_depend_on_run_or_threads(
    tmp_path_factory: pytest.TempPathFactory, save_tone: SaveTone, workers: int
) -> None:
    folder = tmp_path_factory.mktemp("prepare")
    clips = some_clips(folder, save_tone)
    for name, number in (("one", 1), ("many", workers)):
        run(clips, folder / name, workers=number)
    written = sorted(path.name for path in (folder / "one").iterdir())
    assert written == ["audio_16000.h5", "audio_8000.h5", "manifest.csv"]
    for name in written:
        assert (folder / "one" / name).read_bytes() == (folder / "many" / name).read_bytes()


def test_few_clips_are_in_memory_at_a_time(
    tmp_path: Path, save_tone: SaveTone, monkeypatch: pytest.MonkeyPatch
) -> None:
    clips = some_clips(tmp_path, save_tone, count=40)
    lock, counts = threading.Lock(), {"treated": 0, "written": 0, "most": 0}
    treat, write = preparing._treat, preparing.ArrayWriter.write

    def counting_treat(*arguments: Any) -> Any:
        with lock:
            counts["treated"] += 1
            counts["most"] = max(counts["most"], counts["treated"] - counts["written"])
        return treat(*arguments)

    def counting_write(*arguments: Any) -> None:
        with lock:
            counts["written"] += 1
        write(*arguments)

    monkeypatch.setattr(preparing, "_treat", counting_treat)
    monkeypatch.setattr(preparing.ArrayWriter, "write", counting_write)
    run(clips, tmp_path / "out", rates=[8000], workers=2)
    assert counts["treated"] == counts["written"] == 40
    assert counts["most"] <= preparing.IN_FLIGHT_PER_WORKER * 2


def spoil(folder: Path, clips: list[Clip]) -> list[str]:
    clips[1].path.write_bytes(b"")
    clips[3].path.write_text("<html>404</html>")
    sf.write(clips[4].path, np.zeros((0, 1)), 8000)
    sf.write(clips[6].path, np.array([np.nan]), 8000, subtype="FLOAT")
    clips[8].path.unlink()
    return [clips[row].filename for row in (1, 3, 4, 6, 8)]


def test_all_bad_files_are_in_one_message(tmp_path: Path, save_tone: SaveTone) -> None:
    clips = some_clips(tmp_path, save_tone)
    bad = spoil(tmp_path, clips)
    with pytest.raises(EarwitnessError, match=r"6 clips .*data\.on_bad") as caught:
        run(clips, tmp_path / "out", dropped=["gone.wav: no such file"])
    assert str(caught.value).splitlines()[1] == "  gone.wav: no such file"
    named = [line.split("/")[-1] for line in str(caught.value).splitlines()[2:]]
    assert [line.split(" ")[0].rstrip(":") for line in named] == bad
    assert list((tmp_path / "out").iterdir()) == []


def test_what_was_missing_before_leaves_nothing_either(tmp_path: Path, save_tone: SaveTone) -> None:
    with pytest.raises(EarwitnessError, match=r"1 clips .*\n  gone.wav: no such file$"):
        run(some_clips(tmp_path, save_tone), tmp_path / "out", dropped=["gone.wav: no such file"])
    assert list((tmp_path / "out").iterdir()) == []


def test_bad_files_are_dropped_and_counted(
    tmp_path: Path, save_tone: SaveTone, caplog: pytest.LogCaptureFixture
) -> None:
    clips = some_clips(tmp_path, save_tone)
    bad = spoil(tmp_path, clips)
    manifest = run(clips, tmp_path / "out", on_bad="drop", dropped=["gone.wav: no such file"])
    good = [clip for clip in clips if clip.filename not in bad]
    assert list(manifest["filename"]) == [clip.filename for clip in good]
    assert set(manifest["dropped"]) == {6}
    assert "gone.wav: no such file" in caplog.text
    assert all(name in caplog.text for name in bad)
    waveforms = read(tmp_path / "out")
    assert len(waveforms) == 4
    for row, clip in enumerate(good):
        np.testing.assert_array_equal(waveforms[row], load_clip(clip.path, 16000, 0.25, "HQ"))


def test_nothing_left(tmp_path: Path) -> None:
    (tmp_path / "a.wav").touch()
    with pytest.raises(EarwitnessError, match="nothing to prepare"):
        run([clip_of(tmp_path / "a.wav")], tmp_path / "out", on_bad="drop")
