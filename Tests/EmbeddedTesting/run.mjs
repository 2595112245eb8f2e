// Runs every test of the requirements, compiled for WebAssembly, each in a new machine.
//
//   node run.mjs MODULE.wasm

import { readFileSync } from 'node:fs'

const compiled = await WebAssembly.compile(readFileSync(process.argv[2]))
let line = []
const say = (octet) => {
  if (octet !== 10) return line.push(octet)
  console.log(Buffer.from(line).toString())
  line = []
}
const boot = async () => (await WebAssembly.instantiate(compiled, { host: { say } })).exports

const count = (await boot()).testCount()
let checks = 0
let failed = 0
let memory = 0
for (let number = 0; number < count; number++) {
  const machine = await boot()
  machine.sayTest(number)
  let failures
  try {
    failures = machine.runTest(number)
  } catch (error) {
    failures = 1
    console.log(error.stack)
  }
  checks += machine.checkCount()
  memory = Math.max(memory, machine.memory.buffer.byteLength)
  if (failures !== 0) failed += 1
}
console.log(`ran ${count} tests, ${checks} checks, ${failed} failed, ${memory >> 10} KiB of memory`)
process.exit(failed ? 1 : 0)
