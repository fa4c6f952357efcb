"""What is kept of sounds: whole, of this sound, of this encoder."""

from __future__ import annotations

import os
from pathlib import Path
from typing import Any

import pytest

from equivoice.errors import StorageError
from equivoice.models import Clip
from equivoice.models.hearing.sound_cache import EncoderIdentity, SoundCache
from equivoice.models.learning import Lesson
from equivoice.models.registry import load_model
from tiny.sounds import ask, buzz, write
from tiny.speech import TinyModels


@pytest.fixture
def clip(tmp_path: Path) -> Clip:
    return Clip(str(write(tmp_path / "a.wav", buzz(120, 0.5))))


def key(cache: SoundCache, clip: Clip, encoder: str = "one") -> str:
    found = cache.key(clip, encoder)
    assert found is not None
    return found


@pytest.mark.parametrize("dtype", ["float32", "bfloat16"])
def test_what_is_kept_comes_back_to_the_bit(dtype: str, tmp_path: Path) -> None:
    import torch

    heard = torch.randn(7, 3, generator=torch.Generator().manual_seed(0)).to(getattr(torch, dtype))
    cache = SoundCache(tmp_path / "kept")
    assert cache.get("ab12") is None
    # a part of a larger tensor, as encoders hand them over
    cache.put("ab12", torch.stack([heard, heard])[1])
    found = SoundCache(tmp_path / "kept").get("ab12")
    assert found is not None
    assert found.dtype == heard.dtype
    assert torch.equal(found, heard)
    assert cache.describe() == {"folder": str(tmp_path / "kept"), "read": 0, "written": 1}


def test_only_the_clip_itself_is_on_the_disk(tmp_path: Path) -> None:
    import torch

    cache = SoundCache(tmp_path)
    cache.put("ab12", torch.zeros(1000, 100)[:10])
    (file,) = tmp_path.rglob("*.*")
    assert file.name == "ab12.safetensors"
    assert file.stat().st_size < 10 * 100 * 4 + 1000


def test_sound_cut_and_encoder_are_the_name(tmp_path: Path, clip: Clip) -> None:
    cache = SoundCache(tmp_path / "kept")
    first = key(cache, clip)
    assert key(cache, clip) == first
    others = {
        key(cache, Clip(clip.path, 0.1)),
        key(cache, Clip(clip.path, None, 0.4)),
        key(cache, Clip(clip.path, 0.1, 0.4)),
        key(cache, clip, "another"),
    }
    assert len(others | {first}) == 5
    # the same sound elsewhere is the same sound
    copy = tmp_path / "b.wav"
    copy.write_bytes(Path(clip.path).read_bytes())
    assert key(cache, Clip(str(copy))) == first


def test_a_file_that_changes_is_another_sound(tmp_path: Path, clip: Clip) -> None:
    cache = SoundCache(tmp_path / "kept")
    first = key(cache, clip)
    write(Path(clip.path), buzz(180, 0.5))
    os.utime(clip.path, ns=(1, 1))
    assert key(cache, clip) != first


def test_a_file_that_is_not_there_has_no_name(tmp_path: Path) -> None:
    assert SoundCache(tmp_path).key(Clip(str(tmp_path / "missing.wav")), "one") is None


@pytest.mark.parametrize("left", [0, 1, 0.5, 0.999])
def test_what_was_half_written_is_not_read(left: float, tmp_path: Path) -> None:
    import torch

    cache = SoundCache(tmp_path)
    cache.put("ab12", torch.ones(50, 4))
    (file,) = tmp_path.rglob("ab12*")
    whole = file.read_bytes()
    file.write_bytes(whole[: int(left * len(whole)) if isinstance(left, float) else left])
    assert cache.get("ab12") is None
    cache.put("ab12", torch.ones(50, 4))
    assert file.read_bytes() == whole


