// Learning curves of the schedule and of the baseline: the mean over seeds, and where 80 % of the runs lie.

class CurvesPicture extends Picture {
  constructor() {
    super("Learning curves", 240, "curves");
    this.series = null;
  }

  show(series) {
    this.series = series;
    this.redraw();
  }

  draw(width) {
    if (!this.series) return;
    const frame = {left: 46, right: width - 12, top: 14, bottom: this.height - 38};
    const roles = ["baseline", "chosen"].filter(role => this.series[role]);
    // The first epochs of a diverging run would squeeze all others, so the scale ends at the band of most.
    const values = roles.flatMap(role => [...this.series[role].low, ...this.series[role].high]).filter(value => value !== null);
    if (!values.length) {
      this.svg.replaceChildren(el("text", {class: "empty", x: width / 2, y: this.height / 2, "text-anchor": "middle"}, "Every run diverged."));
      return;
    }
    const sorted = [...values].sort((a, b) => a - b);
    const at = share => sorted[Math.min(sorted.length - 1, Math.floor(share * sorted.length))];
    let low = sorted[0], high = sorted[sorted.length - 1];
    const inner = at(0.97) - at(0.03) || 1;
    low = Math.max(low, at(0.03) - inner);
    high = Math.min(high, at(0.97) + inner);
    const pad = 0.05 * (high - low) || 0.5;
    const epochs = this.series.chosen.mean.length;
    const x = linearScale(1, Math.max(2, epochs), frame.left, frame.right);
    const y = linearScale(low - pad, high + pad, frame.bottom, frame.top);
    const points = values => values.map((value, n) => value === null ? null : [x(n + 1), y(Math.min(Math.max(value, low - pad), high + pad))]);
    const area = ({low, high}) => {
      const up = points(high), down = points(low);
      const inside = up.map((point, n) => point && down[n] ? n : null).filter(n => n !== null);
      return inside.length < 2 ? "" : line([...inside.map(n => up[n]), ...inside.reverse().map(n => down[n])]) + "Z";
    };
    this.svg.replaceChildren(
      axes(frame, x, y, {xTicks: steps(0, epochs, 5).map(tick => Math.max(1, tick)), yTicks: steps(y.low, y.high, 4), xLabel: "epoch"}),
      ...roles.map(role => el("path", {class: `band ${role}`, d: area(this.series[role])})),
      ...roles.map(role => el("path", {class: `curve ${role}`, d: line(points(this.series[role].mean))})),
    );
  }
}
