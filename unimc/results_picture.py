"""Models among published ones: accuracy against parameters, as a picture."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from io import BytesIO
from typing import Any

from unimc import sizes
from unimc.results_files import Model
from unimc.results_tables import chance_of, keys, mean_of

_GREY, _INK, _OURS = "#9a9a9a", "#5f5f5f", "#c1121f"


@dataclass(frozen=True, slots=True)
class Point:
    """A model in the picture.

    Attributes:
        name: beside it.
        parameters: where it stands, from left to right.
        mean: where it stands, from below, in per cent.
        half: half of the interval of the mean, or the standard deviation over trainings; 0 if there is neither.
        own: whether it is one of ours.
    """

    name: str
    parameters: float
    mean: float
    half: float = 0.0
    own: bool = False


def points(models: Sequence[Model], suite: Mapping[str, Any]) -> list[Point]:
    """Those whose parameters are known and that answered every task of the suite; published ones zero-shot only."""
    found = []
    for entry in suite["published"]:
        size, figures = sizes.parsed(entry["parameters"]), entry["figures"]
        if size is None or "few-shot" in entry["setting"] or figures.keys() != suite["tasks"].keys():
            continue
        found.append(Point(str(entry["model"]), size, sum(figures.values()) / len(figures)))
    for number, model in enumerate(models, 1):
        value = mean_of(model, keys(suite).values())
        if model.parameters is None or value.mean is None:
            continue
        half = value.deviation or 0.0
        if value.deviation is None and value.low is not None and value.high is not None:
            half = (value.high - value.low) / 2
        # Fonts with Chinese are not everywhere: such a name stands in the tables alone.
        name = model.name if model.name.isascii() else f"model {number}"
        entries = [entry for key in keys(suite).values() for entry in model.headlines(key)]
        if any((entry.task.get("seen") or {}).get("status") == "seen" for entry in entries):
            name += " (not zero-shot)"
        found.append(Point(name, model.parameters, 100 * value.mean, 100 * half, own=True))
    return found


def drawn(models: Sequence[Model], suite: Mapping[str, Any]) -> bytes | None:
    """A PNG, which needs matplotlib; None if there is nothing to compare."""
    found = points(models, suite)
    if len({point.own for point in found}) < 2:
        return None
    return _png(found, suite, chance_of(models, keys(suite).values()))


def _png(found: Sequence[Point], suite: Mapping[str, Any], chance: float | None) -> bytes:
    from matplotlib.backends.backend_agg import FigureCanvasAgg
    from matplotlib.figure import Figure
    from matplotlib.ticker import FuncFormatter, LogLocator

    figure = Figure(figsize=(10, 6.5), dpi=130, layout="constrained")
    canvas: Any = FigureCanvasAgg(figure)
    axes = figure.subplots()
    axes.set_xscale("log")
    axes.grid(color="#e8e8e8", linewidth=0.8)
    axes.set_axisbelow(True)
    others, own = ([point for point in found if point.own is ours] for ours in (False, True))
    axes.scatter([one.parameters for one in others], [one.mean for one in others], s=26, color=_GREY, label="published")
    axes.errorbar(
        [one.parameters for one in own],
        [one.mean for one in own],
        yerr=[one.half for one in own],
        fmt="*",
        markersize=15,
        color=_OURS,
        capsize=3,
        label="these models",
        zorder=4,
    )
    axes.set_xlim(min(one.parameters for one in found) / 1.8, max(one.parameters for one in found) * 2.2)
    low = min(one.mean for one in found) if chance is None else min(chance, *(one.mean for one in found))
    axes.set_ylim(max(0.0, low - 5), min(100.0, max(one.mean for one in found) + 6))
    if chance is not None:
        axes.axhline(chance, color=_GREY, linestyle="--", linewidth=1, label="guessing")
    axes.xaxis.set_major_locator(LogLocator(base=10, subs=(1.0, 2.0, 5.0)))
    axes.xaxis.set_major_formatter(FuncFormatter(lambda value, _: sizes.short(value)))
    axes.xaxis.set_minor_locator(LogLocator(base=10, subs=()))
    axes.set_xlabel("parameters")
    axes.set_ylabel(f"mean accuracy over {len(suite['tasks'])} tasks, per cent")
    axes.set_title(f"{suite['title']}, zero-shot", loc="left")
    axes.legend(loc="upper left", frameon=False, markerscale=0.8)
    canvas.draw()  # fixes the axes' place, which the labels are laid out in
    figure.set_layout_engine("none")
    _label(axes, canvas.get_renderer(), [*own, *others])
    content = BytesIO()
    figure.savefig(content, format="png", metadata={"Software": None})
    return content.getvalue()


def _label(axes: Any, renderer: Any, found: Sequence[Point]) -> None:
    """Puts each name where it covers no other name and no point, near its point; a thin line leads to a far one."""
    from matplotlib.transforms import Bbox

    taken = []
    for point in found:
        x, y = axes.transData.transform((point.parameters, point.mean))
        half = 12 if point.own else 5
        taken.append(Bbox.from_extents(x - half, y - half, x + half, y + half))
    taken.append(axes.get_legend().get_window_extent(renderer))
    frame = axes.get_window_extent(renderer)
    for point in found:
        x, y = axes.transData.transform((point.parameters, point.mean))
        style = (
            {"color": _OURS, "fontsize": 10, "fontweight": "bold"} if point.own else {"color": _INK, "fontsize": 7.5}
        )
        text = axes.text(0, 0, point.name, transform=None, va="center", parse_math=False, **style)
        size = text.get_window_extent(renderer)
        best = None
        for distance, left, below in _places(size.width, size.height, 14 if point.own else 8):
            box = Bbox.from_bounds(x + left, y + below, size.width, size.height)
            covered = sum(_common(box, other) for other in taken)
            outside = size.width * size.height - _common(box, frame)
            if best is None or covered + outside < best[0] - 1e-9:
                best = (covered + outside, distance, box)
            if covered + outside == 0:
                break
        _, distance, box = best or (0.0, 0.0, size)
        text.set_position((box.x0, (box.y0 + box.y1) / 2))
        taken.append(box)
        if distance > 16:
            inverse = axes.transData.inverted()
            near = (min(max(x, box.x0), box.x1), min(max(y, box.y0), box.y1))
            (x0, y0), (x1, y1) = inverse.transform((x, y)), inverse.transform(near)
            axes.plot([x0, x1], [y0, y1], color="#c8c8c8", linewidth=0.6, zorder=1)


def _places(width: float, height: float, gap: float) -> Iterator[tuple[float, float, float]]:
    """Distance, and the text's lower left corner from the point, the nearest places first: right, left, over, under."""
    for ring in range(14):
        away = gap + ring * height * 0.55
        for left, below in (
            (gap, -height / 2 + ring * height * 0.55),
            (gap, -height / 2 - ring * height * 0.55),
            (-width - gap, -height / 2 + ring * height * 0.55),
            (-width - gap, -height / 2 - ring * height * 0.55),
            (-width / 2, away),
            (-width / 2, -away - height),
            (away, -height / 2),
            (-width - away, -height / 2),
        ):
            yield away, left, below


def _common(one: Any, other: Any) -> float:
    """The area that two boxes share."""
    width = min(one.x1, other.x1) - max(one.x0, other.x0)
    height = min(one.y1, other.y1) - max(one.y0, other.y0)
    return float(width * height) if width > 0 and height > 0 else 0.0
