// The journey of an app through both contracts, with one refusal for each thing that is missing.
const assert = require("node:assert/strict");
const { ethers } = require("hardhat");

const word = (byte) => `0x${byte.repeat(32)}`;

async function behindProxy(name, ...args) {
  const implementation = await ethers.deployContract(name);
  const setUp = implementation.interface.encodeFunctionData("initialize", args);
  const proxy = await ethers.deployContract("ERC1967Proxy", [implementation.target, setUp]);
  return ethers.getContractAt(name, proxy.target);
}

describe("contracts", () => {
  let owner, stranger, kms, app, info;

  beforeEach(async () => {
    [owner, stranger] = await ethers.getSigners();
    kms = await behindProxy("DstackKms", owner.address, (await ethers.deployContract("DstackApp")).target);
    const make = kms["deployAndRegisterApp(address,bool,bool,bool,bytes32,bytes32)"];
    const receipt = await (await make(owner.address, false, false, false, ethers.ZeroHash, ethers.ZeroHash)).wait();
    const event = receipt.logs.map((log) => kms.interface.parseLog(log)).find((log) => log?.name === "AppDeployedViaFactory");
    app = await ethers.getContractAt("DstackApp", event.args.appId);
    info = {
      appId: app.target, composeHash: word("22"), instanceId: stranger.address, deviceId: word("33"), mrAggregated: word("44"),
      mrSystem: word("55"), osImageHash: word("11"), tcbStatus: "UpToDate", advisoryIds: ["INTEL-SA-00837"],
    };
  });

  it("allows an app step by step", async () => {
    const verdict = async () => [...(await kms.isAppAllowed(info))];
    assert.deepEqual(await verdict(), [false, "OS image is not allowed"]);
    await kms.addOsImageHash(info.osImageHash);
    assert.deepEqual(await verdict(), [false, "Compose hash not allowed"]);
    await app.addComposeHash(info.composeHash);
    assert.deepEqual(await verdict(), [false, "Device not allowed"]);
    await app.addDevice(info.deviceId);
    assert.deepEqual(await verdict(), [true, ""]);
    await app.removeComposeHash(info.composeHash);
    assert.deepEqual(await verdict(), [false, "Compose hash not allowed"]);
    info.appId = stranger.address;
    assert.deepEqual(await verdict(), [false, "App not registered"]);
    await kms.registerApp(stranger.address);
    assert.deepEqual(await verdict(), [false, "App not deployed or invalid address"]);
  });

  it("allows a KMS step by step", async () => {
    const verdict = async () => [...(await kms.isKmsAllowed(info))];
    assert.deepEqual(await verdict(), [false, "OS image is not allowed"]);
    await kms.addOsImageHash(info.osImageHash);
    assert.deepEqual(await verdict(), [false, "Aggregated MR not allowed"]);
    await kms.addKmsAggregatedMr(info.mrAggregated);
    assert.deepEqual(await verdict(), [false, "KMS is not allowed to boot on this device"]);
    await kms.addKmsDevice(info.deviceId);
    assert.deepEqual(await verdict(), [true, ""]);
    info.tcbStatus = "Outdated";
    assert.deepEqual(await verdict(), [false, "TCB status is not up to date"]);
  });

  it("lets only the owner change the lists", async () => {
    const error = /OwnableUnauthorizedAccount/;
    await assert.rejects(kms.connect(stranger).addOsImageHash(word("11")), error);
    await assert.rejects(app.connect(stranger).addComposeHash(word("22")), error);
    await assert.rejects(app.connect(stranger).removeComposeHash(word("22")), error);
    await assert.rejects(app.renounceOwnership(), /OwnershipCannotBeRenounced/);
  });

  it("says no when the app contract does not answer", async () => {
    await kms.addOsImageHash(info.osImageHash);
    info.appId = await kms.appImplementation();
    await kms.registerApp(info.appId);
    assert.deepEqual([...(await kms.isAppAllowed(info))], [false, "Compose hash not allowed"]);
    // A proxy of a proxy finds itself behind its own address, for ever.
    info.appId = (await ethers.deployContract("ERC1967Proxy", [await kms.getAddress(), "0x"])).target;
    await kms.registerApp(info.appId);
    assert.deepEqual([...(await kms.isAppAllowed(info))], [false, "App authorization call failed"]);
  });
});
