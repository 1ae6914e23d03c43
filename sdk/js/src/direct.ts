import { lookup } from "node:dns/promises";
import { type BlockList, connect, isIP, isIPv4, type Socket } from "node:net";
import { canonical, isPublic, networks } from "./addresses.js";
import { TicketError } from "./errors.js";
import type { DirectHost } from "./model.js";

const PATIENCE = 10_000;

/** Names of this machine and of metadata services, whatever they resolve to. */
const CLOSED = ["localhost", "metadata", "metadata.google.internal", "instance-data"];
const CLOSED_ENDS = [".localhost", ".internal", ".local"];

/** An address that was looked at. */
export interface Pinned {
  address: string;
  port: number;
}

/** Who knows what a name leads to. */
export type Resolve = (name: string) => Promise<string[]>;

const system: Resolve = async (name) => (await lookup(name, { all: true })).map((found) => found.address);

/**
 * Goes to `direct` hosts: public addresses, and those of networks that were opened, such as `192.168.0.0/16` at home.
 *
 * A source says where it is reached, and the host looked at that when it was said. By now the name may lead elsewhere: into
 * the target's own network, for instance. So it is looked at again, and the connection goes to the address that was.
 */
export class Direct {
  readonly #opened: BlockList;
  readonly #any: boolean;
  readonly #resolve: Resolve;

  constructor(opened: string[] = [], resolve: Resolve = system) {
    const nets = networks(opened);
    if (!nets) throw new TicketError("config", "a network is written as 192.168.0.0/16");
    this.#opened = nets;
    this.#any = opened.length > 0;
    this.#resolve = resolve;
  }

  /** Whether an address may be gone to. */
  admits(address: string): boolean {
    const text = canonical(address);
    return isPublic(text) || (this.#any && this.#opened.check(text, isIPv4(text) ? "ipv4" : "ipv6"));
  }

  /** All addresses that a host leads to. One that is closed closes all. */
  async resolve(to: DirectHost): Promise<Pinned[]> {
    const name = parse(to.host);
    if (!name || !Number.isInteger(to.port) || to.port < 1024 || to.port > 65535) {
      throw new TicketError("direct-syntax", "a direct host is a hostname or IP address, with a port from 1024 on");
    }
    const is = (end: string): boolean => name.endsWith(end);
    // What was opened is opened by its address.
    if (!this.#any && (CLOSED.includes(name) || CLOSED_ENDS.some(is))) {
      throw new TicketError("direct-closed", `${name} is not public, and not in a network that was opened`);
    }
    const found = isIP(name) ? [name] : await this.#resolve(name).catch(() => []);
    if (found.length === 0) throw new TicketError("direct-unknown", `${to.host} does not resolve to an address`);
    const closed = found.find((address) => !this.admits(address));
    if (closed !== undefined) {
      const message = `${to.host} (${closed}) is not public, and not in a network that was opened`;
      throw new TicketError("direct-closed", message);
    }
    return found.map((address) => ({ address: canonical(address), port: to.port }));
  }

  /**
   * Connects to the first of them that answers. What is spoken there, and how the peer proves who it is, is yours: compare
   * its certificate with `peerCertificates` of the session's standing.
   */
  async connect(to: DirectHost): Promise<Socket> {
    for (const pinned of await this.resolve(to)) {
      const socket = await attempt(pinned);
      if (socket) return socket;
    }
    throw new TicketError("direct-unreachable", `no connection to ${to.host}`);
  }
}

function attempt({ address, port }: Pinned): Promise<Socket | undefined> {
  return new Promise((resolve) => {
    const socket = connect({ host: address, port });
    const end = (result: Socket | undefined): void => {
      clearTimeout(timer);
      socket.removeAllListeners();
      if (!result) {
        // What it says from here on is for nobody.
        socket.on("error", () => undefined);
        socket.destroy();
      }
      resolve(result);
    };
    const timer = setTimeout(() => end(undefined), PATIENCE);
    socket.once("connect", () => end(socket));
    socket.once("error", () => end(undefined));
  });
}

/** A host as a URL has it: every spelling of an address is that address. */
function parse(text: string): string | undefined {
  if (!/^[A-Za-z0-9\-._:[\]]{1,255}$/.test(text)) return undefined;
  const bracketed = isIP(text) === 6 ? `[${text}]` : text;
  try {
    const url = new URL(`http://${bracketed}/`);
    if (url.port !== "" || url.pathname !== "/" || (text.includes(":") && !bracketed.startsWith("["))) return undefined;
    return url.hostname.replace(/^\[|\]$/g, "").replace(/\.$/, "");
  } catch {
    return undefined;
  }
}
