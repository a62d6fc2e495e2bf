// Elements, scales and ticks that every picture uses.

const SVG = "http://www.w3.org/2000/svg";

// Return an element with attributes, and listeners for those that are functions; `null` leaves one out.
function make(tag, attributes = {}, ...children) {
  const node = tag.startsWith("svg:") ? document.createElementNS(SVG, tag.slice(4)) : document.createElement(tag);
  set(node, attributes);
  node.append(...children.filter(child => child !== null && child !== undefined));
  return node;
}

function set(node, attributes) {
  for (const [name, value] of Object.entries(attributes)) {
    if (typeof value === "function") node.addEventListener(name, value);
    else if (value === null || value === undefined || value === false) node.removeAttribute(name);
    else node.setAttribute(name, value === true ? "" : value);
  }
  return node;
}

const el = (tag, attributes, ...children) => make(`svg:${tag}`, attributes, ...children);

// Return a function from [low, high] to [from, to], with `invert` for the way back.
function linearScale(low, high, from, to) {
  const span = high - low || 1;
  const scale = value => from + (value - low) / span * (to - from);
  scale.invert = position => low + (position - from) / ((to - from) || 1) * span;
  return Object.assign(scale, {low, high});
}

function logScale(low, high, from, to) {
  const inner = linearScale(Math.log10(low), Math.log10(high), from, to);
  const scale = value => inner(Math.log10(value));
  scale.invert = position => 10 ** inner.invert(position);
  return Object.assign(scale, {low, high});
}

// Return about `count` round numbers within [low, high].
function steps(low, high, count = 5) {
  if (!(high > low)) return [low];
  const size = 10 ** Math.floor(Math.log10(high - low));
  const step = [0.1, 0.2, 0.5, 1, 2, 5].map(times => times * size).find(each => (high - low) / each <= count + 0.5);
  const numbers = [];
  for (let n = Math.ceil(low / step - 1e-9); n * step <= high + 1e-9 * step; n++) numbers.push(Number((n * step).toPrecision(12)));
  return numbers;
}

// Write a number of an axis: no more digits than it has, and powers of ten where it is very small.
function tick(value) {
  if (value !== 0 && Math.abs(value) < 1e-4) return value.toExponential().replace("e-0", "e-");
  return String(Number(value.toPrecision(6))).replace("-", "−");
}

function decades(low, high) {
  const first = Math.ceil(Math.log10(low) - 1e-9), last = Math.floor(Math.log10(high) + 1e-9);
  return Array.from({length: Math.max(0, last - first + 1)}, (_, n) => Number((10 ** (first + n)).toPrecision(3)));
}

// Return the path through points; a null breaks it.
function line(points) {
  let path = "", pen = "M";
  for (const point of points) {
    if (point === null || !Number.isFinite(point[0]) || !Number.isFinite(point[1])) { pen = "M"; continue; }
    path += `${pen}${point[0].toFixed(1)} ${point[1].toFixed(1)}`;
    pen = "L";
  }
  return path;
}

// Draw the axes of a picture: horizontal grid lines with numbers, and numbers below.
function axes(frame, x, y, {xTicks, yTicks, xLabel = "", yLabel = "", gap = 6, drop = 17}) {
  const group = el("g", {class: "axes"});
  for (const value of yTicks) {
    group.append(el("line", {class: "grid", x1: frame.left, x2: frame.right, y1: y(value), y2: y(value)}));
    group.append(el("text", {x: frame.left - gap, y: y(value) + 4, "text-anchor": "end"}, tick(value)));
  }
  for (const value of xTicks) {
    group.append(el("text", {x: x(value), y: frame.bottom + drop, "text-anchor": "middle"}, tick(value)));
  }
  if (xLabel) group.append(el("text", {x: frame.right, y: frame.bottom + drop + 15, "text-anchor": "end"}, xLabel));
  if (yLabel) group.append(el("text", {x: frame.left, y: frame.top - 8}, yLabel));
  return group;
}

// A picture that is drawn again when its width changes. `draw(svg, width)` fills it.
class Picture {
  constructor(label, height, className = "") {
    this.svg = el("svg", {class: `picture ${className}`, role: "img", "aria-label": label, height});
    this.box = make("div", {class: "picture-box"}, this.svg);
    this.height = height;
    new ResizeObserver(() => this.redraw()).observe(this.box);
  }

  get width() { return Math.max(240, this.box.clientWidth); }

  redraw() {
    const width = this.width;
    set(this.svg, {viewBox: `0 0 ${width} ${this.height}`, width});
    this.draw?.(width);
  }
}
