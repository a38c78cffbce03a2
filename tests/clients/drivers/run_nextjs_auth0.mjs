// @auth0/nextjs-auth0, server side: its own routes for login, callback and connect, then exchange, list, disconnect.
import { Auth0Client } from "@auth0/nextjs-auth0/server";
import { NextRequest, NextResponse } from "next/server.js";
import { browse, check, connection, domain, done, scope, user, web } from "./common.mjs";

const base = "https://app.example.com";
const auth0 = new Auth0Client({
  domain,
  clientId: web.client_id,
  clientSecret: web.client_secret,
  appBaseUrl: base,
  secret: "0123456789abcdef0123456789abcdef0123456789abcdef0123456789abcdef",
  enableConnectAccountEndpoint: true,
  authorizationParameters: { scope: "openid profile email offline_access" },
});

const cookies = new Map();

// One request of the browser to the application, with the cookies that it was given.
async function visit(address) {
  const answer = await auth0.middleware(request(address));
  for (const cookie of answer.cookies.getAll()) {
    if (cookie.value) cookies.set(cookie.name, cookie.value);
    else cookies.delete(cookie.name);
  }
  return answer;
}

function request(address) {
  const cookie = [...cookies].map(([name, value]) => `${name}=${value}`).join("; ");
  return new NextRequest(new URL(address, base), { headers: { cookie } });
}

const location = (answer) => {
  check(answer.headers.get("location"), `${answer.status} without a location`);
  return answer.headers.get("location");
};

const login = await visit("/auth/login");
const callback = await visit(await browse(location(login)));
check(callback.status === 307, `the callback answered ${callback.status}`);
const session = await auth0.getSession(request("/"));
check(session?.user.sub === user, "no session");
done("login");

const exchange = () => auth0.getAccessTokenForConnection({ connection }, request("/"), NextResponse.next());
const refused = await exchange().catch((e) => e);
check(refused.cause?.code === "federated_connection_refresh_token_not_found", `refused with ${refused}`);
done("refusal with its error");

const query = new URLSearchParams([["connection", connection], ["scopes", "email"], ["scopes", scope]]);
const connect = await visit(`/auth/connect?${query}`);
const connected = await visit(await browse(location(connect)));
check(connected.status === 307, `the callback answered ${connected.status}`);
done("connect");

check((await exchange()).token);
done("exchange");

const listed = await auth0.getConnectedAccounts(request("/"), NextResponse.next());
check(listed.length === 1 && listed[0].connection === connection && listed[0].scopes.includes(scope));
done("list");

await auth0.disconnectAccount({ connection }, request("/"), NextResponse.next());
check((await auth0.getConnectedAccounts(request("/"), NextResponse.next())).length === 0);
done("disconnect");

const leaving = await visit("/auth/logout");
check((await browse(location(leaving))).startsWith(base));
done("logout");
