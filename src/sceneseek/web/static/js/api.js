/** Every word exchanged with the server, in one place. */

/** A refusal: what happened, what was found, what to do. `status` 0: the server could not be reached. */
export class ApiError extends Error {
  constructor(status, { message, found, expected } = {}) {
    super(message || `The server answered ${status}.`);
    this.status = status;
    this.found = found;
    this.expected = expected;
  }

  /** Message and advice in one sentence or two. */
  get words() {
    return [this.message, this.found && `Found: ${this.found}.`, this.expected && `Expected: ${this.expected}.`]
      .filter(Boolean)
      .join(" ");
  }
}

const SAFE = new Set(["GET", "HEAD"]);
let csrf = null;
let askForToken = () => {};

/** What to do when the server wants a token. */
export function onTokenWanted(callback) {
  askForToken = callback;
}

async function refusal(response) {
  const body = await response.json().catch(() => ({}));
  return new ApiError(
    response.status,
    body.error ?? { message: typeof body.detail === "string" ? body.detail : undefined },
  );
}

async function send(method, path, { json, form, signal } = {}) {
  const headers = { Accept: "application/json" };
  if (json !== undefined) headers["Content-Type"] = "application/json";
  if (!SAFE.has(method) && csrf) headers["X-CSRF-Token"] = csrf;
  let response;
  try {
    response = await fetch(path, {
      method,
      headers,
      signal,
      credentials: "same-origin",
      body: json !== undefined ? JSON.stringify(json) : form,
    });
  } catch (problem) {
    if (problem.name === "AbortError") throw problem;
    throw new ApiError(0, { message: "The server does not answer. Is it still running?" });
  }
  if (response.ok) return response;
  const problem = await refusal(response);
  if (response.status === 401 && path !== "api/login") askForToken(problem);
  throw problem;
}

/** Send a form, counting what has gone, which `fetch` does not tell. */
function sendCounted(path, form, sent) {
  return new Promise((done, refused) => {
    const request = new XMLHttpRequest();
    request.open("POST", path);
    request.setRequestHeader("Accept", "application/json");
    if (csrf) request.setRequestHeader("X-CSRF-Token", csrf);
    request.upload.addEventListener("progress", (event) => sent(event.loaded));
    request.addEventListener("load", () => {
      let body = {};
      try {
        body = JSON.parse(request.responseText);
      } catch {
        // A proxy's page; the status says enough.
      }
      if (request.status >= 200 && request.status < 300) return done(body);
      const problem = new ApiError(request.status, body.error ?? {});
      if (request.status === 401) askForToken(problem);
      return refused(problem);
    });
    const silent = { message: "The server does not answer, or ended the upload. Is it still running?" };
    request.addEventListener("error", () => refused(new ApiError(0, silent)));
    request.send(form);
  });
}

const read = async (path, options) => (await send("GET", path, options)).json();
const post = async (path, json, options) => (await send("POST", path, { json, ...options })).json();
const id = encodeURIComponent;

export const api = {
  health: () => read("api/health"),
  async gallery() {
    const gallery = await read("api/gallery");
    csrf = gallery.caller.csrf;
    return gallery;
  },
  media: (parameters) => read(`api/media?${new URLSearchParams(parameters)}`),

  query(picture, signal) {
    const form = new FormData();
    form.append("picture", picture, picture.name || "picture");
    return send("POST", "api/queries", { form, signal }).then((response) => response.json());
  },
  queryPeople: (queryId) => read(`api/queries/${id(queryId)}`),
  search: (body, signal) => post("api/search", body, { signal }),

  person: (detectionId) => read(`api/detections/${id(detectionId)}`),
  frame: (mediaKey, index) => read(`api/frames/${id(mediaKey)}/${index}`),
  frames: (mediaKey, parameters) => read(`api/media/${id(mediaKey)}/frames?${new URLSearchParams(parameters)}`),
  outline: (mediaKey, parts) => read(`api/media/${id(mediaKey)}/outline?parts=${parts}`),
  nameCamera: (body) => post("api/cameras", body),

  startIndexing: (body) => post("api/index", body),
  /** Upload files `[{file, path}]` with what is known of them; `sent(bytes)` is told how much has gone. */
  upload(files, facts, sent) {
    const form = new FormData();
    for (const [name, value] of Object.entries(facts)) form.append(name, value);
    for (const { file, path } of files) form.append("files", file, path);
    return sendCounted("api/uploads", form, sent);
  },
  jobs: () => read("api/jobs"),
  stop: (jobId) => send("DELETE", `api/jobs/${id(jobId)}`),

  /** A report as a file: `{blob, name}`. */
  async report(body) {
    const response = await send("POST", "api/reports", { json: body });
    const named = /filename="?([^";]+)"?/.exec(response.headers.get("Content-Disposition") ?? "");
    return { blob: await response.blob(), name: named?.[1] ?? `sceneseek-report.${body.format}` };
  },

  forget: (body) => post("api/forget", body),
  audit: (parameters) => read(`api/audit?${new URLSearchParams(parameters)}`),

  async login(token) {
    const answer = await post("api/login", { token });
    csrf = answer.csrf;
    return answer;
  },
  async logout() {
    await send("POST", "api/logout");
    csrf = null;
  },
};

/** Addresses of pictures. */
export const pictures = {
  QUERY_SIDE: 1600,
  query: (queryId, side) => `api/queries/${id(queryId)}/picture${side ? `?max_side=${side}` : ""}`,
  crop: (detectionId) => `api/detections/${id(detectionId)}/crop`,
  scene: (detectionId, side) => `api/detections/${id(detectionId)}/scene?max_side=${side}&boxes=0`,
  frame: (mediaKey, index, side) => `api/frames/${id(mediaKey)}/${index}/picture?max_side=${side}`,
  clip: (mediaKey, start, end) => `api/media/${id(mediaKey)}/clip?start_s=${start.toFixed(2)}&end_s=${end.toFixed(2)}`,
  events: (jobId) => `api/jobs/${id(jobId)}/events`,
};

/** Why a picture or clip did not come: asked once more as JSON, since an <img> only says that it failed. */
export async function whyNot(address) {
  try {
    const response = await fetch(address, { headers: { Accept: "application/json" }, credentials: "same-origin" });
    if (response.ok) return "The picture could not be shown.";
    return (await refusal(response)).words;
  } catch {
    return "The server does not answer.";
  }
}
