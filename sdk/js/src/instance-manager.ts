import { EventEmitter } from "node:events";
import { sleep, unless } from "./backoff.js";
import type { Client } from "./client.js";
import { asTicketError, TicketError } from "./errors.js";
import { Cooling, InstanceMachine, type InstanceState } from "./instance-machine.js";
import type { IssuedTicket, Transport } from "./model.js";

/** What is offered, and how. */
export interface InstanceOptions {
  /** The capability, such as `shell:connect`. */
  scope: string;
  /** How the instance is reached. */
  transport: Transport;
  /** Milliseconds between two heartbeats; a minute. The host takes an instance for stale after five of silence. */
  heartbeat?: number;
  /** Milliseconds between two tickets for one target; two minutes. */
  cooldown?: number;
}

/**
 * Registers an instance and keeps it alive until it is stopped: registered again where the host lost it, and tried until it
 * works where it does not at first. Emits `state` with each {@link InstanceState}.
 */
export class InstanceManager extends EventEmitter {
  readonly #client: Client;
  readonly #options: InstanceOptions;
  readonly #machine: InstanceMachine;
  readonly #cooling: Cooling;
  readonly #stop = new AbortController();
  readonly #done: Promise<void>;

  constructor(client: Client, options: InstanceOptions) {
    super();
    this.#client = client;
    this.#options = options;
    this.#machine = new InstanceMachine(options.heartbeat ?? 60_000, Date.now());
    this.#cooling = new Cooling(options.cooldown ?? 120_000);
    this.#done = this.#run();
  }

  /** How it is. */
  get state(): InstanceState {
    return this.#machine.state;
  }

  /** Waits until it is registered; its id. */
  async ready(): Promise<string> {
    for (;;) {
      const { state } = this;
      if (state.status === "ready") return state.instanceId;
      if (state.status === "stopped") throw new TicketError("not-ready", "the instance was stopped");
      await new Promise((resolve) => this.once("state", resolve));
    }
  }

  /**
   * Asks for a ticket that admits `target`. With `force` also where one was asked for a moment ago; never before the host's
   * own `Retry-After` is over.
   */
  async requestTicket(target: string, force = false): Promise<IssuedTicket> {
    const { state } = this;
    if (state.status !== "ready") throw new TicketError("not-ready", "the instance is not registered yet");
    const left = this.#cooling.left(target, force, Date.now());
    if (left > 0) {
      const message = `wait for ${Math.ceil(left / 1000)} s before asking again`;
      throw new TicketError("cooling-down", message, { retryAfter: left });
    }
    try {
      const ticket = await this.#client.requestTicket(this.#options.scope, state.instanceId, target);
      this.#cooling.asked(target, undefined, Date.now());
      return ticket;
    } catch (thrown) {
      const error = asTicketError(thrown);
      this.#cooling.asked(target, error, Date.now());
      throw error;
    }
  }

  /**
   * The same, and where people have to approve it, waits for them, at most for `within` milliseconds, and asks again then.
   * Throws `approval-waiting` where they did not decide until then, `approval-rejected` or `approval-expired` where they said
   * no, or nothing in their time.
   */
  async requestTicketWhenApproved(target: string, within: number): Promise<IssuedTicket> {
    const end = Date.now() + within;
    for (;;) {
      try {
        return await this.requestTicket(target);
      } catch (thrown) {
        const error = asTicketError(thrown);
        if (error.code !== "approval-waiting" || !error.approval) throw error;
        const told = await this.#client.decided(error.approval, end - Date.now());
        if (told.state === "waiting") throw error;
      }
    }
  }

  /**
   * Stops keeping it. The host keeps the instance, its assignments and the sessions of others for a while (an hour, unless
   * configured otherwise): the next start goes on with it.
   */
  async leave(): Promise<void> {
    this.#stop.abort();
    await this.#done;
  }

  /** Stops, and takes the instance back: its sessions end, and an operator has to assign everybody anew. */
  async deregister(): Promise<void> {
    const { state } = this;
    await this.leave();
    if (state.status === "ready") await this.#client.deregisterInstance(state.instanceId);
  }

  async #run(): Promise<void> {
    const { signal } = this.#stop;
    // Whoever made it can listen first.
    await sleep(0, signal);
    while (!signal.aborted) {
      const before = this.#machine.state;
      const step = this.#machine.step(Date.now());
      if (step.do === "wait") {
        await sleep(step.until - Date.now(), signal);
      } else if (step.do === "register") {
        const { scope, transport } = this.#options;
        const told = await unless(signal, this.#client.registerInstance(scope, transport).catch(asTicketError));
        if (told !== undefined) this.#machine.registered(told, Date.now(), Math.random());
      } else if (step.do === "heartbeat") {
        const told = await unless(signal, this.#client.instanceHeartbeat(step.instanceId).catch(asTicketError));
        if (!signal.aborted) this.#machine.beaten(told ?? undefined, Date.now(), Math.random());
      }
      if (before !== this.#machine.state) this.emit("state", this.#machine.state);
    }
    this.#machine.stop();
    this.emit("state", this.#machine.state);
  }
}
