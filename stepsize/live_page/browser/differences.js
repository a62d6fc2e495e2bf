// The paired differences, one dot for each seed, and their mean with its interval against the margin.

class DifferencesPicture extends Picture {
  constructor() {
    super("Schedule minus baseline, seed by seed", 128, "differences");
    this.score = null;
  }

  show(score) {
    this.score = score;
    this.redraw();
  }

  draw(width) {
    const score = this.score;
    const known = (score?.pairs ?? []).filter(value => value !== null);
    if (!known.length) {
      this.svg.replaceChildren();
      return;
    }
    const frame = {left: 10, right: width - 10, top: 8, bottom: this.height - 36};
    const ends = [...known, ...(score.ci95 ?? []), score.margin, -score.margin];
    const pad = 0.04 * (Math.max(...ends) - Math.min(...ends));
    const x = linearScale(Math.min(...ends) - pad, Math.max(...ends) + pad, frame.left, frame.right);
    const columns = new Map();
    const middle = frame.bottom - 26;
    const dots = [...known].sort((a, b) => a - b).map(value => {
      const column = Math.round(x(value) / 7);
      const height = columns.get(column) ?? 0;
      columns.set(column, height + 1);
      return [x(value), height];
    });
    const tallest = Math.max(...columns.values());
    const step = Math.min(7, (middle - frame.top - 8) / Math.max(1, tallest));
    const show = score.ci95 ?? [score.mean, score.mean];
    this.svg.replaceChildren(
      el("rect", {class: "margin", x: x(-score.margin), width: x(score.margin) - x(-score.margin), y: frame.top, height: frame.bottom - frame.top}),
      el("line", {class: "zero", x1: x(0), x2: x(0), y1: frame.top, y2: frame.bottom}),
      ...dots.map(([px, height]) => el("circle", {class: "seed", cx: px, cy: middle - 6 - height * step, r: Math.min(3, step / 2 + 0.6)})),
      el("line", {class: "interval", x1: x(show[0]), x2: x(show[1]), y1: frame.bottom - 13, y2: frame.bottom - 13}),
      el("path", {class: "mean", d: "M0 -6L6 0L0 6L-6 0Z", transform: `translate(${x(score.mean)} ${frame.bottom - 13})`}),
      ...steps(x.low, x.high, width < 420 ? 4 : 6).map(value =>
        el("text", {x: x(value), y: frame.bottom + 16, "text-anchor": "middle"}, (value > 0 ? "+" : "") + tick(value))),
      el("text", {x: frame.right, y: frame.bottom + 31, "text-anchor": "end"}, `${score.unit}, schedule minus baseline`),
    );
    set(this.svg, {"aria-label": `Schedule minus baseline, seed by seed: ${score.difference}`});
  }
}
