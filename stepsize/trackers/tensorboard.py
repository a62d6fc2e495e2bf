"""TensorBoard: a folder per study, in it one per candidate, each with one file of events.

The name of the file has the digest of what is logged, so a file that is there already is not written again.
The files are written record by record: TensorBoard's own writer would load TensorFlow where it is installed.
"""

from __future__ import annotations

import hashlib
import re
import time
from collections.abc import Iterable, Iterator, Mapping
from importlib import import_module
from pathlib import Path
from typing import Any

from stepsize.trackers.study_log import CandidateLog, StudyLog, Value

ENDING = ".stepsize"  # of the files that may be replaced
LONGEST = 120  # characters of a folder's name
RESULT = ("mean", "difference", "p_holm")  # of the summary, in the table of candidates
WORDS = ("verdict", "in_best_set")  # likewise; TensorBoard takes them for settings


def write(study: StudyLog, place: str) -> bool:
    """Write a study below the folder `place`; return whether anything was missing."""
    folder = Path(place, folder_name(study.title))
    last = max((point.step for each in study.candidates for point in each.points[-1:]), default=0)
    parts = {folder: _study_events(study)}
    for each in study.candidates:
        parts[folder / folder_name(each.name)] = _candidate_events(study, each, last)
    return any([_write_events(path, study.digest, events) for path, events in parts.items()])


def folder_name(name: str) -> str:
    """Return a name that can be that of a folder; one that had to be changed gets a code of its own.

    >>> folder_name("cosine(0.1)"), folder_name("constant(1/3)")
    ('cosine(0.1)', 'constant(1_3) 97f125')
    """
    clean = re.sub(r"[/\\\x00-\x1f]", "_", name)[:LONGEST].strip(". ")
    return clean if clean == name else f"{clean} {hashlib.sha256(name.encode()).hexdigest()[:6]}"


def _write_events(folder: Path, digest: str, summaries: Iterable[tuple[int, Any]]) -> bool:
    """Write one file of events unless it is there; remove the one that it replaces."""
    writer: Any = import_module("tensorboard.summary.writer.record_writer")
    event_pb2: Any = import_module("tensorboard.compat.proto.event_pb2")
    path = folder / f"events.out.tfevents.{digest}{ENDING}"
    if path.exists():
        return False
    folder.mkdir(parents=True, exist_ok=True)
    earlier = list(folder.glob(f"events.out.tfevents.*{ENDING}"))
    now, part = time.time(), folder / f".{digest}.part"
    with part.open("wb") as file:
        records = writer.RecordWriter(file)
        records.write(event_pb2.Event(wall_time=now, file_version="brain.Event:2").SerializeToString())
        for step, value in summaries:
            event = event_pb2.Event(wall_time=now, step=step)
            event.summary.value.append(value)
            records.write(event.SerializeToString())
    part.replace(path)
    for each in earlier:
        each.unlink()
    return True


def _study_events(study: StudyLog) -> Iterator[tuple[int, Any]]:
    notes = "".join(f"* {_escaped(note)}\n" for note in study.notes)
    config = "".join(f"* {name}: {_escaped(str(value))}\n" for name, value in study.config.items())
    yield (
        0,
        _text("study", f"{_escaped(study.sentence)}\n\n{notes}\n\n**What all candidates share**\n\n{config}"),
    )
    yield 0, _text("seeds", f"```\n{study.csv}```")
    yield 0, _layout(study)
    yield 0, _columns(study)


def _candidate_events(study: StudyLog, each: CandidateLog, last: int) -> Iterator[tuple[int, Any]]:
    yield 0, _settings(each, _parameters(study, each))
    for point in each.points:
        for tag, value in point.values.items():
            yield point.step, _scalar(tag, value)
    for name, value in each.summary.items():
        if not isinstance(value, str):
            yield last, _scalar(f"result/{name}", value)
    yield last, _end()


def _scalar(tag: str, value: float) -> Any:
    summary_pb2: Any = import_module("tensorboard.compat.proto.summary_pb2")
    return summary_pb2.Summary.Value(tag=tag, simple_value=value)


def _text(tag: str, text: str) -> Any:
    metadata: Any = import_module("tensorboard.plugins.text.metadata")
    return _string(tag, text.encode(), metadata.create_summary_metadata(tag, ""))


def _string(tag: str, content: bytes, metadata: Any) -> Any:
    summary_pb2: Any = import_module("tensorboard.compat.proto.summary_pb2")
    tensor_pb2: Any = import_module("tensorboard.compat.proto.tensor_pb2")
    types_pb2: Any = import_module("tensorboard.compat.proto.types_pb2")
    tensor = tensor_pb2.TensorProto(dtype=types_pb2.DT_STRING, string_val=[content])
    tensor.tensor_shape.SetInParent()  # a scalar
    return summary_pb2.Summary.Value(tag=tag, tensor=tensor, metadata=metadata)


