// Runs every input of the committed corpora and every crasher through the drivers, compiled for WebAssembly.
//
//   node replay.mjs MODULE.wasm FUZZ-FOLDER

import { readFileSync, readdirSync } from 'node:fs'

const [module, folder] = process.argv.slice(2)
const compiled = await WebAssembly.compile(readFileSync(module))
const targets = ['FuzzWire', 'FuzzConnection', 'FuzzStack', 'FuzzPair', 'FuzzBudget', 'FuzzFragments', 'FuzzLink']

let failures = 0
for (const [driver, target] of targets.entries()) {
  const inputs = readFileSync(`${folder}/Corpus/${target}.hex`, 'utf8').split('\n').filter((line) => line)
    .map((line) => ['corpus: ' + line, Buffer.from(line, 'hex')])
  const names = readdirSync(`${folder}/Crashers/${target}`).filter((name) => !name.startsWith('.'))
  for (const name of names) inputs.push(['crasher: ' + name, readFileSync(`${folder}/Crashers/${target}/${name}`)])
  for (const [name, octets] of inputs) {
    // A new machine for each: what one leaves behind is no other's.
    const { replay, findingText, malloc, memory } = (await WebAssembly.instantiate(compiled, { host: { say() {} } })).exports
    const start = malloc(Math.max(octets.length, 1))
    new Uint8Array(memory.buffer, start, octets.length).set(octets)
    let result
    try {
      result = replay(driver, start, octets.length)
    } catch (error) {
      result = error.message
    }
    if (result === 0) continue
    failures += 1
    const room = malloc(4096)
    const count = result === 1 ? findingText(room, 4096) : 0
    const text = Buffer.from(new Uint8Array(memory.buffer, room, count)).toString()
    console.error(`   ${target}, ${name}: ${result === 1 ? text : result}`)
  }
  console.log(`   ${target}: ${inputs.length} inputs`)
}
process.exit(failures ? 1 : 0)
