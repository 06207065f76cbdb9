/* The page: what is played, what is shown of it, and what the controls do. */

const NEWEST = 6;
const RATE_BEATS = 8;
const LEARNING_S = 3;
const LONGEST_FRAME_MS = 250;

const data = JSON.parse(document.getElementById("data").textContent);
const program = data.model;
const part = (id) => document.getElementById(id);
const player = { at: 0, pushed: 0, beats: [], playing: false, speed: 1, last: 0 };
let model = null;
let first = null;
let layout = null;

const decided = () => player.beats.filter((beat) => beat.decidedAt < player.at);

function badge(label) {
  const [back, front] = colourOf(label, program.labels);
  const element = document.createElement("span");
  element.className = "label";
  element.textContent = shortOf(label, program.labels);
  element.style.background = back;
  element.style.color = front;
  return element;
}

/** A name with its value; the name may be an element. */
function card(name, value, unit = "") {
  const [box, title, content] = ["div", "dt", "dd"].map((tag) => document.createElement(tag));
  title.append(...[name].flat());
  content.append(value);
  if (unit) {
    const small = document.createElement("small");
    small.textContent = ` ${unit}`;
    content.append(small);
  }
  box.append(title, content);
  return box;
}

function heartRate(beats) {
  const intervals = beats.slice(-RATE_BEATS).map((beat) => beat.rr).filter((rr) => rr > 0);
  return intervals.length ? Math.round((60 * program.fs) / median(intervals)) : null;
}

function showNumbers(beats) {
  const rate = heartRate(beats);
  const counts = program.labels.map((label) => {
    const n = beats.filter((beat) => beat.label === label).length;
    return card([badge(label), program.meanings[label] ?? label], String(n));
  });
  part("numbers").replaceChildren(
    card("Heart rate", rate === null ? "–" : String(rate), "/min"),
    card("Beats", String(beats.length)),
    ...counts,
  );
}

function row(beat) {
  const element = document.createElement("tr");
  const ms = (samples) => `${Math.round((1000 * samples) / program.fs)} ms`;
  const cells = [
    `${(beat.sample / program.fs).toFixed(2)} s`,
    badge(beat.label),
    beat.rr ? ms(beat.rr) : "–",
    ms(beat.decidedAt - beat.sample),
    beat.quality + (beat.searchBack ? ", found late" : ""),
    beat.scores.join(", "),
  ];
  for (const content of cells) {
    const cell = document.createElement("td");
    cell.append(content);
    element.append(cell);
  }
  return element;
}

function clock(samples) {
  const seconds = samples / program.fs;
  const minutes = Math.floor(seconds / 60);
  return `${minutes}:${(seconds - 60 * minutes).toFixed(1).padStart(4, "0")}`;
}

function showText(beats) {
  const n = player.recording.counts.length;
  part("clock").textContent = `${clock(player.at)} / ${clock(n)}`;
  part("seek").value = player.at;
  part("seek").setAttribute("aria-valuetext", `${Math.round(player.at / program.fs)} seconds`);
  part("play").textContent = player.playing ? "Pause" : player.at >= n ? "Again" : "Play";
  if (player.playing) return;
  const shown = beats.filter((beat) => beat.sample > layout.from).map((beat) => beat.label);
  part("strip").setAttribute("aria-label", `ECG strip; labels from left to right: ${shown.join(" ")}`);
}

function caption() {
  const learning = player.at < LEARNING_S * program.fs;
  const said = learning ? "The detector learns for three seconds. " : "";
  const below = player.recording.reference.length ? " Below: the reference annotation." : "";
  const note = player.recording.note ? ` ${player.recording.note}` : "";
  return `${said}Squares: 0.2 s and 0.5 mV. Above: the label, once the program decides it.${below}${note}`;
}

function show() {
  const beats = decided();
  const { recording, limits, at } = player;
  layout = drawStrip(part("strip"), recording, limits, beats, at, program);
  part("caption").textContent = caption();
  showText(beats);
  if (beats.length === player.shown) return;
  player.shown = beats.length;
  showNumbers(beats);
  part("latest").replaceChildren(...beats.slice(-NEWEST).reverse().map(row));
}

/** Go to a sample; the program is given all samples up to it that it has not seen. */
function goTo(sample) {
  const { counts } = player.recording;
  player.at = Math.max(0, Math.min(counts.length, Math.round(sample)));
  if (player.at > player.pushed) {
    advance(model, counts, player.beats, player.pushed, player.at);
    player.pushed = player.at;
  }
  show();
}

function pause() {
  player.playing = false;
  show();
}

