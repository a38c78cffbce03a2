// @auth0/ai: a tool that is protected by the Token Vault, with a refresh token and with an access token.
import { createRequire } from "node:module";
import { accessToken, apiClient, check, connection, domain, done, refreshToken, scope, web } from "./common.mjs";

// its ES modules are for bundlers: Node.js alone loads the CommonJS ones
const require = createRequire(import.meta.url);
const { MemoryStore } = require("@auth0/ai/stores");
const { getCredentialsFromTokenVault, SUBJECT_TOKEN_TYPES, TokenVaultAuthorizerBase } = require("@auth0/ai/TokenVault");

async function run(client, scopes, token) {
  const auth0 = { domain, clientId: client.client_id, clientSecret: client.client_secret };
  const authorizer = new TokenVaultAuthorizerBase(auth0, { connection, scopes, store: new MemoryStore(), ...token });
  const tool = authorizer.protect(() => ({ threadID: "t", toolName: "tool", toolCallID: "1" }), async () => getCredentialsFromTokenVault());
  return tool();
}

const byRefreshToken = { refreshToken: async () => refreshToken };
check((await run(web, [scope], byRefreshToken)).accessToken);
done("exchange of a refresh token");

const byAccessToken = { accessToken: async () => accessToken, subjectTokenType: SUBJECT_TOKEN_TYPES.SUBJECT_TYPE_ACCESS_TOKEN };
check((await run(apiClient, [scope], byAccessToken)).accessToken);
done("exchange of an access token");

const refused = await run(web, ["https://www.googleapis.com/auth/drive"], byRefreshToken).then(
  () => undefined,
  (interrupt) => interrupt,
);
check(refused?.connection === connection, `no interrupt: ${refused}`);
done("interrupt for a missing scope");
