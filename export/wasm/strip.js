/* The strip: a grid of seconds and millivolts, the signal, and a label for every decided beat. */

const GRID_S = 0.2;
const GRID_MV = 0.5;
const FINE = 5;
const TOP = 40;
const BOTTOM = 40;
const RIGHT = 14;
const LABEL_COLOURS = [
  ["#0072b2", "#ffffff"], ["#d55e00", "#ffffff"], ["#e69f00", "#1b1b1b"], ["#cc79a7", "#1b1b1b"],
  ["#009e73", "#ffffff"], ["#767676", "#ffffff"],
];
const BLUE_ON_DARK = ["#56b4e9", "#1b1b1b"];
const KNOWN_COLOURS = { N: 0, V: 1, abnormal: 1, S: 2, F: 3, Q: 5 };

/** What a label is called where there is little room: a long one by its first letter. */
function shortOf(label, labels) {
  const short = (l) => (l.length > 2 ? l[0].toUpperCase() : l);
  const alike = labels.filter((other) => short(other) === short(label));
  return alike.length > 1 ? label : short(label);
}

function isDark() {
  return window.matchMedia("(prefers-color-scheme: dark)").matches;
}

/** Background and text colour of a label. */
function colourOf(label, labels) {
  const i = KNOWN_COLOURS[label] ?? labels.indexOf(label);
  if (i === 0 && isDark()) return BLUE_ON_DARK;
  return LABEL_COLOURS[i % LABEL_COLOURS.length];
}

/** Smallest and largest millivolts that have to be seen. */
function limitsOf(recording) {
  const sorted = Int16Array.from(recording.counts).sort();
  const share = (p) => sorted[Math.round(p * (sorted.length - 1))];
  const mv = (count) => (count - recording.baseline) / recording.gain;
  const [low, high] = [mv(share(0.0005)), mv(share(0.9995))];
  const missing = Math.max(0, 1.5 - (high - low)) / 2;
  return [low - missing - 0.15, high + missing + 0.15];
}

/** Where things are: `x` of a sample, `y` of a count, both in CSS pixels. */
function layoutOf(canvas, recording, limits, at, fs) {
  const width = canvas.clientWidth;
  const seconds = Math.min(12, Math.max(3, width / 90));
  const perSecond = (width - RIGHT) / seconds;
  const wanted = (limits[1] - limits[0]) * perSecond * (GRID_S / GRID_MV);
  const plot = Math.min(380, Math.max(150, wanted));
  const perMv = plot / (limits[1] - limits[0]);
  const yMv = (mv) => TOP + (limits[1] - mv) * perMv;
  return {
    width, height: Math.round(TOP + plot + BOTTOM), seconds, perSecond, perMv, yMv, limits,
    from: at - seconds * fs,
    x: (sample) => width - RIGHT - ((at - sample) / fs) * perSecond,
    y: (count) => yMv((count - recording.baseline) / recording.gain),
  };
}

/** Size the canvas for the screen's pixels and return a context that draws in CSS pixels. */
function prepare(canvas, height) {
  const ratio = window.devicePixelRatio || 1;
  const width = canvas.clientWidth;
  canvas.style.height = `${height}px`;
  const size = [Math.round(width * ratio), Math.round(height * ratio)];
  if (canvas.width !== size[0]) canvas.width = size[0];
  if (canvas.height !== size[1]) canvas.height = size[1];
  const pen = canvas.getContext("2d");
  pen.setTransform(ratio, 0, 0, ratio, 0, 0);
  pen.clearRect(0, 0, width, height);
  return pen;
}

function line(pen, x0, y0, x1, y1) {
  pen.moveTo(x0, y0);
  pen.lineTo(x1, y1);
}

/** Lines every `step` of a unit, from `first` to `last`. */
function multiples(first, last, step) {
  const found = [];
  for (let k = Math.ceil(first / step - 1e-9); k * step <= last; k++) found.push(k * step);
  return found;
}

