// What the Node drivers share. A driver says each flow that it went through, one a line, and fails loudly.
export const env = (name) => process.env[`CLIENTS_${name}`];
export const domain = env("DOMAIN");
export const web = JSON.parse(env("WEB"));
export const apiClient = JSON.parse(env("API_CLIENT"));
export const [refreshToken, accessToken] = [env("REFRESH_TOKEN"), env("ACCESS_TOKEN")];
export const [user, connection] = [env("USER"), "google-oauth2"];
export const scope = "https://www.googleapis.com/auth/calendar.events";

export const done = (flow) => console.log(`flow ${flow}`);

export function check(condition, problem) {
  if (!condition) throw new Error(problem ?? "not as it should be");
}

// Where a person's visit ends.
export async function browse(address) {
  const answer = await fetch(`${env("PERSON")}?${new URLSearchParams({ url: String(address) })}`);
  const body = await answer.json();
  check(answer.ok, body.error);
  return body.url;
}
