// Compiles contracts/ with the solc of package-lock.json and writes what of it is kept in the repository:
// contracts/compiled/<name>.json (interface and code, for people and other programs) and
// src/keepcool/chains/evm/contract_code.py (what keepcool itself needs).
//   node scripts/contracts.cjs            writes them
//   node scripts/contracts.cjs --check    fails when they are not what the sources give
//   node scripts/contracts.cjs --testing  prints the contracts of contracts/testing, which are kept nowhere
"use strict";
const fs = require("node:fs");
const path = require("node:path");
const solc = require("solc");
const { keccak256 } = require("js-sha3");

const ROOT = path.resolve(__dirname, "..");
const SETTINGS = {
  // of paris: without PUSH0, so that one code runs, at one address, on every chain
  evmVersion: "paris",
  viaIR: true,
  optimizer: { enabled: true, runs: 200 },
  metadata: { appendCBOR: false, bytecodeHash: "none" },
  debug: { revertStrings: "strip" },
  outputSelection: { "*": { "*": ["abi", "evm.bytecode.object", "evm.deployedBytecode.object"] } },
};

function sources(folder) {
  const found = {};
  for (const name of fs.readdirSync(path.join(ROOT, folder)).sort()) {
    if (name.endsWith(".sol")) {
      found[`${folder}/${name}`] = { content: fs.readFileSync(path.join(ROOT, folder, name), "utf8") };
    }
  }
  return found;
}

function compiled(folder) {
  const input = { language: "Solidity", sources: sources(folder), settings: SETTINGS };
  const output = JSON.parse(solc.compile(JSON.stringify(input)));
  const wrong = (output.errors || []).filter((one) => one.severity === "error");
  if (wrong.length) throw new Error(wrong.map((one) => one.formattedMessage).join("\n"));
  const built = {};
  for (const file of Object.keys(output.contracts).sort()) {
    for (const [name, made] of Object.entries(output.contracts[file])) {
      built[name] = {
        abi: made.abi,
        creation: made.evm.bytecode.object,
        runtime: made.evm.deployedBytecode.object,
      };
    }
  }
  return built;
}

function json(built) {
  const { outputSelection, ...settings } = SETTINGS;
  return JSON.stringify({ compiler: solc.version(), settings, ...built }, null, 1) + "\n";
}

function constant(name) {
  return name.replace(/([a-z0-9])([A-Z])/g, "$1_$2").toUpperCase();
}

function python(all) {
  const lines = [
    '"""Code of the contracts in contracts/, as scripts/contracts.cjs made it: nobody writes here by hand.',
    "",
    "Law: a test compiles the sources again and compares every byte.",
    '"""',
    "",
  ];
  for (const [name, built] of Object.entries(all)) {
    const chunks = built.creation.match(/.{1,96}/g) || [];
    lines.push(`${constant(name)}_CREATION = bytes.fromhex(`);
    lines.push(...chunks.map((one) => `    "${one}"`), ")");
    for (const part of ["creation", "runtime"]) {
      const hash = keccak256(Buffer.from(built[part], "hex"));
      const assigned = `${constant(name)}_${part.toUpperCase()}_KECCAK = bytes.fromhex(`;
      if (assigned.length + hash.length + 3 <= 110) lines.push(`${assigned}"${hash}")`);
      else lines.push(assigned, `    "${hash}"`, ")");
    }
  }
  return lines.join("\n") + "\n";
}

function main() {
  if (process.argv.includes("--testing")) {
    process.stdout.write(JSON.stringify(compiled("contracts/testing")));
    return;
  }
  const all = compiled("contracts");
  const files = { "src/keepcool/chains/evm/contract_code.py": python(all) };
  for (const [name, built] of Object.entries(all)) files[`contracts/compiled/${name}.json`] = json(built);
  for (const [name, text] of Object.entries(files)) {
    const file = path.join(ROOT, name);
    if (!process.argv.includes("--check")) {
      fs.mkdirSync(path.dirname(file), { recursive: true });
      fs.writeFileSync(file, text);
    } else if (!fs.existsSync(file) || fs.readFileSync(file, "utf8") !== text) {
      process.stderr.write(`${name} is not what contracts/ gives; run: node scripts/contracts.cjs\n`);
      process.exitCode = 1;
    }
  }
}

main();