function frame(now) {
  if (!player.playing) return;
  const perMs = (player.speed * program.fs) / 1000;
  player.last = Math.max(player.last, now - LONGEST_FRAME_MS);
  const step = Math.floor((now - player.last) * perMs);
  if (step > 0) {
    player.last += step / perMs;
    goTo(player.at + step);
  }
  if (player.at >= player.recording.counts.length) pause();
  else requestAnimationFrame(frame);
}

function play() {
  if (player.at >= player.recording.counts.length) player.at = 0;
  player.playing = true;
  player.last = performance.now();
  requestAnimationFrame(frame);
}

const toggle = () => (player.playing ? pause() : play());

/** Begin with a recording: the module starts anew. */
function load(recording) {
  model.start();
  const limits = limitsOf(recording);
  Object.assign(player, { recording, limits, pushed: 0, beats: [], at: 0, shown: -1 });
  part("seek").max = recording.counts.length;
  part("title").textContent = `${program.name} on ${recording.name}`;
  part("built-in").hidden = recording === first;
}

async function openFile(file) {
  const [rate, gain] = ["rate", "gain"].map((id) => Number(part(id).value));
  part("problem").textContent = "";
  try {
    if (!(rate > 0 && gain > 0)) throw new Error("samples per second and values per mV are above 0");
    load(openText(await file.text(), file.name, rate, gain, program.fs));
    play();
  } catch (error) {
    part("problem").textContent = `${error.message}.`;
  }
}

function connectKeys() {
  const moves = { ArrowLeft: -1, ArrowRight: 1 };
  const ends = { Home: 0, End: Infinity };
  document.addEventListener("keydown", (event) => {
    const used = event.target.closest("input, select, button, textarea");
    if (used || event.ctrlKey || event.metaKey || event.altKey) return;
    if (event.key === " ") toggle();
    else if (event.key in moves) goTo(player.at + moves[event.key] * program.fs);
    else if (event.key in ends) goTo(ends[event.key]);
    else return;
    event.preventDefault();
  });
}

function connectDragging() {
  const strip = part("strip");
  let held = null;
  strip.addEventListener("pointerdown", (event) => {
    held = { x: event.clientX, at: player.at };
    strip.setPointerCapture(event.pointerId);
    pause();
  });
  strip.addEventListener("pointermove", (event) => {
    if (!held) return;
    goTo(held.at - ((event.clientX - held.x) / layout.perSecond) * program.fs);
  });
  for (const name of ["pointerup", "pointercancel"])
    strip.addEventListener(name, () => (held = null));
}

function connectFiles() {
  part("own").addEventListener("submit", (event) => {
    event.preventDefault();
    openFile(part("file").files[0]);
  });
  part("built-in").addEventListener("click", () => {
    load(first);
    play();
  });
  const dropping = (on) => document.body.classList.toggle("dropping", on);
  document.addEventListener("dragover", (event) => {
    event.preventDefault();
    dropping(true);
  });
  document.addEventListener("dragleave", () => dropping(false));
  document.addEventListener("drop", (event) => {
    event.preventDefault();
    dropping(false);
    if (event.dataTransfer.files.length) openFile(event.dataTransfer.files[0]);
  });
}

function connect() {
  part("play").addEventListener("click", toggle);
  part("speed").addEventListener("change", (event) => (player.speed = Number(event.target.value)));
  part("seek").addEventListener("input", (event) => {
    player.playing = false;
    goTo(Number(event.target.value));
  });
  window.addEventListener("resize", show);
  window.matchMedia("(prefers-color-scheme: dark)").addEventListener("change", () => {
    player.shown = -1;
    show();
  });
  connectKeys();
  connectDragging();
  connectFiles();
}

/** What stands around the strip and never changes. */
function showFrame() {
  part("about").textContent = data.about;
  part("credit").textContent = data.credit;
  part("rate").value = program.fs;
  part("built-in").textContent = `Back to ${data.recording.name}`;
}

/** Begin at the second that the address names (#t=30), or play. */
function begin() {
  const named = /^#t=(\d+(?:\.\d+)?)$/.exec(location.hash);
  const still = window.matchMedia("(prefers-reduced-motion: reduce)").matches;
  if (named || still) goTo((named ? Number(named[1]) : 12) * program.fs);
  else play();
}

async function main() {
  showFrame();
  try {
    model = await openModel(await unpack(program.wasm), program.labels, program.context);
    first = await builtIn(data.recording);
    load(first);
    connect();
    begin();
  } catch (error) {
    part("problem").textContent = `This browser cannot run the page (${error.message}).`;
  }
}

main();
