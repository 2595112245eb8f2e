import MartletTCP
import MartletWire

// The flight recorder tells the whole life of a flow, though records of different kinds have it: each record is a number
// there (`FlowPlace.recordFlow`), and says first whose.

extension NetworkStack {
  /// Writes down a change of state that happens between records rather than within a TCB.
  @inline(__always)
  mutating func noteTransition(_ old: TCPState, _ new: TCPState, of number: UInt32) {
    around.recorder.flow = number
    around.recorder.note(.transition, UInt32(old.rawValue), UInt32(new.rawValue), at: clock)
  }

  /// Writes down whose records those of `number` are from here on.
  @inline(__always)
  mutating func noteName(of number: UInt32, _ flow: @autoclosure () -> Flow) {
    if around.recorder.capacity > 0 { writeName(of: number, flow()) }
  }

  /// Writes down that `number` has the flow that `old` had.
  @inline(__always)
  mutating func noteName(of number: UInt32, as old: UInt32) {
    around.recorder.flow = number
    around.recorder.note(.flowContinues, old, at: clock)
  }

  /// Writes down a decision about a segment that has no record yet, or none any more.
  @inline(__always)
  mutating func noteStranger(
    _ rule: Rule, _ a: UInt32 = 0, _ b: UInt32 = 0, of flow: @autoclosure () -> Flow
  ) {
    guard around.recorder.capacity > 0 else { return }
    writeName(of: FlowPlace.strangersFlow, flow())
    around.recorder.note(rule, a, b, at: clock)
  }

  @inline(never)
  private mutating func writeName(of number: UInt32, _ flow: Flow) {
    around.recorder.flow = number
    let ports = UInt32(flow.localPort) << 16 | UInt32(flow.remotePort)
    around.recorder.note(.flowBegins, ports, flow.local.isIPv4 ? 4 : 6, at: clock)
    if case .v4(let local) = flow.local, case .v4(let remote) = flow.remote {
      around.recorder.note(.flowAddress, local.bits, remote.bits, at: clock)
    } else if case .v6(let local) = flow.local, case .v6(let remote) = flow.remote {
      writeHalf(local.high)
      writeHalf(local.low)
      writeHalf(remote.high)
      writeHalf(remote.low)
    }
  }

  private mutating func writeHalf(_ half: UInt64) {
    around.recorder.note(
      .flowAddress, UInt32(truncatingIfNeeded: half >> 32), UInt32(truncatingIfNeeded: half), at: clock)
  }
}
