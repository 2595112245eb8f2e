import MartletTCP
import MartletTrace

/// What a test of ours has measured: for each stream what was sent and what arrived.
struct Iperf3Report {
  private let parameters: Iperf3Parameters
  private let sent: Iperf3Results
  private let received: Iperf3Results

  init(_ parameters: Iperf3Parameters, ours: Iperf3Results, theirs: Iperf3Results) {
    self.parameters = parameters
    (sent, received) = parameters.isReverse ? (theirs, ours) : (ours, theirs)
  }

  /// Octets that arrived, in the time that it took them.
  private static func rate(_ octets: UInt64, _ time: TimeAmount) -> UInt64 {
    let bits = Double(octets) * 8e9 / Double(max(time.nanoseconds, 1))
    return bits < 1e18 ? UInt64(bits) : .max
  }

  private var time: TimeAmount { received.streams.map(\.time).max() ?? .zero }
  private var retransmits: UInt64? {
    let counts = sent.streams.compactMap(\.retransmits)
    return counts.isEmpty ? nil : counts.reduce(0, &+)
  }

  var text: String {
    var text = Self.row("Stream", "Seconds", "Sent", "Received", "Rate", "Sent again")
    for stream in received.streams {
      let source = sent.streams.first { $0.number == stream.number }
      text += Self.row(
        "\(stream.number)", stream.time.secondsText, source.map { "\($0.octets)" } ?? "-", "\(stream.octets)",
        bitRateText(Self.rate(stream.octets, stream.time)), source?.retransmits.map { "\($0)" } ?? "-")
    }
    guard received.streams.count > 1 else { return text }
    return text
      + Self.row(
        "all", time.secondsText, "\(sent.octets)", "\(received.octets)",
        bitRateText(Self.rate(received.octets, time)), retransmits.map { "\($0)" } ?? "-")
  }

  private static func row(_ cells: String...) -> String {
    var row = ""
    for (cell, width) in zip(cells, [7, 9, 14, 14, 14, 11]) {
      row += String(repeating: " ", count: max(width - cell.count, 1)) + cell
    }
    return row + "\n"
  }

  var object: JSONObject {
    var object = JSONObject()
    object.add("event", "measured")
    object.add("reverse", parameters.isReverse)
    object.add("streams", UInt64(received.streams.count))
    object.add("nanoseconds", UInt64(clamping: time.nanoseconds))
    object.add("sent", sent.octets)
    object.add("received", received.octets)
    object.add("bits_per_second", Self.rate(received.octets, time))
    if let retransmits { object.add("retransmits", retransmits) }
    return object
  }
}
