import MartletTCP

/// What has become of the requests of a ping.
package struct PingTally: Equatable, Sendable {
  package var sent: UInt64 = 0
  package private(set) var received: UInt64 = 0
  package var duplicates: UInt64 = 0
  package var corrupted: UInt64 = 0
  package var errors: UInt64 = 0
  private var least = Int64.max
  private var most: Int64 = 0
  private var sum: Double = 0
  private var squares: Double = 0

  package init() {}

  package mutating func add(_ time: TimeAmount) {
    let nanoseconds = max(time.nanoseconds, 0)
    received += 1
    least = min(least, nanoseconds)
    most = max(most, nanoseconds)
    sum += Double(nanoseconds)
    squares += Double(nanoseconds) * Double(nanoseconds)
  }

  /// The lines that a ping ends with.
  package func text(to name: String, after time: TimeAmount) -> String {
    var text = "\n--- \(name) ping statistics ---\n\(sent) packets transmitted, \(received) received"
    if duplicates > 0 { text += ", +\(duplicates) duplicates" }
    if corrupted > 0 { text += ", +\(corrupted) corrupted" }
    if errors > 0 { text += ", +\(errors) errors" }
    text += ", \(lossText) packet loss, time \(time.nanoseconds / 1_000_000)ms\n"
    guard received > 0 else { return text }
    let average = sum / Double(received)
    let deviation = max(squares / Double(received) - average * average, 0).squareRoot()
    let figures = [least, Int64(average), most, Int64(deviation)]
    let list = figures.map { TimeAmount.nanoseconds($0).millisecondsText }.joined(separator: "/")
    return text + "rtt min/avg/max/mdev = \(list) ms\n"
  }

  /// With one digit behind the point, where it is not a whole number.
  private var lossText: String {
    guard sent > 0, received < sent else { return "0%" }
    let perMille = ((sent - received) * 1_000 + sent / 2) / sent
    return perMille % 10 == 0 ? "\(perMille / 10)%" : "\(perMille / 10).\(perMille % 10)%"
  }
}
