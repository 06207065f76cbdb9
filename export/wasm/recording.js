/* Recordings: samples in the counts that the program takes, at its rate. */

const COUNTS_PER_MV = 200;
const COUNT_MAX = 32767;
const LONGEST_S = 3600;
const SHORTEST_S = 5;

/** The recording that came with the page. */
async function builtIn(data) {
  const bytes = await unpack(data.counts);
  return { ...data, counts: new Int16Array(bytes.buffer) };
}

/** The number of one line: the only one, or the one after the time. NaN when there is none. */
function numberOf(line) {
  const cells = line.split(/[;\t,]/).map((cell) => cell.trim()).filter((cell) => cell !== "");
  if (cells.length < 1 || cells.length > 2) return NaN;
  const numbers = cells.map(Number);
  return numbers.every(Number.isFinite) ? numbers[numbers.length - 1] : NaN;
}

/** The numbers of a text file; lines at the top that hold none are headings. */
function parseNumbers(text) {
  const found = [];
  text.split(/\r?\n/).forEach((line, i) => {
    if (line.trim() === "") return;
    const value = numberOf(line);
    if (!Number.isNaN(value)) found.push(value);
    else if (found.length > 0 || i > 20)
      throw new Error(`line ${i + 1} is no number, and no time with a number; correct the file`);
  });
  return found;
}

/** Values on straight lines between the samples, at another rate. */
function resample(values, from, to) {
  if (from === to) return values;
  const n = Math.floor(((values.length - 1) * to) / from) + 1;
  return Array.from({ length: n }, (_, i) => {
    const at = (i * from) / to;
    const before = Math.min(Math.floor(at), values.length - 2);
    return values[before] + (at - before) * (values[before + 1] - values[before]);
  });
}

function median(values) {
  const sorted = Float64Array.from(values).sort();
  return sorted[sorted.length >> 1];
}

/** Whether values are counts already: integers of 16 bits, with enough of them in a millivolt. */
function areCounts(values, gain) {
  const fits = (v) => Number.isInteger(v) && Math.abs(v) <= COUNT_MAX;
  return gain >= COUNTS_PER_MV / 4 && values.every(fits);
}

/** A recording from the text of a file; `rate` in samples per second, `gain` in values per mV. */
function openText(text, name, rate, gain, fs) {
  const values = parseNumbers(text);
  if (values.length < SHORTEST_S * rate)
    throw new Error(`${name} holds less than ${SHORTEST_S} seconds; choose a longer recording`);
  if (values.length > LONGEST_S * rate)
    throw new Error(`${name} holds more than an hour; cut a part out of it`);
  const scale = areCounts(values, gain) ? 1 : COUNTS_PER_MV / gain;
  const offset = scale === 1 ? 0 : median(values);
  const counts = Int16Array.from(resample(values, rate, fs), (value) => {
    const count = Math.floor((value - offset) * scale + 0.5);
    return Math.max(-COUNT_MAX, Math.min(COUNT_MAX, count));
  });
  const changed = [];
  if (rate !== fs) changed.push(`resampled from ${rate} to ${fs} Hz along straight lines`);
  if (scale !== 1) changed.push(`scaled to ${COUNTS_PER_MV} counts per mV`);
  return {
    name, counts, gain: gain * scale, baseline: median(counts), reference: [],
    note: changed.length ? `The file was ${changed.join(" and ")}; ecgedge itself may differ.` : "",
  };
}
