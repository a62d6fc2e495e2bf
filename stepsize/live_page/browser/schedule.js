// The schedule as a curve with handles. Each handle is a field of the spec and a slider with arrow keys.

const DRAWN = {left: 58, right: 16, top: 26, bottom: 46};
const FACTOR = 10 ** (1 / 20), LARGE_FACTOR = 10 ** (1 / 4);

// Return the value that a key moves a handle to, or null for other keys.
function valueAfter(handle, event) {
  const far = event.shiftKey || event.key.startsWith("Page");
  const up = {ArrowUp: 1, ArrowRight: 1, PageUp: 1, ArrowDown: -1, ArrowLeft: -1, PageDown: -1}[event.key];
  if (event.key === "Home") return handle.low;
  if (event.key === "End") return handle.high;
  if (!up) return null;
  const way = handle.axis === "time" && handle.slope < 0 && event.key.startsWith("Arrow") && /Left|Right/.test(event.key) ? -up : up;
  if (handle.is_log) return handle.value * (far ? LARGE_FACTOR : FACTOR) ** way;
  return handle.value + way * handle.step * (far ? 5 : 1);
}

// What a screen reader says of a handle.
function sliderAttributes(handle, label = `${handle.name} of ${handle.piece}`) {
  return {
    role: "slider", tabindex: 0, "aria-label": label, "aria-valuemin": handle.low, "aria-valuemax": handle.high,
    "aria-valuenow": handle.value, "aria-valuetext": handle.text, "data-path": handle.path,
  };
}

class SchedulePicture extends Picture {
  constructor({onDrag, onDrop, onStroke}) {
    super("Learning rate by epoch", 330, "schedule");
    set(this.svg, {role: "group"});
    Object.assign(this, {onDrag, onDrop, onStroke, shape: null, baseline: null, nodes: new Map(), top: null, held: null, drawing: null});
    this.layers = Object.fromEntries(["back", "curves", "handles"].map(name => [name, el("g")]));
    this.svg.append(...Object.values(this.layers));
    for (const kind of ["pointerdown", "pointermove", "pointerup", "pointercancel"]) {
      this.svg.addEventListener(kind, event => this.stroke(kind, event));
    }
  }

  show(shape, baseline) {
    Object.assign(this, {shape, baseline});
    this.redraw();
  }

  draw(width) {
    if (!this.shape) return;
    const frame = {left: DRAWN.left, right: width - DRAWN.right, top: DRAWN.top, bottom: this.height - DRAWN.bottom};
    const peak = Math.max(this.shape.peak, this.baseline?.peak ?? 0) || 1;
    if (!this.held && !this.drawing || !this.top || peak > this.top) this.top = peak * 1.3;
    const x = linearScale(0, this.shape.epochs, frame.left, frame.right);
    const y = linearScale(0, this.top, frame.bottom, frame.top);
    Object.assign(this, {x, y, frame});
    this.layers.back.replaceChildren(axes(frame, x, y, {
      xTicks: steps(0, this.shape.epochs, width < 420 ? 4 : 6), yTicks: steps(0, this.top, 5), xLabel: "epoch", yLabel: "learning rate", gap: 13, drop: 25,
    }));
    const curve = each => line(each.curve.epoch.map((epoch, n) => [x(epoch), y(each.curve.rate[n])]));
    this.layers.curves.replaceChildren(
      this.baseline ? el("path", {class: "curve baseline", d: curve(this.baseline)}) : "",
      el("path", {class: "curve chosen", d: curve(this.shape)}),
      this.drawing?.length ? el("path", {class: "stroke", d: line(this.drawing)}) : "",
    );
    this.placeHandles();
  }

  placeHandles() {
    const onCurve = this.shape.handles.filter(handle => handle.axis);
    const paths = new Set(onCurve.map(handle => handle.path));
    for (const [path, node] of this.nodes) if (!paths.has(path)) { node.remove(); this.nodes.delete(path); }
    for (const handle of onCurve) {
      if (!this.nodes.has(handle.path)) this.nodes.set(handle.path, this.newHandle(handle));
      this.place(this.nodes.get(handle.path), handle);
    }
    // In the order of the spec, so that the tab key goes through them in that order; moving a node would end a drag.
    const order = onCurve.map(handle => this.nodes.get(handle.path));
    if (!this.held && order.some((node, n) => this.layers.handles.children[n] !== node)) {
      const focused = document.activeElement;
      this.layers.handles.replaceChildren(...order);
      if (order.includes(focused)) focused.focus({preventScroll: true});
    }
  }

