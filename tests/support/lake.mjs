// For Node.js tests: TAP, and a lake of its own.
import { spawn } from "node:child_process";
import { mkdtemp, readFile, rm } from "node:fs/promises";
import { once } from "node:events";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { setTimeout as sleep } from "node:timers/promises";
import { isDeepStrictEqual, inspect } from "node:util";

let count = 0;
let failures = 0;

export function ok(condition, name, ...details) {
  console.log(`${condition ? "ok" : "not ok"} ${++count} - ${name}`);
  if (!condition) {
    failures++;
    for (const detail of details) console.log("#   " + String(detail).replaceAll("\n", "\n#   "));
  }
}

export function equal(actual, expected, name) {
  ok(isDeepStrictEqual(actual, expected), name, `got:      ${inspect(actual)}`, `expected: ${inspect(expected)}`);
}

export function done() {
  console.log(`1..${count}`);
  process.exitCode = failures ? 1 : 0;
}

// A missing peer: a skip on a user's machine, a failure in CI.
export function skipAll(reason) {
  if (process.env.CI === "true") ok(false, reason), done();
  else console.log("1..0 # SKIP " + reason);
  process.exit();
}

// Starts a lake, calls test({ url, folder, config }), stops it. config is for the SDK's clients.
export async function withLake(test) {
  const folder = await mkdtemp(join(tmpdir(), "kinessis-test."));
  const child = spawn(process.env.KINESSIS, ["lake", "--port", "0", "--data", folder], {
    stdio: ["ignore", "ignore", "inherit"],
  });
  const ended = once(child, "exit");
  try {
    const url = `http://127.0.0.1:${await portOf(folder, child)}`;
    const config = {
      endpoint: url,
      region: "us-east-1",
      credentials: { accessKeyId: "lake", secretAccessKey: "lake" },
    };
    await test({ url, folder, config });
  } finally {
    child.kill();
    await ended;
    await rm(folder, { recursive: true, force: true });
  }
}

async function portOf(folder, child) {
  for (let tries = 0; tries < 1000 && child.exitCode === null; tries++) {
    try {
      const found = JSON.parse(await readFile(join(folder, "lake.json"), "utf8"));
      if (found.pid === child.pid) return found.port;
    } catch (error) {
      if (error.code !== "ENOENT" && !(error instanceof SyntaxError)) throw error;
    }
    await sleep(20);
  }
  throw new Error("the lake did not start");
}
