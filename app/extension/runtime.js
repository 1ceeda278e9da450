// ONNX Runtime Web behind a function: arrays in, outputs by name.

/**
 * Open an ONNX graph with one input, `image`.
 * @param {Object} ort the runtime's module.
 * @param {Uint8Array} graph
 * @param {string[]} providers of execution, the preferred first.
 * @returns {Promise<(data: Uint8Array | Float32Array, shape: number[]) => Promise<Object>>}
 */
export async function open(ort, graph, providers = ["wasm"]) {
  const session = await ort.InferenceSession.create(graph, { executionProviders: providers });
  return (data, shape) => {
    const type = data instanceof Float32Array ? "float32" : "uint8";
    return session.run({ image: new ort.Tensor(type, data, shape) });
  };
}
