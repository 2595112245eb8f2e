import MartletStack
import MartletTCP
import MartletTesting
import MartletWire
import Testing

/// A connection that sends segments of 1,000 octets over a path of 100 ms to a peer whose
/// acknowledgments the script writes. The n-th segment is n: it begins at 1,000 · n + 1.
struct RecoveryScript {
  let s: Scenario

  /// The round trip is measured once, so that every timer is known: SRTT 100 ms.
  init(
    sack: Bool = true, timestamps: Bool = false, ecn: Bool = false, handshake: Int64 = 0,
    initialWindow: UInt8 = 20,
    _ configure: @escaping (inout StackConfiguration) -> Void = { _ in }
  ) {
    var options: [ScriptOption] = [.mss(timestamps ? 1_012 : 1_000), .windowScale(4)]
    if sack { options.append(.sackPermitted) }
    if timestamps { options.append(.timestamps(1_000, 0)) }
    s = Scenario(ecn || handshake > 0 ? .listening : .established(), offering: options) {
      $0.tcp.initialWindowSegments = initialWindow
      $0.tcp.congestionControl = .newReno
      configure(&$0)
    }
    guard ecn || handshake > 0 else { return }
    s.inject(.syn(options: options).adding(ecn ? [.ece, .cwr] : []))
    s.takeSegments()
    // With timestamps it is the first round trip that is measured.
    advance(handshake)
    s.inject(.ack())
  }

  /// Sends one segment and acknowledges it after 100 ms: afterwards segment 1 is next.
  func measured() -> RecoveryScript {
    s.send(1_000)
    s.takeSegments()
    s.advance(by: .milliseconds(100))
    ack(1)
    s.expectNothing()
    return self
  }

  /// Queues `count` segments.
  func send(_ count: Int) { s.send(.count(count * 1_000)) }

  /// The peer has everything before segment `n`, and those in `ranges`.
  func ack(_ n: Int, _ ranges: Range<Int>...) {
    let blocks = ranges.map { $0.lowerBound * 1_000 + 1..<$0.upperBound * 1_000 + 1 }
    s.inject(.ack(seq: 1, ack: n * 1_000 + 1, options: blocks.isEmpty ? [] : [.sack(blocks)]))
  }

  /// Exactly these segments leave now.
  func expect(_ segments: Int..., sourceLocation: SourceLocation = #_sourceLocation) {
    let sent = s.takeSegments().filter { !$0.text.isEmpty }
    let numbers = sent.flatMap { segment in
      (0..<(segment.text.count + 999) / 1_000).map { (segment.seq - 1) / 1_000 + $0 }
    }
    #expect(numbers == segments, sourceLocation: sourceLocation)
    #expect(sent.allSatisfy { ($0.seq - 1) % 1_000 == 0 }, sourceLocation: sourceLocation)
  }

  func expect(_ segments: Range<Int>, sourceLocation: SourceLocation = #_sourceLocation) {
    let sent = s.takeSegments().filter { !$0.text.isEmpty }
    #expect(sent.map { ($0.seq - 1) / 1_000 } == Array(segments), sourceLocation: sourceLocation)
  }

  func advance(_ milliseconds: Int64) { s.advance(by: .milliseconds(milliseconds)) }
}
