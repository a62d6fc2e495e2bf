// Everything that is not a picture: lists, sliders with a label, and buttons that copy.

// Return a labelled slider: `value` is shown by `text`, and `onInput` is called while it moves.
function slider({label, min, max, step, value, text, onInput = () => {}, onDone = () => {}}) {
  const output = make("output", {}, text(value));
  const input = make("input", {
    type: "range", min, max, step, "aria-valuetext": text(value),
    input: () => {
      const now = Number(input.value);
      output.textContent = text(now);
      set(input, {"aria-valuetext": text(now)});
      onInput(now);
    },
    change: () => onDone(Number(input.value)),
  });
  input.value = value;
  return make("label", {class: "slider"}, make("span", {}, label), input, output);
}

// Return the slider of a number of the schedule that has no place on the curve.
function numberSlider(handle, onInput, onDone) {
  const short = value => String(Number(value.toPrecision(3)));
  const label = `${handle.name}`;
  if (!handle.is_log) {
    return slider({label, min: handle.low, max: handle.high, step: handle.step, value: handle.value, text: short, onInput, onDone});
  }
  return slider({
    label, min: Math.log10(handle.low), max: Math.log10(handle.high), step: 0.01, value: Math.log10(handle.value),
    text: value => short(10 ** value), onInput: value => onInput(10 ** value), onDone,
  });
}

function button(text, onClick, attributes = {}) {
  return make("button", {type: "button", click: onClick, ...attributes}, text);
}

// Return a list of groups of options; `onPick` gets the option, and the list says `title` again.
function picker(title, groups, onPick) {
  const options = groups.flatMap(group => group.options);
  const list = make("select", {"aria-label": title, change: () => {
    const option = options[Number(list.value)];
    list.value = "";
    if (option) onPick(option);
  }}, make("option", {value: ""}, title));
  let number = 0;
  for (const group of groups) {
    const entries = group.options.map(option => make("option", {value: number++}, option.name));
    list.append(...(group.title ? [make("optgroup", {label: group.title}, ...entries)] : entries));
  }
  return list;
}

async function copy(text, from) {
  try {
    await navigator.clipboard.writeText(text);
  } catch {  // a notebook may not allow it: select the text, so that Ctrl-C copies it
    const range = document.createRange();
    range.selectNodeContents(from);
    getSelection().removeAllRanges();
    getSelection().addRange(range);
    return false;
  }
  return true;
}

// Return a button that copies what `text()` returns, and says so for a moment.
function copyButton(label, text, from) {
  const node = button(label, async () => {
    const content = await text();
    if (content === null) return;
    const copied = await copy(content, from());
    node.textContent = copied ? "Copied" : "Press Ctrl-C";
    setTimeout(() => { node.textContent = label; }, 1500);
  }, {class: "copy"});
  return node;
}
