// Names below .test lead to this machine, as a line in the hosts file would make them; loaded with --import.
import dns from "node:dns";

const lookup = dns.lookup;
dns.lookup = (host, ...rest) => lookup(host.endsWith(".test") ? "127.0.0.1" : host, ...rest);
