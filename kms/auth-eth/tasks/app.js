// One app: its contract and its lists.
const { task } = require("hardhat/config");
const chain = require("./chain");
const { counted } = require("./kms");
require("./upgrade");

task("app:deploy", "Deploys an app's contract and registers it, in two transactions")
  .addFlag("allowAnyDevice", "Any device may run the app")
  .addFlag("requireTcbUpToDate", "Only platforms whose TCB status is UpToDate")
  .addOptionalParam("device", "A device to allow")
  .addOptionalParam("hash", "A compose hash to allow")
  .setAction(async ({ allowAnyDevice, requireTcbUpToDate, device, hash }, hre) => {
    const account = await chain.signer(hre);
    const contract = await chain.kms(hre, account);
    const zero = hre.ethers.ZeroHash;
    const deviceId = device ? chain.bytes32(hre, device, "--device") : zero;
    const compose = hash ? chain.bytes32(hre, hash, "--hash") : zero;
    await chain.printAccount(hre, account);
    await chain.printNetwork(hre);
    await chain.estimate(hre, "DstackApp", account);
    if (!(await chain.agreed("Deploy?"))) return console.log("Deployment cancelled");
    const { address: implementation } = await chain.deploy(hre, "DstackApp", account);
    const { interface: abi } = await hre.ethers.getContractFactory("DstackApp");
    const setUp = abi.encodeFunctionData("initialize(address,bool,bool,bool,bytes32,bytes32)", [
      account.address, false, requireTcbUpToDate, allowAnyDevice, deviceId, compose,
    ]);
    const proxy = await chain.deploy(hre, "ERC1967Proxy", account, implementation, setUp);
    await chain.confirmed(await contract.registerApp(proxy.address));
    console.log(`App ID: ${proxy.address}`);
    console.log(`Proxy Address: ${proxy.address}`);
    console.log(`Owner: ${account.address}`);
    console.log(`Transaction hash: ${proxy.hash}`);
    console.log(counted(deviceId, compose, zero));
  });

/** A task with --app-id and one positional parameter that makes one call of the app's owner. */
function change(name, summary, parameter, call, done) {
  task(name, summary)
    .addParam("appId", "The app's contract")
    .addPositionalParam(parameter, summary)
    .setAction(async (args, hre) => {
      const contract = await chain.app(hre, args.appId, await chain.signer(hre));
      await chain.confirmed(await contract[call](chain.bytes32(hre, args[parameter], parameter)));
      console.log(done);
    });
}

change("app:add-hash", "Allows a compose file by its hash", "hash", "addComposeHash", "Compose hash added successfully");
change("app:remove-hash", "Withdraws a compose file", "hash", "removeComposeHash", "Compose hash removed successfully");
change("app:add-device", "Allows a device", "deviceId", "addDevice", "Device ID added successfully");
change("app:remove-device", "Withdraws a device", "deviceId", "removeDevice", "Device ID removed successfully");

task("app:set-allow-any-device", "Opens the app to any device, or without the flag to those of its list")
  .addParam("appId", "The app's contract")
  .addFlag("allowAnyDevice", "Any device may run the app")
  .setAction(async ({ appId, allowAnyDevice }, hre) => {
    const contract = await chain.app(hre, appId, await chain.signer(hre));
    await chain.confirmed(await contract.setAllowAnyDevice(allowAnyDevice));
    console.log("Allow any device set successfully");
  });

task("app:set-require-tcb-up-to-date", "Lets the platform's TCB status count, or without the flag not")
  .addParam("appId", "The app's contract")
  .addFlag("requireTcbUpToDate", "Only platforms whose TCB status is UpToDate")
  .setAction(async ({ appId, requireTcbUpToDate }, hre) => {
    const contract = await chain.app(hre, appId, await chain.signer(hre));
    await chain.confirmed(await contract.setRequireTcbUpToDate(requireTcbUpToDate));
    console.log("Require TCB up to date set successfully");
  });
