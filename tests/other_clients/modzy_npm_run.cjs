// What a program written with @modzy/modzy-sdk does, told as JSON.
// Standard input: {url, key, text: {model, version}, image: {model, version, png}}.
// The folder of its packages is the first argument.
"use strict";

const fs = require("fs");
const path = require("path");
const { createRequire } = require("module");

const installed = createRequire(path.join(process.argv[2], "package.json"));
const { ModzyClient } = installed("@modzy/modzy-sdk");

async function settled(client, job) {
  await client.blockUntilComplete(job);
  return client.getResult(job.jobIdentifier);
}

async function refusal(call) {
  try {
    return await call();
  } catch (error) {
    return { code: error.code, message: error.message };
  }
}

async function main() {
  const given = JSON.parse(fs.readFileSync(0, "utf8"));
  const client = new ModzyClient(given.url, given.key);
  const { model, version } = given.text;

  const text = await client.submitJobText(model, version, {
    first: { "input.txt": "refund of the invoice" },
    wrong: { "no-such-input": "nothing" },
  });
  const embedded = await client.submitJobEmbedded(given.image.model, given.image.version, "image/png", {
    picture: { "input.png": Buffer.from(given.image.png, "base64") },
  });
  const files = await client.submitJobFiles(model, version, {
    letter: { "input.txt": Buffer.from("für Müller: refund of the invoice ".repeat(40000)) },
  });
  const told = {
    text: { job: text, result: await settled(client, text) },
    embedded: await settled(client, embedded),
    files: await settled(client, files),
    details: await client.getJob(text.jobIdentifier),
    history: await client.getJobHistory(null, null, null, null, null, "TERMINATED", 1, 5, "DESC", "createdAt"),
    models: await client.getAllModels(),
    model: await client.getModel(model),
    byName: await client.getModelByName(given.text.name),
    related: await client.getRelatedModels(model),
    version: await client.getModelVersion(model, version),
    tags: await refusal(() => client.getAllTags()),
    refused: [
      await refusal(() => client.getModel("no-such-model")),
      await refusal(() => client.getJob("no-such-job")),
      await refusal(() => client.submitJobText(model, "77.0.0", { a: { "input.txt": "b" } })),
    ],
  };
  process.stdout.write(JSON.stringify(told));
}

main().catch((error) => {
  process.stderr.write(`${error.stack || JSON.stringify(error)}\n`);
  process.exit(1);
});