def test_a_writer_that_dies_leaves_nothing_that_is_read(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    import torch

    def die(self: Path, target: Path) -> None:
        raise KeyboardInterrupt

    monkeypatch.setattr(Path, "replace", die)
    cache = SoundCache(tmp_path)
    with pytest.raises(KeyboardInterrupt):
        cache.put("ab12", torch.ones(2, 2))
    assert cache.get("ab12") is None
    assert cache.written == 0


def test_a_disk_that_is_full_is_named(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    import torch

    def full(self: Path, target: Path) -> None:
        raise OSError(28, "No space left on device")

    monkeypatch.setattr(Path, "replace", full)
    with pytest.raises(StorageError, match="No space left on device") as error:
        SoundCache(tmp_path).put("ab12", torch.ones(2, 2))
    assert str(tmp_path) in str(error.value)
    assert list(tmp_path.rglob("*.partial")) == []


def test_a_folder_that_cannot_be_made(tmp_path: Path) -> None:
    (tmp_path / "file").write_text("")
    with pytest.raises(StorageError, match="the cache of sounds cannot be written"):
        SoundCache(tmp_path / "file" / "kept")


def test_an_encoder_is_its_weights() -> None:
    import torch

    def layer(seed: int) -> Any:
        torch.manual_seed(seed)
        return torch.nn.Linear(3, 2)

    tower = layer(1)
    identity = EncoderIdentity(tower)
    first = identity({"trim": True})
    assert identity({"trim": True}) == first == EncoderIdentity(layer(1))({"trim": True})
    assert identity({"trim": False}) != first
    assert EncoderIdentity(layer(2))({"trim": True}) != first
    assert EncoderIdentity(layer(1).double())({"trim": True}) != first
    with torch.no_grad():
        tower.weight[0, 0] += 1
    changed = identity({"trim": True})
    assert changed != first
    tower.load_state_dict(layer(1).state_dict())
    assert identity({"trim": True}) == first


def test_weights_are_read_once_while_they_stay(monkeypatch: pytest.MonkeyPatch) -> None:
    import torch

    from equivoice.models.hearing import sound_cache

    hashed: list[int] = []
    real = sound_cache._hash
    monkeypatch.setattr(sound_cache, "_hash", lambda given: hashed.append(1) or real(given))
    tower = torch.nn.Linear(3, 2)
    identity = EncoderIdentity(tower)
    for _ in range(3):
        identity({})
    assert hashed == [1]
    with torch.no_grad():
        tower.bias.add_(1)
    identity({})
    assert hashed == [1, 1]


@pytest.fixture(scope="module")
def backend(tiny_models: TinyModels) -> Any:
    return load_model("qwen2-audio", model=str(tiny_models("qwen2_audio")))


def test_a_clip_that_comes_twice_is_heard_once(backend: Any, tmp_path: Path) -> None:
    import torch

    asked = ask(write(tmp_path / "a.wav", buzz(130, 0.8)))
    lessons = [Lesson(asked, "Sad"), Lesson(asked, "Angry"), Lesson(asked, "Sad")]
    with torch.no_grad():
        plain = backend.answer_losses(lessons).nll
        before = backend.encoder_passes
        backend.keep_sounds(SoundCache(tmp_path / "kept"))
        kept = backend.answer_losses(lessons).nll
        assert backend.encoder_passes == before + 1
        assert backend.describe()["sounds_kept"]["written"] == 1
        backend.keep_sounds(None)
    assert backend.describe()["sounds_kept"] is None
    torch.testing.assert_close(kept, plain, atol=1e-5, rtol=0)


def test_what_is_kept_does_not_depend_on_the_batch(backend: Any, tmp_path: Path) -> None:
    """To the bit, so that a training that is cut off and goes on meets the same numbers."""
    sounds = [
        write(tmp_path / f"{at}.wav", buzz(*each))
        for at, each in enumerate([(110, 0.9), (140, 0.8)])
    ]
    lessons = [Lesson(ask(path), "Sad") for path in sounds]
    together, alone = tmp_path / "together", tmp_path / "alone"
    backend.keep_sounds(SoundCache(together))
    backend.answer_losses(lessons)
    backend.keep_sounds(SoundCache(alone))
    for lesson in reversed(lessons):
        backend.answer_losses([lesson])
    backend.keep_sounds(None)
    names = sorted(path.relative_to(alone) for path in alone.rglob("*.safetensors"))
    assert len(names) == 2
    assert all((alone / name).read_bytes() == (together / name).read_bytes() for name in names)


def test_an_encoder_in_training_mode_keeps_what_it_says_at_rest(
    backend: Any, tmp_path: Path
) -> None:
    """Whatever mode the caller has put the whole model in."""
    import torch

    lesson = Lesson(ask(write(tmp_path / "a.wav", buzz(130, 0.8))), "Sad")
    rates = [(module, module.dropout) for module in backend.tower.modules() if _drops(module)]
    with torch.no_grad():
        plain = backend.answer_losses([lesson]).nll
        for module, _ in rates:
            module.dropout = 0.5
        backend.model.train()
        backend.keep_sounds(SoundCache(tmp_path / "kept"))
        kept = backend.answer_losses([lesson]).nll
        backend.keep_sounds(None)
        backend.model.eval()
        for module, rate in rates:
            module.dropout = rate
    assert rates
    torch.testing.assert_close(kept, plain, atol=1e-5, rtol=0)


def _drops(module: Any) -> bool:
    return isinstance(getattr(module, "dropout", None), float)
