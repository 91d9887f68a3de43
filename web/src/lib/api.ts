import { clock } from './clock';
import { session } from './session';

/** The server answered and said no: `code` is a stable word, `detail` a sentence for people. */
export class ApiError extends Error {
  constructor(
    readonly status: number,
    readonly code: string,
    readonly detail: string,
    readonly extra: Record<string, any> = {},
  ) {
    super(`${status} ${code}`);
  }

  /** How long the server asks us to wait before another try, in ms. */
  get retryMs(): number {
    return Number(this.extra.retry_ms ?? 0);
  }
}

/** Nothing came back. Whether the server did what was asked is unknown. */
export class NetworkError extends Error {}

export type CallOptions = { headers?: Record<string, string>; timeout?: number; signal?: AbortSignal };

const defaultTimeout = 15_000;

/**
 * One API call: path below /api/v1, JSON in and out. A Blob body is sent as it is.
 * Rejects with ApiError or NetworkError, nothing else.
 */
export async function call<T>(method: string, path: string, body?: unknown, options: CallOptions = {}): Promise<T> {
  const headers: Record<string, string> = { Accept: 'application/json', ...session.headers, ...options.headers };
  let payload: BodyInit | undefined;
  if (body instanceof Blob) {
    payload = body;
    headers['Content-Type'] = body.type;
  } else if (body !== undefined) {
    payload = JSON.stringify(body);
    headers['Content-Type'] = 'application/json';
  }
  const limit = AbortSignal.timeout(options.timeout ?? defaultTimeout);
  let response: Response, text: string;
  try {
    response = await fetch(`/api/v1${path}`, {
      method,
      headers,
      body: payload,
      credentials: session.credentials,
      signal: options.signal ? AbortSignal.any([limit, options.signal]) : limit,
    });
    clock.coarse(response.headers.get('Date'));
    text = await response.text();
  } catch (cause) {
    throw new NetworkError(`${method} ${path}`, { cause });
  }
  const answer = decode(text);
  if (!response.ok) throw refusal(response, answer);
  return answer as T;
}

export const get = <T>(path: string, options?: CallOptions) => call<T>('GET', path, undefined, options);
export const post = <T>(path: string, body?: unknown, options?: CallOptions) => call<T>('POST', path, body, options);
export const put = <T>(path: string, body?: unknown) => call<T>('PUT', path, body);
export const patch = <T>(path: string, body?: unknown) => call<T>('PATCH', path, body);
export const remove = <T>(path: string) => call<T>('DELETE', path);

function decode(text: string): unknown {
  try {
    return text ? JSON.parse(text) : null;
  } catch {
    return null; // a proxy's page, not ours
  }
}

function refusal(response: Response, answer: unknown): ApiError {
  const problem = (answer ?? {}) as Record<string, any>;
  const { code, detail, ...extra } = problem;
  const seconds = Number(response.headers.get('Retry-After'));
  if (extra.retry_ms === undefined && seconds > 0) extra.retry_ms = seconds * 1000;
  return new ApiError(response.status, code ?? `http_${response.status}`, detail ?? '', extra);
}
