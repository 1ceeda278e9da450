// Where pictures are judged: in Chromium the offscreen document, in Firefox the background page.

import { about } from "./bundle.js";
import { Detector } from "./detector.js";
import { toBytes } from "./messages.js";

const BUNDLE = new URL("../bundle/", import.meta.url);
const RUNTIME = new URL("../ort/", import.meta.url);
// More threads than this gain little on a network of this size.
const MOST_THREADS = 4;
const VARIANTS = {
  webgpu: { module: "ort.webgpu.min.mjs", loads: "ort-wasm-simd-threaded.asyncify" },
  wasm: { module: "ort.wasm.min.mjs", loads: "ort-wasm-simd-threaded" },
};

let loading = null;
let last = Promise.resolve();
let read = 0;
let total = 0;

/** The detector, loaded once and kept. */
function detector() {
  loading ??= load().catch((error) => {
    loading = null;
    throw error;
  });
  return loading;
}

async function load() {
  if (await hasGraphics()) {
    try {
      return await start("webgpu");
    } catch (error) {
      // A graphics driver may fail in any way, or compute something else: the processor does not.
      console.warn("WebGPU is not used:", error);
    }
  }
  return start("wasm");
}

async function start(provider) {
  const { module, loads } = VARIANTS[provider];
  const ort = await import(new URL(module, RUNTIME).href);
  ort.env.wasm.wasmPaths = {
    mjs: new URL(`${loads}.mjs`, RUNTIME).href,
    wasm: new URL(`${loads}.wasm`, RUNTIME).href,
  };
  const threads = Math.min(MOST_THREADS, navigator.hardwareConcurrency ?? 1);
  ort.env.wasm.numThreads = globalThis.crossOriginIsolated ? threads : 1;
  const providers = provider === "wasm" ? ["wasm"] : [provider, "wasm"];
  read = 0;
  total = Object.values((await about(BUNDLE)).bytes).reduce((sum, bytes) => sum + bytes);
  const loaded = await Detector.load(ort, BUNDLE, providers, (bytes) => (read += bytes));
  await loaded.probe();
  loaded.status.engine = provider === "wasm" ? `WASM × ${ort.env.wasm.numThreads}` : "WebGPU";
  return loaded;
}

/** Whether there is a graphics processor that computes in float16. */
async function hasGraphics() {
  const adapter = await navigator.gpu?.requestAdapter();
  return adapter?.features.has("shader-f16") ?? false;
}

/** What the judge answers, by what is asked. */
export const answers = {
  status: async () => (await detector()).status,
  // The share of the bundle that has been read, in [0, 1].
  progress: () => (total ? Math.min(1, read / total) : 0),
  check: ({ base64, box, notes }) => {
    // One at a time: two would only wait for each other's threads, and hold twice the memory.
    const judged = last.then(async () => {
      const loaded = await detector();
      const answer = await loaded.judge(toBytes(base64), { box, notes });
      return { answer, status: loaded.status };
    });
    last = judged.catch(() => {});
    return judged;
  },
};
