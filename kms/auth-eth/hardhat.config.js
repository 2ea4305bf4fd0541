require("@nomicfoundation/hardhat-ethers");
require("solidity-coverage");
require("./tasks/compiler");
require("./tasks/kms");
require("./tasks/app");
require("./tasks/info");

// No key has a default: without PRIVATE_KEY a network can only be read.
const accounts = process.env.PRIVATE_KEY ? [process.env.PRIVATE_KEY] : [];

/** @type {import("hardhat/config").HardhatUserConfig} */
module.exports = {
  solidity: {
    version: "0.8.24",
    settings: { optimizer: { enabled: true, runs: 200 }, evmVersion: "shanghai" },
  },
  paths: { sources: "contracts", tests: "test/hardhat", cache: "build/hardhat-cache", artifacts: "build/hardhat" },
  networks: {
    hardhat: { chainId: 1337 },
    phala: { url: "https://rpc.phala.network", chainId: 2035, accounts },
    sepolia: { url: `https://eth-sepolia.g.alchemy.com/v2/${process.env.ALCHEMY_API_KEY ?? ""}`, accounts },
    base: { url: "https://mainnet.base.org", accounts },
    test: { url: process.env.RPC_URL ?? "http://127.0.0.1:8545/", accounts },
  },
  mocha: { timeout: 120000 },
};
