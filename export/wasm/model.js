"use strict";

/* The program: a WebAssembly module that takes samples and decides beats. */

const QUALITIES = ["good", "flat", "clipped"];

/** Bytes of a base64 text that holds a gzip file. */
async function unpack(text) {
  const packed = Uint8Array.from(atob(text), (c) => c.charCodeAt(0));
  const stream = new Blob([packed]).stream().pipeThrough(new DecompressionStream("gzip"));
  return new Uint8Array(await new Response(stream).arrayBuffer());
}

/** The beat that lies at `place` of the module's memory: `ecgedge_beat` of ecgedge.h. */
function readBeat(memory, place, labels, context) {
  const view = new DataView(memory.buffer, place);
  const rr = 8 + 4 * labels.length;
  const after = rr + 2 + context;
  return {
    sample: view.getUint32(0, true),
    decidedAt: view.getUint32(4, true),
    scores: labels.map((_, i) => view.getInt32(8 + 4 * i, true)),
    rr: view.getUint16(rr, true),
    context: Array.from({ length: context }, (_, i) => view.getInt8(rr + 2 + i)),
    label: labels[view.getUint8(after)],
    quality: QUALITIES[view.getUint8(after + 1)],
    searchBack: view.getUint8(after + 2) === 1,
  };
}

/** Start the module, whose beats say `context` values; `push` and `flush` return the beat that is decided, or null. */
async function openModel(bytes, labels, context) {
  const module = (await WebAssembly.instantiate(bytes)).instance.exports;
  const newest = () => readBeat(module.memory, module.beat(), labels, context);
  return {
    start: () => module.start(),
    push: (sample) => (module.push(sample) ? newest() : null),
    flush: () => (module.flush() ? newest() : null),
  };
}

/** Push samples from `from` to `to`, add what they decide to `beats`; at the end, what waits. */
function advance(model, counts, beats, from, to) {
  const keep = (beat) => {
    if (beat) beats.push(beat);
    return beat;
  };
  for (let i = from; i < to; i++) keep(model.push(counts[i]));
  if (from < to && to === counts.length) while (keep(model.flush()));
}
