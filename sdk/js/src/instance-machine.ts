import { backoff } from "./backoff.js";
import { TicketError } from "./errors.js";

/** How an instance is. */
export type InstanceState =
  /** It is being registered, for the first time or again; what is wrong, where something is. */
  | { status: "registering"; problem?: TicketError }
  /** The host has it under this id. */
  | { status: "ready"; instanceId: string }
  /** Nobody keeps it any more. */
  | { status: "stopped" };

/** What to do next. */
export type InstanceStep = { do: "register" } | { do: "heartbeat"; instanceId: string } | { do: "wait"; until: number } | { do: "nothing" };

/** How an instance is kept. Pure: times, in milliseconds, and chance are given. */
export class InstanceMachine {
  state: InstanceState = { status: "registering" };
  #failures = 0;
  #due: number;
  readonly #every: number;

  constructor(every: number, now: number) {
    this.#every = every;
    this.#due = now;
  }

  step(now: number): InstanceStep {
    if (this.state.status === "stopped") return { do: "nothing" };
    if (now < this.#due) return { do: "wait", until: this.#due };
    if (this.state.status === "registering") return { do: "register" };
    return { do: "heartbeat", instanceId: this.state.instanceId };
  }

  registered(told: string | TicketError, now: number, random: number): void {
    if (this.state.status === "stopped") return;
    if (typeof told === "string") {
      this.#failures = 0;
      this.#due = now + this.#every;
      this.state = { status: "ready", instanceId: told };
      return;
    }
    // Whatever it is: an operator may give the capability or register the scope later.
    this.#failures += 1;
    this.#due = now + Math.max(told.retryAfter ?? 0, backoff(1_000, 60_000, this.#failures, random));
    this.state = { status: "registering", problem: told };
  }

  beaten(error: TicketError | undefined, now: number, random: number): void {
    if (this.state.status !== "ready") return;
    if (!error) {
      this.#failures = 0;
      this.#due = now + this.#every;
    } else if (error.status === 404) {
      // The host does not have it any more: registered at once.
      this.#failures = 0;
      this.#due = now;
      this.state = { status: "registering" };
    } else {
      this.#failures += 1;
      this.#due = now + Math.min(backoff(1_000, 60_000, this.#failures, random), this.#every);
    }
  }

  stop(): void {
    this.state = { status: "stopped" };
  }
}

/** Who was asked for lately, so that nobody is asked for too often. */
export class Cooling {
  readonly #each: number;
  readonly #targets = new Map<string, number>();
  #all = 0;

  constructor(each: number) {
    this.#each = each;
  }

  /** How long to wait before asking for this target; `force` is only held up by what the host said. */
  left(target: string, force: boolean, now: number): number {
    for (const [name, until] of this.#targets) if (until <= now) this.#targets.delete(name);
    const own = force ? 0 : (this.#targets.get(target) ?? 0);
    return Math.max(Math.max(own, this.#all) - now, 0);
  }

  asked(target: string, error: TicketError | undefined, now: number): void {
    if (!error) this.#targets.set(target, now + this.#each);
    // People are not asked again before their time.
    else if (error.code.startsWith("approval-") && error.retryAfter) this.#targets.set(target, now + error.retryAfter);
    else if (error.status === 429) this.#all = now + (error.retryAfter ?? 6_000);
  }
}
