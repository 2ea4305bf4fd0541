module.exports = { istanbulReporter: ["text", "lcov"], istanbulFolder: "build/coverage", skipFiles: [] };
