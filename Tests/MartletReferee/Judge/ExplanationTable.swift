extension Explanation {
  /// All of them, in the order of RFC 9293; the first that matches counts.
  package static let table: [Explanation] =
    opening + sequenceNumbers + resets + acknowledgments + repetitions + text + windows + timers + calls
    + stamps
}