def _escaped(text: str) -> str:
    """Return text as Markdown that shows it as it is.

    >>> print(_escaped("multistep(0.1, at=[0.5*run])"))
    multistep(0.1, at=\\[0.5\\*run\\])
    """
    return re.sub(r"([\\`*_\[\]|<>])", r"\\\1", text)


def _layout(study: StudyLog) -> Any:
    """Return the page "Custom scalars": the mean of each quantity with its band."""
    metadata: Any = import_module("tensorboard.plugins.custom_scalar.metadata")
    layout_pb2: Any = import_module("tensorboard.plugins.custom_scalar.layout_pb2")
    margin = layout_pb2.MarginChartContent
    charts = []
    for name in reversed(study.series):  # TensorBoard shows the last chart first
        band = margin.Series(value=f"{name}/mean", lower=f"{name}/low", upper=f"{name}/high")
        charts.append(
            layout_pb2.Chart(title=f"{name}: mean, middle 80 % of runs", margin=margin(series=[band]))
        )
    category = layout_pb2.Category(title=study.name, chart=charts)
    content = layout_pb2.Layout(category=[category]).SerializeToString()
    return _string(metadata.CONFIG_SUMMARY_TAG, content, metadata.create_summary_metadata())


def _columns(study: StudyLog) -> Any:
    """Return the columns of the page "HParams"."""
    api_pb2: Any = import_module("tensorboard.plugins.hparams.api_pb2")
    values = {name: value for each in study.candidates for name, value in _parameters(study, each).items()}
    columns = [api_pb2.HParamInfo(name=name, type=_kind(value)) for name, value in values.items()]
    results = [
        api_pb2.MetricInfo(name=api_pb2.MetricName(tag=f"result/{name}"), display_name=name.replace("_", " "))
        for name in RESULT
    ]
    experiment = api_pb2.Experiment(name=study.title, hparam_infos=columns, metric_infos=results)
    return _hparams("experiment", experiment)


def _parameters(study: StudyLog, each: CandidateLog) -> dict[str, Value]:
    """Return the settings that tell candidates apart, and the words of the answer."""
    differ = [
        name
        for name, value in each.config.items()
        if name == "schedule" or any(other.config.get(name) != value for other in study.candidates)
    ]
    words = {
        name for other in study.candidates for name, value in other.config.items() if isinstance(value, str)
    }
    chosen = {name: str(each.config[name]) if name in words else each.config[name] for name in differ}
    return {**chosen, **{name: each.summary[name] for name in WORDS}}


def _kind(value: Value) -> Any:
    api_pb2: Any = import_module("tensorboard.plugins.hparams.api_pb2")
    if isinstance(value, bool):
        return api_pb2.DATA_TYPE_BOOL
    return api_pb2.DATA_TYPE_STRING if isinstance(value, str) else api_pb2.DATA_TYPE_FLOAT64


def _settings(each: CandidateLog, parameters: Mapping[str, Value]) -> Any:
    plugin_data_pb2: Any = import_module("tensorboard.plugins.hparams.plugin_data_pb2")
    start = plugin_data_pb2.SessionStartInfo(group_name=each.name)
    for name, value in parameters.items():
        if isinstance(value, bool):
            start.hparams[name].bool_value = value
        elif isinstance(value, str):
            start.hparams[name].string_value = value
        else:
            start.hparams[name].number_value = value
    return _hparams("session_start_info", start)


def _end() -> Any:
    api_pb2: Any = import_module("tensorboard.plugins.hparams.api_pb2")
    plugin_data_pb2: Any = import_module("tensorboard.plugins.hparams.plugin_data_pb2")
    end = plugin_data_pb2.SessionEndInfo(status=api_pb2.STATUS_SUCCESS)
    return _hparams("session_end_info", end)


def _hparams(name: str, content: Any) -> Any:
    summary_pb2: Any = import_module("tensorboard.compat.proto.summary_pb2")
    plugin_data_pb2: Any = import_module("tensorboard.plugins.hparams.plugin_data_pb2")
    metadata: Any = import_module("tensorboard.plugins.hparams.metadata")
    about = metadata.create_summary_metadata(plugin_data_pb2.HParamsPluginData(**{name: content}))
    return summary_pb2.Summary.Value(tag=f"_hparams_/{name}", metadata=about, tensor=metadata.NULL_TENSOR)
