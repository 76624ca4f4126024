// Answers questions about deliveries with the vendors' own packages: a JSON question a line on
// standard input, a JSON answer a line on standard output. See node.py beside it.

import { createRequire } from "node:module";
import { createInterface } from "node:readline";
import { isDeepStrictEqual } from "node:util";

const require = createRequire(import.meta.url);
// Packages log what they like; the lines on standard output are ours.
console.debug = console.info = console.log = console.error;

const isQuiet = async (check) => {
  try {
    await check();
    return true;
  } catch (error) {
    if (error instanceof TypeError || error instanceof ReferenceError) throw error;
    return false;
  }
};

// n8n's nodes ask the workflow that they are part of: here one that holds this delivery.
const checkedByN8n = async (node, { secret, headers, body, address }) => {
  const file = `${address}/package/dist/nodes/${node}/${node}TriggerHelpers.js`;
  const { verifySignature } = await import(file);
  const request = { header: (name) => headers[name], rawBody: Buffer.from(body) };
  return verifySignature.call({
    getRequestObject: () => request,
    getHeaderData: () => headers,
    getWorkflowStaticData: () => ({ webhookSecret: secret }),
  });
};

const questions = {
  async github_signs({ secret, body }) {
    const { sign } = await import("@octokit/webhooks-methods");
    return { "x-hub-signature-256": await sign(secret, body) };
  },

  async github({ secret, headers, body }) {
    const { verify } = await import("@octokit/webhooks-methods");
    return verify(secret, body, headers["x-hub-signature-256"]);
  },

  async linear({ secret, headers, body }) {
    const { LinearWebhookClient } = await import("@linear/sdk/webhooks");
    const client = new LinearWebhookClient(secret);
    return isQuiet(() => client.parseData(Buffer.from(body), headers["linear-signature"]));
  },

  async shopify({ secret, headers, body }) {
    await import("@shopify/shopify-api/adapters/web-api");
    const { ApiVersion, shopifyApi } = await import("@shopify/shopify-api");
    const shopify = shopifyApi({
      apiSecretKey: secret,
      apiKey: "none",
      apiVersion: Object.values(ApiVersion)[0],
      hostName: "shop.example",
      isEmbeddedApp: false,
      logger: { log: () => {} },
    });
    const rawRequest = new Request("https://hooks.example", { method: "POST", headers });
    return shopify.webhooks.validate({ rawBody: body, rawRequest });
  },

  async mux({ secret, headers, body }) {
    const { default: Mux } = await import("@mux/mux-node");
    const client = new Mux({ webhookSecret: secret, tokenId: "none", tokenSecret: "none" });
    return isQuiet(() => client.webhooks.unwrap(body, headers));
  },

  // Its answer is what Zoom would hear, so that handshakes can be compared as well.
  async zoom({ secret, headers, body }) {
    const { AwsLambdaReceiver } = await import("@zoom/rivet/marketplace");
    const receiver = new AwsLambdaReceiver({ webhooksSecretToken: secret });
    const answer = await receiver.start()({ headers, body, isBase64Encoded: false }, {}, () => {});
    return { status: answer.statusCode, body: answer.body };
  },

  async calendly(question) {
    return checkedByN8n("Calendly", question);
  },

  async typeform(question) {
    return checkedByN8n("Typeform", question);
  },

  async zendesk(question) {
    return checkedByN8n("Zendesk", question);
  },

  async vercel({ secret, headers, body, address }) {
    const file = `${address}/package/dist/runtime/server/lib/validators/vercel.js`;
    const { isValidVercelWebhook } = await import(file);
    const req = new Request("https://hooks.example", { method: "POST", body });
    const settings = { webhook: { vercel: { secretKey: secret } } };
    return isValidVercelWebhook({ req, node: { req: { headers } }, settings });
  },

  // What is wrong with a value by Discord's own description; a member it does not know is wrong.
  async discord({ shape, value }) {
    const shapes = await import("discord-api-spec/zod");
    const read = shapes[`${shape}Schema`].safeParse(value);
    if (!read.success) return read.error.issues.map((issue) => JSON.stringify(issue));
    return isDeepStrictEqual(read.data, value) ? [] : ["there are unknown members"];
  },

  async discord_paths() {
    return (await import("discord-api-spec")).pathsList;
  },

  github_examples() {
    return require("@octokit/webhooks-examples").flatMap(({ name, examples }) =>
      examples.map((example) => ({ name, body: JSON.stringify(example) })),
    );
  },
};

for await (const line of createInterface({ input: process.stdin })) {
  const { about, ...question } = JSON.parse(line);
  let answer;
  try {
    answer = { answer: await questions[about](question) };
  } catch (error) {
    answer = { error: String(error?.stack ?? error) };
  }
  process.stdout.write(`${JSON.stringify(answer)}\n`);
}
