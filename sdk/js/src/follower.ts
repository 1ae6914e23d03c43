import { backoff, sleep } from "./backoff.js";
import type { Client } from "./client.js";
import { asTicketError, TicketError } from "./errors.js";
import type { HostEvent } from "./sse.js";

/** What comes of following. */
export type Update =
  /** The stream is there. All that is comes first, up to `ready`. */
  | { type: "up" }
  /** The host told something. */
  | { type: "event"; event: HostEvent }
  /** The stream is not there; it is tried again by itself. Whoever needs to know polls meanwhile. */
  | { type: "down"; error: TicketError };

/** How long to wait before the stream is tried again. A host that has none is asked seldom. */
export function pause(error: TicketError, failures: number, random: number): number {
  const status = error.status ?? 0;
  if (status >= 400 && status < 500 && status !== 429) return 60_000 * (1 - random / 2);
  return Math.max(error.retryAfter ?? 0, backoff(250, 10_000, failures, random));
}

/** Follows the host's events until it is stopped: connects again whenever the stream ends. */
export class Follower {
  readonly #stop = new AbortController();
  /** Ends once it is stopped. */
  readonly done: Promise<void>;

  constructor(client: Client, told: (update: Update) => void) {
    this.done = this.#run(client, told);
  }

  /** Stops. */
  stop(): void {
    this.#stop.abort();
  }

  async #run(client: Client, told: (update: Update) => void): Promise<void> {
    const { signal } = this.#stop;
    for (let failures = 0; !signal.aborted; ) {
      let error = new TicketError("network", "the host closed the stream");
      let up = false;
      try {
        for await (const event of client.events(signal)) {
          if (signal.aborted) return;
          if (!up) told({ type: "up" });
          [up, failures] = [true, 0];
          told({ type: "event", event });
        }
      } catch (thrown) {
        error = asTicketError(thrown);
      }
      if (signal.aborted) return;
      failures += 1;
      told({ type: "down", error });
      await sleep(pause(error, failures, Math.random()), signal);
    }
  }
}
