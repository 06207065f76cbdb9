// Runs the functions of an exported page in Node, without its controls.
//     node page.mjs PAGE beats                    the beats of the page's own recording
//     node page.mjs PAGE open FILE RATE GAIN FS   a file as the page reads it, or what it says
import { readFileSync } from "node:fs";
import { runInThisContext } from "node:vm";

const [page, what, file, ...numbers] = process.argv.slice(2);
const text = readFileSync(page, "utf8");
const data = JSON.parse(/<script type="application\/json" id="data">(.*?)<\/script>/s.exec(text)[1]);
const script = /<script>\n(.*)<\/script>/s.exec(text)[1].split("/* The page:")[0];
runInThisContext(script);

async function beats() {
  const model = await openModel(await unpack(data.model.wasm), data.model.labels, data.model.context);
  const { counts } = await builtIn(data.recording);
  const found = [];
  model.start();
  const half = counts.length >> 1;
  advance(model, counts, found, 0, half);
  advance(model, counts, found, half, counts.length);
  return found;
}

function open() {
  try {
    const recording = openText(readFileSync(file, "utf8"), "own", ...numbers.map(Number));
    return { ...recording, counts: Array.from(recording.counts) };
  } catch (error) {
    return { problem: error.message };
  }
}

console.log(JSON.stringify(await { beats, open }[what]()));
