import { BlockList, isIP, isIPv4 } from "node:net";

/*
 * Which addresses are public. The same ranges as the host's: the IANA special-purpose registries (RFC 6890), the IPv6
 * global unicast allocation, and metadata addresses of cloud providers.
 */
const CLOSED_V4: [string, number][] = [
  ["0.0.0.0", 8],
  ["10.0.0.0", 8],
  ["100.64.0.0", 10],
  ["127.0.0.0", 8],
  ["168.63.129.16", 32],
  ["169.254.0.0", 16],
  ["172.16.0.0", 12],
  ["192.0.0.0", 24],
  ["192.0.2.0", 24],
  ["192.31.196.0", 24],
  ["192.52.193.0", 24],
  ["192.88.99.0", 24],
  ["192.168.0.0", 16],
  ["192.175.48.0", 24],
  ["198.18.0.0", 15],
  ["198.51.100.0", 24],
  ["203.0.113.0", 24],
  ["224.0.0.0", 3],
];

/** Inside 2000::/3, and not public all the same. */
const CLOSED_V6: [string, number][] = [
  ["2001::", 23],
  ["2001::", 32],
  ["2001:2::", 48],
  ["2001:db8::", 32],
  ["2002::", 16],
  ["2620:4f:8000::", 48],
  ["3ffe::", 16],
  ["3fff::", 20],
];

const closed = new BlockList();
for (const [net, prefix] of CLOSED_V4) closed.addSubnet(net, prefix, "ipv4");
for (const [net, prefix] of CLOSED_V6) closed.addSubnet(net, prefix, "ipv6");
const handedOut = new BlockList();
handedOut.addSubnet("2000::", 3, "ipv6");

/** The one spelling of an address: `::ffff:10.0.0.1` goes where `10.0.0.1` does. */
export function canonical(address: string): string {
  if (isIP(address) !== 6) return address;
  // A URL writes an IPv6 address in hex groups.
  const text = new URL(`http://[${address.replace(/%.*$/, "")}]`).hostname.slice(1, -1);
  const mapped = /^::ffff:([0-9a-f]{1,4}):([0-9a-f]{1,4})$/.exec(text);
  if (!mapped?.[1] || !mapped[2]) return text;
  const [high, low] = [Number.parseInt(mapped[1], 16), Number.parseInt(mapped[2], 16)];
  return [high >> 8, high & 255, low >> 8, low & 255].join(".");
}

/** Whether an address is public. IPv6 spellings that carry an IPv4 address inside (mapped, NAT64, 6to4, …) are not. */
export function isPublic(address: string): boolean {
  if (isIPv4(address)) return !closed.check(address, "ipv4");
  if (isIP(address) !== 6) return false;
  const text = canonical(address);
  return !isIPv4(text) && handedOut.check(text, "ipv6") && !closed.check(text, "ipv6");
}

/** Networks, each as `192.168.0.0/16`; undefined where one is none. */
export function networks(list: string[]): BlockList | undefined {
  const nets = new BlockList();
  for (const text of list) {
    const [address = "", prefix = ""] = text.split("/");
    const family = isIP(address);
    const bits = /^\d{1,3}$/.test(prefix) ? Number(prefix) : Number.NaN;
    if (family === 0 || !(bits <= (family === 4 ? 32 : 128))) return undefined;
    nets.addSubnet(address, bits, family === 4 ? "ipv4" : "ipv6");
  }
  return nets;
}
