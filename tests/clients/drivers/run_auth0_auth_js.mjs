// @auth0/auth0-auth-js: login, refresh for another API, connect with its token, exchange, userinfo, logout.
import { AuthClient } from "@auth0/auth0-auth-js";
import { browse, check, connection, domain, done, scope, user, web } from "./common.mjs";

const callback = web.callbacks[0];
const client = new AuthClient({
  domain,
  clientId: web.client_id,
  clientSecret: web.client_secret,
  authorizationParams: { redirect_uri: callback, scope: "openid profile email offline_access" },
});

const { authorizationUrl, codeVerifier } = await client.buildAuthorizationUrl();
const tokens = await client.getTokenByCode(new URL(await browse(authorizationUrl)), { codeVerifier });
check(tokens.claims.sub === user && tokens.refreshToken);
done("login");

check((await client.getUserInfo({ accessToken: tokens.accessToken })).sub === user);
done("userinfo");

const refused = await client.getTokenForConnection({ connection, refreshToken: tokens.refreshToken }).catch((e) => e);
check(refused.cause?.error === "federated_connection_refresh_token_not_found", `refused with ${refused}`);
done("refusal with its error");

const audience = `https://${domain}/me/`;
const mine = await client.getTokenByRefreshToken({ refreshToken: tokens.refreshToken, audience });
check(mine.scope.includes("create:me:connected_accounts"), mine.scope);
done("refresh for My Account API");

async function myAccount(path, body) {
  const headers = { authorization: `Bearer ${mine.accessToken}`, "content-type": "application/json" };
  const answer = await fetch(`${audience}v1/connected-accounts/${path}`, { method: "POST", headers, body: JSON.stringify(body) });
  check(answer.status === 201, await answer.clone().text());
  return answer.json();
}

const begun = await myAccount("connect", { connection, redirect_uri: callback, state: "s", scopes: ["email", scope] });
const back = new URL(await browse(`${begun.connect_uri}?ticket=${begun.connect_params.ticket}`));
const connect_code = back.searchParams.get("connect_code");
await myAccount("complete", { auth_session: begun.auth_session, connect_code, redirect_uri: callback });
done("connect");

const exchanged = await client.getTokenForConnection({ connection, refreshToken: tokens.refreshToken });
check(exchanged.accessToken && exchanged.scope.split(" ").includes(scope), exchanged.scope);
done("exchange");

const leaving = await client.buildLogoutUrl({ returnTo: "https://app.example.com/" });
check((await browse(leaving)).startsWith("https://app.example.com/"));
done("logout");
