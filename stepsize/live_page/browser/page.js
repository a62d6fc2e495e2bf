// The page: what it asks, what it shows, and in which order.

const SLOW = 0.7;  // seconds: longer answers are asked for when the hand rests, not while it moves
const FINAL = reply => reply.kind !== "progress";

class Page {
  constructor(ask, root) {
    this.ask = ask;
    this.root = root;
    this.number = 0;
    this.name = Math.random().toString(36).slice(2);
    this.state = {spec: "", settings: {}, baseline: null, seconds: 0};
    this.waiting = {shape: null, score: null, map: null};
    this.busy = {shape: false, score: false, map: false};
    this.roundTrips = [];
  }

  // Begin with a problem: the one that the page was opened with, or another one that it offers.
  async start(problem = "") {
    const before = [...this.root.childNodes];
    this.root.classList.add("stepsize-explore");
    this.root.replaceChildren(make("p", {class: "starting", role: "status"}, `Opening ${problem || "the problem"} …`));
    const opened = await this.request({kind: "open", problem});
    if (opened.kind === "error") {
      this.root.replaceChildren(make("p", {class: "error", role: "alert"}, opened.text), ...before);
      return;
    }
    Object.assign(this, {opened, problem, map: undefined, score: null, shape: null, isTouched: false, shownPieces: "", shownNumbers: "", shownQuantities: 0});
    this.state = {spec: opened.chosen.spec, settings: opened.chosen.settings, baseline: opened.baseline, seconds: 0};
    this.build();
    this.baselineShape = await this.request({kind: "shape", ...this.state.baseline});
    this.edit({}, false, false);
  }

  // Send a message; return its last reply.
  request(message, onReply = () => {}) {
    return this.ask({problem: this.problem, ...message, id: `${this.name}-${++this.number}`, page: this.name}, onReply);
  }

  // Keep one message of a kind on its way and remember only the latest of those that follow.
  async latest(kind, message, onReply, always = false) {
    if (this.busy[kind] && !always) {
      this.waiting[kind] = {message, onReply};
      return;
    }
    this.busy[kind] = true;
    const reply = await this.request(message, reply => { if (!FINAL(reply)) onReply(reply); });
    this.busy[kind] = false;
    const next = this.waiting[kind];
    this.waiting[kind] = null;
    onReply(reply);
    if (next) this.latest(kind, next.message, next.onReply);
  }