function drawLines(pen, layout, fs, secondsStep, mvStep, colour) {
  const first = layout.from / fs;
  pen.beginPath();
  for (const s of multiples(first, first + layout.width / layout.perSecond, secondsStep))
    line(pen, layout.x(s * fs), 0, layout.x(s * fs), layout.height);
  for (const mv of multiples(layout.limits[0], layout.limits[1], mvStep))
    line(pen, 0, layout.yMv(mv), layout.width, layout.yMv(mv));
  pen.strokeStyle = colour;
  pen.lineWidth = 1;
  pen.stroke();
}

function drawGrid(pen, layout, fs, colours) {
  if (layout.perSecond * GRID_S >= 14)
    drawLines(pen, layout, fs, GRID_S / FINE, GRID_MV / FINE, colours.fine);
  drawLines(pen, layout, fs, GRID_S, GRID_MV, colours.bold);
}

function drawSeconds(pen, layout, fs, colours, at) {
  pen.fillStyle = colours.quiet;
  pen.font = "11px system-ui, sans-serif";
  pen.textAlign = "center";
  for (const s of multiples(Math.max(0, layout.from / fs), at / fs, 1))
    pen.fillText(`${s} s`, layout.x(s * fs), layout.height - 6);
}

function drawSignal(pen, layout, counts, at, colours) {
  const first = Math.max(0, Math.floor(layout.from) - 1);
  if (at <= first) return;
  pen.beginPath();
  for (let i = first; i < at; i++) pen.lineTo(layout.x(i), layout.y(counts[i]));
  pen.strokeStyle = colours.trace;
  pen.lineWidth = 1.4;
  pen.lineJoin = "round";
  pen.stroke();
  pen.beginPath();
  pen.arc(layout.x(at - 1), layout.y(counts[at - 1]), 3.5, 0, 7);
  pen.fillStyle = colours.accent;
  pen.fill();
}

/** A beat: a line to its R peak and its label above, with a question mark where the signal is bad. */
function drawBeat(pen, layout, counts, beat, labels) {
  const [back, front] = colourOf(beat.label, labels);
  const [x, y] = [layout.x(beat.sample), layout.y(counts[beat.sample])];
  const text = shortOf(beat.label, labels) + (beat.quality === "good" ? "" : "?");
  pen.font = "bold 13px system-ui, sans-serif";
  const width = Math.max(20, pen.measureText(text).width + 10);
  pen.beginPath();
  line(pen, x, 28, x, y - 6);
  pen.strokeStyle = back;
  pen.lineWidth = beat.label === labels[0] ? 1 : 2;
  pen.stroke();
  pen.beginPath();
  pen.arc(x, y, 4, 0, 7);
  pen.fillStyle = back;
  pen.fill();
  pen.beginPath();
  pen.roundRect(x - width / 2, 8, width, 20, 5);
  pen.fill();
  pen.fillStyle = front;
  pen.textAlign = "center";
  pen.fillText(text, x, 22.5);
}

function drawReference(pen, layout, reference, at, colours) {
  pen.fillStyle = colours.quiet;
  pen.font = "12px system-ui, sans-serif";
  pen.textAlign = "center";
  for (const [sample, symbol] of reference)
    if (sample > layout.from && sample < at)
      pen.fillText(symbol, layout.x(sample), layout.height - 22);
}

function colours() {
  const style = getComputedStyle(document.documentElement);
  const names = ["fine", "bold", "trace", "quiet", "accent"];
  return Object.fromEntries(names.map((name) => [name, style.getPropertyValue(`--${name}`)]));
}

/** Draw the seconds before sample `at` with the beats that were decided by then. */
function drawStrip(canvas, recording, limits, beats, at, model) {
  const layout = layoutOf(canvas, recording, limits, at, model.fs);
  const pen = prepare(canvas, layout.height);
  const palette = colours();
  drawGrid(pen, layout, model.fs, palette);
  drawSeconds(pen, layout, model.fs, palette, at);
  drawSignal(pen, layout, recording.counts, at, palette);
  drawReference(pen, layout, recording.reference, at, palette);
  for (const beat of beats)
    if (beat.sample > layout.from - model.fs)
      drawBeat(pen, layout, recording.counts, beat, model.labels);
  return layout;
}
