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
    return this.#ask("", { headers: { Accept: "application/json" } });
  }

  // Judge a file; `waiting` is called when the service is busy and is asked again.
  predict(file, faces, waiting) {
    return this.#send("predict", file, faces, waiting);
  }

  film(file, faces, waiting) {
    return this.#send("video", file, faces, waiting);
  }

  // The same video with boxes, verdicts and heatmaps.
  drawn(file, faces, waiting) {
    return this.#send("video", file, faces, waiting, "blob", { answer: "webm" });
  }

  explain(file, faces, waiting) {
    return this.#send("explain", file, faces, waiting);
  }

  report(file, faces) {
    return this.#send("report", file, faces, () => {}, "blob");
  }

  async #send(path, file, faces, waiting, kind = "json", fields = {}) {
    for (let tried = 1; ; tried++) {
      const body = new FormData();
      body.append("file", file, file.name || "image");
      body.append("faces", faces);
      for (const [name, value] of Object.entries(fields)) body.append(name, value);
      try {
        return await this.#ask(path, { method: "POST", body }, kind);
      } catch (problem) {
        if (!problem.retryAfter || problem.code === "deadline" || tried === PATIENCE) throw problem;
        waiting();
        await new Promise((resolve) => setTimeout(resolve, 1000 * problem.retryAfter));
      }
    }
  }

  // Return what is answered, as `json` or a `blob`; an answer that breaks off is none.
  async #ask(path, options, kind = "json") {
    const headers = { ...options.headers };
    if (this.key) headers.Authorization = `Bearer ${this.key}`;
    let response;
    try {
      response = await fetch(new URL(path, this.base), { ...options, headers });
      if (response.ok) return await response[kind]();
    } catch (error) {
      throw new Problem("offline", String(error));
    }
    const known = await response.json().catch(() => ({}));
    const retryAfter = Number(response.headers.get("Retry-After") ?? 0);
    throw new Problem(known.code ?? "offline", known.detail ?? response.statusText, retryAfter);
  }
}