  build() {
    const {opened} = this;
    this.schedule = new SchedulePicture({
      onDrag: (handle, value) => this.drag(handle, value), onDrop: () => this.drop(), onStroke: points => this.stroke(points),
    });
    this.mapPicture = new MapPicture({onDrag: (handle, value) => this.drag(handle, value), onDrop: () => this.drop()});
    this.curves = new CurvesPicture();
    this.differences = new DifferencesPicture();
    this.quantity = 0;
    this.nodes = {
      pieces: make("div", {class: "pieces"}),
      numbers: make("div", {class: "numbers"}),
      spec: make("input", {
        class: "spec", type: "text", spellcheck: "false", autocomplete: "off", autocapitalize: "off", "aria-label": "Schedule as text", "aria-describedby": "stepsize-problem",
        input: () => this.edit({spec: this.nodes.spec.value, isTyped: true}),
        change: () => { if (!this.nodes.problem.textContent) this.nodes.spec.value = this.state.spec; },
      }),
      problem: make("p", {class: "error", id: "stepsize-problem", role: "alert"}),
      settings: make("div", {class: "numbers settings"}),
      driven: make("p", {class: "note"}),
      word: make("p", {class: "word"}),
      headline: make("p", {class: "headline"}),
      difference: make("p", {class: "difference"}),
      scores: make("dl", {class: "scores"}),
      status: make("p", {class: "status"}),
      chance: make("p", {class: "chance"}),
      confirm: make("code", {}),
      quantities: make("div", {class: "tabs", role: "group", "aria-label": "Quantity"}),
      mapSentence: make("p", {class: "note"}),
      mapButton: button("Map the rates", () => this.askMap()),
      code: make("pre", {class: "code", hidden: true, tabindex: 0, "aria-label": "Code"}),
      shortWord: make("b", {}),
      shortDifference: make("span", {}),
      spoken: make("p", {class: "spoken", role: "status"}),
    };
    const n = this.nodes;
    const start = picker("Start from …", opened.presets.map(group => ({title: group.title, options: group.schedules})),
      preset => this.edit({spec: preset.spec, settings: {...this.state.settings, ...preset.settings}}));
    this.draw = button("Draw", () => this.toggleStroke(), {"aria-pressed": "false", title: "Draw a curve; the nearest schedule takes its place"});
    const copies = opened.targets.map(target => copyButton(target.label, () => this.code(target.name), () => n.code));
    this.root.replaceChildren(
      make("header", {},
        make("h1", {}, "stepsize"),
        make("select", {"aria-label": "Problem", change: event => this.start(event.target.value)},
          ...opened.problems.map(name => make("option", {value: name, selected: name === opened.title}, name))),
        make("p", {class: "note"}, opened.subtitle)),
      make("p", {class: "strip", "aria-hidden": "true"}, n.shortWord, n.shortDifference),
      n.spoken,
      make("div", {class: "columns"},
        make("div", {class: "left"},
          make("section", {class: "panel first"},
            make("div", {class: "row heading"}, make("h2", {}, "Schedule"), start, this.draw),
            this.schedule.box, n.driven, n.pieces,
            make("div", {class: "row"}, n.spec, copyButton("Copy", () => this.state.spec, () => n.spec)),
            n.problem, n.numbers, n.settings,
            make("div", {class: "row"}, button("Make it the baseline", () => this.takeAsBaseline()), button("Back to the baseline", () => this.edit({...this.state.baseline})))),
          make("section", {class: "panel"},
            make("div", {class: "row heading"}, make("h2", {}, "Map of rates"), n.mapButton), this.mapPicture.box, n.mapSentence),
          make("section", {class: "panel"},
            make("h2", {}, "Take it with you"), make("div", {class: "row"}, make("span", {class: "note"}, "Copy the code for"), ...copies), n.code)),
        make("div", {class: "right"},
          make("section", {class: "panel verdict", "aria-live": "off"},
            make("div", {class: "row"}, n.word, n.difference), n.headline, this.differences.box, n.scores, n.status),
          make("section", {class: "panel exploratory"},
            make("h2", {}, "This is exploration"), n.chance,
            make("div", {class: "row"}, make("pre", {tabindex: 0}, n.confirm), copyButton("Copy", () => n.confirm.textContent, () => n.confirm))),
          make("section", {class: "panel"},
            make("div", {class: "row heading"}, make("h2", {}, "Learning curves"), n.quantities), this.curves.box,
            make("p", {class: "note legend"}, make("span", {class: "key chosen"}, "schedule"), make("span", {class: "key baseline"}, "baseline"), "mean over the seeds, and where 80 % of the runs lie")))));
    this.showSettings();
  }

  // Change the schedule: with another spec, a drag or an edit of its pieces; then show its shape and ask for its score.
  edit({spec = this.state.spec, settings = this.state.settings, isTyped = false, ...change}, isMoving = false, byHand = true) {
    if (byHand) this.isTouched = true;
    if (!change.path) this.base = null;
    const began = performance.now();
    const changed = JSON.stringify(settings) !== JSON.stringify(this.state.settings);
    this.state.settings = settings;
    if (changed) this.showSettings();
    const message = {kind: "shape", spec, settings, rate: this.rate(), ...change};
    this.latest("shape", message, shape => {
      this.nodes.problem.textContent = shape.kind === "error" ? shape.text : "";
      if (shape.kind === "error") return;
      this.state.spec = shape.spec;
      this.shape = shape;
      if (!isTyped) this.nodes.spec.value = shape.spec;
      this.showShape();
      if (!isMoving || this.state.seconds < SLOW) this.askScore(began);
    });
  }

