import MartletTCP

extension NetworkStack {
  /// Writes down a change of state that happens between records rather than within a TCB, so that the
  /// flight recorder tells the whole life of a connection.
  @inline(__always)
  mutating func noteTransition(_ old: TCPState, _ new: TCPState, of i: UInt32 = FlightRecorder.noFlow) {
    around.recorder.flow = i
    around.recorder.note(.transition, UInt32(old.rawValue), UInt32(new.rawValue), at: clock)
  }

  /// Writes down a decision about a segment that has no connection yet, or none any more.
  @inline(__always)
  mutating func noteStranger(_ rule: Rule, _ a: UInt32 = 0, _ b: UInt32 = 0) {
    around.recorder.flow = FlightRecorder.noFlow
    around.recorder.note(rule, a, b, at: clock)
  }
}