  newHandle(handle) {
    const node = el("g", {class: `handle ${handle.axis}`},
      el("line", {class: "guide"}), el("circle", {class: "reach", r: 16}),
      handle.axis === "rate" ? el("circle", {class: "grip", r: 6.5}) : el("path", {class: "grip", d: "M0 -9L7 1V8H-7V1Z"}),
      el("text", {class: "label"}));
    for (const kind of ["pointerdown", "pointermove", "pointerup", "pointercancel"]) {
      node.addEventListener(kind, event => this.pull(kind, node, event));
    }
    node.addEventListener("keydown", event => {
      const value = valueAfter(node.handle, event);
      if (value === null) return;
      event.preventDefault();
      this.onDrag(node.handle, value);
    });
    node.addEventListener("keyup", () => this.onDrop());
    return node;
  }

  place(node, handle) {
    node.handle = handle;
    const {x, y, frame} = this;
    const clamp = (value, low, high) => Math.min(Math.max(value, low), high);
    const isRate = handle.axis === "rate";
    const px = clamp(x(isRate ? handle.epoch : handle.origin + handle.slope * handle.value), frame.left, frame.right);
    const py = isRate ? clamp(y(handle.slope * handle.value), frame.top, frame.bottom) : frame.bottom;
    set(node, {...sliderAttributes(handle), transform: `translate(${px.toFixed(1)} ${py.toFixed(1)})`});
    const [guide, , , label] = node.children;
    set(guide, isRate ? {x1: -14, x2: 14, y1: 0, y2: 0} : {x1: 0, x2: 0, y1: frame.top - frame.bottom, y2: 0});
    const left = px > (frame.left + frame.right) / 2;
    set(label, {x: left ? -12 : 12, y: isRate ? -11 : -14, "text-anchor": left ? "end" : "start"});
    label.textContent = `${handle.name} ${handle.text}`;
  }

  pull(kind, node, event) {
    if (this.isStroke) return;
    if (kind === "pointerdown" && event.button === 0) {
      event.preventDefault();
      node.setPointerCapture(event.pointerId);
      node.focus({preventScroll: true});
      const [px, py] = this.at(event);
      const handle = node.handle;
      const now = handle.axis === "rate" ? this.y(handle.slope * handle.value) : this.x(handle.origin + handle.slope * handle.value);
      this.held = {handle, offset: (handle.axis === "rate" ? py : px) - now, moved: false};
      node.classList.add("held");
    } else if (kind === "pointermove" && this.held) {
      const [px, py] = this.at(event);
      const {handle, offset} = this.held;
      const value = handle.axis === "rate"
        ? this.y.invert(py - offset) / handle.slope
        : (this.x.invert(px - offset) - handle.origin) / handle.slope;
      this.held.moved = true;
      this.onDrag(handle, value);
    } else if (kind !== "pointermove" && this.held) {
      node.classList.remove("held");
      this.held = null;
      this.redraw();
      this.onDrop();
    }
  }

  at(event) {
    const box = this.svg.getBoundingClientRect();
    return [(event.clientX - box.left) * this.width / box.width, (event.clientY - box.top) * this.height / box.height];
  }

  stroke(kind, event) {
    if (!this.isStroke) return;
    if (kind === "pointerdown") {
      event.preventDefault();
      this.svg.setPointerCapture(event.pointerId);
      this.drawing = [];
    }
    if (!this.drawing) return;
    if (kind === "pointerdown" || kind === "pointermove") {
      const [px, py] = this.at(event);
      this.drawing.push([Math.min(Math.max(px, this.frame.left), this.frame.right), Math.min(Math.max(py, this.frame.top), this.frame.bottom)]);
      this.redraw();
    } else {
      const points = this.drawing.map(([px, py]) => [this.x.invert(px), this.y.invert(py)]);
      this.drawing = null;
      this.redraw();
      if (points.length > 3) this.onStroke(points);
    }
  }
}
