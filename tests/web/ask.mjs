// Run every program of a folder in onnxruntime-web and compare its answers with the original's: node ask.mjs FOLDER
//
// WebAssembly kernels, one thread: what a browser runs. One line for each program; any difference ends in exit code 1.

import { readFileSync, readdirSync } from 'node:fs';
import { join } from 'node:path';
import * as ort from 'onnxruntime-web';

const RELATIVE = 1e-4; // of a value
const ABSOLUTE = 1e-6; // of the largest value
const KNIFE = 3; // labels that may hang on less than that, in one program

const OPTIONS = { executionProviders: ['wasm'], logSeverityLevel: 3 };
const ARRAYS = {
  float32: (data) => Float32Array.from(data, (each) => each ?? NaN),
  int64: (data) => BigInt64Array.from(data, BigInt),
  string: (data) => data,
};

function fed({ type, dims, data }) {
  return new ort.Tensor(type, ARRAYS[type](data), dims);
}

function same(dims, others) {
  return dims.length === others.length && dims.every((side, axis) => side === others[axis]);
}

// Return how many values of one answer are wrong, the worst share of the tolerance, and what the first wrong one is.
function compared(answer, got, close) {
  if (!same(answer.dims, got.dims)) return { wrong: 1, said: `shape ${got.dims}, not ${answer.dims}` };
  const found = { wrong: 0, knife: 0, worst: 0, said: '' };
  const finite = answer.data.filter((each) => each !== null).map(Math.abs);
  const largest = finite.reduce((top, each) => Math.max(top, each), 0);
  const width = answer.data.length / answer.dims[0];
  answer.data.forEach((expected, place) => {
    const value = Number(got.data[place]);
    const row = Math.floor(place / width);
    if (expected === null ? Number.isNaN(value) : value === expected) return;
    const allowed = answer.exact ? 0 : RELATIVE * Math.abs(expected) + ABSOLUTE * largest;
    const used = Math.abs(value - expected) / allowed;
    if (used <= 1) {
      found.worst = Math.max(found.worst, used);
    } else if (answer.exact && answer.method === 'predict' && close.includes(row)) {
      found.knife += 1;
    } else {
      found.wrong += 1;
      found.said ||= `row ${row}: ${value}, not ${expected}`;
    }
  });
  return found;
}

// Ask one program everything; return the text of its line. Throws where an answer differs.
async function asked(folder, name) {
  const session = await ort.InferenceSession.create(readFileSync(join(folder, `${name}.onnx`)), OPTIONS);
  const methods = new Set();
  let [values, knife, worst] = [0, 0, 0];
  for (const { inputs, answers, close } of JSON.parse(readFileSync(join(folder, `${name}.json`), 'utf8'))) {
    const feeds = {};
    for (const each of session.inputNames) feeds[each] = fed(inputs[each]);
    const outputs = await session.run(feeds);
    for (const answer of answers) {
      if (answer.refused && outputs[answer.refused].data.some(Boolean)) throw new Error(`${answer.method}: a row is refused`);
      const found = compared(answer, outputs[answer.output], close);
      if (found.wrong) throw new Error(`${answer.method}: ${found.wrong} of ${answer.data.length} differ, ${found.said}`);
      methods.add(answer.method);
      values += answer.data.length;
      knife += found.knife;
      worst = Math.max(worst, found.worst);
    }
  }
  if (!values) throw new Error('nothing was compared');
  if (knife > KNIFE) throw new Error(`${knife} labels hang on less than the tolerance`);
  const edge = knife ? `, ${knife} on a knife edge` : '';
  return `${[...methods].join(', ')}: ${values} values${edge}, at most ${(100 * worst).toFixed(1)} % of the tolerance used`;
}

const [folder, least = '19'] = process.argv.slice(2);
ort.env.wasm.numThreads = 1;
ort.env.logLevel = 'error';
const names = readdirSync(folder).filter((each) => each.endsWith('.onnx')).map((each) => each.slice(0, -5)).sort();
let failed = names.length < Number(least) ? 1 : 0;
if (failed) console.error(`${names.length} programs in ${folder}, at least ${least} are expected`);
for (const name of names) {
  try {
    console.log(`  ${name}: ${await asked(folder, name)}`);
  } catch (error) {
    failed += 1;
    console.error(`  ${name}: WRONG: ${error.message ?? error}`);
  }
}
console.log(`${names.length} programs on onnxruntime-web ${ort.env.versions.web}, Node ${process.version}, ${failed} wrong`);
process.exit(failed ? 1 : 0);
