// The map of constant rates, with a zone for every word; the marker on it is the peak of the schedule.

class MapPicture extends Picture {
  constructor({onDrag, onDrop}) {
    super("Score of every constant learning rate", 220, "map");
    set(this.svg, {role: "group"});
    Object.assign(this, {onDrag, onDrop, map: null, shape: null, baseline: null, held: null});
    this.back = el("g");
    this.marker = el("g", {class: "handle map-marker"}, el("line", {class: "guide"}), el("circle", {class: "reach", r: 16}),
      el("path", {class: "grip", d: "M0 -9L7 1V8H-7V1Z"}), el("text", {class: "label"}));
    this.svg.append(this.back, this.marker);
    for (const kind of ["pointerdown", "pointermove", "pointerup", "pointercancel"]) {
      this.marker.addEventListener(kind, event => this.pull(kind, event));
    }
    this.marker.addEventListener("keydown", event => {
      const value = this.handle && valueAfter(this.handle, event);
      if (value === null || value === undefined) return;
      event.preventDefault();
      this.onDrag(this.handle, value);
    });
    this.marker.addEventListener("keyup", () => this.onDrop());
  }

  show(map, shape, baseline) {
    Object.assign(this, {map, shape, baseline});
    this.redraw();
  }

  // The handle that holds the highest rate of the schedule.
  get handle() {
    const rates = (this.shape?.handles ?? []).filter(handle => handle.axis === "rate" && handle.is_log && handle.value > 0);
    return rates.reduce((best, each) => !best || each.slope * each.value > best.slope * best.value ? each : best, null);
  }

  draw(width) {
    if (!this.map || !this.shape) return;
    const points = this.map.points, known = points.filter(point => point.mean !== null);
    const frame = {left: 46, right: width - 12, top: 26, bottom: this.height - 46};
    if (!known.length) {
      this.back.replaceChildren(el("text", {class: "empty", x: width / 2, y: this.height / 2, "text-anchor": "middle"}, "No rate finished a run."));
      return;
    }
    const ends = known.flatMap(point => [point.mean, ...(point.ci95 ?? [])]);
    const pad = 0.06 * (Math.max(...ends) - Math.min(...ends)) || 1;
    const x = logScale(points[0].rate / 1.3, points[points.length - 1].rate * 1.3, frame.left, frame.right);
    const y = linearScale(Math.min(...ends) - pad, Math.max(...ends) + pad, frame.bottom, frame.top);
    Object.assign(this, {x, frame});
    const edges = points.map((point, n) => n ? x(Math.sqrt(point.rate * points[n - 1].rate)) : frame.left).concat(frame.right);
    const zones = [];
    points.forEach((point, n) => {
      const last = zones[zones.length - 1];
      if (last?.word === point.word) last.right = edges[n + 1];
      else zones.push({word: point.word, zone: point.zone, left: edges[n], right: edges[n + 1]});
    });
    this.back.replaceChildren(
      ...zones.map(zone => el("rect", {class: `zone ${zone.zone}`, x: zone.left, width: zone.right - zone.left, y: frame.top, height: frame.bottom - frame.top})),
      axes(frame, x, y, {xTicks: decades(x.low, x.high), yTicks: steps(y.low, y.high, 4), drop: 25, xLabel: "constant learning rate"}),
      ...zones.filter(zone => zone.right - zone.left > 7 * zone.word.length).map(zone =>
        el("text", {class: `zone-name ${zone.zone}`, x: (zone.left + zone.right) / 2, y: frame.top - 8, "text-anchor": "middle"}, zone.word)),
      el("path", {class: "map-line", d: line(known.map(point => [x(point.rate), y(point.mean)]))}),
      ...known.map(point => el("line", {class: "map-interval", x1: x(point.rate), x2: x(point.rate), y1: y((point.ci95 ?? [point.mean])[0]), y2: y((point.ci95 ?? [0, point.mean])[1])})),
      ...known.map(point => el("circle", {class: "map-dot", cx: x(point.rate), cy: y(point.mean), r: 2.6}, el("title", {}, point.label))),
      this.baseline ? el("line", {class: "map-baseline", x1: this.at(this.baseline.peak), x2: this.at(this.baseline.peak), y1: frame.top, y2: frame.bottom}) : "",
    );
    this.place();
  }

  at(rate) { return Math.min(Math.max(this.x(rate), this.frame.left), this.frame.right); }

  place() {
    const handle = this.handle;
    set(this.marker, {hidden: handle ? null : "", display: handle ? null : "none"});
    if (!handle) return;
    const px = this.at(handle.slope * handle.value), {top, bottom, left, right} = this.frame;
    set(this.marker, {...sliderAttributes(handle, `${handle.name} on the map of rates`), transform: `translate(${px.toFixed(1)} ${bottom})`});
    const [guide, , , label] = this.marker.children;
    set(guide, {x1: 0, x2: 0, y1: top - bottom, y2: 0});
    const isRight = px > (left + right) / 2;
    set(label, {x: isRight ? -12 : 12, y: -14, "text-anchor": isRight ? "end" : "start"});
    label.textContent = `${handle.name} ${handle.text}`;
  }

  pull(kind, event) {
    if (kind === "pointerdown" && event.button === 0) {
      event.preventDefault();
      this.marker.setPointerCapture(event.pointerId);
      this.marker.focus({preventScroll: true});
      this.held = this.handle;
      this.marker.classList.add("held");
    } else if (kind === "pointermove" && this.held) {
      const box = this.svg.getBoundingClientRect();
      const rate = this.x.invert((event.clientX - box.left) * this.width / box.width);
      this.onDrag(this.held, rate / this.held.slope);
    } else if (kind !== "pointermove" && this.held) {
      this.held = null;
      this.marker.classList.remove("held");
      this.onDrop();
    }
  }
}
