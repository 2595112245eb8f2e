import MartletTCP

/// What one end has counted.
package struct Iperf3Results: Equatable, Sendable {
  package struct Stream: Equatable, Sendable {
    package var number: Int64
    package var octets: UInt64
    /// How long they took.
    package var time: TimeAmount
    /// Segments sent again; nil: not counted.
    package var retransmits: UInt64?

    package init(number: Int64, octets: UInt64, time: TimeAmount, retransmits: UInt64? = nil) {
      (self.number, self.octets, self.time, self.retransmits) = (number, octets, time, retransmits)
    }
  }

  package var streams: [Stream]

  package init(streams: [Stream]) { self.streams = streams }

  package init(parsing json: JSONValue) throws(Iperf3Fault) {
    guard case .array(let values)? = json["streams"], values.count <= 2 * Iperf3Parameters.parallelLimit
    else { throw .badResults }
    streams = []
    for value in values {
      guard let number = value["id"]?.integer, let octets = value["bytes"]?.integer, octets >= 0
      else { throw .badResults }
      let seconds = (value["end_time"]?.number ?? 0) - (value["start_time"]?.number ?? 0)
      guard (0...1e6).contains(seconds) else { throw .badResults }
      let retransmits = value["retransmits"]?.integer ?? -1
      streams.append(
        Stream(
          number: number, octets: UInt64(octets), time: .nanoseconds(Int64(seconds * 1e9)),
          retransmits: retransmits < 0 ? nil : UInt64(retransmits)))
    }
  }

  package var json: JSONValue {
    let counts = streams.contains { $0.retransmits != nil }
    return .object([
      JSONValue.Member("cpu_util_total", .integer(0)),
      JSONValue.Member("cpu_util_user", .integer(0)),
      JSONValue.Member("cpu_util_system", .integer(0)),
      JSONValue.Member("sender_has_retransmits", .integer(counts ? 1 : 0)),
      JSONValue.Member("streams", .array(streams.map { Self.json($0) })),
    ])
  }

  private static func json(_ stream: Stream) -> JSONValue {
    .object([
      JSONValue.Member("id", .integer(stream.number)),
      JSONValue.Member("bytes", .integer(Int64(clamping: stream.octets))),
      JSONValue.Member("retransmits", .integer(stream.retransmits.map { Int64(clamping: $0) } ?? -1)),
      JSONValue.Member("jitter", .integer(0)),
      JSONValue.Member("errors", .integer(0)),
      JSONValue.Member("omitted_errors", .integer(0)),
      JSONValue.Member("packets", .integer(0)),
      JSONValue.Member("omitted_packets", .integer(0)),
      JSONValue.Member("start_time", .integer(0)),
      JSONValue.Member("end_time", .number(Double(stream.time.nanoseconds) / 1e9)),
    ])
  }

  /// Of all streams.
  package var octets: UInt64 { streams.reduce(0) { $0 &+ $1.octets } }
}
