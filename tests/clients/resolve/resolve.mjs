// Names below .test lead to this machine, as a line in the hosts file would make them, and their port 443 to the
// sandbox's, as a proxy would: one client takes no domain with a port. Loaded with --import.
import dns from "node:dns";
import tls from "node:tls";

const isOurs = (host) => typeof host === "string" && host.endsWith(".test");

const lookup = dns.lookup;
dns.lookup = (host, ...rest) => lookup(isOurs(host) ? "127.0.0.1" : host, ...rest);

const connect = tls.connect;
tls.connect = (options, ...rest) =>
  isOurs(options?.host) && Number(options.port) === 443
    ? connect({ ...options, port: Number(process.env.CLIENTS_PORT) }, ...rest)
    : connect(options, ...rest);
