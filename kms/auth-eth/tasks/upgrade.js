// kms:upgrade and app:upgrade: a new implementation behind an existing proxy.
const { task } = require("hardhat/config");
const chain = require("./chain");

async function upgrade(hre, name, { address, dryRun }) {
  const proxy = chain.address(hre, address, "--address");
  const account = await chain.signer(hre);
  console.log(`Current implementation: ${await chain.implementation(hre, proxy)}`);
  const contract = await hre.ethers.getContractAt(name, proxy, account);
  if (dryRun) {
    const placeholder = await hre.ethers.getCreateAddress({ from: account.address, nonce: await account.getNonce() });
    console.log(`New implementation would be: ${placeholder}`);
    console.log(`Call data: ${contract.interface.encodeFunctionData("upgradeToAndCall", [placeholder, "0x"])}`);
    return;
  }
  await chain.printNetwork(hre);
  await chain.estimate(hre, name, account);
  if (!(await chain.agreed(`Upgrade ${proxy}?`))) return console.log("Upgrade cancelled");
  const { address: next } = await chain.deploy(hre, name, account);
  await chain.confirmed(await contract.upgradeToAndCall(next, "0x"));
  console.log(`New implementation: ${await chain.implementation(hre, proxy)}`);
}

function define(prefix, name) {
  task(`${prefix}:upgrade`, `Upgrades a ${name} proxy`)
    .addParam("address", "The proxy")
    .addFlag("dryRun", "Only print the call that would be made")
    .setAction((args, hre) => upgrade(hre, name, args));
  task(`${prefix}:deploy-impl`, `Deploys an implementation of ${name}`).setAction(async (_, hre) => {
    const account = await chain.signer(hre);
    await chain.printAccount(hre, account);
    const { address } = await chain.deploy(hre, name, account);
    console.log(`${name} implementation deployed to: ${address}`);
  });
}

define("kms", "DstackKms");
define("app", "DstackApp");
