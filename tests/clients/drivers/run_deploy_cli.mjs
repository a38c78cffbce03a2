// auth0-deploy-cli: exports the tenant, and imports what it exported.
import fs from "node:fs";
import os from "node:os";
import path from "node:path";
import deploy from "auth0-deploy-cli";
import { check, domain, done, env } from "./common.mjs";

const { client_id, client_secret } = JSON.parse(env("DEPLOY"));
const folder = fs.mkdtempSync(path.join(os.tmpdir(), "deploy-"));
const config = {
  AUTH0_DOMAIN: domain,
  AUTH0_CLIENT_ID: client_id,
  AUTH0_CLIENT_SECRET: client_secret,
  AUTH0_ALLOW_DELETE: false,
  AUTH0_INCLUDED_ONLY: ["tenant", "clients", "connections", "resourceServers", "clientGrants"],
};
try {
  await deploy.dump({ output_folder: folder, format: "yaml", config });
  const exported = fs.readFileSync(path.join(folder, "tenant.yaml"), "utf8");
  check(exported.includes("Clients Web") && exported.includes("Clients API Client"), "the export lacks applications");
  done("export");
  await deploy.deploy({ input_file: path.join(folder, "tenant.yaml"), config });
  done("import");
} finally {
  fs.rmSync(folder, { recursive: true, force: true });
}
