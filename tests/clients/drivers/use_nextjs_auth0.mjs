// What `tokenvault usage --lang nextjs-auth0` prints, imported by an application: login, connect, exchange.
import { NextRequest, NextResponse } from "next/server.js";
import { browse, check, done, user } from "./common.mjs";
import { auth0, callTheProvider, connect } from "./program.mjs";

const base = process.env.APP_BASE_URL;
const cookies = new Map();

async function visit(address) {
  const answer = await auth0.middleware(request(address));
  for (const cookie of answer.cookies.getAll()) {
    if (cookie.value) cookies.set(cookie.name, cookie.value);
    else cookies.delete(cookie.name);
  }
  check(answer.headers.get("location"), `${answer.status} without a location`);
  return answer.headers.get("location");
}

function request(address) {
  const cookie = [...cookies].map(([name, value]) => `${name}=${value}`).join("; ");
  return new NextRequest(new URL(address, base), { headers: { cookie } });
}

await visit(await browse(await visit("/auth/login")));
check((await auth0.getSession(request("/")))?.user.sub === user, "no session");
done("login");

const exchange = () => callTheProvider(request("/"), NextResponse.next());
const refused = await exchange().catch((e) => e);
check(refused.constructor.name === "AccessTokenForConnectionError", `refused with ${refused}`);

const query = new URLSearchParams([["connection", connect.connection], ...connect.scopes.map((one) => ["scopes", one])]);
await visit(await browse(await visit(`/auth/connect?${query}`)));
done("connect");

check(await exchange());
done("exchange of a refresh token");
