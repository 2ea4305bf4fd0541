// Compiles with the npm package "solc": a compiler is never fetched from elsewhere.
const { subtask } = require("hardhat/config");
const { TASK_COMPILE_SOLIDITY_GET_SOLC_BUILD } = require("hardhat/builtin-tasks/task-names");

subtask(TASK_COMPILE_SOLIDITY_GET_SOLC_BUILD, async ({ solcVersion }) => {
  const solc = require("solc");
  const longVersion = solc.version().replace(/\.Emscripten.*/, "");
  if (!longVersion.startsWith(`${solcVersion}+`))
    throw new Error(`the npm package "solc" is ${longVersion}, and ${solcVersion} is wanted`);
  return { version: solcVersion, longVersion, compilerPath: require.resolve("solc/soljson.js"), isSolcJs: true };
});
