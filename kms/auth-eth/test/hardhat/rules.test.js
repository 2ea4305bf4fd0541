// Every rule of both contracts once more, by the tools and libraries that most operators use.
const assert = require("node:assert/strict");
const { ethers } = require("hardhat");

const word = (byte) => `0x${byte.repeat(32)}`;
const { ZeroAddress, ZeroHash } = ethers;

async function proxyOf(implementation, name, call, args) {
  const setUp = implementation.interface.encodeFunctionData(call, args);
  const proxy = await ethers.deployContract("ERC1967Proxy", [implementation.target, setUp]);
  return ethers.getContractAt(name, proxy.target);
}

describe("rules", () => {
  let owner, stranger, kms, kmsImplementation, app, appImplementation;

  beforeEach(async () => {
    [owner, stranger] = await ethers.getSigners();
    appImplementation = await ethers.deployContract("DstackApp");
    kmsImplementation = await ethers.deployContract("DstackKms");
    kms = await proxyOf(kmsImplementation, "DstackKms", "initialize", [owner.address, appImplementation.target]);
    app = await proxyOf(appImplementation, "DstackApp", "initialize(address,bool,bool,bytes32,bytes32)", [
      owner.address, false, false, word("33"), word("22"),
    ]);
  });

  it("sets an app up once, in both forms", async () => {
    assert.equal(await app.version(), 2n);
    assert.equal(await app.allowedDeviceIds(word("33")), true);
    assert.equal(await app.requireTcbUpToDate(), false);
    const six = "initialize(address,bool,bool,bool,bytes32,bytes32)";
    const strict = await proxyOf(appImplementation, "DstackApp", six, [owner.address, true, true, true, ZeroHash, ZeroHash]);
    assert.equal(await strict.requireTcbUpToDate(), true);
    assert.equal(await strict.allowAnyDevice(), true);
    await assert.rejects(strict.upgradeToAndCall(appImplementation.target, "0x"), /Upgrades are permanently disabled/);
    await assert.rejects(app[six](owner.address, false, false, false, ZeroHash, ZeroHash), /InvalidInitialization/);
    await assert.rejects(appImplementation[six](owner.address, false, false, false, ZeroHash, ZeroHash), /InvalidInitialization/);
    await assert.rejects(proxyOf(appImplementation, "DstackApp", six, [ZeroAddress, false, false, false, ZeroHash, ZeroHash]), /invalid owner address/);
    await assert.rejects(proxyOf(kmsImplementation, "DstackKms", "initialize", [ZeroAddress, ZeroAddress]), /OwnableInvalidOwner/);
    const bare = await proxyOf(kmsImplementation, "DstackKms", "initialize", [owner.address, ZeroAddress]);
    assert.equal(await bare.appImplementation(), ZeroAddress);
  });

  it("decides by TCB, code and device, in this order", async () => {
    const info = {
      appId: app.target, composeHash: word("00"), instanceId: ZeroAddress, deviceId: word("00"), mrAggregated: ZeroHash, mrSystem: ZeroHash,
      osImageHash: ZeroHash, tcbStatus: "OutOfDate", advisoryIds: [],
    };
    const verdict = async () => [...(await app.isAppAllowed(info))];
    await app.setRequireTcbUpToDate(true);
    assert.deepEqual(await verdict(), [false, "TCB status is not up to date"]);
    info.tcbStatus = "UpToDate";
    assert.deepEqual(await verdict(), [false, "Compose hash not allowed"]);
    info.composeHash = word("22");
    assert.deepEqual(await verdict(), [false, "Device not allowed"]);
    await app.setAllowAnyDevice(true);
    assert.deepEqual(await verdict(), [true, ""]);
    await app.setAllowAnyDevice(false);
    await app.addDevice(word("00"));
    assert.deepEqual(await verdict(), [true, ""]);
    await app.removeDevice(word("00"));
    assert.deepEqual(await verdict(), [false, "Device not allowed"]);
    await app.removeComposeHash(word("22"));
    assert.deepEqual(await verdict(), [false, "Compose hash not allowed"]);
  });

  it("keeps what is public about the KMS", async () => {
    await kms.setKmsInfo({ k256Pubkey: "0x0203", caPubkey: "0x3059", quote: "0x04", eventlog: "0x5b5d" });
    await kms.setKmsQuote("0xaa");
    await kms.setKmsEventlog("0xbb");
    assert.deepEqual([...(await kms.kmsInfo())], ["0x0203", "0x3059", "0xaa", "0xbb"]);
    await kms.setGatewayAppId("gateway");
    assert.equal(await kms.gatewayAppId(), "gateway");
    await kms.setAppImplementation(stranger.address);
    assert.equal(await kms.appImplementation(), stranger.address);
    await assert.rejects(kms.setAppImplementation(ZeroAddress), /Invalid implementation address/);
  });

  it("lists and forgets", async () => {
    const lists = [
      ["addOsImageHash", "removeOsImageHash", "allowedOsImages"],
      ["addKmsAggregatedMr", "removeKmsAggregatedMr", "kmsAllowedAggregatedMrs"],
      ["addKmsDevice", "removeKmsDevice", "kmsAllowedDeviceIds"],
    ];
    for (const [add, remove, get] of lists) {
      await kms[add](word("44"));
      assert.equal(await kms[get](word("44")), true);
      await kms[remove](word("44"));
      assert.equal(await kms[get](word("44")), false);
    }
  });

  it("makes apps", async () => {
    const five = "deployAndRegisterApp(address,bool,bool,bytes32,bytes32)";
    const appId = await kms[five].staticCall(stranger.address, false, true, ZeroHash, ZeroHash);
    await kms[five](stranger.address, false, true, ZeroHash, ZeroHash);
    assert.equal(await kms.registeredApps(appId), true);
    assert.equal(await (await ethers.getContractAt("DstackApp", appId)).owner(), stranger.address);
    await assert.rejects(kms[five](ZeroAddress, false, true, ZeroHash, ZeroHash), /Invalid owner address/);
    await assert.rejects(kms.registerApp(ZeroAddress), /Invalid app ID/);
    const bare = await proxyOf(kmsImplementation, "DstackKms", "initialize", [owner.address, ZeroAddress]);
    await assert.rejects(bare[five](owner.address, false, true, ZeroHash, ZeroHash), /DstackApp implementation not set/);
  });

  it("tells its interfaces", async () => {
    assert.equal(await kms.supportsInterface("0x1e079198"), true);
    assert.equal(await kms.supportsInterface("0x01ffc9a7"), true);
    assert.equal(await kms.supportsInterface("0x8fd37527"), false);
    assert.equal(await app.supportsInterface("0x8fd37527"), true);
    assert.equal(await app.supportsInterface("0xffffffff"), false);
  });

  for (const name of ["kms", "app"]) {
    it(`hands the ${name} over in two steps and never gives it up`, async () => {
      const contract = name === "kms" ? kms : app;
      await assert.rejects(contract.renounceOwnership(), /OwnershipCannotBeRenounced/);
      await contract.transferOwnership(stranger.address);
      await assert.rejects(contract.acceptOwnership(), /OwnableUnauthorizedAccount/);
      await contract.connect(stranger).acceptOwnership();
      assert.equal(await contract.owner(), stranger.address);
      await assert.rejects(contract.upgradeToAndCall(appImplementation.target, "0x"), /OwnableUnauthorizedAccount/);
    });
  }

  it("lets strangers change nothing", async () => {
    const changes = [
      [kms, "setKmsInfo", [{ k256Pubkey: "0x", caPubkey: "0x", quote: "0x", eventlog: "0x" }]], [kms, "setKmsQuote", ["0x"]],
      [kms, "setKmsEventlog", ["0x"]], [kms, "setGatewayAppId", [""]], [kms, "setAppImplementation", [stranger.address]],
      [kms, "addKmsAggregatedMr", [ZeroHash]], [kms, "removeKmsAggregatedMr", [ZeroHash]], [kms, "addKmsDevice", [ZeroHash]],
      [kms, "removeKmsDevice", [ZeroHash]], [kms, "addOsImageHash", [ZeroHash]], [kms, "removeOsImageHash", [ZeroHash]],
      [kms, "renounceOwnership", []], [app, "addComposeHash", [ZeroHash]], [app, "removeComposeHash", [ZeroHash]],
      [app, "addDevice", [ZeroHash]], [app, "removeDevice", [ZeroHash]], [app, "setAllowAnyDevice", [true]],
      [app, "setRequireTcbUpToDate", [true]], [app, "disableUpgrades", []], [app, "upgradeToAndCall", [appImplementation.target, "0x"]],
    ];
    for (const [contract, call, args] of changes) await assert.rejects(contract.connect(stranger)[call](...args), /OwnableUnauthorizedAccount/);
  });

  it("can promise to stay as it is", async () => {
    await app.upgradeToAndCall((await ethers.deployContract("DstackApp")).target, "0x");
    await app.disableUpgrades();
    await assert.rejects(app.upgradeToAndCall(appImplementation.target, "0x"), /Upgrades are permanently disabled/);
  });
});
