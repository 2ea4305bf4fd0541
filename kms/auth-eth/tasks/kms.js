// The cluster: its contract, its lists, its gateway.
const { readFileSync } = require("node:fs");
const { task } = require("hardhat/config");
const chain = require("./chain");

task("kms:deploy", "Deploys DstackKms behind a proxy")
  .addOptionalParam("appImplementation", "Implementation of DstackApp for the factory")
  .addFlag("withAppImpl", "Deploy that implementation first")
  .setAction(async ({ appImplementation, withAppImpl }, hre) => {
    const account = await chain.signer(hre);
    await chain.printAccount(hre, account);
    let implementation = appImplementation ? chain.address(hre, appImplementation, "--app-implementation") : hre.ethers.ZeroAddress;
    if (withAppImpl) {
      console.log("Step 1: deploying the DstackApp implementation");
      ({ address: implementation } = await chain.deploy(hre, "DstackApp", account));
      console.log(`DstackApp implementation deployed to: ${implementation}`);
    }
    console.log(`${withAppImpl ? "Step 2: d" : "D"}eploying DstackKms`);
    await chain.printNetwork(hre);
    await chain.estimate(hre, "DstackKms", account);
    if (!(await chain.agreed("Deploy?"))) return console.log("Deployment cancelled");
    const kms = await chain.deploy(hre, "DstackKms", account);
    const { interface: abi } = await hre.ethers.getContractFactory("DstackKms");
    const setUp = abi.encodeFunctionData("initialize", [account.address, implementation]);
    const proxy = await chain.deploy(hre, "ERC1967Proxy", account, kms.address, setUp);
    console.log(`DstackKms Proxy deployed to: ${proxy.address}`);
    console.log(`Implementation deployed to: ${kms.address}`);
    console.log(`Transaction hash: ${proxy.hash}`);
    if (withAppImpl) console.log(`Summary:\n  DstackApp implementation: ${implementation}\n  DstackKms proxy: ${proxy.address}`);
  });

/** A task with one positional parameter that makes one call of the owner. */
function change(name, summary, parameter, convert, call, done) {
  task(name, summary)
    .addPositionalParam(parameter, summary)
    .setAction(async (args, hre) => {
      const contract = await chain.kms(hre, await chain.signer(hre));
      await chain.confirmed(await contract[call](convert(hre, args[parameter])));
      console.log(done);
    });
}

const hash = (hre, text) => chain.bytes32(hre, text, "value");
change("kms:add", "Allows a KMS build by its aggregated measurement", "mr", hash, "addKmsAggregatedMr", "KMS aggregated MR added successfully");
change("kms:remove", "Withdraws a KMS build", "mr", hash, "removeKmsAggregatedMr", "KMS aggregated MR removed successfully");
change("kms:add-image", "Allows a guest image", "osImageHash", hash, "addOsImageHash", "Image added successfully");
change("kms:remove-image", "Withdraws a guest image", "osImageHash", hash, "removeOsImageHash", "Image removed successfully");
change("kms:add-device", "Allows a device for KMS instances", "deviceId", hash, "addKmsDevice", "Device compose hash added successfully");
change("kms:remove-device", "Withdraws a device for KMS instances", "deviceId", hash, "removeKmsDevice", "Device ID removed successfully");
change("kms:set-gateway", "Names the gateway that guests accept", "appId", (_, text) => text, "setGatewayAppId", "Gateway App ID set successfully");
change(
  "kms:set-app-implementation", "Chooses the implementation of new apps", "address",
  (hre, text) => chain.address(hre, text, "address"), "setAppImplementation", "DstackApp implementation set successfully",
);

/** Hexadecimal of any even length; no text is no bytes. */
function bytes(hre, text, what) {
  const value = `0x${String(text ?? "").replace(/^0x/i, "")}`;
  if (!hre.ethers.isHexString(value) || value.length % 2) throw new Error(`${what}: expected hexadecimal`);
  return value;
}

task("kms:set-info", "Publishes what the KMS's onboarding page printed")
  .addPositionalParam("file", "JSON with k256Pubkey, caPubkey, quote, eventlog; or attestation in the place of the last two")
  .setAction(async ({ file }, hre) => {
    const read = JSON.parse(readFileSync(file, "utf8"));
    const info = {
      k256Pubkey: bytes(hre, read.k256Pubkey, "k256Pubkey"),
      caPubkey: bytes(hre, read.caPubkey, "caPubkey"),
      quote: bytes(hre, read.quote ?? read.attestation, "quote"),
      eventlog: bytes(hre, read.eventlog, "eventlog"),
    };
    if (hre.ethers.dataLength(info.k256Pubkey) !== 33) throw new Error("k256Pubkey: expected 33 bytes");
    const contract = await chain.kms(hre, await chain.signer(hre));
    await chain.confirmed(await contract.setKmsInfo(info));
    console.log("KMS info set successfully");
  });

task("kms:get-app-implementation", "Prints the implementation of new apps").setAction(async (_, hre) => {
  console.log(`DstackApp implementation: ${await (await chain.kms(hre)).appImplementation()}`);
});

/** What app:deploy and kms:create-app print last. */
function counted(device, compose, zero) {
  const count = (value) => (value === zero ? 0 : 1);
  return `Deployed with ${count(device)} initial device and ${count(compose)} initial compose hash`;
}

task("kms:create-app", "Makes and registers an app's contract in one transaction")
  .addFlag("allowAnyDevice", "Any device may run the app")
  .addFlag("requireTcbUpToDate", "Only platforms whose TCB status is UpToDate")
  .addOptionalParam("device", "A device to allow")
  .addOptionalParam("hash", "A compose hash to allow")
  .setAction(async ({ allowAnyDevice, requireTcbUpToDate, device, hash: composeHash }, hre) => {
    const account = await chain.signer(hre);
    const contract = await chain.kms(hre, account);
    const zero = hre.ethers.ZeroHash;
    const deviceId = device ? chain.bytes32(hre, device, "--device") : zero;
    const compose = composeHash ? chain.bytes32(hre, composeHash, "--hash") : zero;
    const make = contract["deployAndRegisterApp(address,bool,bool,bool,bytes32,bytes32)"];
    const transaction = await make(account.address, false, requireTcbUpToDate, allowAnyDevice, deviceId, compose);
    const receipt = await chain.confirmed(transaction);
    console.log(`Proxy Address (App Id): ${chain.eventField(contract, receipt, "AppDeployedViaFactory", "appId")}`);
    console.log(`Owner: ${account.address}`);
    console.log(`Transaction hash: ${transaction.hash}`);
    console.log(counted(deviceId, compose, zero));
  });

module.exports = { counted };
