import MartletTCP

/// One test, as the conversations of its connections share it.
final class Iperf3Test {
  enum Phase: Int, Comparable {
    case parameters, streams, running, results, farewell, over

    static func < (a: Phase, b: Phase) -> Bool { a.rawValue < b.rawValue }
  }

  let cookie: Iperf3Cookie
  var parameters = Iperf3Parameters()
  private(set) var phase = Phase.parameters
  private(set) var streams: [Iperf3Stream] = []
  /// When something moved last.
  private(set) var lastProgress: Instant
  private var start = Instant.origin
  private var end = Instant.origin

  init(_ cookie: Iperf3Cookie, now: Instant) {
    self.cookie = cookie
    lastProgress = now
  }

  func enter(_ phase: Phase, now: Instant) {
    self.phase = phase
    lastProgress = now
  }

  /// Another stream of the test has begun. - Parameter sends: this end does, on it.
  func addStream(sends: Bool, now: Instant) -> Iperf3Stream {
    let stream = Iperf3Stream(number: Iperf3Parameters.streamNumber(streams.count), sends: sends)
    streams.append(stream)
    lastProgress = now
    return stream
  }

  func begin(now: Instant) {
    enter(.running, now: now)
    start = now
    for stream in streams { stream.retransmittedBefore = stream.retransmitted }
  }

  func finish(now: Instant) {
    enter(.results, now: now)
    end = now
  }

  func count(_ octets: Int, on stream: Iperf3Stream, now: Instant) {
    guard phase == .running else { return }
    lastProgress = now
    if now.since(start) < parameters.omit { stream.omitted += UInt64(octets) }
    stream.octets += UInt64(octets)
  }

  /// Octets of all streams so far.
  var octets: UInt64 { streams.reduce(0) { $0 + $1.octets } }

  /// When so much time has passed that the test is over.
  var timeIsUp: Instant { start.advanced(by: parameters.omit).advanced(by: parameters.time) }

  /// What was measured, without what was to be omitted.
  var time: TimeAmount {
    .nanoseconds(max(end.since(start).nanoseconds - parameters.omit.nanoseconds, 0))
  }

  /// What this end has counted.
  var results: Iperf3Results {
    Iperf3Results(
      streams: streams.map {
        Iperf3Results.Stream(
          number: $0.number, octets: $0.octets - $0.omitted, time: time,
          retransmits: $0.sends ? UInt64($0.retransmitted &- $0.retransmittedBefore) : nil)
      })
  }

  /// What a server tells about it: what arrived.
  func measurement(_ theirs: Iperf3Results) -> Iperf3Measurement {
    let sent = Set(streams.lazy.filter(\.sends).map(\.number))
    let octets = results.streams.reduce(UInt64(0)) { sent.contains($1.number) ? $0 : $0 &+ $1.octets }
    let theirOctets = theirs.streams.reduce(UInt64(0)) { sent.contains($1.number) ? $0 &+ $1.octets : $0 }
    return Iperf3Measurement(
      streams: streams.count, received: octets, sent: theirOctets, nanoseconds: UInt64(time.nanoseconds))
  }
}

/// What a server's log says of a test.
package struct Iperf3Measurement: Equatable, Sendable {
  package var streams: Int
  /// Octets from the client that arrived here.
  package var received: UInt64
  /// Octets to the client that arrived there, as it says.
  package var sent: UInt64
  package var nanoseconds: UInt64

  package init(streams: Int, received: UInt64, sent: UInt64, nanoseconds: UInt64) {
    (self.streams, self.received, self.sent, self.nanoseconds) = (streams, received, sent, nanoseconds)
  }

  /// Bits a second, both ways together.
  package var rate: UInt64 {
    let bits = Double(received &+ sent) * 8e9 / Double(max(nanoseconds, 1))
    return bits < 1e18 ? UInt64(bits) : .max
  }
}

/// One connection that a test measures.
final class Iperf3Stream {
  let number: Int64
  let sends: Bool
  fileprivate(set) var octets: UInt64 = 0
  fileprivate(set) var omitted: UInt64 = 0
  /// Segments that its connection had sent again when it was looked at last, modulo 2^32; and when the test began.
  var retransmitted: UInt32 = 0
  fileprivate var retransmittedBefore: UInt32 = 0

  init(number: Int64, sends: Bool) { (self.number, self.sends) = (number, sends) }
}

/// What is sent to be measured.
enum Iperf3Filling {
  private static let pattern = [UInt8]((0..<16_384).map { UInt8(truncatingIfNeeded: $0 &* 167 >> 3) })

  static func fill(_ room: inout MutableRawSpan) -> Int { room.fill(pattern[...]) }
}
