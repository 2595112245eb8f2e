import Foundation
import FuzzDrivers

/// What libFuzzer calls with each input it makes. A finding traps, and libFuzzer keeps the input.
///
/// With `MARTLET_FUZZ_NEIGHBOURS=n` each input also stands for `n` others (`driveWire(_:neighbours:_:)`), and what
/// was tried is told now and then and in the end.
@_cdecl("LLVMFuzzerTestOneInput")
public func fuzz(_ start: UnsafePointer<UInt8>?, _ count: Int) -> CInt {
  let input = [UInt8](UnsafeBufferPointer(start: start, count: count))
  do throws(Finding) {
    if neighbours == 0 { try driveWire(input) } else { try driveMany(input) }
  } catch {
    fatalError(error.description)
  }
  return 0
}

private let neighbours =
  ProcessInfo.processInfo.environment["MARTLET_FUZZ_NEIGHBOURS"].flatMap { Int($0) } ?? 0
// libFuzzer calls from one thread.
nonisolated(unsafe) private var tally = WireTally()
nonisolated(unsafe) private var inputs = 0

private func driveMany(_ input: [UInt8]) throws(Finding) {
  try driveWire(input, neighbours: neighbours, &tally)
  if inputs == 0 { atexit { tell() } }
  inputs += 1
  if inputs % (1 << 20) == 0 { tell() }
}

private func tell() {
  let all = tally.parses.reduce(0, +)
  let taken = tally.taken.reduce(0, +)
  let each = zip(WireTally.names, zip(tally.parses, tally.taken)).map { "\($0) \($1.0) (\($1.1))" }
  print(
    "\(inputs) inputs, \(all) parses of headers, \(taken) of them taken and written again; \(tally.others) others.",
    each.joined(separator: ", "))
  fflush(nil)
}
