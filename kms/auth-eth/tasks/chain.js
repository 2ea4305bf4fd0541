// What the tasks share: who signs, which contract, waiting for a transaction, asking a person.
const readline = require("node:readline/promises");

/** The account of PRIVATE_KEY. */
async function signer(hre) {
  const [first] = await hre.ethers.getSigners();
  if (!first) throw new Error("set PRIVATE_KEY to the key that signs");
  return first;
}

async function printAccount(hre, account) {
  const balance = await hre.ethers.provider.getBalance(account.address);
  console.log(`Deploying with account: ${account.address}`);
  console.log(`Account balance: ${hre.ethers.formatEther(balance)}`);
}

async function printNetwork(hre) {
  const { name, chainId } = await hre.ethers.provider.getNetwork();
  console.log(`Network: ${name} (chain id ${chainId})`);
}

function address(hre, text, what) {
  if (!text || !hre.ethers.isAddress(text)) throw new Error(`${what}: expected an address, not "${text ?? ""}"`);
  return hre.ethers.getAddress(text);
}

/** 32 bytes as 0x and 64 digits; shorter values are refused rather than padded. */
function bytes32(hre, text, what) {
  const value = /^0x/i.test(text) ? `0x${text.slice(2)}` : `0x${text}`;
  if (!hre.ethers.isHexString(value, 32)) throw new Error(`${what}: expected 32 bytes in hexadecimal`);
  return value.toLowerCase();
}

/** The DstackKms proxy of KMS_CONTRACT_ADDRESS. */
async function kms(hre, account) {
  const at = address(hre, process.env.KMS_CONTRACT_ADDRESS, "KMS_CONTRACT_ADDRESS");
  return hre.ethers.getContractAt("DstackKms", at, account ?? hre.ethers.provider);
}

async function app(hre, appId, account) {
  return hre.ethers.getContractAt("DstackApp", address(hre, appId, "--app-id"), account);
}

/** Waits until a transaction that was sent is in a block; a revert is an error. */
async function confirmed(transaction) {
  console.log(`Waiting for transaction ${transaction.hash} to be confirmed...`);
  return transaction.wait();
}

/** Deploys a contract and returns its address. */
async function deploy(hre, name, account, ...args) {
  const factory = await hre.ethers.getContractFactory(name, account);
  const contract = await factory.deploy(...args);
  await confirmed(contract.deploymentTransaction());
  return { address: await contract.getAddress(), hash: contract.deploymentTransaction().hash };
}

async function estimate(hre, name, account, ...args) {
  const factory = await hre.ethers.getContractFactory(name, account);
  const transaction = await factory.getDeployTransaction(...args);
  return printCost(hre, await hre.ethers.provider.estimateGas({ ...transaction, from: account.address }));
}

async function printCost(hre, gas) {
  const { gasPrice } = await hre.ethers.provider.getFeeData();
  console.log(`Estimated gas: ${gas}, at the current price ${hre.ethers.formatEther(gas * (gasPrice ?? 0n))} of the chain's currency`);
}

/** One yes-or-no question; anything but y is no. */
async function agreed(question) {
  const terminal = readline.createInterface({ input: process.stdin, output: process.stdout });
  try {
    return (await terminal.question(`${question} (y/N): `)).trim().toLowerCase() === "y";
  } finally {
    terminal.close();
  }
}

/** Address of the implementation behind an ERC-1967 proxy. */
async function implementation(hre, proxy) {
  const slot = "0x360894a13ba1a3210667c828492db98dca3e2076cc3735a920a3ca505d382bbc";
  const word = await hre.ethers.provider.getStorage(proxy, slot);
  return hre.ethers.getAddress(hre.ethers.dataSlice(word, 12));
}

/** The value an event of a receipt carries under `field`. */
function eventField(contract, receipt, event, field) {
  for (const log of receipt.logs) {
    const parsed = log.address === contract.target ? contract.interface.parseLog(log) : null;
    if (parsed?.name === event) return parsed.args[field];
  }
  throw new Error(`the transaction has no event ${event}`);
}

module.exports = {
  address, agreed, app, bytes32, confirmed, deploy, estimate, eventField, implementation, kms, printAccount, printCost, printNetwork, signer,
};
