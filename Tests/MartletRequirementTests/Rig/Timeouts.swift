import MartletTCP
import MartletTesting

extension ScenarioRole {
  static let both: [ScenarioRole] = [.passive, .active]

  /// The first retransmission time-out after a script's handshake. A passive opener without timestamps has
  /// measured nothing yet: 1 s (RFC 6298 (2.1)). An active one has timed its SYN, to no time at all, which
  /// leaves the least time-out: 200 ms.
  var firstTimeout: TimeAmount { self == .passive ? .seconds(1) : .milliseconds(200) }

  /// That time-out and its doublings, up to 60 s (RFC 6298 (5.5)).
  func timeouts(_ count: Int) -> [TimeAmount] {
    (0..<count).map { .nanoseconds(min(firstTimeout.nanoseconds << Int64(min($0, 16)), 60_000_000_000)) }
  }
}

extension ScenarioFamily {
  /// Octets of text in a full segment on an MTU of 1,500.
  var segment: Int { self == .ipv4 ? 1_460 : 1_440 }
}

extension TimeAmount {
  static func + (a: TimeAmount, b: TimeAmount) -> TimeAmount { .nanoseconds(a.nanoseconds + b.nanoseconds) }
}
