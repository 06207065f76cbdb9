// Runs WebAssembly modules in Node; files in, files out.
//
//     node wasm.mjs stream MODULE INPUT OUTPUT BEAT_BYTES
//         INPUT: samples, int16. OUTPUT: the beats as they lie in the module's memory.
//     node wasm.mjs beats MODULE INPUT OUTPUT COUNT WINDOW CONTEXT LAYER_BYTES
//         INPUT: COUNT beats, then their RR contexts, int8. OUTPUT: the layers of each.
import { readFileSync, writeFileSync } from "node:fs";

const PAGE = 65536;

function open(path) {
  return new WebAssembly.Instance(new WebAssembly.Module(readFileSync(path))).exports;
}

function stream(module, input, beatBytes) {
  const samples = new Int16Array(input.buffer, input.byteOffset, input.length >> 1);
  const beats = [];
  const keep = () => {
    const place = module.beat();
    beats.push(new Uint8Array(module.memory.buffer.slice(place, place + beatBytes)));
  };
  module.start();
  for (const sample of samples) if (module.push(sample)) keep();
  while (module.flush()) keep();
  return Buffer.concat(beats);
}

function beats(module, input, count, window, context, layerBytes) {
  if (module.library_layers_size() !== layerBytes) throw new Error("the layers have another size");
  const at = Math.ceil(module.__heap_base.value / 8) * 8;
  const contexts = at + count * window;
  const layers = Math.ceil((contexts + count * context) / 8) * 8;
  const end = layers + count * layerBytes;
  const missing = Math.ceil((end - module.memory.buffer.byteLength) / PAGE);
  if (missing > 0) module.memory.grow(missing);
  new Uint8Array(module.memory.buffer).set(input, at);
  module.library_network(at, contexts, count, layers);
  return Buffer.from(module.memory.buffer, layers, count * layerBytes);
}

const [what, path, from, to, ...numbers] = process.argv.slice(2);
const run = { stream, beats }[what];
writeFileSync(to, run(open(path), readFileSync(from), ...numbers.map(Number)));
