/**
 * How long to wait, in milliseconds, before the try after `failures` failed ones: waits double up to a longest, and chance
 * (between 0 and 1) shortens each by up to a half, so that many who lost the same host do not come back together.
 */
export function backoff(first: number, longest: number, failures: number, random: number): number {
  const doubled = first * 2 ** Math.min(Math.max(failures - 1, 0), 16);
  return Math.min(doubled, longest) * (1 - Math.min(Math.max(random, 0), 1) / 2);
}

/** Waits; ends early, without an error, when it is aborted. */
export function sleep(milliseconds: number, signal?: AbortSignal): Promise<void> {
  return new Promise((resolve) => {
    if (signal?.aborted) return resolve();
    const done = (): void => {
      clearTimeout(timer);
      signal?.removeEventListener("abort", done);
      resolve();
    };
    const timer = setTimeout(done, milliseconds);
    signal?.addEventListener("abort", done);
  });
}

/** What comes of some work; undefined as soon as it is aborted, whatever comes of it then. */
export function unless<T>(signal: AbortSignal, work: Promise<T>): Promise<T | undefined> {
  return new Promise((resolve, reject) => {
    const abort = (): void => resolve(undefined);
    if (signal.aborted) abort();
    signal.addEventListener("abort", abort, { once: true });
    work.then(resolve, reject).finally(() => signal.removeEventListener("abort", abort));
  });
}
