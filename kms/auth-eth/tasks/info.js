// What is public about the cluster.
const { task } = require("hardhat/config");
const chain = require("./chain");

task("info:kms", "Prints the KMS's public keys and evidence").setAction(async (_, hre) => {
  const [k256Pubkey, caPubkey, quote] = await (await chain.kms(hre)).kmsInfo();
  console.log({ k256Pubkey, caPubkey, quote });
});

task("info:gateway", "Prints the gateway's app id").setAction(async (_, hre) => {
  console.log(`Gateway App ID: ${await (await chain.kms(hre)).gatewayAppId()}`);
});
