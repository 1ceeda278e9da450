// The service's side of the page: requests, and problems that say what went wrong.

const PATIENCE = 10;

export class Problem extends Error {
  constructor(code, detail, retryAfter = 0) {
    super(detail);
    this.code = code;
    this.retryAfter = retryAfter;
  }
}

export class Service {
  // `base` is where the service is; the extension gives one of its own.
  constructor(base) {
    this.base = base;
    this.key = "";
  }

  status() {
    return this.#ask("", { headers: { Accept: "application/json" } }).then((r) => r.json());
  }

  // Judge a file; `waiting` is called when the service is busy and is asked again.
  predict(file, faces, waiting) {
    return this.#send("predict", file, faces, waiting).then((r) => r.json());
  }

  explain(file, faces, waiting) {
    return this.#send("explain", file, faces, waiting).then((r) => r.json());
  }

  report(file, faces) {
    return this.#send("report", file, faces, () => {}).then((r) => r.blob());
  }

  async #send(path, file, faces, waiting) {
    for (let tried = 1; ; tried++) {
      const body = new FormData();
      body.append("file", file, file.name || "image");
      body.append("faces", faces);
      try {
        return await this.#ask(path, { method: "POST", body });
      } catch (problem) {
        if (!problem.retryAfter || problem.code === "deadline" || tried === PATIENCE) throw problem;
        waiting();
        await new Promise((resolve) => setTimeout(resolve, 1000 * problem.retryAfter));
      }
    }
  }

  async #ask(path, options) {
    const headers = { ...options.headers };
    if (this.key) headers.Authorization = `Bearer ${this.key}`;
    let response;
    try {
      response = await fetch(new URL(path, this.base), { ...options, headers });
    } catch (error) {
      throw new Problem("offline", String(error));
    }
    if (response.ok) return response;
    const known = await response.json().catch(() => ({}));
    const retryAfter = Number(response.headers.get("Retry-After") ?? 0);
    throw new Problem(known.code ?? "offline", known.detail ?? response.statusText, retryAfter);
  }
}