  rate() { return this.mapPicture?.handle ? this.mapPicture.handle.value : this.shape?.peak || this.opened.rate; }

  // Move a handle. While it is held, each value is set in the spec that it had at first, so that nothing drifts.
  drag(handle, value) {
    if (this.dragged !== handle.path) this.base = null;
    this.dragged = handle.path;
    this.base ??= this.state.spec;
    this.edit({spec: this.base, path: handle.path, value}, true);
  }

  drop() {
    this.base = null;
    if (this.state.seconds >= SLOW) this.askScore(performance.now());
  }

  stroke(points) {
    this.toggleStroke(false);
    this.edit({stroke: points});
  }

  toggleStroke(on = !this.schedule.isStroke) {
    this.schedule.isStroke = on;
    set(this.draw, {"aria-pressed": String(on)});
    this.schedule.svg.classList.toggle("is-stroke", on);
  }

  async takeAsBaseline() {
    this.state.baseline = {spec: this.state.spec, settings: {...this.state.settings}};
    this.baselineShape = this.shape;
    this.showShape();
    this.askScore(performance.now());
  }

  askScore(began) {
    const message = {kind: "score", chosen: {spec: this.state.spec, settings: this.state.settings}, baseline: this.state.baseline};
    const isSlow = this.state.seconds >= SLOW;
    this.latest("score", message, reply => {
      if (reply.kind === "progress") {
        this.showProgress(reply);
      } else if (reply.kind === "error") {
        this.nodes.problem.textContent = reply.text;
        this.root.classList.remove("is-waiting");
      } else if (reply.kind === "score") {
        this.showScore(reply);
        this.roundTrips.push(performance.now() - began);
        if (this.map === undefined && this.state.seconds < SLOW) this.askMap();
      }
    }, isSlow);  // the server drops a slow answer that nobody waits for
    if (isSlow || !this.score) this.showProgress({share: 0});
    clearTimeout(this.late);
    this.late = setTimeout(() => {
      if (!this.busy.score) return;
      this.root.classList.add("is-waiting");
      if (!isSlow) this.nodes.status.textContent = "Training. A new momentum or batch size is compiled first, which takes some seconds …";
    }, 600);
  }

  // Ask what constant rates do with these settings; a page that nobody has touched then begins at the best one,
  // and the schedule keeps its peak in units of it: a cosine at the best constant rate would be at half of it.
  async askMap() {
    const {settings, baseline} = this.state;
    this.map = null;
    this.nodes.mapSentence.textContent = "Mapping the rates …";
    const reply = await this.request({kind: "map", settings});
    if (reply.kind === "error") {
      this.nodes.mapSentence.textContent = reply.text;
      return;
    }
    const {rate, peak} = this.opened;
    const spec = (text, now) => text.replace(String(now), String(Number((reply.best * now / rate).toPrecision(2))));
    const better = {...baseline, spec: reply.best ? spec(baseline.spec, rate) : baseline.spec};
    const shape = await this.request({kind: "shape", ...better});
    this.map = reply;
    this.mapSettings = JSON.stringify(this.withoutBatch(settings));
    if (this.opened.is_open && !this.isTouched && reply.best) {
      this.state.baseline = better;
      this.baselineShape = shape;
      this.edit({spec: spec(this.state.spec, peak)}, false, false);
    } else if (this.shape) this.showShape();
  }

  withoutBatch({batch_size: _, ...settings}) { return settings; }

