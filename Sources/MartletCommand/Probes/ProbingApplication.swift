import Martlet
import MartletTCP
import MartletWire

/// A ping or a traceroute: it sends, waits, and has lines to print.
package protocol ProbingApplication: Application, ~Copyable {
  /// There is nothing more to do.
  var isOver: Bool { get }
  /// What has been found out since the last call, as lines.
  mutating func takeText() -> String
  /// The last lines.
  func farewell(now: Instant) -> String
  var outcome: ProbeOutcome { get }
}

package enum ProbeOutcome: Equatable, Sendable {
  /// Who was asked has answered.
  case reached
  case silent
  /// Nothing could be sent; a sentence says why.
  case failed(String)
}
