// The tasks that operators run, each against a chain in this process.
const assert = require("node:assert/strict");
const { mkdtempSync, rmSync, writeFileSync } = require("node:fs");
const { tmpdir } = require("node:os");
const { join } = require("node:path");
const hre = require("hardhat");
const chain = require("../../tasks/chain");

const HASH = `0x${"22".repeat(32)}`;
const DEVICE = `0x${"33".repeat(32)}`;

/** Runs a task and returns what it printed, line by line. */
async function run(name, args = {}, answer = true) {
  const lines = [];
  const { log } = console;
  const { agreed } = chain;
  console.log = (...values) => lines.push(...values.map((value) => (typeof value === "string" ? value : JSON.stringify(value))));
  chain.agreed = async () => answer;
  try {
    await hre.run(name, args);
  } finally {
    console.log = log;
    chain.agreed = agreed;
  }
  return lines.join("\n");
}

function after(text, label) {
  const found = text.split("\n").find((line) => line.startsWith(label));
  assert.ok(found, `no line "${label}" in:\n${text}`);
  return found.slice(label.length).trim();
}

describe("tasks", () => {
  let kms;
  let directory;

  before(async () => {
    await hre.run("compile", { quiet: true });
    directory = mkdtempSync(join(tmpdir(), "tasks-"));
    const printed = await run("kms:deploy", { withAppImpl: true });
    process.env.KMS_CONTRACT_ADDRESS = after(printed, "DstackKms Proxy deployed to:");
    kms = await hre.ethers.getContractAt("DstackKms", process.env.KMS_CONTRACT_ADDRESS);
    assert.equal(await kms.appImplementation(), after(printed, "DstackApp implementation deployed to:"));
    const [owner] = await hre.ethers.getSigners();
    assert.equal(await kms.owner(), owner.address);
  });

  global.after(() => rmSync(directory, { recursive: true }));

  it("deploys nothing without a yes", async () => {
    const before = await hre.ethers.provider.getBlockNumber();
    assert.match(await run("kms:deploy", {}, false), /Deployment cancelled$/);
    assert.match(await run("app:deploy", {}, false), /Deployment cancelled$/);
    assert.match(await run("kms:upgrade", { address: kms.target }, false), /Upgrade cancelled$/);
    assert.equal(await hre.ethers.provider.getBlockNumber(), before);
  });

  const lists = [
    ["kms:add", "kms:remove", { mr: HASH }, () => kms.kmsAllowedAggregatedMrs(HASH), "KMS aggregated MR added successfully", "KMS aggregated MR removed successfully"],
    ["kms:add-image", "kms:remove-image", { osImageHash: HASH }, () => kms.allowedOsImages(HASH), "Image added successfully", "Image removed successfully"],
    ["kms:add-device", "kms:remove-device", { deviceId: HASH }, () => kms.kmsAllowedDeviceIds(HASH), "Device compose hash added successfully", "Device ID removed successfully"],
  ];
  for (const [add, remove, args, read, added, removed] of lists) {
    it(`${add} and ${remove}`, async () => {
      const printed = await run(add, args);
      assert.match(printed, /^Waiting for transaction 0x[0-9a-f]{64} to be confirmed\.\.\.$/m);
      assert.ok(printed.endsWith(added));
      assert.equal(await read(), true);
      assert.ok((await run(remove, args)).endsWith(removed));
      assert.equal(await read(), false);
    });
  }

  it("refuses values that are not 32 bytes", async () => {
    for (const mr of ["0x22", "zz", `${HASH}00`, ""]) await assert.rejects(run("kms:add", { mr }), /expected 32 bytes/);
  });

  it("publishes what the onboarding page printed", async () => {
    const file = join(directory, "info.json");
    const k256Pubkey = `02${"11".repeat(32)}`;
    writeFileSync(file, JSON.stringify({ k256Pubkey, caPubkey: "3059", quote: "04", eventlog: "5b5d" }));
    assert.ok((await run("kms:set-info", { file })).endsWith("KMS info set successfully"));
    assert.deepEqual([...(await kms.kmsInfo())], [`0x${k256Pubkey}`, "0x3059", "0x04", "0x5b5d"]);
    assert.match(await run("info:kms"), /0x3059/);
    writeFileSync(file, JSON.stringify({ k256Pubkey, caPubkey: "3059", attestation: "aabb" }));
    await run("kms:set-info", { file });
    assert.deepEqual([...(await kms.kmsInfo())], [`0x${k256Pubkey}`, "0x3059", "0xaabb", "0x"]);
  });

  it("sets gateway and implementation", async () => {
    assert.ok((await run("kms:set-gateway", { appId: "0xgate" })).endsWith("Gateway App ID set successfully"));
    assert.equal(await run("info:gateway"), "Gateway App ID: 0xgate");
    const { address } = await chain.deploy(hre, "DstackApp", await chain.signer(hre)).catch((error) => assert.fail(error));
    assert.ok((await run("kms:set-app-implementation", { address })).endsWith("DstackApp implementation set successfully"));
    assert.equal(await run("kms:get-app-implementation"), `DstackApp implementation: ${address}`);
  });

  it("creates an app in one transaction", async () => {
    const printed = await run("kms:create-app", { allowAnyDevice: false, requireTcbUpToDate: true, device: DEVICE, hash: HASH });
    const app = await hre.ethers.getContractAt("DstackApp", after(printed, "Proxy Address (App Id):"));
    assert.ok(printed.endsWith("Deployed with 1 initial device and 1 initial compose hash"));
    assert.equal(await kms.registeredApps(app.target), true);
    assert.equal(await app.allowedComposeHashes(HASH), true);
    assert.equal(await app.allowedDeviceIds(DEVICE), true);
    assert.equal(await app.requireTcbUpToDate(), true);
    assert.equal(await app.allowAnyDevice(), false);
  });

  it("deploys an app and manages its lists", async () => {
    const printed = await run("app:deploy", { allowAnyDevice: true });
    const appId = after(printed, "App ID:");
    const app = await hre.ethers.getContractAt("DstackApp", appId);
    assert.ok(printed.endsWith("Deployed with 0 initial device and 0 initial compose hash"));
    assert.equal(await kms.registeredApps(appId), true);
    assert.ok((await run("app:add-hash", { appId, hash: HASH })).endsWith("Compose hash added successfully"));
    assert.equal(await app.allowedComposeHashes(HASH), true);
    assert.ok((await run("app:remove-hash", { appId, hash: HASH })).endsWith("Compose hash removed successfully"));
    assert.equal(await app.allowedComposeHashes(HASH), false);
    assert.ok((await run("app:add-device", { appId, deviceId: DEVICE })).endsWith("Device ID added successfully"));
    assert.equal(await app.allowedDeviceIds(DEVICE), true);
    assert.ok((await run("app:remove-device", { appId, deviceId: DEVICE })).endsWith("Device ID removed successfully"));
    assert.equal(await app.allowedDeviceIds(DEVICE), false);
    await run("app:set-allow-any-device", { appId, allowAnyDevice: false });
    assert.equal(await app.allowAnyDevice(), false);
    await run("app:set-require-tcb-up-to-date", { appId, requireTcbUpToDate: true });
    assert.equal(await app.requireTcbUpToDate(), true);
  });

  it("upgrades both", async () => {
    const created = await run("kms:create-app", { allowAnyDevice: true, requireTcbUpToDate: false });
    const targets = [["kms:upgrade", kms.target], ["app:upgrade", after(created, "Proxy Address (App Id):")]];
    for (const [name, address] of targets) {
      const before = await chain.implementation(hre, address);
      assert.match(await run(name, { address, dryRun: true }), /^Call data: 0x4f1ef286/m);
      assert.equal(await chain.implementation(hre, address), before);
      const printed = await run(name, { address, dryRun: false });
      assert.equal(after(printed, "Current implementation:"), before);
      assert.equal(after(printed, "New implementation:"), await chain.implementation(hre, address));
      assert.notEqual(await chain.implementation(hre, address), before);
    }
    assert.match(await run("app:deploy-impl"), /DstackApp implementation deployed to: 0x/);
    assert.match(await run("kms:deploy-impl"), /DstackKms implementation deployed to: 0x/);
  });

  it("needs to be told the contract", async () => {
    const saved = process.env.KMS_CONTRACT_ADDRESS;
    delete process.env.KMS_CONTRACT_ADDRESS;
    await assert.rejects(run("info:gateway"), /KMS_CONTRACT_ADDRESS: expected an address/);
    process.env.KMS_CONTRACT_ADDRESS = saved;
  });
});