  showMap() {
    const {nodes, map, state} = this;
    const isOther = map && this.mapSettings !== JSON.stringify(this.withoutBatch(state.settings));
    this.mapPicture.show(map, this.shape, this.baselineShape);
    set(this.mapPicture.box, {hidden: !map});
    if (map) nodes.mapSentence.textContent = map.sentence;
    set(nodes.mapButton, {hidden: map === null || map && !isOther});
    const seconds = state.seconds * this.opened.map_runs / this.opened.seeds;
    const about = seconds > 5 ? `, about ${seconds < 90 ? `${Math.round(seconds)} s` : `${Math.round(seconds / 60)} min`}` : "";
    nodes.mapButton.textContent = (isOther ? "Map again with this momentum" : "Map the rates") + about;
  }

  showShape() {
    const {shape} = this;
    this.schedule.show(shape, this.baselineShape);
    this.nodes.driven.textContent = shape.driven ? `The curve is the plan; ${shape.driven} lowers it while the model trains.` : "";
    this.showMap();
    this.showPieces();
    this.showNumbers();
  }

  showPieces() {
    const {shape, nodes, opened} = this;
    const text = JSON.stringify(shape.pieces.map(piece => piece.family));
    if (text === this.shownPieces) return;
    this.shownPieces = text;
    const families = opened.families.map(name => ({name}));
    const chips = shape.pieces.map((piece, number) => {
      const list = make("select", {"aria-label": `Piece ${number + 1}`, change: () => this.edit({action: "replace", piece: number, family: list.value})},
        ...[...new Set([piece.family, ...opened.families])].map(name => make("option", {value: name, selected: name === piece.family}, name)));
      set(list, {disabled: piece.family === "warmup"});
      if (piece.family === "warmup") list.replaceChildren(make("option", {}, "warmup"));
      const remove = shape.pieces.length > 1 ? button("×", () => this.edit({action: "remove", piece: number}), {"aria-label": `Remove ${piece.family}`, class: "remove"}) : null;
      return make("span", {class: "chip"}, list, remove);
    });
    nodes.pieces.replaceChildren(
      shape.pieces[0].family === "warmup" ? "" : button("+ warmup", () => this.edit({action: "warm"})),
      ...chips.flatMap((chip, number) => number ? [make("span", {class: "joint"}, ">>"), chip] : [chip]),
      picker("+ piece", [{options: families}], family => this.edit({action: "append", family: family.name})),
    );
  }

  showNumbers() {
    const others = this.shape.handles.filter(handle => !handle.axis);
    const names = JSON.stringify(others.map(handle => handle.path + handle.piece.split("(")[0]));
    const focused = this.nodes.numbers.contains(document.activeElement);
    if (names === this.shownNumbers && focused) return;
    this.shownNumbers = names;
    this.nodes.numbers.replaceChildren(...others.map(handle =>
      numberSlider(handle, value => this.drag(handle, value), () => this.drop())));
  }

  showSettings() {
    this.nodes.settings.replaceChildren(...this.opened.settings.map(each => {
      const now = this.state.settings[each.name] ?? each.usual;
      const change = value => {
        const {[each.name]: _, ...others} = this.state.settings;
        this.change(value === each.usual ? others : {...others, [each.name]: value});
      };
      if (!each.values) return slider({label: each.label, min: each.low, max: each.high, step: each.step, value: now, text: String, onInput: change});
      return slider({  // each batch size needs a program of its own, so it changes when the hand rests
        label: each.label, min: 0, max: each.values.length - 1, step: 1, value: Math.max(0, each.values.indexOf(now)),
        text: index => String(each.values[index]), onDone: index => change(each.values[index]),
      });
    }));
  }

  // Change the settings without building their sliders again, one of which is being moved.
  change(settings) {
    this.state.settings = settings;
    this.edit({settings});
  }

  // Say how far a slow answer is, and how long it will still take.
  showProgress({share}) {
    this.root.classList.add("is-waiting");
    if (!share) this.began = performance.now();
    const left = share > 0.02 ? (performance.now() - this.began) / 1000 * (1 - share) / share : this.state.seconds;
    const about = left >= 1 ? ` About ${Math.round(left)} s to go; changing the schedule starts again.` : "";
    this.nodes.status.textContent = `Training: ${Math.round(100 * share)} %.${about}`;
  }

