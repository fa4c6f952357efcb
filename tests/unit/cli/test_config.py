"""One model per verb: flags before overrides before the file; all mistakes at once."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path
from typing import Literal

import pytest
import typer
from pydantic import BaseModel
from typer.testing import CliRunner

from equivoice.cli.config import VerbConfig, argument, configured, option, resolve, verb_app
from equivoice.errors import ConfigError


class Features(BaseModel, extra="forbid"):
    rate: int = 16_000
    mel: int = 80


class Config(VerbConfig):
    source: Path = argument("where from")
    group: tuple[str, ...] = option("groups [of people]", default=())
    replicates: int = option("how many", default=100, ge=0)
    convention: Literal["ours", "theirs"] = option("rules", default="ours")
    dry_run: bool = option("only say", default=False)
    limit: int | None = option("at most", default=None, short="-n")
    features: Features = option("how sound is seen", default=Features())


class Runs(VerbConfig):
    runs: tuple[Path, ...] = argument("run folders", min_length=1)
    title: str = option("heading", default="")


def test_defaults_hold_where_nothing_is_given() -> None:
    config = resolve(Config, words=["in.csv"])
    assert config == Config(source=Path("in.csv"))
    assert config.features.rate == 16_000


def test_flags_go_before_overrides_and_overrides_before_the_file(tmp_path: Path) -> None:
    file = tmp_path / "c.yaml"
    file.write_text("source: f.csv\nreplicates: 1\nlimit: 1\ndry_run: true\n")
    config = resolve(
        Config, file=file, words=["replicates=2", "limit=2"], flags={"limit": "3", "group": []}
    )
    assert (config.source, config.replicates, config.limit) == (Path("f.csv"), 2, 3)
    assert config.dry_run


def test_dotted_override_reaches_into_a_section_and_leaves_its_other_keys(tmp_path: Path) -> None:
    file = tmp_path / "c.yaml"
    file.write_text("source: f.csv\nfeatures: {mel: 40}\n")
    config = resolve(Config, file=file, words=["features.rate=8000"])
    assert config.features == Features(rate=8000, mel=40)


def test_one_value_stands_for_a_list_of_one() -> None:
    assert resolve(Config, words=["x", "group=gender"]).group == ("gender",)
    many = resolve(Config, words=["x", "group=[gender, gender x age]"])
    assert many.group == ("gender", "gender x age")


def test_all_mistakes_are_reported_together_with_what_was_perhaps_meant() -> None:
    with pytest.raises(ConfigError) as caught:
        resolve(
            Config,
            words=["replcates=1", "replicates=-4", "convention=mine", "features.rat=1"],
            flags={"limit": "many"},
        )
    message = str(caught.value)
    assert message.startswith("6 problems")
    for part in (
        "source: needed",
        "replcates: unknown key; did you mean 'replicates'?",
        "replicates: input should be greater than or equal to 0, not -4",
        "convention: input should be 'ours' or 'theirs', not 'mine'",
        "features.rat: unknown key; did you mean 'rate'?",
        "limit: input should be a valid integer, not 'many'",
    ):
        assert part in message


def test_an_unknown_key_that_resembles_nothing_gets_the_list() -> None:
    with pytest.raises(ConfigError, match="qqq: unknown key; known keys: source, group"):
        resolve(Config, words=["x", "qqq=1"])


def test_a_path_with_an_equals_sign_that_exists_is_a_path(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    Path("limit=3").touch()
    config = resolve(Config, words=["limit=3"])
    assert config.source == Path("limit=3")
    assert config.limit is None


@pytest.mark.parametrize("word", ["S1=a.csv", "S1=runs/vote", "S1=runs/vote#acoustic"])
def test_a_name_before_a_path_that_exists_belongs_to_the_argument(
    word: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """``equivoice ensemble S1=a.csv`` took the member for an option."""
    monkeypatch.chdir(tmp_path)
    Path("a.csv").touch()
    Path("runs/vote").mkdir(parents=True)
    assert resolve(Runs, words=[word, "title=T"]) == Runs(runs=(Path(word),), title="T")


@pytest.mark.parametrize(
    ("word", "says"),
    [
        ("S1=nowhere.csv", "S1: unknown key"),
        ("S1=#acoustic", "S1: unknown key"),
        ("S1=", "S1: unknown key"),
    ],
)
def test_a_name_before_nothing_that_exists_is_an_unknown_option(
    word: str, says: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    with pytest.raises(ConfigError, match=says):
        resolve(Runs, words=["a", word])


def test_an_option_that_is_given_a_path_stays_an_option(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    Path("T").touch()
    Path("48").touch()
    assert resolve(Runs, words=["a", "title=T"]) == Runs(runs=(Path("a"),), title="T")
    assert resolve(Config, words=["x", "features.mel=48"]).features.mel == 48


def test_a_list_argument_takes_all_positions_and_overrides_may_stand_between() -> None:
    assert resolve(Runs, words=["a", "title=T", "b"]) == Runs(
        runs=(Path("a"), Path("b")), title="T"
    )


def test_one_argument_too_many_is_named() -> None:
    with pytest.raises(ConfigError, match="'b': one argument too many"):
        resolve(Config, words=["a", "b"])


@pytest.mark.parametrize(
    ("text", "says"),
    [
        ("- a\n- b\n", "key: value"),
        ("a: [", "not YAML"),
        ("\xe4: 1".encode("latin-1"), "not UTF-8"),
    ],
)
def test_a_bad_file_is_named(tmp_path: Path, text: str | bytes, says: str) -> None:
    file = tmp_path / "c.yaml"
    file.write_bytes(text if isinstance(text, bytes) else text.encode())
    with pytest.raises(ConfigError, match=says) as caught:
        resolve(Config, file=file)
    assert caught.value.file == str(file)


def test_a_file_never_makes_objects(tmp_path: Path) -> None:
    file = tmp_path / "c.yaml"
    file.write_text("source: !!python/object/apply:os.system ['true']\n")
    with pytest.raises(ConfigError, match="not YAML"):
        resolve(Config, file=file)


def test_a_missing_file_is_named(tmp_path: Path) -> None:
    with pytest.raises(ConfigError, match="the configuration cannot be read"):
        resolve(Config, file=tmp_path / "none.yaml")


def test_an_empty_file_sets_nothing(tmp_path: Path) -> None:
    file = tmp_path / "c.yaml"
    file.touch()
    assert resolve(Config, file=file, words=["x"]) == Config(source=Path("x"))


def test_an_override_of_something_that_is_no_section() -> None:
    with pytest.raises(ConfigError, match=r"limit\.x: limit is not a section"):
        resolve(Config, words=["a", "limit=1", "limit.x=2"])


class Systems(VerbConfig):
    options: dict[str, dict[str, float]] = option("options of systems", default={})


def test_a_version_in_a_system_s_name_is_no_border_of_a_section() -> None:
    config = resolve(Systems, words=["options.qwen2.5-omni.top=1", "options.v1.5.top=2"])
    assert config.options == {"qwen2.5-omni": {"top": 1.0}, "v1.5": {"top": 2.0}}


def test_an_override_that_is_no_yaml() -> None:
    with pytest.raises(ConfigError, match="put it in quotes"):
        resolve(Config, words=["a", "limit=["])


# ------------------------------------------------------------ the flags made of a model


@pytest.fixture
def made() -> tuple[typer.Typer, list[Config]]:
    app, seen = verb_app(), []

    @app.command()
    @configured(Config)
    def verb(config: Config) -> None:
        """Do [something].

        Example:
          equivoice verb in.csv
            --limit 3
        """
        seen.append(config)

    return app, seen


def test_flags_reach_the_verb(made: tuple[typer.Typer, list[Config]]) -> None:
    app, seen = made
    words = ["in.csv", "--group", "gender", "--group", "gender x age", "-n", "4", "--dry-run"]
    assert CliRunner().invoke(app, [*words, "features.mel=64"]).exit_code == 0
    assert seen == [
        Config(
            source=Path("in.csv"),
            group=("gender", "gender x age"),
            limit=4,
            dry_run=True,
            features=Features(mel=64),
        )
    ]


def test_a_flag_and_a_line_in_the_file_mean_the_same(
    made: tuple[typer.Typer, list[Config]], tmp_path: Path
) -> None:
    app, seen = made
    file = tmp_path / "c.yaml"
    file.write_text("source: in.csv\ngroup: [gender]\nconvention: theirs\nreplicates: 7\n")
    flags = ["in.csv", "--group", "gender", "--convention", "theirs", "--replicates", "7"]
    CliRunner().invoke(app, flags)
    CliRunner().invoke(app, ["--config", str(file)])
    assert seen[0] == seen[1]


def test_no_flag_switches_off_what_the_file_switched_on(
    made: tuple[typer.Typer, list[Config]], tmp_path: Path
) -> None:
    app, seen = made
    file = tmp_path / "c.yaml"
    file.write_text("source: in.csv\ndry_run: true\n")
    CliRunner().invoke(app, ["--config", str(file), "--no-dry-run"])
    assert not seen[0].dry_run


def test_help_states_each_option_and_keeps_brackets_and_the_example(
    made: tuple[typer.Typer, list[Config]],
) -> None:
    app, _ = made
    text = CliRunner().invoke(app, ["--help"], env={"COLUMNS": "120"}).output
    for part in (
        "Do [something].",
        "groups [of people]",
        "--no-dry-run",
        "ours|theirs",
        "(default: 100)",
        "where from (needed)",
        "--config",
    ):
        assert part in text
    example = [
        line.strip() for line in text.splitlines() if "in.csv" in line or "--limit 3" in line
    ]
    assert example == ["equivoice verb in.csv", "--limit 3"]
    assert "--features" not in text


def test_a_model_is_stated_once_and_frozen() -> None:
    with pytest.raises(ValueError, match="frozen"):
        resolve(Config, words=["x"]).limit = 3  # type: ignore[misc]


def test_yaml_is_all_that_a_configuration_needs() -> None:
    """The tool itself must not load tables or models."""
    code = (
        "import sys, equivoice.cli.config; "
        "print(sorted({'polars', 'numpy', 'torch'} & sys.modules.keys()))"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert done.stdout.strip() == "[]"
