import MartletTCP
import MartletTrace
import MartletWire
import Testing

/// What is told of a flow while it goes on.
@Suite("Live traces") struct LiveTraceTextTests {
  private let client = TraceEndpoint(.v4(IPv4Address(10, 7, 0, 2)), 40_112)
  private let server = TraceEndpoint(.v4(IPv4Address(10, 7, 0, 1)), 80)

  private func segment(
    _ flags: TCPFlags, fromServer: Bool = false, seq: UInt32, ack: UInt32 = 0, text: UInt32 = 0,
    at microseconds: UInt64
  ) -> TraceEvent {
    let (source, destination) = fromServer ? (server, client) : (client, server)
    return .segment(
      TracedSegment(
        source: source, destination: destination,
        header: TCPHeader(
          sourcePort: source.port, destinationPort: destination.port, seq: SequenceNumber(seq),
          ack: SequenceNumber(ack), flags: flags, window: UnscaledWindow(64_240)), textCount: text),
      fromServer ? .outbound : .inbound, at: Instant(nanoseconds: microseconds * 1_000))
  }

  private func record(_ rule: Rule, _ a: UInt32 = 0, _ b: UInt32 = 0, at microseconds: UInt64) -> TraceEvent {
    .record(
      FlightRecorder.Record(
        time: Instant(nanoseconds: microseconds * 1_000), flow: 3, rule: rule, a: a, b: b),
      of: TraceFlow(local: server, remote: client))
  }

  private func change(_ old: TCPState, _ new: TCPState, at microseconds: UInt64) -> TraceEvent {
    record(.transition, UInt32(old.rawValue), UInt32(new.rawValue), at: microseconds)
  }

  /// A server's side of an open, some text, and a time-out.
  private var story: [TraceEvent] {
    [
      segment(.syn, seq: 1_000, at: 10), record(.listenSyn, 1_000, 5_000, at: 10),
      change(.listen, .synReceived, at: 10),
      segment([.syn, .ack], fromServer: true, seq: 5_000, ack: 1_001, at: 10),
      segment(.ack, seq: 1_001, ack: 5_001, at: 900), record(.handshakeAcknowledged, 5_001, at: 900),
      change(.synReceived, .established, at: 900),
      segment([.psh, .ack], fromServer: true, seq: 5_001, ack: 1_001, text: 100, at: 950),
      record(.retransmissionTimeout, 5_001, 400, at: 200_000),
      segment([.psh, .ack], fromServer: true, seq: 5_001, ack: 1_001, text: 100, at: 200_010),
    ]
  }

  private func drawn(_ events: [TraceEvent], _ style: LadderStyle) -> String {
    var stream = LadderStream(style)
    return events.map { stream.take($0) }.joined() + stream.settle()
  }

  private func told(_ events: [TraceEvent], _ style: LadderStyle) -> String {
    var text = TraceText(style)
    return events.map { text.take($0) }.joined()
  }

  @Test(
    "S7.2 a ladder grows row by row, with the stack's own state and its reasons under the arrow that they are of"
  )
  func ladder() {
    let text = drawn(story, LadderStyle(columns: 110, notes: .decisions))
    let lines = text.split(separator: "\n").map(String.init)
    #expect(lines[0].hasPrefix("CLIENT 10.7.0.2:40112") && lines[0].hasSuffix("SERVER 10.7.0.1:80"))
    #expect(lines[1].contains("SYN-SENT* ├── SYN seq=0") && lines[1].contains("│ SYN-RECEIVED "), "\(text)")
    #expect(lines[2].contains("· IRS 1000, ISS 5000: A SYN reached a"))
    let acknowledged = lines.firstIndex { $0.contains("ACK seq=1 ack=1") }.map { lines[$0] }
    #expect(acknowledged?.contains("│ ESTABLISHED ") == true)
    // A timer's decision stands above what it sends.
    let timeout = lines.firstIndex { $0.contains("SND.UNA 1, RTO 400 ms") }
    let again = lines.lastIndex { $0.contains("PSH ACK retransmission seq=1 ack=1 len=100") }
    #expect(timeout != nil && again != nil && timeout! < again!, "\(text)")
    // Rows come as soon as they are complete: the arrow of a SYN waits for its reasons only.
    var stream = LadderStream(LadderStyle(columns: 110))
    #expect(stream.take(story[0]).isEmpty && stream.take(story[1]).isEmpty && stream.take(story[2]).isEmpty)
    #expect(stream.take(story[3]).contains("SYN seq=0"))
  }

  @Test("S7.3 a live trace says which check took a segment in, with numbers as the reader counts them")
  func text() {
    let text = told(story, LadderStyle(columns: 200))
    #expect(text.contains("10.7.0.2:40112 → 10.7.0.1:80  SYN seq=0 win=64240"), "\(text)")
    #expect(text.contains("· ack 1: Fifth check in SYN-RECEIVED"), "\(text)")
    #expect(text.contains("· LISTEN → SYN-RECEIVED: A SYN came"))
    // The reason of each change of state is its own.
    #expect(text.contains("· SYN-RECEIVED → ESTABLISHED: Our SYN is acknowledged."))
    #expect(told(story, LadderStyle(columns: 200, language: .simplifiedChinese)).contains("我方的 SYN 得到确认"))
    #expect(!told(story, LadderStyle(columns: 200, notes: .none)).contains("Fifth check"))
  }

  @Test("Flows take turns, each with its title, and forgotten ones begin anew")
  func severalFlows() {
    var events: [TraceEvent] = []
    for n in 0..<600 {
      let other = TraceEndpoint(.v4(IPv4Address(10, 7, 1, UInt8(n % 250))), UInt16(1_000 + n / 250))
      events.append(
        .segment(
          TracedSegment(
            source: other, destination: server,
            header: TCPHeader(
              sourcePort: other.port, destinationPort: 80, seq: SequenceNumber(UInt32(n)), flags: .syn)),
          .inbound, at: Instant(nanoseconds: UInt64(n) * 1_000)))
    }
    events += story
    let text = drawn(events, LadderStyle(columns: 100))
    #expect(text.split(separator: "\n").count { $0.hasPrefix("CLIENT") } >= 601)
    #expect(text.contains("ESTABLISHED"))
  }

  @Test("What was lost on the way is told in its place", arguments: Language.allCases)
  func lost(language: Language) {
    let style = LadderStyle(columns: 100, language: language)
    let word = language == .english ? "1,234 events were lost" : "1,234 个事件"
    #expect(drawn([story[0], .lost(1_234)], style).hasSuffix("\n"))
    #expect(drawn([story[0], .lost(1_234)], style).contains(word))
    #expect(told([.lost(1_234)], style).contains(word))
  }

  @Test("A flow whose beginning nobody saw, and a record of a flow without segments")
  func middle() {
    let text = drawn(
      [
        record(.delayedAck, 7_000, at: 5), change(.established, .closeWait, at: 6),
        segment(.ack, seq: 7_000, ack: 9_000, at: 10), record(.challengeAck, 7_000, 7_100, at: 10),
      ], LadderStyle(columns: 100))
    #expect(text.contains("CLOSE-WAIT"), "\(text)")
  }
}