  showScore(score) {
    const {nodes} = this;
    this.score = score;
    this.root.classList.remove("is-waiting");
    this.state.seconds = score.seconds ?? this.state.seconds;
    nodes.word.textContent = score.word ?? "the baseline";
    nodes.word.dataset.word = score.word ?? "same";
    nodes.headline.textContent = score.headline;
    nodes.shortWord.textContent = nodes.word.textContent;
    nodes.shortDifference.textContent = ` ${score.difference}`;
    clearTimeout(this.speaking);
    this.speaking = setTimeout(() => { nodes.spoken.textContent = `${nodes.word.textContent} ${score.difference}`; }, 800);
    nodes.difference.textContent = score.difference;
    nodes.chance.textContent = score.chance;
    nodes.confirm.replaceChildren(...score.confirm.split(" ").flatMap((word, number) => [number ? " " : "", make("span", {class: "whole"}, word)]));
    nodes.status.textContent = `${score.wins ? `${score.wins}. ` : ""}${score.took}`;
    nodes.scores.replaceChildren(...Object.entries(score.scores).flatMap(([role, each]) => [
      make("dt", {class: `key ${role}`}, role === "chosen" ? "schedule" : "baseline"),
      make("dd", {}, make("b", {}, each.text), " ", make("code", {}, each.spec), each.lost ? make("span", {class: "lost"}, ` ${each.lost}`) : ""),
    ]));
    this.differences.show(score);
    if (this.shownQuantities !== score.curves.length) {
      this.shownQuantities = score.curves.length;
      nodes.quantities.replaceChildren(...score.curves.map((each, number) => button(each.title, () => {
        this.quantity = number;
        this.showCurves();
      })));
    }
    this.showCurves();
    this.showMap();
  }

  showCurves() {
    [...this.nodes.quantities.children].forEach((node, number) => set(node, {"aria-pressed": String(number === this.quantity)}));
    this.curves.show(this.score.curves[this.quantity]);
  }

  async code(target) {
    const reply = await this.request({kind: "code", spec: this.state.spec, settings: this.state.settings, to: target});
    set(this.nodes.code, {hidden: null});
    this.nodes.code.textContent = reply.text;
    return reply.kind === "error" ? null : reply.text;
  }
}

// Ask over HTTP, on the page of the command: the replies are lines of the response.
function askOnPage(token) {
  return async (message, onReply) => {
    let last = {kind: "error", text: "The page has lost stepsize: is the command still running?"};
    try {
      const response = await fetch("/ask", {method: "POST", headers: {"Content-Type": "application/json", "X-Stepsize-Token": token}, body: JSON.stringify(message)});
      const reader = response.body.pipeThrough(new TextDecoderStream()).getReader();
      let rest = "";
      for (let part = await reader.read(); !part.done; part = await reader.read()) {
        const lines = (rest + part.value).split("\n");
        rest = lines.pop();
        for (const text of lines) onReply(last = JSON.parse(text));
      }
    } catch { /* the message above says it */ }
    return last;
  };
}

// Ask over the messages of a widget, in a notebook.
function askInNotebook(model) {
  const waiting = new Map();
  model.on("msg:custom", reply => {
    const each = waiting.get(reply.id);
    if (!each) return;
    each.onReply(reply);
    if (FINAL(reply)) {
      waiting.delete(reply.id);
      each.resolve(reply);
    }
  });
  return (message, onReply) => new Promise(resolve => {
    waiting.set(message.id, {onReply, resolve});
    model.send(message);
  });
}

function render({model, el}) {
  const page = new Page(askInNotebook(model), el);
  page.start();
}

const token = document.querySelector("meta[name=stepsize-token]")?.content;
if (token) {
  const page = new Page(askOnPage(token), document.getElementById("explore"));
  globalThis.stepsize = page;
  page.start();
}

export default {render};
